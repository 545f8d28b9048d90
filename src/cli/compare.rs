use clap::Args;

use super::comparing::Comparing;
use super::{Ending, out};
use crate::jobs::Failure;
use crate::report::{self, Words};

/// Compare a base model with one or several others: every metric, what is more than chance, by topic, language and
/// length, and the questions that gained and lost.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  weldbench compare --model TUNED --model OTHER --base MODEL --corpus corpus.jsonl --questions eval.jsonl
  weldbench compare --model TUNED --base MODEL --corpus corpus.jsonl --questions eval.jsonl \\
                    --general-corpus news.jsonl --general-questions news_eval.jsonl --json > numbers.json")]
pub struct Compare {
    #[command(flatten)]
    comparing: Comparing,
    /// Write everything to standard output as one JSON object instead of Markdown.
    #[arg(long)]
    json: bool,
}

impl Compare {
    pub(super) fn run(self) -> Result<(), Ending> {
        let report = self.comparing.report("Comparison".into(), &Words::ENGLISH)?;
        if self.json {
            let json = report.json().map_err(|error| Failure::new(error.to_string(), "leave --json out"))?;
            out::line(json);
        } else {
            out::line(report::markdown(&report, &Words::ENGLISH).trim_end());
        }
        Ok(())
    }
}
