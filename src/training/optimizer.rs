//! AdamW with decoupled weight decay (Loshchilov and Hutter 2019), step by step as PyTorch's.

use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use super::config::TrainingConfig;

/// AdamW's memory of every parameter that has had a gradient.
pub struct AdamW {
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    weight_decay: f64,
    steps: i32,
    moments: HashMap<ParamId, Moments>,
}

/// Running means of a parameter's gradient and of its square, flat.
struct Moments {
    first: Tensor<1>,
    second: Tensor<1>,
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
        gradients: GradientsParams,
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
    gradients: GradientsParams,
    learning_rate: f64,
    factor: f64,
    decays: F,
}

impl<F: Fn(ParamId) -> bool> ModuleMapper for Update<'_, F> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = self.gradients.remove::<D>(param.id) else {
            return param;
        };
        let AdamW { beta1, beta2, epsilon, weight_decay, steps, ref mut moments } = *self.optimizer;
        let (id, value, mapper) = param.consume();
        let shape = value.dims();
        let size: usize = shape.iter().product();
        let gradient = gradient.reshape([size]).mul_scalar(self.factor);
        let (first, second) = match moments.remove(&id) {
            Some(Moments { first, second }) => (first.mul_scalar(beta1), second.mul_scalar(beta2)),
            None => (gradient.zeros_like(), gradient.zeros_like()),
        };
        let first = first + gradient.clone().mul_scalar(1.0 - beta1);
        let second = second + gradient.square().mul_scalar(1.0 - beta2);
        let decay = if (self.decays)(id) { 1.0 - self.learning_rate * weight_decay } else { 1.0 };
        let denominator = second.clone().sqrt().div_scalar((1.0 - beta2.powi(steps)).sqrt()).add_scalar(epsilon);
        let change = (first.clone() / denominator).mul_scalar(self.learning_rate / (1.0 - beta1.powi(steps)));
        let kept: Tensor<1> = value.inner().reshape([size]).mul_scalar(decay);
        moments.insert(id, Moments { first, second });
        Param::from_mapped_value(id, Tensor::from_inner((kept - change).reshape(shape)).require_grad(), mapper)
    }
}

/// The global L2 norm of all gradients, `[1]`, on their device; `None` if there are none.
pub fn gradient_norm<M: Module>(module: &M, gradients: &GradientsParams) -> Option<Tensor<1>> {
    struct Squares<'a> {
        gradients: &'a GradientsParams,
        sums: Vec<Tensor<1>>,
    }
    impl ModuleVisitor for Squares<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.gradients.get::<D>(param.id) {
                self.sums.push(gradient.square().sum());
            }
        }
    }
    let mut squares = Squares { gradients, sums: Vec::new() };
    module.visit(&mut squares);
    (!squares.sums.is_empty()).then(|| Tensor::cat(squares.sums, 0).sum().sqrt())
}
