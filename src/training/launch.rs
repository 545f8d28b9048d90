//! The other direction of [`read_command`](super::read_command): options as a `torchrun` command for FlagEmbedding on
//! several cards and machines, and what of them has no equivalent there.

use serde_json::{Value, json};

use super::config::{Schedule, TrainingConfig};
use super::options::{OPTIONS, takes_paths};

/// FlagEmbedding's program for encoders; it trains dense vectors alone, too.
pub const PROGRAM: &str = "FlagEmbedding.finetune.embedder.encoder_only.m3";
/// The file of [`Launch::deepspeed_config`], beside the command.
pub const DEEPSPEED_FILE: &str = "ds_config.json";

/// On how many processes a command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Machines.
    pub nodes: usize,
    /// Cards of each machine; one process trains on each.
    pub gpus: usize,
    /// DeepSpeed's ZeRO stage, 0 to 2; `None` for PyTorch's own data parallelism.
    pub zero_stage: Option<u8>,
}

/// A command and what is to be known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct WrittenCommand {
    /// The lines of a shell, without a line end behind the last.
    pub text: String,
    /// Options that the command does not carry over, in the order of the table.
    pub notes: Vec<Note>,
}

/// An option that is not, or not as such, in a command.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    pub option: &'static str,
    pub value: String,
    /// Why, and what comes of it; in English.
    pub why: &'static str,
}

const NO_LORA: &str = "FlagEmbedding trains encoders as a whole; every parameter is trained instead";
const NO_EVALUATION: &str =
    "nothing is evaluated there while the model is trained; import what comes back and compare it with the base model";

/// Why an option with another value than the default's cannot be carried over.
fn without_equivalent(name: &str, config: &TrainingConfig, launch: &Launch) -> Option<&'static str> {
    Some(match name {
        "use_lora" | "lora_rank" | "lora_alpha" | "lora_dropout" | "target_modules" => NO_LORA,
        "fix_word_embedding" => "the word embeddings are trained there, too",
        "trainable_layers" => "all layers are trained there",
        "loss_type" | "triplet_margin" => "FlagEmbedding trains encoders with the contrastive loss alone",
        "eval_data"
        | "eval_corpus"
        | "eval_steps"
        | "metric_for_best_model"
        | "early_stopping_patience"
        | "load_best_model_at_end" => NO_EVALUATION,
        "lr_scheduler_type" if config.lr_scheduler_type == Schedule::WarmupDecayLog => match launch.zero_stage {
            Some(_) => "it is DeepSpeed's own and stands in ds_config.json as WarmupDecayLR",
            None => "it is DeepSpeed's own; without DeepSpeed the rate rises and falls linearly",
        },
        // SPEC of FlagEmbedding 1.4: ColBERT vectors of parts with different padding cannot be joined.
        "sub_batch_size" if config.unified_finetuning => {
            "FlagEmbedding fails with it and unified_finetuning when texts differ in length; lower per_device_train_batch_size if memory does not suffice"
        }
        _ => return None,
    })
}

impl Launch {
    /// Processes, one a card.
    pub fn processes(&self) -> usize {
        self.nodes * self.gpus
    }

    /// The command for these options. Read back with [`read_command`](super::read_command) it gives the same options,
    /// but for those in the notes and those that mean nothing beside the others.
    pub fn write(&self, config: &TrainingConfig) -> WrittenCommand {
        let defaults = TrainingConfig::default();
        let mut lines = vec![self.launcher(), format!("-m {PROGRAM}")];
        let mut notes = Vec::new();
        for option in OPTIONS {
            let name = option.name;
            let value = config.get(name).unwrap_or_default();
            if let Some(why) = without_equivalent(name, config, self) {
                // What means nothing with the other choices is not missed.
                if defaults.get(name).as_ref() != Some(&value) && config.unmet(name).is_none() {
                    notes.push(Note { option: name, value, why });
                }
                continue;
            }
            lines.extend(line(name, &value, config));
        }
        // Without it the file of a run that comes back has no curves.
        lines.push("--report_to tensorboard".into());
        let save = if config.save_steps.is_some() { "steps" } else { "epoch" };
        lines.push(format!("--save_strategy {save}"));
        if self.zero_stage.is_some() {
            lines.push(format!("--deepspeed {DEEPSPEED_FILE}"));
        }
        WrittenCommand { text: lines.join(" \\\n    "), notes }
    }

    fn launcher(&self) -> String {
        let Self { nodes, gpus, .. } = self;
        if *nodes == 1 {
            return format!("torchrun --standalone --nnodes 1 --nproc_per_node {gpus}");
        }
        format!(
            "torchrun --nnodes {nodes} --nproc_per_node {gpus} --node_rank \"$NODE_RANK\" --master_addr \"$MASTER_ADDR\" --master_port \"${{MASTER_PORT:-29500}}\""
        )
    }

    /// The content of [`DEEPSPEED_FILE`], which takes whatever it can from the command (`auto`); `None` without
    /// DeepSpeed. The optimiser is the Trainer's own AdamW, which leaves biases and norms without weight decay.
    pub fn deepspeed_config(&self, config: &TrainingConfig) -> Option<Value> {
        let stage = self.zero_stage?;
        let mut content = json!({
            "zero_optimization": { "stage": stage },
            "fp16": { "enabled": "auto", "loss_scale": 0, "initial_scale_power": 12, "loss_scale_window": 1000, "hysteresis": 2, "min_loss_scale": 1 },
            "bf16": { "enabled": "auto" },
            "gradient_accumulation_steps": "auto",
            "gradient_clipping": "auto",
            "train_batch_size": "auto",
            "train_micro_batch_size_per_gpu": "auto",
            "steps_per_print": 1000,
        });
        if config.lr_scheduler_type == Schedule::WarmupDecayLog {
            content["scheduler"] = json!({
                "type": "WarmupDecayLR",
                "params": { "warmup_min_lr": "auto", "warmup_max_lr": "auto", "warmup_num_steps": "auto", "total_num_steps": "auto" },
            });
        }
        Some(content)
    }
}

/// An option's words; `None` for what is left to its default.
fn line(name: &str, value: &str, config: &TrainingConfig) -> Option<String> {
    let words = if takes_paths(name) && value.is_empty() {
        return None;
    } else if takes_paths(name) {
        value.lines().map(quoted).collect::<Vec<_>>().join(" ")
    } else if config.is_switch(name) {
        if value == "true" { "True".into() } else { "False".into() }
    } else {
        match name {
            // What FlagEmbedding leaves out without an instruction is the format as well.
            "query_instruction_for_retrieval" | "passage_instruction_for_retrieval" => quoted(value),
            "query_instruction_format" | "passage_instruction_format" => quoted(&value.replace('\n', "\\n")),
            // The Trainer's way to say "no limit".
            "max_steps" | "save_total_limit" if value.is_empty() => "-1".into(),
            _ if value.is_empty() => return None,
            _ => quoted(value),
        }
    };
    Some(format!("--{name} {words}"))
}

/// A word as a shell takes it for itself alone.
fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._/:-".contains(&byte);
    let is_number = text.parse::<f64>().is_ok();
    if is_number || text.bytes().all(plain) && text.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return text.into();
    }
    if !text.contains('\'') {
        return format!("'{text}'");
    }
    let mut words = String::from('"');
    for letter in text.chars() {
        if matches!(letter, '\\' | '"' | '$' | '`') {
            words.push('\\');
        }
        words.push(letter);
    }
    words + "\""
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::training::{Fate, Preset, read_command};

    const LAUNCHES: [Launch; 3] = [
        Launch { nodes: 1, gpus: 1, zero_stage: None },
        Launch { nodes: 1, gpus: 8, zero_stage: Some(0) },
        Launch { nodes: 4, gpus: 8, zero_stage: Some(1) },
    ];

    /// The options in which a configuration differs from what its command is read back as, and those that it notes.
    fn lost(config: &TrainingConfig, launch: &Launch) -> (BTreeSet<&'static str>, BTreeSet<&'static str>) {
        let written = launch.write(config);
        let read = read_command(&written.text, &TrainingConfig::default());
        for flag in &read.flags {
            assert!(matches!(flag.fate, Fate::Applied | Fate::NotNeeded(_)), "{flag:?} of {}", written.text);
        }
        let differing =
            OPTIONS.iter().map(|option| option.name).filter(|name| read.config.get(name) != config.get(name));
        (differing.collect(), written.notes.iter().map(|note| note.option).collect())
    }

    #[test]
    fn a_command_is_read_back_as_it_was_written() {
        for launch in &LAUNCHES {
            for config in [TrainingConfig::default(), Preset::Welding.config(), Preset::HeadsOnly.config()] {
                let mut config = TrainingConfig {
                    model_name_or_path: "/models/bge m3".into(),
                    train_data: vec!["data/1.jsonl".into(), "data/焊接 2.jsonl".into()],
                    output_dir: Some("output".into()),
                    query_instruction_for_retrieval: Some("It's a \"query\": ".into()),
                    query_instruction_format: "Instruct: {}\nQuery: {}".into(),
                    save_total_limit: None,
                    ..config
                };
                config.lr_scheduler_type = Schedule::Linear;
                let read = read_command(&launch.write(&config).text, &TrainingConfig::default());
                assert_eq!(read.config, config);
            }
        }
    }

    #[test]
    fn what_has_no_equivalent_is_noted() {
        let config = TrainingConfig {
            use_lora: true,
            lora_rank: 8,
            trainable_layers: Some(2),
            early_stopping_patience: Some(3),
            eval_data: vec!["eval.jsonl".into()],
            lr_scheduler_type: Schedule::WarmupDecayLog,
            unified_finetuning: true,
            sub_batch_size: Some(4),
            ..TrainingConfig::default()
        };
        let (lost, noted) = lost(&config, &LAUNCHES[1]);
        let expected = BTreeSet::from([
            "use_lora",
            "lora_rank",
            "trainable_layers",
            "early_stopping_patience",
            "eval_data",
            "lr_scheduler_type",
            "sub_batch_size",
        ]);
        assert_eq!((&lost, &noted), (&expected, &expected));
        let deepspeed = LAUNCHES[1].deepspeed_config(&config).unwrap();
        assert_eq!(deepspeed["scheduler"]["type"], "WarmupDecayLR");
        assert!(LAUNCHES[1].deepspeed_config(&TrainingConfig::default()).unwrap().get("scheduler").is_none());
        assert_eq!(LAUNCHES[0].deepspeed_config(&config), None);
    }

    #[test]
    fn several_machines_are_told_where_the_first_is() {
        let text = LAUNCHES[2].write(&TrainingConfig::default()).text;
        assert!(text.starts_with("torchrun --nnodes 4 --nproc_per_node 8 --node_rank \"$NODE_RANK\""), "{text}");
        assert!(text.ends_with("--deepspeed ds_config.json"), "{text}");
    }

    /// A text as an instruction may be: no dash at its beginning, which is taken for a flag.
    fn text() -> impl Strategy<Value = String> {
        "[a-zA-Z焊接 :'\"$`|#/&;(){}\\\\!?*.,=“”]{1,24}".prop_filter("blank", |text| !text.trim().is_empty())
    }

    fn value(name: &'static str) -> BoxedStrategy<String> {
        let defaults = TrainingConfig::default();
        let option = OPTIONS.iter().find(|option| option.name == name).unwrap();
        if defaults.is_switch(name) {
            return any::<bool>().prop_map(|switch| switch.to_string()).boxed();
        }
        if !option.choices.is_empty() {
            return proptest::sample::select(option.choices).prop_map(str::to_owned).boxed();
        }
        match name {
            "query_instruction_for_retrieval" | "passage_instruction_for_retrieval" => text().boxed(),
            "query_instruction_format" | "passage_instruction_format" => {
                (text(), "[a-z :\n]{0,4}").prop_map(|(a, b)| format!("{a}{{}}{b}{{}}")).boxed()
            }
            "target_modules" => Just("query value".to_owned()).boxed(),
            "train_data" | "eval_data" => "[a-z焊/ ]{1,8}\\.jsonl(\n[a-z/ ]{1,8}\\.jsonl)?".boxed(),
            "eval_corpus" | "output_dir" | "cache_dir" | "cache_path" | "model_name_or_path" => {
                "/?[a-z焊]{1,5}[a-z焊/ ']{0,8}[a-z]".boxed()
            }
            _ => (1..500_u32).prop_map(|number| number.to_string()).boxed(),
        }
    }

    fn any_config() -> impl Strategy<Value = TrainingConfig> {
        let one = proptest::sample::select(OPTIONS)
            .prop_flat_map(|option| value(option.name).prop_map(move |text| (option.name, text)));
        proptest::collection::vec(one, 0..12).prop_map(|set| {
            let mut config = TrainingConfig::default();
            for (name, text) in set {
                // What cannot be is left.
                let _ = config.set(name, &text);
            }
            config
        })
    }

    proptest! {
        #[test]
        fn nothing_is_lost_that_is_not_noted(config in any_config(), which in 0..3_usize) {
            let (lost, noted) = lost(&config, &LAUNCHES[which]);
            prop_assert!(noted.is_subset(&lost), "{noted:?} are noted, but {lost:?} lost");
            for name in lost.difference(&noted) {
                prop_assert!(config.unmet(name).is_some(), "{name} is lost");
            }
        }
    }
}
