//! The operations in burn's own, for graphics cards: element-wise ones are fused there by burn.

use std::ops::Range;
use std::sync::OnceLock;

use burn::tensor::{Bool, DType, Device, FloatDType, Int, Tensor, TensorData, activation, module};

use super::{AttentionDropout, LayerNormGradients, SPREAD, drop_limit};

/// Added to the attention scores of padding. Far below any score, and within reach of 16-bit floats.
const MASKED: f64 = -3e4;

/// Scores computed at a time, of all heads and texts together: 64 MiB in 32 bits. Few in unit tests, so that there are
/// several blocks.
pub const SCORES: usize = if cfg!(test) { 128 } else { 1 << 24 };
const LEAST_ROWS: usize = if cfg!(test) { 2 } else { 16 };

/// Values of a parameter that are worked on at a time: 16 MiB in 32 bits, as many as BGE-M3's largest layer has. Few in
/// unit tests, so that there are several pieces.
pub const PIECE: usize = if cfg!(test) { 64 } else { 1 << 22 };

/// Ranges of at most [`PIECE`] of so many values.
pub fn pieces(values: usize) -> impl Iterator<Item = Range<usize>> {
    (0..values).step_by(PIECE).map(move |start| start..values.min(start + PIECE))
}

/// Numbers that dropout draws with, one a token: the same for the same token of the same text of a micro-batch, wherever
/// it lies.
#[derive(Clone, Debug)]
pub struct RowKeys {
    host: Vec<u32>,
    device: Device,
    /// `[tokens, 1]`.
    uploaded: OnceLock<Tensor<2, Int>>,
}

impl RowKeys {
    pub fn new(host: Vec<u32>, device: Device) -> Self {
        Self { host, device, uploaded: OnceLock::new() }
    }

    pub fn host(&self) -> &[u32] {
        &self.host
    }

    fn tensor(&self) -> Tensor<2, Int> {
        let upload = || {
            let keys: Vec<i32> = self.host.iter().map(|key| *key as i32).collect();
            Tensor::from_data(TensorData::new(keys, [self.host.len(), 1]), (&self.device, DType::I32))
        };
        self.uploaded.get_or_init(upload).clone()
    }
}

/// In 32 bits.
pub fn wide<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    if x.dtype() == DType::F32 { x } else { x.cast(FloatDType::F32) }
}

/// Row numbers as a tensor.
pub fn indices(rows: &[u32], device: &Device) -> Tensor<1, Int> {
    let rows: Vec<i32> = rows.iter().map(|row| *row as i32).collect();
    let count = rows.len();
    Tensor::from_data(TensorData::new(rows, [count]), (device, DType::I32))
}

fn like<const D: usize>(x: Tensor<D>, other: DType) -> Tensor<D> {
    if x.dtype() == other { x } else { x.cast(other) }
}

/// [`super::hash`] of every number.
fn hash<const D: usize>(x: Tensor<D, Int>) -> Tensor<D, Int> {
    // Numbers are signed here: what a shift draws in from the left is masked away.
    let fold = |x: Tensor<D, Int>, by: i32| {
        let shifted = x.clone().bitwise_right_shift_scalar(by).bitwise_and_scalar((u32::MAX >> by) as i32);
        x.bitwise_xor(shifted)
    };
    let x = fold(x, 16).mul_scalar(0x7feb_352d_i32);
    let x = fold(x, 15).mul_scalar(0x846c_a68b_u32 as i32);
    fold(x, 16)
}

/// `[.., columns]` factors, 0 or `1 / (1 - chance)`, from keys `[.., 1]`.
fn factors<const D: usize>(keys: Tensor<D, Int>, columns: usize, chance: f64) -> Tensor<D> {
    let spread: Vec<i32> = (0..columns as u32).map(|column| column.wrapping_mul(SPREAD) as i32).collect();
    let mut shape = [1; D];
    shape[D - 1] = columns;
    let spread = Tensor::<D, Int>::from_data(TensorData::new(spread, shape), (&keys.device(), DType::I32));
    let drawn = hash(keys + spread).bitwise_right_shift_scalar(1).bitwise_and_scalar(i32::MAX);
    drawn.greater_equal_scalar(drop_limit(chance) as i32).float().mul_scalar(1.0 / (1.0 - chance))
}

pub fn dropout(x: Tensor<2>, rows: &RowKeys, chance: f64) -> Tensor<2> {
    let factors = factors(rows.tensor(), x.dims()[1], chance);
    let dtype = x.dtype();
    x * like(factors, dtype)
}

pub fn gelu_backward(x: Tensor<2>, dy: Tensor<2>) -> Tensor<2> {
    let dtype = x.dtype();
    let x = wide(x);
    let below = x.clone().div_scalar(std::f64::consts::SQRT_2).erf().add_scalar(1.0).mul_scalar(0.5);
    let bell = x.clone().square().mul_scalar(-0.5).exp().div_scalar(std::f64::consts::TAU.sqrt());
    like(wide(dy) * (below + x * bell), dtype)
}

pub fn layer_norm(x: Tensor<2>, weight: Tensor<1>, bias: Tensor<1>, eps: f64) -> Tensor<2> {
    let dtype = x.dtype();
    like(module::layer_norm(wide(x), wide(weight), Some(wide(bias)), eps), dtype)
}

pub fn layer_norm_backward(x: Tensor<2>, weight: Tensor<1>, eps: f64, dy: Tensor<2>) -> LayerNormGradients {
    let dtype = x.dtype();
    let cols = x.dims()[1];
    let (x, dy) = (wide(x), wide(dy));
    let centred = x.clone() - x.mean_dim(1);
    let scale = centred.clone().square().mean_dim(1).add_scalar(eps).sqrt().recip();
    let unit = centred * scale.clone();
    let scaled = dy.clone() * wide(weight).unsqueeze();
    let tilt = (scaled.clone() * unit.clone()).mean_dim(1);
    let input = (scaled.clone() - scaled.mean_dim(1) - unit.clone() * tilt) * scale;
    LayerNormGradients {
        input: like(input, dtype),
        weight: (dy.clone() * unit).sum_dim(0).reshape([cols]),
        bias: dy.sum_dim(0).reshape([cols]),
    }
}

#[derive(Clone, Copy)]
pub struct Shape {
    pub texts: usize,
    pub longest: usize,
    pub heads: usize,
}

impl Shape {
    /// `[texts · longest, hidden]` to `[texts, heads, longest, size]`.
    fn split(self, x: Tensor<2>) -> Tensor<4> {
        let size = x.dims()[1] / self.heads;
        x.reshape([self.texts, self.longest, self.heads, size]).swap_dims(1, 2)
    }

    fn join(self, x: Tensor<4>) -> Tensor<2> {
        let hidden = x.dims()[1] * x.dims()[3];
        x.swap_dims(1, 2).reshape([self.texts * self.longest, hidden])
    }

    /// First row and number of rows of each block of queries.
    fn blocks(self) -> impl Iterator<Item = (usize, usize)> {
        let rows =
            (SCORES / (self.texts * self.heads * self.longest).max(1)).clamp(LEAST_ROWS, self.longest.max(LEAST_ROWS));
        (0..self.longest).step_by(rows).map(move |first| (first, rows.min(self.longest - first)))
    }

    /// Chances `[texts, heads, rows, longest]` of a block of queries, before dropout, in 32 bits.
    fn chances(self, query: Tensor<4>, key: Tensor<4>, padding: Option<&Tensor<4, Bool>>) -> Tensor<4> {
        let [_, _, rows, size] = query.dims();
        let scores = wide(query.mul_scalar(1.0 / (size as f64).sqrt()).matmul(key.transpose()));
        let scores = match padding {
            Some(padding) => {
                scores.mask_fill(padding.clone().expand([self.texts, self.heads, rows, self.longest]), MASKED)
            }
            None => scores,
        };
        activation::softmax(scores, 3)
    }

    /// Dropout's factors of a block's chances.
    fn factors(self, dropout: &AttentionDropout, first: usize, rows: usize) -> Tensor<4> {
        let tokens = dropout.rows.tensor().reshape([self.texts, 1, self.longest, 1]).narrow(2, first, rows);
        let heads: Vec<i32> = (0..self.heads as u32).map(|head| head.wrapping_mul(SPREAD) as i32).collect();
        let heads = TensorData::new(heads, [1, self.heads, 1, 1]);
        let heads = Tensor::<4, Int>::from_data(heads, (&tokens.device(), DType::I32));
        factors(hash(tokens + heads), self.longest, dropout.chance)
    }
}

pub fn attention(
    parts: [Tensor<2>; 3],
    shape: Shape,
    padding: Option<&Tensor<4, Bool>>,
    dropout: Option<&AttentionDropout>,
) -> Tensor<2> {
    let [query, key, value] = parts.map(|part| shape.split(part));
    let dtype = query.dtype();
    let blocks = shape.blocks().map(|(first, rows)| {
        let query = query.clone().narrow(2, first, rows);
        let mut chances = shape.chances(query, key.clone(), padding);
        if let Some(dropout) = dropout {
            chances = chances * shape.factors(dropout, first, rows);
        }
        like(chances, dtype).matmul(value.clone())
    });
    shape.join(Tensor::cat(blocks.collect(), 2))
}

pub fn attention_backward(
    parts: [Tensor<2>; 3],
    context: [Tensor<2>; 2],
    shape: Shape,
    padding: Option<&Tensor<4, Bool>>,
    dropout: Option<&AttentionDropout>,
) -> [Tensor<2>; 3] {
    let [query, key, value] = parts.map(|part| shape.split(part));
    let [context, above] = context.map(|part| shape.split(part));
    let dtype = query.dtype();
    let scale = 1.0 / (query.dims()[3] as f64).sqrt();
    let add = |sum: Option<Tensor<4>>, part: Tensor<4>| {
        Some(match sum {
            Some(sum) => sum + part,
            None => part,
        })
    };
    let (mut dquery, mut dkey, mut dvalue) = (Vec::new(), None, None);
    for (first, rows) in shape.blocks() {
        let block = |x: &Tensor<4>| x.clone().narrow(2, first, rows);
        let (query, above, context) = (block(&query), block(&above), block(&context));
        let chances = shape.chances(query.clone(), key.clone(), padding);
        let mut dchances = wide(above.clone().matmul(value.clone().transpose()));
        let kept = match dropout {
            Some(dropout) => {
                let factors = shape.factors(dropout, first, rows);
                dchances = dchances * factors.clone();
                chances.clone() * factors
            }
            None => chances.clone(),
        };
        dvalue = add(dvalue, like(kept, dtype).transpose().matmul(above.clone()));
        // Σ_j P_ij dP_ij, by the product of context and its gradient (Dao et al. 2022).
        let level = (wide(context) * wide(above)).sum_dim(3);
        let dscores = like((chances * (dchances - level)).mul_scalar(scale), dtype);
        dquery.push(dscores.clone().matmul(key.clone()));
        dkey = add(dkey, dscores.transpose().matmul(query));
    }
    let joined = |x: Option<Tensor<4>>| shape.join(x.unwrap_or_else(|| query.zeros_like()));
    [shape.join(Tensor::cat(dquery, 2)), joined(dkey), joined(dvalue)]
}
