//! How many steps a run has, and the learning rate of each.

use super::config::{Schedule, TrainingConfig};

/// The steps of a run: micro-batches are added up in windows that never cross an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    pub micro_batches_per_epoch: usize,
    /// Micro-batches in a full window; an epoch's last window may be shorter.
    pub window: usize,
    /// Optimiser steps in the whole run.
    pub steps: usize,
}

impl Plan {
    pub fn new(config: &TrainingConfig, micro_batches_per_epoch: usize) -> Self {
        let window = config.gradient_accumulation_steps;
        let per_epoch = micro_batches_per_epoch.div_ceil(window);
        let by_epochs = (config.num_train_epochs * per_epoch as f64).ceil() as usize;
        Self { micro_batches_per_epoch, window, steps: config.max_steps.unwrap_or(by_epochs) }
    }

    /// Optimiser steps in one epoch.
    pub fn steps_per_epoch(&self) -> usize {
        self.micro_batches_per_epoch.div_ceil(self.window)
    }

    /// Micro-batches in the whole run.
    pub fn micro_batches(&self) -> usize {
        let (epochs, rest) = (self.steps / self.steps_per_epoch(), self.steps % self.steps_per_epoch());
        epochs * self.micro_batches_per_epoch + rest * self.window
    }

    /// Epoch and micro-batches of a step counted from 0.
    pub fn window_of(&self, step: usize) -> (usize, std::ops::Range<usize>) {
        let per_epoch = self.steps_per_epoch();
        let first = step % per_epoch * self.window;
        (step / per_epoch, first..(first + self.window).min(self.micro_batches_per_epoch))
    }
}

/// The learning rate of a step counted from 0, of `steps`.
///
/// Linear: Hugging Face `get_linear_schedule_with_warmup`. WarmupDecayLog: DeepSpeed's `WarmupDecayLR`
/// with its default logarithmic warm-up, whose first two steps have rate 0.
pub fn learning_rate(config: &TrainingConfig, step: usize, steps: usize) -> f64 {
    let warmup = if config.warmup_steps > 0 {
        config.warmup_steps
    } else {
        (config.warmup_ratio * steps as f64).ceil() as usize
    };
    let (now, total, warm) = (step as f64, steps as f64, warmup as f64);
    let part = match config.lr_scheduler_type {
        Schedule::Linear | Schedule::ConstantWithWarmup if step < warmup => now / warm.max(1.0),
        Schedule::Linear => ((total - now) / (total - warm).max(1.0)).max(0.0),
        Schedule::ConstantWithWarmup => 1.0,
        Schedule::WarmupDecayLog => {
            let warm = warm.max(2.0);
            match step.checked_sub(1) {
                None => 0.0,
                Some(done) if (done as f64) < warm => ((done + 1) as f64).ln() / warm.ln(),
                Some(done) => ((total - done as f64) / (total - warm).max(1.0)).max(0.0),
            }
        }
    };
    config.learning_rate * part
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(schedule: Schedule) -> TrainingConfig {
        TrainingConfig { learning_rate: 1.0, lr_scheduler_type: schedule, warmup_steps: 4, ..Default::default() }
    }

    #[test]
    fn linear_rises_from_zero_and_falls_to_almost_zero() {
        let rates: Vec<f64> = (0..12).map(|step| learning_rate(&config(Schedule::Linear), step, 12)).collect();
        assert_eq!(rates[..5], [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(rates[11], 1.0 / 8.0);
    }

    #[test]
    fn the_logarithmic_warm_up_has_two_steps_at_zero() {
        let rates: Vec<f64> = (0..12).map(|step| learning_rate(&config(Schedule::WarmupDecayLog), step, 12)).collect();
        assert_eq!(rates[..2], [0.0, 0.0]);
        assert!((rates[2] - 2f64.ln() / 4f64.ln()).abs() < 1e-15);
        assert_eq!(rates[5], 1.0);
        assert_eq!(rates[11], 2.0 / 8.0);
    }

    #[test]
    fn an_epoch_s_last_window_is_shorter() {
        let config = TrainingConfig { gradient_accumulation_steps: 4, num_train_epochs: 2.0, ..Default::default() };
        let plan = Plan::new(&config, 10);
        assert_eq!(plan.steps, 6);
        assert_eq!(plan.window_of(2), (0, 8..10));
        assert_eq!(plan.window_of(3), (1, 0..4));
        for steps in 0..9 {
            let plan = Plan { steps, ..plan };
            assert_eq!(plan.micro_batches(), (0..steps).map(|step| plan.window_of(step).1.len()).sum::<usize>());
        }
    }
}
