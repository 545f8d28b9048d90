//! `config.json`: what kind of encoder a folder holds.

use std::path::Path;

use serde::Deserialize;

use super::ModelError;
use super::folder::place;
use crate::files;

/// The shape of an encoder, read from Hugging Face's `config.json`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct EncoderConfig {
    pub model_type: String,
    pub vocab_size: usize,
    pub hidden_size: usize,
    pub num_hidden_layers: usize,
    pub num_attention_heads: usize,
    pub intermediate_size: usize,
    pub max_position_embeddings: usize,
    #[serde(default = "one")]
    pub type_vocab_size: usize,
    #[serde(default = "layer_norm_eps")]
    pub layer_norm_eps: f64,
    #[serde(default = "dropout")]
    pub hidden_dropout_prob: f64,
    #[serde(default = "dropout")]
    pub attention_probs_dropout_prob: f64,
    #[serde(default)]
    pub pad_token_id: Option<usize>,
    #[serde(default = "gelu")]
    pub hidden_act: String,
    #[serde(default)]
    pub position_embedding_type: Option<String>,
    /// The classes that Hugging Face's library would load the folder with.
    #[serde(default)]
    pub architectures: Option<Vec<String>>,
}

fn one() -> usize {
    1
}

fn layer_norm_eps() -> f64 {
    1e-12
}

fn dropout() -> f64 {
    0.1
}

fn gelu() -> String {
    "gelu".into()
}

impl EncoderConfig {
    /// Reads and checks `config.json` of a model folder.
    pub fn read(folder: &Path) -> Result<Self, ModelError> {
        let path = place(folder, "config.json")?;
        let text = files::read_text(&path, files::WORDS).map_err(|error| {
            ModelError::file(&path, format!("{error}; a model folder holds config.json, tokenizer.json and model.safetensors or pytorch_model.bin"))
        })?;
        let config: Self = serde_json::from_str(&text).map_err(|error| ModelError::file(&path, error))?;
        config.check().map_err(|cause| ModelError::file(&path, cause))?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        if !matches!(self.model_type.as_str(), "bert" | "xlm-roberta" | "roberta") {
            return Err(format!(
                "model_type is `{}`; encoders of the types bert, xlm-roberta and roberta can be used",
                self.model_type
            ));
        }
        if self.hidden_act != "gelu" {
            return Err(format!("hidden_act is `{}`; only gelu is supported", self.hidden_act));
        }
        if self.position_embedding_type.as_deref().is_some_and(|kind| kind != "absolute") {
            return Err("position_embedding_type is not `absolute`, which alone is supported".into());
        }
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("intermediate_size", self.intermediate_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("type_vocab_size", self.type_vocab_size),
        ];
        if let Some((name, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return Err(format!("{name} is 0"));
        }
        // Far above every model of these types, and low enough that no product of two of them overflows.
        let most = |name: &str| match name {
            "vocab_size" | "max_position_embeddings" => 16 << 20,
            "num_hidden_layers" | "num_attention_heads" | "type_vocab_size" => 4096,
            _ => 256 << 10,
        };
        if let Some((name, size)) = sizes.iter().find(|(name, size)| *size > most(name)) {
            return Err(format!("{name} is {size}, which no model has: at most {} can be read", most(name)));
        }
        if !(self.layer_norm_eps > 0.0 && self.layer_norm_eps < 1.0) {
            return Err(format!("layer_norm_eps is {}; it must lie between 0 and 1", self.layer_norm_eps));
        }
        if self.padding_id() >= self.vocab_size {
            return Err(format!("pad_token_id is {}, of {} tokens", self.padding_id(), self.vocab_size));
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            return Err(format!(
                "hidden_size {} cannot be split among {} heads",
                self.hidden_size, self.num_attention_heads
            ));
        }
        if self.first_position() + 2 > self.max_position_embeddings {
            return Err(format!("max_position_embeddings {} leaves no room for a text", self.max_position_embeddings));
        }
        for (name, chance) in [
            ("hidden_dropout_prob", self.hidden_dropout_prob),
            ("attention_probs_dropout_prob", self.attention_probs_dropout_prob),
        ] {
            if !(0.0..1.0).contains(&chance) {
                return Err(format!("{name} is {chance}; it must be at least 0 and below 1"));
            }
        }
        Ok(())
    }

    /// Whether the folder holds a model that gives a pair of texts a score, not a text a vector.
    pub fn is_reranker(&self) -> bool {
        self.architectures.iter().flatten().any(|name| name.ends_with("ForSequenceClassification"))
    }

    /// RoBERTa counts positions from the padding token's id + 1 and gives padding none; BERT from 0.
    pub fn counts_from_padding(&self) -> bool {
        self.model_type != "bert"
    }

    /// The position of a text's first token.
    pub fn first_position(&self) -> usize {
        if self.counts_from_padding() { self.padding_id() + 1 } else { 0 }
    }

    pub fn padding_id(&self) -> usize {
        self.pad_token_id.unwrap_or(if self.counts_from_padding() { 1 } else { 0 })
    }

    /// The longest text in tokens that the position embeddings allow.
    pub fn longest(&self) -> usize {
        self.max_position_embeddings - self.first_position()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(name: &str, value: Value) -> Result<EncoderConfig, ModelError> {
        let folder = tempfile::tempdir().unwrap();
        let mut config = json!({
            "model_type": "xlm-roberta", "vocab_size": 100, "hidden_size": 8, "num_hidden_layers": 1,
            "num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 20,
        });
        config[name] = value;
        std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
        EncoderConfig::read(folder.path())
    }

    #[test]
    fn numbers_that_no_model_has_are_refused_with_their_name() {
        assert!(read("hidden_size", json!(16)).is_ok());
        for (name, value, reason) in [
            ("hidden_size", json!(1_000_000_000_000_u64), "at most 262144"),
            ("num_hidden_layers", json!(1_000_000_000), "at most 4096"),
            ("vocab_size", json!(u64::MAX), "at most"),
            ("intermediate_size", json!(0), "is 0"),
            ("num_attention_heads", json!(3), "cannot be split"),
            ("max_position_embeddings", json!(-1), "invalid value"),
            ("hidden_size", json!(8.5), "invalid type"),
            ("pad_token_id", json!(u64::MAX), "of 100 tokens"),
            ("layer_norm_eps", json!(0.0), "between 0 and 1"),
            ("hidden_dropout_prob", json!(1.5), "below 1"),
        ] {
            let error = read(name, value).unwrap_err().to_string();
            assert!(error.contains("config.json") && error.contains(reason), "{name}: {error}");
        }
        for text in ["", "[]", "{", "null", "\u{0}", &"[".repeat(100_000)] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("config.json"), text).unwrap();
            assert!(EncoderConfig::read(folder.path()).unwrap_err().to_string().contains("config.json"));
        }
    }
}
