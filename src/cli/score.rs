use std::path::PathBuf;

use clap::Args;

use super::follow::follow;
use super::models::{InstructionOptions, MethodOptions};
use super::rows_file::RowsFile;
use super::{Ending, out};
use crate::compute::{DeviceChoice, choose};
use crate::dataset::{Edit, Side, StepName};
use crate::jobs::Failure;
use crate::jobs::scoring::{self, Scorer, ScoringRequest};
use crate::model::ModelFolder;
use crate::retrieval::most_suspicious;
use crate::workspace::Workspace;

/// Give every passage of rows a score: `pos_scores` and `neg_scores`, as training with a teacher reads them.
///
/// The model is a reranker or an embedding model. The options have the names of FlagEmbedding's
/// add_reranker_score.py, with underscores or hyphens. All else in the rows stays.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  weldbench score --model BAAI/bge-reranker-v2-m3 --input_file mined.jsonl --output_file scored.jsonl
  weldbench score --model BAAI/bge-m3 --method hybrid --input_file rows.jsonl --output_file scored.jsonl")]
pub struct Score {
    /// JSONL file with rows.
    #[arg(long = "input_file", alias = "input-file", value_name = "FILE")]
    input: PathBuf,
    /// JSONL file that is written.
    #[arg(long = "output_file", alias = "output-file", value_name = "FILE")]
    output: PathBuf,
    /// Folder of the reranker or embedding model.
    #[arg(long, visible_alias = "reranker_name_or_path", alias = "reranker-name-or-path", value_name = "FOLDER")]
    model: PathBuf,
    #[command(flatten)]
    method: MethodOptions,
    #[command(flatten)]
    instruction: InstructionOptions,
    /// Longest pair of question and passage that a reranker reads, in tokens; the question takes at most 3/4.
    #[arg(long = "reranker_max_length", alias = "reranker-max-length", value_name = "TOKENS", default_value_t = 512)]
    max_length: usize,
    /// Pairs that a reranker reads at a time.
    #[arg(long = "reranker_batch_size", alias = "reranker-batch-size", value_name = "N", default_value_t = 16)]
    batch_size: usize,
    /// Put a reranker's scores between 0 and 1.
    #[arg(
        long,
        value_name = "True|False",
        num_args = 0..=1,
        default_value = "false",
        default_missing_value = "true",
        value_parser = switch
    )]
    normalize: bool,
    /// Replace the output file if it is there.
    #[arg(long)]
    overwrite: bool,
    /// Device: auto, cpu, wgpu, wgpu:N, cuda or cuda:N, as `weldbench devices` lists them.
    #[arg(long, default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,
}

impl Score {
    pub(super) fn run(self) -> Result<(), Ending> {
        let method = self.method.method()?;
        let scorer = if ModelFolder::open(&self.model)?.is_reranker() {
            Scorer::Reranker { max_length: self.max_length, batch_size: self.batch_size, sigmoid: self.normalize }
        } else {
            Scorer::Embedding(method)
        };
        let file = RowsFile::open(&self.input, &self.output, self.overwrite)?;
        let request = ScoringRequest {
            device: choose(self.device)?,
            model: self.model,
            scorer,
            instruction: self.instruction.instruction()?,
            rows: file.rows().into(),
            cache: Some(Workspace::open(None)?.cache()),
            only_if_loaded: false,
        };
        let jobs = super::jobs();
        let job = scoring::start(&jobs, request);
        let mut scores = Vec::new();
        // One measure was asked for.
        follow(&job, |row, _| scores.extend(row.scores.into_iter().map(|scores| (row.line, scores))))?;
        for (_, row) in &scores {
            if let Some(bad) = row.positives.iter().chain(&row.negatives).find(|score| !score.is_finite()) {
                return Err(Failure::new(
                    format!("the model gives a score of {bad}"),
                    "choose a model whose weights are whole",
                )
                .into());
            }
        }
        let edits = scores.iter().flat_map(|(line, row)| {
            let side = |side, scores: &[f32]| {
                let scores = scores.iter().map(|score| in_few_digits(*score)).collect();
                Edit::SetScores { line: *line, side, scores: Some(scores) }
            };
            let negatives = (!row.negatives.is_empty()).then(|| side(Side::Negative, &row.negatives));
            [Some(side(Side::Positive, &row.positives)), negatives].into_iter().flatten()
        });
        file.write(StepName::Score, edits)?;
        let order = most_suspicious(scores.iter().map(|(_, row)| (&row.positives[..], &row.negatives[..])));
        let suspicious = order.iter().filter(|(_, suspicion)| *suspicion >= 0.0).count();
        eprintln!(
            "{} rows are scored; in {suspicious} of them a negative scores at least as high as the best positive; in:",
            scores.len()
        );
        out::line(self.output.display());
        Ok(())
    }
}

/// The number with the fewest digits that is this one in 32 bits.
fn in_few_digits(score: f32) -> f64 {
    score.to_string().parse().unwrap_or(f64::from(score))
}

/// `True` or `False`, as Python writes them, or in small letters.
fn switch(text: &str) -> Result<bool, String> {
    text.to_lowercase().parse().map_err(|_| "give True or False".into())
}
