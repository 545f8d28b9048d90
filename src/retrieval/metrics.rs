//! Retrieval metrics as FlagEmbedding 1.4.0 computes them: pytrec_eval's recall, precision, MAP and nDCG, and
//! FlagEmbedding's own MRR and capped recall.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// One question: which passages are right, and what a search found.
///
/// Passages are named by `Id`. Of passages with equal scores, recall, precision, MAP and nDCG take the greater
/// `Id` first, as trec_eval does; MRR and capped recall keep the order of `found`.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged<Id> {
    /// Relevance of each judged passage; 0 is judged and wrong. Passages left out are wrong too.
    pub grades: Vec<(Id, u32)>,
    /// Passages with their scores, each at most once; `None` if the question was not searched for.
    pub found: Option<Vec<(Id, f32)>>,
}

/// Means over questions of what the first `k` passages found are worth, each from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Metrics {
    pub k: usize,
    /// Right passages found / right passages.
    pub recall: f64,
    /// Right passages found / `k`.
    pub precision: f64,
    /// The sum of the precisions at the ranks of right passages / right passages.
    pub map: f64,
    /// The sum of `grade / log2(rank + 1)` / the same sum of the best possible order.
    pub ndcg: f64,
    /// 1 / rank of the first right passage.
    pub mrr: f64,
    /// Right passages found / the most that `k` places can hold.
    pub recall_cap: f64,
    /// Whether one right passage at least was found: accuracy@k of sentence-transformers.
    pub hit_rate: f64,
}

/// The metrics at each of `ks`, in their order.
///
/// Recall, precision, MAP and nDCG are means over the questions that were searched for; in MRR, capped recall
/// and hit rate the others count as 0. Without a question all are 0.
pub fn evaluate<Id: Clone + Ord + Hash>(questions: &[Judged<Id>], ks: &[usize]) -> Vec<Metrics> {
    let mut sums: Vec<Metrics> = ks.iter().map(|&k| Metrics { k, ..Metrics::default() }).collect();
    let mut searched = 0;
    for question in questions {
        let Some(found) = &question.found else { continue };
        searched += 1;
        let ranking = Ranking::new(&question.grades, found);
        for sums in &mut sums {
            ranking.add(sums);
        }
    }
    for sums in &mut sums {
        for sum in [&mut sums.recall, &mut sums.precision, &mut sums.map, &mut sums.ndcg] {
            *sum /= searched.max(1) as f64;
        }
        for sum in [&mut sums.mrr, &mut sums.recall_cap, &mut sums.hit_rate] {
            *sum /= questions.len().max(1) as f64;
        }
    }
    sums
}

/// One question's search as the metrics read it.
struct Ranking {
    /// Grades in trec_eval's order.
    grades: Vec<u32>,
    /// Whether each passage is right, in the order of scores alone.
    right: Vec<bool>,
    /// All grades, best first.
    ideal: Vec<u32>,
    /// The number of right passages.
    relevant: usize,
}

impl Ranking {
    fn new<Id: Clone + Ord + Hash>(judged: &[(Id, u32)], found: &[(Id, f32)]) -> Self {
        let by_id: HashMap<&Id, u32> = judged.iter().map(|(id, grade)| (id, *grade)).collect();
        let grade = |id: &Id| by_id.get(id).copied().unwrap_or(0);
        let relevant: HashSet<&Id> = by_id.iter().filter(|(_, grade)| **grade > 0).map(|(id, _)| *id).collect();
        let mut order: Vec<&(Id, f32)> = found.iter().collect();
        order.sort_by(|(_, one), (_, other)| descending(*one, *other));
        let right = order.iter().map(|(id, _)| relevant.contains(id)).collect();
        order.sort_by(|(id, score), (other_id, other)| descending(*score, *other).then_with(|| other_id.cmp(id)));
        let mut ideal: Vec<u32> = by_id.values().copied().collect();
        ideal.sort_unstable_by(|one, other| other.cmp(one));
        Self { grades: order.iter().map(|(id, _)| grade(id)).collect(), right, ideal, relevant: relevant.len() }
    }

    fn add(&self, sums: &mut Metrics) {
        let k = sums.k;
        if k == 0 || self.relevant == 0 {
            return;
        }
        let relevant = self.relevant as f64;
        let (mut hits, mut precisions) = (0, 0.0);
        for (place, grade) in self.grades.iter().take(k).enumerate() {
            if *grade > 0 {
                hits += 1;
                precisions += f64::from(hits) / (place + 1) as f64;
            }
        }
        sums.recall += f64::from(hits) / relevant;
        sums.precision += f64::from(hits) / k as f64;
        sums.map += precisions / relevant;
        sums.ndcg += gain(&self.grades, k) / gain(&self.ideal, k);
        if let Some(place) = self.right.iter().take(k).position(|right| *right) {
            sums.mrr += 1.0 / (place + 1) as f64;
            sums.hit_rate += 1.0;
        }
        let hits = self.right.iter().take(k).filter(|right| **right).count();
        sums.recall_cap += hits as f64 / self.relevant.min(k) as f64;
    }
}

/// Discounted cumulative gain of the first `k` grades, the gain being the grade itself.
fn gain(grades: &[u32], k: usize) -> f64 {
    grades.iter().take(k).enumerate().map(|(place, grade)| f64::from(*grade) / ((place + 2) as f64).log2()).sum()
}

/// High scores first; what is not a number last.
pub(super) fn descending(one: f32, other: f32) -> Ordering {
    one.is_nan().cmp(&other.is_nan()).then_with(|| other.partial_cmp(&one).unwrap_or(Ordering::Equal))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_json::{Map, Value};

    use super::*;

    #[derive(Deserialize)]
    struct Case {
        qrels: Map<String, Value>,
        results: Map<String, Value>,
        k_values: Vec<usize>,
        metrics: HashMap<String, f64>,
    }

    #[test]
    fn every_metric_is_flagembeddings() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../tests/fixtures/flagembedding/metrics.json")).unwrap();
        let entries = |value: &Value| -> Vec<(String, f64)> {
            value.as_object().unwrap().iter().map(|(id, value)| (id.clone(), value.as_f64().unwrap())).collect()
        };
        for case in cases {
            let questions: Vec<Judged<String>> = case
                .qrels
                .iter()
                .map(|(query, grades)| Judged {
                    grades: entries(grades).into_iter().map(|(id, grade)| (id, grade as u32)).collect(),
                    found: case
                        .results
                        .get(query)
                        .map(|found| entries(found).into_iter().map(|(id, score)| (id, score as f32)).collect()),
                })
                .collect();
            let mut compared = 0;
            for metrics in evaluate(&questions, &case.k_values) {
                for (name, ours) in [
                    ("recall", metrics.recall),
                    ("precision", metrics.precision),
                    ("map", metrics.map),
                    ("ndcg", metrics.ndcg),
                    ("mrr", metrics.mrr),
                    ("recall_cap", metrics.recall_cap),
                ] {
                    let name = format!("{name}_at_{}", metrics.k);
                    // The reference is rounded to five decimals.
                    let rounded = (ours * 1e5).round() / 1e5;
                    assert!((rounded - case.metrics[&name]).abs() < 1e-6, "{name}: {ours} {}", case.metrics[&name]);
                    compared += 1;
                }
            }
            assert_eq!(compared, case.metrics.len());
        }
    }

    fn judged(relevant: &[usize], found: Option<&[usize]>) -> Judged<usize> {
        Judged {
            grades: relevant.iter().map(|&id| (id, 1)).collect(),
            found: found.map(|found| found.iter().enumerate().map(|(place, &id)| (id, -(place as f32))).collect()),
        }
    }

    #[test]
    fn a_question_not_searched_for_lowers_only_mrr_capped_recall_and_hit_rate() {
        let questions = [judged(&[1, 2], Some(&[1, 3, 2])), judged(&[4], None)];
        let metrics = evaluate(&questions, &[1])[0];
        assert_eq!((metrics.recall, metrics.precision, metrics.map, metrics.ndcg), (0.5, 1.0, 0.5, 1.0));
        assert_eq!((metrics.mrr, metrics.recall_cap, metrics.hit_rate), (0.5, 0.5, 0.5));
    }

    #[test]
    fn two_right_passages_first_found_make_half_the_recall_at_one() {
        let metrics = evaluate(&[judged(&[7, 8], Some(&[8, 1, 7]))], &[1, 3]);
        assert_eq!((metrics[0].recall, metrics[0].mrr, metrics[0].ndcg), (0.5, 1.0, 1.0));
        assert!((metrics[1].ndcg - 1.5 / (1.0 + 1.0 / 3f64.log2())).abs() < 1e-12);
    }

    #[test]
    fn nothing_asked_nothing_right_and_scores_that_are_no_numbers_are_worth_nothing() {
        assert_eq!(evaluate::<usize>(&[], &[1])[0], Metrics { k: 1, ..Metrics::default() });
        assert_eq!(evaluate(&[judged(&[], Some(&[1]))], &[1])[0], Metrics { k: 1, ..Metrics::default() });
        assert_eq!(evaluate(&[judged(&[1], Some(&[1]))], &[0])[0], Metrics::default());
        let found = vec![(1, f32::NAN), (2, 0.1), (3, f32::NAN)];
        let metrics = evaluate(&[Judged { grades: vec![(2, 1)], found: Some(found) }], &[1])[0];
        assert_eq!(metrics.mrr, 1.0);
    }

    proptest! {
        #[test]
        fn every_metric_lies_between_0_and_1_and_recall_grows_with_k(
            relevant in prop::collection::hash_set(0usize..20, 0..6),
            found in Just((0usize..20).collect::<Vec<_>>()).prop_shuffle(),
            length in 0usize..20,
        ) {
            let relevant: Vec<usize> = relevant.into_iter().collect();
            let question = judged(&relevant, Some(&found[..length]));
            let mut before = Metrics::default();
            for metrics in evaluate(&[question], &[1, 2, 5, 20]) {
                let Metrics { recall, precision, map, ndcg, mrr, recall_cap, hit_rate, .. } = metrics;
                prop_assert!(hit_rate >= mrr && hit_rate >= recall_cap);
                for value in [recall, precision, map, ndcg, mrr, recall_cap, hit_rate] {
                    prop_assert!((0.0..=1.0 + 1e-12).contains(&value));
                }
                prop_assert!(recall >= before.recall && mrr >= before.mrr && map >= before.map);
                before = metrics;
            }
        }
    }
}
