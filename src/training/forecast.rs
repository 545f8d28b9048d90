//! How much memory a run takes, before it starts.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::config::TrainingConfig;
use crate::compute::Limits;
use crate::model::EncoderConfig;
use crate::model::ops::SCORES;

/// Bytes of a run on its device, by what they are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryForecast {
    pub parameters: u64,
    /// Of what is trained.
    pub gradients: u64,
    /// AdamW's two means of what is trained.
    pub optimizer: u64,
    /// What the forward pass keeps for the backward pass.
    pub activations: u64,
    /// What is there only while one layer, or the heads, are computed.
    pub workspace: u64,
    /// The largest tensor.
    pub largest_tensor: u64,
}

/// Texts of a micro-batch, in tokens as the device computes them: with padding, but for the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MicroBatchSize {
    pub queries: usize,
    pub query_tokens: usize,
    pub passages: usize,
    pub passage_tokens: usize,
}

impl MicroBatchSize {
    /// The largest micro-batch that a configuration allows.
    pub fn largest(config: &TrainingConfig, longest: usize) -> Self {
        let queries = config.per_device_train_batch_size;
        Self {
            queries,
            query_tokens: config.query_max_len.min(longest),
            passages: queries * config.train_group_size,
            passage_tokens: config.passage_max_len.min(longest),
        }
    }
}

/// Bytes of a 32-bit float.
const FLOAT: u64 = 4;

impl MemoryForecast {
    /// For an encoder of this shape, its heads `colbert_dim` wide.
    pub fn of(config: &TrainingConfig, encoder: &EncoderConfig, batch: &MicroBatchSize) -> Self {
        let size = |number: usize| number as u64;
        let (hidden, inner) = (size(encoder.hidden_size), size(encoder.intermediate_size));
        let layers = size(encoder.num_hidden_layers);
        let trained_layers = match config.trainable_layers {
            _ if config.fix_encoder => 0,
            Some(top) => size(top).min(layers),
            None => layers,
        };
        let colbert = size(config.colbert_dim.unwrap_or(encoder.hidden_size));
        let heads = if config.unified_finetuning { (hidden + 1) * (colbert + 1) } else { 0 };

        let norm = 2 * hidden;
        let words = size(encoder.vocab_size) * hidden;
        let positions = size(encoder.max_position_embeddings) * hidden;
        let embeddings = words + positions + size(encoder.type_vocab_size) * hidden + norm;
        let square = hidden * hidden + hidden;
        let layer = 4 * square + (hidden * inner + inner) + (inner * hidden + hidden) + 2 * norm;
        let lora = if config.use_lora { trained_layers * lora_values(config, hidden, inner) } else { 0 };
        let trained = heads
            + if config.use_lora {
                lora
            } else {
                let fixed = if config.fix_word_embedding { words } else { 0 }
                    + if config.fix_position_embedding { positions } else { 0 };
                trained_layers * layer + if trained_layers == layers { embeddings - fixed } else { 0 }
            };
        let parameters = embeddings + layers * layer + heads + lora;

        // One piece of texts goes through the encoder at a time; without pieces, each side does.
        let texts = config.sub_batch_size.unwrap_or(batch.passages).min(batch.passages);
        let piece = size(texts * batch.passage_tokens);
        let queries = size(batch.queries * batch.query_tokens);
        let whole = texts == batch.passages;
        let kept = if config.gradient_checkpointing { hidden } else { 7 * hidden + inner };
        // Without pieces the questions' side is kept while the passages' goes forward.
        let activations = trained_layers * kept * (piece + if whole { queries } else { 0 });
        let again = if config.gradient_checkpointing { 6 * hidden + inner } else { 0 };
        let backward = piece * (again + 2 * inner + 3 * hidden);
        let vectors = if config.unified_finetuning { 9 * colbert + 4 * hidden } else { 4 * hidden };
        let all_vectors =
            if config.unified_finetuning { 3 * colbert * size(batch.passages * batch.passage_tokens) } else { 0 };
        let scores = size(texts * encoder.num_attention_heads) * size(batch.passage_tokens).pow(2);
        Self {
            parameters: parameters * FLOAT,
            gradients: trained * FLOAT,
            optimizer: 2 * trained * FLOAT,
            activations: activations * FLOAT,
            workspace: (backward.max(piece * vectors) + all_vectors + scores.min(size(SCORES))) * FLOAT,
            largest_tensor: words.max(piece * inner) * FLOAT,
        }
    }

    pub fn total(&self) -> u64 {
        self.parameters + self.gradients + self.optimizer + self.activations + self.workspace
    }

    /// The most texts that can be encoded at a time within so many bytes: a value for `sub_batch_size`. `None` if not
    /// even one fits.
    pub fn largest_piece(
        config: &TrainingConfig,
        encoder: &EncoderConfig,
        batch: &MicroBatchSize,
        bytes: u64,
    ) -> Option<usize> {
        let fits = |texts: usize| {
            let config = TrainingConfig { sub_batch_size: Some(texts), ..config.clone() };
            Self::of(&config, encoder, batch).total() <= bytes
        };
        (1..=batch.passages.max(1)).rev().find(|texts| fits(*texts))
    }
}

impl fmt::Display for MemoryForecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gb = |bytes: u64| format!("{:.2} GB", bytes as f64 / 1e9);
        write!(
            f,
            "{}: parameters {}, gradients {}, optimiser {}, activations {}, workspace {}",
            gb(self.total()),
            gb(self.parameters),
            gb(self.gradients),
            gb(self.optimizer),
            gb(self.activations),
            gb(self.workspace)
        )
    }
}

/// Something to know before a run that may not fit its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Concern {
    /// The run needs more than the device's memory, in bytes; `piece` texts at a time would fit, if any do.
    TooLarge { needed: MemoryForecast, memory: u64, piece: Option<usize> },
    /// The word embeddings are larger, in bytes, than the largest tensor that the device takes.
    EmbeddingsStayBehind { bytes: u64, most: u64 },
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gb = |bytes: &u64| *bytes as f64 / 1e9;
        match self {
            Self::TooLarge { needed, memory, piece } => {
                write!(f, "the run needs about {needed}; the device has {:.2} GB: ", gb(memory))?;
                match piece {
                    Some(texts) => write!(f, "set sub_batch_size to {texts} or less; the gradients stay the same"),
                    None => f.write_str(
                        "not even one text at a time fits: switch gradient_checkpointing on, use use_lora or \
                         trainable_layers, or lower passage_max_len",
                    ),
                }
            }
            Self::EmbeddingsStayBehind { bytes, most } => write!(
                f,
                "the word embeddings take {:.2} GB in one piece and the device takes {:.2} GB at most: they stay in \
                 the host's memory, which costs some time; fix_word_embedding saves most of it",
                gb(bytes),
                gb(most)
            ),
        }
    }
}

/// What to know before a run that may not fit, with what to do; empty if it fits as far as the device says.
pub fn concerns(
    config: &TrainingConfig,
    encoder: &EncoderConfig,
    batch: &MicroBatchSize,
    limits: &Limits,
) -> Vec<Concern> {
    let needed = MemoryForecast::of(config, encoder, batch);
    let mut found = Vec::new();
    if let Some(memory) = limits.memory.filter(|memory| needed.total() > *memory) {
        let piece = MemoryForecast::largest_piece(config, encoder, batch, memory);
        found.push(Concern::TooLarge { needed, memory, piece });
    }
    let bytes = (encoder.vocab_size * encoder.hidden_size) as u64 * FLOAT;
    if let Some(most) = limits.tensor.filter(|most| bytes > *most) {
        found.push(Concern::EmbeddingsStayBehind { bytes, most });
    }
    found
}

/// Values of a layer's low-rank changes.
fn lora_values(config: &TrainingConfig, hidden: u64, inner: u64) -> u64 {
    use super::config::LoraTarget;
    let rank = config.lora_rank as u64;
    let of = |target: &LoraTarget| match target {
        LoraTarget::Query | LoraTarget::Key | LoraTarget::Value => rank * 2 * hidden,
        LoraTarget::Dense => rank * (2 * hidden + 2 * (hidden + inner)),
    };
    config.target_modules.iter().map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bge_m3() -> EncoderConfig {
        serde_json::from_value(crate::model::random::bge_m3()).unwrap()
    }

    #[test]
    fn bge_m3_has_as_many_parameters_as_its_paper_says() {
        let config = TrainingConfig { unified_finetuning: true, ..TrainingConfig::default() };
        let batch = MicroBatchSize::largest(&config, 8192);
        let forecast = MemoryForecast::of(&config, &bge_m3(), &batch);
        // 568 million, without the pooler.
        assert_eq!((forecast.parameters / FLOAT + 500_000) / 1_000_000, 568);
        assert_eq!(forecast.gradients, forecast.parameters);
        assert_eq!(forecast.largest_tensor, 250_002 * 1024 * 4);
    }

    #[test]
    fn each_way_to_save_memory_saves_some() {
        let full = TrainingConfig {
            unified_finetuning: true,
            train_group_size: 6,
            passage_max_len: 2048,
            per_device_train_batch_size: 1,
            ..TrainingConfig::default()
        };
        let batch = MicroBatchSize::largest(&full, 8192);
        let total = |config: &TrainingConfig| MemoryForecast::of(config, &bge_m3(), &batch).total();
        for saving in [
            TrainingConfig { gradient_checkpointing: true, ..full.clone() },
            TrainingConfig { sub_batch_size: Some(1), ..full.clone() },
            TrainingConfig { trainable_layers: Some(4), ..full.clone() },
            TrainingConfig { use_lora: true, lora_rank: 16, ..full.clone() },
            TrainingConfig { fix_word_embedding: true, ..full.clone() },
            TrainingConfig { fix_encoder: true, ..full.clone() },
        ] {
            assert!(total(&saving) < total(&full) * 95 / 100, "{saving:?}");
        }
        let lora = TrainingConfig { use_lora: true, lora_rank: 16, gradient_checkpointing: true, ..full };
        let piece = MemoryForecast::largest_piece(&lora, &bge_m3(), &batch, 8_000_000_000).unwrap();
        let config = TrainingConfig { sub_batch_size: Some(piece), ..lora };
        assert!(total(&config) <= 8_000_000_000);
    }

    #[test]
    fn what_does_not_fit_is_said_with_what_to_do() {
        let config = TrainingConfig { unified_finetuning: true, ..TrainingConfig::default() };
        let batch = MicroBatchSize::largest(&config, 8192);
        let said = |memory, tensor| -> Vec<String> {
            let limits = Limits { memory, tensor };
            concerns(&config, &bge_m3(), &batch, &limits).iter().map(ToString::to_string).collect()
        };
        assert!(said(None, None).is_empty() && said(Some(1 << 40), Some(1 << 33)).is_empty());
        let least = TrainingConfig { sub_batch_size: Some(2), ..config.clone() };
        let tight = MemoryForecast::of(&least, &bge_m3(), &batch).total();
        assert!(said(Some(tight), None)[0].contains("sub_batch_size to 2 or less"), "{:?}", said(Some(tight), None));
        assert!(said(Some(1 << 30), None)[0].contains("gradient_checkpointing"));
        assert!(said(None, Some(128 << 20))[0].contains("1.02 GB"));
    }
}
