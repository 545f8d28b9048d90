//! The building blocks of an encoder. Weights keep PyTorch's layout, so that they load and save as they are.

use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Int, Tensor, TensorData, module};

use super::ModelError;
use super::weights::{HostTensor, Weights};

/// `y = x Wᵀ + b` with `weight` `[out, in]` and `bias` `[out]`.
#[derive(Module, Debug)]
pub struct Linear {
    pub weight: Param<Tensor<2>>,
    pub bias: Param<Tensor<1>>,
}

impl Linear {
    /// `[..., in]` to `[..., out]`.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        module::linear(x, self.weight.val().transpose(), Some(self.bias.val()))
    }
}

/// Layer normalisation over the last dimension; `weight` and `bias` `[hidden]`.
#[derive(Module, Debug)]
pub struct LayerNorm {
    pub weight: Param<Tensor<1>>,
    pub bias: Param<Tensor<1>>,
    #[module(skip)]
    pub eps: f64,
}

impl LayerNorm {
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        module::layer_norm(x, self.weight.val(), Some(self.bias.val()), self.eps)
    }
}

/// Rows of a table `[entries, hidden]`.
#[derive(Module, Debug)]
pub struct Embedding {
    pub weight: Param<Tensor<2>>,
}

impl Embedding {
    /// `[batch, seq]` indices to `[batch, seq, hidden]`.
    pub fn forward(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        module::embedding(self.weight.val(), ids)
    }
}

/// Makes parameters on a device and remembers the name each has in the weight file.
pub struct Loader<'a> {
    pub weights: &'a Weights,
    pub device: &'a Device,
    pub names: Vec<(ParamId, String)>,
}

impl Loader<'_> {
    /// `NAME.weight` `[out, in]` and `NAME.bias` `[out]`.
    pub fn linear(&mut self, name: &str, from: usize, to: usize) -> Result<Linear, ModelError> {
        Ok(Linear {
            weight: self.param(&format!("{name}.weight"), [to, from])?,
            bias: self.param(&format!("{name}.bias"), [to])?,
        })
    }

    pub fn layer_norm(&mut self, name: &str, size: usize, eps: f64) -> Result<LayerNorm, ModelError> {
        Ok(LayerNorm {
            weight: self.param(&format!("{name}.weight"), [size])?,
            bias: self.param(&format!("{name}.bias"), [size])?,
            eps,
        })
    }

    pub fn embedding(&mut self, name: &str, entries: usize, size: usize) -> Result<Embedding, ModelError> {
        Ok(Embedding { weight: self.param(&format!("{name}.weight"), [entries, size])? })
    }

    pub fn param<const D: usize>(&mut self, name: &str, shape: [usize; D]) -> Result<Param<Tensor<D>>, ModelError> {
        let HostTensor { values, .. } = self.weights.tensor(name, &shape)?;
        let param = Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), self.device));
        self.names.push((param.id, name.into()));
        Ok(param)
    }
}
