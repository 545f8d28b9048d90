//! How long a step takes, measured on the run's own first micro-batches.

use std::ops::ControlFlow;
use std::time::Instant;

use super::TrainingError;
use super::batches::Batches;
use super::config::TrainingConfig;
use super::files::TrainingFile;
use super::outlook::Pace;
use super::trainer::Trainer;
use crate::compute::DeviceInfo;
use crate::model::EmbeddingModel;

/// Micro-batches that are timed, after one that compiles what the device needs.
const TIMED: usize = 3;

/// Seconds after which what is known is enough.
const ENOUGH: f64 = 15.0;

/// Computes a few micro-batches and a step of the run that `config` describes; nothing is kept of them. `tell` gets how
/// many are done and of how many, and may end it: then there is no pace.
pub fn measure(
    config: &TrainingConfig,
    device: &DeviceInfo,
    files: Vec<TrainingFile>,
    tell: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Option<Pace>, TrainingError> {
    let problems = config.problems();
    if !problems.is_empty() {
        return Err(TrainingError::Options(problems));
    }
    let model = EmbeddingModel::load(&config.model_name_or_path, &device.open()?)?;
    let batches = Batches::new(config, files, model.folder())?;
    let (tokenizer, longest) = (model.folder().tokenizer().clone(), model.folder().max_length());
    let mut trainer = Trainer::new(config, model)?;
    let total = TIMED + 2;
    let begun = Instant::now();
    let mut times = Vec::new();
    for (index, batch) in (0..).flat_map(|epoch| batches.epoch(epoch)).take(TIMED + 1).enumerate() {
        if tell(index, total).is_break() {
            return Ok(None);
        }
        let started = Instant::now();
        let batch = batch.tokenize(&tokenizer, config, longest)?;
        trainer.micro_batch(&batch, 1.0);
        if index == 0 {
            trainer.step(0.0)?;
        } else {
            trainer.take_window().read(&trainer)?;
        }
        let seconds = started.elapsed().as_secs_f64();
        times.push(seconds);
        let slow = begun.elapsed().as_secs_f64() > ENOUGH;
        if index == 0 && slow {
            // Beside this, compiling does not count.
            return Ok(Some(Pace { micro_batch: seconds, update: 0.0 }));
        }
        if index == TIMED || slow {
            if tell(total - 1, total).is_break() {
                return Ok(None);
            }
            let started = Instant::now();
            trainer.micro_batch(&batch, 1.0);
            trainer.step(0.0)?;
            let update = (started.elapsed().as_secs_f64() - seconds).max(0.0);
            let micro_batch = times[1..].iter().sum::<f64>() / (times.len() - 1) as f64;
            return Ok(Some(Pace { micro_batch, update }));
        }
    }
    Ok(None)
}
