//! What a run will be, before it starts: steps, memory, time.

use serde::{Deserialize, Serialize};

use super::TrainingError;
use super::batches::Batches;
use super::config::TrainingConfig;
use super::files::TrainingFile;
use super::forecast::{Concern, MemoryForecast, MicroBatchSize, concerns};
use super::schedule::Plan;
use crate::compute::{DeviceInfo, Limits};
use crate::model::ModelFolder;

/// A run that has not started.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlook {
    pub rows: usize,
    pub plan: Plan,
    /// With the largest micro-batch that the options allow.
    pub memory: MemoryForecast,
    pub concerns: Vec<Concern>,
}

impl Outlook {
    /// Of a run of this model with these rows on a device with these limits; the errors are those of the run's start.
    pub fn new(
        config: &TrainingConfig,
        model: &ModelFolder,
        files: Vec<TrainingFile>,
        limits: &Limits,
    ) -> Result<Self, TrainingError> {
        let problems = config.problems();
        if !problems.is_empty() {
            return Err(TrainingError::Options(problems));
        }
        let batches = Batches::new(config, files, model)?;
        let largest = MicroBatchSize::largest(config, model.max_length());
        Ok(Self {
            rows: batches.rows(),
            plan: Plan::new(config, batches.per_epoch()),
            memory: MemoryForecast::of(config, model.config(), &largest),
            concerns: concerns(config, model.config(), &largest, limits),
        })
    }

    /// Seconds that the run takes at this pace, loading and evaluating left out.
    pub fn seconds(&self, pace: &Pace) -> f64 {
        self.plan.micro_batches() as f64 * pace.micro_batch + self.plan.steps as f64 * pace.update
    }
}

/// How fast a run is, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// Forward and back.
    pub micro_batch: f64,
    /// The optimiser's part of a step; 0 where it is counted among the micro-batches.
    pub update: f64,
}

/// What runs of one pace have in common: device, model, data and every option that costs time.
pub fn pace_key(config: &TrainingConfig, device: &DeviceInfo) -> String {
    let default = TrainingConfig::default();
    let costly = TrainingConfig {
        cache_dir: None,
        cache_path: None,
        output_dir: None,
        overwrite_output_dir: false,
        temperature: default.temperature,
        triplet_margin: default.triplet_margin,
        negatives_cross_device: false,
        learning_rate: default.learning_rate,
        num_train_epochs: default.num_train_epochs,
        max_steps: None,
        gradient_accumulation_steps: 1,
        lr_scheduler_type: default.lr_scheduler_type,
        warmup_ratio: default.warmup_ratio,
        warmup_steps: 0,
        weight_decay: default.weight_decay,
        adam_beta1: default.adam_beta1,
        adam_beta2: default.adam_beta2,
        adam_epsilon: default.adam_epsilon,
        max_grad_norm: default.max_grad_norm,
        seed: default.seed,
        eval_data: Vec::new(),
        eval_corpus: None,
        eval_steps: None,
        metric_for_best_model: default.metric_for_best_model,
        early_stopping_patience: None,
        load_best_model_at_end: false,
        logging_steps: default.logging_steps,
        save_steps: None,
        save_total_limit: None,
        ..config.clone()
    };
    let options = serde_json::to_string(&costly).unwrap_or_default();
    let whole = blake3::hash(format!("{} {} {options}", device.choice, device.name).as_bytes());
    whole.to_hex()[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::compute::{DeviceChoice, choose};
    use crate::training::{measure, read_files};

    fn config() -> TrainingConfig {
        TrainingConfig {
            model_name_or_path: "tests/fixtures/flagembedding/model_safetensors".into(),
            train_data: vec!["tests/fixtures/flagembedding/data/weld_toy.jsonl".into()],
            train_group_size: 3,
            per_device_train_batch_size: 5,
            gradient_accumulation_steps: 2,
            num_train_epochs: 2.0,
            ..TrainingConfig::default()
        }
    }

    fn files() -> Vec<TrainingFile> {
        read_files(&config().train_data).unwrap().0
    }

    #[test]
    fn steps_rows_and_time_are_those_of_the_run() {
        let model = ModelFolder::open(&config().model_name_or_path).unwrap();
        let limits = Limits { memory: Some(1000), tensor: None };
        let outlook = Outlook::new(&config(), &model, files(), &limits).unwrap();
        // 24 rows: 5 micro-batches, 3 steps an epoch.
        assert_eq!((outlook.rows, outlook.plan.steps, outlook.plan.micro_batches()), (24, 6, 10));
        assert_eq!(outlook.seconds(&Pace { micro_batch: 2.0, update: 0.5 }), 23.0);
        assert!(matches!(outlook.concerns[..], [Concern::TooLarge { memory: 1000, .. }]), "{outlook:?}");

        let none = TrainingConfig { gradient_accumulation_steps: 0, ..config() };
        assert!(matches!(Outlook::new(&none, &model, files(), &limits), Err(TrainingError::Options(_))));
    }

    #[test]
    fn a_pace_is_measured_and_known_again_for_runs_alike() {
        let device = choose(DeviceChoice::Cpu).unwrap();
        let mut seen = Vec::new();
        let pace = measure(&config(), &device, files(), &mut |done, total| {
            seen.push((done, total));
            std::ops::ControlFlow::Continue(())
        });
        let pace = pace.unwrap().unwrap();
        assert!(pace.micro_batch > 0.0 && pace.update >= 0.0, "{pace:?}");
        assert!(seen.len() > 1 && seen.is_sorted(), "{seen:?}");
        let stopped = measure(&config(), &device, files(), &mut |_, _| std::ops::ControlFlow::Break(()));
        assert_eq!(stopped.unwrap(), None);

        let key = pace_key(&config(), &device);
        let alike =
            TrainingConfig { learning_rate: 1.0, num_train_epochs: 9.0, output_dir: Some("x".into()), ..config() };
        assert_eq!(pace_key(&alike, &device), key);
        for other in [
            TrainingConfig { passage_max_len: 64, ..config() },
            TrainingConfig { trainable_layers: Some(1), ..config() },
            TrainingConfig { model_name_or_path: Path::new("other").into(), ..config() },
        ] {
            assert_ne!(pace_key(&other, &device), key);
        }
    }
}
