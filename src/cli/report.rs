use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::comparing::Comparing;
use super::{Ending, out};
use crate::jobs::Failure;
use crate::report::{Format, Words};

/// Compare models as `compare` does, and write the report to files.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  weldbench report --model TUNED --base MODEL --corpus corpus.jsonl --questions eval.jsonl --output report.html
  weldbench report --model TUNED --base MODEL --corpus corpus.jsonl --questions eval.jsonl \\
                   --output 报告.html --output 报告.csv --language zh --title 焊接检索")]
pub struct Report {
    #[command(flatten)]
    comparing: Comparing,
    /// File to write: .html (one file that needs no network), .md, .csv (with the questions in a second file) or
    /// .json; may be given several times.
    #[arg(long = "output", short, value_name = "FILE", required = true)]
    outputs: Vec<PathBuf>,
    /// What stands above it.
    #[arg(long, default_value = "Base and tuned search model")]
    title: String,
    /// Language of the report's own words.
    #[arg(long, value_enum, default_value_t = Language::En)]
    language: Language,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Language {
    En,
    Zh,
}

impl Report {
    pub(super) fn run(self) -> Result<(), Ending> {
        let formats = self.outputs.iter().map(|path| format(path)).collect::<Result<Vec<_>, _>>()?;
        let words = match self.language {
            Language::En => Words::ENGLISH,
            Language::Zh => Words::CHINESE,
        };
        let report = self.comparing.report(self.title, &words)?;
        for (path, format) in self.outputs.iter().zip(formats) {
            for path in report.save(path, format, &words)? {
                out::line(path.display());
            }
        }
        Ok(())
    }
}

/// Before anything is computed.
fn format(path: &Path) -> Result<Format, Ending> {
    let why =
        || Failure::new(format!("{}: its ending names no format", path.display()), "use .html, .md, .csv or .json");
    Format::of(path).ok_or_else(|| why().into())
}
