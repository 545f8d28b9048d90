//! What a search found, in every model.

use std::path::PathBuf;
use std::sync::Arc;

use super::state::SHOWN;
use crate::jobs::search::ranked;
use crate::retrieval::Weights;

/// One question and a list a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    pub question: String,
    /// Known where the question is one of the evaluation questions.
    pub right: Option<Vec<usize>>,
    /// The base model first.
    pub models: Vec<PathBuf>,
    pub lists: Vec<FoundList>,
}

/// What one model found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FoundList {
    /// Passage number and score, the best first.
    pub hits: Vec<(usize, f32)>,
    /// Of hybrid search: dense, sparse and ColBERT score of each passage.
    pub parts: Option<Arc<Vec<[f32; 3]>>>,
    /// That the search took.
    pub seconds: f64,
}

impl Found {
    /// Ranks by other weights what hybrid search has scored; lists of other searches stay as they are.
    pub fn rank_anew(&mut self, weights: Weights) {
        if !weights.are_valid() {
            return;
        }
        for list in &mut self.lists {
            if let Some(parts) = &list.parts {
                list.hits = ranked(parts, weights, SHOWN).into_iter().map(|hit| (hit.passage, hit.score)).collect();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_weights_rank_the_scored_passages_anew() {
        let parts = Some(Arc::new(vec![[0.9, 0.0, 0.1], [0.1, 0.8, 0.2], [0.2, 0.1, 0.9]]));
        let plain = FoundList { hits: vec![(1, 0.5)], ..FoundList::default() };
        let mut found =
            Found { lists: vec![FoundList { parts, ..FoundList::default() }, plain.clone()], ..Found::default() };
        let order = |found: &Found| found.lists[0].hits.iter().map(|hit| hit.0).collect::<Vec<_>>();
        found.rank_anew(Weights { dense: 1.0, sparse: 0.0, colbert: 0.0 });
        assert_eq!(order(&found), [0, 2, 1]);
        found.rank_anew(Weights { dense: 0.0, sparse: 1.0, colbert: 0.0 });
        assert_eq!(order(&found), [1, 2, 0]);
        found.rank_anew(Weights { dense: 0.0, sparse: 0.0, colbert: 0.0 });
        assert_eq!((order(&found), &found.lists[1]), (vec![1, 2, 0], &plain));
    }
}
