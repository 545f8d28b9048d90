use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::configuration::Configuration;
use super::follow::{Bar, follow, time};
use super::{Ending, out};
use crate::compute::{DeviceChoice, choose};
use crate::jobs::Failure;
use crate::jobs::training::{self, TrainRequest, config_of};
use crate::training::{DryMicroBatch, RunPlan, StepReport, TrainingConfig, TrainingEvent, Warning, read_files};
use crate::workspace::{Runs, Workspace};

/// Fine-tune an embedding model on questions, positives and hard negatives.
///
/// The options have FlagEmbedding's names, with underscores or hyphens; an old command line can be
/// carried over word for word. Switches may stand alone or with True or False.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  weldbench train --preset quick-look --model_name_or_path BAAI/bge-m3 --train_data rows.jsonl
  weldbench train --from-command old.sh --learning_rate 2e-5 --save-config run.toml
  weldbench train --config run.toml
  weldbench train --config run.toml --dry-run 3 --json
  weldbench train --resume RUN")]
pub struct Train {
    /// Device: auto, cpu, wgpu, wgpu:N, cuda or cuda:N, as `weldbench devices` lists them.
    #[arg(long, default_value_t = DeviceChoice::Auto, value_name = "DEVICE")]
    device: DeviceChoice,
    /// Write the run's events to standard output as lines of JSON.
    #[arg(long)]
    json: bool,
    /// Compute the first N micro-batches without changing a weight, and write their losses and gradient norms.
    #[arg(long, visible_alias = "dry_run", value_name = "N")]
    dry_run: Option<usize>,
    /// In a dry run, take rows, positives and negatives in the order of the files.
    #[arg(long, visible_alias = "no_shuffle", requires = "dry_run")]
    no_shuffle: bool,
    /// Write losses, gradient norm before clipping and learning rate of every reported step to a file, as lines of JSON.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Go on with the run in this folder, from its last checkpoint; its own options hold, but for those given here.
    #[arg(long, visible_alias = "resume_from_checkpoint", value_name = "RUN", conflicts_with_all = ["config", "preset", "from_command", "save_config", "dry_run"])]
    resume: Option<PathBuf>,
    #[command(flatten)]
    configuration: Configuration,
}

impl Train {
    pub(super) fn run(self) -> Result<(), Ending> {
        if let Some(folder) = &self.resume {
            return self.go_on(folder);
        }
        let Some(config) = self.configuration.read()? else {
            return Ok(());
        };
        if let Some(count) = self.dry_run {
            return dry_run(config, self.device, count, !self.no_shuffle, self.json);
        }
        let mut trace = self.trace.as_deref().map(Trace::create).transpose()?;
        let output = train(config, self.device, self.json, trace.as_mut())?;
        self.say_where(&output);
        Ok(())
    }

    fn go_on(&self, folder: &Path) -> Result<(), Ending> {
        let mut config = config_of(folder)?;
        self.configuration.change(&mut config)?;
        let (request, warnings) = TrainRequest::resume(folder, config, choose(self.device)?)?;
        let mut trace = self.trace.as_deref().map(Trace::create).transpose()?;
        let output = watch(request, warnings, self.json, trace.as_mut())?;
        self.say_where(&output);
        Ok(())
    }

    fn say_where(&self, output: &Path) {
        if self.json {
            out::line(json!({ "event": "finished", "folder": output }));
        } else {
            out::line(output.display());
        }
    }
}

/// Trains, shows how it goes, and gives back the folder of the tuned model.
pub fn train(
    config: TrainingConfig,
    device: DeviceChoice,
    json: bool,
    trace: Option<&mut Trace>,
) -> Result<PathBuf, Ending> {
    let device = choose(device)?;
    let (files, warnings) = read_files(&config.train_data)?;
    let runs = Runs::new(Workspace::open(None)?.runs());
    watch(TrainRequest::new(&runs, config, device, files)?, warnings, json, trace)
}

fn watch(
    request: TrainRequest,
    warnings: Vec<Warning>,
    json: bool,
    mut trace: Option<&mut Trace>,
) -> Result<PathBuf, Ending> {
    let (output, folder) = (request.output(), request.folder().to_path_buf());
    let started = Instant::now();
    let jobs = super::jobs();
    let (job, _) = training::start(&jobs, request);
    for warning in warnings {
        tell(&TrainingEvent::warning(warning), json, None);
    }
    let mut written = Ok(());
    let mut halted = None;
    let reins = job.handle();
    let ended = follow(&job, |event, bar| {
        if let TrainingEvent::Halted { why, .. } | TrainingEvent::CannotSave { why, .. } = &event {
            // Nobody is here to steer.
            let mended = if matches!(event, TrainingEvent::Halted { .. }) { "set it" } else { "make room" };
            let what_to_do = format!("{mended} and go on with `weldbench train --resume {}`", folder.display());
            halted = Some(Failure::new(why.clone(), what_to_do));
            reins.cancel();
        }
        if let (TrainingEvent::Step(step), Some(trace), Ok(())) = (&event, trace.as_deref_mut(), &written) {
            written = trace.step(step);
        }
        tell(&event, json, Some(bar));
    });
    match (ended, halted) {
        (Err(Ending::Cancelled), Some(failure)) => return Err(failure.into()),
        (Err(Ending::Cancelled), None) => {
            eprintln!("the run can go on: `weldbench train --resume {}`", folder.display());
            return Err(Ending::Cancelled);
        }
        (ended, _) => ended?,
    }
    written?;
    eprintln!("trained in {}; the tuned model is in:", time(started.elapsed()));
    Ok(output)
}

/// A file with a line of JSON a step.
pub struct Trace {
    path: PathBuf,
    file: std::fs::File,
}

impl Trace {
    fn create(path: &Path) -> Result<Self, Ending> {
        let file = std::fs::File::create(path).map_err(|error| trace_failed(path, &error))?;
        Ok(Self { path: path.to_path_buf(), file })
    }

    fn step(&mut self, step: &StepReport) -> Result<(), Ending> {
        let line = json!({ "step": step.step, "loss": step.loss, "grad_norm": step.grad_norm, "learning_rate": step.learning_rate });
        writeln!(self.file, "{line}").map_err(|error| trace_failed(&self.path, &error))
    }
}

fn trace_failed(path: &Path, error: &std::io::Error) -> Ending {
    let why = format!("the trace {} cannot be written: {error}", path.display());
    Ending::Failed(Failure::new(why, "give --trace a file in a folder that may be written"))
}

/// Shows the numbers of the first micro-batches.
fn dry_run(
    config: TrainingConfig,
    device: DeviceChoice,
    count: usize,
    shuffle: bool,
    json: bool,
) -> Result<(), Ending> {
    let device = choose(device)?;
    let (files, warnings) = read_files(&config.train_data)?;
    for text in warnings {
        eprintln!("warning: {text}");
    }
    let jobs = super::jobs();
    let job = jobs.start(&device.clone(), "Dry run".into(), move |_, context| {
        context.stage("computing", "micro-batches");
        crate::training::dry_run(&config, &device, files, count, shuffle, &mut |batch| {
            context.progress(batch.micro_batch, count);
            context.send(batch);
            context.ask()
        })?;
        Ok(())
    });
    follow(&job, |batch, _| match json {
        true => out::line(serde_json::to_value(batch).unwrap_or_default()),
        false => out::line(dry_text(&batch)),
    })
}

fn dry_text(batch: &DryMicroBatch) -> String {
    let loss = &batch.loss;
    let mut text = format!("micro-batch {}: loss {:.6}, dense {:.6}", batch.micro_batch, loss.total, loss.dense);
    for (name, part) in [
        ("sparse", loss.sparse),
        ("ColBERT", loss.colbert),
        ("ensemble", loss.ensemble),
        ("self-distillation dense", loss.self_distill_dense),
        ("sparse", loss.self_distill_sparse),
        ("ColBERT", loss.self_distill_colbert),
    ] {
        if let Some(part) = part {
            text.push_str(&format!(", {name} {part:.6}"));
        }
    }
    format!("{text}, grad norm {:.6}", batch.grad_norm)
}

fn tell(event: &TrainingEvent, json: bool, bar: Option<&mut Bar>) {
    if json {
        match serde_json::to_string(event) {
            Ok(line) => out::line(line),
            Err(error) => tracing::error!("{error}"),
        }
    }
    match (event, bar) {
        (TrainingEvent::Started(plan), Some(bar)) => bar.say(&plan_text(plan)),
        (TrainingEvent::Step(step), Some(bar)) => bar.message(step_text(step)),
        (TrainingEvent::Warning { text, .. }, Some(bar)) => bar.say(&format!("warning: {text}")),
        (TrainingEvent::Warning { text, .. }, None) => eprintln!("warning: {text}"),
        (TrainingEvent::Resumed { step }, Some(bar)) => bar.say(&format!("going on after step {step}")),
        (TrainingEvent::Evaluated(evaluation), Some(bar)) => {
            let shown = ["recall@1", "mrr@10", "ndcg@10"]
                .map(|name| format!("{name} {:.4}", evaluation.metrics.get(name).copied().unwrap_or_default()));
            bar.say(&format!("step {}: {}", evaluation.step, shown.join(", ")));
        }
        (TrainingEvent::Skipped { step, skipped, .. }, Some(bar)) => {
            bar.say(&format!("step {step} skipped, its numbers are not finite; {skipped} so far"));
        }
        (TrainingEvent::StoppedEarly { step, best }, Some(bar)) => {
            bar.say(&format!("stopped early at step {step}: nothing was better than step {best}"));
        }
        _ => {}
    }
}

fn plan_text(plan: &RunPlan) -> String {
    let millions = |count: usize| count as f64 / 1e6;
    format!(
        "training on {}: {} rows, {} steps, {:.1} of {:.1} million parameters; memory up to {}",
        plan.device,
        plan.rows,
        plan.steps,
        millions(plan.trainable_parameters),
        millions(plan.parameters),
        plan.memory,
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
