//! The options of a run as a form: what was typed, what is wrong with it, and in which order it stands.

use std::collections::{BTreeMap, BTreeSet};

use crate::training::{Condition, Group, Idle, OPTIONS, OptionError, OptionInfo, TrainingConfig, idle_option};

/// The groups in the order of the form, each with the options that are seen at once; the rest is folded.
const GROUPS: [(Group, &[&str]); 8] = [
    (Group::Data, &["train_group_size", "query_max_len", "passage_max_len"]),
    (
        Group::Optimisation,
        &[
            "num_train_epochs",
            "per_device_train_batch_size",
            "gradient_accumulation_steps",
            "learning_rate",
            "warmup_ratio",
        ],
    ),
    (Group::Model, &["sentence_pooling_method", "unified_finetuning", "use_lora"]),
    (Group::Loss, &["temperature", "use_self_distill", "knowledge_distillation"]),
    (Group::Memory, &["gradient_checkpointing", "sub_batch_size"]),
    (Group::Weldbench, &["trainable_layers"]),
    (Group::Evaluation, &["eval_data", "eval_steps"]),
    (Group::Output, &["save_steps"]),
];

/// Options that have a place of their own in the form, or that no run here looks at.
const ELSEWHERE: &[&str] = &["model_name_or_path", "train_data", "fp16", "bf16", "cache_dir", "cache_path"];

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

/// Options of a group.
pub struct Part {
    pub group: Group,
    /// Seen at once.
    pub first: Vec<&'static OptionInfo>,
    pub folded: Vec<&'static OptionInfo>,
}

/// The options of the form, in order.
pub fn parts() -> impl Iterator<Item = Part> {
    GROUPS.into_iter().map(|(group, first)| Part {
        group,
        first: first.iter().filter_map(|name| OPTIONS.iter().find(|option| option.name == *name)).collect(),
        folded: (OPTIONS.iter())
            .filter(|option| option.group == group)
            .filter(|option| !first.contains(&option.name) && !ELSEWHERE.contains(&option.name))
            .collect(),
    })
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

/// Why an option changes nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unneeded {
    /// Whatever the others are.
    Never(&'static Idle),
    Without(Condition),
}

impl Form {
    pub fn new(config: TrainingConfig) -> Self {
        Self { config, ..Self::default() }
    }

    /// Takes a whole configuration; what was being typed goes with the old one.
    pub fn take(&mut self, config: TrainingConfig) {
        *self = Self::new(config);
    }

    /// Why an option changes nothing at present.
    pub fn idle(&self, name: &str) -> Option<Unneeded> {
        let idle = idle_option(name).map(Unneeded::Never);
        idle.or_else(|| self.config.unmet(name).map(Unneeded::Without))
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
    use crate::training::Preset;

    #[test]
    fn every_option_stands_in_the_form_once() {
        let mut shown: Vec<_> = parts()
            .flat_map(|part| part.first.into_iter().chain(part.folded))
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
    fn an_option_that_changes_nothing_says_why() {
        let mut form = Form::default();
        let without = |form: &Form, name| match form.idle(name) {
            Some(Unneeded::Without(condition)) => condition.option,
            other => panic!("{other:?}"),
        };
        assert_eq!(without(&form, "lora_rank"), "use_lora");
        form.set("use_lora", "true");
        assert_eq!(form.idle("lora_rank"), None);
        assert!(matches!(form.idle("negatives_cross_device"), Some(Unneeded::Never(_))));
    }

    #[test]
    fn a_configuration_takes_the_place_of_what_was_typed() {
        let mut form = Form::default();
        form.set("train_group_size", "si");
        form.take(Preset::Welding.config());
        assert_eq!(form.text("train_group_size"), "6");
        assert!(!form.problems().contains_key("train_group_size"));
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
