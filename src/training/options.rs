//! Every option of [`TrainingConfig`] by its name: help, reading from text, writing to text.
//!
//! The command line, the form in the window and pasted commands all go through [`TrainingConfig::set`],
//! so that a value means the same wherever it is written.

use serde_json::{Map, Value};
use thiserror::Error;

use super::config::{EVALUATION_METRICS, Group, LossType, OptionInfo, TrainingConfig};

/// An option that cannot be used as it was written.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum OptionError {
    #[error("there is no option `{0}`; `weldbench train --help` lists them all")]
    Unknown(String),
    #[error("option `{name}` cannot be `{value}`: {cause}")]
    Invalid { name: String, value: String, cause: String },
}

const fn option(name: &'static str, group: Group, help: &'static str) -> OptionInfo {
    OptionInfo { name, group, help, unit: "", choices: &[] }
}

const fn choice(name: &'static str, group: Group, choices: &'static [&'static str], help: &'static str) -> OptionInfo {
    OptionInfo { name, group, help, unit: "", choices }
}

const fn count(name: &'static str, group: Group, unit: &'static str, help: &'static str) -> OptionInfo {
    OptionInfo { name, group, help, unit, choices: &[] }
}

use Group::*;

/// All options, in the order of a form.
pub const OPTIONS: &[OptionInfo] = &[
    option("model_name_or_path", Model, "Folder of the model to fine-tune."),
    choice(
        "sentence_pooling_method",
        Model,
        &["cls", "mean", "last_token"],
        "How token vectors become one text vector; the model's own way if empty.",
    ),
    option("normalize_embeddings", Model, "Scale every vector to length 1."),
    option("unified_finetuning", Model, "Train dense, sparse and ColBERT vectors together (BGE-M3)."),
    count("colbert_dim", Model, "dimensions", "Width of new ColBERT vectors; the model's hidden size if empty."),
    option("fix_encoder", Model, "Train the sparse and ColBERT heads only."),
    option("fix_position_embedding", Model, "Leave the position embeddings as they are."),
    option("use_lora", Model, "Train low-rank changes of the encoder's matrices (LoRA) instead of the matrices."),
    option("lora_rank", Model, "Rank of LoRA's changes: the higher, the more they can express."),
    option("lora_alpha", Model, "LoRA's changes are multiplied by this over the rank."),
    option("lora_dropout", Model, "Chance that a value is dropped before LoRA's change, 0 to 1."),
    option("target_modules", Model, "Matrices that LoRA changes, any of: query key value dense."),
    option("train_data", Data, "JSONL files or folders with rows of query, pos and neg."),
    count(
        "train_group_size",
        Data,
        "passages",
        "Passages per question: one positive and this many less one negatives.",
    ),
    count("query_max_len", Data, "tokens", "Longest question, in tokens; the rest is cut off."),
    count("passage_max_len", Data, "tokens", "Longest passage, in tokens; the rest is cut off."),
    count("pad_to_multiple_of", Data, "tokens", "Round the padded length up to a multiple of this many tokens."),
    option("query_instruction_for_retrieval", Data, "Text put before every question; the model's own prefix if empty."),
    option("query_instruction_format", Data, "How instruction and question are joined; {} stands for each."),
    option(
        "passage_instruction_for_retrieval",
        Data,
        "Text put before every passage; the model's own prefix if empty.",
    ),
    option("passage_instruction_format", Data, "How instruction and passage are joined; {} stands for each."),
    option("same_dataset_within_batch", Data, "Take all rows of a batch from the same file."),
    count("small_threshold", Data, "rows", "Leave out files, or merge files of a folder, with fewer rows than this."),
    count("drop_threshold", Data, "rows", "Leave out merged small files with fewer rows than this."),
    count("max_example_num_per_dataset", Data, "rows", "Take at most this many rows of a file."),
    option("shuffle_ratio", Data, "Chance that a long positive's three parts are shuffled, 0 to 1."),
    option("dataloader_drop_last", Data, "Leave out the last, incomplete batch of an epoch."),
    choice(
        "loss_type",
        Loss,
        &["contrastive", "triplet"],
        "Contrastive loss over all passages of a batch, or triplets with a margin.",
    ),
    option("temperature", Loss, "Scores are divided by this before the softmax."),
    option("triplet_margin", Loss, "How far a positive's score must be above a negative's."),
    option("use_self_distill", Loss, "Teach each kind of score with the ensemble of all three."),
    count(
        "self_distill_start_step",
        Loss,
        "micro-batches",
        "Micro-batch after which self-distillation begins; -1 for at once.",
    ),
    option("knowledge_distillation", Loss, "Learn from the teacher scores in pos_scores and neg_scores."),
    choice("kd_loss_type", Loss, &["kl_div", "m3_kd_loss"], "How teacher scores enter the loss."),
    option("negatives_cross_device", Loss, "Share negatives between devices."),
    count("num_train_epochs", Optimisation, "epochs", "How often every row is visited."),
    count("max_steps", Optimisation, "steps", "Stop after this many optimiser steps; by epochs if empty."),
    count("per_device_train_batch_size", Optimisation, "questions", "Questions in a micro-batch."),
    count("gradient_accumulation_steps", Optimisation, "micro-batches", "Micro-batches added up before each step."),
    option("learning_rate", Optimisation, "Highest learning rate of AdamW."),
    choice(
        "lr_scheduler_type",
        Optimisation,
        &["linear", "warmup_decay_log", "constant_with_warmup"],
        "How the learning rate rises and falls; warmup_decay_log is DeepSpeed's.",
    ),
    option("warmup_ratio", Optimisation, "Part of all steps in which the learning rate rises, 0 to 1."),
    count(
        "warmup_steps",
        Optimisation,
        "steps",
        "Steps in which the learning rate rises; goes before warmup_ratio if above 0.",
    ),
    option("weight_decay", Optimisation, "Decoupled weight decay on matrices."),
    option("adam_beta1", Optimisation, "Decay of AdamW's mean of gradients."),
    option("adam_beta2", Optimisation, "Decay of AdamW's mean of squared gradients."),
    option("adam_epsilon", Optimisation, "Added to AdamW's denominator."),
    option("max_grad_norm", Optimisation, "Gradients longer than this are shortened to it; 0 for never."),
    option("seed", Optimisation, "Seed of order, choice of negatives, dropout and new heads."),
    option("fp16", Memory, "Compute in 16-bit floats with a loss scale; weights stay in 32 bits."),
    option("bf16", Memory, "Compute in bfloat16; weights stay in 32 bits."),
    option(
        "gradient_checkpointing",
        Memory,
        "Keep each layer's input only and compute the rest again: less memory, more time.",
    ),
    count("sub_batch_size", Memory, "texts", "Encode this many texts at a time; the gradients stay the same."),
    option("eval_data", Evaluation, "JSONL files whose questions are searched for while the model is trained."),
    option("eval_corpus", Evaluation, "Passages to search in; all passages of eval_data if empty."),
    count("eval_steps", Evaluation, "steps", "Evaluate every this many steps; at the end of each epoch if empty."),
    choice(
        "metric_for_best_model",
        Evaluation,
        EVALUATION_METRICS,
        "What the best checkpoint is best in, and what early stopping looks at.",
    ),
    count(
        "early_stopping_patience",
        Evaluation,
        "evaluations",
        "Stop after this many evaluations without a better metric; never if empty.",
    ),
    option("load_best_model_at_end", Evaluation, "Keep the model of the best evaluation instead of the last."),
    option("output_dir", Output, "Folder for the tuned model; a new run folder if empty."),
    option("overwrite_output_dir", Output, "Write into output_dir even if it is not empty."),
    count("logging_steps", Output, "steps", "Report every this many steps."),
    count("save_steps", Output, "steps", "Save a checkpoint every this many steps; at the end of each epoch if empty."),
    count(
        "save_total_limit",
        Output,
        "checkpoints",
        "Keep this many of the last checkpoints, and the best; all if empty.",
    ),
    option("cache_dir", Output, "Where downloaded models are kept."),
    option("cache_path", Output, "Where FlagEmbedding keeps prepared data."),
    option(
        "fix_word_embedding",
        Weldbench,
        "Leave the word embeddings as they are: almost half of BGE-M3's parameters.",
    ),
    count("trainable_layers", Weldbench, "layers", "Train only this many top layers and the heads; all if empty."),
];

impl TrainingConfig {
    /// Sets one option from text. Hyphens in the name count as underscores; for an optional value,
    /// empty text clears it; `train_data` and `eval_data` take paths separated by commas or line ends.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), OptionError> {
        let name = name.replace('-', "_");
        self.set_to_any(&name, text, readings(&name, text))
    }

    /// Sets an option that takes several texts. Hyphens in the name count as underscores.
    pub fn set_list(&mut self, name: &str, items: &[&str]) -> Result<(), OptionError> {
        let name = name.replace('-', "_");
        self.set_to_any(&name, &items.join(" "), vec![items.iter().copied().map(Value::from).collect()])
    }

    /// Sets an option to the first of these values that it can be.
    fn set_to_any(&mut self, name: &str, text: &str, values: Vec<Value>) -> Result<(), OptionError> {
        let all = self.as_object();
        if !all.contains_key(name) {
            return Err(OptionError::Unknown(name.into()));
        }
        let mut cause = String::new();
        for candidate in values {
            let mut changed = all.clone();
            changed.insert(name.into(), candidate);
            match serde_json::from_value(Value::Object(changed)) {
                Ok(config) => {
                    *self = config;
                    return Ok(());
                }
                Err(error) => cause = error.to_string(),
            }
        }
        Err(OptionError::Invalid { name: name.into(), value: text.into(), cause })
    }

    /// An option as text, as [`set`](Self::set) reads it; `None` for a name that is no option.
    pub fn get(&self, name: &str) -> Option<String> {
        Some(match self.as_object().get(name)? {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            Value::Array(items) => {
                let between = if takes_paths(name) { "\n" } else { " " };
                items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(between)
            }
            other => other.to_string(),
        })
    }

    /// Whether an option is a switch (true or false).
    pub fn is_switch(&self, name: &str) -> bool {
        matches!(self.as_object().get(name), Some(Value::Bool(_)))
    }

    /// Every option that cannot work, with the reason; empty if a run may start.
    pub fn problems(&self) -> Vec<OptionError> {
        let mut found = Vec::new();
        let mut check = |holds: bool, name: &str, cause: &str| {
            if !holds {
                found.push(OptionError::Invalid {
                    name: name.into(),
                    value: self.get(name).unwrap_or_default(),
                    cause: cause.into(),
                });
            }
        };
        check(!self.model_name_or_path.as_os_str().is_empty(), "model_name_or_path", "choose a model folder");
        check(!self.train_data.is_empty(), "train_data", "choose at least one file");
        check(
            self.train_group_size >= 2,
            "train_group_size",
            "a group is a positive and at least one negative, so at least 2",
        );
        check(self.query_max_len >= 3, "query_max_len", "two tokens are special, so at least 3");
        check(self.passage_max_len >= 3, "passage_max_len", "two tokens are special, so at least 3");
        check(self.pad_to_multiple_of != Some(0), "pad_to_multiple_of", "must be at least 1");
        check((0.0..=1.0).contains(&self.shuffle_ratio), "shuffle_ratio", "must lie between 0 and 1");
        check(
            self.query_instruction_format.matches("{}").count() == 2,
            "query_instruction_format",
            "must hold {} twice",
        );
        check(
            self.passage_instruction_format.matches("{}").count() == 2,
            "passage_instruction_format",
            "must hold {} twice",
        );
        check(self.colbert_dim != Some(0), "colbert_dim", "must be at least 1");
        check(self.temperature > 0.0 && self.temperature.is_finite(), "temperature", "must be above 0");
        check(self.triplet_margin >= 0.0 && self.triplet_margin.is_finite(), "triplet_margin", "must not be below 0");
        check(
            self.loss_type == LossType::Contrastive || !self.unified_finetuning,
            "loss_type",
            "triplets train dense vectors only; switch unified_finetuning off",
        );
        check(self.learning_rate > 0.0 && self.learning_rate.is_finite(), "learning_rate", "must be above 0");
        check(self.num_train_epochs > 0.0 && self.num_train_epochs.is_finite(), "num_train_epochs", "must be above 0");
        check(self.max_steps != Some(0), "max_steps", "must be at least 1, or empty");
        check(self.per_device_train_batch_size >= 1, "per_device_train_batch_size", "must be at least 1");
        check(self.gradient_accumulation_steps >= 1, "gradient_accumulation_steps", "must be at least 1");
        check((0.0..=1.0).contains(&self.warmup_ratio), "warmup_ratio", "must lie between 0 and 1");
        check(self.weight_decay >= 0.0 && self.weight_decay.is_finite(), "weight_decay", "must not be below 0");
        check((0.0..1.0).contains(&self.adam_beta1), "adam_beta1", "must be at least 0 and below 1");
        check((0.0..1.0).contains(&self.adam_beta2), "adam_beta2", "must be at least 0 and below 1");
        check(self.adam_epsilon > 0.0, "adam_epsilon", "must be above 0");
        check(self.max_grad_norm >= 0.0, "max_grad_norm", "must not be below 0");
        check(!(self.fp16 && self.bf16), "bf16", "choose fp16 or bf16, not both");
        check(
            !self.fix_encoder || self.unified_finetuning,
            "fix_encoder",
            "without unified_finetuning there are no heads left to train",
        );
        check(!self.use_lora || self.lora_rank >= 1, "lora_rank", "must be at least 1");
        check(self.lora_alpha > 0.0 && self.lora_alpha.is_finite(), "lora_alpha", "must be above 0");
        check((0.0..1.0).contains(&self.lora_dropout), "lora_dropout", "must be at least 0 and below 1");
        check(
            !self.use_lora || !self.target_modules.is_empty(),
            "target_modules",
            "name at least one of query, key, value, dense",
        );
        check(
            !(self.use_lora && self.fix_encoder),
            "use_lora",
            "fix_encoder leaves the encoder as it is; choose one of the two",
        );
        check(self.sub_batch_size != Some(0), "sub_batch_size", "must be at least 1, or empty");
        check(self.logging_steps >= 1, "logging_steps", "must be at least 1");
        check(self.save_steps != Some(0), "save_steps", "must be at least 1, or empty");
        check(self.save_total_limit != Some(0), "save_total_limit", "must be at least 1, or empty");
        check(self.eval_steps != Some(0), "eval_steps", "must be at least 1, or empty");
        check(
            EVALUATION_METRICS.contains(&self.metric_for_best_model.as_str()),
            "metric_for_best_model",
            "must be recall, mrr or ndcg at 1, 3, 6 or 10, as in ndcg@10",
        );
        check(self.early_stopping_patience != Some(0), "early_stopping_patience", "must be at least 1, or empty");
        // Far above what any device holds: a wrong number must not be what fills the memory.
        for (name, size, most, cause) in [
            ("train_group_size", Some(self.train_group_size), 1 << 16, "at most 65536"),
            ("query_max_len", Some(self.query_max_len), 1 << 20, "at most 1048576"),
            ("passage_max_len", Some(self.passage_max_len), 1 << 20, "at most 1048576"),
            ("pad_to_multiple_of", self.pad_to_multiple_of, 1 << 16, "at most 65536"),
            ("colbert_dim", self.colbert_dim, 1 << 16, "at most 65536"),
            ("per_device_train_batch_size", Some(self.per_device_train_batch_size), 1 << 20, "at most 1048576"),
            ("gradient_accumulation_steps", Some(self.gradient_accumulation_steps), 1 << 20, "at most 1048576"),
            ("lora_rank", Some(self.lora_rank), 1 << 16, "at most 65536"),
        ] {
            check(size.is_none_or(|size| size <= most), name, cause);
        }
        for (wanted, name) in [
            (self.early_stopping_patience.is_some(), "early_stopping_patience"),
            (self.load_best_model_at_end, "load_best_model_at_end"),
        ] {
            check(!wanted || !self.eval_data.is_empty(), name, "needs eval_data to evaluate with");
        }
        found
    }

    fn as_object(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            _ => Map::new(),
        }
    }
}

/// Whether an option is a list of files and folders.
pub fn takes_paths(name: &str) -> bool {
    matches!(name, "train_data" | "eval_data")
}

/// The values that a text may stand for, likeliest first.
fn readings(name: &str, text: &str) -> Vec<Value> {
    let text = if name == "query_instruction_format" || name == "passage_instruction_format" {
        text.replace("\\n", "\n")
    } else {
        text.to_string()
    };
    let trimmed = text.trim();
    let mut values = Vec::new();
    if trimmed.is_empty() {
        values.push(Value::Null);
    }
    if let Ok(number) = trimmed.parse::<u64>() {
        values.push(number.into());
    }
    if let Ok(number) = trimmed.parse::<i64>() {
        values.push(number.into());
    }
    if let Some(number) = trimmed.parse::<f64>().ok().and_then(serde_json::Number::from_f64) {
        // 256.0 and 1e3 are whole numbers to whoever wrote them.
        if number.as_f64().is_some_and(|n| n.fract() == 0.0 && (0.0..9e15).contains(&n)) {
            values.push((number.as_f64().unwrap_or(0.0) as u64).into());
        }
        values.push(Value::Number(number));
    }
    match trimmed.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => values.push(true.into()),
        "false" | "no" | "off" | "0" => values.push(false.into()),
        // Hugging Face writes "none" or -1 for a number that is not set.
        "none" | "-1" => values.push(Value::Null),
        _ => {}
    }
    if takes_paths(name) {
        let paths = text.split([',', '\n']).map(str::trim).filter(|path| !path.is_empty());
        values.push(paths.map(Value::from).collect());
    }
    if name == "target_modules" {
        let names = text.split([',', ' ', '\n']).filter(|name| !name.is_empty());
        values.push(names.map(Value::from).collect());
    }
    // Spaces at the end of a prefix count.
    let is_prefix = name.starts_with("query_instruction") || name.starts_with("passage_instruction");
    values.push(if is_prefix { text.into() } else { trimmed.into() });
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_every_option_once() {
        let all = TrainingConfig::default().as_object();
        let mut named: Vec<_> = OPTIONS.iter().map(|option| option.name).collect();
        named.sort_unstable();
        let mut fields: Vec<_> = all.keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(named, fields);
    }

    #[test]
    fn every_default_is_read_back_as_it_is_written() {
        let default = TrainingConfig::default();
        for option in OPTIONS {
            let mut config = default.clone();
            let text = default.get(option.name).unwrap();
            config.set(option.name, &text).unwrap();
            assert_eq!(config, default, "{}", option.name);
        }
    }

    #[test]
    fn the_article_s_values_are_taken() {
        let mut config = TrainingConfig::default();
        for (name, value) in [
            ("train_group_size", "6"),
            ("query-max-len", "512"),
            ("knowledge_distillation", "True"),
            ("learning_rate", "1e-5"),
            ("num_train_epochs", "5"),
            ("kd_loss_type", "m3_kd_loss"),
            ("sentence_pooling_method", "cls"),
            ("query_instruction_for_retrieval", ""),
            ("train_data", "a.jsonl,b.jsonl"),
            ("max_steps", "-1"),
        ] {
            config.set(name, value).unwrap();
        }
        assert_eq!(config.train_group_size, 6);
        assert_eq!(config.query_max_len, 512);
        assert!(config.knowledge_distillation);
        assert_eq!(config.learning_rate, 1e-5);
        assert_eq!(config.num_train_epochs, 5.0);
        assert_eq!(config.train_data.len(), 2);
        assert_eq!(config.max_steps, None);
    }

    #[test]
    fn sizes_that_would_fill_any_memory_are_refused() {
        let named = |config: TrainingConfig| -> Vec<String> {
            let ready = TrainingConfig { model_name_or_path: "m".into(), train_data: vec!["d".into()], ..config };
            ready.problems().iter().map(ToString::to_string).collect()
        };
        assert!(named(TrainingConfig::default()).is_empty());
        let absurd = TrainingConfig {
            train_group_size: usize::MAX,
            colbert_dim: Some(1_000_000_000_000),
            lora_rank: 1 << 40,
            passage_max_len: usize::MAX,
            ..TrainingConfig::default()
        };
        let told = named(absurd);
        assert_eq!(told.len(), 4, "{told:?}");
        assert!(told.iter().all(|problem| problem.contains("at most")), "{told:?}");
    }

    #[test]
    fn spaces_around_a_prefix_count() {
        let mut config = TrainingConfig::default();
        config.set("query_instruction_for_retrieval", "query: ").unwrap();
        assert_eq!(config.query_instruction_for_retrieval.as_deref(), Some("query: "));
        assert_eq!(config.get("query_instruction_for_retrieval").as_deref(), Some("query: "));
    }

    #[test]
    fn a_wrong_value_names_the_option_and_changes_nothing() {
        let mut config = TrainingConfig::default();
        let error = config.set("train_group_size", "many").unwrap_err();
        assert!(error.to_string().contains("`train_group_size` cannot be `many`"), "{error}");
        assert_eq!(config, TrainingConfig::default());
        assert_eq!(config.set("lerning_rate", "1"), Err(OptionError::Unknown("lerning_rate".into())));
        config.temperature = 0.0;
        assert!(config.problems().iter().any(|problem| problem.to_string().contains("temperature")));
    }
}
