//! AdamW with decoupled weight decay (Loshchilov and Hutter 2019), step by step as PyTorch's.

use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::tensor::Tensor;

use super::config::TrainingConfig;
use crate::model::gradients::Gradients;
use crate::model::ops;

/// AdamW's memory of every parameter that has had a gradient.
pub struct AdamW {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    weight_decay: f64,
    pub(super) steps: i32,
    pub(super) moments: HashMap<ParamId, Moments>,
}

/// Running means of a parameter's gradient and of its square, flat.
pub(super) struct Moments {
    pub(super) first: Tensor<1>,
    pub(super) second: Tensor<1>,
}

impl AdamW {
    pub fn new(config: &TrainingConfig) -> Self {
        Self {
            beta1: config.adam_beta1,
            beta2: config.adam_beta2,
            epsilon: config.adam_epsilon,
            weight_decay: config.weight_decay,
            steps: 0,
            moments: HashMap::new(),
        }
    }

    /// One update of all parameters that have a gradient. Gradients are multiplied by `factor` first
    /// (clipping, loss scale). `decays` tells which parameters the weight decay shortens.
    pub fn step<M: Module>(
        &mut self,
        module: M,
        gradients: Gradients,
        learning_rate: f64,
        factor: f64,
        decays: impl Fn(ParamId) -> bool,
    ) -> M {
        self.steps += 1;
        module.map(&mut Update { optimizer: self, gradients, learning_rate, factor, decays })
    }
}

struct Update<'a, F> {
    optimizer: &'a mut AdamW,
    gradients: Gradients,
    learning_rate: f64,
    factor: f64,
    decays: F,
}

impl<F: Fn(ParamId) -> bool> ModuleMapper for Update<'_, F> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = self.gradients.remove(param.id) else {
            return param;
        };
        let AdamW { beta1, beta2, epsilon, weight_decay, steps, ref mut moments } = *self.optimizer;
        let (id, value, mapper) = param.consume();
        let shape = value.dims();
        let Moments { first, second } = moments
            .remove(&id)
            .unwrap_or_else(|| Moments { first: gradient.zeros_like(), second: gradient.zeros_like() });
        let update = ops::AdamW {
            factor: self.factor,
            beta1,
            beta2,
            epsilon,
            decay: if (self.decays)(id) { 1.0 - self.learning_rate * weight_decay } else { 1.0 },
            rate: self.learning_rate / (1.0 - beta1.powi(steps)),
            correction: (1.0 - beta2.powi(steps)).sqrt(),
        };
        let size = shape.iter().product::<usize>();
        let (value, first, second) = update.apply(value.reshape([size]), gradient, first, second);
        moments.insert(id, Moments { first, second });
        Param::from_mapped_value(id, value.reshape(shape), mapper)
    }
}
