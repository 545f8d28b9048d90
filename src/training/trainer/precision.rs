//! Numbers of 16 bits where the device has them; weights, losses and the optimiser stay in 32.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Device, FloatDType, Tensor};

use super::TrainedModel;
use crate::training::Warning;
use crate::training::config::TrainingConfig;

/// What the encoder computes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    Float32,
    Float16,
    Bfloat16,
}

impl Precision {
    /// What was asked for if the device has it, else 32 bits. The processor has no use for 16: it would be slower.
    pub fn of(config: &TrainingConfig, device: &Device) -> Self {
        let has = |dtype| *device != Device::flex() && device.supports_dtype(dtype);
        match (config.fp16, config.bf16) {
            (true, _) if has(DType::F16) => Self::Float16,
            (_, true) if has(DType::BF16) => Self::Bfloat16,
            _ => Self::Float32,
        }
    }

    /// That it is not what was asked for.
    pub fn lacking(self, config: &TrainingConfig) -> Option<Warning> {
        let wanted = if config.fp16 { "fp16" } else { "bf16" }.into();
        (self == Self::Float32 && (config.fp16 || config.bf16)).then_some(Warning::NoPrecision { wanted })
    }

    fn dtype(self) -> Option<FloatDType> {
        match self {
            Self::Float32 => None,
            Self::Float16 => Some(FloatDType::F16),
            Self::Bfloat16 => Some(FloatDType::BF16),
        }
    }

    /// The model that computes: the trained one, or a copy of its encoder in 16 bits.
    pub fn computing(self, model: &TrainedModel) -> TrainedModel {
        match self.dtype() {
            Some(dtype) => {
                TrainedModel { encoder: model.encoder.clone().map(&mut Cast(dtype)), heads: model.heads.clone() }
            }
            None => model.clone(),
        }
    }

    pub fn narrow(self, x: Tensor<2>) -> Tensor<2> {
        match self.dtype() {
            Some(dtype) => x.cast(dtype),
            None => x,
        }
    }
}

struct Cast(FloatDType);

impl ModuleMapper for Cast {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, value, mapper) = param.consume();
        // A table in the host's memory is read row by row.
        let value = if value.device() == Device::flex() { value } else { value.cast(self.0) };
        Param::from_mapped_value(id, value, mapper)
    }
}

/// Keeps small gradients above 0 in 16-bit floats (Micikevicius et al. 2018), as PyTorch's GradScaler:
/// doubled after 2,000 good steps, halved after an overflow.
pub struct LossScale {
    pub scale: f64,
    pub good_steps: u32,
    dynamic: bool,
}

impl LossScale {
    pub fn new(dynamic: bool) -> Self {
        Self { scale: if dynamic { 65_536.0 } else { 1.0 }, good_steps: 0, dynamic }
    }

    /// Whether a smaller scale may help against an overflow.
    pub fn can_shrink(&self) -> bool {
        self.dynamic && self.scale > 1.0
    }

    pub fn after(&mut self, good: bool) {
        if !self.dynamic {
            return;
        }
        if !good {
            self.scale = (self.scale / 2.0).max(1.0);
            self.good_steps = 0;
            return;
        }
        self.good_steps += 1;
        if self.good_steps == 2000 {
            self.scale *= 2.0;
            self.good_steps = 0;
        }
    }
}
