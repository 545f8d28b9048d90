use std::path::PathBuf;

use clap::Args;

use super::{Ending, out};
use crate::dataset::{Dataset, SplitOptions, export, split};
use crate::jobs::Failure;

/// Part a file's rows into some to train on and some to evaluate with.
///
/// Rows that share a question or a passage stay on one side, and so do rows that hang together through others.
/// Lines are written as they are; lines that cannot be used are on neither side.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  weldbench split rows.jsonl --train train.jsonl --eval eval.jsonl
  weldbench split rows.jsonl --train train.jsonl --eval eval.jsonl --share 0.1 --shared-negatives")]
pub struct Split {
    /// JSONL file with rows.
    #[arg(value_name = "FILE")]
    input: PathBuf,
    #[arg(long, value_name = "FILE")]
    train: PathBuf,
    #[arg(long, value_name = "FILE")]
    eval: PathBuf,
    /// Share of the rows to evaluate with.
    #[arg(long, default_value_t = SplitOptions::default().share)]
    share: f64,
    #[arg(long, default_value_t = SplitOptions::default().seed)]
    seed: u64,
    /// Negatives may be on both sides; questions and positives never are.
    #[arg(long)]
    shared_negatives: bool,
    /// Replace the files if they are there.
    #[arg(long)]
    overwrite: bool,
}

impl Split {
    pub(super) fn run(self) -> Result<(), Ending> {
        for path in [&self.train, &self.eval] {
            if !self.overwrite && path.exists() {
                let why = format!("{} is there already", path.display());
                return Err(Failure::new(why, "choose another file, or add --overwrite").into());
            }
        }
        let data = Dataset::open(&self.input)?;
        let options = SplitOptions { share: self.share, seed: self.seed, shared_negatives: self.shared_negatives };
        let parts = split(data.lines(), &options)?;
        export(data.lines(), &parts.train, &self.train)?;
        export(data.lines(), &parts.eval, &self.eval)?;
        if parts.left_out > 0 {
            eprintln!("warning: {} lines cannot be used; `weldbench validate` says why", parts.left_out);
        }
        for (path, places) in [(&self.train, &parts.train), (&self.eval, &parts.eval)] {
            out::line(format_args!("{}: {} rows", path.display(), places.len()));
        }
        Ok(())
    }
}
