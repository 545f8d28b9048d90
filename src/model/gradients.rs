//! Gradients by parameter, summed up over passes.

use std::collections::{HashMap, HashSet};

use burn::module::ParamId;
use burn::tensor::{Device, FloatDType, Tensor};

use super::ops;

/// Sums of gradients of the parameters that are trained; those of others are not computed.
#[derive(Debug, Default)]
pub struct Gradients {
    trained: HashSet<ParamId>,
    /// Flat, in 32 bits; with a number by which they can be put into the same order in every run.
    sums: HashMap<ParamId, (usize, Option<Tensor<1>>)>,
}

impl Gradients {
    pub fn of(trained: HashSet<ParamId>) -> Self {
        Self { trained, sums: HashMap::new() }
    }

    pub fn wants(&self, id: ParamId) -> bool {
        self.trained.contains(&id)
    }

    pub fn wants_any(&self, ids: &[ParamId]) -> bool {
        ids.iter().any(|id| self.wants(*id))
    }

    fn update(&mut self, id: ParamId, change: impl FnOnce(Option<Tensor<1>>) -> Tensor<1>) {
        let next = self.sums.len();
        let (_, sum) = self.sums.entry(id).or_insert((next, None));
        *sum = Some(change(sum.take()));
    }

    pub fn add<const D: usize>(&mut self, id: ParamId, gradient: Tensor<D>) {
        if self.wants(id) {
            let size: usize = gradient.dims().iter().product();
            let gradient = gradient.cast(FloatDType::F32).reshape([size]);
            self.update(id, |sum| match sum {
                Some(sum) => sum + gradient,
                None => gradient,
            });
        }
    }

    /// Adds the gradient of a weight `[out, in]` from those of the outputs `[tokens, out]` and the inputs `[tokens, in]`.
    pub fn add_outer(&mut self, id: ParamId, outputs: &Tensor<2>, inputs: &Tensor<2>) {
        if self.wants(id) {
            self.update(id, |sum| ops::outer(outputs, inputs, sum));
        }
    }

    /// Adds the gradient of a bias from that of the outputs `[tokens, out]`.
    pub fn add_columns(&mut self, id: ParamId, outputs: &Tensor<2>) {
        if self.wants(id) {
            self.add(id, ops::column_sums(outputs));
        }
    }

    /// Adds to rows of a table `[entries, hidden]` the gradients `[tokens, hidden]` of where they were read. The sum lies
    /// where the table does.
    pub fn add_rows(&mut self, id: ParamId, table: &Tensor<2>, rows: &[u32], gradient: Tensor<2>) {
        if self.wants(id) {
            let (shape, device) = (table.dims(), table.device());
            let size = shape[0] * shape[1];
            let gradient = gradient.cast(FloatDType::F32);
            let gradient = if gradient.device() == device { gradient } else { gradient.to_device(&device) };
            self.update(id, |sum| {
                let sum = sum.unwrap_or_else(|| Tensor::zeros([size], &device));
                ops::add_rows(sum.reshape(shape), rows, gradient).reshape([size])
            });
        }
    }

    /// The sum of a parameter's gradients, flat; `None` where there was none.
    pub fn get(&self, id: ParamId) -> Option<&Tensor<1>> {
        self.sums.get(&id)?.1.as_ref()
    }

    pub fn remove(&mut self, id: ParamId) -> Option<Tensor<1>> {
        self.sums.remove(&id)?.1
    }

    /// What was summed up so far; the sums begin anew.
    pub fn take(&mut self) -> Self {
        Self { trained: self.trained.clone(), sums: std::mem::take(&mut self.sums) }
    }

    /// The global L2 norm, `[1]`, on this device; `None` if there are none.
    pub fn norm(&self, device: &Device) -> Option<Tensor<1>> {
        let mut sums: Vec<_> = self.sums.values().collect();
        sums.sort_by_key(|(number, _)| *number);
        let sums = sums.into_iter().filter_map(|(_, sum)| sum.as_ref());
        let squares: Vec<Tensor<1>> = sums.map(|sum| ops::sum_of_squares(sum).to_device(device)).collect();
        (!squares.is_empty()).then(|| Tensor::cat(squares, 0).sum().sqrt())
    }
}
