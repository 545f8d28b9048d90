use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::follow::{Bar, follow, time};
use super::train_options::TrainOptions;
use super::{Ending, config_file};
use crate::compute::{DeviceChoice, choose};
use crate::jobs::Jobs;
use crate::jobs::training::{self, TrainRequest};
use crate::training::{RunPlan, StepReport, TrainingConfig, TrainingEvent, read_files};
use crate::workspace::{Runs, Workspace};

/// Fine-tune an embedding model on questions, positives and hard negatives.
///
/// The options have FlagEmbedding's names, with underscores or hyphens; an old command line can be
/// carried over word for word. Switches may stand alone or with True or False.
#[derive(Debug, Args)]
pub struct Train {
    /// TOML file with options of the same names; what is on the command line goes before it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Device: auto, cpu, wgpu, wgpu:N, cuda or cuda:N, as `weldbench devices` lists them.
    #[arg(long, default_value_t = DeviceChoice::Auto, value_name = "DEVICE")]
    device: DeviceChoice,
    /// Write the run's events to standard output as lines of JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    options: TrainOptions,
}

impl Train {
    pub(super) fn run(self) -> Result<(), Ending> {
        let mut config = TrainingConfig::default();
        if let Some(path) = &self.config {
            config_file::apply(path, &mut config)?;
        }
        self.options.apply(&mut config)?;
        for remark in self.options.remarks() {
            eprintln!("{remark}");
        }
        if let Some(problem) = config.problems().first() {
            return Err(Ending::Usage(problem.to_string()));
        }
        let output = train(config, self.device, self.json)?;
        if self.json {
            println!("{}", json!({ "event": "finished", "folder": output }));
        } else {
            println!("{}", output.display());
        }
        Ok(())
    }
}

/// Trains, shows how it goes, and gives back the folder of the tuned model.
pub fn train(config: TrainingConfig, device: DeviceChoice, json: bool) -> Result<PathBuf, Ending> {
    let device = choose(device)?;
    let (files, warnings) = read_files(&config.train_data)?;
    let runs = Runs::new(Workspace::open(None)?.runs());
    let request = TrainRequest::new(&runs, config, device, files)?;
    let output = request.output().to_path_buf();
    let started = Instant::now();
    let jobs = Jobs::new(|| ());
    let job = training::start(&jobs, request);
    for text in warnings {
        tell(&TrainingEvent::Warning { text }, json, None);
    }
    follow(&job, |event, bar| tell(&event, json, Some(bar)))?;
    eprintln!("trained in {}; the tuned model is in:", time(started.elapsed()));
    Ok(output)
}

fn tell(event: &TrainingEvent, json: bool, bar: Option<&mut Bar>) {
    if json {
        match serde_json::to_string(event) {
            Ok(line) => println!("{line}"),
            Err(error) => log::error!("{error}"),
        }
    }
    match (event, bar) {
        (TrainingEvent::Started(plan), Some(bar)) => bar.say(&plan_text(plan)),
        (TrainingEvent::Step(step), Some(bar)) => bar.message(step_text(step)),
        (TrainingEvent::Warning { text }, Some(bar)) => bar.say(&format!("warning: {text}")),
        (TrainingEvent::Warning { text }, None) => eprintln!("warning: {text}"),
        _ => {}
    }
}

fn plan_text(plan: &RunPlan) -> String {
    let millions = |count: usize| count as f64 / 1e6;
    format!(
        "training on {}: {} rows, {} steps, {:.1} of {:.1} million parameters",
        plan.device,
        plan.rows,
        plan.steps,
        millions(plan.trainable_parameters),
        millions(plan.parameters),
    )
}

fn step_text(step: &StepReport) -> String {
    format!(
        "loss {:.4}, lr {:.2e}, grad norm {:.3}, {:.0} tokens/s",
        step.loss.total,
        step.learning_rate,
        step.grad_norm,
        step.tokens as f64 / step.seconds.max(1e-9),
    )
}
