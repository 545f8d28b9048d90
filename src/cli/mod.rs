//! The same work without a window: one file a command.
//!
//! Results go to standard output, progress and remarks to standard error. A command ends with 0, with
//! 1 and a message that says cause and remedy, with 2 if it was called wrongly, with 75 if the same may go well
//! later, or with 130 if it was cancelled.

mod assets;
mod cached;
mod compare;
mod comparing;
mod completions;
mod configuration;
mod demo;
mod devices;
mod encode;
mod eval;
mod export_job;
mod export_onnx;
mod fetch;
mod follow;
mod import;
mod import_run;
mod interrupt;
pub mod log;
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
#[command(
    name = "weldbench",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = AFTER_HELP
)]
pub struct CommandLine {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub window: window::Window,
}

const AFTER_HELP: &str = "\
A first way through:
  weldbench demo                                     the whole way on the sample data, in a few minutes
  weldbench fetch BAAI/bge-m3                        a model of the hub
  weldbench validate rows.jsonl                      what is wrong with the data
  weldbench train --model_name_or_path BAAI/bge-m3 --train_data rows.jsonl
  weldbench eval --model TUNED --base BAAI/bge-m3 --corpus corpus.jsonl --questions eval.jsonl
  weldbench COMMAND --help                           what a command does, with examples

A model is a folder, or the name of one that `weldbench models` lists.

Results go to standard output, progress and remarks to standard error; --json writes results as lines of JSON.

A command ends with
  0    if all is well
  1    if something failed; the message says why and what to do
  2    if it was called wrongly
  75   if it failed in a way that may pass, such as a broken connection: the same command goes on
  130  if it was cancelled

Environment:
  WELDBENCH_HOME  folder of settings, runs and vectors that were computed before
  RUST_LOG        notes on standard error, such as info or weldbench=debug,wgpu=warn; errors alone if not set
  NO_COLOR        no colours
  HF_HOME, HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE: as `weldbench fetch --help` says";

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
    Fetch(fetch::Fetch),
    Models(cached::CachedModels),
    Completions(completions::Completions),
}

/// Why a command did not end well.
#[derive(Debug, PartialEq)]
pub enum Ending {
    /// It was called wrongly.
    Usage(String),
    Failed(Failure),
    /// It failed in a way that may pass.
    TryAgain(Failure),
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
            // EX_TEMPFAIL of sysexits.h.
            Self::TryAgain(_) => 75,
            Self::Cancelled => 130,
        }
    }

    /// What to say on standard error.
    pub fn message(&self) -> Option<String> {
        match self {
            Self::Usage(why) => Some(format!("error: {why}")),
            Self::Failed(failure) | Self::TryAgain(failure) => Some(match failure.what_to_do.as_str() {
                "" => format!("error: {}", failure.why),
                advice => format!("error: {}\n  what to do: {advice}", failure.why),
            }),
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
            Self::Fetch(command) => command.run(),
            Self::Models(command) => command.run(),
            Self::Completions(command) => command.run(),
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

    /// The words of a line as a shell takes them apart, up to where another program begins.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
        for character in line.chars() {
            match quote {
                Some(end) if character == end => quote = None,
                None if character == '"' || character == '\'' => quote = Some(character),
                None if "|>;".contains(character) => break,
                None if character == ' ' => words.push(std::mem::take(&mut word)),
                _ => word.push(character),
            }
        }
        words.push(word);
        words.retain(|word| !word.is_empty());
        words
    }

    #[test]
    fn what_the_help_shows_is_what_the_program_takes() {
        let command = CommandLine::command();
        let helps = std::iter::once(&command).chain(command.get_subcommands());
        let mut seen = 0;
        for of in helps.filter(|of| of.get_name() != "help") {
            let help = of.get_after_help().map(ToString::to_string);
            let help = help.unwrap_or_else(|| panic!("{} teaches nothing", of.get_name())).replace("\\\n", " ");
            let examples = help.lines().filter_map(|line| Some(line[line.find("weldbench ")?..].to_owned()));
            for example in examples.filter(|line| !line.contains("COMMAND")) {
                // What is said about the line stands behind two spaces.
                let mut parts = example.splitn(2, "   ");
                let line = if of.get_name() == "weldbench" { parts.next().unwrap_or_default() } else { &example };
                if line.contains('`') {
                    continue;
                }
                let result = CommandLine::try_parse_from(words(line));
                assert!(result.is_ok(), "{line}: {}", result.err().map(|error| error.to_string()).unwrap_or_default());
                seen += 1;
            }
        }
        assert!(seen > 40, "{seen}");
    }

    #[test]
    fn shells_get_completions_for_all_commands() {
        for shell in [clap_complete::Shell::Bash, clap_complete::Shell::Zsh, clap_complete::Shell::PowerShell] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut CommandLine::command(), "weldbench", &mut script);
            let script = String::from_utf8(script).unwrap();
            for word in ["fetch", "score-pairs", "model_name_or_path", "revision"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }

    #[test]
    fn files_open_the_window_with_them() {
        let line = read(["weldbench", "my data.jsonl", "models/bge-m3", "--device", "cpu"].map(OsString::from));
        assert_eq!(line.window.paths, ["my data.jsonl", "models/bge-m3"].map(PathBuf::from));
        assert_eq!(line.window.device, DeviceChoice::Cpu);
        assert!(line.command.is_none());
    }
}
