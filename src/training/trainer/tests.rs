//! Gradients of what no reference computed, against finite differences; and which parameters get one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Tensor, TensorData};

use super::Trainer;
use crate::compute::{DeviceChoice, choose};
use crate::model::EmbeddingModel;
use crate::training::{Layout, LossType, MicroBatch, TokenizedBatch, TrainingConfig};

fn toy() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/flagembedding/model_bin")
}

/// The toy model with this much dropout in its configuration.
fn with_dropout(chance: f64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["pytorch_model.bin", "tokenizer.json", "sparse_linear.pt", "colbert_linear.pt", "config.json"] {
        std::fs::copy(toy().join(name), folder.path().join(name)).unwrap();
    }
    let config = folder.path().join("config.json");
    let mut values: serde_json::Value = serde_json::from_slice(&std::fs::read(&config).unwrap()).unwrap();
    for name in ["hidden_dropout_prob", "attention_probs_dropout_prob"] {
        values[name] = chance.into();
    }
    std::fs::write(&config, values.to_string()).unwrap();
    folder
}

fn trainer(config: &TrainingConfig, model: &Path) -> Trainer {
    let device = choose(DeviceChoice::Cpu).unwrap().open().unwrap();
    Trainer::new(config, EmbeddingModel::load(model, &device).unwrap()).unwrap()
}

fn batch(trainer: &Trainer) -> TokenizedBatch {
    let texts = |texts: &[&str]| texts.iter().map(|text| text.to_string()).collect();
    MicroBatch {
        queries: texts(&[
            "什么是接头根部未焊透的现象？",
            "How is porosity reduced when drafts are blocked in the shop?",
        ]),
        passages: texts(&[
            "未焊透是接头根部未完全熔透的现象。",
            "今天车间温度较低，工人需要穿戴防护手套。",
            "Store cylinders upright.",
            "Porosity is reduced when drafts are blocked.",
            "焊条应在350℃烘干一小时。",
            "The shop floor must be swept.",
        ]),
        teacher: None,
        layout: Layout { queries: 2, group: 3, in_batch: true },
    }
    .tokenize(trainer.folder.tokenizer(), &trainer.config, 128)
    .unwrap()
}

/// Loss and gradient of the run's first micro-batch.
fn first(trainer: &mut Trainer) -> (f64, BTreeMap<String, Vec<f32>>) {
    trainer.micro_batches = 0;
    trainer.micro_batch(&batch(trainer), 1.0);
    let window = trainer.take_window();
    let (losses, _) = window.read(trainer).unwrap();
    (losses[0].total, window.gradients(trainer).unwrap())
}

/// Moves every parameter `by` times its part of a direction.
struct Move<'a> {
    trainer: &'a Trainer,
    direction: &'a BTreeMap<String, Vec<f32>>,
    by: f64,
}

impl ModuleMapper for Move<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, value, mapper) = param.consume();
        let moved = match self.trainer.names.get(&id).and_then(|name| self.direction.get(name)) {
            Some(part) => {
                let data = TensorData::new(part.clone(), value.dims());
                value.clone() + Tensor::from_data(data, &value.device()).mul_scalar(self.by)
            }
            None => value,
        };
        Param::from_mapped_value(id, moved, mapper)
    }
}

/// The slope of the loss along its gradient, by a step to either side, over the gradient's norm: 1 where the
/// gradient is right.
fn slope(config: &TrainingConfig, model: &Path) -> f64 {
    let mut trainer = trainer(config, model);
    let (_, gradient) = first(&mut trainer);
    let norm = gradient.values().flatten().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    let start = trainer.model().clone();
    let step = 2e-3;
    let [above, below] = [1.0, -1.0].map(|sign| {
        let by = sign * step / norm;
        trainer.model = Some(start.clone().map(&mut Move { trainer: &trainer, direction: &gradient, by }));
        first(&mut trainer).0
    });
    (above - below) / (2.0 * step) / norm
}

fn triplets() -> TrainingConfig {
    TrainingConfig {
        loss_type: LossType::Triplet,
        triplet_margin: 0.8,
        unified_finetuning: false,
        ..Default::default()
    }
}

#[test]
fn the_triplet_loss_is_the_mean_of_its_hinges() {
    let mut trainer = trainer(&triplets(), &toy());
    let scores = trainer.scores(&batch(&trainer)).unwrap().dense;
    let hinge = |query: usize, negative: usize| {
        let row = &scores[query * 6..][..6];
        f64::from((0.8 - row[query * 3] + row[query * 3 + negative]).max(0.0))
    };
    let wanted = (hinge(0, 1) + hinge(0, 2) + hinge(1, 1) + hinge(1, 2)) / 4.0;
    let (loss, _) = first(&mut trainer);
    assert!(wanted > 0.1 && (loss - wanted).abs() < 1e-6, "{loss}, by hand {wanted}");
}

#[test]
fn the_triplet_loss_falls_along_its_gradient_as_much_as_the_gradient_says() {
    let slope = slope(&triplets(), &toy());
    assert!((slope - 1.0).abs() < 5e-3, "{slope}");
}

/// The masks of the moved model's passes must be those of the first, or the differences would be noise.
#[test]
fn gradients_under_dropout_are_those_of_the_dropped_network() {
    let folder = with_dropout(0.1);
    for unified_finetuning in [false, true] {
        let config = TrainingConfig { unified_finetuning, temperature: 0.5, ..Default::default() };
        let slope = slope(&config, folder.path());
        assert!((slope - 1.0).abs() < 5e-3, "unified_finetuning {unified_finetuning}: {slope}");
    }
}

#[test]
fn dropout_is_the_seed_s_and_changes_with_every_micro_batch() {
    let folder = with_dropout(0.1);
    let losses = |seed, model: &Path| {
        let mut trainer = trainer(&TrainingConfig { seed, ..Default::default() }, model);
        let batch = batch(&trainer);
        for _ in 0..2 {
            trainer.micro_batch(&batch, 0.5);
        }
        let (losses, _) = trainer.take_window().read(&trainer).unwrap();
        [losses[0].total, losses[1].total]
    };
    let once = losses(7, folder.path());
    assert_eq!(once, losses(7, folder.path()));
    assert_ne!(once[0], once[1]);
    assert_ne!(once, losses(8, folder.path()));
    // The toy's own configuration says 0.
    let without = losses(7, &toy());
    assert_eq!(without[0], without[1]);
    assert_eq!(without, losses(8, &toy()));
}

/// Names of the parameters that a step changes.
fn changed(config: &TrainingConfig) -> BTreeSet<String> {
    let mut trainer = trainer(config, &toy());
    let before = trainer.weights().unwrap();
    trainer.micro_batch(&batch(&trainer), 1.0);
    trainer.step(1e-3).unwrap();
    let after = trainer.weights().unwrap();
    before.into_iter().filter(|(name, values)| after[name] != *values).map(|(name, _)| name).collect()
}

#[test]
fn fixed_parameters_stay_as_they_are() {
    let config = TrainingConfig { unified_finetuning: true, ..Default::default() };
    let all = changed(&config);
    let position = "embeddings.position_embeddings.weight";
    assert!(all.contains(position) && all.contains("embeddings.word_embeddings.weight"), "{all:?}");

    let mut rest = all.clone();
    rest.remove(position);
    assert_eq!(changed(&TrainingConfig { fix_position_embedding: true, ..config.clone() }), rest);

    let heads: BTreeSet<String> = all.iter().filter(|name| name.contains("_linear.")).cloned().collect();
    assert_eq!(heads.len(), 4, "{heads:?}");
    assert_eq!(changed(&TrainingConfig { fix_encoder: true, ..config.clone() }), heads);

    let top = changed(&TrainingConfig { trainable_layers: Some(1), ..config });
    assert!(top.is_superset(&heads) && top.iter().any(|name| name.starts_with("encoder.layer.1.")), "{top:?}");
    assert!(!top.iter().any(|name| name.starts_with("embeddings.") || name.starts_with("encoder.layer.0.")), "{top:?}");
}
