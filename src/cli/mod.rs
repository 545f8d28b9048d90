//! The same work without a window: one file a command.
//!
//! Results go to standard output, progress and remarks to standard error. A command ends with 0, with
//! 1 and a message that says cause and remedy, with 2 if it was called wrongly, or with 130 if it was
//! cancelled.

mod assets;
mod compare;
mod comparing;
mod configuration;
mod demo;
mod devices;
mod encode;
mod eval;
mod export_job;
mod export_onnx;
mod follow;
mod import;
mod import_run;
mod interrupt;
mod map;
mod mine;
mod mix;
mod models;
mod out;
mod report;
mod rows_file;
mod score;
mod score_pairs;
mod search;
mod split;
mod table;
mod train;
mod train_options;
mod validate;
mod window;

use std::ffi::OsString;

use clap::{Parser, Subcommand};

use crate::jobs::{Failure, Jobs};
use crate::workspace::Workspace;

/// Turns a field's questions and answers into a better search model.
///
/// Without a command the window opens, with the files and model folders that are given.
#[derive(Debug, Parser)]
#[command(name = "weldbench", version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct CommandLine {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub window: window::Window,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Devices(devices::Devices),
    Validate(validate::Validate),
    Train(train::Train),
    Eval(eval::Eval),
    Compare(compare::Compare),
    Report(report::Report),
    Map(map::Map),
    Search(search::Search),
    Encode(encode::Encode),
    Mine(mine::Mine),
    Mix(mix::Mix),
    Score(score::Score),
    ScorePairs(score_pairs::ScorePairs),
    Split(split::Split),
    Demo(demo::Demo),
    Import(import::Import),
    ExportJob(export_job::ExportJob),
    ExportOnnx(export_onnx::ExportOnnx),
    ImportRun(import_run::ImportRun),
}

/// Why a command did not end well.
#[derive(Debug, PartialEq)]
pub enum Ending {
    /// It was called wrongly.
    Usage(String),
    Failed(Failure),
    Cancelled,
    /// It did its work, which found something bad and said so.
    Bad,
}

impl<E: Into<Failure>> From<E> for Ending {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Ending {
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Failed(_) | Self::Bad => 1,
            Self::Usage(_) => 2,
            Self::Cancelled => 130,
        }
    }

    /// What to say on standard error.
    pub fn message(&self) -> Option<String> {
        match self {
            Self::Usage(why) => Some(format!("error: {why}")),
            Self::Failed(failure) if failure.what_to_do.is_empty() => Some(format!("error: {}", failure.why)),
            Self::Failed(failure) => Some(format!("error: {}\n  what to do: {}", failure.why, failure.what_to_do)),
            Self::Cancelled => Some("cancelled".into()),
            Self::Bad => None,
        }
    }
}

impl CommandLine {
    pub fn run(self) -> Result<(), Ending> {
        match self.command {
            Some(command) => command.run(),
            None => self.window.run(),
        }
    }
}

/// The jobs of a command.
fn jobs() -> Jobs {
    let jobs = Jobs::new(|| ());
    match Workspace::usual_reports() {
        Some(folder) => jobs.reporting_to(folder),
        None => jobs,
    }
}

/// Reads the words of a command line. Help, version and mistakes are shown, and end the program.
pub fn read(words: impl IntoIterator<Item = OsString>) -> CommandLine {
    CommandLine::parse_from(words)
}

impl Command {
    fn run(self) -> Result<(), Ending> {
        match self {
            Self::Devices(command) => command.run(),
            Self::Validate(command) => command.run(),
            Self::Train(command) => command.run(),
            Self::Eval(command) => command.run(),
            Self::Compare(command) => command.run(),
            Self::Report(command) => command.run(),
            Self::Map(command) => command.run(),
            Self::Search(command) => command.run(),
            Self::Encode(command) => command.run(),
            Self::Mine(command) => command.run(),
            Self::Mix(command) => command.run(),
            Self::Score(command) => command.run(),
            Self::ScorePairs(command) => command.run(),
            Self::Split(command) => command.run(),
            Self::Demo(command) => command.run(),
            Self::Import(command) => command.run(),
            Self::ExportJob(command) => command.run(),
            Self::ExportOnnx(command) => command.run(),
            Self::ImportRun(command) => command.run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use clap::CommandFactory;

    use super::*;
    use crate::compute::DeviceChoice;

    #[test]
    fn the_command_line_is_well_formed() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn files_open_the_window_with_them() {
        let line = read(["weldbench", "my data.jsonl", "models/bge-m3", "--device", "cpu"].map(OsString::from));
        assert_eq!(line.window.paths, ["my data.jsonl", "models/bge-m3"].map(PathBuf::from));
        assert_eq!(line.window.device, DeviceChoice::Cpu);
        assert!(line.command.is_none());
    }
}
