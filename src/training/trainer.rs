//! One micro-batch, one step: the model that is trained, its optimiser and its counters.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{DType, Device, FloatDType, Tensor, TensorData, activation};

use super::TrainingError;
use super::batches::TokenizedBatch;
use super::config::{LossType, TrainingConfig};
use super::events::LossParts;
use super::losses::{self, HeadScores, Losses, Scores, Teacher};
use super::optimizer::{AdamW, gradient_norm};
use super::scores;
use crate::model::encoder::{Dropout, Encoder, TokenTensors, mix};
use crate::model::heads::{Heads, normalized, pool};
use crate::model::{EmbeddingModel, Pooling, TokenBatch};

/// The parameters of a run.
#[derive(Module, Debug)]
pub struct TrainedModel {
    pub encoder: Encoder,
    pub heads: Option<Heads>,
}

/// A model in training. All its work belongs on one thread.
pub struct Trainer {
    config: TrainingConfig,
    model: TrainedModel,
    base: EmbeddingModel,
    optimizer: AdamW,
    /// The device that keeps a graph.
    device: Device,
    /// The layer from which on everything is trained; 0 trains the embeddings too.
    first_trained: usize,
    /// What each parameter is called in the weight files.
    names: HashMap<ParamId, String>,
    /// Micro-batches that went forward so far.
    micro_batches: u64,
    loss_scale: LossScale,
    losses: Vec<Tensor<1>>,
    gradients: GradientsAccumulator<TrainedModel>,
}

/// Losses of some micro-batches and the sum of their gradients, still on the device.
pub struct Window {
    /// Of each micro-batch, as [`Losses::packed`] packs them.
    losses: Vec<Tensor<1>>,
    gradients: GradientsParams,
}

/// Score matrices of a micro-batch, row after row: `[queries, passages]`, or `[queries, group]` without in-batch
/// negatives; divided by the temperature.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreMatrices {
    pub dense: Vec<f32>,
    pub sparse: Option<Vec<f32>>,
    pub colbert: Option<Vec<f32>>,
}

/// What an optimiser step came to.
#[derive(Clone, Debug)]
pub struct StepResult {
    /// Losses of each micro-batch of the window.
    pub micro_batches: Vec<LossParts>,
    /// Global L2 norm of the gradient before clipping.
    pub grad_norm: f64,
    /// False if 16-bit floats overflowed and the weights were left as they are.
    pub updated: bool,
}

impl Trainer {
    /// Takes a model that lies on the device of the run.
    pub fn new(config: &TrainingConfig, mut base: EmbeddingModel) -> Result<Self, TrainingError> {
        let pooling = config.sentence_pooling_method.unwrap_or(base.folder.pooling());
        base.folder = base.folder.with_pooling(pooling, config.normalize_embeddings);
        let plain = base.device();
        for (wanted, dtype, name) in [(config.fp16, DType::F16, "fp16"), (config.bf16, DType::BF16, "bf16")] {
            if wanted && !plain.supports_dtype(dtype) {
                return Err(TrainingError::Precision(name));
            }
        }
        if config.unified_finetuning && base.heads.is_none() {
            let size = base.folder.hidden_size();
            base.heads = Some(Heads::fresh(size, config.colbert_dim.unwrap_or(size), config.seed, &plain));
        }
        if !config.unified_finetuning {
            base.heads = None;
        }
        let layers = base.folder.layers();
        let first_trained = match config.trainable_layers {
            _ if config.fix_encoder => layers,
            Some(top) if top < layers => layers - top,
            _ => 0,
        };
        let mut names: HashMap<ParamId, String> = base.names.iter().cloned().collect();
        if let Some(heads) = &base.heads {
            for (name, linear) in [("sparse_linear", &heads.sparse), ("colbert_linear", &heads.colbert)] {
                names.insert(linear.weight.id, format!("{name}.weight"));
                names.insert(linear.bias.id, format!("{name}.bias"));
            }
        }
        let frozen = |name: &str| is_frozen(name, first_trained, config.fix_position_embedding);
        let model = TrainedModel { encoder: base.encoder.clone(), heads: base.heads.clone() };
        let device = plain.autodiff();
        let model = model.map(&mut Track { trained: &|id| names.get(&id).is_some_and(|name| !frozen(name)) });
        Ok(Self {
            config: config.clone(),
            optimizer: AdamW::new(config),
            model,
            base,
            device,
            first_trained,
            names,
            micro_batches: 0,
            loss_scale: LossScale::new(config.fp16),
            losses: Vec::new(),
            gradients: GradientsAccumulator::new(),
        })
    }

    /// All parameters, and those that the run changes.
    pub fn parameters(&self) -> (usize, usize) {
        struct Count(usize, usize);
        impl ModuleVisitor for Count {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let count: usize = param.val().dims().iter().product();
                self.0 += count;
                self.1 += if param.val().is_require_grad() { count } else { 0 };
            }
        }
        let mut count = Count(0, 0);
        self.model.visit(&mut count);
        (count.0, count.1)
    }

    /// Forward and backward of one micro-batch, added to the window; its loss counts `weight` in the gradient.
    pub fn micro_batch(&mut self, batch: &TokenizedBatch, weight: f64) {
        let losses = self.compute(batch);
        self.losses.push(losses.packed().inner());
        let scaled = losses.total.mul_scalar(weight * self.loss_scale.scale);
        let gradients = GradientsParams::from_grads(scaled.backward(), &self.model);
        self.gradients.accumulate(&self.model, gradients);
    }

    /// What was added since the last call.
    pub fn take_window(&mut self) -> Window {
        Window { losses: std::mem::take(&mut self.losses), gradients: self.gradients.grads() }
    }

    fn compute(&mut self, batch: &TokenizedBatch) -> Losses {
        let scores = self.score(batch);
        let forward = self.micro_batches;
        self.micro_batches += 1;
        let (config, layout) = (&self.config, &batch.layout);
        let dense = if config.loss_type == LossType::Triplet {
            losses::triplet(scores.dense, layout, config.triplet_margin)
        } else {
            let teacher = batch.teacher.as_ref().map(|scores| {
                let shape = [layout.queries, layout.group];
                let scores = Tensor::<2>::from_data(TensorData::new(scores.clone(), shape), &self.device);
                Teacher { chances: activation::softmax(scores, 1), kind: config.kd_loss_type }
            });
            if let Some(heads) = scores.heads {
                let self_distill = config.use_self_distill && forward as i64 > config.self_distill_start_step;
                return losses::unified(scores.dense, heads, layout, teacher.as_ref(), self_distill);
            }
            losses::ranking_loss(scores.dense, layout, teacher.as_ref())
        };
        Losses { total: dense.clone(), dense, unified: None }
    }

    /// The score matrices that the next micro-batch's losses would be made of, read from the device.
    pub fn scores(&self, batch: &TokenizedBatch) -> Result<ScoreMatrices, TrainingError> {
        let read = |scores: Tensor<2>| crate::model::read(scores.inner()).map_err(TrainingError::from);
        let Scores { dense, heads } = self.score(batch);
        let (sparse, colbert) = heads.map(|heads| (heads.sparse, heads.colbert)).unzip();
        let [sparse, colbert] = [sparse, colbert].map(|scores| scores.map(read).transpose());
        Ok(ScoreMatrices { dense: read(dense)?, sparse: sparse?, colbert: colbert? })
    }

    fn score(&self, batch: &TokenizedBatch) -> Scores {
        let config = &self.config;
        let encoder_config = self.base.folder.config();
        let dropout = |side: u64| {
            let dropout = Dropout {
                hidden: encoder_config.hidden_dropout_prob,
                attention: encoder_config.attention_probs_dropout_prob,
                key: mix(mix(config.seed, self.micro_batches), side),
            };
            (dropout.hidden > 0.0 || dropout.attention > 0.0).then_some(dropout)
        };
        let model = self.computed_model();
        let queries = self.vectors(&model, &batch.queries, dropout(0));
        let passages = self.vectors(&model, &batch.passages, dropout(1));
        let finish = |scores: Tensor<2>| {
            let scores = batch.layout.select(scores);
            // A triplet's margin is a difference of cosines.
            if config.loss_type == LossType::Triplet { scores } else { scores.div_scalar(config.temperature) }
        };
        let heads = queries.heads.zip(passages.heads).map(|(query, passage)| HeadScores {
            sparse: finish(scores::sparse(
                self.base.folder.tokenizer(),
                (&batch.queries, query.sparse),
                (&batch.passages, passage.sparse),
            )),
            colbert: finish(scores::colbert(query.colbert, passage.colbert, query.counts)),
        });
        Scores { dense: finish(scores::dense(queries.dense, passages.dense)), heads }
    }

    /// The model that computes: the trained one, or a copy in 16 bits whose gradients reach the 32-bit one.
    fn computed_model(&self) -> TrainedModel {
        let dtype = match (self.config.fp16, self.config.bf16) {
            (true, _) => FloatDType::F16,
            (_, true) => FloatDType::BF16,
            _ => return self.model.clone(),
        };
        TrainedModel { encoder: self.model.encoder.clone().map(&mut Cast(dtype)), heads: self.model.heads.clone() }
    }

    fn vectors(&self, model: &TrainedModel, batch: &TokenBatch, dropout: Option<Dropout>) -> TextVectors {
        let tokens = TokenTensors::new(batch, &model.encoder.embeddings, &self.device);
        let hidden = if self.first_trained == 0 {
            model.encoder.forward(&tokens, dropout)
        } else {
            // Frozen layers need no graph. A frozen encoder keeps its dropout, as FlagEmbedding's does;
            // below trained top layers there is none.
            let below_dropout = dropout.filter(|_| self.config.fix_encoder);
            let plain = TokenTensors::new(batch, &model.encoder.embeddings, &self.device.clone().inner());
            let below = Encoder {
                embeddings: model.encoder.embeddings.valid(),
                layers: model.encoder.layers[..self.first_trained].iter().map(Module::valid).collect(),
            };
            let hidden = Tensor::from_inner(below.forward(&plain, below_dropout));
            model.encoder.forward_layers(self.first_trained, hidden, &tokens, dropout)
        };
        let hidden = hidden.cast(FloatDType::F32);
        let normalize = self.config.normalize_embeddings;
        let pooled = pool(hidden.clone(), tokens.mask.clone(), self.pooling());
        let dense = if normalize { normalized(pooled) } else { pooled };
        let heads = model.heads.as_ref().map(|heads| HeadVectors {
            sparse: heads.token_weights(hidden.clone()),
            colbert: heads.colbert_vectors(hidden, tokens.mask.clone(), normalize),
            counts: tokens.mask.sum_dim(1).sub_scalar(1.0),
        });
        TextVectors { dense, heads }
    }

    fn pooling(&self) -> Pooling {
        self.base.folder.pooling()
    }

    /// Changes the weights by the window's gradient. Reads from the device once.
    pub fn step(&mut self, learning_rate: f64) -> Result<StepResult, TrainingError> {
        let window = self.take_window();
        let (micro_batches, grad_norm) = window.read(self)?;
        let gradients = window.gradients;
        let updated = grad_norm.is_finite();
        if updated {
            let max = self.config.max_grad_norm;
            // PyTorch's clip_grad_norm_.
            let clip = if max > 0.0 { (max / (grad_norm + 1e-6)).min(1.0) } else { 1.0 };
            let names = &self.names;
            let decays = |id| {
                names.get(&id).is_some_and(|name: &String| !name.ends_with(".bias") && !name.contains("LayerNorm"))
            };
            let factor = clip / self.loss_scale.scale;
            self.model = self.optimizer.step(self.model.clone(), gradients, learning_rate, factor, decays);
        } else if !self.config.fp16 {
            return Err(TrainingError::NotANumber);
        }
        self.loss_scale.after(updated);
        Ok(StepResult { micro_batches, grad_norm, updated })
    }

    /// The tuned model, on the run's device without a graph.
    pub fn into_model(self) -> EmbeddingModel {
        let Self { mut base, model, .. } = self;
        base.encoder = model.encoder.valid();
        base.heads = model.heads.map(|heads| heads.valid());
        base
    }

    /// Values of every parameter by its name, read from the device.
    pub fn weights(&self) -> Result<BTreeMap<String, Vec<f32>>, TrainingError> {
        let mut found = ByName { names: &self.names, gradients: None, tensors: Vec::new() };
        self.model.visit(&mut found);
        found.read()
    }
}

impl Window {
    /// Losses of each micro-batch and the norm of the gradient before clipping, in one read.
    pub fn read(&self, trainer: &Trainer) -> Result<(Vec<LossParts>, f64), TrainingError> {
        let norm = gradient_norm(&trainer.model, &self.gradients).ok_or(TrainingError::NothingToTrain)?;
        let all = Tensor::cat(self.losses.iter().cloned().chain([norm]).collect(), 0);
        let values = crate::model::read(all)?;
        let mut rest = values.as_slice();
        let mut parts = Vec::with_capacity(self.losses.len());
        for losses in &self.losses {
            let (mine, others) = rest.split_at(losses.dims()[0]);
            parts.push(Losses::parts(mine));
            rest = others;
        }
        let norm = rest.first().map_or(f64::NAN, |norm| f64::from(*norm) / trainer.loss_scale.scale);
        Ok((parts, norm))
    }

    /// Gradients by the parameters' names, flat, read from the device.
    pub fn gradients(&self, trainer: &Trainer) -> Result<BTreeMap<String, Vec<f32>>, TrainingError> {
        let mut found = ByName { names: &trainer.names, gradients: Some(&self.gradients), tensors: Vec::new() };
        trainer.model.visit(&mut found);
        found.read()
    }
}

/// Collects parameters, or their gradients, under their names.
struct ByName<'a> {
    names: &'a HashMap<ParamId, String>,
    gradients: Option<&'a GradientsParams>,
    tensors: Vec<(String, Tensor<1>)>,
}

impl ByName<'_> {
    fn read(self) -> Result<BTreeMap<String, Vec<f32>>, TrainingError> {
        self.tensors.into_iter().map(|(name, tensor)| Ok((name, crate::model::read(tensor)?))).collect()
    }
}

impl ModuleVisitor for ByName<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = match self.gradients {
            Some(gradients) => gradients.get::<D>(param.id),
            None => Some(param.val().inner()),
        };
        if let (Some(tensor), Some(name)) = (tensor, self.names.get(&param.id)) {
            let size: usize = tensor.dims().iter().product();
            self.tensors.push((name.clone(), tensor.reshape([size])));
        }
    }
}

struct TextVectors {
    dense: Tensor<2>,
    heads: Option<HeadVectors>,
}

struct HeadVectors {
    sparse: Tensor<2>,
    colbert: Tensor<3>,
    /// `[texts, 1]`: tokens that have a ColBERT vector.
    counts: Tensor<2>,
}

fn is_frozen(name: &str, first_trained: usize, fix_position_embedding: bool) -> bool {
    if fix_position_embedding && name.contains("position_embeddings") {
        return true;
    }
    let layer = name
        .strip_prefix("encoder.layer.")
        .and_then(|rest| rest.split('.').next())
        .and_then(|index| index.parse::<usize>().ok());
    match layer {
        Some(layer) => layer < first_trained,
        None => first_trained > 0 && name.starts_with("embeddings."),
    }
}

/// Puts parameters on the device that keeps a graph; only the trained ones get gradients.
struct Track<'a> {
    trained: &'a dyn Fn(ParamId) -> bool,
}

impl ModuleMapper for Track<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, value, mapper) = param.consume();
        let trained = (self.trained)(id);
        Param::from_mapped_value(id, Tensor::from_inner(value).set_require_grad(trained), mapper)
            .set_require_grad(trained)
    }
}

struct Cast(FloatDType);

impl ModuleMapper for Cast {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, value, mapper) = param.consume();
        Param::from_mapped_value(id, value.cast(self.0), mapper)
    }
}

/// Keeps small gradients above 0 in 16-bit floats (Micikevicius et al. 2018), as PyTorch's GradScaler:
/// doubled after 2,000 good steps, halved after an overflow.
struct LossScale {
    scale: f64,
    good_steps: u32,
    dynamic: bool,
}

impl LossScale {
    fn new(dynamic: bool) -> Self {
        Self { scale: if dynamic { 65_536.0 } else { 1.0 }, good_steps: 0, dynamic }
    }

    fn after(&mut self, good: bool) {
        if !self.dynamic {
            return;
        }
        if !good {
            self.scale = (self.scale / 2.0).max(1.0);
            self.good_steps = 0;
            return;
        }
        self.good_steps += 1;
        if self.good_steps == 2000 {
            self.scale *= 2.0;
            self.good_steps = 0;
        }
    }
}
