//! What a run's folder says of it: `metrics.jsonl`, TensorBoard's events, `log.txt`, the record.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::jobs::{JobContext, JobError};
use crate::training::{LossParts, TrainingEvent, TrainingFile, Warning};
use crate::workspace::tensorboard::EventFile;
use crate::workspace::{BestMetric, Run, RunState, WorkspaceError};

/// The record of a run that goes on.
pub struct Record {
    run: Run,
    /// Opened with the first event that has a number.
    tensorboard: Option<EventFile>,
    /// The step that TensorBoard has to go back to.
    resumed: Option<usize>,
    /// That something could not be written was said.
    told: bool,
    /// Events that are not in `metrics.jsonl` yet, because it could not be written.
    waiting: Vec<TrainingEvent>,
}

impl Record {
    pub fn new(run: Run, resumed: Option<usize>) -> Self {
        Self { run, tensorboard: None, resumed, told: false, waiting: Vec::new() }
    }

    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Writes an event down. That the folder cannot be written is worth one warning, not the run.
    pub fn take(&mut self, context: &JobContext<TrainingEvent>, event: &TrainingEvent) {
        self.waiting.push(event.clone());
        let mut written = self.append();
        if let Some(line) = line(event) {
            written = written.and(self.run.log(&line));
        }
        written = written.and(self.note(event)).and(self.numbers(event));
        self.check(context, written);
    }

    /// What waits goes first: the order stays, whatever happened to the disk in between.
    fn append(&mut self) -> Result<(), WorkspaceError> {
        while let Some(first) = self.waiting.first() {
            self.run.append(first)?;
            self.waiting.remove(0);
        }
        Ok(())
    }

    /// Notes that the run waits, or goes on.
    pub fn stands(&mut self, context: &JobContext<TrainingEvent>, state: RunState) {
        let written = self.run.set_state(state);
        self.check(context, written);
    }

    pub fn end(
        &mut self,
        context: &JobContext<TrainingEvent>,
        end: impl FnOnce(&mut Run) -> Result<(), WorkspaceError>,
    ) {
        let written = end(&mut self.run);
        self.check(context, written);
    }

    fn check(&mut self, context: &JobContext<TrainingEvent>, written: Result<(), WorkspaceError>) {
        if let Err(error) = written
            && !std::mem::replace(&mut self.told, true)
        {
            context.send(TrainingEvent::warning(Warning::NoRecord { cause: error.to_string() }));
        }
    }

    /// What the list of runs shows.
    fn note(&mut self, event: &TrainingEvent) -> Result<(), WorkspaceError> {
        match event {
            TrainingEvent::Started(plan) => self.run.update(|record| record.data_fingerprint = plan.data.clone()),
            TrainingEvent::Best { step, metric, value } => {
                let best = BestMetric { step: *step, metric: metric.clone(), value: *value };
                self.run.update(|record| record.best = Some(best))
            }
            TrainingEvent::Checkpoint { step, .. } | TrainingEvent::Saved { step, .. } => {
                self.run.update(|record| record.steps = *step)
            }
            _ => Ok(()),
        }
    }

    fn numbers(&mut self, event: &TrainingEvent) -> Result<(), WorkspaceError> {
        let (step, time, values) = match event {
            TrainingEvent::Step(report) => {
                let mut values: Vec<(String, f64)> = vec![
                    ("train/learning_rate".into(), report.learning_rate),
                    ("train/grad_norm".into(), report.grad_norm),
                    ("train/epoch".into(), report.epoch),
                    ("train/tokens_per_second".into(), report.tokens as f64 / report.seconds.max(1e-9)),
                ];
                values.extend(report.memory.map(|bytes| ("train/memory_bytes".into(), bytes as f64)));
                values.extend(parts(&report.loss).map(|(name, value)| (format!("train/{name}"), value)));
                (report.step, report.time, values)
            }
            TrainingEvent::Evaluated(evaluation) => {
                let values = evaluation.metrics.iter().map(|(name, value)| (format!("eval/{name}"), *value));
                (evaluation.step, evaluation.time, values.collect())
            }
            _ => return Ok(()),
        };
        let folder = self.run.folder();
        let file = match &mut self.tensorboard {
            Some(file) => file,
            none => none.insert(
                EventFile::create(folder, time, self.resumed.take())
                    .map_err(WorkspaceError::io(folder, "write TensorBoard's events"))?,
            ),
        };
        file.scalars(step, time, &values).map_err(WorkspaceError::io(folder, "write TensorBoard's events"))
    }
}

/// A run that was cancelled in the queue, or ended by a panic, does not stay behind as if it ran.
impl Drop for Record {
    fn drop(&mut self) {
        if self.run.record().state.is_over() {
            return;
        }
        let written = if std::thread::panicking() {
            self.run.fail("the program made a mistake")
        } else {
            self.run.set_state(RunState::Cancelled)
        };
        if let Err(error) = written {
            tracing::warn!("{error}");
        }
    }
}

/// The parts of a loss that are there, by the names of Hugging Face's and our own tags.
fn parts(loss: &LossParts) -> impl Iterator<Item = (&'static str, f64)> {
    let LossParts {
        total,
        dense,
        sparse,
        colbert,
        ensemble,
        self_distill_dense,
        self_distill_sparse,
        self_distill_colbert,
        knowledge_distill,
    } = *loss;
    [
        ("loss", Some(total)),
        ("loss_dense", Some(dense)),
        ("loss_sparse", sparse),
        ("loss_colbert", colbert),
        ("loss_ensemble", ensemble),
        ("loss_self_distill_dense", self_distill_dense),
        ("loss_self_distill_sparse", self_distill_sparse),
        ("loss_self_distill_colbert", self_distill_colbert),
        ("loss_knowledge_distill", knowledge_distill),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
}

/// What the log says of an event; steps and their numbers are in `metrics.jsonl`.
fn line(event: &TrainingEvent) -> Option<String> {
    Some(match event {
        TrainingEvent::Started(plan) => {
            format!(
                "started on {}: {} rows, {} steps, memory up to {}",
                plan.device, plan.rows, plan.steps, plan.memory
            )
        }
        TrainingEvent::Resumed { step } => format!("resumed after step {step}"),
        TrainingEvent::Skipped { step, skipped, overflow } => {
            let why = if *overflow { "16-bit floats overflowed" } else { "the loss or its gradient was no number" };
            format!("step {step} skipped: {why}; {skipped} skipped so far")
        }
        TrainingEvent::Evaluated(evaluation) => {
            let metrics = evaluation.metrics.iter().map(|(name, value)| format!("{name} {value:.4}"));
            format!("step {} evaluated: {}", evaluation.step, metrics.collect::<Vec<_>>().join(", "))
        }
        TrainingEvent::Best { step, metric, value } => format!("step {step} is the best so far: {metric} {value:.4}"),
        TrainingEvent::LearningRate { step, learning_rate } => {
            format!("step {step}: the highest learning rate is {learning_rate:e} from here on")
        }
        TrainingEvent::Checkpoint { step, .. } => format!("step {step}: checkpoint written"),
        TrainingEvent::Halted { step, why } => format!("step {step}: paused, {why}"),
        TrainingEvent::CannotSave { step, why } => format!("step {step}: paused, {why}"),
        TrainingEvent::StoppedEarly { step, best } => {
            format!("step {step}: stopped early, nothing was better than step {best}")
        }
        TrainingEvent::Warning { text, .. } => format!("warning: {text}"),
        TrainingEvent::Saved { step, folder } => format!("the model of step {step} is in {}", folder.display()),
        TrainingEvent::Questions { .. } | TrainingEvent::Step(_) => return None,
    })
}

/// Copies rows that are in no file as they are into the run's folder; gives back their paths within it.
pub fn copy_rows(run: &Run, files: &[TrainingFile]) -> Result<Vec<PathBuf>, JobError> {
    let folder = run.folder().join("data");
    fs::create_dir_all(&folder).map_err(JobError::write(&folder))?;
    let mut paths = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let name = file.path.file_name().unwrap_or_default().to_string_lossy();
        let name = if number == 0 { name.into_owned() } else { format!("{number}-{name}") };
        let path = folder.join(&name);
        let write = || -> std::io::Result<()> {
            let mut out = std::io::BufWriter::new(fs::File::create(&path)?);
            for row in &file.rows {
                writeln!(out, "{}", row.line())?;
            }
            out.flush()?;
            out.get_ref().sync_all()
        };
        write().map_err(JobError::write(&path))?;
        paths.push(Path::new("data").join(name));
    }
    Ok(paths)
}
