//! Options that mean something only with certain values of others.

use super::config::{LossType, TrainingConfig};

/// What another option must be for an option to mean anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    pub option: &'static str,
    pub wanted: Wanted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// On, or not empty.
    Set,
    /// Off, empty or 0.
    Unset,
    Is(&'static str),
}

impl TrainingConfig {
    /// Why an option changes nothing with the present choices; `None` if it counts.
    pub fn unmet(&self, name: &str) -> Option<Condition> {
        let set = |option, holds: bool| (!holds).then_some(Condition { option, wanted: Wanted::Set });
        let unset = |option, holds: bool| (!holds).then_some(Condition { option, wanted: Wanted::Unset });
        let loss = |wanted, name| {
            (self.loss_type != wanted).then_some(Condition { option: "loss_type", wanted: Wanted::Is(name) })
        };
        let heads = set("unified_finetuning", self.unified_finetuning);
        match name {
            "colbert_dim" | "use_self_distill" => heads,
            "self_distill_start_step" => heads.or(set("use_self_distill", self.use_self_distill)),
            "fix_position_embedding" | "fix_word_embedding" => {
                unset("fix_encoder", !self.fix_encoder).or(unset("use_lora", !self.use_lora))
            }
            "trainable_layers" => unset("fix_encoder", !self.fix_encoder),
            "lora_rank" | "lora_alpha" | "lora_dropout" | "target_modules" => set("use_lora", self.use_lora),
            "small_threshold" | "drop_threshold" => set("same_dataset_within_batch", self.same_dataset_within_batch),
            "dataloader_drop_last" => unset("same_dataset_within_batch", !self.same_dataset_within_batch),
            "temperature" => loss(LossType::Contrastive, "contrastive"),
            "triplet_margin" => loss(LossType::Triplet, "triplet"),
            "kd_loss_type" => set("knowledge_distillation", self.knowledge_distillation),
            "num_train_epochs" => unset("max_steps", self.max_steps.is_none()),
            "warmup_ratio" => unset("warmup_steps", self.warmup_steps == 0),
            "eval_corpus"
            | "eval_steps"
            | "metric_for_best_model"
            | "early_stopping_patience"
            | "load_best_model_at_end" => set("eval_data", !self.eval_data.is_empty()),
            "overwrite_output_dir" => set("output_dir", self.output_dir.is_some()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::OPTIONS;

    /// What meets a condition.
    fn meet(config: &mut TrainingConfig, condition: Condition) {
        let text = match condition.wanted {
            Wanted::Is(value) => value,
            Wanted::Set if config.is_switch(condition.option) => "true",
            Wanted::Set => "x",
            Wanted::Unset if config.is_switch(condition.option) => "false",
            Wanted::Unset if condition.option == "warmup_steps" => "0",
            Wanted::Unset => "",
        };
        config.set(condition.option, text).unwrap();
    }

    #[test]
    fn every_condition_can_be_met_through_its_option() {
        let mut conditional = 0;
        for option in OPTIONS {
            let odd = TrainingConfig {
                loss_type: LossType::Triplet,
                max_steps: Some(1),
                warmup_steps: 1,
                fix_encoder: true,
                use_lora: true,
                ..TrainingConfig::default()
            };
            for mut config in [TrainingConfig::default(), odd] {
                conditional += usize::from(config.unmet(option.name).is_some());
                for _ in 0..4 {
                    if let Some(condition) = config.unmet(option.name) {
                        assert!(OPTIONS.iter().any(|other| other.name == condition.option), "{condition:?}");
                        meet(&mut config, condition);
                    }
                }
                assert_eq!(config.unmet(option.name), None, "{}", option.name);
            }
        }
        assert!(conditional > 20, "{conditional}");
    }

    #[test]
    fn options_of_what_is_switched_off_say_what_they_need() {
        let config = TrainingConfig::default();
        let needs = |option| Some(Condition { option, wanted: Wanted::Set });
        assert_eq!(config.unmet("lora_rank"), needs("use_lora"));
        assert_eq!(config.unmet("kd_loss_type"), needs("knowledge_distillation"));
        assert_eq!(
            config.unmet("triplet_margin"),
            Some(Condition { option: "loss_type", wanted: Wanted::Is("triplet") })
        );
        assert_eq!(config.unmet("temperature"), None);
    }
}
