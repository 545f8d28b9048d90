//! The options of `weldbench train`, made from the table of all options.

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};

use super::Ending;
use crate::training::{FOREIGN, Group, OPTIONS, OptionInfo, TrainingConfig, UNUSED, takes_paths};

/// What was set on the command line, in the table's order: (name, text).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrainOptions {
    set: Vec<(&'static str, String)>,
    /// Options that were given but change nothing.
    idle: Vec<&'static str>,
}

impl TrainOptions {
    /// Puts what was set into a configuration.
    pub fn apply(&self, config: &mut TrainingConfig) -> Result<(), Ending> {
        for (name, text) in &self.set {
            config.set(name, text).map_err(|error| Ending::Usage(error.to_string()))?;
        }
        Ok(())
    }

    /// One line for each option that was given but changes nothing.
    pub fn remarks(&self) -> Vec<String> {
        let given = |name: &str| self.idle.contains(&name) || self.set.iter().any(|(set, _)| *set == name);
        let all = FOREIGN.iter().chain(UNUSED).filter(|idle| given(idle.name));
        all.map(|idle| format!("note: --{} changes nothing: {}", idle.name, idle.why)).collect()
    }
}

impl Args for TrainOptions {
    fn augment_args(command: Command) -> Command {
        let defaults = TrainingConfig::default();
        let command = command.args(OPTIONS.iter().map(|option| argument(option, &defaults)));
        command.args(FOREIGN.iter().map(|idle| {
            named(idle.name)
                .num_args(0..=1)
                .default_missing_value("")
                .hide(true)
                .action(ArgAction::Set)
                .allow_negative_numbers(true)
        }))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for TrainOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut options = Self::default();
        let given = |name: &str| matches.value_source(name) == Some(ValueSource::CommandLine);
        for option in OPTIONS.iter().filter(|option| given(option.name)) {
            let values = matches
                .try_get_many::<String>(option.name)
                .map_err(|error| Error::raw(ErrorKind::InvalidValue, error))?;
            let text = values.into_iter().flatten().cloned().collect::<Vec<_>>().join("\n");
            options.set.push((option.name, text));
        }
        options.idle.extend(FOREIGN.iter().map(|idle| idle.name).filter(|name| given(name)));
        Ok(options)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn argument(option: &OptionInfo, defaults: &TrainingConfig) -> Arg {
    let mut help = option.help.to_owned();
    if !option.choices.is_empty() {
        help.push_str(&format!(" [{}]", option.choices.join(", ")));
    }
    let default = defaults.get(option.name).unwrap_or_default();
    if !default.is_empty() {
        help.push_str(&format!(" [default: {default}]"));
    }
    let argument = named(option.name).help(help).help_heading(heading(option.group)).allow_negative_numbers(true);
    if takes_paths(option.name) {
        return argument.value_name("FILE").num_args(1..).action(ArgAction::Append);
    }
    let argument = argument.action(ArgAction::Set);
    if defaults.is_switch(option.name) {
        return argument.value_name("True|False").num_args(0..=1).default_missing_value("true");
    }
    // clap wants names that live as long as the program; this happens once.
    let unit: &'static str = if option.unit.is_empty() { "VALUE" } else { option.unit.to_uppercase().leak() };
    argument.value_name(unit)
}

/// An option under its own name, and with hyphens for underscores.
fn named(name: &'static str) -> Arg {
    let argument = Arg::new(name).long(name);
    if !name.contains('_') {
        return argument;
    }
    // clap wants names that live as long as the program; this happens once.
    let hyphens: &'static str = name.replace('_', "-").leak();
    argument.alias(hyphens)
}

fn heading(group: Group) -> &'static str {
    match group {
        Group::Model => "Model",
        Group::Data => "Data",
        Group::Loss => "Loss",
        Group::Optimisation => "Optimisation",
        Group::Memory => "Memory",
        Group::Evaluation => "Evaluation",
        Group::Output => "Output",
        Group::Weldbench => "Weldbench's own",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<(TrainingConfig, Vec<String>), String> {
        let matches =
            TrainOptions::augment_args(Command::new("train").no_binary_name(true)).try_get_matches_from(words);
        let matches = matches.map_err(|error| error.to_string())?;
        let options = TrainOptions::from_arg_matches(&matches).map_err(|error| error.to_string())?;
        let mut config = TrainingConfig::default();
        options.apply(&mut config).map_err(|ending| ending.message().unwrap_or_default())?;
        Ok((config, options.remarks()))
    }

    /// A published command for BGE-M3, but for its line ends and remarks.
    const ARTICLE: &str = "--nproc_per_node 1 --model_name_or_path model/BAAI/bge-m3 --cache_dir ./cache/model --train_data ./weld_train.jsonl \
        --cache_path ./cache/data --train_group_size 6 --query_max_len 512 --passage_max_len 2048 --pad_to_multiple_of 8 \
        --knowledge_distillation True --same_dataset_within_batch True --small_threshold 0 --drop_threshold 0 \
        --output_dir ./weld_imperfection --overwrite_output_dir --learning_rate 1e-5 --fp16 --num_train_epochs 5 \
        --per_device_train_batch_size 1 --dataloader_drop_last True --warmup_ratio 0.1 --gradient_checkpointing \
        --deepspeed ds_stage0.json --logging_steps 100 --logging_strategy steps --save_steps 1000 --negatives_cross_device \
        --temperature 0.02 --sentence_pooling_method cls --normalize_embeddings True --kd_loss_type m3_kd_loss \
        --unified_finetuning True --use_self_distill True --fix_encoder False --self_distill_start_step 0 --report_to tensorboard \
        --gradient_accumulation_steps 8";

    #[test]
    fn a_published_command_is_taken_word_for_word() {
        let mut words: Vec<&str> = ARTICLE.split_whitespace().collect();
        words.extend(["--query_instruction_for_retrieval", ""]);
        let (config, remarks) = read(&words).unwrap();
        assert_eq!(config.train_group_size, 6);
        assert_eq!(config.learning_rate, 1e-5);
        assert!(config.fp16 && config.overwrite_output_dir && config.unified_finetuning && !config.fix_encoder);
        assert_eq!((config.save_steps, config.pad_to_multiple_of), (Some(1000), Some(8)));
        let told = [
            "deepspeed",
            "nproc_per_node",
            "report_to",
            "logging_strategy",
            "negatives_cross_device",
            "cache_dir",
            "cache_path",
        ];
        assert_eq!(remarks.len(), told.len());
        for name in told {
            assert!(remarks.iter().any(|remark| remark.contains(&format!("--{name} "))), "{name}: {remarks:?}");
        }
    }

    #[test]
    fn every_option_is_there_with_underscores_and_with_hyphens() {
        let defaults = TrainingConfig::default();
        for option in OPTIONS {
            let text = defaults.get(option.name).unwrap();
            let text = if text.is_empty() && takes_paths(option.name) { "a.jsonl".into() } else { text };
            for name in [option.name.to_owned(), option.name.replace('_', "-")] {
                read(&[&format!("--{name}"), &text]).unwrap_or_else(|error| panic!("{name}: {error}"));
            }
        }
    }

    #[test]
    fn files_and_negative_numbers_are_taken() {
        let (config, _) =
            read(&["--train_data", "a.jsonl", "b.jsonl", "--max-steps", "-1", "--self_distill_start_step", "-1"])
                .unwrap();
        assert_eq!(config.train_data.len(), 2);
        assert_eq!((config.max_steps, config.self_distill_start_step), (None, -1));
    }

    #[test]
    fn mistakes_are_refused() {
        assert!(read(&["--train_group_sise", "6"]).unwrap_err().contains("train_group_size"), "no suggestion");
        assert!(read(&["--train_group_size", "six"]).unwrap_err().contains("`train_group_size` cannot be `six`"));
        assert!(read(&["--learning_rate"]).is_err());
    }
}
