//! Gradients of what no reference computed, against finite differences; and which parameters get one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Tensor, TensorData};

use super::{Precision, Trainer};
use crate::compute::{DeviceChoice, choose, run_apart};
use crate::model::{EmbeddingModel, ModelFolder};
use crate::training::{Layout, LossType, MicroBatch, TokenizedBatch, TrainingConfig, Warning};

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
    slope_of(trainer(config, model))
}

fn slope_of(mut trainer: Trainer) -> f64 {
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
    let words = "embeddings.word_embeddings.weight";
    let without_words = changed(&TrainingConfig { fix_word_embedding: true, ..config.clone() });
    assert!(all.contains(words) && !without_words.contains(words) && without_words.len() == all.len() - 1);
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

/// Difference of two gradients over the norm of the first.
fn apart(left: &BTreeMap<String, Vec<f32>>, right: &BTreeMap<String, Vec<f32>>) -> f64 {
    assert_eq!(left.keys().collect::<Vec<_>>(), right.keys().collect::<Vec<_>>());
    let square = |value: f64| value * value;
    let size: f64 = left.values().flatten().map(|value| square(f64::from(*value))).sum();
    let pairs = left.values().flatten().zip(right.values().flatten());
    let off: f64 = pairs.map(|(left, right)| square(f64::from(left - right))).sum();
    (off / size).sqrt()
}

#[test]
fn recomputation_and_pieces_give_the_same_gradients_dropout_included() {
    let folder = with_dropout(0.1);
    for base in [
        TrainingConfig { unified_finetuning: true, use_self_distill: true, ..Default::default() },
        TrainingConfig { trainable_layers: Some(1), ..Default::default() },
        TrainingConfig { use_lora: true, lora_rank: 4, unified_finetuning: true, ..Default::default() },
    ] {
        let (loss, plain) = first(&mut trainer(&base, folder.path()));
        for (gradient_checkpointing, sub_batch_size) in
            [(true, None), (false, Some(1)), (false, Some(4)), (true, Some(2)), (true, Some(100))]
        {
            let config = TrainingConfig { gradient_checkpointing, sub_batch_size, ..base.clone() };
            let (same, gradient) = first(&mut trainer(&config, folder.path()));
            let off = apart(&plain, &gradient);
            assert!((loss - same).abs() < 1e-6 * loss && off < 1e-5, "{config:?}: loss {loss} {same}, gradient {off}");
        }
    }
}

fn lora() -> TrainingConfig {
    let unified_finetuning = true;
    TrainingConfig { use_lora: true, lora_rank: 4, unified_finetuning, temperature: 0.5, ..Default::default() }
}

/// A run's trainer after some steps: at the start `B` is zero, and `A` has no gradient.
fn on_its_way(config: &TrainingConfig, model: &Path) -> Trainer {
    let mut trainer = trainer(config, model);
    for _ in 0..3 {
        trainer.micro_batch(&batch(&trainer), 1.0);
        trainer.step(1e-2).unwrap();
    }
    trainer
}

#[test]
fn the_loss_falls_along_the_gradient_of_low_rank_changes() {
    let folder = with_dropout(0.1);
    let slope = slope_of(on_its_way(&lora(), folder.path()));
    assert!((slope - 1.0).abs() < 5e-3, "{slope}");
}

#[test]
fn merged_low_rank_changes_compute_what_they_did_beside_the_matrices() {
    let config = TrainingConfig { lora_dropout: 0.0, ..lora() };
    let mut trainer = on_its_way(&config, &toy());
    let batch = batch(&trainer);
    let before = self::trainer(&config, &toy()).scores(&batch).unwrap();
    let beside = trainer.scores(&batch).unwrap();
    let changed: Vec<String> = trainer.weights().unwrap().into_keys().filter(|name| name.contains("lora_")).collect();
    assert_eq!(changed.len(), 2 * 6 * 2, "two of each of six matrices of two layers");
    let merged = self::trainer(&TrainingConfig { use_lora: false, ..config }, &toy());
    let mut merged = Trainer { model: Some(super::TrainedModel::from(trainer.into_model())), ..merged };
    let merged = merged.scores(&batch).unwrap();
    let parts = [
        (before.dense, beside.dense, merged.dense),
        (before.sparse.unwrap(), beside.sparse.unwrap(), merged.sparse.unwrap()),
        (before.colbert.unwrap(), beside.colbert.unwrap(), merged.colbert.unwrap()),
    ];
    for (before, beside, merged) in parts {
        let far = |left: &[f32], right: &[f32]| {
            left.iter().zip(right).map(|(left, right)| (left - right).abs()).fold(0.0, f32::max)
        };
        assert!(far(&beside, &merged) < 1e-5, "{beside:?} {merged:?}");
        assert!(far(&before, &merged) > 1e-3, "training changed nothing");
    }
}

#[test]
fn a_text_goes_through_the_frozen_layers_once() {
    let folder = with_dropout(0.1);
    let config = TrainingConfig { trainable_layers: Some(1), ..Default::default() };
    let run = |room: Option<usize>| {
        let mut trainer = trainer(&config, folder.path());
        if let Some(room) = room {
            trainer.below.room = room;
        }
        let batch = batch(&trainer);
        // Another batch of texts of which some were seen, of other lengths together.
        let mut other = batch.clone();
        other.passages = other.passages.select(&[3, 1, 4, 2, 5, 0]);
        let mut losses = Vec::new();
        for batch in [&batch, &other, &batch] {
            trainer.micro_batch(batch, 1.0);
            losses.push(trainer.step(1e-2).unwrap().micro_batches[0].total);
        }
        (losses, trainer.below.known.len())
    };
    let (cached, known) = run(None);
    assert_eq!(known, 8);
    let (computed, known) = run(Some(0));
    assert_eq!(known, 0);
    for (cached, computed) in cached.iter().zip(&computed) {
        assert!((cached - computed).abs() < 1e-5, "{cached} {computed}");
    }
    // Room for the questions only.
    let trainer = trainer(&config, folder.path());
    let room = batch(&trainer).queries.tokens() * trainer.folder.hidden_size();
    assert_eq!(run(Some(room)).1, 2);
}

#[test]
fn a_graphics_adapter_s_own_ways_train_the_same() {
    run_apart("training::trainer::tests::on_a_graphics_adapter");
}

#[test]
#[ignore = "the test above runs it in a process of its own"]
fn on_a_graphics_adapter() {
    let device = choose(DeviceChoice::Wgpu(None)).unwrap().open().unwrap();
    let trainer = |config: &TrainingConfig, largest: u64| {
        let model = EmbeddingModel::load_within(ModelFolder::open(&toy()).unwrap(), &device, largest).unwrap();
        Trainer::new(config, model).unwrap()
    };
    let config = TrainingConfig { temperature: 0.5, ..Default::default() };
    let (loss, gradient) = first(&mut trainer(&config, u64::MAX));

    // A table that the device could not take stays in the host's memory.
    let mut apart_from_table = trainer(&config, 1000);
    let table = apart_from_table.model().encoder.embeddings.word.weight.val();
    assert_eq!(table.device(), burn::tensor::Device::flex());
    let (same, from_host) = first(&mut apart_from_table);
    assert!((loss - same).abs() < 1e-6 && apart(&gradient, &from_host) < 1e-5);
    let mut together = trainer(&config, u64::MAX);
    for trainer in [&mut together, &mut apart_from_table] {
        trainer.micro_batches = 0;
        trainer.micro_batch(&batch(trainer), 1.0);
        trainer.step(1e-2).unwrap();
    }
    let moved = apart(&together.weights().unwrap(), &apart_from_table.weights().unwrap());
    assert!(moved < 1e-4, "{moved}");
}

/// 16-bit floats: nearly the same loss; an overflow leaves the weights and lowers the scale.
#[test]
#[ignore = "for real adapters: software Vulkan builds its kernels for minutes, or not at all"]
fn half_precision_on_a_graphics_adapter() {
    let device = choose(DeviceChoice::Wgpu(None)).unwrap().open().unwrap();
    let config = TrainingConfig { temperature: 0.5, ..Default::default() };
    let trainer =
        |config: &TrainingConfig| Trainer::new(config, EmbeddingModel::load(&toy(), &device).unwrap()).unwrap();
    let (loss, _) = first(&mut trainer(&config));
    let mut half = trainer(&TrainingConfig { fp16: true, ..config });
    if half.precision == Precision::Float16 {
        assert!(half.lacks_precision().is_none());
        let (near, _) = first(&mut half);
        assert!((loss - near).abs() < 0.01 * loss, "{loss} {near}");
        let weights = half.weights().unwrap();
        half.loss_scale.scale = 1e30;
        half.micro_batch(&batch(&half), 1.0);
        let result = half.step(1e-2).unwrap();
        assert!(!result.updated && half.loss_scale.scale == 5e29);
        assert_eq!(weights, half.weights().unwrap());
        half.loss_scale.scale = 1024.0;
        half.micro_batch(&batch(&half), 1.0);
        assert!(half.step(1e-2).unwrap().updated);
        assert_ne!(weights, half.weights().unwrap());
    } else {
        assert!(half.lacks_precision().is_some());
    }
}

#[test]
fn the_processor_computes_in_32_bits_and_says_so() {
    let mut half = trainer(&TrainingConfig { bf16: true, ..Default::default() }, &toy());
    assert_eq!(half.lacks_precision(), Some(Warning::NoPrecision { wanted: "bf16".into() }));
    let mut full = trainer(&TrainingConfig::default(), &toy());
    assert!(full.lacks_precision().is_none());
    assert_eq!(first(&mut half).0, first(&mut full).0);
}
