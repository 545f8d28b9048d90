//! A model folder as Hugging Face and sentence-transformers lay it out.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::{Value, json};

use super::config::EncoderConfig;
use super::heads::{COLBERT, Pooling, SPARSE};
use super::tokenizer::Tokenizer;
use super::weights::Weights;
use super::{ModelError, TextKind};
use crate::files;

/// What a model folder says of itself; its weights are not read.
#[derive(Clone)]
pub struct ModelFolder {
    path: PathBuf,
    config: EncoderConfig,
    tokenizer: Tokenizer,
    pooling: Pooling,
    normalize: bool,
    max_length: usize,
    query_prefix: String,
    passage_prefix: String,
    fingerprint: OnceLock<String>,
}

#[derive(Deserialize)]
struct SentenceModule {
    #[serde(default)]
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

impl ModelFolder {
    /// Reads `config.json`, `tokenizer.json` and, where they are, the sentence-transformers files.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
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
        let modules = read_json::<Vec<SentenceModule>>(&place(path, "modules.json")?)?;
        let pooling = match modules.iter().flatten().find(|module| module.kind.ends_with("Pooling")) {
            Some(module) if module.path.is_empty() => read_pooling(&place(path, "config.json")?)?,
            Some(module) => read_pooling(&place(path, &format!("{}/config.json", module.path))?)?,
            None => Pooling::Cls,
        };
        let normalize =
            modules.as_ref().is_none_or(|modules| modules.iter().any(|module| module.kind.ends_with("Normalize")));
        let sentence = read_json::<Value>(&place(path, "sentence_bert_config.json")?)?.unwrap_or_default();
        let max_length =
            sentence["max_seq_length"].as_u64().map_or(usize::MAX, |length| length as usize).min(config.longest());
        let own = read_json::<Value>(&place(path, "config_sentence_transformers.json")?)?.unwrap_or_default();
        let prompt = |names: &[&str]| {
            names.iter().find_map(|name| own["prompts"][*name].as_str()).unwrap_or_default().to_owned()
        };
        Ok(Self {
            path: path.to_path_buf(),
            pooling,
            normalize,
            max_length,
            query_prefix: prompt(&["query"]),
            passage_prefix: prompt(&["passage", "document"]),
            config,
            tokenizer,
            fingerprint: OnceLock::new(),
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder's own name; of `…/RUN/model` the run's.
    pub fn name(&self) -> String {
        let mut path = self.path.as_path();
        if path.file_name().is_some_and(|name| name == "model") {
            path = path.parent().unwrap_or(path);
        }
        path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
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
        self.pooling
    }

    /// Whether dense and ColBERT vectors are scaled to length 1.
    pub fn normalize(&self) -> bool {
        self.normalize
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
        match kind {
            TextKind::Query => &self.query_prefix,
            TextKind::Passage => &self.passage_prefix,
            TextKind::InstructedQuery => "",
        }
    }

    /// A hash of everything that decides a text's vectors: weights, tokenizer and configuration.
    pub fn fingerprint(&self) -> Result<String, ModelError> {
        if let Some(known) = self.fingerprint.get() {
            return Ok(known.clone());
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(
            format!(
                "{:?} {:?} {} {} {:?} {:?}",
                self.config, self.pooling, self.normalize, self.max_length, self.query_prefix, self.passage_prefix
            )
            .as_bytes(),
        );
        let mut files = Weights::files(&self.path)?;
        files.push(place(&self.path, "tokenizer.json")?);
        for file in files {
            let mut content = std::fs::File::open(&file).map_err(|error| ModelError::file(&file, error))?;
            std::io::copy(&mut content, &mut hasher).map_err(|error| ModelError::file(&file, error))?;
        }
        Ok(self.fingerprint.get_or_init(|| hasher.finalize().to_hex().to_string()).clone())
    }

    /// The same folder, pooling and normalising as a run was told to.
    pub fn with_pooling(mut self, pooling: Pooling, normalize: bool) -> Self {
        self.pooling = pooling;
        self.normalize = normalize;
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
        let mut modules = vec![module(0, "", "Transformer"), module(1, "1_Pooling", "Pooling")];
        if self.normalize {
            modules.push(module(2, "2_Normalize", "Normalize"));
        }
        let pooling = json!({
            "word_embedding_dimension": self.hidden_size(),
            "pooling_mode_cls_token": self.pooling == Pooling::Cls,
            "pooling_mode_mean_tokens": self.pooling == Pooling::Mean,
            "pooling_mode_max_tokens": false,
            "pooling_mode_mean_sqrt_len_tokens": false,
            "pooling_mode_weightedmean_tokens": false,
            "pooling_mode_lasttoken": self.pooling == Pooling::LastToken,
            "include_prompt": true,
        });
        let sentence = json!({ "max_seq_length": self.max_length, "do_lower_case": false });
        for (name, content) in [
            ("config.json", config),
            ("modules.json", Value::Array(modules)),
            ("1_Pooling/config.json", pooling),
            ("sentence_bert_config.json", sentence),
        ] {
            companions.push((name.into(), format!("{content:#}\n").into_bytes()));
        }
        Ok(companions)
    }
}

/// A file of a model folder, which others may have filled: not outside it, unless in the blobs of Hugging Face's cache.
pub(super) fn place(folder: &Path, name: &str) -> Result<PathBuf, ModelError> {
    files::within(folder, name).map_err(|error| ModelError::file(folder.join(name), error))
}

fn module(index: usize, path: &str, kind: &str) -> Value {
    json!({ "idx": index, "name": index.to_string(), "path": path, "type": format!("sentence_transformers.models.{kind}") })
}

fn read_pooling(path: &Path) -> Result<Pooling, ModelError> {
    let config: Value = read_json(path)?.unwrap_or_default();
    let modes = [
        ("pooling_mode_cls_token", Pooling::Cls),
        ("pooling_mode_mean_tokens", Pooling::Mean),
        ("pooling_mode_lasttoken", Pooling::LastToken),
    ];
    let on = |name: &str| config[name].as_bool().unwrap_or(false);
    let other = ["pooling_mode_max_tokens", "pooling_mode_mean_sqrt_len_tokens", "pooling_mode_weightedmean_tokens"]
        .into_iter()
        .find(|name| on(name));
    match (modes.iter().find(|(name, _)| on(name)), other) {
        (Some((_, pooling)), None) => Ok(*pooling),
        (_, Some(other)) => {
            Err(ModelError::file(path, format!("{other} is not supported; cls, mean and last token are")))
        }
        (None, None) => Err(ModelError::file(path, "it names no pooling mode")),
    }
}

/// A JSON file, or `None` where there is none.
fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>, ModelError> {
    match files::read_text(path, files::WORDS) {
        Ok(text) => serde_json::from_str(&text).map(Some).map_err(|error| ModelError::file(path, error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ModelError::file(path, error)),
    }
}
