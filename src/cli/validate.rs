use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::{Ending, out};
use crate::dataset::{CountTokens, Dataset, Expectations, Lengths, LineKind, OtherFile, Problem, Severity, Survey};
use crate::model::ModelFolder;

/// Check data files: which lines cannot be used, what is odd in the others, and why.
///
/// Ends with 1 if a line cannot be used. Warnings are on lines that can be used; notes are on what may well be meant
/// so.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  weldbench validate rows.jsonl
  weldbench validate train.jsonl --apart-from eval.jsonl --model BAAI/bge-m3 --passage_max_len 512
  weldbench validate rows.jsonl --json | jq -r 'select(.kind == \"error\").line'")]
pub struct Validate {
    /// JSONL files with questions, positives and negatives.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Warn of rows with fewer negatives than a train group of this size takes.
    #[arg(long = "train_group_size", visible_alias = "train-group-size", value_name = "N")]
    train_group_size: Option<usize>,
    /// Warn of texts that are longer than this model reads.
    #[arg(long, value_name = "FOLDER")]
    model: Option<PathBuf>,
    /// Tokens of a question that are read.
    #[arg(long = "query_max_len", visible_alias = "query-max-len", value_name = "TOKENS", default_value_t = 512)]
    query_max_len: usize,
    /// Tokens of a passage that are read.
    #[arg(long = "passage_max_len", visible_alias = "passage-max-len", value_name = "TOKENS", default_value_t = 512)]
    passage_max_len: usize,
    /// Warn of questions and positives that are in this file too, such as the evaluation's.
    #[arg(long, value_name = "FILE")]
    apart_from: Vec<PathBuf>,
    /// Write each problem to standard output as a line of JSON.
    #[arg(long)]
    json: bool,
}

impl Validate {
    pub(super) fn run(self) -> Result<(), Ending> {
        let expectations = self.expectations()?;
        let mut bad_lines = 0;
        for path in &self.files {
            let dataset = Dataset::open(path)?;
            let lines = dataset.lines();
            let survey = Survey::of(lines, expectations.clone());
            let (mut warnings, mut notes) = (0, 0);
            for (at, digest) in survey.digests().enumerate().filter(|(_, digest)| digest.has_faults()) {
                for problem in survey.problems(lines, at) {
                    self.tell(path, &problem);
                    match problem.fault.kind().severity() {
                        Severity::Note => notes += 1,
                        _ => warnings += usize::from(digest.kind == LineKind::Row),
                    }
                }
            }
            let bad = survey.digests().filter(|digest| digest.kind == LineKind::Bad).count();
            let rows = survey.rows();
            eprint!("{}: {rows} usable rows, {bad} unusable lines, {warnings} warnings", path.display());
            eprintln!("{}", if notes > 0 { format!(", {notes} notes") } else { String::new() });
            bad_lines += bad;
        }
        if bad_lines == 0 { Ok(()) } else { Err(Ending::Bad) }
    }

    fn expectations(&self) -> Result<Expectations, Ending> {
        let lengths = match &self.model {
            Some(model) => {
                let tokenizer = ModelFolder::open(model)?.tokenizer().clone();
                let count: CountTokens = Arc::new(move |text| tokenizer.ids(text, None).map_or(0, |ids| ids.len()));
                Some(Lengths { query: self.query_max_len, passage: self.passage_max_len, count })
            }
            None => None,
        };
        let apart = self.apart_from.iter().map(|path| {
            let other = Dataset::open(path)?;
            Ok(OtherFile::new(path.display().to_string(), other.lines()))
        });
        Ok(Expectations {
            negatives: self.train_group_size.map(|size| size.saturating_sub(1)),
            lengths,
            apart: apart.collect::<Result<_, Ending>>()?,
        })
    }

    fn tell(&self, path: &Path, problem: &Problem) {
        let kind = problem.fault.kind().severity().key();
        let (reason, advice) = (problem.reason(), problem.advice());
        if self.json {
            out::line(json!({
                "file": path, "line": problem.line, "column": problem.column, "kind": kind,
                "finding": problem.fault.kind().key(), "reason": reason, "what_to_do": advice,
            }));
        } else {
            let column = problem.column.map_or_else(String::new, |column| format!("{column}:"));
            out::line(format_args!("{}:{}:{column} {kind}: {reason}. {advice}.", path.display(), problem.line));
        }
    }
}
