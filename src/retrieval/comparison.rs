//! What tuning changed: the base model's and the tuned model's search on the same questions and passages.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;

use super::index::Hit;
use super::metrics::{Judged, Metrics, evaluate};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    Recall,
    Mrr,
    Ndcg,
}

impl Metric {
    pub const ALL: [Self; 3] = [Self::Recall, Self::Mrr, Self::Ndcg];

    fn of(self, metrics: &Metrics) -> f64 {
        match self {
            Self::Recall => metrics.recall,
            Self::Mrr => metrics.mrr,
            Self::Ndcg => metrics.ndcg,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Recall => "recall",
            Self::Mrr => "MRR",
            Self::Ndcg => "nDCG",
        })
    }
}

/// One line of the comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MetricRow {
    pub metric: Metric,
    pub k: usize,
    /// From 0 to 1.
    pub base: f64,
    /// From 0 to 1; absent where there is no tuned model.
    pub tuned: Option<f64>,
}

impl MetricRow {
    /// Tuned minus base in points of a hundred: 0.4499 and 0.4895 make 3.96.
    pub fn change(&self) -> Option<f64> {
        self.tuned.map(|tuned| 100.0 * (tuned - self.base))
    }
}

/// One question's fate: the ranks, from 1, of its first right passage; absent where none was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
}

/// Base against tuned on the same questions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// For each k recall, MRR and nDCG.
    pub rows: Vec<MetricRow>,
    /// One a question, in the questions' order.
    pub outcomes: Vec<Outcome>,
}

impl Comparison {
    /// `relevant` holds the right passages of each question, `base` and `tuned` one ranking a question.
    pub fn new(relevant: &[Vec<usize>], base: &[Vec<Hit>], tuned: Option<&[Vec<Hit>]>, ks: &[usize]) -> Self {
        let base_metrics = evaluate_rankings(relevant, base, ks);
        let tuned_metrics = tuned.map(|tuned| evaluate_rankings(relevant, tuned, ks));
        let rows = base_metrics
            .iter()
            .enumerate()
            .flat_map(|(place, base)| {
                let tuned = tuned_metrics.as_ref().map(|tuned| tuned[place]);
                Metric::ALL.map(|metric| MetricRow {
                    metric,
                    k: base.k,
                    base: metric.of(base),
                    tuned: tuned.map(|tuned| metric.of(&tuned)),
                })
            })
            .collect();
        let rank = |rankings: &[Vec<Hit>], question: usize| {
            let hits = rankings.get(question)?;
            Some(1 + hits.iter().position(|hit| relevant[question].contains(&hit.passage))?)
        };
        let outcomes = (0..relevant.len())
            .map(|question| Outcome {
                base: rank(base, question),
                tuned: tuned.and_then(|tuned| rank(tuned, question)),
            })
            .collect();
        Self { rows, outcomes }
    }

    /// The metrics as a table (Markdown, in columns); the change is in points of a hundred.
    pub fn table(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let two = self.rows.iter().any(|row| row.tuned.is_some());
        let names: Vec<String> = self.rows.iter().map(|row| format!("{}@{}", row.metric, row.k)).collect();
        let width = names.iter().map(String::len).max().unwrap_or(0).max("metric".len());
        let line = |name: &str, base: &str, tuned: &str, change: &str| {
            let tail = if two { format!(" {tuned:>6} | {change:>9} |") } else { String::new() };
            format!("| {name:<width$} | {base:>6} |{tail}")
        };
        writeln!(f, "{}", line("metric", "base", "tuned", "change"))?;
        writeln!(f, "{}", line("---", "---", "---", "---"))?;
        for (row, name) in self.rows.iter().zip(&names) {
            let tuned = row.tuned.map(|tuned| format!("{tuned:.4}")).unwrap_or_default();
            // Adding 0 makes a rounded -0.00 a +0.00.
            let change = row.change().map(|change| format!("{:+.2} %", (change * 100.0).round() / 100.0 + 0.0));
            writeln!(f, "{}", line(name, &format!("{:.4}", row.base), &tuned, &change.unwrap_or_default()))?;
        }
        Ok(())
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

    fn ranking(passages: &[usize]) -> Vec<Hit> {
        passages.iter().enumerate().map(|(place, &passage)| Hit { passage, score: -(place as f32) }).collect()
    }

    #[test]
    fn base_and_tuned_stand_side_by_side() {
        let relevant = [vec![0, 1], vec![2], vec![3], vec![]];
        let base = [ranking(&[5, 0, 1]), ranking(&[2, 6, 7]), ranking(&[4, 5, 6]), ranking(&[0, 1, 2])];
        let tuned = [ranking(&[1, 0, 5]), ranking(&[6, 2, 7]), ranking(&[4, 3, 6]), ranking(&[0, 1, 2])];
        let comparison = Comparison::new(&relevant, &base, Some(&tuned), &[1, 3]);
        let row = |metric, k| *comparison.rows.iter().find(|row| row.metric == metric && row.k == k).unwrap();
        let names: Vec<_> = comparison.rows.iter().map(|row| (row.metric, row.k)).collect();
        use Metric::{Mrr, Ndcg, Recall};
        assert_eq!(names, [(Recall, 1), (Mrr, 1), (Ndcg, 1), (Recall, 3), (Mrr, 3), (Ndcg, 3)]);
        assert_eq!((row(Recall, 1).base, row(Recall, 1).tuned), (0.25, Some(0.125)));
        assert_eq!((row(Mrr, 3).base, row(Mrr, 3).tuned), (1.5 / 4.0, Some(2.0 / 4.0)));
        assert_eq!(row(Mrr, 3).change(), Some(12.5));
        let outcome = |base, tuned| Outcome { base, tuned };
        let expected =
            [outcome(Some(2), Some(1)), outcome(Some(1), Some(2)), outcome(None, Some(2)), outcome(None, None)];
        assert_eq!(comparison.outcomes, expected);
        let changes: Vec<_> = comparison.outcomes.iter().map(Outcome::change).collect();
        assert_eq!(changes, [Some(Move::Up(1)), Some(Move::Down(1)), Some(Move::New), None]);
        assert_eq!(outcome(Some(3), None).change(), Some(Move::Lost));
    }

    #[test]
    fn equal_scores_count_in_the_order_shown() {
        let tied = vec![Hit { passage: 1, score: 0.5 }, Hit { passage: 2, score: 0.5 }];
        let metrics = evaluate_rankings(&[vec![1]], &[tied], &[1])[0];
        assert_eq!((metrics.recall, metrics.mrr, metrics.ndcg), (1.0, 1.0, 1.0));
    }

    #[test]
    fn the_table_reads_like_the_published_one() {
        let row = |metric, k, base, tuned| MetricRow { metric, k, base, tuned };
        let rows = vec![
            row(Metric::Recall, 1, 0.44989, Some(0.48952)),
            row(Metric::Mrr, 1, 0.89977, Some(0.97903)),
            row(Metric::Ndcg, 10, 0.5, Some(0.49999999)),
        ];
        let table = Comparison { rows: rows.clone(), outcomes: vec![] }.table();
        let squeezed: Vec<String> =
            table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            squeezed,
            [
                "| metric | base | tuned | change |",
                "| --- | --- | --- | --- |",
                "| recall@1 | 0.4499 | 0.4895 | +3.96 % |",
                "| MRR@1 | 0.8998 | 0.9790 | +7.93 % |",
                "| nDCG@10 | 0.5000 | 0.5000 | +0.00 % |",
            ]
        );
        assert!(table.lines().all(|line| line.chars().count() == table.find('\n').unwrap()), "{table}");
        let alone = rows.into_iter().map(|row| MetricRow { tuned: None, ..row }).collect();
        let table = Comparison { rows: alone, outcomes: vec![] }.table();
        assert!(table.contains("| recall@1 | 0.4499 |\n") && !table.contains("tuned"), "{table}");
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
