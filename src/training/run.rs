//! A whole run: from rows and a base model to the tuned model's folder.

use std::ops::ControlFlow;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::TrainingError;
use super::batches::{Batches, MicroBatch};
use super::checkpoints::{Best, Checkpoints, Standing};
use super::config::TrainingConfig;
use super::events::{LossParts, RunPlan, StepReport, TrainingEvent, now};
use super::files::{TrainingFile, fingerprint};
use super::forecast::{MemoryForecast, MicroBatchSize, concerns};
use super::host::{Command, Host};
use super::schedule::{Plan, learning_rate};
use super::trainer::{StepResult, Trainer};
use super::warning::Warning;
use crate::compute::{ComputeError, DeviceInfo, memory_in_use};
use crate::model::{EmbeddingModel, ModelFolder, Tokenizer};
use crate::panics::caught;

/// So many steps in a row without finite numbers, and the run asks for help.
pub const PATIENCE: usize = 3;

/// The device is asked for its memory no more often than this: it must finish its work to answer.
const BETWEEN_MEMORY: Duration = Duration::from_secs(2);

/// Where a run's files lie.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// Folder of the tuned model.
    pub output: &'a Path,
    /// Folder of the checkpoints.
    pub checkpoints: &'a Path,
    /// Goes on from this step's checkpoint; from 0 without one.
    pub resume: Option<usize>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// The model is saved; the mean loss of all steps.
    Finished { steps: usize, mean_loss: f64 },
    /// Stopped after this many steps; no model was saved.
    Stopped { step: usize },
}

/// Trains `model_name_or_path` on `files` and writes checkpoints and the tuned model.
///
/// Call it on the thread that belongs to the device.
pub fn train(
    config: &TrainingConfig,
    device: &DeviceInfo,
    files: Vec<TrainingFile>,
    places: Places,
    host: &mut dyn Host,
) -> Result<Outcome, TrainingError> {
    let mut run = Run::prepare(config, device, files, places, host)?;
    if run.go(host)?.is_break() {
        return Ok(Outcome::Stopped { step: run.standing.step });
    }
    run.finish(host)
}

struct Run<'a> {
    config: &'a TrainingConfig,
    places: Places<'a>,
    checkpoints: Checkpoints,
    batches: Rc<Batches>,
    tokenizer: Tokenizer,
    plan: Plan,
    longest: usize,
    trainer: Trainer,
    standing: Standing,
    /// The step of the last checkpoint.
    saved: Option<usize>,
    /// Steps in a row that were skipped.
    failed: usize,
    memory: Memory,
}

impl<'a> Run<'a> {
    fn prepare(
        config: &'a TrainingConfig,
        device: &DeviceInfo,
        files: Vec<TrainingFile>,
        places: Places<'a>,
        host: &mut dyn Host,
    ) -> Result<Self, TrainingError> {
        let problems = config.problems();
        if !problems.is_empty() {
            return Err(TrainingError::Options(problems));
        }
        let folder = ModelFolder::open(&config.model_name_or_path)?;
        let largest = MicroBatchSize::largest(config, folder.max_length());
        let memory = MemoryForecast::of(config, folder.config(), &largest);
        for concern in concerns(config, folder.config(), &largest, &device.limits) {
            host.tell(TrainingEvent::warning(Warning::Concern(concern)));
        }
        let (base_model, data) = (folder.fingerprint()?, fingerprint(&files));
        let resumed = places.resume.filter(|step| *step > 0).map(|step| Checkpoints::at(places.checkpoints, step));
        if let Some(checkpoint) = &resumed {
            let before = Checkpoints::read(checkpoint)?;
            if before.base_model != base_model {
                return Err(TrainingError::Changed { what: config.model_name_or_path.display().to_string() });
            }
            if before.data != data {
                return Err(TrainingError::Changed { what: "the training data".into() });
            }
        }
        let open = device.open()?;
        let model = EmbeddingModel::load_folder(folder, &open)?;
        let batches = Rc::new(Batches::new(config, files, model.folder())?);
        let tokenizer = model.folder().tokenizer().clone();
        let plan = Plan::new(config, batches.per_epoch());
        let longest = model.folder().max_length();
        for (name, wanted) in [("query_max_len", config.query_max_len), ("passage_max_len", config.passage_max_len)] {
            if wanted > longest {
                host.tell(TrainingEvent::warning(Warning::LongerThanModel { option: name.into(), wanted, longest }));
            }
        }
        let mut trainer = Trainer::new(config, model)?;
        if let Some(warning) = trainer.lacks_precision() {
            host.tell(TrainingEvent::warning(warning));
        }
        let (parameters, trainable_parameters) = trainer.parameters();
        host.tell(TrainingEvent::Started(RunPlan {
            device: device.label(),
            rows: batches.rows(),
            data: data.clone(),
            steps: plan.steps,
            micro_batches_per_epoch: plan.micro_batches_per_epoch,
            parameters,
            trainable_parameters,
            memory,
        }));
        if let Some(texts) = host.questions() {
            host.tell(TrainingEvent::Questions { texts });
        }
        let checkpoints = Checkpoints::new(places.checkpoints, config.save_total_limit);
        let standing = match &resumed {
            Some(checkpoint) => {
                let standing = Checkpoints::restore(checkpoint, &mut trainer)?;
                checkpoints.forget_after(standing.step);
                standing
            }
            None => Standing {
                step: 0,
                counters: trainer.counters(),
                learning_rate: config.learning_rate,
                loss_sum: 0.0,
                losses: 0,
                skipped: 0,
                best: None,
                worse: 0,
                base_model,
                data,
            },
        };
        if places.resume.is_some() {
            host.tell(TrainingEvent::Resumed { step: standing.step });
        }
        let memory = Memory { device: open, asked: None, bytes: None };
        Ok(Self {
            config,
            places,
            checkpoints,
            batches,
            tokenizer,
            plan,
            longest,
            trainer,
            standing,
            saved: None,
            failed: 0,
            memory,
        })
    }

    /// All steps that are left; `Break` if the run was told to end without a model.
    fn go(&mut self, host: &mut dyn Host) -> Result<ControlFlow<()>, TrainingError> {
        if self.standing.step == 0 && self.evaluate(host)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        let batches = Rc::clone(&self.batches);
        while self.standing.step < self.plan.steps {
            let (epoch, window) = self.plan.window_of(self.standing.step);
            let mut micro_batches = batches.epoch_from(epoch, window.start);
            while self.standing.step < self.plan.steps && micro_batches.len() > 0 {
                if self.step(&mut micro_batches, host)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                match self.after_step(host)? {
                    Next::Step => {}
                    Next::Finish => return Ok(ControlFlow::Continue(())),
                    Next::End => return Ok(ControlFlow::Break(())),
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn step(
        &mut self,
        micro_batches: &mut dyn Iterator<Item = MicroBatch>,
        host: &mut dyn Host,
    ) -> Result<ControlFlow<()>, TrainingError> {
        let started = Instant::now();
        let (_, window) = self.plan.window_of(self.standing.step);
        let micro_batches: Vec<MicroBatch> = micro_batches.take(window.len()).collect();
        let (result, rate, tokens) = loop {
            let before = self.standing.counters.micro_batches;
            match self.attempt(&micro_batches, 1.0 / window.len() as f64, host) {
                Ok(Some(done)) => break done,
                Ok(None) => return Ok(ControlFlow::Break(())),
                Err(error) if error.is_out_of_memory() && self.trainer.is_whole() => {
                    let sides = |batch: &MicroBatch| batch.queries.len().max(batch.passages.len());
                    let texts = micro_batches.iter().map(sides).max().unwrap_or(1);
                    let Some(smaller) = self.trainer.take_smaller_pieces(texts) else { return Err(error) };
                    self.trainer.abandon_window(before);
                    let step = self.standing.step + 1;
                    host.tell(TrainingEvent::warning(Warning::SmallerPieces { step, texts: smaller }));
                }
                Err(error) => return Err(error),
            }
        };
        self.standing.step += 1;
        self.standing.counters = self.trainer.counters();
        self.report(host, &result, rate, tokens, started.elapsed().as_secs_f64());
        Ok(ControlFlow::Continue(()))
    }

    /// One step with its learning rate and tokens; `None` if the run was told to end. A device that has no memory left may
    /// say so by a panic.
    fn attempt(
        &mut self,
        micro_batches: &[MicroBatch],
        weight: f64,
        host: &mut dyn Host,
    ) -> Result<Option<(StepResult, f64, usize)>, TrainingError> {
        let mut tokens = 0;
        for micro_batch in micro_batches {
            if host.ask().is_break() {
                return Ok(None);
            }
            let batch = micro_batch.tokenize(&self.tokenizer, self.config, self.longest)?;
            tokens += batch.tokens();
            told(|| self.trainer.micro_batch(&batch, weight))?;
        }
        let scheduled = TrainingConfig { learning_rate: self.standing.learning_rate, ..self.config.clone() };
        let rate = learning_rate(&scheduled, self.standing.step, self.plan.steps);
        let result = told(|| self.trainer.step(rate))??;
        Ok(Some((result, rate, tokens)))
    }

    /// Evaluates, saves and ends as the configuration and the host want it.
    fn after_step(&mut self, host: &mut dyn Host) -> Result<Next, TrainingError> {
        let step = self.standing.step;
        let end = step == self.plan.steps;
        let is_due = |every: Option<usize>| step.is_multiple_of(every.unwrap_or(self.plan.steps_per_epoch()));
        let mut stop = false;
        let mut save = is_due(self.config.save_steps) && !end;
        let mut evaluate = is_due(self.config.eval_steps) || end;
        while let Some(command) = host.command() {
            match command {
                Command::Stop => (stop, evaluate) = (true, true),
                Command::Evaluate => evaluate = true,
                Command::Save => save = true,
                Command::LearningRate(learning_rate) => {
                    self.standing.learning_rate = learning_rate;
                    host.tell(TrainingEvent::LearningRate { step, learning_rate });
                }
            }
        }
        if evaluate && self.evaluate(host)?.is_break() {
            return Ok(Next::End);
        }
        if save && self.save(host).is_break() {
            return Ok(Next::End);
        }
        Ok(if stop || self.stops_early(host) { Next::Finish } else { Next::Step })
    }

    fn report(&mut self, host: &mut dyn Host, result: &StepResult, rate: f64, tokens: usize, seconds: f64) {
        let Standing { step, .. } = self.standing;
        if !result.updated {
            self.standing.skipped += 1;
            self.failed += usize::from(!result.overflow);
            host.tell(TrainingEvent::Skipped { step, skipped: self.standing.skipped, overflow: result.overflow });
            if self.failed >= PATIENCE {
                self.failed = 0;
                // Whoever ends the run here ends it at the pause that follows, too.
                let _ = self.save(host);
                host.tell(TrainingEvent::Halted {
                    step,
                    why: format!(
                        "the loss or its gradient was no number in {PATIENCE} steps, one after another; try a learning_rate below {:.0e}, a higher temperature, or fp32, and look for broken rows",
                        self.standing.learning_rate
                    ),
                });
                host.pause();
            }
            return;
        }
        self.failed = 0;
        let loss = LossParts::mean(&result.micro_batches);
        self.standing.loss_sum += loss.total;
        self.standing.losses += 1;
        if step.is_multiple_of(self.config.logging_steps) || step == self.plan.steps {
            host.tell(TrainingEvent::Step(StepReport {
                step,
                steps: self.plan.steps,
                epoch: self.epoch(),
                loss,
                learning_rate: rate,
                grad_norm: result.grad_norm,
                tokens,
                seconds,
                time: now(),
                memory: self.memory.bytes(),
            }));
        }
    }

    /// Epochs done, with the fraction of the present one.
    fn epoch(&self) -> f64 {
        match self.standing.step.checked_sub(1) {
            None => 0.0,
            Some(last) => {
                let (epoch, window) = self.plan.window_of(last);
                epoch as f64 + window.end as f64 / self.plan.micro_batches_per_epoch as f64
            }
        }
    }

    fn evaluate(&mut self, host: &mut dyn Host) -> Result<ControlFlow<()>, TrainingError> {
        if host.questions().is_none() {
            return Ok(ControlFlow::Continue(()));
        }
        let Some(mut evaluation) = host.evaluate(&self.trainer.as_model())? else {
            return Ok(ControlFlow::Break(()));
        };
        (evaluation.step, evaluation.epoch, evaluation.time) = (self.standing.step, self.epoch(), now());
        let value = evaluation.metrics.get(&self.config.metric_for_best_model).copied();
        host.tell(TrainingEvent::Evaluated(evaluation));
        let step = self.standing.step;
        // The base model is no result of the run.
        let Some(value) = value.filter(|_| step > 0) else {
            return Ok(ControlFlow::Continue(()));
        };
        if self.standing.best.is_none_or(|best| value > best.value) {
            self.standing.best = Some(Best { step, value });
            self.standing.worse = 0;
            let metric = self.config.metric_for_best_model.clone();
            host.tell(TrainingEvent::Best { step, metric, value });
            return Ok(self.save(host));
        } else {
            self.standing.worse += 1;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn stops_early(&self, host: &mut dyn Host) -> bool {
        let Standing { step, worse, best: Some(best), .. } = self.standing else { return false };
        let stops = self.config.early_stopping_patience.is_some_and(|patience| worse >= patience);
        if stops && step < self.plan.steps {
            host.tell(TrainingEvent::StoppedEarly { step, best: best.step });
        }
        stops
    }

    /// Writes a checkpoint, once a step. Where it cannot be written the run waits for somebody to make room; `Break` if it
    /// is to end instead.
    fn save(&mut self, host: &mut dyn Host) -> ControlFlow<()> {
        let step = self.standing.step;
        if self.saved.replace(step) == Some(step) {
            return ControlFlow::Continue(());
        }
        let folder = until_saved(step, host, || self.checkpoints.save(&self.trainer, &self.standing))?;
        host.tell(TrainingEvent::Checkpoint { step, folder });
        ControlFlow::Continue(())
    }

    /// Writes the tuned model: the best or the last.
    fn finish(mut self, host: &mut dyn Host) -> Result<Outcome, TrainingError> {
        let Standing { step, best, .. } = self.standing;
        let mut of = step;
        if let Some(best) = best.filter(|best| self.config.load_best_model_at_end && best.step != step) {
            Checkpoints::restore(&Checkpoints::at(self.places.checkpoints, best.step), &mut self.trainer)?;
            of = best.step;
        }
        let model = self.trainer.into_model();
        if until_saved(step, host, || Ok(model.save(self.places.output)?)).is_break() {
            return Ok(Outcome::Stopped { step });
        }
        host.tell(TrainingEvent::Saved { step: of, folder: self.places.output.to_path_buf() });
        Ok(Outcome::Finished { steps: step, mean_loss: self.standing.loss_sum / self.standing.losses.max(1) as f64 })
    }
}

/// Work on a device; what it tells of the device by a panic is an error, other panics go on.
fn told<T>(work: impl FnOnce() -> T) -> Result<T, TrainingError> {
    caught(work).map_err(|panic| match ComputeError::in_words(&panic.message) {
        Some(error) => error.into(),
        None => panic!("{panic}"),
    })
}

/// Saves; where that fails, tells why, pauses, and tries again when the run goes on.
fn until_saved<T>(
    step: usize,
    host: &mut dyn Host,
    mut save: impl FnMut() -> Result<T, TrainingError>,
) -> ControlFlow<(), T> {
    loop {
        match save() {
            Ok(saved) => return ControlFlow::Continue(saved),
            Err(error) => {
                // Before it is told: whoever hears of it may resume at once.
                host.pause();
                host.tell(TrainingEvent::CannotSave { step, why: error.to_string() });
            }
        }
        host.ask()?;
    }
}

/// What comes after a step.
enum Next {
    Step,
    /// The end, with a model.
    Finish,
    /// The end, without one.
    End,
}

/// The device's memory, as it was when it was last asked for.
struct Memory {
    device: burn::tensor::Device,
    asked: Option<Instant>,
    bytes: Option<u64>,
}

impl Memory {
    fn bytes(&mut self) -> Option<u64> {
        if self.asked.is_none_or(|asked| asked.elapsed() >= BETWEEN_MEMORY) {
            self.bytes = memory_in_use(&self.device);
            self.asked = Some(Instant::now());
        }
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::super::trainer::ROOM;
    use super::*;
    use crate::compute::{DeviceChoice, choose};
    use crate::training::read_files;

    #[derive(Default)]
    struct Heard(Vec<TrainingEvent>);

    impl Host for Heard {
        fn tell(&mut self, event: TrainingEvent) {
            self.0.push(event);
        }
    }

    /// Losses and norms of the steps, and what the run was warned of.
    type Told = (Vec<(f64, f64)>, Vec<String>);

    /// A short run where so many texts fit.
    fn run(room: usize, change: impl FnOnce(&mut TrainingConfig)) -> Result<Told, TrainingError> {
        let folder = tempfile::tempdir().unwrap();
        let mut config = TrainingConfig {
            model_name_or_path: "tests/fixtures/flagembedding/model_bin".into(),
            train_data: vec!["tests/fixtures/flagembedding/data/weld_toy.jsonl".into()],
            train_group_size: 3,
            gradient_accumulation_steps: 2,
            unified_finetuning: true,
            use_lora: true,
            lora_dropout: 0.3,
            max_steps: Some(3),
            ..TrainingConfig::default()
        };
        change(&mut config);
        let (files, _) = read_files(&config.train_data).unwrap();
        let (output, checkpoints) = (folder.path().join("model"), folder.path().join("checkpoints"));
        let mut heard = Heard::default();
        ROOM.set(room);
        let device = choose(DeviceChoice::Cpu).unwrap();
        let places = Places { output: &output, checkpoints: &checkpoints, resume: None };
        let ended = train(&config, &device, files, places, &mut heard);
        ROOM.set(usize::MAX);
        ended?;
        let steps = heard.0.iter().filter_map(|event| match event {
            TrainingEvent::Step(step) => Some((step.loss.total, step.grad_norm)),
            _ => None,
        });
        let warnings = heard.0.iter().filter_map(|event| match event {
            TrainingEvent::Warning { text, .. } => Some(text.clone()),
            _ => None,
        });
        Ok((steps.collect(), warnings.collect()))
    }

    #[test]
    fn a_device_without_room_gets_fewer_texts_at_a_time_and_the_run_is_the_same() {
        let batch = |config: &mut TrainingConfig| config.per_device_train_batch_size = 2;
        let (found, warnings) = run(2, batch).unwrap();
        // 6 passages, then 3, then 2.
        assert!(warnings.len() == 2 && warnings[1].contains("2 texts at a time"), "{warnings:?}");
        let (planned, none) = run(2, |config| {
            batch(config);
            config.sub_batch_size = Some(2);
        })
        .unwrap();
        assert!(none.is_empty() && found.len() == 3);
        assert_eq!(found, planned);
        let error = run(0, batch).unwrap_err();
        assert!(error.is_out_of_memory() && error.to_string().contains("sub_batch_size"), "{error}");
    }
}
