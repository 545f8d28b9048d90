//! Low-rank changes of the encoder's matrices (LoRA, Hu et al. 2021): put on before a run, added in after it.

use burn::module::ParamId;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::model::encoder::{Encoder, mix};
use crate::model::layers::Lora;
use crate::training::config::{LoraTarget, TrainingConfig};

/// Gives the matrices that were asked for a change, from the layer `first` on, and names its parameters as peft does.
pub fn put_on(encoder: &mut Encoder, first: usize, config: &TrainingConfig) -> Vec<(ParamId, String)> {
    let mut names = Vec::new();
    let mut rng = ChaCha8Rng::seed_from_u64(mix(config.seed, 2));
    let scale = config.lora_alpha / config.lora_rank as f64;
    for (index, layer) in encoder.layers.iter_mut().enumerate().skip(first) {
        for (part, linear) in layer.linears_mut() {
            if !config.target_modules.contains(&target(part)) {
                continue;
            }
            let lora = Lora::fresh(&linear.weight.val(), config.lora_rank, scale, config.lora_dropout, &mut rng);
            for (id, which) in [(lora.a.id, "lora_A"), (lora.b.id, "lora_B")] {
                names.push((id, format!("encoder.layer.{index}.{part}.{which}.weight")));
            }
            linear.lora = Some(lora);
        }
    }
    names
}

fn target(part: &str) -> LoraTarget {
    match part {
        "attention.self.query" => LoraTarget::Query,
        "attention.self.key" => LoraTarget::Key,
        "attention.self.value" => LoraTarget::Value,
        _ => LoraTarget::Dense,
    }
}

/// The encoder with all changes added to its matrices.
pub fn merge(mut encoder: Encoder) -> Encoder {
    for layer in &mut encoder.layers {
        for (_, linear) in layer.linears_mut() {
            *linear = linear.clone().merged();
        }
    }
    encoder
}
