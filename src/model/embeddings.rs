//! Vectors on the host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    pub rows: usize,
    pub cols: usize,
    pub values: Vec<f32>,
}
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SparseVector {
    pub ids: Vec<u32>,
    pub weights: Vec<f32>,
}
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embeddings {
    pub dense: Matrix,
    pub sparse: Vec<SparseVector>,
    pub colbert: Vec<Matrix>,
}
