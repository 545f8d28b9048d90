//! The tensors of a model folder by name, read one at a time, whatever file holds them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use half::{bf16, f16};
use pytorch_reader::PytorchReader;
use rayon::prelude::*;
use safetensors::Dtype;
use serde::Deserialize;

use super::ModelError;
use super::folder::place;
use super::pickle;
use super::safetensors_file::{SafetensorsFile, Stored};
use crate::files;

/// A tensor on the host: its shape and its values, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct HostTensor {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// Tensors of one or more weight files.
///
/// int8 matrices (`NAME` I8 with `NAME_scale` F32, one a row; `w = q · scale`) come out as floats.
pub struct Weights {
    folder: PathBuf,
    places: BTreeMap<String, Place>,
}

enum Place {
    Safetensors { file: Arc<SafetensorsFile>, stored: Stored },
    Pytorch(pytorch_reader::Tensor),
}

/// A PyTorch file's tensors together may be so many times the file, since several may share their values.
const SHARED: u64 = 4;

#[derive(Deserialize)]
struct ShardIndex {
    weight_map: BTreeMap<String, String>,
}

impl Weights {
    /// Opens the encoder's weights: `model.safetensors` or `pytorch_model.bin`, whole or in shards.
    pub fn open(folder: &Path) -> Result<Self, ModelError> {
        let mut weights = Self { folder: folder.to_path_buf(), places: BTreeMap::new() };
        for index in
            ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"]
        {
            let path = place(folder, index)?;
            if !path.is_file() {
                continue;
            }
            for file in shards(&path)? {
                weights.add(&file)?;
            }
            return Ok(weights);
        }
        Err(ModelError::file(
            folder,
            "there is neither model.safetensors nor pytorch_model.bin; choose a folder with a model's weights",
        ))
    }

    /// The weight files of a folder, heads included, in a fixed order.
    pub fn files(folder: &Path) -> Result<Vec<PathBuf>, ModelError> {
        for index in
            ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"]
        {
            let path = place(folder, index)?;
            if path.is_file() {
                let mut files = shards(&path)?;
                for name in ["sparse_linear.pt", "colbert_linear.pt"] {
                    files.extend(Some(place(folder, name)?).filter(|path| path.is_file()));
                }
                return Ok(files);
            }
        }
        Ok(Vec::new())
    }

    /// Opens one `.safetensors`, `.bin` or `.pt` file.
    pub fn open_file(path: &Path) -> Result<Self, ModelError> {
        let mut weights = Self { folder: path.to_path_buf(), places: BTreeMap::new() };
        weights.add(path)?;
        Ok(weights)
    }

    fn add(&mut self, path: &Path) -> Result<(), ModelError> {
        if path.extension().is_some_and(|extension| extension == "safetensors") {
            let (file, tensors) = SafetensorsFile::open(path)?;
            let file = Arc::new(file);
            for (name, stored) in tensors {
                self.insert(path, &name, Place::Safetensors { file: file.clone(), stored })?;
            }
        } else {
            let damaged = |error: String| ModelError::file(path, format!("{error}; fetch it again"));
            pickle::check(path).map_err(|cause| ModelError::file(path, cause))?;
            let reader =
                PytorchReader::new(path).map_err(|error| damaged(format!("not a PyTorch weight file ({error})")))?;
            let tensors = reader.into_tensors();
            let size = path.metadata().map_err(|error| ModelError::file(path, error))?.len();
            let bytes = tensors.values().fold(0, |sum: u64, tensor| sum.saturating_add(tensor.byte_len() as u64));
            if bytes > size.saturating_mul(SHARED) {
                return Err(damaged(format!("its tensors would take {bytes} bytes of memory, and it has only {size}")));
            }
            for (name, tensor) in tensors {
                self.insert(path, &name, Place::Pytorch(tensor))?;
            }
        }
        Ok(())
    }

    fn insert(&mut self, path: &Path, name: &str, place: Place) -> Result<(), ModelError> {
        let name = plain(name);
        match self.places.insert(name.clone(), place) {
            None => Ok(()),
            Some(_) => Err(ModelError::file(path, format!("the tensor `{name}` is there twice; fetch it again"))),
        }
    }

    /// All names, without the prefix that some savers put before them; scales are not listed.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str).filter(|name| !self.is_scale(name))
    }

    fn is_scale(&self, name: &str) -> bool {
        name.strip_suffix("_scale").is_some_and(|scaled| self.places.contains_key(scaled))
    }

    /// A tensor of a model: it must have this shape, and its values must be finite numbers.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<HostTensor, ModelError> {
        // Before its values are read: a wrong one may be of any size.
        let found = self.shape(name)?;
        if found != shape {
            return Err(ModelError::Shape {
                path: self.folder.clone(),
                tensor: name.into(),
                found,
                wanted: shape.to_vec(),
            });
        }
        let tensor = self.any_shape(name)?;
        // Without a way out in the middle, so that it is done many values at a time.
        let is_sound = |part: &[f32]| part.iter().fold(true, |sound, value| sound & value.is_finite());
        if tensor.values.par_chunks(PART).all(is_sound) {
            return Ok(tensor);
        }
        match tensor.values.iter().position(|value| !value.is_finite()) {
            None => Ok(tensor),
            Some(at) => {
                let value = tensor.values[at];
                Err(ModelError::NotFinite { path: self.folder.clone(), tensor: name.into(), at, value })
            }
        }
    }

    /// A tensor's shape; its values are not read.
    pub fn shape(&self, name: &str) -> Result<Vec<usize>, ModelError> {
        let missing = || ModelError::MissingTensor { path: self.folder.clone(), tensor: name.into() };
        match self.places.get(name).ok_or_else(missing)? {
            Place::Safetensors { stored, .. } => Ok(stored.shape.clone()),
            Place::Pytorch(tensor) => Ok(tensor.shape().to_vec()),
        }
    }

    /// A tensor of whatever shape.
    pub fn any_shape(&self, name: &str) -> Result<HostTensor, ModelError> {
        let mut tensor = self.raw(name)?;
        let scale = format!("{name}_scale");
        if self.places.contains_key(&scale) {
            let scales = self.raw(&scale)?;
            let rows = tensor.shape.first().copied().unwrap_or(0);
            if scales.values.len() != rows {
                return Err(ModelError::Shape {
                    path: self.folder.clone(),
                    tensor: scale,
                    found: scales.shape,
                    wanted: vec![rows, 1],
                });
            }
            let width = tensor.values.len() / rows.max(1);
            for (row, scale) in tensor.values.chunks_mut(width.max(1)).zip(&scales.values) {
                row.iter_mut().for_each(|value| *value *= scale);
            }
        }
        Ok(tensor)
    }

    fn raw(&self, name: &str) -> Result<HostTensor, ModelError> {
        let missing = || ModelError::MissingTensor { path: self.folder.clone(), tensor: name.into() };
        match self.places.get(name).ok_or_else(missing)? {
            Place::Safetensors { file, stored } => {
                let values = match stored.dtype {
                    Dtype::F32 => file.values(stored, f32::from_le_bytes),
                    Dtype::F16 => file.values(stored, |bytes| f16::from_le_bytes(bytes).to_f32()),
                    Dtype::BF16 => file.values(stored, |bytes| bf16::from_le_bytes(bytes).to_f32()),
                    Dtype::F64 => file.values(stored, |bytes| f64::from_le_bytes(bytes) as f32),
                    Dtype::I8 => file.values(stored, |[byte]| f32::from(byte as i8)),
                    other => {
                        return Err(ModelError::file(
                            file.path(),
                            format!(
                                "the tensor `{name}` holds {other:?}; weights are F32, F16, BF16, F64 or I8 with a scale"
                            ),
                        ));
                    }
                };
                Ok(HostTensor { shape: stored.shape.clone(), values: values? })
            }
            Place::Pytorch(tensor) => {
                use pytorch_reader::DType;
                let bytes = tensor.read().map_err(|error| ModelError::file(&self.folder, error))?;
                let values = match tensor.dtype() {
                    DType::F32 => floats(&bytes, f32::from_ne_bytes),
                    DType::F16 => floats(&bytes, |bytes| f16::from_ne_bytes(bytes).to_f32()),
                    DType::BF16 => floats(&bytes, |bytes| bf16::from_ne_bytes(bytes).to_f32()),
                    DType::F64 => floats(&bytes, |bytes| f64::from_ne_bytes(bytes) as f32),
                    other => {
                        return Err(ModelError::file(
                            &self.folder,
                            format!("the tensor `{name}` holds {other:?}; weights are F32, F16, BF16 or F64"),
                        ));
                    }
                };
                Ok(HostTensor { shape: tensor.shape().to_vec(), values })
            }
        }
    }
}

/// A weight's name without the wrappers that some savers put around the encoder, and in PyTorch's words where a model
/// came from TensorFlow.
fn plain(name: &str) -> String {
    const WRAPPERS: [&str; 7] = ["module.", "0.", "auto_model.", "model.", "bert.", "roberta.", "xlm_roberta."];
    let is_encoder = |name: &str| ["embeddings.", "encoder.", "pooler."].iter().any(|begin| name.starts_with(begin));
    let mut rest = name;
    while !is_encoder(rest) {
        match WRAPPERS.iter().find_map(|wrapper| rest.strip_prefix(wrapper)) {
            Some(inner) => rest = inner,
            None => return name.into(),
        }
    }
    match rest.strip_suffix(".gamma").zip(Some(".weight")).or(rest.strip_suffix(".beta").zip(Some(".bias"))) {
        Some((norm, part)) if norm.ends_with("LayerNorm") => format!("{norm}{part}"),
        _ => rest.into(),
    }
}

fn shards(path: &Path) -> Result<Vec<PathBuf>, ModelError> {
    if path.extension().is_none_or(|extension| extension != "json") {
        return Ok(vec![path.to_path_buf()]);
    }
    let text = files::read_text(path, files::WORDS).map_err(|error| ModelError::file(path, error))?;
    let index: ShardIndex = serde_json::from_str(&text).map_err(|error| ModelError::file(path, error))?;
    let mut names: Vec<_> = index.weight_map.into_values().collect();
    names.sort();
    names.dedup();
    let folder = path.parent().unwrap_or(Path::new("."));
    names
        .into_iter()
        .map(|name| {
            if Path::new(&name).file_name().is_none_or(|file| file != name.as_str()) {
                return Err(ModelError::file(path, format!("`{name}` is not a file name")));
            }
            place(folder, &name)
        })
        .collect()
}

/// Values that a core works through at a time.
const PART: usize = 1 << 16;

/// On all cores: much of it is getting hold of fresh memory.
fn floats<const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> f32 + Sync) -> Vec<f32> {
    bytes.as_chunks::<N>().0.par_iter().with_min_len(PART).map(|chunk| read(*chunk)).collect()
}
