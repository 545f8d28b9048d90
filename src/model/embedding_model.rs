//! A whole model: texts in, vectors out; from a folder, and into one.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::{Device, Tensor};

use super::card::{CARD, is_untouched};
use super::embeddings::{Embeddings, Matrix, SparseVector};
use super::encoder::Encoder;
use super::folder::ModelFolder;
use super::heads::{COLBERT, Heads, SPARSE, normalized, pool};
use super::layers::Loader;
use super::tensor_file::TensorFile;
use super::texts::TokenTensors;
use super::weights::{HostTensor, Weights};
use super::{ModelError, torch};
use crate::compute::largest_tensor;

/// Which side of a search a text stands on; some models put another prefix before each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextKind {
    Query,
    Passage,
    /// A question that has an instruction of its own before it, so that the model's prefix is left out.
    InstructedQuery,
}

/// How texts are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodeOptions {
    /// Longest text in tokens, specials included; the model's own if not given, and never above it.
    pub max_length: Option<usize>,
    /// Texts computed at a time; fewer if they are longer than [`USUAL_LENGTH`].
    pub batch_size: usize,
    pub sparse: bool,
    pub colbert: bool,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self { max_length: None, batch_size: 16, sparse: false, colbert: false }
    }
}

/// Tokens of a text, as `batch_size` reckons with them.
const USUAL_LENGTH: usize = 512;

impl EncodeOptions {
    /// Tokens of the longest text that a model reads.
    pub fn longest(&self, folder: &ModelFolder) -> usize {
        self.max_length.unwrap_or(usize::MAX).min(folder.max_length())
    }

    /// Texts of up to so many tokens that are computed at a time.
    fn batch_of(&self, tokens: usize) -> usize {
        (self.batch_size * USUAL_LENGTH / tokens.max(USUAL_LENGTH)).max(1)
    }
}

/// An encoder with its tokenizer and, if it has them, its sparse and ColBERT heads, on a device.
pub struct EmbeddingModel {
    pub(crate) folder: ModelFolder,
    pub(crate) encoder: Encoder,
    pub(crate) heads: Option<Heads>,
    /// What each of the encoder's parameters is called in a weight file.
    pub(crate) names: Vec<(ParamId, String)>,
    /// Tensors of the weight file that the encoder does not use (the pooler), carried on when saving.
    pub(crate) unused: BTreeMap<String, HostTensor>,
}

impl EmbeddingModel {
    /// Loads a model folder onto a device, tensor by tensor.
    pub fn load(path: &Path, device: &Device) -> Result<Self, ModelError> {
        Self::load_folder(ModelFolder::open(path)?, device)
    }

    /// Loads the weights of a folder that is open already.
    pub fn load_folder(folder: ModelFolder, device: &Device) -> Result<Self, ModelError> {
        Self::load_within(folder, device, largest_tensor(device))
    }

    /// For a device that takes tensors of at most so many bytes: larger tables stay in the host's memory.
    pub(crate) fn load_within(folder: ModelFolder, device: &Device, largest: u64) -> Result<Self, ModelError> {
        let weights = Weights::open(folder.path())?;
        let mut loader = Loader { weights: &weights, device, largest, names: Vec::new() };
        let encoder = Encoder::load(folder.config(), &mut loader)?;
        let names = loader.names;
        let mut unused = BTreeMap::new();
        for name in weights.names() {
            let is_pooler = name.starts_with("pooler.");
            if is_pooler && !names.iter().any(|(_, used)| used == name) {
                unused.insert(name.to_owned(), weights.any_shape(name)?);
            }
        }
        let heads = Heads::load(folder.path(), folder.hidden_size(), device)?;
        Ok(Self { folder, encoder, heads, names, unused })
    }

    pub fn folder(&self) -> &ModelFolder {
        &self.folder
    }

    pub fn has_heads(&self) -> bool {
        self.heads.is_some()
    }

    /// The model's device.
    pub fn device(&self) -> Device {
        self.encoder.embeddings.norm.weight.val().device()
    }

    /// Vectors of texts, in their order, each text after the model's own prefix for its kind.
    ///
    /// `progress` gets the texts done and their number after every batch; `Break` ends with
    /// [`ModelError::Stopped`]. Sparse and ColBERT vectors are left out where the model has no heads.
    pub fn encode(
        &self,
        texts: &[&str],
        kind: TextKind,
        options: &EncodeOptions,
        progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<Embeddings, ModelError> {
        let prefix = self.folder.prefix(kind);
        let prefixed: Vec<Cow<str>> = texts
            .iter()
            .map(|text| if prefix.is_empty() { Cow::Borrowed(*text) } else { Cow::Owned(format!("{prefix}{text}")) })
            .collect();
        let rows = self.folder.tokenizer().ids_of_all(&prefixed, options.longest(&self.folder))?;
        self.encode_ids(&rows, options, progress)
    }

    fn encode_ids(
        &self,
        rows: &[Vec<u32>],
        options: &EncodeOptions,
        progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<Embeddings, ModelError> {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        // Texts of like length together: little padding. The longest first: too large a batch shows at once.
        order.sort_by_key(|&row| std::cmp::Reverse(rows[row].len()));
        let size = self.folder.hidden_size();
        let mut dense = Matrix { rows: rows.len(), cols: size, values: vec![0.0; rows.len() * size] };
        let heads = self.heads.as_ref();
        let mut sparse = vec![SparseVector::default(); if options.sparse && heads.is_some() { rows.len() } else { 0 }];
        let mut colbert = vec![Matrix::default(); if options.colbert && heads.is_some() { rows.len() } else { 0 }];
        let (mut done, mut rest) = (0, order.as_slice());
        while let Some(&longest) = rest.first() {
            let (places, after) = rest.split_at(options.batch_of(rows[longest].len()).min(rest.len()));
            rest = after;
            let texts: Vec<&[u32]> = places.iter().map(|&place| rows[place].as_slice()).collect();
            let batch = self.folder.tokenizer().pad(&texts, None);
            let tokens = TokenTensors::new(&batch, &self.encoder.embeddings, &self.device());
            let hidden = tokens.padded(self.encoder.forward(&tokens));
            let pooled = pool(hidden.clone(), tokens.mask.clone(), self.folder.pooling());
            let pooled = if self.folder.normalize() { normalized(pooled) } else { pooled };
            for (row, &place) in read(pooled)?.chunks(size).zip(places) {
                dense.values[place * size..(place + 1) * size].copy_from_slice(row);
            }
            if let (Some(heads), true) = (heads, options.sparse) {
                let weights = read(heads.token_weights(hidden.clone()))?;
                for (row, &place) in weights.chunks(batch.length).zip(places) {
                    sparse[place] = self.lexical_weights(&rows[place], row);
                }
            }
            if let (Some(heads), true) = (heads, options.colbert) {
                let vectors = heads.colbert_vectors(hidden, tokens.mask.clone(), self.folder.normalize());
                let cols = vectors.dims()[2];
                let values = read(vectors)?;
                for (row, &place) in values.chunks((batch.length - 1) * cols).zip(places) {
                    let kept = rows[place].len().saturating_sub(1);
                    colbert[place] = Matrix { rows: kept, cols, values: row[..kept * cols].to_vec() };
                }
            }
            done += places.len();
            if progress(done, rows.len()).is_break() && done < rows.len() {
                return Err(ModelError::Stopped);
            }
        }
        Ok(Embeddings { dense, sparse, colbert })
    }

    /// The largest weight of every token id; specials and weights of 0 are left out (SparseEmbed's max pooling).
    fn lexical_weights(&self, ids: &[u32], weights: &[f32]) -> SparseVector {
        let mut largest: BTreeMap<u32, f32> = BTreeMap::new();
        for (&id, &weight) in ids.iter().zip(weights) {
            if weight > 0.0 && !self.folder.tokenizer().is_special(id) {
                let known = largest.entry(id).or_insert(weight);
                *known = known.max(weight);
            }
        }
        let (ids, weights) = largest.into_iter().unzip();
        SparseVector { ids, weights }
    }

    /// Writes the model as a Hugging Face folder: `model.safetensors`, the heads as `.pt`, the tokenizer's
    /// files, and what sentence-transformers needs to pool as this model does.
    ///
    /// A folder that is there is replaced only when the new one is whole.
    pub fn save(&self, folder: &Path) -> Result<(), ModelError> {
        save_folder(&self.folder, folder, |new| {
            self.write_encoder(&new.join("model.safetensors"))?;
            if let Some(heads) = &self.heads {
                for (name, linear) in [(SPARSE, &heads.sparse), (COLBERT, &heads.colbert)] {
                    let (weight, bias) = (host(linear.weight.val())?, host(linear.bias.val())?);
                    torch::save(&new.join(format!("{name}.pt")), name, &[("weight", &weight), ("bias", &bias)])?;
                }
            }
            Ok(())
        })
    }

    fn write_encoder(&self, path: &Path) -> Result<(), ModelError> {
        let names: HashMap<ParamId, &str> = self.names.iter().map(|(id, name)| (*id, name.as_str())).collect();
        let mut collector = Collector { names, tensors: TensorFile::default() };
        self.encoder.visit(&mut collector);
        let mut tensors = collector.tensors;
        for (name, tensor) in &self.unused {
            tensors.host(name, tensor);
        }
        tensors.write(path)
    }
}

struct Collector<'a> {
    names: HashMap<ParamId, &'a str>,
    tensors: TensorFile<'a>,
}

impl ModuleVisitor for Collector<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(name) = self.names.get(&param.id) {
            self.tensors.device(name, param.val());
        }
    }
}

/// Makes a model folder: what lies beside the weights comes from another, `write_weights` puts its files into the
/// folder that it gets. A folder that is there is replaced only when the new one is whole.
pub(super) fn save_folder(
    like: &ModelFolder,
    folder: &Path,
    write_weights: impl FnOnce(&Path) -> Result<(), ModelError>,
) -> Result<(), ModelError> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |error: std::io::Error| {
            ModelError::file(&path, format!("{error}; is there room on the disk, and may this folder be written?"))
        }
    };
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(failed(parent))?;
    let new = tempfile::Builder::new().prefix(".model-").tempdir_in(parent).map_err(failed(parent))?;
    for (name, content) in like.companions()? {
        let path = new.path().join(name);
        if let Some(inner) = path.parent() {
            fs::create_dir_all(inner).map_err(failed(inner))?;
        }
        fs::write(&path, content).map_err(failed(&path))?;
    }
    // What a person wrote of the model that is replaced is not ours to throw away.
    let card = fs::read(folder.join(CARD)).unwrap_or_default();
    if !card.is_empty() && !is_untouched(&card) {
        fs::write(new.path().join(CARD), card).map_err(failed(new.path()))?;
    }
    write_weights(new.path())?;
    for file in walk(new.path()).map_err(failed(new.path()))? {
        fs::File::open(&file).and_then(|file| file.sync_all()).map_err(failed(&file))?;
    }
    replace(new, folder).map_err(failed(folder))
}

/// A tensor's values on the host, row by row.
pub(crate) fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, ModelError> {
    tensor.try_into_vec_as::<f32>().map_err(ModelError::device)
}

fn host<const D: usize>(tensor: Tensor<D>) -> Result<HostTensor, ModelError> {
    Ok(HostTensor { shape: tensor.dims().to_vec(), values: read(tensor)? })
}

fn walk(folder: &Path) -> std::io::Result<Vec<std::path::PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { files.extend(walk(&path)?) } else { files.push(path) }
    }
    Ok(files)
}

/// Puts a whole new folder where an old one may be.
fn replace(new: tempfile::TempDir, folder: &Path) -> std::io::Result<()> {
    let aside = new.path().with_extension("old");
    let had_old = folder.exists();
    if had_old && !folder.is_dir() {
        return Err(std::io::ErrorKind::NotADirectory.into());
    }
    if had_old {
        fs::rename(folder, &aside)?;
    }
    let new = new.keep();
    if let Err(error) = fs::rename(&new, folder) {
        if had_old {
            let _ = fs::rename(&aside, folder);
        }
        let _ = fs::remove_dir_all(&new);
        return Err(error);
    }
    if had_old {
        fs::remove_dir_all(&aside)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_computed_fewer_at_a_time() {
        let options = EncodeOptions { batch_size: 16, ..EncodeOptions::default() };
        assert_eq!([1, 512, 513, 1024, 8192, 100_000].map(|tokens| options.batch_of(tokens)), [16, 16, 15, 8, 1, 1]);
        assert_eq!(EncodeOptions { batch_size: 0, ..options }.batch_of(9), 1);
    }
}
