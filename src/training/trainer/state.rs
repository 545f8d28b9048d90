//! A trainer into files and back, so that a run goes on as if it had never ended.

use std::collections::HashMap;
use std::path::Path;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::Trainer;
use crate::model::tensor_file::TensorFile;
use crate::model::{EmbeddingModel, ModelError, Weights};
use crate::training::TrainingError;
use crate::training::optimizer::Moments;

/// What a trainer counts. Dropout and the loss scale go by it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    pub micro_batches: u64,
    /// Steps in which the weights were changed.
    pub updates: i32,
    pub loss_scale: f64,
    /// Steps since the loss scale was last changed.
    pub good_steps: u32,
}

/// Behind a parameter's name: running means of its gradient and of the gradient's square.
const MOMENTS: [&str; 2] = [".first_moment", ".second_moment"];

impl Trainer {
    pub fn counters(&self) -> Counters {
        Counters {
            micro_batches: self.micro_batches,
            updates: self.optimizer.steps,
            loss_scale: self.loss_scale.scale,
            good_steps: self.loss_scale.good_steps,
        }
    }

    /// Writes all that is trained, and the optimiser's memory of it, as safetensors.
    pub(crate) fn save_tensors(&self, path: &Path) -> Result<(), ModelError> {
        struct Trained<'a>(&'a Trainer, TensorFile<'static>);
        impl ModuleVisitor for Trained<'_> {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let Self(trainer, file) = self;
                let Some(name) = trainer.names.get(&param.id).filter(|_| trainer.gradients.wants(param.id)) else {
                    return;
                };
                file.device(name, param.val());
                if let Some(Moments { first, second }) = trainer.optimizer.moments.get(&param.id) {
                    for (tensor, end) in [first, second].into_iter().zip(MOMENTS) {
                        file.device(&format!("{name}{end}"), tensor.clone());
                    }
                }
            }
        }
        let mut trained = Trained(self, TensorFile::default());
        self.model().visit(&mut trained);
        trained.1.write(path)
    }

    /// Takes up what [`save_tensors`](Self::save_tensors) wrote; of the same model and options.
    pub(crate) fn restore(&mut self, path: &Path, counters: Counters) -> Result<(), TrainingError> {
        let weights = Weights::open_file(path)?;
        let moments = std::mem::take(&mut self.optimizer.moments);
        let mut restore = Restore { trainer: self, weights: &weights, path, moments, missing: None };
        let model = restore.trainer.model.take().expect("a step puts the model back");
        let model = model.map(&mut restore);
        let Restore { moments, missing, .. } = restore;
        self.model = Some(model);
        self.optimizer.moments = moments;
        self.optimizer.steps = counters.updates;
        self.micro_batches = counters.micro_batches;
        self.loss_scale.scale = counters.loss_scale;
        self.loss_scale.good_steps = counters.good_steps;
        missing.map_or(Ok(()), Err).map_err(TrainingError::from)
    }

    /// The model as it is now. It shares its tensors with the trainer: drop it before the next step, which can
    /// then change them in place.
    pub fn as_model(&self) -> EmbeddingModel {
        let model = self.model();
        EmbeddingModel {
            folder: self.folder.clone(),
            encoder: model.encoder.clone(),
            heads: model.heads.clone(),
            names: self.encoder_names.clone(),
            unused: Default::default(),
        }
    }
}

struct Restore<'a> {
    trainer: &'a mut Trainer,
    weights: &'a Weights,
    path: &'a Path,
    moments: HashMap<ParamId, Moments>,
    /// The first tensor that could not be read.
    missing: Option<ModelError>,
}

impl Restore<'_> {
    fn read<const D: usize>(&self, name: &str, shape: [usize; D], device: &Device) -> Result<Tensor<D>, ModelError> {
        let tensor = self.weights.any_shape(name)?;
        if tensor.shape != shape {
            return Err(ModelError::Shape {
                path: self.path.to_path_buf(),
                tensor: name.to_owned(),
                found: tensor.shape,
                wanted: shape.to_vec(),
            });
        }
        Ok(Tensor::from_data(TensorData::new(tensor.values, shape), device))
    }

    fn has(&self, name: &str) -> bool {
        self.weights.names().any(|known| known == name)
    }
}

impl ModuleMapper for Restore<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let trained = self.trainer.gradients.wants(param.id);
        let Some(name) = self.trainer.names.get(&param.id).filter(|_| trained).cloned() else {
            return param;
        };
        let (id, value, mapper) = param.consume();
        let (shape, device) = (value.dims(), value.device());
        let size = [shape.iter().product::<usize>()];
        let moments = MOMENTS.map(|end| format!("{name}{end}"));
        let read = || -> Result<_, ModelError> {
            let value = self.read(&name, shape, &device)?;
            // A parameter that never had a gradient has no moments.
            let moments = match self.has(&moments[0]) {
                true => Some(Moments {
                    first: self.read(&moments[0], size, &device)?,
                    second: self.read(&moments[1], size, &device)?,
                }),
                false => None,
            };
            Ok((value, moments))
        };
        let value = match read() {
            Ok((value, moments)) => {
                self.moments.extend(moments.map(|moments| (id, moments)));
                value
            }
            Err(error) => {
                self.missing.get_or_insert(error);
                value
            }
        };
        Param::from_mapped_value(id, value, mapper)
    }
}
