use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::eval::{Questions, as_json, compare, published};
use super::follow::time;
use super::out;
use super::{Ending, assets, train};
use crate::compute::{DeviceChoice, choose};
use crate::retrieval::{Comparison, Method};
use crate::training::{Preset, TrainingConfig};

/// Numbers of passages that the table looks at.
const KS: [usize; 3] = [1, 3, 6];

/// Walk the whole way on the sample data: measure the starter model, tune it, measure again.
///
/// Takes a few minutes on two processor cores. The run stays in the workspace.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  weldbench demo
  weldbench demo --device cpu")]
pub struct Demo {
    /// Device: auto, cpu, wgpu, wgpu:N, cuda or cuda:N, as `weldbench devices` lists them.
    #[arg(long, default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,
    /// Write the measurements and the run's events to standard output as lines of JSON.
    #[arg(long)]
    json: bool,
}

impl Demo {
    pub(super) fn run(self) -> Result<(), Ending> {
        let started = Instant::now();
        let model = assets::find("assets/starter-model")?;
        let data = assets::find("sample_data")?;
        let device = choose(self.device)?;
        let config = TrainingConfig {
            model_name_or_path: model.clone(),
            train_data: vec![data.join("train.jsonl")],
            ..Preset::QuickLook.config()
        };
        let sets = [Questions::read(&data.join("corpus.jsonl"), &data.join("eval.jsonl"))?];

        let say = |text: &str| {
            if !self.json {
                out::line(text);
            }
        };
        say(&format!(
            "1. The starter model searches for the answers to {} questions among {} passages.\n   None of these questions is in the training data; their subjects are.\n",
            sets[0].set.questions.len(),
            sets[0].set.corpus.passages().len()
        ));
        let before = compare(&sets, device.clone(), vec![model.clone()], Method::Dense, &KS)?;
        self.show("measured", &before[0]);

        say(&format!("2. Fine-tuning on {}, with settings for a short run:\n\n{}", device.label(), told(&config)));
        if let Some(layers) = config.trainable_layers {
            say(&format!("   Only the top {layers} layers are trained, so that two processor cores are enough.\n"));
        }
        let tuned = train::train(config, self.device, self.json, None)?;
        say("");

        say("3. The tuned model searches for the same questions.\n");
        let both = compare(&sets, device, vec![model, tuned.clone()], Method::Dense, &KS)?;
        self.show("compared", &both[0]);
        let (took, run) = (time(started.elapsed()), tuned.parent().unwrap_or(&tuned));
        say(&format!("Done in {took}. The run is in {}", run.display()));
        if self.json {
            out::line(json!({ "event": "finished", "folder": tuned }));
        }
        Ok(())
    }

    fn show(&self, event: &str, comparison: &Comparison) {
        if self.json {
            out::line(json!({ "event": event, "metrics": as_json(comparison) }));
        } else {
            out::line(format_args!("{}\n", published(comparison)));
        }
    }
}

/// The options that differ from their defaults, one a line.
fn told(config: &TrainingConfig) -> String {
    let defaults = TrainingConfig::default();
    let mut text = String::new();
    for option in crate::training::OPTIONS {
        let value = config.get(option.name).unwrap_or_default();
        if Some(&value) != defaults.get(option.name).as_ref() {
            text.push_str(&format!("   --{} {value}\n", option.name));
        }
    }
    text
}
