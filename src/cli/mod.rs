//! The same work without a window: one file a command.
//!
//! Results go to standard output, progress and remarks to standard error. A command ends with 0, with
//! 1 and a message that says cause and remedy, with 2 if it was called wrongly, or with 130 if it was
//! cancelled.

mod assets;
mod config_file;
mod demo;
mod devices;
mod eval;
mod follow;
mod interrupt;
mod models;
mod search;
mod table;
mod train;
mod train_options;
mod validate;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::jobs::Failure;

/// Turns a field's questions and answers into a better search model.
///
/// Without a command the window opens, with FILE if one is given.
#[derive(Debug, Parser)]
#[command(name = "weldbench", version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct CommandLine {
    #[command(subcommand)]
    pub command: Option<Command>,
    /// A JSONL file with questions, positives and negatives to open in the window.
    pub file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Devices(devices::Devices),
    Validate(validate::Validate),
    Train(train::Train),
    Eval(eval::Eval),
    Search(search::Search),
    Demo(demo::Demo),
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

/// Reads the words of a command line. Help, version and mistakes are shown, and end the program.
pub fn read(words: impl IntoIterator<Item = OsString>) -> CommandLine {
    CommandLine::parse_from(words)
}

/// Opens the window, with a data file if one is given.
pub fn window(file: Option<PathBuf>) -> Result<(), Ending> {
    if cfg!(target_os = "linux") && ["DISPLAY", "WAYLAND_DISPLAY"].iter().all(|name| std::env::var_os(name).is_none()) {
        return Err(Ending::Usage(
            "there is no display to open a window on (neither DISPLAY nor WAYLAND_DISPLAY is set).\n  what to do: `weldbench demo` walks the whole way without one; `weldbench --help` lists the commands".into(),
        ));
    }
    let options = crate::app::StartOptions { paths: file.into_iter().collect(), ..Default::default() };
    Ok(crate::app::run(options)?)
}

impl Command {
    pub fn run(self) -> Result<(), Ending> {
        match self {
            Self::Devices(command) => command.run(),
            Self::Validate(command) => command.run(),
            Self::Train(command) => command.run(),
            Self::Eval(command) => command.run(),
            Self::Search(command) => command.run(),
            Self::Demo(command) => command.run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn a_file_opens_the_window_with_it() {
        let line = read(["weldbench", "my data.jsonl"].map(OsString::from));
        assert_eq!(line.file, Some("my data.jsonl".into()));
        assert!(line.command.is_none());
    }
}
