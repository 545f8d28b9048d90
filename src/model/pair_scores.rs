//! How well passages answer questions, pair by pair (FlagEmbedding's `compute_score`).

use std::ops::ControlFlow;

use super::ModelError;
use super::embedding_model::{EmbeddingModel, EncodeOptions, TextKind};
use super::embeddings::{Matrix, SparseVector};

/// Scores of pairs, in their order, without temperature.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PairScores {
    pub dense: Vec<f32>,
    pub sparse: Vec<f32>,
    pub colbert: Vec<f32>,
}

impl PairScores {
    /// Weighted mean of dense and sparse scores; `weights` are those of dense, sparse and ColBERT.
    pub fn sparse_dense(&self, weights: [f32; 3]) -> Vec<f32> {
        let [dense, sparse, _] = weights;
        (self.dense.iter().zip(&self.sparse)).map(|(d, s)| (dense * d + sparse * s) / (dense + sparse)).collect()
    }

    /// Weighted mean of all three.
    pub fn colbert_sparse_dense(&self, weights: [f32; 3]) -> Vec<f32> {
        let [dense, sparse, colbert] = weights;
        let all = self.dense.iter().zip(&self.sparse).zip(&self.colbert);
        all.map(|((d, s), c)| (dense * d + sparse * s + colbert * c) / (dense + sparse + colbert)).collect()
    }
}

impl EmbeddingModel {
    /// Scores of (question, passage) pairs. `max_lengths` are those of questions and passages, in tokens.
    ///
    /// A ColBERT score depends on the batch: beside a longer passage, padding gives every token of the
    /// question a similarity of at least 0. `batch_size` pairs at a time form a batch here, as there.
    /// Sparse and ColBERT scores are empty for a model without heads.
    pub fn score_pairs(
        &self,
        pairs: &[(&str, &str)],
        max_lengths: (usize, usize),
        batch_size: usize,
        progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<PairScores, ModelError> {
        let mut scores = PairScores::default();
        let mut proceed = |_: usize, _: usize| ControlFlow::Continue(());
        for (index, batch) in pairs.chunks(batch_size.max(1)).enumerate() {
            let options = |longest| EncodeOptions {
                max_length: Some(longest),
                sparse: true,
                colbert: true,
                ..Default::default()
            };
            let (questions, passages): (Vec<&str>, Vec<&str>) = batch.iter().copied().unzip();
            let questions = self.encode(&questions, TextKind::Query, &options(max_lengths.0), &mut proceed)?;
            let passages = self.encode(&passages, TextKind::Passage, &options(max_lengths.1), &mut proceed)?;
            let width = questions.dense.cols;
            scores.dense.extend(
                (questions.dense.values.chunks(width).zip(passages.dense.values.chunks(width)))
                    .map(|(question, passage)| product(question, passage)),
            );
            scores.sparse.extend(questions.sparse.iter().zip(&passages.sparse).map(|(q, p)| common(q, p)));
            let longest = passages.colbert.iter().map(|passage| passage.rows).max().unwrap_or(0);
            scores.colbert.extend(
                questions.colbert.iter().zip(&passages.colbert).map(|(q, p)| late_interaction(q, p, p.rows < longest)),
            );
            let done = (index * batch_size.max(1) + batch.len()).min(pairs.len());
            if progress(done, pairs.len()).is_break() && done < pairs.len() {
                return Err(ModelError::Stopped);
            }
        }
        Ok(scores)
    }
}

fn product(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Sum of the products of weights of common tokens.
fn common(a: &SparseVector, b: &SparseVector) -> f32 {
    (a.ids.iter().zip(&a.weights))
        .filter_map(|(id, weight)| Some(weight * b.weights[b.ids.binary_search(id).ok()?]))
        .sum()
}

fn late_interaction(question: &Matrix, passage: &Matrix, padded: bool) -> f32 {
    let floor = if padded { 0.0 } else { f32::NEG_INFINITY };
    let best =
        |token: &[f32]| passage.values.chunks(passage.cols).map(|other| product(token, other)).fold(floor, f32::max);
    question.values.chunks(question.cols).map(best).sum::<f32>() / question.rows as f32
}
