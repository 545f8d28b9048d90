//! The operations of an encoder and their gradients, without a graph: what a layer keeps for its backward pass is the
//! layer's own choice. Each is right on every device and fast on the processor.
//!
//! Tensors are `[tokens, hidden]`, tokens of all texts below each other. Gradients are checked against
//! finite differences and, with the whole trainer, against FlagEmbedding's.

pub mod cpu;
mod cpu_attention;
mod device;
mod vector;

#[cfg(test)]
mod tests;

use burn::tensor::{Bool, IndexingUpdateOp, Tensor, activation, module};

pub use device::{RowKeys, SCORES};
pub use vector::hash;

use super::profile::timed;

/// Spreads neighbouring numbers over all 32 bits (2^32 over the golden ratio).
pub const SPREAD: u32 = 0x9E37_79B9;

/// Of 2^31 equally likely draws, those below this are dropped.
pub fn drop_limit(chance: f64) -> u32 {
    (chance * f64::from(1u32 << 31)) as u32
}

/// Where a text's tokens lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: usize,
    pub len: usize,
}

/// How tokens belong to texts.
#[derive(Clone, Debug)]
pub enum Grouping {
    /// The texts' tokens one after another, without padding.
    Packed(Vec<Span>),
    /// `texts · longest` tokens; `padding` `[texts, 1, 1, longest]` is true where there is none, or absent.
    Padded { texts: usize, longest: usize, padding: Option<Box<Tensor<4, Bool>>> },
}

/// Dropout of attention's chances.
pub struct AttentionDropout<'a> {
    pub chance: f64,
    pub rows: &'a RowKeys,
}

impl AttentionDropout<'_> {
    /// The number that a row of chances is drawn with.
    fn key(&self, token: usize, head: usize) -> u32 {
        hash(self.rows.host()[token].wrapping_add((head as u32).wrapping_mul(SPREAD)))
    }
}

/// `x Wᵀ + b`: `x` `[tokens, in]`, `weight` `[out, in]`, `bias` `[out]`.
pub fn linear(x: &Tensor<2>, weight: &Tensor<2>, bias: &Tensor<1>) -> Tensor<2> {
    timed("linear maps", || {
        if let (Some(values), Some(weights), Some(biases)) =
            (cpu::Values::of(x), cpu::Values::of(weight), cpu::Values::of(bias))
        {
            let y = cpu::linear(values.slice(), weights.slice(), biases.slice());
            return cpu::tensor(y, [x.dims()[0], bias.dims()[0]]);
        }
        module::linear(x.clone(), weight.clone().transpose(), Some(bias.clone()))
    })
}

/// `left · right`, added to `sum` if there is one.
pub fn multiply(left: &Tensor<2>, right: &Tensor<2>, sum: Option<Tensor<2>>) -> Tensor<2> {
    timed("gradients of their inputs", || {
        if let (Some(lefts), Some(rights)) = (cpu::Values::of(left), cpu::Values::of(right)) {
            let shape = [left.dims()[0], right.dims()[1]];
            let (lefts, rights) =
                (cpu::View::new(lefts.slice(), left.dims()[1]), cpu::View::new(rights.slice(), shape[1]));
            if let Some(mut sum) = sum.map(cpu::into_values) {
                cpu::multiply(sum.storage_mut(), lefts, rights, true, true);
                return cpu::from_values(sum);
            }
            let mut product = vec![0.0; shape[0] * shape[1]];
            cpu::multiply(&mut product, lefts, rights, false, true);
            return cpu::tensor(product, shape);
        }
        let product = left.clone().matmul(right.clone());
        match sum {
            Some(sum) => sum + product,
            None => product,
        }
    })
}

/// `leftᵀ · right`, flat and in 32 bits, added to `sum` if there is one: the gradient of a weight `[out, in]` from
/// those of the outputs `[tokens, out]` and the inputs `[tokens, in]`.
pub fn outer(left: &Tensor<2>, right: &Tensor<2>, sum: Option<Tensor<1>>) -> Tensor<1> {
    timed("gradients of their weights", || {
        let ([_, rows], [_, cols]) = (left.dims(), right.dims());
        if let (Some(lefts), Some(rights)) = (cpu::Values::of(left), cpu::Values::of(right)) {
            let (lefts, rights) =
                (cpu::View::new(lefts.slice(), rows).transposed(), cpu::View::new(rights.slice(), cols));
            if let Some(mut sum) = sum.map(cpu::into_values) {
                cpu::multiply(sum.storage_mut(), lefts, rights, true, true);
                return cpu::from_values(sum);
            }
            let mut product = vec![0.0; rows * cols];
            cpu::multiply(&mut product, lefts, rights, false, true);
            return cpu::tensor(product, [rows * cols]);
        }
        let product = device::wide(left.clone().transpose().matmul(right.clone())).reshape([rows * cols]);
        match sum {
            Some(sum) => sum + product,
            None => product,
        }
    })
}

/// Rows of a table `[entries, hidden]`, one a token.
pub fn rows(table: &Tensor<2>, rows: &[u32]) -> Tensor<2> {
    timed("rows of the embeddings", || {
        let [_, cols] = table.dims();
        match cpu::Values::of(table) {
            Some(values) => cpu::tensor(cpu::rows(values.slice(), cols, rows), [rows.len(), cols]),
            None => table.clone().select(0, device::indices(rows, &table.device())),
        }
    })
}

/// Adds rows `[tokens, hidden]` to those of a table that they belong to; a row may be named more than once.
pub fn add_rows(table: Tensor<2>, rows: &[u32], added: Tensor<2>) -> Tensor<2> {
    timed("gradients of the embeddings", || {
        let added = device::wide(added);
        if let Some(values) = cpu::Values::of(&added) {
            let [_, cols] = table.dims();
            let mut table = cpu::into_values(table);
            cpu::add_rows(table.storage_mut(), cols, rows, values.slice());
            return cpu::from_values(table);
        }
        let indices = device::indices(rows, &table.device());
        table.select_assign(0, indices, added, IndexingUpdateOp::Add)
    })
}

/// The sum of all squares, `[1]`.
pub fn sum_of_squares(x: &Tensor<1>) -> Tensor<1> {
    timed("norm of the gradient", || match cpu::Values::of(x) {
        Some(values) => cpu::tensor(vec![cpu::sum_of_squares(values.slice())], [1]),
        None => {
            let parts = device::pieces(x.dims()[0]).map(|piece| x.clone().slice(piece).square().sum());
            Tensor::cat(parts.collect(), 0).sum()
        }
    })
}

/// Sums of columns, in 32 bits.
pub fn column_sums(x: &Tensor<2>) -> Tensor<1> {
    timed("gradients of biases", || {
        let [_, cols] = x.dims();
        match cpu::Values::of(x) {
            Some(values) => cpu::tensor(cpu::column_sums(values.slice(), cols), [cols]),
            None => device::wide(x.clone()).sum_dim(0).reshape([cols]),
        }
    })
}

pub fn add(left: Tensor<2>, right: &Tensor<2>) -> Tensor<2> {
    timed("sums", || match cpu::Values::of(right) {
        Some(rights) if cpu::is_here(&left) => {
            let mut lefts = cpu::into_values(left);
            cpu::change(lefts.storage_mut(), rights.slice(), |left, right| left + right);
            cpu::from_values(lefts)
        }
        _ => left + right.clone(),
    })
}

/// `x · Φ(x)` (Hendrycks and Gimpel 2016).
pub fn gelu(x: &Tensor<2>) -> Tensor<2> {
    timed("GELU", || match cpu::Values::of(x) {
        Some(values) => cpu::tensor(cpu::gelu(values.slice()), x.dims()),
        None => activation::gelu(x.clone()),
    })
}

/// `dy · gelu'(x)`.
pub fn gelu_backward(x: &Tensor<2>, dy: Tensor<2>) -> Tensor<2> {
    timed("GELU, backward", || match (cpu::Values::of(x), cpu::Values::of(&dy)) {
        (Some(values), Some(above)) => {
            drop(above);
            let mut above = cpu::into_values(dy);
            cpu::gelu_backward(values.slice(), above.storage_mut());
            cpu::from_values(above)
        }
        _ => device::gelu_backward(x.clone(), dy),
    })
}

/// Layer normalisation of every row.
pub fn layer_norm(x: &Tensor<2>, weight: &Tensor<1>, bias: &Tensor<1>, eps: f64) -> Tensor<2> {
    timed("layer normalisation", || match (cpu::Values::of(x), cpu::Values::of(weight), cpu::Values::of(bias)) {
        (Some(values), Some(weight), Some(bias)) => {
            cpu::tensor(cpu::layer_norm(values.slice(), weight.slice(), bias.slice(), eps as f32), x.dims())
        }
        _ => device::layer_norm(x.clone(), weight.clone(), bias.clone(), eps),
    })
}

/// Gradients of a [`layer_norm`].
pub struct LayerNormGradients {
    pub input: Tensor<2>,
    pub weight: Tensor<1>,
    pub bias: Tensor<1>,
}

/// Gradients of [`layer_norm`] of `x`.
pub fn layer_norm_backward(x: &Tensor<2>, weight: &Tensor<1>, eps: f64, dy: Tensor<2>) -> LayerNormGradients {
    timed("layer normalisation, backward", || {
        if let (Some(values), Some(weights), Some(above)) =
            (cpu::Values::of(x), cpu::Values::of(weight), cpu::Values::of(&dy))
        {
            let (input, weight, bias) =
                cpu::layer_norm_backward(values.slice(), weights.slice(), eps as f32, above.slice());
            let cols = weight.len();
            return LayerNormGradients {
                input: cpu::tensor(input, x.dims()),
                weight: cpu::tensor(weight, [cols]),
                bias: cpu::tensor(bias, [cols]),
            };
        }
        device::layer_norm_backward(x.clone(), weight.clone(), eps, dy)
    })
}

/// Inverted dropout (Srivastava et al. 2014): values are 0, or scaled by `1 / (1 - chance)`. The same keys drop the same
/// values again, so the gradient's dropout is this function, too; on every device the same ones.
pub fn dropout(x: Tensor<2>, rows: &RowKeys, chance: f64) -> Tensor<2> {
    timed("dropout of hidden states", || {
        if cpu::is_here(&x) {
            let mut values = cpu::into_values(x);
            cpu::dropout(values.storage_mut(), rows.host(), chance);
            return cpu::from_values(values);
        }
        device::dropout(x, rows, chance)
    })
}

/// Scaled dot-product attention of every token to its text's tokens (Vaswani et al. 2017), `[tokens, hidden]`.
pub fn attention(
    [query, key, value]: [&Tensor<2>; 3],
    heads: usize,
    grouping: &Grouping,
    dropout: Option<&AttentionDropout>,
) -> Tensor<2> {
    timed("attention", || match grouping {
        Grouping::Packed(spans) => {
            let [queries, keys, values] = [query, key, value].map(cpu::Values::of);
            if let (Some(queries), Some(keys), Some(values)) = (&queries, &keys, &values) {
                let parts = packed_heads(queries, keys, values, query.dims()[1], heads);
                return cpu::tensor(cpu_attention::forward(parts, spans, dropout), query.dims());
            }
            unreachable!("tokens are packed on the processor only, where all is in 32 bits")
        }
        Grouping::Padded { texts, longest, padding } => device::attention(
            [query, key, value].map(Tensor::clone),
            device::Shape { texts: *texts, longest: *longest, heads },
            padding.as_deref(),
            dropout,
        ),
    })
}

/// Gradients of queries, keys and values; `context` is what [`attention`] gave.
pub fn attention_backward(
    [query, key, value]: [&Tensor<2>; 3],
    context: &Tensor<2>,
    dcontext: Tensor<2>,
    heads: usize,
    grouping: &Grouping,
    dropout: Option<&AttentionDropout>,
) -> [Tensor<2>; 3] {
    timed("attention, backward", || match grouping {
        Grouping::Packed(spans) => {
            let [queries, keys, values] = [query, key, value].map(cpu::Values::of);
            let [found, above] = [context, &dcontext].map(cpu::Values::of);
            if let (Some(queries), Some(keys), Some(values), Some(found), Some(above)) =
                (&queries, &keys, &values, &found, &above)
            {
                let parts = packed_heads(queries, keys, values, query.dims()[1], heads);
                return cpu_attention::backward(parts, found.slice(), above.slice(), spans, dropout)
                    .map(|gradient| cpu::tensor(gradient, query.dims()));
            }
            unreachable!("tokens are packed on the processor only, where all is in 32 bits")
        }
        Grouping::Padded { texts, longest, padding } => device::attention_backward(
            [query, key, value].map(Tensor::clone),
            [context.clone(), dcontext],
            device::Shape { texts: *texts, longest: *longest, heads },
            padding.as_deref(),
            dropout,
        ),
    })
}

fn packed_heads<'a>(
    query: &'a cpu::Values,
    key: &'a cpu::Values,
    value: &'a cpu::Values,
    hidden: usize,
    heads: usize,
) -> cpu_attention::Heads<'a> {
    cpu_attention::Heads { query: query.slice(), key: key.slice(), value: value.slice(), hidden, heads }
}

/// One step of AdamW for one parameter (Loshchilov and Hutter 2019; in the order of PyTorch's).
#[derive(Clone, Copy, Debug)]
pub struct AdamW {
    /// The gradient is multiplied by this first.
    pub factor: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    /// The value is multiplied by this first.
    pub decay: f64,
    /// Learning rate over `1 - beta1^step`.
    pub rate: f64,
    /// `√(1 - beta2^step)`.
    pub correction: f64,
}

impl AdamW {
    /// The new value, and the new means of gradients and of their squares; all flat.
    pub fn apply(
        self,
        value: Tensor<1>,
        gradient: Tensor<1>,
        first: Tensor<1>,
        second: Tensor<1>,
    ) -> (Tensor<1>, Tensor<1>, Tensor<1>) {
        timed("AdamW", || {
            if cpu::is_here(&value)
                && let Some(gradient) = cpu::Values::of(&gradient)
            {
                let [mut value, mut first, mut second] = [value, first, second].map(cpu::into_values);
                cpu::adamw(self, value.storage_mut(), gradient.slice(), first.storage_mut(), second.storage_mut());
                return (cpu::from_values(value), cpu::from_values(first), cpu::from_values(second));
            }
            if gradient.dims()[0] <= device::PIECE {
                return self.update(value, gradient, first, second);
            }
            // New tensors stand beside old ones until they are written: of a word table only a piece at a time.
            let (mut value, mut first, mut second) = (value, first, second);
            for piece in device::pieces(gradient.dims()[0]) {
                let part = |whole: &Tensor<1>| whole.clone().slice(piece.clone());
                let write = |whole: Tensor<1>, part: Tensor<1>| whole.slice_assign(piece.clone(), part);
                let parts = self.update(part(&value), part(&gradient), part(&first), part(&second));
                value = write(value, parts.0);
                first = write(first, parts.1);
                second = write(second, parts.2);
            }
            (value, first, second)
        })
    }

    /// The same in burn's operations.
    fn update(
        self,
        value: Tensor<1>,
        gradient: Tensor<1>,
        first: Tensor<1>,
        second: Tensor<1>,
    ) -> (Tensor<1>, Tensor<1>, Tensor<1>) {
        let Self { factor, beta1, beta2, epsilon, decay, rate, correction } = self;
        let gradient = gradient.mul_scalar(factor);
        let first = first.mul_scalar(beta1) + gradient.clone().mul_scalar(1.0 - beta1);
        let second = second.mul_scalar(beta2) + gradient.square().mul_scalar(1.0 - beta2);
        let denominator = second.clone().sqrt().div_scalar(correction).add_scalar(epsilon);
        let change = (first.clone() / denominator).mul_scalar(rate);
        (value.mul_scalar(decay) - change, first, second)
    }
}
