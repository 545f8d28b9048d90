//! Whether a difference between two models on the same questions is more than chance.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// Resamplings behind a confidence interval.
const BOOTSTRAPS: usize = 2_000;
/// Up to so many questions that differ, every way to swap the two models is tried; beyond, a sample of them.
const EXACT_UP_TO: usize = 14;
const SWAPS: usize = 20_000;
/// Sums that differ by rounding alone are equal.
const ROUNDING: f64 = 1e-9;

/// One metric of two models, question by question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Paired {
    /// Questions on which the second model is better.
    pub better: usize,
    /// Questions on which it is worse.
    pub worse: usize,
    pub equal: usize,
    /// The mean of second minus first.
    pub change: f64,
    /// Between these the change lies in 95 of 100 resamplings of the questions (percentile bootstrap; Efron &
    /// Tibshirani 1993, chapter 13).
    pub interval: [f64; 2],
    /// How often models that are equally good would differ at least this much: the two-sided randomization test
    /// that swaps the two models' values of a question (Smucker, Allan & Carterette 2007). 1 without a difference.
    pub p: f64,
}

impl Paired {
    /// Values of both models, in the same order of questions.
    pub fn new(first: &[f64], second: &[f64]) -> Self {
        let differences: Vec<f64> = second.iter().zip(first).map(|(second, first)| second - first).collect();
        let count = |wanted: fn(f64) -> bool| differences.iter().filter(|change| wanted(**change)).count();
        let (better, worse) = (count(|change| change > 0.0), count(|change| change < 0.0));
        if better + worse == 0 {
            return Self { equal: differences.len(), p: 1.0, ..Self::default() };
        }
        Self {
            better,
            worse,
            equal: differences.len() - better - worse,
            change: differences.iter().sum::<f64>() / differences.len() as f64,
            interval: interval(&differences),
            p: p_value(&differences),
        }
    }
}

/// Seeded, so that the same comparison says the same each time.
fn dice() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(0)
}

fn interval(differences: &[f64]) -> [f64; 2] {
    let mut dice = dice();
    let mut means: Vec<f64> = (0..BOOTSTRAPS)
        .map(|_| {
            let sum: f64 = (0..differences.len()).map(|_| differences[dice.random_range(0..differences.len())]).sum();
            sum / differences.len() as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    [0.025, 0.975].map(|part| quantile(&means, part))
}

/// Between two places linearly, as NumPy does it.
fn quantile(sorted: &[f64], part: f64) -> f64 {
    let place = part * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

fn p_value(differences: &[f64]) -> f64 {
    let sizes: Vec<f64> = differences.iter().filter(|change| **change != 0.0).map(|change| change.abs()).collect();
    let seen = differences.iter().sum::<f64>().abs() - ROUNDING;
    if sizes.len() <= EXACT_UP_TO {
        let ways = 1_u32 << sizes.len();
        let swapped = |way: u32| -> f64 {
            sizes.iter().enumerate().map(|(at, size)| if way >> at & 1 == 1 { *size } else { -size }).sum()
        };
        return f64::from((0..ways).filter(|way| swapped(*way).abs() >= seen).count() as u32) / f64::from(ways);
    }
    let mut dice = dice();
    let extreme = (0..SWAPS).filter(|_| {
        let sum: f64 = sizes
            .chunks(64)
            .map(|sizes| {
                let mut coins = dice.next_u64();
                let mut sum = 0.0;
                for size in sizes {
                    sum += if coins & 1 == 1 { *size } else { -size };
                    coins >>= 1;
                }
                sum
            })
            .sum();
        sum.abs() >= seen
    });
    // What was seen counts as one of the ways, so that no p is 0.
    (1 + extreme.count()) as f64 / (1 + SWAPS) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.stats.permutation_test(permutation_type="samples")` with every permutation gives 0.15625.
    #[test]
    fn few_differences_are_judged_exactly() {
        let first = [1., 0.5, 1. / 3., 0., 1., 0.25, 0.5, 1., 0., 0.2, 1., 0.5];
        let second = [1., 1., 0.5, 0.25, 1., 0.2, 1., 1., 1. / 3., 0.2, 0.5, 1.];
        let paired = Paired::new(&first, &second);
        assert_eq!((paired.better, paired.worse, paired.equal), (6, 2, 4));
        assert!((paired.change - 0.141_666_666_666_666_66).abs() < 1e-12);
        assert_eq!(paired.p, 0.15625);
    }

    /// SciPy 1.17.1, 200,000 resamplings: p = 0.02889, interval 0.0070 … 0.1209 (`bootstrap(method="percentile")`).
    #[test]
    fn many_differences_are_judged_as_scipy_judges_them() {
        let first: Vec<f64> = (0..200).map(|i| 1.0 / f64::from(1 + i * 7 % 5)).collect();
        let second: Vec<f64> = (0..200).map(|i| 1.0 / f64::from(1 + i * 11 % 4)).collect();
        let paired = Paired::new(&first, &second);
        assert!((paired.change - 0.064_166_666_666).abs() < 1e-9);
        // Four standard errors of the p value and of the interval's ends.
        assert!((paired.p - 0.02889).abs() < 0.0048, "{paired:?}");
        assert!((paired.interval[0] - 0.0070).abs() < 0.007, "{paired:?}");
        assert!((paired.interval[1] - 0.1209).abs() < 0.007, "{paired:?}");
    }

    #[test]
    fn no_difference_is_no_finding() {
        let same = [0.5, 1.0, 0.0];
        assert_eq!(Paired::new(&same, &same), Paired { equal: 3, p: 1.0, ..Paired::default() });
        assert_eq!(Paired::new(&[], &[]), Paired { p: 1.0, ..Paired::default() });
        assert_eq!(Paired::new(&[0.0], &[1.0]).p, 1.0);
    }

    #[test]
    fn a_swap_of_the_models_swaps_the_finding() {
        let (first, second) = ([0.0, 0.0, 0.0, 0.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0, 1.0, 0.0]);
        let (there, back) = (Paired::new(&first, &second), Paired::new(&second, &first));
        assert_eq!((there.better, there.worse), (back.worse, back.better));
        assert_eq!((there.change, there.p), (-back.change, back.p));
    }
}
