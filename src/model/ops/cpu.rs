//! The operations on the processor: rows shared out over its cores, loops in vector instructions, no copies of
//! operands. burn's own element-wise operations there use one core.

use burn::tensor::{DType, Device, Tensor, TensorData};
use burn_flex::{Flex, FlexTensor};
use gemm::Parallelism;
use pulp::Arch;
use rayon::prelude::*;

use super::vector;

/// Values of a tensor that lies in the processor's memory, row by row.
pub struct Values(FlexTensor);

impl Values {
    /// `None` for a tensor of another device or of other than 32-bit floats.
    pub fn of<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        if tensor.is_autodiff() || tensor.dtype() != DType::F32 {
            return None;
        }
        let tensor = tensor.clone().try_into_primitive::<Flex>().ok()?;
        Some(Self(if tensor.is_contiguous() { tensor } else { tensor.to_contiguous() }))
    }

    pub fn slice(&self) -> &[f32] {
        self.0.as_slice().unwrap_or_default()
    }
}

/// Whether [`Values::of`] and [`into_values`] can have a tensor.
pub fn is_here<const D: usize>(tensor: &Tensor<D>) -> bool {
    Values::of(tensor).is_some()
}

/// The values of a tensor that [is here](is_here), to be changed; copied only if somebody else holds them.
/// Panics for a tensor of another device.
pub fn into_values<const D: usize>(tensor: Tensor<D>) -> FlexTensor {
    let tensor = tensor.try_into_primitive::<Flex>().expect("the caller looked where the tensor lies");
    // What is stored is what is seen: no part of a larger tensor, nothing turned.
    let whole = tensor.layout().contiguous_offsets() == Some((0, tensor.storage::<f32>().len()));
    if whole { tensor } else { FlexTensor::from_data(tensor.into_data()) }
}

pub fn from_values<const D: usize>(values: FlexTensor) -> Tensor<D> {
    Tensor::from_primitive::<Flex>(values)
}

pub fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

/// Compiled for the widest vectors that the processor has.
#[inline(always)]
pub fn vectorized<R>(work: impl FnOnce() -> R) -> R {
    Arch::new().dispatch(work)
}

/// Rows that one task takes, so that tasks are neither tiny nor few.
fn rows_of_task(rows: usize, cols: usize) -> usize {
    let enough = 16_384_usize.div_ceil(cols.max(1));
    rows.div_ceil(4 * rayon::current_num_threads()).max(enough).max(1)
}

/// A matrix within a slice.
#[derive(Clone, Copy)]
pub struct View<'a> {
    values: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a> View<'a> {
    /// All of a slice, row by row.
    pub fn new(values: &'a [f32], cols: usize) -> Self {
        Self { values, rows: values.len() / cols.max(1), cols, row_stride: cols, col_stride: 1 }
    }

    pub fn rows(self, first: usize, rows: usize) -> Self {
        assert!(first + rows <= self.rows && self.col_stride == 1);
        Self { values: &self.values[first * self.row_stride..], rows, ..self }
    }

    pub fn columns(self, first: usize, cols: usize) -> Self {
        assert!(first + cols <= self.cols && self.col_stride == 1);
        Self { values: &self.values[first..], cols, ..self }
    }

    pub fn transposed(self) -> Self {
        Self { rows: self.cols, cols: self.rows, row_stride: self.col_stride, col_stride: self.row_stride, ..self }
    }

    /// A row of a view that is not transposed.
    pub fn row(self, row: usize) -> &'a [f32] {
        &self.values[row * self.row_stride..][..self.cols]
    }

    fn fits(self) -> bool {
        let last = self.rows.saturating_sub(1) * self.row_stride + self.cols.saturating_sub(1) * self.col_stride;
        self.rows == 0 || self.cols == 0 || last < self.values.len()
    }
}

/// `into = left · right`, or `into += left · right`; `into` row by row. All cores take part if `parallel`.
pub fn multiply(into: &mut [f32], left: View, right: View, add: bool, parallel: bool) {
    let (rows, cols, inner) = (left.rows, right.cols, left.cols);
    assert!(right.rows == inner && into.len() == rows * cols && left.fits() && right.fits());
    let parallel = parallel && rows * cols * inner > 1 << 18;
    // SAFETY: the strides and sizes describe places within the slices, as was just checked.
    unsafe {
        gemm::gemm(
            rows,
            cols,
            inner,
            into.as_mut_ptr(),
            1,
            cols as isize,
            add,
            left.values.as_ptr(),
            left.col_stride as isize,
            left.row_stride as isize,
            right.values.as_ptr(),
            right.col_stride as isize,
            right.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            if parallel { Parallelism::Rayon(0) } else { Parallelism::None },
        );
    }
}

/// `x Wᵀ + b`: `x` `[rows, in]`, `weight` `[out, in]`, `bias` `[out]`.
pub fn linear(x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let out = bias.len();
    let inner = weight.len() / out.max(1);
    let mut y = bias.repeat(x.len() / inner.max(1));
    multiply(&mut y, View::new(x, inner), View::new(weight, inner).transposed(), true, true);
    y
}

/// Rows of a table.
pub fn rows(table: &[f32], cols: usize, rows: &[u32]) -> Vec<f32> {
    rows.iter().flat_map(|row| &table[*row as usize * cols..][..cols]).copied().collect()
}

/// Adds each row of `added` to its row of the table.
pub fn add_rows(table: &mut [f32], cols: usize, rows: &[u32], added: &[f32]) {
    for (row, added) in rows.iter().zip(added.chunks_exact(cols)) {
        let row = &mut table[*row as usize * cols..][..cols];
        row.iter_mut().zip(added).for_each(|(sum, value)| *sum += value);
    }
}

/// In 64 bits, so that the order of the sum does not show.
pub fn sum_of_squares(values: &[f32]) -> f32 {
    let sums: Vec<f64> = values.par_chunks(1 << 16).map(|chunk| vectorized(|| f64::from(dot(chunk, chunk)))).collect();
    sums.iter().sum::<f64>() as f32
}

/// Sums of columns.
pub fn column_sums(values: &[f32], cols: usize) -> Vec<f32> {
    let rows = rows_of_task(values.len() / cols, cols);
    let add = |mut all: Vec<f32>, some: Vec<f32>| {
        all.iter_mut().zip(some).for_each(|(all, some)| *all += some);
        all
    };
    let partial: Vec<Vec<f32>> = values
        .par_chunks(rows * cols)
        .map(|chunk| {
            let mut sums = vec![0.0; cols];
            vectorized(|| {
                for row in chunk.chunks_exact(cols) {
                    sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
                }
            });
            sums
        })
        .collect();
    partial.into_iter().fold(vec![0.0; cols], add)
}

/// Changes every value by the value of `other` at its place.
pub fn change(values: &mut [f32], other: &[f32], change: impl Fn(f32, f32) -> f32 + Sync) {
    let task = rows_of_task(values.len(), 1);
    (values.par_chunks_mut(task), other.par_chunks(task)).into_par_iter().for_each(|(values, other)| {
        vectorized(|| {
            for (value, other) in values.iter_mut().zip(other) {
                *value = change(*value, *other);
            }
        });
    });
}

pub fn gelu(x: &[f32]) -> Vec<f32> {
    let mut y = vec![0.0; x.len()];
    change(&mut y, x, |_, x| vector::gelu(x));
    y
}

/// `dy` to `dy · gelu'(x)`.
pub fn gelu_backward(x: &[f32], dy: &mut [f32]) {
    change(dy, x, |dy, x| dy * vector::gelu_slope(x));
}

/// In a few running sums, which the compiler keeps in one vector.
#[inline(always)]
pub fn sum(values: &[f32]) -> f32 {
    let (chunks, rest) = values.as_chunks::<16>();
    let mut lanes = [0.0f32; 16];
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane += value);
    }
    lanes.iter().sum::<f32>() + rest.iter().sum::<f32>()
}

#[inline(always)]
pub fn dot(left: &[f32], right: &[f32]) -> f32 {
    let ((left, left_rest), (right, right_rest)) = (left.as_chunks::<16>(), right.as_chunks::<16>());
    let mut lanes = [0.0f32; 16];
    for (left, right) in left.iter().zip(right) {
        for lane in 0..16 {
            lanes[lane] += left[lane] * right[lane];
        }
    }
    lanes.iter().sum::<f32>() + left_rest.iter().zip(right_rest).map(|(left, right)| left * right).sum::<f32>()
}

/// Mean, and 1 over the standard deviation.
#[inline(always)]
fn moments(row: &[f32], eps: f32) -> (f32, f32) {
    let mean = sum(row) / row.len() as f32;
    let (chunks, rest) = row.as_chunks::<16>();
    let mut lanes = [0.0f32; 16];
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane += (value - mean) * (value - mean));
    }
    let squares = lanes.iter().sum::<f32>() + rest.iter().map(|value| (value - mean) * (value - mean)).sum::<f32>();
    (mean, 1.0 / (squares / row.len() as f32 + eps).sqrt())
}

pub fn layer_norm(x: &[f32], weight: &[f32], bias: &[f32], eps: f32) -> Vec<f32> {
    let cols = weight.len();
    let mut normed = vec![0.0; x.len()];
    let task = rows_of_task(x.len() / cols, cols) * cols;
    (normed.par_chunks_mut(task), x.par_chunks(task)).into_par_iter().for_each(|(normed, x)| {
        vectorized(|| {
            for (normed, x) in normed.chunks_exact_mut(cols).zip(x.chunks_exact(cols)) {
                let (mean, scale) = moments(x, eps);
                for place in 0..cols {
                    normed[place] = (x[place] - mean) * scale * weight[place] + bias[place];
                }
            }
        });
    });
    normed
}

/// Gradients of [`layer_norm`]'s input, weight and bias.
pub fn layer_norm_backward(x: &[f32], weight: &[f32], eps: f32, dy: &[f32]) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let cols = weight.len();
    let mut dx = vec![0.0; x.len()];
    let task = rows_of_task(x.len() / cols, cols) * cols;
    let sums: Vec<(Vec<f32>, Vec<f32>)> = (dx.par_chunks_mut(task), x.par_chunks(task), dy.par_chunks(task))
        .into_par_iter()
        .map(|(dx, x, dy)| {
            let (mut dweight, mut dbias) = (vec![0.0; cols], vec![0.0; cols]);
            let (mut unit, mut scaled) = (vec![0.0; cols], vec![0.0; cols]);
            vectorized(|| {
                let rows = dx.chunks_exact_mut(cols).zip(x.chunks_exact(cols)).zip(dy.chunks_exact(cols));
                for ((dx, x), dy) in rows {
                    let (mean, scale) = moments(x, eps);
                    for place in 0..cols {
                        unit[place] = (x[place] - mean) * scale;
                        scaled[place] = dy[place] * weight[place];
                        dweight[place] += dy[place] * unit[place];
                        dbias[place] += dy[place];
                    }
                    let level = sum(&scaled) / cols as f32;
                    let tilt = dot(&scaled, &unit) / cols as f32;
                    for place in 0..cols {
                        dx[place] = scale * (scaled[place] - level - unit[place] * tilt);
                    }
                }
            });
            (dweight, dbias)
        })
        .collect();
    let (mut dweight, mut dbias) = (vec![0.0; cols], vec![0.0; cols]);
    for (weights, biases) in sums {
        dweight.iter_mut().zip(weights).for_each(|(all, some)| *all += some);
        dbias.iter_mut().zip(biases).for_each(|(all, some)| *all += some);
    }
    (dx, dweight, dbias)
}

/// Drops values and scales those that are kept; `row_keys` has one number a row.
pub fn dropout(values: &mut [f32], row_keys: &[u32], chance: f64) {
    let cols = values.len() / row_keys.len().max(1);
    let task = rows_of_task(row_keys.len(), cols);
    let drop = Drop::new(chance);
    (values.par_chunks_mut(task * cols), row_keys.par_chunks(task)).into_par_iter().for_each(|(values, keys)| {
        vectorized(|| {
            for (row, key) in values.chunks_exact_mut(cols).zip(keys) {
                drop.row(row, *key);
            }
        });
    });
}

/// Which values of a row are dropped.
#[derive(Clone, Copy)]
pub struct Drop {
    limit: u32,
    scale: f32,
}

impl Drop {
    pub fn new(chance: f64) -> Self {
        Self { limit: super::drop_limit(chance), scale: (1.0 / (1.0 - chance)) as f32 }
    }

    #[inline(always)]
    pub fn factor(self, row_key: u32, column: usize) -> f32 {
        let drawn = vector::hash(row_key.wrapping_add((column as u32).wrapping_mul(super::SPREAD))) >> 1;
        if drawn < self.limit { 0.0 } else { self.scale }
    }

    #[inline(always)]
    pub fn row(self, row: &mut [f32], key: u32) {
        for (column, value) in row.iter_mut().enumerate() {
            *value *= self.factor(key, column);
        }
    }
}

/// [`super::AdamW`] in place.
pub fn adamw(step: super::AdamW, value: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32]) {
    let task = rows_of_task(value.len(), 1);
    let super::AdamW { factor, beta1, beta2, epsilon, decay, rate, correction } = step;
    let [factor, epsilon, decay, rate, correction] = [factor, epsilon, decay, rate, correction].map(|x| x as f32);
    let (keep1, take1, keep2, take2) = (beta1 as f32, (1.0 - beta1) as f32, beta2 as f32, (1.0 - beta2) as f32);
    (value.par_chunks_mut(task), gradient.par_chunks(task), first.par_chunks_mut(task), second.par_chunks_mut(task))
        .into_par_iter()
        .for_each(|(value, gradient, first, second)| {
            vectorized(|| {
                for (((value, gradient), first), second) in value.iter_mut().zip(gradient).zip(first).zip(second) {
                    let gradient = gradient * factor;
                    *first = *first * keep1 + gradient * take1;
                    *second = *second * keep2 + gradient * gradient * take2;
                    *value = *value * decay - *first / (second.sqrt() / correction + epsilon) * rate;
                }
            });
        });
}
