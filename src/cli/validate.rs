use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{Ending, out};
use crate::dataset::Dataset;

/// Check data files: which lines cannot be used, and why.
///
/// Ends with 1 if a line cannot be used. Warnings are on lines that can be used.
#[derive(Debug, Args)]
pub struct Validate {
    /// JSONL files with questions, positives and negatives.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Write each problem to standard output as a line of JSON.
    #[arg(long)]
    json: bool,
}

impl Validate {
    pub(super) fn run(self) -> Result<(), Ending> {
        let mut bad_lines = 0;
        for path in &self.files {
            let dataset = Dataset::open(path)?;
            let problems = dataset.problems();
            for problem in &problems {
                let kind = if problem.is_bad() { "error" } else { "warning" };
                if self.json {
                    out::line(json!({
                        "file": path, "line": problem.line, "column": problem.column, "kind": kind,
                        "reason": problem.reason(), "what_to_do": problem.advice(),
                    }));
                } else {
                    let column = problem.column.map_or_else(String::new, |column| format!("{column}:"));
                    let (reason, advice) = (problem.reason(), problem.advice());
                    out::line(format_args!("{}:{}:{column} {kind}: {reason}. {advice}.", path.display(), problem.line));
                }
            }
            let bad = problems
                .iter()
                .filter(|problem| problem.is_bad())
                .map(|problem| problem.line)
                .collect::<BTreeSet<_>>()
                .len();
            let warnings = problems.iter().filter(|problem| !problem.is_bad()).count();
            eprintln!(
                "{}: {} usable rows, {bad} unusable lines, {warnings} warnings",
                path.display(),
                dataset.rows().len()
            );
            bad_lines += bad;
        }
        if bad_lines == 0 { Ok(()) } else { Err(Ending::Bad) }
    }
}
