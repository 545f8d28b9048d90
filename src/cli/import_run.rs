use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::follow::follow;
use super::{Ending, out};
use crate::jobs::import_run::{self, ImportRequest};
use crate::training::TrainingConfig;
use crate::workspace::{Runs, Workspace};

/// Put a run of FlagEmbedding among the runs of the workspace: its curves and its model.
///
/// Reads the folder of `weldbench export-job` once it has come back, or any output folder of Hugging Face's Trainer:
/// `trainer_state.json`, TensorBoard's events, and weights, there or in the last checkpoint.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  weldbench import-run JOB
  weldbench import-run output --name 'two machines' --config run.toml")]
pub struct ImportRun {
    /// The job's folder, or an output folder.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// What the run is called.
    #[arg(long)]
    name: Option<String>,
    /// TOML file of the options that it was started with, where the folder is no exported job's.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write the result to standard output as a JSON object.
    #[arg(long)]
    json: bool,
}

impl ImportRun {
    pub(super) fn run(self) -> Result<(), Ending> {
        let config = match &self.config {
            Some(path) => {
                let mut config = TrainingConfig::default();
                config.set_from_file(path)?;
                Some(config)
            }
            None => None,
        };
        let runs = Runs::new(Workspace::open(None)?.runs());
        let request = ImportRequest { folder: self.folder, runs, name: self.name, config };
        let jobs = super::jobs();
        follow(&import_run::start(&jobs, request), |imported, bar| {
            if self.json {
                out::line(json!({ "run": imported.folder, "steps": imported.steps, "model": imported.model }));
                return;
            }
            let model =
                if imported.model.is_some() { "with its model" } else { "without a model, which was not there" };
            bar.say(&format!("{} steps, {model}; the run is in:", imported.steps));
            out::line(imported.folder.display());
        })
    }
}
