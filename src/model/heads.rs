//! From hidden states to the three kinds of vectors of BGE-M3 (Chen et al. 2024): dense, sparse, ColBERT.

use std::path::Path;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData, activation};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::ModelError;
use super::folder::place;
use super::layers::{Linear, Loader};
use super::weights::Weights;

/// How token vectors become one text vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// The first token's vector.
    Cls,
    /// The mean over the text's tokens, specials included.
    Mean,
    /// The last token's vector.
    LastToken,
}

/// The sparse and ColBERT heads.
#[derive(Module, Debug)]
pub struct Heads {
    /// `[1, hidden]`.
    pub sparse: Linear,
    /// `[colbert_dim, hidden]`.
    pub colbert: Linear,
}

pub(super) const SPARSE: &str = "sparse_linear";
pub(super) const COLBERT: &str = "colbert_linear";

impl Heads {
    /// Reads `sparse_linear.pt` and `colbert_linear.pt`; `None` unless both are there, as in FlagEmbedding.
    pub fn load(folder: &Path, hidden: usize, device: &Device) -> Result<Option<Self>, ModelError> {
        let read = |name: &str, width: Option<usize>| -> Result<Option<Linear>, ModelError> {
            let path = place(folder, &format!("{name}.pt"))?;
            if !path.is_file() {
                return Ok(None);
            }
            let weights = Weights::open_file(&path)?;
            let width = match width {
                Some(width) => width,
                None => weights.shape("weight")?.first().copied().unwrap_or(0),
            };
            let mut loader = Loader { weights: &weights, device, largest: u64::MAX, names: Vec::new() };
            Ok(Some(Linear::new(loader.param("weight", [width, hidden])?, loader.param("bias", [width])?)))
        };
        Ok(read(SPARSE, Some(1))?.zip(read(COLBERT, None)?).map(|(sparse, colbert)| Self { sparse, colbert }))
    }

    /// New heads, each weight and bias uniform within `±1/√hidden` (PyTorch's `nn.Linear`).
    pub fn fresh(hidden: usize, colbert_dim: usize, seed: u64, device: &Device) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let bound = 1.0 / (hidden as f32).sqrt();
        let mut values = |count: usize| -> Vec<f32> { (0..count).map(|_| rng.random_range(-bound..bound)).collect() };
        let mut linear = |width: usize| {
            let weight = TensorData::new(values(width * hidden), [width, hidden]);
            let bias = TensorData::new(values(width), [width]);
            Linear::new(
                Param::from_tensor(Tensor::from_data(weight, device)),
                Param::from_tensor(Tensor::from_data(bias, device)),
            )
        };
        Self { sparse: linear(1), colbert: linear(colbert_dim) }
    }

    /// Lexical weight of every token, `[batch, seq]`, not below 0. Padding and specials still have one.
    pub fn token_weights(&self, hidden: Tensor<3>) -> Tensor<2> {
        activation::relu(self.sparse.graph(hidden)).squeeze_dim(2)
    }

    /// ColBERT vectors `[batch, seq - 1, colbert_dim]`: the first token has none, padding is zero.
    pub fn colbert_vectors(&self, hidden: Tensor<3>, mask: Tensor<2>, normalize: bool) -> Tensor<3> {
        let [batch, seq, _] = hidden.dims();
        let vectors = self.colbert.graph(hidden.slice([0..batch, 1..seq]));
        let vectors = vectors * mask.slice([0..batch, 1..seq]).unsqueeze_dim(2);
        if normalize { normalized(vectors) } else { vectors }
    }
}

/// One vector a text, `[batch, hidden]`; `mask` `[batch, seq]` is 1 for tokens and 0 for padding on the right.
pub fn pool(hidden: Tensor<3>, mask: Tensor<2>, pooling: Pooling) -> Tensor<2> {
    let [batch, seq, size] = hidden.dims();
    match pooling {
        Pooling::Cls => hidden.slice([0..batch, 0..1]).reshape([batch, size]),
        Pooling::Mean => {
            let count = mask.clone().sum_dim(1);
            let sum: Tensor<2> = (hidden * mask.unsqueeze_dim(2)).sum_dim(1).squeeze_dim(1);
            sum / count
        }
        Pooling::LastToken => {
            // A place is last if it holds a token and the next one does not.
            let next =
                Tensor::cat(vec![mask.clone().slice([0..batch, 1..seq]), Tensor::zeros([batch, 1], &mask.device())], 1);
            let last = mask - next;
            (hidden * last.unsqueeze_dim(2)).sum_dim(1).squeeze_dim(1)
        }
    }
}

/// Vectors of length 1: `x / max(‖x‖, 1e-12)` over the last dimension. Zero stays zero, with gradient zero.
pub fn normalized<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let length = x.clone().square().sum_dim(D - 1).clamp_min(1e-24).sqrt();
    x / length
}
