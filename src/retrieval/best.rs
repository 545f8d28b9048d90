//! The best few of many scores, kept while they come.

use super::index::Hit;
use super::metrics::descending;

/// The best `k` of the hits offered so far.
#[derive(Clone, Debug)]
pub(super) struct Best {
    k: usize,
    /// The best `k` are among them; cut back to those when there are twice as many.
    hits: Vec<Hit>,
    /// The last hit that the last cut left: no worse one is among the best.
    last: Option<Hit>,
}

impl Best {
    pub fn new(k: usize) -> Self {
        Self { k, hits: Vec::new(), last: None }
    }

    #[inline]
    pub fn offer(&mut self, hit: Hit) {
        // Most hits end at this one comparison, which a score that is no number passes.
        if self.last.as_ref().is_some_and(|last| hit.score < last.score) {
            return;
        }
        self.take(hit);
    }

    fn take(&mut self, hit: Hit) {
        if self.k == 0 || self.last.as_ref().is_some_and(|last| order(&hit, last).is_gt()) {
            return;
        }
        self.hits.push(hit);
        if self.hits.len() >= self.k.saturating_mul(2).max(64) {
            self.cut();
        }
    }

    pub fn append(&mut self, other: Self) {
        other.hits.into_iter().for_each(|hit| self.offer(hit));
    }

    fn cut(&mut self) {
        if 0 < self.k && self.k < self.hits.len() {
            self.hits.select_nth_unstable_by(self.k - 1, order);
            self.hits.truncate(self.k);
            self.last = self.hits.last().copied();
        }
    }

    /// Best first; of equal scores the earlier passage first, scores that are not numbers last.
    pub fn into_hits(mut self) -> Vec<Hit> {
        self.cut();
        self.hits.sort_unstable_by(order);
        self.hits
    }
}

/// The best `k` scores with their places.
pub fn best(scores: &[f32], k: usize) -> Vec<Hit> {
    let mut best = Best::new(k);
    scores.iter().enumerate().for_each(|(passage, &score)| best.offer(Hit { passage, score }));
    best.into_hits()
}

fn order(one: &Hit, other: &Hit) -> std::cmp::Ordering {
    descending(one.score, other.score).then(one.passage.cmp(&other.passage))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_the_order_they_come_in_the_best_stay(
            scores in prop::collection::vec((-3i8..=4).prop_map(|score| if score == 4 { f32::NAN } else { f32::from(score) }), 0..400),
            parts in 1usize..5,
            k in 0usize..150,
        ) {
            let mut expected: Vec<Hit> =
                scores.iter().enumerate().map(|(passage, &score)| Hit { passage, score }).collect();
            let mut best = Best::new(k);
            for part in 0..parts {
                let mut own = Best::new(k);
                expected.iter().rev().skip(part).step_by(parts).for_each(|hit| own.offer(*hit));
                best.append(own);
            }
            expected.sort_by(order);
            expected.truncate(k);
            let places = |hits: &[Hit]| hits.iter().map(|hit| hit.passage).collect::<Vec<_>>();
            prop_assert_eq!(places(&best.into_hits()), places(&expected));
        }
    }
}
