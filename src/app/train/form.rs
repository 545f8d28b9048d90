//! The options of a run as a form: what was typed, what is wrong with it, and in which order it stands.

use std::collections::{BTreeMap, BTreeSet};

use crate::training::{Group, OPTIONS, OptionError, OptionInfo, TrainingConfig};

/// The options that are seen at once; the rest is folded.
const FIRST: &[&str] = &[
    "train_group_size",
    "query_max_len",
    "passage_max_len",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "num_train_epochs",
    "learning_rate",
    "warmup_ratio",
    "temperature",
    "sentence_pooling_method",
    "trainable_layers",
    "unified_finetuning",
    "use_self_distill",
];

/// Options that have a place of their own in the window, or that the window decides.
const ELSEWHERE: &[&str] = &[
    "model_name_or_path",
    "train_data",
    "fp16",
    "bf16",
    "output_dir",
    "overwrite_output_dir",
    "cache_dir",
    "cache_path",
];

/// The groups of the folded options, in order.
const FOLDED: [Group; 8] = [
    Group::Model,
    Group::Data,
    Group::Loss,
    Group::Optimisation,
    Group::Memory,
    Group::Evaluation,
    Group::Output,
    Group::Weldbench,
];

/// The numbers that a run computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    Fp32,
    Fp16,
    Bf16,
}

impl Precision {
    pub const ALL: [Self; 3] = [Self::Fp32, Self::Fp16, Self::Bf16];

    pub fn of(config: &TrainingConfig) -> Self {
        match (config.fp16, config.bf16) {
            (true, _) => Self::Fp16,
            (false, true) => Self::Bf16,
            (false, false) => Self::Fp32,
        }
    }

    pub fn put_into(self, config: &mut TrainingConfig) {
        config.fp16 = self == Self::Fp16;
        config.bf16 = self == Self::Bf16;
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Fp32 => "fp32",
            Self::Fp16 => "fp16",
            Self::Bf16 => "bf16",
        }
    }
}

/// The options that are seen at once.
pub fn first() -> impl Iterator<Item = &'static OptionInfo> {
    FIRST.iter().filter_map(|name| OPTIONS.iter().find(|option| option.name == *name))
}

/// The folded options of each group that has some.
pub fn folded() -> impl Iterator<Item = (Group, Vec<&'static OptionInfo>)> {
    let of = |group| {
        OPTIONS
            .iter()
            .filter(|option| {
                option.group == group && !FIRST.contains(&option.name) && !ELSEWHERE.contains(&option.name)
            })
            .collect()
    };
    FOLDED.into_iter().map(move |group| (group, of(group))).filter(|(_, options): &(_, Vec<_>)| !options.is_empty())
}

/// The key of a group's name.
pub fn group_key(group: Group) -> &'static str {
    match group {
        Group::Model => "group_model",
        Group::Data => "group_data",
        Group::Loss => "group_loss",
        Group::Optimisation => "group_optimisation",
        Group::Memory => "group_memory",
        Group::Evaluation => "group_evaluation",
        Group::Output => "group_output",
        Group::Weldbench => "group_weldbench",
    }
}

/// A configuration being filled in.
#[derive(Clone, Debug, Default)]
pub struct Form {
    pub config: TrainingConfig,
    /// Texts that are being typed, and those that could not be read.
    typed: BTreeMap<&'static str, String>,
    unreadable: BTreeSet<&'static str>,
}

/// What is wrong with an option.
#[derive(Clone, Debug, PartialEq)]
pub enum Problem {
    /// The text is no value of this option.
    Unreadable,
    /// The value cannot work; why, in English.
    CannotWork(String),
    /// There are no rows to train on.
    NoData,
}

impl Form {
    pub fn new(config: TrainingConfig) -> Self {
        Self { config, ..Self::default() }
    }

    /// What the field of an option shows.
    pub fn text(&self, name: &str) -> String {
        self.typed.get(name).cloned().unwrap_or_else(|| self.config.get(name).unwrap_or_default())
    }

    /// Takes what was typed; the configuration keeps its last readable value.
    pub fn set(&mut self, name: &'static str, text: &str) {
        self.typed.insert(name, text.into());
        match self.config.set(name, text) {
            Ok(()) => self.unreadable.remove(name),
            Err(_) => self.unreadable.insert(name),
        };
    }

    /// The field was left: it shows the value as the configuration has it, unless that is not what it says.
    pub fn leave(&mut self, name: &str) {
        if !self.unreadable.contains(name) {
            self.typed.remove(name);
        }
    }

    /// What is wrong with each option, by name.
    pub fn problems(&self) -> BTreeMap<String, Problem> {
        let found = self.config.problems().into_iter().map(|problem| match problem {
            OptionError::Invalid { name, cause, .. } => (name, Problem::CannotWork(cause)),
            OptionError::Unknown(name) => (name.clone(), Problem::CannotWork(OptionError::Unknown(name).to_string())),
        });
        let unreadable = self.unreadable.iter().map(|name| (name.to_string(), Problem::Unreadable));
        found.chain(unreadable).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_stands_in_the_form_once() {
        let mut shown: Vec<_> = first()
            .chain(folded().flat_map(|(_, options)| options))
            .map(|option| option.name)
            .chain(ELSEWHERE.iter().copied())
            .collect();
        shown.sort_unstable();
        let mut all: Vec<_> = OPTIONS.iter().map(|option| option.name).collect();
        all.sort_unstable();
        assert_eq!(shown, all);
    }

    #[test]
    fn what_cannot_be_read_stays_in_the_field_with_its_reason() {
        let mut form = Form::default();
        form.set("train_group_size", "si");
        form.leave("train_group_size");
        assert_eq!(form.text("train_group_size"), "si");
        assert_eq!(form.problems()["train_group_size"], Problem::Unreadable);
        assert_eq!(form.config.train_group_size, TrainingConfig::default().train_group_size);
        form.set("train_group_size", "6.0");
        assert_eq!(form.text("train_group_size"), "6.0");
        form.leave("train_group_size");
        assert_eq!((form.text("train_group_size").as_str(), form.config.train_group_size), ("6", 6));
        assert!(!form.problems().contains_key("train_group_size"));
    }

    #[test]
    fn a_value_that_reads_but_cannot_work_is_told_at_its_field() {
        let mut form = Form::default();
        form.set("temperature", "0");
        assert_eq!(form.problems()["temperature"], Problem::CannotWork("must be above 0".into()));
    }

    #[test]
    fn a_precision_switches_the_other_off() {
        let mut config = TrainingConfig::default();
        for precision in Precision::ALL {
            precision.put_into(&mut config);
            assert_eq!(Precision::of(&config), precision);
            assert!(!(config.fp16 && config.bf16));
        }
    }
}
