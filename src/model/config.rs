//! `config.json`: what kind of encoder a folder holds.

use std::path::Path;

use serde::Deserialize;

use super::ModelError;

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
        let path = folder.join("config.json");
        let text = std::fs::read_to_string(&path).map_err(|error| {
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
