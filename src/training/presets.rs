//! Ready-made choices of options. They leave model, data and output as they are.

use super::config::{KdLossType, TrainingConfig};
use crate::model::Pooling;

/// A set of options that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    Welding,
    QuickLook,
    Lora8Gb,
    HeadsOnly,
}

impl Preset {
    pub const ALL: [Self; 4] = [Self::Welding, Self::QuickLook, Self::Lora8Gb, Self::HeadsOnly];

    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Welding => "welding",
            Self::QuickLook => "quick-look",
            Self::Lora8Gb => "lora-8gb",
            Self::HeadsOnly => "heads-only",
        }
    }

    /// One sentence, in English.
    pub fn help(self) -> &'static str {
        match self {
            Self::Welding => {
                "The published recipe for welding: all of BGE-M3, all three vectors, long passages, teacher scores; wants a graphics card with 24 GB."
            }
            Self::QuickLook => {
                "One pass over the data with short texts and the top four layers: minutes on a processor."
            }
            Self::Lora8Gb => {
                "The welding recipe as low-rank changes (LoRA), one text at a time, for graphics cards with 8 GB."
            }
            Self::HeadsOnly => {
                "Only BGE-M3's sparse and ColBERT heads learn; the encoder and dense search stay as they are."
            }
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// All options of a preset; model, data and output are empty.
    pub fn config(self) -> TrainingConfig {
        match self {
            Self::Welding => TrainingConfig {
                train_group_size: 6,
                query_max_len: 512,
                passage_max_len: 2048,
                pad_to_multiple_of: Some(8),
                knowledge_distillation: true,
                kd_loss_type: KdLossType::M3KdLoss,
                same_dataset_within_batch: true,
                dataloader_drop_last: true,
                sentence_pooling_method: Some(Pooling::Cls),
                unified_finetuning: true,
                use_self_distill: true,
                self_distill_start_step: 0,
                negatives_cross_device: true,
                learning_rate: 1e-5,
                num_train_epochs: 5.0,
                per_device_train_batch_size: 1,
                gradient_accumulation_steps: 8,
                warmup_ratio: 0.1,
                fp16: true,
                gradient_checkpointing: true,
                logging_steps: 100,
                save_steps: Some(1000),
                ..TrainingConfig::default()
            },
            Self::QuickLook => TrainingConfig {
                trainable_layers: Some(4),
                train_group_size: 4,
                query_max_len: 64,
                learning_rate: 1e-4,
                num_train_epochs: 1.0,
                warmup_ratio: 0.1,
                ..TrainingConfig::default()
            },
            Self::Lora8Gb => TrainingConfig {
                use_lora: true,
                lora_rank: 16,
                lora_alpha: 32.0,
                learning_rate: 1e-4,
                sub_batch_size: Some(1),
                logging_steps: 10,
                save_steps: None,
                ..Self::Welding.config()
            },
            Self::HeadsOnly => TrainingConfig {
                fix_encoder: true,
                learning_rate: 1e-4,
                gradient_checkpointing: false,
                logging_steps: 10,
                save_steps: None,
                ..Self::Welding.config()
            },
        }
    }

    /// Sets every option but model, data and output.
    pub fn put_into(self, config: &mut TrainingConfig) {
        *config = self.config().with_files_of(config);
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::model::EncoderConfig;
    use crate::training::forecast::{MemoryForecast, MicroBatchSize};
    use crate::training::torchrun::read_command;

    fn chosen() -> TrainingConfig {
        TrainingConfig {
            model_name_or_path: "model".into(),
            train_data: vec!["data.jsonl".into()],
            eval_data: vec!["eval.jsonl".into()],
            eval_corpus: Some("corpus.jsonl".into()),
            output_dir: Some("out".into()),
            ..TrainingConfig::default()
        }
    }

    #[test]
    fn a_preset_can_start_and_leaves_model_data_and_output() {
        for preset in Preset::ALL {
            assert_eq!(Preset::of_name(preset.name()), Some(preset));
            let mut config = TrainingConfig { temperature: 7.0, seed: 1, ..chosen() };
            preset.put_into(&mut config);
            assert_eq!(config.problems(), []);
            assert_eq!(config, preset.config().with_files_of(&chosen()));
            assert_eq!((config.temperature, config.seed), (0.02, 42));
            assert_eq!(config.model_name_or_path, PathBuf::from("model"));
        }
    }

    #[test]
    fn the_welding_recipe_is_the_published_command() {
        let text = include_str!("../../tests/fixtures/commands/weld-command.txt");
        let pasted = read_command(text, &TrainingConfig::default()).config;
        assert_eq!(Preset::Welding.config().with_files_of(&pasted), pasted);
    }

    #[test]
    fn lora_for_8_gb_fits_with_room_for_the_window() {
        let config = Preset::Lora8Gb.config();
        let bge_m3: EncoderConfig = serde_json::from_value(crate::model::random::bge_m3()).unwrap();
        let forecast = MemoryForecast::of(&config, &bge_m3, &MicroBatchSize::largest(&config, 8192));
        assert!(forecast.total() < 7_000_000_000, "{forecast}");
        let full = Preset::Welding.config();
        let forecast = MemoryForecast::of(&full, &bge_m3, &MicroBatchSize::largest(&full, 8192));
        assert!((8_000_000_000..24_000_000_000).contains(&forecast.total()), "{forecast}");
    }
}
