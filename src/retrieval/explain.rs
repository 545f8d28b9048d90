//! Why a passage scores what it scores.

use super::products::products;
use crate::model::{Embeddings, Matrix};

/// How the tokens of a question and of a passage meet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Interaction {
    /// `[question tokens, passage tokens]`: inner products of the ColBERT vectors.
    pub similarities: Matrix,
    /// For each token of the question the passage's token that is most like it; the ColBERT score is the mean of their
    /// similarities. Absent where the passage has no tokens.
    pub best: Vec<Option<usize>>,
}

impl Interaction {
    /// The first question and passage of each side; `None` where one has no ColBERT vectors, or another size.
    pub fn new(question: &Embeddings, passage: &Embeddings) -> Option<Self> {
        let (question, passage) = (question.colbert.first()?, passage.colbert.first()?);
        if question.cols != passage.cols || question.cols == 0 {
            return None;
        }
        let mut values = vec![0.0; question.rows * passage.rows];
        // Row by row of the first argument: the question's tokens become the rows.
        products(&passage.values, &question.values, question.cols, &mut values);
        let similarities = Matrix { rows: question.rows, cols: passage.rows, values };
        let best = (0..question.rows).map(|token| {
            let row = similarities.row(token).iter().enumerate();
            row.max_by(|one, other| one.1.total_cmp(other.1).then(other.0.cmp(&one.0))).map(|(place, _)| place)
        });
        let best = best.collect();
        Some(Self { similarities, best })
    }
}

/// How much of a hybrid score each part makes: `weight · score / sum of weights`, so that the parts add up to the
/// weighted mean.
pub fn contributions(scores: [f32; 3], weights: [f32; 3]) -> [f32; 3] {
    let sum: f32 = weights.iter().sum();
    let share = |part: usize| if sum > 0.0 { weights[part] * scores[part] / sum } else { 0.0 };
    [share(0), share(1), share(2)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retrieval::{Weights, colbert_score};

    fn tokens(cols: usize, values: &[f32]) -> Embeddings {
        let colbert = vec![Matrix { rows: values.len() / cols, cols, values: values.to_vec() }];
        Embeddings { colbert, ..Embeddings::default() }
    }

    #[test]
    fn the_best_matches_make_the_colbert_score() {
        let question = tokens(2, &[1.0, 0.0, 0.6, 0.8]);
        let passage = tokens(2, &[0.0, 1.0, 0.8, 0.6, 1.0, 0.0]);
        let interaction = Interaction::new(&question, &passage).unwrap();
        assert_eq!((interaction.similarities.rows, interaction.similarities.cols), (2, 3));
        assert_eq!(interaction.similarities.row(0), [0.0, 0.8, 1.0]);
        assert_eq!(interaction.best, [Some(2), Some(1)]);
        let best = interaction.best.iter().enumerate();
        let mean = best.map(|(row, best)| interaction.similarities.row(row)[best.unwrap()]).sum::<f32>() / 2.0;
        assert_eq!(mean, colbert_score(&question.colbert[0], &passage.colbert[0]));
    }

    #[test]
    fn what_cannot_meet_has_no_interaction() {
        let question = tokens(2, &[1.0, 0.0]);
        assert!(Interaction::new(&question, &tokens(1, &[1.0])).is_none());
        assert!(Interaction::new(&question, &Embeddings::default()).is_none());
        let empty = Embeddings { colbert: vec![Matrix { rows: 0, cols: 2, values: vec![] }], ..Embeddings::default() };
        assert_eq!(Interaction::new(&question, &empty).unwrap().best, [None]);
    }

    #[test]
    fn contributions_add_up_to_the_hybrid_score() {
        let (scores, weights) = ([0.5, 0.25, 0.75], Weights { dense: 0.4, sparse: 0.2, colbert: 0.4 });
        let parts = contributions(scores, [weights.dense, weights.sparse, weights.colbert]);
        assert!((parts.iter().sum::<f32>() - weights.mean(scores[0], scores[1], scores[2])).abs() < 1e-6);
        assert_eq!(contributions(scores, [0.0; 3]), [0.0; 3]);
    }
}
