//! What tuning changed: the base model's and the tuned model's search on the same questions and passages.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;

use rayon::prelude::*;
use serde::Serialize;

use super::groups::GroupName;
use super::index::Hit;
use super::metrics::{Judged, Metrics, evaluate};
use super::significance::Paired;

/// The metrics of searches, one ranking a question, at each of `ks`; `relevant` holds the right passages of each
/// question. A question beyond the last ranking counts as not searched for, one without right passages as 0.
///
/// Equal scores keep the order of the ranking, so that the figures describe the lists as they are shown.
pub fn evaluate_rankings(relevant: &[Vec<usize>], rankings: &[Vec<Hit>], ks: &[usize]) -> Vec<Metrics> {
    let judged: Vec<Judged<Reverse<usize>>> = relevant
        .iter()
        .enumerate()
        .map(|(question, relevant)| Judged {
            grades: relevant.iter().map(|&passage| (Reverse(passage), 1)).collect(),
            found: rankings
                .get(question)
                .map(|hits| hits.iter().map(|hit| (Reverse(hit.passage), hit.score)).collect()),
        })
        .collect();
    evaluate(&judged, ks)
}

/// A metric that the comparison shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    Recall,
    Mrr,
    Ndcg,
    Precision,
    Map,
    HitRate,
}

impl Metric {
    pub const ALL: [Self; 6] = [Self::Recall, Self::Mrr, Self::Ndcg, Self::Precision, Self::Map, Self::HitRate];
    /// Those of the published table of the welding model, in its order.
    pub const PUBLISHED: [Self; 3] = [Self::Recall, Self::Mrr, Self::Ndcg];

    /// Without capitals and blanks, as files and options write it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Recall => "recall",
            Self::Mrr => "mrr",
            Self::Ndcg => "ndcg",
            Self::Precision => "precision",
            Self::Map => "map",
            Self::HitRate => "hit_rate",
        }
    }

    fn of(self, metrics: &Metrics) -> f64 {
        match self {
            Self::Recall => metrics.recall,
            Self::Mrr => metrics.mrr,
            Self::Ndcg => metrics.ndcg,
            Self::Precision => metrics.precision,
            Self::Map => metrics.map,
            Self::HitRate => metrics.hit_rate,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Recall => "recall",
            Self::Mrr => "MRR",
            Self::Ndcg => "nDCG",
            Self::Precision => "precision",
            Self::Map => "MAP",
            Self::HitRate => "hit rate",
        })
    }
}

/// A model beside the base model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Tuned {
    /// From 0 to 1.
    pub value: f64,
    /// Against the base model, question by question.
    pub paired: Paired,
}

impl Tuned {
    /// Tuned minus base in points of a hundred: 0.4499 and 0.4895 make 3.96.
    pub fn points(&self) -> f64 {
        100.0 * self.paired.change
    }
}

/// One line of the comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricRow {
    pub metric: Metric,
    pub k: usize,
    /// From 0 to 1.
    pub base: f64,
    /// The other models, in their order.
    pub tuned: Vec<Tuned>,
}

impl MetricRow {
    /// As the field writes it, such as `nDCG@3`.
    pub fn name(&self) -> String {
        format!("{}@{}", self.metric, self.k)
    }
}

/// One question's fate: the ranks, from 1, of its first right passage; absent where none was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    pub base: Option<usize>,
    pub tuned: Option<usize>,
}

impl Outcome {
    /// The first right passage's way from base to tuned; nothing if neither found one.
    pub fn change(&self) -> Option<Move> {
        match (self.base, self.tuned) {
            (None, None) => None,
            (None, Some(_)) => Some(Move::New),
            (Some(_), None) => Some(Move::Lost),
            (Some(base), Some(tuned)) => Some(Move::between(base, tuned)),
        }
    }

    /// What tuning did to the question: 1 / tuned rank − 1 / base rank, from -1 to 1.
    pub fn gain(&self) -> f64 {
        let worth = |rank: Option<usize>| rank.map_or(0.0, |rank| 1.0 / rank as f64);
        worth(self.tuned) - worth(self.base)
    }
}

/// Questions that have something in common, and the metrics on them alone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    pub name: GroupName,
    /// Their places among all.
    pub questions: Vec<usize>,
    pub rows: Vec<MetricRow>,
}

/// A base model and others on the same questions.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// For each metric, for each k.
    pub rows: Vec<MetricRow>,
    /// By topic, by language, by length; those of fewer than two groups say nothing and are left out.
    pub groups: Vec<Group>,
    /// For each model, the base first, the rank from 1 of each question's first right passage.
    pub ranks: Vec<Vec<Option<usize>>>,
}

impl Comparison {
    /// `relevant` holds the right passages of each question, `rankings` for each model, the base first, one ranking a
    /// question; `groups` are questions by their places.
    pub fn new(
        relevant: &[Vec<usize>],
        rankings: &[&[Vec<Hit>]],
        ks: &[usize],
        groups: Vec<(GroupName, Vec<usize>)>,
    ) -> Self {
        let every: Vec<Values> = rankings.iter().map(|rankings| Values::new(relevant, rankings, ks)).collect();
        let rows = |questions: &[usize]| -> Vec<MetricRow> {
            let cells: Vec<(Metric, usize)> =
                Metric::ALL.into_iter().flat_map(|metric| (0..ks.len()).map(move |place| (metric, place))).collect();
            let row = |(metric, place): (Metric, usize)| {
                let of = |values: &Values| values.of(metric, place, questions);
                let base = every.first().map(of).unwrap_or_default();
                let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
                let tuned = every.iter().skip(1).map(of);
                let tuned = tuned.map(|tuned| Tuned { value: mean(&tuned), paired: Paired::new(&base, &tuned) });
                MetricRow { metric, k: ks[place], base: mean(&base), tuned: tuned.collect() }
            };
            cells.into_par_iter().map(row).collect()
        };
        let all: Vec<usize> = (0..relevant.len()).collect();
        let groups =
            groups.into_iter().map(|(name, questions)| Group { name, rows: rows(&questions), questions }).collect();
        Self { rows: rows(&all), groups, ranks: every.into_iter().map(|values| values.ranks).collect() }
    }

    /// What one of the other models, counted from 0, did to each question.
    pub fn outcomes(&self, tuned: usize) -> Vec<Outcome> {
        let base = self.ranks.first().map(Vec::as_slice).unwrap_or_default();
        let tuned = self.ranks.get(tuned + 1);
        let outcome = |(question, base): (usize, &Option<usize>)| Outcome {
            base: *base,
            tuned: tuned.and_then(|ranks| ranks.get(question).copied().flatten()),
        };
        base.iter().enumerate().map(outcome).collect()
    }

    /// The row of a metric at a k.
    pub fn row(&self, metric: Metric, k: usize) -> Option<&MetricRow> {
        self.rows.iter().find(|row| row.metric == metric && row.k == k)
    }

    /// The rows of some metrics in the order of the published table: each k, for it each metric.
    pub fn rows_by_k(&self, metrics: &[Metric]) -> Vec<&MetricRow> {
        rows_by_k(&self.rows, metrics)
    }
}

/// Rows of some metrics in the order of the published table: each k, for it each metric.
pub fn rows_by_k<'a>(rows: &'a [MetricRow], metrics: &[Metric]) -> Vec<&'a MetricRow> {
    let mut ks: Vec<usize> = Vec::new();
    for row in rows {
        if !ks.contains(&row.k) {
            ks.push(row.k);
        }
    }
    let row = |metric: Metric, k: usize| rows.iter().find(move |row| row.metric == metric && row.k == k);
    ks.into_iter().flat_map(|k| metrics.iter().filter_map(move |metric| row(*metric, k))).collect()
}

/// One model's metrics of every question.
struct Values {
    /// For each question, for each k.
    metrics: Vec<Vec<Metrics>>,
    ranks: Vec<Option<usize>>,
}

impl Values {
    fn new(relevant: &[Vec<usize>], rankings: &[Vec<Hit>], ks: &[usize]) -> Self {
        let question = |question: usize| {
            let hits = rankings.get(question).cloned().unwrap_or_default();
            let rank = hits.iter().position(|hit| relevant[question].contains(&hit.passage)).map(|place| place + 1);
            (evaluate_rankings(&relevant[question..=question], &[hits], ks), rank)
        };
        let (metrics, ranks) = (0..relevant.len()).into_par_iter().map(question).unzip();
        Self { metrics, ranks }
    }

    fn of(&self, metric: Metric, place: usize, questions: &[usize]) -> Vec<f64> {
        questions.iter().map(|&question| metric.of(&self.metrics[question][place])).collect()
    }
}

/// A passage's way from one ranked list into another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    Same,
    /// Ranks nearer to the top.
    Up(usize),
    /// Ranks farther from the top.
    Down(usize),
    /// Only in the second list.
    New,
    /// Only in the first list.
    Lost,
}

impl Move {
    fn between(before: usize, after: usize) -> Self {
        match before.cmp(&after) {
            std::cmp::Ordering::Equal => Self::Same,
            std::cmp::Ordering::Greater => Self::Up(before - after),
            std::cmp::Ordering::Less => Self::Down(after - before),
        }
    }
}

/// The moves between two ranked lists, for each place of the first list (never `New`) and of the second (never
/// `Lost`). Each list names a passage at most once.
pub fn moves(before: &[usize], after: &[usize]) -> (Vec<Move>, Vec<Move>) {
    let places = |list: &[usize]| -> HashMap<usize, usize> {
        list.iter().enumerate().map(|(place, &passage)| (passage, place)).collect()
    };
    let (places_before, places_after) = (places(before), places(after));
    let of_before = before.iter().enumerate();
    let of_after = after.iter().enumerate();
    (
        of_before
            .map(|(from, passage)| places_after.get(passage).map_or(Move::Lost, |&to| Move::between(from, to)))
            .collect(),
        of_after
            .map(|(to, passage)| places_before.get(passage).map_or(Move::New, |&from| Move::between(from, to)))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dataset::Script;

    fn ranking(passages: &[usize]) -> Vec<Hit> {
        passages.iter().enumerate().map(|(place, &passage)| Hit { passage, score: -(place as f32) }).collect()
    }

    #[test]
    fn base_and_tuned_stand_side_by_side() {
        let relevant = [vec![0, 1], vec![2], vec![3], vec![]];
        let base = [ranking(&[5, 0, 1]), ranking(&[2, 6, 7]), ranking(&[4, 5, 6]), ranking(&[0, 1, 2])];
        let tuned = [ranking(&[1, 0, 5]), ranking(&[6, 2, 7]), ranking(&[4, 3, 6]), ranking(&[0, 1, 2])];
        let groups = vec![(GroupName::Language(Script::Latin), vec![0]), (GroupName::Topic("rest".into()), vec![1, 2])];
        let comparison = Comparison::new(&relevant, &[&base, &tuned, &base], &[1, 3], groups);
        use Metric::{HitRate, Mrr, Ndcg, Recall};
        let names: Vec<_> = comparison.rows_by_k(&Metric::PUBLISHED).iter().map(|row| (row.metric, row.k)).collect();
        assert_eq!(names, [(Recall, 1), (Mrr, 1), (Ndcg, 1), (Recall, 3), (Mrr, 3), (Ndcg, 3)]);
        let row = |metric, k| comparison.row(metric, k).unwrap();
        assert_eq!((row(Recall, 1).base, row(Recall, 1).tuned[0].value), (0.25, 0.125));
        assert_eq!((row(Mrr, 3).base, row(Mrr, 3).tuned[0].value), (1.5 / 4.0, 2.0 / 4.0));
        assert_eq!((row(HitRate, 3).base, row(HitRate, 3).tuned[0].value), (0.5, 0.75));
        assert_eq!(row(Mrr, 3).tuned[0].points(), 12.5);
        let paired = row(Mrr, 3).tuned[0].paired;
        assert_eq!((paired.better, paired.worse, paired.equal), (2, 1, 1));
        assert_eq!((row(Mrr, 3).tuned[1].value, row(Mrr, 3).tuned[1].paired.p), (row(Mrr, 3).base, 1.0));
        let first = &comparison.groups[0];
        assert_eq!((first.rows[0].metric, first.rows[0].k, first.rows[0].tuned[0].value), (Recall, 1, 0.5));
        let outcome = |base, tuned| Outcome { base, tuned };
        let expected =
            [outcome(Some(2), Some(1)), outcome(Some(1), Some(2)), outcome(None, Some(2)), outcome(None, None)];
        assert_eq!(comparison.outcomes(0), expected);
        let changes: Vec<_> = comparison.outcomes(0).iter().map(Outcome::change).collect();
        assert_eq!(changes, [Some(Move::Up(1)), Some(Move::Down(1)), Some(Move::New), None]);
        assert_eq!(outcome(Some(3), None).change(), Some(Move::Lost));
        assert_eq!((outcome(Some(2), Some(1)).gain(), outcome(None, None).gain()), (0.5, 0.0));
    }

    /// A metric's mean over questions taken one by one is the metric of all together.
    #[test]
    fn questions_one_by_one_add_up_to_all_together() {
        let relevant = [vec![0, 1], vec![2], vec![3, 9]];
        let rankings = [ranking(&[5, 0, 1]), ranking(&[2, 6, 7]), ranking(&[4, 9, 3])];
        let ks = [1, 2, 3];
        let together = evaluate_rankings(&relevant, &rankings, &ks);
        let comparison = Comparison::new(&relevant, &[&rankings], &ks, vec![]);
        for (metrics, k) in together.iter().zip(ks) {
            for metric in Metric::ALL {
                let row = comparison.row(metric, k).unwrap();
                assert!((row.base - metric.of(metrics)).abs() < 1e-12 && row.tuned.is_empty(), "{}", row.name());
            }
        }
    }

    #[test]
    fn equal_scores_count_in_the_order_shown() {
        let tied = vec![Hit { passage: 1, score: 0.5 }, Hit { passage: 2, score: 0.5 }];
        let metrics = evaluate_rankings(&[vec![1]], &[tied], &[1])[0];
        assert_eq!((metrics.recall, metrics.mrr, metrics.ndcg), (1.0, 1.0, 1.0));
    }

    proptest! {
        #[test]
        fn moves_lead_from_each_place_to_its_partner(
            before in Just((0usize..9).collect::<Vec<_>>()).prop_shuffle(),
            after in Just((0usize..9).collect::<Vec<_>>()).prop_shuffle(),
            lengths in (0usize..9, 0usize..9),
        ) {
            let (before, after) = (&before[..lengths.0], &after[..lengths.1]);
            let (of_before, of_after) = moves(before, after);
            for (place, moved) in of_before.iter().enumerate() {
                match moved {
                    Move::Same => prop_assert_eq!(after[place], before[place]),
                    Move::Up(n) => prop_assert_eq!(after[place - n], before[place]),
                    Move::Down(n) => prop_assert_eq!(after[place + n], before[place]),
                    Move::Lost => prop_assert!(!after.contains(&before[place])),
                    Move::New => prop_assert!(false),
                }
            }
            for (place, moved) in of_after.iter().enumerate() {
                match moved {
                    Move::New => prop_assert!(!before.contains(&after[place])),
                    Move::Lost => prop_assert!(false),
                    _ => prop_assert_eq!(of_before[before.iter().position(|p| *p == after[place]).unwrap()], *moved),
                }
            }
        }
    }
}
