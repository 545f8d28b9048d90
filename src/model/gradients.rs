//! Gradients by parameter, summed up over passes.

use std::collections::{HashMap, HashSet};

use burn::module::ParamId;
use burn::tensor::{FloatDType, Tensor};

use super::ops;

/// Sums of gradients of the parameters that are trained; those of others are not computed.
#[derive(Debug, Default)]
pub struct Gradients {
    trained: HashSet<ParamId>,
    /// Flat, in 32 bits.
    sums: HashMap<ParamId, Tensor<1>>,
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

    pub fn add<const D: usize>(&mut self, id: ParamId, gradient: Tensor<D>) {
        if self.wants(id) {
            let size: usize = gradient.dims().iter().product();
            let gradient = gradient.cast(FloatDType::F32).reshape([size]);
            let sum = match self.sums.remove(&id) {
                Some(sum) => sum + gradient,
                None => gradient,
            };
            self.sums.insert(id, sum);
        }
    }

    /// Adds the gradient of a weight `[out, in]` from those of the outputs `[tokens, out]` and the inputs `[tokens, in]`.
    pub fn add_outer(&mut self, id: ParamId, outputs: &Tensor<2>, inputs: &Tensor<2>) {
        if self.wants(id) {
            let sum = self.sums.remove(&id);
            self.sums.insert(id, ops::outer(outputs, inputs, sum));
        }
    }

    /// Adds the gradient of a bias from that of the outputs `[tokens, out]`.
    pub fn add_columns(&mut self, id: ParamId, outputs: &Tensor<2>) {
        if self.wants(id) {
            self.add(id, ops::column_sums(outputs));
        }
    }

    /// Adds to rows of a table `[entries, hidden]` the gradients `[tokens, hidden]` of where they were read.
    pub fn add_rows(&mut self, id: ParamId, shape: [usize; 2], rows: &[u32], gradient: Tensor<2>) {
        if self.wants(id) {
            let size = shape[0] * shape[1];
            let sum = self.sums.remove(&id).unwrap_or_else(|| Tensor::zeros([size], &gradient.device()));
            self.sums.insert(id, ops::add_rows(sum.reshape(shape), rows, gradient).reshape([size]));
        }
    }

    /// The sum of a parameter's gradients, flat; `None` where there was none.
    pub fn get(&self, id: ParamId) -> Option<&Tensor<1>> {
        self.sums.get(&id)
    }

    pub fn remove(&mut self, id: ParamId) -> Option<Tensor<1>> {
        self.sums.remove(&id)
    }

    /// What was summed up so far; the sums begin anew.
    pub fn take(&mut self) -> Self {
        Self { trained: self.trained.clone(), sums: std::mem::take(&mut self.sums) }
    }

    /// The global L2 norm, `[1]`, on the gradients' device; `None` if there are none.
    pub fn norm(&self) -> Option<Tensor<1>> {
        // In the parameters' order, so that a run's numbers do not depend on the map's.
        let mut ids: Vec<_> = self.sums.keys().collect();
        ids.sort();
        let squares: Vec<Tensor<1>> = ids.iter().map(|id| ops::sum_of_squares(&self.sums[*id])).collect();
        (!squares.is_empty()).then(|| Tensor::cat(squares, 0).sum().sqrt())
    }
}
