use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::eval::read_corpus;
use super::follow::follow;
use super::models::{InstructionOptions, MethodOptions};
use super::rows_file::RowsFile;
use super::{Ending, out};
use crate::compute::{DeviceChoice, choose};
use crate::dataset::{Edit, StepName};
use crate::jobs::mining::{self, MiningEvent, MiningRequest, Pool};
use crate::retrieval::{Anchor, CandidateSummary, Draw, Keep, MiningOptions};
use crate::workspace::Workspace;

/// Give rows hard negatives: passages that a model finds for the question though they do not answer it.
///
/// The options have the names of FlagEmbedding's hn_mine.py, with underscores or hyphens. Every row's negatives are
/// replaced, and its teacher scores go with them; all else stays. With --max_share_of_positive or --margin, passages
/// that score too near a positive are left out, since they may answer the question.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  weldbench mine --model MODEL --input_file rows.jsonl --output_file mined.jsonl --max_share_of_positive 0.95
  weldbench mine --embedder_name_or_path BAAI/bge-m3 --input_file rows.jsonl --output_file mined.jsonl \\
                 --candidate_pool corpus.jsonl --range_for_sampling 10-100 --negative_number 7")]
pub struct Mine {
    /// JSONL file with rows.
    #[arg(long = "input_file", alias = "input-file", value_name = "FILE")]
    input: PathBuf,
    /// JSONL file that is written.
    #[arg(long = "output_file", alias = "output-file", value_name = "FILE")]
    output: PathBuf,
    /// Take negatives from this JSONL file's `text`s instead of the positives and negatives of all rows.
    #[arg(long = "candidate_pool", alias = "candidate-pool", value_name = "FILE")]
    candidate_pool: Option<PathBuf>,
    /// Ranks to take negatives from, counted from 0, the second not among them.
    #[arg(
        long = "range_for_sampling",
        alias = "range-for-sampling",
        value_name = "A-B",
        default_value = "10-210",
        value_parser = ranks
    )]
    range: Range<usize>,
    /// Negatives for each question.
    #[arg(long = "negative_number", alias = "negative-number", value_name = "N", default_value_t = 15)]
    negatives: usize,
    /// Folder of the embedding model.
    #[arg(long, visible_alias = "embedder_name_or_path", alias = "embedder-name-or-path", value_name = "FOLDER")]
    model: PathBuf,
    #[command(flatten)]
    method: MethodOptions,
    #[command(flatten)]
    instruction: InstructionOptions,
    /// Leave out passages that score more than this share of the positive's score, such as 0.95.
    #[arg(
        long = "max_share_of_positive",
        alias = "max-share-of-positive",
        value_name = "SHARE",
        conflicts_with = "margin"
    )]
    share: Option<f32>,
    /// Leave out passages that do not score at least so much less than the positive.
    #[arg(long, value_name = "DIFFERENCE", allow_negative_numbers = true)]
    margin: Option<f32>,
    /// Which positive that is, where a row has several; the lowest leaves out more.
    #[arg(long, value_enum, default_value_t = AnchorName::Lowest)]
    anchor: AnchorName,
    /// Which of the passages that are left become negatives; FlagEmbedding draws them, NV-Retriever takes the top.
    #[arg(long, value_enum, default_value_t = DrawName::Random)]
    draw: DrawName,
    /// The same seed gives the same negatives.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Changes nothing; search runs where it is quickest.
    #[arg(
        long = "use_gpu_for_searching",
        alias = "use-gpu-for-searching",
        num_args = 0..=1,
        default_missing_value = "true",
        hide = true
    )]
    gpu: Option<String>,
    /// Replace the output file if it is there.
    #[arg(long)]
    overwrite: bool,
    /// Device: auto, cpu, wgpu, wgpu:N, cuda or cuda:N, as `weldbench devices` lists them.
    #[arg(long, default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum AnchorName {
    Lowest,
    Best,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DrawName {
    /// Each is equally likely.
    Random,
    /// Those with the highest scores.
    Highest,
}

impl Mine {
    pub(super) fn run(self) -> Result<(), Ending> {
        let options = self.options()?;
        let method = self.method.method()?;
        if self.gpu.is_some() {
            eprintln!("note: --use_gpu_for_searching changes nothing: an exact search on the processor takes seconds");
        }
        let file = RowsFile::open(&self.input, &self.output, self.overwrite)?;
        let rows = file.rows();
        let pool = match &self.candidate_pool {
            Some(path) => Pool::Corpus(Arc::new(read_corpus(path)?)),
            None => Pool::Rows(rows.clone().into()),
        };
        let request = MiningRequest {
            device: choose(self.device)?,
            model: self.model,
            method,
            instruction: self.instruction.instruction()?,
            rows: rows.into(),
            pool,
            options,
            cache: Some(Workspace::open(None)?.cache()),
        };
        let jobs = super::jobs();
        let job = mining::start(&jobs, request);
        let (mut proposals, mut summary) = (Vec::new(), CandidateSummary::default());
        follow(&job, |event, _| match event {
            MiningEvent::Proposed(proposal) => proposals.push(proposal),
            MiningEvent::Summary(all) => summary = all,
        })?;
        let edits = proposals.iter().map(|proposal| Edit::SetNegatives {
            line: proposal.line,
            negatives: proposal.negatives.iter().map(|negative| negative.text.to_string()).collect(),
        });
        file.write(StepName::Mine, edits)?;
        let filled: usize = proposals.iter().map(|proposal| proposal.filled).sum();
        let negatives: usize = proposals.iter().map(|proposal| proposal.negatives.len()).sum();
        eprintln!(
            "{} rows have {negatives} negatives, {filled} of them drawn at random for {} rows with too few candidates; \
             {} passages were left out for scoring too near a positive; in:",
            proposals.len(),
            summary.too_few,
            summary.worst.len()
        );
        out::line(self.output.display());
        Ok(())
    }

    fn options(&self) -> Result<MiningOptions, Ending> {
        let keep = match (self.share, self.margin) {
            (Some(share), _) => Keep::BelowShareOfPositive(share),
            (None, Some(margin)) => Keep::BelowPositiveByMargin(margin),
            (None, None) => Keep::All,
        };
        if !keep.is_valid() {
            return Err(Ending::Usage(
                "--max_share_of_positive lies between 0 and 1, and --margin is not below 0".into(),
            ));
        }
        let anchor = match self.anchor {
            AnchorName::Lowest => Anchor::LowestPositive,
            AnchorName::Best => Anchor::BestPositive,
        };
        let draw = match self.draw {
            DrawName::Random => Draw::Random,
            DrawName::Highest => Draw::Highest,
        };
        Ok(MiningOptions { range: self.range.clone(), negatives: self.negatives, keep, anchor, draw, seed: self.seed })
    }
}

/// `A-B`, with A below B.
fn ranks(text: &str) -> Result<Range<usize>, String> {
    let parts =
        text.split_once('-').and_then(|(start, end)| Some(start.trim().parse().ok()?..end.trim().parse().ok()?));
    parts
        .filter(|range| !range.is_empty())
        .ok_or_else(|| "give two ranks such as 10-210, the second above the first".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_two_numbers_with_something_between() {
        assert_eq!(ranks("10-210"), Ok(10..210));
        assert_eq!(ranks("0-1"), Ok(0..1));
        for bad in ["10", "5-5", "9-2", "a-b", "-3", "1-2-3", ""] {
            assert!(ranks(bad).is_err(), "{bad}");
        }
    }
}
