//! The options of a run: one type for the window, the command line, TOML files and saved runs.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::model::Pooling;

/// Options of a training run. Names and defaults are FlagEmbedding's (and, for the optimiser, those
/// of Hugging Face's `TrainingArguments`), so that an old command line can be carried over word for
/// word; the few that are ours are in the group [`Group::Weldbench`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingConfig {
    pub model_name_or_path: PathBuf,
    pub output_dir: Option<PathBuf>,
    pub overwrite_output_dir: bool,
    pub cache_dir: Option<PathBuf>,

    pub train_data: Vec<PathBuf>,
    pub cache_path: Option<PathBuf>,
    pub train_group_size: usize,
    pub query_max_len: usize,
    pub passage_max_len: usize,
    pub pad_to_multiple_of: Option<usize>,
    pub max_example_num_per_dataset: usize,
    pub query_instruction_for_retrieval: Option<String>,
    pub query_instruction_format: String,
    pub passage_instruction_for_retrieval: Option<String>,
    pub passage_instruction_format: String,
    pub knowledge_distillation: bool,
    pub same_dataset_within_batch: bool,
    pub small_threshold: usize,
    pub drop_threshold: usize,
    pub shuffle_ratio: f64,

    pub sentence_pooling_method: Option<Pooling>,
    pub normalize_embeddings: bool,
    pub colbert_dim: Option<usize>,
    pub unified_finetuning: bool,
    pub use_self_distill: bool,
    pub self_distill_start_step: i64,
    pub fix_encoder: bool,
    pub fix_position_embedding: bool,
    pub fix_word_embedding: bool,
    pub trainable_layers: Option<usize>,
    pub use_lora: bool,
    pub lora_rank: usize,
    pub lora_alpha: f64,
    pub lora_dropout: f64,
    pub target_modules: Vec<LoraTarget>,

    pub loss_type: LossType,
    pub temperature: f64,
    pub kd_loss_type: KdLossType,
    pub triplet_margin: f64,
    pub negatives_cross_device: bool,

    pub learning_rate: f64,
    pub num_train_epochs: f64,
    pub max_steps: Option<usize>,
    pub per_device_train_batch_size: usize,
    pub gradient_accumulation_steps: usize,
    pub lr_scheduler_type: Schedule,
    pub warmup_ratio: f64,
    pub warmup_steps: usize,
    pub weight_decay: f64,
    pub adam_beta1: f64,
    pub adam_beta2: f64,
    pub adam_epsilon: f64,
    pub max_grad_norm: f64,
    pub fp16: bool,
    pub bf16: bool,
    pub gradient_checkpointing: bool,
    pub sub_batch_size: Option<usize>,
    pub dataloader_drop_last: bool,
    pub seed: u64,

    pub eval_data: Vec<PathBuf>,
    pub eval_corpus: Option<PathBuf>,
    pub eval_steps: Option<usize>,
    /// One of [`EVALUATION_METRICS`].
    pub metric_for_best_model: String,
    pub early_stopping_patience: Option<usize>,
    pub load_best_model_at_end: bool,

    pub logging_steps: usize,
    pub save_steps: Option<usize>,
    pub save_total_limit: Option<usize>,
}

/// What an evaluation measures: of the right passages among the first k, from 0 to 1.
pub const EVALUATION_METRICS: &[&str] = &[
    "recall@1",
    "mrr@1",
    "ndcg@1",
    "recall@3",
    "mrr@3",
    "ndcg@3",
    "recall@6",
    "mrr@6",
    "ndcg@6",
    "recall@10",
    "mrr@10",
    "ndcg@10",
];

/// What the vectors of a group are trained with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossType {
    /// Cross-entropy of the positive among all passages of the batch (InfoNCE).
    Contrastive,
    /// `max(0, margin - (s_pos - s_neg))` over the row's own negatives, without temperature.
    Triplet,
}

/// How teacher scores enter a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KdLossType {
    /// Cross-entropy with the teacher's softmax, added to the contrastive loss.
    KlDiv,
    /// BGE-M3's sum of cross-entropies weighted by the teacher's softmax; replaces the contrastive loss.
    M3KdLoss,
}

/// Linear maps of a layer that low-rank changes are trained for, by their names in Hugging Face's models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoraTarget {
    Query,
    Key,
    Value,
    /// The three others: after attention, and both of the feed-forward network.
    Dense,
}

impl LoraTarget {
    pub const ALL: [Self; 4] = [Self::Query, Self::Key, Self::Value, Self::Dense];
}

/// How the learning rate rises and falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Linear warm-up, linear decay to 0 (Hugging Face `linear`).
    Linear,
    /// DeepSpeed's `WarmupDecayLR`: logarithmic warm-up, linear decay.
    WarmupDecayLog,
    /// The learning rate as it is, after a linear warm-up.
    ConstantWithWarmup,
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            model_name_or_path: PathBuf::new(),
            output_dir: None,
            overwrite_output_dir: false,
            cache_dir: None,
            train_data: Vec::new(),
            cache_path: None,
            train_group_size: 8,
            query_max_len: 32,
            passage_max_len: 128,
            pad_to_multiple_of: None,
            max_example_num_per_dataset: 100_000_000,
            query_instruction_for_retrieval: None,
            query_instruction_format: "{}{}".into(),
            passage_instruction_for_retrieval: None,
            passage_instruction_format: "{}{}".into(),
            knowledge_distillation: false,
            same_dataset_within_batch: false,
            small_threshold: 0,
            drop_threshold: 0,
            shuffle_ratio: 0.0,
            sentence_pooling_method: None,
            normalize_embeddings: true,
            colbert_dim: None,
            unified_finetuning: false,
            use_self_distill: false,
            self_distill_start_step: -1,
            fix_encoder: false,
            fix_position_embedding: false,
            fix_word_embedding: false,
            trainable_layers: None,
            use_lora: false,
            lora_rank: 64,
            lora_alpha: 16.0,
            lora_dropout: 0.1,
            target_modules: LoraTarget::ALL.to_vec(),
            loss_type: LossType::Contrastive,
            temperature: 0.02,
            kd_loss_type: KdLossType::KlDiv,
            triplet_margin: 0.3,
            negatives_cross_device: false,
            learning_rate: 5e-5,
            num_train_epochs: 3.0,
            max_steps: None,
            per_device_train_batch_size: 8,
            gradient_accumulation_steps: 1,
            lr_scheduler_type: Schedule::Linear,
            warmup_ratio: 0.0,
            warmup_steps: 0,
            weight_decay: 0.0,
            adam_beta1: 0.9,
            adam_beta2: 0.999,
            adam_epsilon: 1e-8,
            max_grad_norm: 1.0,
            fp16: false,
            bf16: false,
            gradient_checkpointing: false,
            sub_batch_size: None,
            dataloader_drop_last: false,
            seed: 42,
            eval_data: Vec::new(),
            eval_corpus: None,
            eval_steps: None,
            metric_for_best_model: "ndcg@10".into(),
            early_stopping_patience: None,
            load_best_model_at_end: false,
            logging_steps: 1,
            save_steps: None,
            save_total_limit: Some(2),
        }
    }
}

impl TrainingConfig {
    /// This configuration with another's model, data and output: what is to be trained and where it goes, not how.
    pub fn with_files_of(self, other: &Self) -> Self {
        Self {
            model_name_or_path: other.model_name_or_path.clone(),
            cache_dir: other.cache_dir.clone(),
            train_data: other.train_data.clone(),
            cache_path: other.cache_path.clone(),
            eval_data: other.eval_data.clone(),
            eval_corpus: other.eval_corpus.clone(),
            output_dir: other.output_dir.clone(),
            overwrite_output_dir: other.overwrite_output_dir,
            ..self
        }
    }
}

/// Where an option stands in a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Model,
    Data,
    Loss,
    Optimisation,
    Memory,
    Evaluation,
    Output,
    Weldbench,
}

/// What a person needs to know of an option to fill it in.
#[derive(Clone, Copy, Debug)]
pub struct OptionInfo {
    /// FlagEmbedding's name, as in [`TrainingConfig`].
    pub name: &'static str,
    pub group: Group,
    /// One sentence, in English.
    pub help: &'static str,
    /// What its number counts, in English, such as `tokens`; empty for what counts nothing.
    pub unit: &'static str,
    /// The values that a choice takes; empty for numbers, texts and switches.
    pub choices: &'static [&'static str],
}
