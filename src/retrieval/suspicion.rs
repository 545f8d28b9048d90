//! Which rows may hold a negative that answers the question.

use super::metrics::descending;

/// How far a row's best negative scores above its best positive: from 0 on, the model finds a wrong passage at least
/// as right as the right one, so one of the two may be labelled wrongly. `None` where there is no positive or no
/// negative, or a score is not a number.
pub fn suspicion(positives: &[f32], negatives: &[f32]) -> Option<f32> {
    let best = |scores: &[f32]| {
        let best = scores.iter().copied().reduce(f32::max)?;
        scores.iter().all(|score| !score.is_nan()).then_some(best)
    };
    Some(best(negatives)? - best(positives)?)
}

/// The rows that can be judged, by their numbers, with their [`suspicion`]; worst first, of equal ones the earlier
/// first. Each row gives the scores of its positives and of its negatives.
pub fn most_suspicious<'a>(rows: impl IntoIterator<Item = (&'a [f32], &'a [f32])>) -> Vec<(usize, f32)> {
    let judged = rows.into_iter().map(|(positives, negatives)| suspicion(positives, negatives));
    let mut order: Vec<_> = judged.enumerate().filter_map(|(row, suspicion)| Some((row, suspicion?))).collect();
    order.sort_by(|one, other| descending(one.1, other.1));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_negative_is_held_against_the_best_positive() {
        assert_eq!(suspicion(&[0.25, 0.5], &[0.75, 0.1]), Some(0.25));
        assert_eq!(suspicion(&[0.5], &[0.5]), Some(0.0));
        assert_eq!(suspicion(&[0.5], &[-0.5, 0.0]), Some(-0.5));
        assert_eq!(suspicion(&[0.5], &[]), None);
        assert_eq!(suspicion(&[], &[0.5]), None);
        assert_eq!(suspicion(&[0.5], &[0.25, f32::NAN]), None);
        assert_eq!(suspicion(&[f32::NAN, 1.0], &[0.25]), None);
    }

    #[test]
    fn the_worst_row_comes_first_and_rows_without_negatives_are_left_out() {
        let rows: [(&[f32], &[f32]); 5] =
            [(&[1.0], &[0.5]), (&[1.0], &[]), (&[0.5], &[0.75]), (&[1.0], &[0.5]), (&[0.0], &[-2.0])];
        assert_eq!(most_suspicious(rows), [(2, 0.25), (0, -0.5), (3, -0.5), (4, -2.0)]);
    }
}
