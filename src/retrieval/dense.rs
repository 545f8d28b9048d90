//! The passages nearest to many questions at once.

use rayon::prelude::*;

use super::index::{Hit, by_score};
use super::products::product;
use super::scores::dense_score;
use crate::model::Matrix;
use crate::model::ops::cpu::{View, multiply};

/// Passages whose products a thread holds at a time.
const PASSAGES_TOGETHER: usize = 1024;

/// For each query the best `k` passages by [`dense_score`], the longest of which is so long ([`longest`]), as [`best`](super::best) orders them; `None` where a
/// vector has values that are not finite, or so many passages are wanted that a matrix product saves nothing.
///
/// A blocked matrix product is several times as fast as one inner product after another, but rounds otherwise. So it
/// only chooses: everything that could be among the best, were every rounding of the worst, is scored again. A
/// computed inner product of n terms is off by at most γ·‖query‖·‖passage‖ with γ = n·u / (1 − n·u), u = 2⁻²⁴ (Higham
/// 2002, section 3.1), in whichever order it is added up.
pub fn nearest(queries: &Matrix, passages: &Matrix, longest: f64, k: usize) -> Option<Vec<Vec<Hit>>> {
    if k == 0 || k.saturating_mul(8) > passages.rows || queries.rows == 0 || passages.cols == 0 {
        return None;
    }
    let rounding = f64::from(f32::EPSILON) / 2.0 * passages.cols as f64;
    if rounding > 0.1 {
        return None;
    }
    // Two products of each pair of scores are off by γ, and each of the two lengths is rounded as well.
    let share = 4.0 * rounding / (1.0 - rounding).powi(3);
    let slack: Vec<f32> = (0..queries.rows).map(|query| (share * norm(queries.row(query)) * longest) as f32).collect();
    if slack.iter().any(|slack| !slack.is_finite()) {
        return None;
    }
    let blocks = passages.values.par_chunks(PASSAGES_TOGETHER * passages.cols).enumerate();
    let candidates = blocks.map(|(block, values)| {
        let rows = values.len() / passages.cols;
        let mut scores = vec![0.0; queries.rows * rows];
        let (left, right) = (View::new(&queries.values, queries.cols), View::new(values, passages.cols));
        multiply(&mut scores, left, right.transposed(), false, false);
        let scores = scores.chunks_exact(rows).zip(&slack);
        scores.map(|(scores, slack)| promising(scores, block * PASSAGES_TOGETHER, k, *slack)).collect::<Vec<_>>()
    });
    let none = || vec![Vec::new(); queries.rows];
    let together = candidates.reduce(none, |mut one, other| {
        one.iter_mut().zip(other).for_each(|(one, other)| one.extend(other));
        one
    });
    let exact = together.into_par_iter().enumerate().map(|(query, mut candidates)| {
        prune(&mut candidates, k, slack[query]);
        for hit in &mut candidates {
            hit.score = dense_score(queries.row(query), passages.row(hit.passage));
        }
        candidates.sort_unstable_by(by_score);
        candidates.truncate(k);
        candidates
    });
    Some(exact.collect())
}

/// The length of the longest row; not finite where one row is not.
pub fn longest(passages: &Matrix) -> f64 {
    passages.values.par_chunks_exact(passages.cols.max(1)).map(norm).reduce(|| 0.0, larger)
}

/// Rounded, like every product here.
fn norm(vector: &[f32]) -> f64 {
    f64::from(product(vector, vector)).sqrt()
}

/// Of two lengths the larger; what is not a number wins.
fn larger(one: f64, other: f64) -> f64 {
    if one.is_nan() || one > other { one } else { other }
}

/// The passages of a block that score at most `slack` below the block's `k`-th; scores that are not numbers are left out.
pub(super) fn promising(scores: &[f32], first: usize, k: usize, slack: f32) -> Vec<Hit> {
    let (mut hits, mut floor, mut most) = (Vec::with_capacity(4 * k), f32::NEG_INFINITY, 4 * k);
    for (place, &score) in scores.iter().enumerate() {
        if score >= floor {
            hits.push(Hit { passage: first + place, score });
            if hits.len() >= most {
                floor = prune(&mut hits, k, slack);
                // Where many are equally good, pruning again soon would be in vain.
                most = most.max(2 * hits.len());
            }
        }
    }
    prune(&mut hits, k, slack);
    hits
}

/// Leaves those that score at most `slack` below the `k`-th, and says what that is.
fn prune(hits: &mut Vec<Hit>, k: usize, slack: f32) -> f32 {
    if hits.len() <= k {
        return f32::NEG_INFINITY;
    }
    let kth = hits.select_nth_unstable_by(k - 1, by_score).1.score;
    hits.retain(|hit| hit.score >= kth - slack);
    kth - slack
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::super::best;
    use super::*;

    fn random(rows: usize, cols: usize, dice: &mut ChaCha8Rng) -> Matrix {
        Matrix { rows, cols, values: (0..rows * cols).map(|_| dice.random_range(-1.0..1.0)).collect() }
    }

    fn plain(queries: &Matrix, passages: &Matrix, k: usize) -> Vec<Vec<Hit>> {
        let scores = |query: usize| -> Vec<f32> {
            (0..passages.rows).map(|passage| dense_score(queries.row(query), passages.row(passage))).collect()
        };
        (0..queries.rows).map(|query| best(&scores(query), k)).collect()
    }

    #[test]
    fn it_finds_what_scoring_one_after_another_finds_bit_for_bit() {
        let mut dice = ChaCha8Rng::seed_from_u64(7);
        for (rows, cols, k) in [(2_500, 33, 10), (3_000, 64, 1), (9_000, 5, 100), (1_100, 1, 7)] {
            let (queries, mut passages) = (random(9, cols, &mut dice), random(rows, cols, &mut dice));
            // Passages that are equal, and some that differ by less than products round.
            let (head, tail) = passages.values.split_at_mut(rows / 2 * cols);
            tail[..300 * cols].copy_from_slice(&head[..300 * cols]);
            tail[..100 * cols].iter_mut().for_each(|value| *value *= 1.0 + 2e-7);
            assert_eq!(
                nearest(&queries, &passages, longest(&passages), k).unwrap(),
                plain(&queries, &passages, k),
                "{rows} × {cols}"
            );
        }
    }

    #[test]
    fn passages_that_are_all_the_same_keep_their_order() {
        let passages = Matrix { rows: 5_000, cols: 4, values: [0.5, 0.25, 0.0, 1.0].repeat(5_000) };
        let query = Matrix { rows: 1, cols: 4, values: vec![1.0; 4] };
        let places: Vec<usize> =
            nearest(&query, &passages, longest(&passages), 5).unwrap()[0].iter().map(|hit| hit.passage).collect();
        assert_eq!(places, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn what_is_no_number_or_asks_for_nearly_all_is_left_to_plain_search() {
        let mut passages = Matrix { rows: 100, cols: 2, values: vec![1.0; 200] };
        let query = Matrix { rows: 1, cols: 2, values: vec![1.0, 1.0] };
        let try_best = |passages: &Matrix, k| nearest(&query, passages, longest(passages), k);
        assert!(try_best(&passages, 10).is_some() && try_best(&passages, 20).is_none());
        passages.values[77] = f32::NAN;
        assert!(try_best(&passages, 10).is_none());
        passages.values[77] = f32::INFINITY;
        assert!(try_best(&passages, 10).is_none());
    }
}
