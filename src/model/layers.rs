//! The building blocks of an encoder. Weights keep PyTorch's layout, so that they load and save as they are.

use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData, module};
use rand::{Rng, RngExt};

use super::ModelError;
use super::gradients::Gradients;
use super::ops::{self, LayerNormGradients, RowKeys};
use super::weights::{HostTensor, Weights};

/// `y = x Wᵀ + b` with `weight` `[out, in]` and `bias` `[out]`, and perhaps a low-rank change of the weight.
#[derive(Module, Debug)]
pub struct Linear {
    pub weight: Param<Tensor<2>>,
    pub bias: Param<Tensor<1>>,
    pub lora: Option<Lora>,
}

/// A low-rank change of a weight (Hu et al. 2021): `W + scale · B A`.
#[derive(Module, Debug)]
pub struct Lora {
    /// `[rank, in]`.
    pub a: Param<Tensor<2>>,
    /// `[out, rank]`.
    pub b: Param<Tensor<2>>,
    /// `lora_alpha / rank`.
    #[module(skip)]
    pub scale: f64,
    /// Chance that a value of the input is dropped before `A`.
    #[module(skip)]
    pub dropout: f64,
}

impl Lora {
    /// A change that is nothing yet: `A` uniform within `±1/√in`, `B` zero (as in peft).
    pub fn fresh(weight: &Tensor<2>, rank: usize, scale: f64, dropout: f64, rng: &mut impl Rng) -> Self {
        let ([to, from], device) = (weight.dims(), weight.device());
        let bound = 1.0 / (from as f32).sqrt();
        let values: Vec<f32> = (0..rank * from).map(|_| rng.random_range(-bound..bound)).collect();
        Self {
            a: Param::from_tensor(Tensor::from_data(TensorData::new(values, [rank, from]), &device)),
            b: Param::from_tensor(Tensor::zeros([to, rank], &device)),
            scale,
            dropout,
        }
    }

    fn input(&self, x: &Tensor<2>, rows: Option<&RowKeys>) -> Tensor<2> {
        match rows {
            Some(rows) if self.dropout > 0.0 => ops::dropout(x.clone(), rows, self.dropout),
            _ => x.clone(),
        }
    }

    fn narrow(&self, input: &Tensor<2>) -> Tensor<2> {
        input.clone().matmul(self.a.val().transpose()).mul_scalar(self.scale)
    }
}

impl Linear {
    pub fn new(weight: Param<Tensor<2>>, bias: Param<Tensor<1>>) -> Self {
        Self { weight, bias, lora: None }
    }

    /// The map with its low-rank change added to the weight.
    pub fn merged(mut self) -> Self {
        if let Some(lora) = self.lora.take() {
            let change = lora.b.val().matmul(lora.a.val()).mul_scalar(lora.scale);
            self.weight = self.weight.map(|weight| weight + change);
        }
        self
    }

    /// `[..., in]` to `[..., out]`, without the low-rank change; a graph is kept where `x` has one.
    pub fn graph<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        module::linear(x, self.weight.val().transpose(), Some(self.bias.val()))
    }

    /// `[tokens, in]` to `[tokens, out]`. `rows`: what the low-rank change's dropout draws with.
    pub fn forward(&self, x: &Tensor<2>, rows: Option<&RowKeys>) -> Tensor<2> {
        let y = ops::linear(x, &self.weight.val(), &self.bias.val());
        match &self.lora {
            Some(lora) => y + lora.narrow(&lora.input(x, rows)).matmul(lora.b.val().transpose()),
            None => y,
        }
    }

    /// The gradient of the input, added to `sum`; those of the parameters go to `gradients`.
    pub fn backward(
        &self,
        x: &Tensor<2>,
        dy: &Tensor<2>,
        rows: Option<&RowKeys>,
        gradients: &mut Gradients,
        sum: Option<Tensor<2>>,
    ) -> Tensor<2> {
        gradients.add_outer(self.weight.id, dy, x);
        gradients.add_columns(self.bias.id, dy);
        let dx = ops::multiply(dy, &self.weight.val(), sum);
        let Some(lora) = &self.lora else {
            return dx;
        };
        let input = lora.input(x, rows);
        gradients.add_outer(lora.b.id, dy, &lora.narrow(&input));
        let dnarrow = dy.clone().matmul(lora.b.val()).mul_scalar(lora.scale);
        gradients.add_outer(lora.a.id, &dnarrow, &input);
        dx + lora.input(&dnarrow.matmul(lora.a.val()), rows)
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
    pub fn forward(&self, x: &Tensor<2>) -> Tensor<2> {
        ops::layer_norm(x, &self.weight.val(), &self.bias.val(), self.eps)
    }

    /// The gradient of the input `x`; those of the parameters go to `gradients`.
    pub fn backward(&self, x: &Tensor<2>, dy: Tensor<2>, gradients: &mut Gradients) -> Tensor<2> {
        let LayerNormGradients { input, weight, bias } = ops::layer_norm_backward(x, &self.weight.val(), self.eps, dy);
        gradients.add(self.weight.id, weight);
        gradients.add(self.bias.id, bias);
        input
    }
}

/// Rows of a table `[entries, hidden]`.
#[derive(Module, Debug)]
pub struct Embedding {
    pub weight: Param<Tensor<2>>,
}

impl Embedding {
    /// One row a token, `[tokens, hidden]`.
    pub fn forward(&self, rows: &[u32]) -> Tensor<2> {
        ops::rows(&self.weight.val(), rows)
    }

    pub fn backward(&self, rows: &[u32], dy: Tensor<2>, gradients: &mut Gradients) {
        gradients.add_rows(self.weight.id, self.weight.val().dims(), rows, dy);
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
        Ok(Linear::new(self.param(&format!("{name}.weight"), [to, from])?, self.param(&format!("{name}.bias"), [to])?))
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
