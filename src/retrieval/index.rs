//! Exact search over a corpus's vectors.

use std::collections::HashMap;
use std::ops::ControlFlow;

use rayon::prelude::*;
use thiserror::Error;

use super::best::{Best, best};
use super::products::products;
use super::scores::{Method, Weights, colbert_score};
use crate::model::{Embeddings, SparseVector};

/// Questions searched for between two calls of the progress callback: with dense vectors alone, and with sparse ones.
/// Dense search reads the whole corpus's vectors for each lot; sparse search keeps scores of all passages.
const DENSE_TOGETHER: usize = 128;
const SPARSE_TOGETHER: usize = 32;
/// Late interaction does so much more work a question that stopping would take too long.
const COLBERT_TOGETHER: usize = 4;

/// Passages that a thread takes at a time.
const PASSAGES_TOGETHER: usize = 256;

/// A passage found, by its place in the corpus.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    pub passage: usize,
    pub score: f32,
}

/// Why a search has no answer.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum SearchError {
    #[error("the {what} has no {kind} vectors; choose dense search, or a model with a {kind} head")]
    NoVectors { what: &'static str, kind: &'static str },
    #[error("the question's vectors have {query} values and the corpus's {corpus}; encode both with the same model")]
    Sizes { query: usize, corpus: usize },
    #[error(
        "the hybrid weights {} (dense), {} (sparse), {} (ColBERT) have no mean; none may be below 0, and one must be above",
        .0.dense, .0.sparse, .0.colbert
    )]
    Weights(Weights),
    /// The progress callback answered `Break`.
    #[error("stopped")]
    Stopped,
}

/// A corpus that can be searched.
#[derive(Clone, Debug, Default)]
pub struct Index {
    embeddings: Embeddings,
    /// For each token the passages that hold it, ascending, with its weight there.
    postings: HashMap<u32, Vec<(usize, f32)>>,
}

impl Index {
    /// `embeddings` has one entry a passage.
    pub fn new(embeddings: Embeddings) -> Self {
        let mut postings: HashMap<u32, Vec<(usize, f32)>> = HashMap::new();
        for (passage, vector) in embeddings.sparse.iter().enumerate() {
            for (&id, &weight) in vector.ids.iter().zip(&vector.weights) {
                postings.entry(id).or_default().push((passage, weight));
            }
        }
        Self { embeddings, postings }
    }

    /// The number of passages.
    pub fn len(&self) -> usize {
        self.embeddings.len()
    }

    pub fn is_empty(&self) -> bool {
        self.embeddings.is_empty()
    }

    /// The passages' vectors.
    pub fn embeddings(&self) -> &Embeddings {
        &self.embeddings
    }

    /// The best `k` passages for one of the `queries`, best first; of equal scores the earlier passage first,
    /// scores that are not numbers last. Panics past the last query.
    pub fn search(
        &self,
        queries: &Embeddings,
        query: usize,
        method: Method,
        k: usize,
    ) -> Result<Vec<Hit>, SearchError> {
        Ok(best(&self.scores(queries, query, method)?, k))
    }

    /// The scores of all passages for one of the `queries`, in the passages' order. Panics past the last query.
    pub fn scores(&self, queries: &Embeddings, query: usize, method: Method) -> Result<Vec<f32>, SearchError> {
        let weights = self.weights(queries, method)?;
        Ok(self.block(queries, &[query], weights).remove(0))
    }

    /// [`search`](Self::search) for every query.
    ///
    /// `progress` gets the queries done and their number after every block of them; `Break` ends with
    /// [`SearchError::Stopped`].
    pub fn search_all(
        &self,
        queries: &Embeddings,
        method: Method,
        k: usize,
        progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<Vec<Vec<Hit>>, SearchError> {
        let weights = self.weights(queries, method)?;
        let only_dense = weights.sparse == 0.0 && weights.colbert == 0.0;
        let together = match weights.colbert > 0.0 {
            true => COLBERT_TOGETHER,
            false if only_dense => DENSE_TOGETHER,
            false => SPARSE_TOGETHER,
        };
        let all: Vec<usize> = (0..queries.len()).collect();
        let mut hits = Vec::with_capacity(all.len());
        for rows in all.chunks(together) {
            if only_dense {
                hits.extend(self.best_dense(queries, rows, weights, k));
            } else {
                let scores = self.block(queries, rows, weights);
                hits.par_extend(scores.par_iter().map(|scores| best(scores, k)));
            }
            if progress(hits.len(), all.len()).is_break() && hits.len() < all.len() {
                return Err(SearchError::Stopped);
            }
        }
        Ok(hits)
    }

    /// The method as weights, after making sure that both sides have what it needs.
    fn weights(&self, queries: &Embeddings, method: Method) -> Result<Weights, SearchError> {
        let weights = method.weights();
        if !weights.are_valid() {
            return Err(SearchError::Weights(weights));
        }
        if self.is_empty() || queries.is_empty() {
            return Ok(weights);
        }
        let sizes = |query: usize, corpus: usize| {
            if query == corpus { Ok(()) } else { Err(SearchError::Sizes { query, corpus }) }
        };
        if weights.dense > 0.0 {
            sizes(queries.dense.cols, self.embeddings.dense.cols)?;
        }
        for (what, embeddings) in [("question", queries), ("corpus", &self.embeddings)] {
            if weights.sparse > 0.0 && embeddings.sparse.is_empty() {
                return Err(SearchError::NoVectors { what, kind: "sparse" });
            }
            if weights.colbert > 0.0 && embeddings.colbert.is_empty() {
                return Err(SearchError::NoVectors { what, kind: "ColBERT" });
            }
        }
        if weights.colbert > 0.0 {
            for query in &queries.colbert {
                for passage in self.embeddings.colbert.iter().filter(|passage| passage.rows > 0 && query.rows > 0) {
                    sizes(query.cols, passage.cols)?;
                }
            }
        }
        Ok(weights)
    }

    /// The scores of all passages, one vector a query.
    fn block(&self, queries: &Embeddings, rows: &[usize], weights: Weights) -> Vec<Vec<f32>> {
        let zeros = || vec![vec![0.0; self.len()]; rows.len()];
        if self.is_empty() {
            return zeros();
        }
        // A score that stands alone is its own mean.
        let alone = |weight: f32| weight == 1.0 && weights.dense + weights.sparse + weights.colbert == weight;
        let dense = if weights.dense > 0.0 { self.dense(queries, rows) } else { Vec::new() };
        if alone(weights.dense) {
            return dense;
        }
        let (mut sparse, mut colbert) = (Vec::new(), Vec::new());
        if weights.sparse > 0.0 {
            sparse = zeros();
            sparse.par_iter_mut().zip(rows).for_each(|(scores, &row)| self.sparse(&queries.sparse[row], scores));
        }
        if alone(weights.sparse) {
            return sparse;
        }
        if weights.colbert > 0.0 {
            colbert = zeros();
            for (scores, &row) in colbert.iter_mut().zip(rows) {
                let passages = self.embeddings.colbert.par_iter();
                let query = &queries.colbert[row];
                scores.par_iter_mut().zip(passages).for_each(|(score, passage)| *score = colbert_score(query, passage));
            }
        }
        if alone(weights.colbert) {
            return colbert;
        }
        let [dense, sparse, colbert] =
            [dense, sparse, colbert].map(|scores| if scores.is_empty() { zeros() } else { scores });
        (dense.into_par_iter().zip(sparse).zip(colbert))
            .map(|((mut dense, sparse), colbert)| {
                for ((dense, sparse), colbert) in dense.iter_mut().zip(sparse).zip(colbert) {
                    *dense = weights.mean(*dense, sparse, colbert);
                }
                dense
            })
            .collect()
    }

    /// The best `k` passages by dense vectors alone, one list a query; no more scores are kept at a time than those of
    /// [`PASSAGES_TOGETHER`].
    fn best_dense(&self, queries: &Embeddings, rows: &[usize], weights: Weights, k: usize) -> Vec<Vec<Hit>> {
        let corpus = &self.embeddings.dense;
        if corpus.cols == 0 {
            return self.block(queries, rows, weights).iter().map(|scores| best(scores, k)).collect();
        }
        let queries = queries.dense.select(rows);
        let none = || vec![Best::new(k); rows.len()];
        let lists = (corpus.values.par_chunks(PASSAGES_TOGETHER * corpus.cols).enumerate())
            .fold(
                || (none(), Vec::new()),
                |(mut lists, mut scores), (chunk, passages)| {
                    scores.resize(passages.len() / corpus.cols * rows.len(), 0.0);
                    products(&queries.values, passages, corpus.cols, &mut scores);
                    for (passage, scores) in scores.chunks_exact(rows.len()).enumerate() {
                        let passage = chunk * PASSAGES_TOGETHER + passage;
                        for (best, score) in lists.iter_mut().zip(scores) {
                            best.offer(Hit { passage, score: weights.mean(*score, 0.0, 0.0) });
                        }
                    }
                    (lists, scores)
                },
            )
            .map(|(lists, _)| lists)
            .reduce(none, |mut lists, others| {
                lists.iter_mut().zip(others).for_each(|(list, other)| list.append(other));
                lists
            });
        lists.into_par_iter().map(Best::into_hits).collect()
    }

    fn dense(&self, queries: &Embeddings, rows: &[usize]) -> Vec<Vec<f32>> {
        let corpus = &self.embeddings.dense;
        let mut scores = vec![vec![0.0; self.len()]; rows.len()];
        if corpus.cols == 0 {
            return scores;
        }
        let queries = queries.dense.select(rows);
        // One row a passage, so that each thread writes a piece of its own.
        let mut by_passage = vec![0.0; self.len() * rows.len()];
        (by_passage.par_chunks_mut(PASSAGES_TOGETHER * rows.len()))
            .zip(corpus.values.par_chunks(PASSAGES_TOGETHER * corpus.cols))
            .for_each(|(out, passages)| products(&queries.values, passages, corpus.cols, out));
        scores.par_iter_mut().enumerate().for_each(|(query, scores)| {
            for (score, of_passage) in scores.iter_mut().zip(by_passage.chunks_exact(rows.len())) {
                *score = of_passage[query];
            }
        });
        scores
    }

    /// [`lexical_score`](super::lexical_score) of all passages; tokens are added up in the same order.
    fn sparse(&self, query: &SparseVector, scores: &mut [f32]) {
        for (id, weight) in query.ids.iter().zip(&query.weights) {
            for &(passage, other) in self.postings.get(id).into_iter().flatten() {
                scores[passage] += weight * other;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::scores::{dense_score, lexical_score};
    use super::*;
    use crate::model::Matrix;

    const METHODS: [Method; 4] = [
        Method::Dense,
        Method::Sparse,
        Method::Colbert,
        Method::Hybrid(Weights { dense: 1.0, sparse: 0.3, colbert: 1.0 }),
    ];

    fn matrix(rows: usize, cols: usize) -> impl Strategy<Value = Matrix> {
        // Few values, so that equal scores happen.
        prop::collection::vec((-2i8..=2).prop_map(f32::from), rows * cols).prop_map(move |values| Matrix {
            rows,
            cols,
            values,
        })
    }

    fn embeddings(most: usize) -> impl Strategy<Value = Embeddings> {
        let sparse = || {
            prop::collection::btree_map(0u32..12, 0.1f32..1.0, 0..6).prop_map(|weights| SparseVector {
                ids: weights.keys().copied().collect(),
                weights: weights.values().copied().collect(),
            })
        };
        (0..most).prop_flat_map(move |texts| {
            (
                matrix(texts, 9),
                prop::collection::vec(sparse(), texts),
                prop::collection::vec((0usize..4).prop_flat_map(|tokens| matrix(tokens, 3)), texts),
            )
                .prop_map(|(dense, sparse, colbert)| Embeddings { dense, sparse, colbert })
        })
    }

    fn on(_: usize, _: usize) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    proptest! {
        #[test]
        fn search_is_the_sorted_list_of_all_scores(corpus in embeddings(30), queries in embeddings(7), k in 0usize..35) {
            let index = Index::new(corpus.clone());
            for method in METHODS {
                let found = index.search_all(&queries, method, k, &mut on).unwrap();
                prop_assert_eq!(found.len(), queries.len());
                for (query, found) in found.iter().enumerate() {
                    let mut expected: Vec<Hit> = (0..corpus.len())
                        .map(|passage| {
                            let dense = dense_score(queries.dense.row(query), corpus.dense.row(passage));
                            let sparse = lexical_score(&queries.sparse[query], &corpus.sparse[passage]);
                            let colbert = colbert_score(&queries.colbert[query], &corpus.colbert[passage]);
                            let score = match method {
                                Method::Dense => dense,
                                Method::Sparse => sparse,
                                Method::Colbert => colbert,
                                Method::Hybrid(weights) => weights.mean(dense, sparse, colbert),
                            };
                            assert_eq!(method.score(&queries, query, &corpus, passage), score);
                            Hit { passage, score }
                        })
                        .collect();
                    // Stable: of equal scores the earlier passage stays first.
                    expected.sort_by(|one, other| other.score.partial_cmp(&one.score).unwrap());
                    expected.truncate(k);
                    prop_assert_eq!(found, &expected);
                    prop_assert_eq!(found, &index.search(&queries, query, method, k).unwrap());
                }
            }
        }
    }

    fn dense(rows: usize, values: &[f32]) -> Embeddings {
        let dense = Matrix { rows, cols: values.len() / rows, values: values.to_vec() };
        Embeddings { dense, ..Embeddings::default() }
    }

    #[test]
    fn scores_that_are_no_numbers_come_last() {
        let index = Index::new(dense(4, &[f32::NAN, -1.0, f32::NAN, 2.0]));
        let hits = index.search(&dense(1, &[1.0]), 0, Method::Dense, 4).unwrap();
        assert_eq!(hits.iter().map(|hit| hit.passage).collect::<Vec<_>>(), [3, 1, 0, 2]);
    }

    #[test]
    fn a_method_without_its_vectors_is_refused_by_name() {
        let index = Index::new(dense(2, &[1.0, 0.0, 0.0, 1.0]));
        let queries = dense(1, &[1.0, 0.0]);
        let refused = |method| index.search(&queries, 0, method, 1).unwrap_err();
        assert_eq!(refused(Method::Sparse), SearchError::NoVectors { what: "question", kind: "sparse" });
        assert_eq!(refused(Method::Colbert), SearchError::NoVectors { what: "question", kind: "ColBERT" });
        assert_eq!(refused(Method::Hybrid(Weights::default())), refused(Method::Sparse));
        let only_dense = Weights { dense: 2.0, sparse: 0.0, colbert: 0.0 };
        assert_eq!(index.search(&queries, 0, Method::Hybrid(only_dense), 1).unwrap(), [Hit { passage: 0, score: 1.0 }]);
        let nothing = Weights { dense: 0.0, sparse: 0.0, colbert: 0.0 };
        assert_eq!(refused(Method::Hybrid(nothing)), SearchError::Weights(nothing));
        let other_model = dense(1, &[1.0, 0.0, 0.0]);
        let sizes = SearchError::Sizes { query: 3, corpus: 2 };
        assert_eq!(index.search(&other_model, 0, Method::Dense, 1).unwrap_err(), sizes);
    }

    #[test]
    fn an_empty_corpus_finds_nothing_and_no_question_needs_no_answer() {
        let queries = dense(1, &[1.0]);
        for method in METHODS {
            assert_eq!(Index::default().search(&queries, 0, method, 3).unwrap(), []);
            let none = Embeddings::default();
            assert!(Index::new(queries.clone()).search_all(&none, method, 3, &mut on).unwrap().is_empty());
        }
    }

    #[test]
    fn progress_reaches_the_end_and_can_stop() {
        let index = Index::new(dense(1, &[1.0]));
        let queries = dense(300, &[1.0; 300]);
        let mut seen = Vec::new();
        let all = index.search_all(&queries, Method::Dense, 1, &mut |done, total| {
            seen.push((done, total));
            ControlFlow::Continue(())
        });
        assert_eq!(all.unwrap().len(), 300);
        assert_eq!(seen, [(128, 300), (256, 300), (300, 300)]);
        let mut stop =
            |done: usize, _: usize| if done > 128 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        assert_eq!(index.search_all(&queries, Method::Dense, 1, &mut stop), Err(SearchError::Stopped));
    }
}
