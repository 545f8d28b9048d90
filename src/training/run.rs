//! A whole run: from rows and a base model to the tuned model's folder.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use super::TrainingError;
use super::batches::Batches;
use super::config::TrainingConfig;
use super::events::{LossParts, RunPlan, StepReport, TrainingEvent};
use super::files::TrainingFile;
use super::forecast::{MemoryForecast, MicroBatchSize, concerns};
use super::schedule::{Plan, learning_rate};
use super::trainer::Trainer;
use crate::compute::DeviceInfo;
use crate::model::{EmbeddingModel, ModelFolder};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// All steps are done and the model is saved; the mean loss of all steps.
    Finished { steps: usize, mean_loss: f64 },
    /// Stopped after this many steps; nothing was saved.
    Stopped { step: usize },
}

/// Trains `model_name_or_path` on `files` and writes the tuned model into `output`.
///
/// `ask` is called before each micro-batch: it may wait (a pause), and `Break` ends the run. `tell` gets
/// the run's events. Call it on the thread that belongs to the device.
pub fn train(
    config: &TrainingConfig,
    device: &DeviceInfo,
    files: Vec<TrainingFile>,
    output: &Path,
    ask: &dyn Fn() -> ControlFlow<()>,
    tell: &mut dyn FnMut(TrainingEvent),
) -> Result<Outcome, TrainingError> {
    let problems = config.problems();
    if !problems.is_empty() {
        return Err(TrainingError::Options(problems));
    }
    let folder = ModelFolder::open(&config.model_name_or_path)?;
    let largest = MicroBatchSize::largest(config, folder.max_length());
    let memory = MemoryForecast::of(config, folder.config(), &largest);
    for concern in concerns(config, folder.config(), &largest, &device.limits) {
        tell(TrainingEvent::Warning { text: concern.to_string() });
    }
    let model = EmbeddingModel::load_folder(folder, &device.open()?)?;
    let batches = Batches::new(config, files, model.folder())?;
    let plan = Plan::new(config, batches.per_epoch());
    let tokenizer = model.folder().tokenizer().clone();
    let longest = model.folder().max_length();
    for (name, wanted) in [("query_max_len", config.query_max_len), ("passage_max_len", config.passage_max_len)] {
        if wanted > longest {
            tell(TrainingEvent::Warning {
                text: format!("{name} is {wanted}, but the model reads {longest} tokens; longer texts are cut there"),
            });
        }
    }
    let mut trainer = Trainer::new(config, model)?;
    for text in trainer.remarks() {
        tell(TrainingEvent::Warning { text });
    }
    let (parameters, trainable_parameters) = trainer.parameters();
    tell(TrainingEvent::Started(RunPlan {
        device: device.label(),
        rows: batches.rows(),
        steps: plan.steps,
        micro_batches_per_epoch: plan.micro_batches_per_epoch,
        parameters,
        trainable_parameters,
        memory,
    }));
    let mut loss_sum = 0.0;
    let mut step = 0;
    let mut epoch = 0;
    while step < plan.steps {
        let mut micro_batches = batches.epoch(epoch);
        while step < plan.steps && micro_batches.len() > 0 {
            let started = Instant::now();
            let (_, window) = plan.window_of(step);
            let weight = 1.0 / window.len() as f64;
            let mut tokens = 0;
            for micro_batch in micro_batches.by_ref().take(window.len()) {
                if ask().is_break() {
                    return Ok(Outcome::Stopped { step });
                }
                let batch = micro_batch.tokenize(&tokenizer, config, longest)?;
                tokens += batch.tokens();
                trainer.micro_batch(&batch, weight);
            }
            let rate = learning_rate(config, step, plan.steps);
            let result = trainer.step(rate)?;
            step += 1;
            if !result.updated {
                tell(TrainingEvent::Warning {
                    text: format!(
                        "step {step}: 16-bit floats overflowed; the step was left out and the loss scale halved"
                    ),
                });
                continue;
            }
            let loss = LossParts::mean(&result.micro_batches);
            loss_sum += loss.total;
            if step % config.logging_steps == 0 || step == plan.steps {
                tell(TrainingEvent::Step(StepReport {
                    step,
                    steps: plan.steps,
                    epoch: epoch as f64 + window.end as f64 / plan.micro_batches_per_epoch as f64,
                    loss,
                    learning_rate: rate,
                    grad_norm: result.grad_norm,
                    tokens,
                    seconds: started.elapsed().as_secs_f64(),
                }));
            }
        }
        epoch += 1;
    }
    trainer.into_model().save(output)?;
    tell(TrainingEvent::Saved { step, folder: output.to_path_buf() });
    Ok(Outcome::Finished { steps: step, mean_loss: loss_sum / step.max(1) as f64 })
}
