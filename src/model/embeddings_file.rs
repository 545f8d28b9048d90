//! Vectors as a safetensors file that Python reads.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView};

use super::ModelError;
use super::embeddings::Embeddings;

impl Embeddings {
    /// Writes `dense` `[texts, hidden]`; if there are lexical weights, `sparse_indices` (token ids),
    /// `sparse_values` and `sparse_offsets` `[texts + 1]`; if there are ColBERT vectors, `colbert`
    /// `[tokens, size]` and `colbert_offsets` `[texts + 1]`. Text `i` has the entries from `offsets[i]`
    /// to `offsets[i + 1]`.
    pub fn save(&self, path: &Path) -> Result<(), ModelError> {
        let mut file = Parts::default();
        file.floats("dense", vec![self.dense.rows, self.dense.cols], &self.dense.values);
        if !self.sparse.is_empty() {
            let ids: Vec<i64> = self.sparse.iter().flat_map(|text| text.ids.iter().map(|&id| i64::from(id))).collect();
            let values: Vec<f32> = self.sparse.iter().flat_map(|text| text.weights.iter().copied()).collect();
            file.ints("sparse_indices", &ids);
            file.floats("sparse_values", vec![values.len()], &values);
            file.ints("sparse_offsets", &offsets(self.sparse.iter().map(|text| text.ids.len())));
        }
        if let Some(first) = self.colbert.first() {
            let values: Vec<f32> = self.colbert.iter().flat_map(|text| text.values.iter().copied()).collect();
            file.floats("colbert", vec![values.len() / first.cols.max(1), first.cols], &values);
            file.ints("colbert_offsets", &offsets(self.colbert.iter().map(|text| text.rows)));
        }
        file.write(path)
    }
}

fn offsets(lengths: impl Iterator<Item = usize>) -> Vec<i64> {
    let mut end = 0;
    std::iter::once(0)
        .chain(lengths.map(|length| {
            end += length as i64;
            end
        }))
        .collect()
}

#[derive(Default)]
struct Parts(BTreeMap<&'static str, (Dtype, Vec<usize>, Vec<u8>)>);

impl Parts {
    fn floats(&mut self, name: &'static str, shape: Vec<usize>, values: &[f32]) {
        self.0.insert(name, (Dtype::F32, shape, values.iter().flat_map(|value| value.to_le_bytes()).collect()));
    }

    fn ints(&mut self, name: &'static str, values: &[i64]) {
        self.0.insert(
            name,
            (Dtype::I64, vec![values.len()], values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        );
    }

    fn write(&self, path: &Path) -> Result<(), ModelError> {
        let failed = |error: String| {
            ModelError::file(path, format!("{error}; is there room on the disk, and may the file be written?"))
        };
        let views: Result<BTreeMap<_, _>, _> = self
            .0
            .iter()
            .map(|(name, (dtype, shape, bytes))| Ok((*name, TensorView::new(*dtype, shape.clone(), bytes)?)))
            .collect();
        let views = views.map_err(|error: safetensors::SafeTensorError| failed(error.to_string()))?;
        safetensors::serialize_to_file(views, None, path).map_err(|error| failed(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Matrix, SparseVector};

    #[test]
    fn offsets_find_every_text_again() {
        let embeddings = Embeddings {
            dense: Matrix { rows: 2, cols: 2, values: vec![1.0, 0.0, 0.0, 1.0] },
            sparse: vec![SparseVector { ids: vec![7, 9], weights: vec![0.5, 0.25] }, SparseVector::default()],
            colbert: vec![
                Matrix { rows: 1, cols: 2, values: vec![1.0, 2.0] },
                Matrix { rows: 2, cols: 2, values: vec![3.0; 4] },
            ],
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vectors.safetensors");
        embeddings.save(&path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let ints = |name: &str| -> Vec<i64> {
            file.tensor(name)
                .unwrap()
                .data()
                .as_chunks::<8>()
                .0
                .iter()
                .map(|bytes| i64::from_le_bytes(*bytes))
                .collect()
        };
        assert_eq!(file.tensor("dense").unwrap().shape(), [2, 2]);
        assert_eq!(ints("sparse_indices"), [7, 9]);
        assert_eq!(ints("sparse_offsets"), [0, 2, 2]);
        assert_eq!(ints("colbert_offsets"), [0, 1, 3]);
        assert_eq!(file.tensor("colbert").unwrap().shape(), [3, 2]);
    }
}
