//! Tensors into a safetensors file, one at a time.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::Path;

use burn::tensor::Tensor;
use serde_json::json;

use super::ModelError;
use super::embedding_model::read;
use super::weights::HostTensor;

/// What is to be written: 32-bit floats by name.
#[derive(Default)]
pub(crate) struct TensorFile<'a> {
    tensors: BTreeMap<String, (Vec<usize>, Source<'a>)>,
}

/// Where a tensor's values are until its turn to be written comes.
enum Source<'a> {
    /// On a device, flat.
    Device(Box<Tensor<1>>),
    Host(&'a HostTensor),
    /// Not made yet.
    Made(Box<dyn Fn() -> Result<Vec<f32>, ModelError> + 'a>),
}

impl<'a> TensorFile<'a> {
    pub fn device<const D: usize>(&mut self, name: &str, tensor: Tensor<D>) {
        let shape = tensor.dims().to_vec();
        let flat = tensor.reshape([shape.iter().product::<usize>()]);
        self.tensors.insert(name.to_owned(), (shape, Source::Device(Box::new(flat))));
    }

    pub fn host(&mut self, name: &str, tensor: &'a HostTensor) {
        self.tensors.insert(name.to_owned(), (tensor.shape.clone(), Source::Host(tensor)));
    }

    /// A tensor whose values are made when it is written.
    pub fn made(&mut self, name: &str, shape: Vec<usize>, values: impl Fn() -> Result<Vec<f32>, ModelError> + 'a) {
        self.tensors.insert(name.to_owned(), (shape, Source::Made(Box::new(values))));
    }

    /// Writes the tensors one by one, so that only one is on the host at a time.
    /// The format: an 8-byte length, a JSON header, the values.
    pub fn write(&self, path: &Path) -> Result<(), ModelError> {
        let failed = |error: std::io::Error| ModelError::file(path, format!("{error}; is there room on the disk?"));
        let mut header = serde_json::Map::from_iter([("__metadata__".to_owned(), json!({ "format": "pt" }))]);
        let mut end = 0;
        for (name, (shape, _)) in &self.tensors {
            let start = end;
            end += shape.iter().product::<usize>() * 4;
            header.insert(name.clone(), json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, end] }));
        }
        let mut header = serde_json::Value::Object(header).to_string();
        header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
        let mut file = BufWriter::new(fs::File::create(path).map_err(failed)?);
        file.write_all(&(header.len() as u64).to_le_bytes()).map_err(failed)?;
        file.write_all(header.as_bytes()).map_err(failed)?;
        for (_, source) in self.tensors.values() {
            let values = match source {
                Source::Device(flat) => Cow::Owned(read((**flat).clone())?),
                Source::Host(tensor) => Cow::Borrowed(&tensor.values),
                Source::Made(make) => Cow::Owned(make()?),
            };
            for value in values.iter() {
                file.write_all(&value.to_le_bytes()).map_err(failed)?;
            }
        }
        file.flush().map_err(failed)
    }
}
