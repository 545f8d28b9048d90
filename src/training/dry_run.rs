//! Losses and gradients of a run's first micro-batches, without changing a weight.

use std::ops::ControlFlow;

use serde::Serialize;

use super::TrainingError;
use super::batches::Batches;
use super::config::TrainingConfig;
use super::events::LossParts;
use super::files::TrainingFile;
use super::trainer::Trainer;
use crate::compute::DeviceInfo;
use crate::model::EmbeddingModel;

/// The numbers of one micro-batch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct DryMicroBatch {
    /// 1 for the first.
    pub micro_batch: usize,
    pub loss: LossParts,
    /// Global L2 norm of this micro-batch's gradient, before clipping.
    pub grad_norm: f64,
}

/// Computes the first `count` micro-batches of the run that `config` describes, epoch after epoch.
///
/// With `shuffle` off, rows, positives and negatives come in the order of the files.
pub fn dry_run(
    config: &TrainingConfig,
    device: &DeviceInfo,
    files: Vec<TrainingFile>,
    count: usize,
    shuffle: bool,
    tell: &mut dyn FnMut(DryMicroBatch) -> ControlFlow<()>,
) -> Result<(), TrainingError> {
    let problems = config.problems();
    if !problems.is_empty() {
        return Err(TrainingError::Options(problems));
    }
    let model = EmbeddingModel::load(&config.model_name_or_path, &device.open()?)?;
    let batches = Batches::new(config, files, model.folder())?;
    let batches = if shuffle { batches } else { batches.in_file_order() };
    let (tokenizer, longest) = (model.folder().tokenizer().clone(), model.folder().max_length());
    let mut trainer = Trainer::new(config, model)?;
    for (index, batch) in (0..).flat_map(|epoch| batches.epoch(epoch)).take(count).enumerate() {
        trainer.micro_batch(&batch.tokenize(&tokenizer, config, longest)?, 1.0);
        let (losses, grad_norm) = trainer.take_window().read(&trainer)?;
        let Some(&loss) = losses.first() else { continue };
        if tell(DryMicroBatch { micro_batch: index + 1, loss, grad_norm }).is_break() {
            break;
        }
    }
    Ok(())
}
