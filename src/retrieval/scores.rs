//! How well a passage fits a question: dense, sparse, ColBERT, and their mixture.

use super::products::{product, products};
use crate::model::{Embeddings, Matrix, SparseVector};

/// What passages are ranked by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Method {
    /// Inner product of the dense vectors.
    #[default]
    Dense,
    /// Lexical matching: the weights of common tokens.
    Sparse,
    /// Late interaction of all tokens' vectors.
    Colbert,
    /// The weighted mean of the three.
    Hybrid(Weights),
}

impl Method {
    /// How much each of the three scores counts.
    pub fn weights(self) -> Weights {
        let none = Weights { dense: 0.0, sparse: 0.0, colbert: 0.0 };
        match self {
            Self::Dense => Weights { dense: 1.0, ..none },
            Self::Sparse => Weights { sparse: 1.0, ..none },
            Self::Colbert => Weights { colbert: 1.0, ..none },
            Self::Hybrid(weights) => weights,
        }
    }

    /// The score of one passage for one question, the same as an [`Index`](super::Index) gives. Panics past the
    /// last question or passage, and where one lacks the vectors that the method reads.
    pub fn score(self, questions: &Embeddings, question: usize, passages: &Embeddings, passage: usize) -> f32 {
        let [dense, sparse, colbert] = self.parts(questions, question, passages, passage);
        self.weights().mean(dense, sparse, colbert)
    }

    /// The dense, sparse and ColBERT scores that the method mixes; 0 for those that it does not read. Panics as
    /// [`Self::score`] does.
    pub fn parts(self, questions: &Embeddings, question: usize, passages: &Embeddings, passage: usize) -> [f32; 3] {
        let weights = self.weights();
        let (mut dense, mut sparse, mut colbert) = (0.0, 0.0, 0.0);
        if weights.dense > 0.0 {
            dense = dense_score(questions.dense.row(question), passages.dense.row(passage));
        }
        if weights.sparse > 0.0 {
            sparse = lexical_score(&questions.sparse[question], &passages.sparse[passage]);
        }
        if weights.colbert > 0.0 {
            colbert = colbert_score(&questions.colbert[question], &passages.colbert[passage]);
        }
        [dense, sparse, colbert]
    }
}

/// How much each score counts in a hybrid score; a score of weight 0 is not computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    pub dense: f32,
    pub sparse: f32,
    pub colbert: f32,
}

/// The weights of the example on BGE-M3's model card.
impl Default for Weights {
    fn default() -> Self {
        Self { dense: 0.4, sparse: 0.2, colbert: 0.4 }
    }
}

impl Weights {
    /// `(w_dense · dense + w_sparse · sparse + w_colbert · colbert) / (w_dense + w_sparse + w_colbert)`, where
    /// a score of weight 0 may be any value.
    pub fn mean(&self, dense: f32, sparse: f32, colbert: f32) -> f32 {
        let parts = [(self.dense, dense), (self.sparse, sparse), (self.colbert, colbert)];
        let parts = parts.iter().filter(|(weight, _)| *weight != 0.0);
        let (sum, weights) =
            parts.fold((0.0, 0.0), |(sum, weights), (weight, score)| (sum + weight * score, weights + weight));
        sum / weights
    }

    /// No weight is negative or not a number, and one at least is above 0.
    pub fn are_valid(&self) -> bool {
        let weights = [self.dense, self.sparse, self.colbert];
        weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0) && weights.iter().any(|weight| *weight > 0.0)
    }
}

/// The inner product; the cosine where the model normalises. Both vectors have one length.
pub fn dense_score(query: &[f32], passage: &[f32]) -> f32 {
    product(query, passage)
}

/// The sum over common tokens of the products of their weights (`compute_lexical_matching_score`).
pub fn lexical_score(query: &SparseVector, passage: &SparseVector) -> f32 {
    let mut passage = passage.ids.iter().zip(&passage.weights).peekable();
    let mut sum = 0.0;
    for (id, weight) in query.ids.iter().zip(&query.weights) {
        while passage.next_if(|(other, _)| *other < id).is_some() {}
        if let Some((_, other)) = passage.next_if(|(other, _)| *other == id) {
            sum += weight * other;
        }
    }
    sum
}

/// The mean over the query's tokens of the best inner product with a passage's token (`colbert_score`); 0 where
/// one has no tokens, not a number where one product is not. Both have one hidden size.
pub fn colbert_score(query: &Matrix, passage: &Matrix) -> f32 {
    if query.rows == 0 || passage.rows == 0 || query.cols == 0 {
        return 0.0;
    }
    let mut similarities = vec![0.0; query.rows * passage.rows];
    products(&query.values, &passage.values, query.cols, &mut similarities);
    let mut best = vec![f32::NEG_INFINITY; query.rows];
    for similarities in similarities.chunks_exact(query.rows) {
        for (best, similarity) in best.iter_mut().zip(similarities) {
            if *similarity > *best || similarity.is_nan() {
                *best = *similarity;
            }
        }
    }
    best.iter().sum::<f32>() / query.rows as f32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use safetensors::SafeTensors;
    use serde::Deserialize;

    use super::*;

    /// What FlagEmbedding computed for eight texts.
    #[derive(Deserialize)]
    struct Inference {
        lexical_weights: Vec<BTreeMap<u32, f32>>,
        lexical_matching_matrix: Vec<Vec<f64>>,
        colbert_score_matrix: Vec<Vec<f64>>,
        compute_score: Vec<ComputeScore>,
    }

    #[derive(Deserialize)]
    struct ComputeScore {
        /// 1, 1, 1 if absent.
        weights_dense_sparse_colbert: Option<[f32; 3]>,
        scores: BTreeMap<String, Vec<f64>>,
    }

    fn inference() -> Inference {
        serde_json::from_str(include_str!("../../tests/fixtures/flagembedding/inference.json")).unwrap()
    }

    fn matrix(tensors: &SafeTensors, name: &str) -> Matrix {
        let tensor = tensors.tensor(name).unwrap();
        let values = tensor.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        Matrix { rows: tensor.shape()[0], cols: tensor.shape()[1], values }
    }

    #[test]
    fn lexical_scores_are_flagembeddings() {
        let reference = inference();
        let vectors: Vec<SparseVector> = reference
            .lexical_weights
            .iter()
            .map(|weights| SparseVector {
                ids: weights.keys().copied().collect(),
                weights: weights.values().copied().collect(),
            })
            .collect();
        for (query, row) in vectors.iter().zip(&reference.lexical_matching_matrix) {
            for (passage, expected) in vectors.iter().zip(row) {
                assert!((f64::from(lexical_score(query, passage)) - expected).abs() < 2e-6);
            }
        }
        assert!(reference.lexical_matching_matrix.iter().flatten().any(|score| *score > 0.0));
    }

    #[test]
    fn colbert_scores_are_flagembeddings() {
        let reference = inference();
        let bytes = include_bytes!("../../tests/fixtures/flagembedding/inference.safetensors");
        let tensors = SafeTensors::deserialize(bytes).unwrap();
        let vectors: Vec<Matrix> = (0..reference.lexical_weights.len())
            .map(|text| matrix(&tensors, &format!("colbert_vecs.{text}")))
            .collect();
        for (query, row) in vectors.iter().zip(&reference.colbert_score_matrix) {
            for (passage, expected) in vectors.iter().zip(row) {
                assert!((f64::from(colbert_score(query, passage)) - expected).abs() < 2e-6);
            }
        }
    }

    #[test]
    fn hybrid_scores_are_flagembeddings_mixture_of_its_own_parts() {
        for case in inference().compute_score {
            let [dense, sparse, colbert] = case.weights_dense_sparse_colbert.unwrap_or([1.0; 3]);
            let score = |name: &str, pair: usize| case.scores[name][pair];
            for pair in 0..case.scores["dense"].len() {
                let parts = ["dense", "sparse", "colbert"].map(|name| score(name, pair) as f32);
                let two = Weights { dense, sparse, colbert: 0.0 }.mean(parts[0], parts[1], f32::NAN);
                let three = Weights { dense, sparse, colbert }.mean(parts[0], parts[1], parts[2]);
                assert!((f64::from(two) - score("sparse+dense", pair)).abs() < 1e-6);
                assert!((f64::from(three) - score("colbert+sparse+dense", pair)).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn a_similarity_that_is_no_number_is_not_hidden_by_a_better_one() {
        let query = Matrix { rows: 1, cols: 1, values: vec![1.0] };
        for values in [vec![f32::NAN, 1.0], vec![1.0, f32::NAN]] {
            assert!(colbert_score(&query, &Matrix { rows: 2, cols: 1, values }).is_nan());
        }
        assert_eq!(colbert_score(&query, &Matrix::default()), 0.0);
    }

    #[test]
    fn weights_must_be_numbers_that_add_up() {
        let weights = |dense, sparse, colbert| Weights { dense, sparse, colbert }.are_valid();
        assert!(Weights::default().are_valid() && weights(0.0, 1.0, 0.0));
        assert!(!weights(0.0, 0.0, 0.0) && !weights(1.0, -0.1, 0.0) && !weights(f32::NAN, 1.0, 1.0));
    }
}
