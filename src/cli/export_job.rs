use std::path::PathBuf;

use clap::Args;

use super::configuration::Configuration;
use super::follow::follow;
use super::{Ending, out};
use crate::jobs::export_job::{self, ExportRequest};
use crate::training::{Launch, read_files};

/// Write a training job for FlagEmbedding on several cards or machines: data, command, DeepSpeed's file.
///
/// Takes the options of `weldbench train`. What has no equivalent there is listed, here and in the job's README.md.
/// `weldbench import-run` reads what comes back.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  weldbench export-job --job JOB --nodes 2 --gpus 8 --preset welding --model_name_or_path BAAI/bge-m3 --train_data rows.jsonl
  weldbench export-job --job JOB --gpus 4 --no-deepspeed --config run.toml --train_data rows.jsonl")]
pub struct ExportJob {
    /// Folder of the job; it must not be there yet, or be empty.
    #[arg(long, value_name = "FOLDER")]
    job: PathBuf,
    /// Machines.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    nodes: u16,
    /// Cards of each machine.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    gpus: u16,
    /// DeepSpeed's ZeRO stage: 1 and 2 share out the optimiser's and the gradients' memory among the cards.
    #[arg(long, visible_alias = "zero_stage", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    zero_stage: u8,
    /// Use PyTorch's own data parallelism instead of DeepSpeed.
    #[arg(long, visible_alias = "no_deepspeed", conflicts_with = "zero_stage")]
    no_deepspeed: bool,
    /// Copy the base model into the folder instead of naming it.
    #[arg(long, visible_alias = "include_model")]
    include_model: bool,
    #[command(flatten)]
    configuration: Configuration,
}

impl ExportJob {
    pub(super) fn run(self) -> Result<(), Ending> {
        let Some(config) = self.configuration.read()? else {
            return Ok(());
        };
        let (files, warnings) = read_files(&config.train_data)?;
        for text in warnings {
            eprintln!("warning: {text}");
        }
        let launch = Launch {
            nodes: self.nodes.into(),
            gpus: self.gpus.into(),
            zero_stage: (!self.no_deepspeed).then_some(self.zero_stage),
        };
        let request = ExportRequest { config, files, launch, folder: self.job, include_model: self.include_model };
        let jobs = super::jobs();
        follow(&export_job::start(&jobs, request), |exported, bar| {
            for note in &exported.notes {
                bar.say(&format!("not carried over: --{} {}: {}", note.option, note.value, note.why));
            }
            out::line(exported.folder.display());
        })
    }
}
