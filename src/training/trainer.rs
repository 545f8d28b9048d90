//! One micro-batch, one step: the model that is trained, its optimiser and its counters.
//!
//! Only scores and losses have a graph, over the vectors of all texts. Its gradients go back through the heads and the
//! encoder text by text or all at once, which comes to the same (gradient caching, Gao et al. 2021).

mod below;
mod lora;
mod pieces;
mod precision;
mod state;
#[cfg(test)]
mod tests;
mod vectors;

use std::collections::{BTreeMap, HashMap, HashSet};

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::{Device, FloatDType, Tensor, TensorData, activation};

use self::below::Below;
use self::pieces::Piece;
use self::precision::{LossScale, Precision};
pub use self::state::Counters;
use self::vectors::{Leaves, TextVectors};
use super::TrainingError;
use super::batches::TokenizedBatch;
use super::config::{LossType, TrainingConfig};
use super::events::LossParts;
use super::losses::{self, HeadScores, Losses, RankingLoss, Scores, Teacher};
use super::optimizer::AdamW;
use super::scores;
use super::warning::Warning;
use crate::model::encoder::{Encoder, Keep, Trace};
use crate::model::gradients::Gradients;
use crate::model::heads::Heads;
use crate::model::profile::timed;
use crate::model::{EmbeddingModel, HostTensor, ModelFolder};

/// The parameters of a run.
#[derive(Module, Debug)]
pub struct TrainedModel {
    pub encoder: Encoder,
    pub heads: Option<Heads>,
}

impl From<EmbeddingModel> for TrainedModel {
    fn from(model: EmbeddingModel) -> Self {
        Self { encoder: model.encoder, heads: model.heads }
    }
}

/// A model in training. All its work belongs on one thread.
pub struct Trainer {
    config: TrainingConfig,
    /// Absent only while the optimiser changes it.
    model: Option<TrainedModel>,
    folder: ModelFolder,
    /// What the encoder's parameters are called in the weight file.
    encoder_names: Vec<(ParamId, String)>,
    /// What each parameter is called in the weight files.
    names: HashMap<ParamId, String>,
    unused: BTreeMap<String, HostTensor>,
    optimizer: AdamW,
    device: Device,
    precision: Precision,
    /// The layer from which on something is trained; 0 reaches the embeddings, too.
    first_trained: usize,
    /// Micro-batches that went forward so far.
    micro_batches: u64,
    loss_scale: LossScale,
    losses: Vec<Tensor<1>>,
    gradients: Gradients,
    /// What the frozen layers make of texts that came before.
    below: Below,
}

#[cfg(test)]
thread_local! {
    /// Texts for which a device of the tests has room.
    pub(super) static ROOM: std::cell::Cell<usize> = const { std::cell::Cell::new(usize::MAX) };
}

/// Losses of some micro-batches and the sum of their gradients, still on the device.
pub struct Window {
    /// Of each micro-batch, as [`Losses::packed`] packs them.
    losses: Vec<Tensor<1>>,
    gradients: Gradients,
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
    /// False if the loss or the gradient was not finite, and the weights were left as they are.
    pub updated: bool,
    /// Not updated because 16-bit floats overflowed; the loss scale is halved.
    pub overflow: bool,
}

impl Trainer {
    /// Takes a model that lies on the device of the run.
    pub fn new(config: &TrainingConfig, mut base: EmbeddingModel) -> Result<Self, TrainingError> {
        let pooling = config.sentence_pooling_method.unwrap_or(base.folder.pooling());
        base.folder = base.folder.with_pooling(pooling, config.normalize_embeddings);
        let device = base.device();
        let precision = Precision::of(config, &device);
        if config.unified_finetuning && base.heads.is_none() {
            let size = base.folder.hidden_size();
            base.heads = Some(Heads::fresh(size, config.colbert_dim.unwrap_or(size), config.seed, &device));
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
        let EmbeddingModel { folder, mut encoder, heads, names: encoder_names, unused } = base;
        let changes = if config.use_lora { lora::put_on(&mut encoder, first_trained, config) } else { Vec::new() };
        let mut names: HashMap<ParamId, String> = encoder_names.iter().cloned().collect();
        if let Some(heads) = &heads {
            for (name, linear) in [("sparse_linear", &heads.sparse), ("colbert_linear", &heads.colbert)] {
                names.insert(linear.weight.id, format!("{name}.weight"));
                names.insert(linear.bias.id, format!("{name}.bias"));
            }
        }
        // Of an encoder with low-rank changes, these are trained and nothing else.
        let is_changed = |id: &ParamId| config.use_lora && encoder_names.iter().any(|(own, _)| own == id);
        let mut trained: HashSet<ParamId> = (names.iter())
            .filter(|(id, name)| !is_frozen(name, first_trained, config) && !is_changed(id))
            .map(|(id, _)| *id)
            .collect();
        trained.extend(changes.iter().map(|(id, _)| *id));
        names.extend(changes);
        Ok(Self {
            config: config.clone(),
            model: Some(TrainedModel { encoder, heads }),
            folder,
            encoder_names,
            names,
            unused,
            optimizer: AdamW::new(config),
            device,
            loss_scale: LossScale::new(precision == Precision::Float16),
            precision,
            first_trained,
            micro_batches: 0,
            losses: Vec::new(),
            gradients: Gradients::of(trained),
            below: Below::default(),
        })
    }

    fn model(&self) -> &TrainedModel {
        self.model.as_ref().expect("a step puts the model back")
    }

    /// That the precision which was asked for is not to be had.
    pub fn lacks_precision(&self) -> Option<Warning> {
        self.precision.lacking(&self.config)
    }

    /// All parameters, and those that the run changes.
    pub fn parameters(&self) -> (usize, usize) {
        struct Count<'a>(&'a Gradients, usize, usize);
        impl ModuleVisitor for Count<'_> {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let count: usize = param.val().dims().iter().product();
                self.1 += count;
                self.2 += if self.0.wants(param.id) { count } else { 0 };
            }
        }
        let mut count = Count(&self.gradients, 0, 0);
        self.model().visit(&mut count);
        (count.1, count.2)
    }

    /// Forward and backward of one micro-batch, added to the window; its loss counts `weight` in the gradient.
    pub fn micro_batch(&mut self, batch: &TokenizedBatch, weight: f64) {
        let model = self.precision.computing(self.model());
        let pieces = timed("laying out tokens", || self.pieces(&model, batch));
        // With one piece a side, the vectors' pass is the gradient's pass, too.
        let keep = match (pieces.len() > 2, self.config.gradient_checkpointing) {
            (false, false) => Keep::All,
            (false, true) => Keep::Inputs,
            (true, _) => Keep::Nothing,
        };
        let passes: Vec<Pass> = pieces.into_iter().map(|piece| self.encode(&model, piece, keep)).collect();
        let sides = self.sides(batch, &passes);
        let leaves = sides.each_ref().map(Leaves::of);
        let (losses, colbert) = timed("scores and losses", || self.compute(batch, &sides, &leaves));
        self.losses.push(losses.packed().inner());
        let above = timed("scores and losses, backward", || {
            let mut graph = losses.total.mul_scalar(weight * self.loss_scale.scale).backward();
            colbert.gradients(leaves, &sides, &mut graph)
        });
        drop(sides);
        let mut gradients = self.gradients.take();
        for Pass { piece, kept, .. } in passes {
            let again = if self.config.gradient_checkpointing { Keep::Inputs } else { Keep::All };
            let (hidden, trace) = kept.unwrap_or_else(|| self.hidden(&model, &piece, again));
            let dvectors = above[piece.side as usize].of(&piece);
            let dhidden = timed("vectors of the texts, backward", || {
                self.heads_backward(&model, &piece, hidden, dvectors, &mut gradients)
            });
            if self.first_trained < model.encoder.layers.len() {
                let dhidden = self.precision.narrow(piece.tokens.unpadded(dhidden));
                model.encoder.backward(trace, &piece.tokens, dhidden, &mut gradients);
            }
        }
        self.gradients = gradients;
        self.micro_batches += 1;
    }

    /// Forgets what the window has so far, which began after so many micro-batches: a device without room broke it off.
    pub fn abandon_window(&mut self, micro_batches: u64) {
        self.take_window();
        self.micro_batches = micro_batches;
    }

    /// Encodes fewer texts at a time from here on, of `texts` at most on a side, which changes no gradient. `None` if it
    /// is one at a time already.
    pub fn take_smaller_pieces(&mut self, texts: usize) -> Option<usize> {
        let now = self.config.sub_batch_size.unwrap_or(texts).min(texts);
        let smaller = (now > 1).then(|| now.div_ceil(2))?;
        self.config.sub_batch_size = Some(smaller);
        Some(smaller)
    }

    /// Whether the weights are there: a step that broke off while it changed them has lost some.
    pub fn is_whole(&self) -> bool {
        self.model.is_some()
    }

    /// What was added since the last call.
    pub fn take_window(&mut self) -> Window {
        Window { losses: std::mem::take(&mut self.losses), gradients: self.gradients.take() }
    }

    /// Vectors of a piece's texts, and what was kept of their making unless nothing should be.
    fn encode(&mut self, model: &TrainedModel, piece: Piece, keep: Keep) -> Pass {
        #[cfg(test)]
        assert!(piece.texts.len() <= ROOM.get(), "wgpu error: Out of Memory");
        let (hidden, trace) = self.hidden(model, &piece, keep);
        let vectors = timed("vectors of the texts", || {
            self.head_vectors(model.heads.as_ref(), hidden.clone(), piece.tokens.mask.clone())
        });
        Pass { piece, vectors, kept: (keep != Keep::Nothing).then_some((hidden, trace)) }
    }

    /// Hidden states `[texts, longest, hidden]` of the last layer.
    fn hidden(&mut self, model: &TrainedModel, piece: &Piece, keep: Keep) -> (Tensor<3>, Trace) {
        let keep = if self.first_trained == model.encoder.layers.len() { Keep::Nothing } else { keep };
        let input = self.below(model, piece);
        let (hidden, trace) = model.encoder.forward_from(self.first_trained, input, &piece.tokens, piece.dropout, keep);
        (piece.tokens.padded(hidden).cast(FloatDType::F32), trace)
    }

    /// The score matrices that the next micro-batch's losses would be made of, read from the device.
    pub fn scores(&mut self, batch: &TokenizedBatch) -> Result<ScoreMatrices, TrainingError> {
        let model = self.precision.computing(self.model());
        let pieces = self.pieces(&model, batch);
        let passes: Vec<Pass> = pieces.into_iter().map(|piece| self.encode(&model, piece, Keep::Nothing)).collect();
        let sides = self.sides(batch, &passes);
        let (Scores { dense, heads }, _) = self.score(batch, &sides, &sides.each_ref().map(Leaves::of));
        let read = |scores: Tensor<2>| crate::model::read(scores.inner()).map_err(TrainingError::from);
        let (sparse, colbert) = heads.map(|heads| (heads.sparse, heads.colbert)).unzip();
        let [sparse, colbert] = [sparse, colbert].map(|scores| scores.map(read).transpose());
        Ok(ScoreMatrices { dense: read(dense)?, sparse: sparse?, colbert: colbert? })
    }

    /// Scores of the micro-batch, with a graph over the vectors.
    fn score(
        &self,
        batch: &TokenizedBatch,
        sides: &[TextVectors; 2],
        leaves: &[Leaves; 2],
    ) -> (Scores, vectors::ColbertScores) {
        let config = &self.config;
        let finish = |scores: Tensor<2>| {
            let scores = batch.layout.select(scores);
            // A triplet's margin is a difference of cosines.
            if config.loss_type == LossType::Triplet { scores } else { scores.div_scalar(config.temperature) }
        };
        let counts: Vec<f32> =
            (0..batch.queries.rows).map(|query| batch.queries.length_of(query) as f32 - 1.0).collect();
        let counts = Tensor::from_data(TensorData::new(counts, [batch.queries.rows, 1]), &self.device);
        let colbert = vectors::ColbertScores::of(sides, counts);
        let [queries, passages] = leaves.each_ref().map(Leaves::sparse);
        let heads = colbert.scores().zip(queries.zip(passages)).map(|(colbert, (queries, passages))| HeadScores {
            sparse: finish(scores::sparse(
                self.folder.tokenizer(),
                (&batch.queries, queries),
                (&batch.passages, passages),
            )),
            colbert: finish(colbert),
        });
        (Scores { dense: finish(scores::dense(leaves[0].dense(), leaves[1].dense())), heads }, colbert)
    }

    fn compute(
        &self,
        batch: &TokenizedBatch,
        sides: &[TextVectors; 2],
        leaves: &[Leaves; 2],
    ) -> (Losses, vectors::ColbertScores) {
        let (scores, colbert) = self.score(batch, sides, leaves);
        let (config, layout) = (&self.config, &batch.layout);
        let RankingLoss { all: dense, teacher } = if config.loss_type == LossType::Triplet {
            RankingLoss { all: losses::triplet(scores.dense, layout, config.triplet_margin), teacher: None }
        } else {
            let teacher = batch.teacher.as_ref().map(|values| {
                let shape = [layout.queries, layout.group];
                let values = Tensor::<2>::from_data(TensorData::new(values.clone(), shape), &scores.dense.device());
                Teacher { chances: activation::softmax(values, 1), kind: config.kd_loss_type }
            });
            if let Some(heads) = scores.heads {
                let self_distill =
                    config.use_self_distill && self.micro_batches as i64 > config.self_distill_start_step;
                return (losses::unified(scores.dense, heads, layout, teacher.as_ref(), self_distill), colbert);
            }
            losses::ranking_loss(scores.dense, layout, teacher.as_ref())
        };
        (Losses { total: dense.clone(), dense, unified: None, knowledge_distill: teacher }, colbert)
    }

    /// Changes the weights by the window's gradient. Reads from the device once.
    pub fn step(&mut self, learning_rate: f64) -> Result<StepResult, TrainingError> {
        let window = self.take_window();
        let (micro_batches, grad_norm) = window.read(self)?;
        let finite_loss = micro_batches.iter().all(|loss| loss.total.is_finite());
        let updated = finite_loss && grad_norm.is_finite();
        let overflow = finite_loss && !updated && self.loss_scale.can_shrink();
        if updated {
            let max = self.config.max_grad_norm;
            // PyTorch's clip_grad_norm_.
            let clip = if max > 0.0 { (max / (grad_norm + 1e-6)).min(1.0) } else { 1.0 };
            let names = &self.names;
            let decays = |id| {
                names.get(&id).is_some_and(|name: &String| !name.ends_with(".bias") && !name.contains("LayerNorm"))
            };
            let factor = clip / self.loss_scale.scale;
            if let Some(model) = self.model.take() {
                self.model = Some(self.optimizer.step(model, window.gradients, learning_rate, factor, decays));
            }
        }
        self.loss_scale.after(updated);
        Ok(StepResult { micro_batches, grad_norm, updated, overflow })
    }

    /// The tuned model, on the run's device.
    pub fn into_model(mut self) -> EmbeddingModel {
        let TrainedModel { encoder, heads } = self.model.take().expect("a step puts the model back");
        let encoder = lora::merge(encoder);
        EmbeddingModel { folder: self.folder, encoder, heads, names: self.encoder_names, unused: self.unused }
    }

    /// Values of every parameter by its name, read from the device.
    pub fn weights(&self) -> Result<BTreeMap<String, Vec<f32>>, TrainingError> {
        struct Flat(Vec<(ParamId, Tensor<1>)>);
        impl ModuleVisitor for Flat {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let tensor = param.val();
                let size = tensor.dims().iter().product::<usize>();
                self.0.push((param.id, tensor.reshape([size])));
            }
        }
        let mut flat = Flat(Vec::new());
        self.model().visit(&mut flat);
        self.by_name(flat.0)
    }

    fn by_name(
        &self,
        tensors: impl IntoIterator<Item = (ParamId, Tensor<1>)>,
    ) -> Result<BTreeMap<String, Vec<f32>>, TrainingError> {
        let named = tensors.into_iter().filter_map(|(id, tensor)| Some((self.names.get(&id)?.clone(), tensor)));
        named.map(|(name, tensor)| Ok((name, crate::model::read(tensor)?))).collect()
    }
}

impl Window {
    /// Losses of each micro-batch and the norm of the gradient before clipping, in one read.
    pub fn read(&self, trainer: &Trainer) -> Result<(Vec<LossParts>, f64), TrainingError> {
        let norm = self.gradients.norm(&trainer.device).ok_or(TrainingError::NothingToTrain)?;
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
        trainer.by_name(trainer.names.keys().filter_map(|id| Some((*id, self.gradients.get(*id)?.clone()))))
    }
}

/// A piece's texts on their way through the model.
struct Pass {
    piece: Piece,
    vectors: TextVectors,
    /// Hidden states of the last layer, `[texts, longest, hidden]`, and what leads back from them.
    kept: Option<(Tensor<3>, Trace)>,
}

fn is_frozen(name: &str, first_trained: usize, config: &TrainingConfig) -> bool {
    let fixed = [
        (config.fix_position_embedding, "embeddings.position_embeddings"),
        (config.fix_word_embedding, "embeddings.word_embeddings"),
    ];
    if fixed.iter().any(|(fixed, table)| *fixed && name.starts_with(table)) {
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
