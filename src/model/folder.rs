//! A model folder as Hugging Face and sentence-transformers lay it out.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::Value;

use super::config::EncoderConfig;
use super::heads::{COLBERT, Pooling, SPARSE};
use super::sentence::SentenceConfig;
use super::tokenizer::Tokenizer;
use super::weights::Weights;
use super::{ModelError, TextKind, hub};
use crate::files;

/// What a model folder says of itself; its weights are not read.
#[derive(Clone)]
pub struct ModelFolder {
    path: PathBuf,
    config: EncoderConfig,
    tokenizer: Tokenizer,
    sentence: SentenceConfig,
    max_length: usize,
    fingerprint: OnceLock<String>,
}

impl ModelFolder {
    /// Reads `config.json`, `tokenizer.json` and, where they are, the sentence-transformers files. The name of a model
    /// of the hub stands for its folder in the cache.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let path = &*hub::resolve(path)?;
        if !path.is_dir() {
            return Err(ModelError::file(
                path,
                "there is no such folder; choose a folder with config.json, tokenizer.json and weights",
            ));
        }
        let config = EncoderConfig::read(path)?;
        let tokenizer = Tokenizer::read(path, config.padding_id())?;
        if tokenizer.vocabulary() > config.vocab_size {
            return Err(ModelError::file(
                path.join("tokenizer.json"),
                format!(
                    "it has {} tokens, but config.json says {}; the two belong to different models",
                    tokenizer.vocabulary(),
                    config.vocab_size
                ),
            ));
        }
        let sentence = SentenceConfig::read(path)?;
        let tokenizer = if sentence.lower_case { tokenizer.in_small_letters()? } else { tokenizer };
        Ok(Self {
            path: path.to_path_buf(),
            max_length: sentence.max_length.unwrap_or(usize::MAX).min(config.longest()),
            sentence,
            config,
            tokenizer,
            fingerprint: OnceLock::new(),
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder's own name as [`folder_name`] says it; of `…/RUN/model` the run's.
    pub fn name(&self) -> String {
        let mut path = self.path.as_path();
        if path.file_name().is_some_and(|name| name == "model") {
            path = path.parent().unwrap_or(path);
        }
        folder_name(path)
    }

    pub fn config(&self) -> &EncoderConfig {
        &self.config
    }

    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    pub fn hidden_size(&self) -> usize {
        self.config.hidden_size
    }

    pub fn layers(&self) -> usize {
        self.config.num_hidden_layers
    }

    /// The longest text that the model takes, in tokens.
    pub fn max_length(&self) -> usize {
        self.max_length
    }

    pub fn pooling(&self) -> Pooling {
        self.sentence.pooling
    }

    /// Whether dense and ColBERT vectors are scaled to length 1.
    pub fn normalize(&self) -> bool {
        self.sentence.normalize
    }

    /// Whether the folder has sparse and ColBERT heads.
    pub fn has_heads(&self) -> bool {
        [SPARSE, COLBERT].iter().all(|name| self.path.join(format!("{name}.pt")).is_file())
    }

    /// Whether the folder holds a [`Reranker`](super::Reranker), not an embedding model.
    pub fn is_reranker(&self) -> bool {
        self.config.is_reranker()
    }

    /// Whether `config.json` says that the weights are kept as integers with scales.
    pub fn is_quantized(&self) -> bool {
        let config = read_json::<Value>(&self.path.join("config.json"));
        config.is_ok_and(|config| config.is_some_and(|config| !config["quantization_config"].is_null()))
    }

    /// What the model expects before a text of this kind.
    pub fn prefix(&self, kind: TextKind) -> &str {
        self.sentence.prefix(kind)
    }

    /// A hash of everything that decides a text's vectors: weights, tokenizer and configuration.
    pub fn fingerprint(&self) -> Result<String, ModelError> {
        if let Some(known) = self.fingerprint.get() {
            return Ok(known.clone());
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(
            format!(
                "{:?} {:?} {} {} {:?} {:?}{}",
                self.config,
                self.sentence.pooling,
                self.sentence.normalize,
                self.max_length,
                self.sentence.query_prefix,
                self.sentence.passage_prefix,
                if self.sentence.lower_case { " lower case" } else { "" }
            )
            .as_bytes(),
        );
        let mut files = Weights::files(&self.path)?;
        files.extend(Tokenizer::files(&self.path));
        for file in files {
            let mut content = std::fs::File::open(&file).map_err(|error| ModelError::file(&file, error))?;
            std::io::copy(&mut content, &mut hasher).map_err(|error| ModelError::file(&file, error))?;
        }
        Ok(self.fingerprint.get_or_init(|| hasher.finalize().to_hex().to_string()).clone())
    }

    /// The same folder, pooling and normalising as a run was told to.
    pub fn with_pooling(mut self, pooling: Pooling, normalize: bool) -> Self {
        (self.sentence.pooling, self.sentence.normalize) = (pooling, normalize);
        self.fingerprint = OnceLock::new();
        self
    }

    /// The folder's files beside the weights: (name, content), as a tuned model carries them on.
    pub(super) fn companions(&self) -> Result<Vec<(PathBuf, Vec<u8>)>, ModelError> {
        let mut companions = Vec::new();
        for name in [
            "tokenizer.json",
            "tokenizer_config.json",
            "special_tokens_map.json",
            "sentencepiece.bpe.model",
            "vocab.txt",
            "config_sentence_transformers.json",
        ] {
            let path = place(&self.path, name)?;
            if path.is_file() {
                let content = files::read(&path, files::WORDS).map_err(|error| ModelError::file(&path, error))?;
                companions.push((name.into(), content));
            }
        }
        let path = place(&self.path, "config.json")?;
        let mut config: Value = read_json(&path)?.unwrap_or_default();
        if let Some(config) = config.as_object_mut() {
            // The weights are written as plain 32-bit floats.
            config.remove("quantization_config");
            config.insert("torch_dtype".into(), "float32".into());
        }
        let sentence = self.sentence.files(self.hidden_size(), self.max_length);
        for (name, content) in [("config.json", config)].into_iter().chain(sentence) {
            companions.push((name.into(), format!("{content:#}\n").into_bytes()));
        }
        Ok(companions)
    }
}

/// A file of a model folder, which others may have filled: not outside it, unless in the blobs of Hugging Face's cache.
pub(super) fn place(folder: &Path, name: &str) -> Result<PathBuf, ModelError> {
    files::within(folder, name).map_err(|error| ModelError::file(folder.join(name), error))
}

/// What a model's folder is called; of one in the hub's cache the model, without its owner.
pub fn folder_name(path: &Path) -> String {
    match hub::id_of_snapshot(path) {
        Some(id) => id.name().to_owned(),
        None => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
    }
}

/// A JSON file, or `None` where there is none.
pub(super) fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>, ModelError> {
    match files::read_text(path, files::WORDS) {
        Ok(text) => serde_json::from_str(&text).map(Some).map_err(|error| ModelError::file(path, error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ModelError::file(path, error)),
    }
}
