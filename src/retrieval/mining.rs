//! Hard negatives: passages that a model finds for a question though they do not answer it.
//!
//! The rules are those of FlagEmbedding's `hn_mine.py`, without its slips: the old negatives' teacher scores go
//! with them, filling up never repeats a negative nor takes the question itself, and a corpus too small to fill
//! up from gives fewer negatives instead of failing.

use std::collections::HashSet;
use std::ops::Range;

use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;

use crate::dataset::Row;

/// How negatives are chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MiningOptions {
    /// Ranks to take them from, counted from 0, the end left out (`range_for_sampling`).
    pub range: Range<usize>,
    /// Negatives for each question (`negative_number`).
    pub negatives: usize,
    /// The same seed gives the same negatives, whatever the other questions are.
    pub seed: u64,
}

impl Default for MiningOptions {
    fn default() -> Self {
        Self { range: 10..210, negatives: 15, seed: 42 }
    }
}

/// A question that negatives are mined for.
#[derive(Clone, Copy, Debug)]
pub struct MiningRow<'a> {
    pub query: &'a str,
    pub positives: &'a [String],
}

/// The negatives of one question, as places in the corpus.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mined {
    /// Those that search found in rank order, then those filled up.
    pub negatives: Vec<usize>,
    /// How many of them, at the end, were drawn from the whole corpus because the ranks gave too few.
    pub filled: usize,
}

/// The texts without repetitions, each where it came first: what to search in.
pub fn distinct<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = HashSet::new();
    texts.into_iter().filter(|text| seen.insert(*text)).collect()
}

/// The passages at the ranks of `range` that are neither a positive of the row nor its question, compared as
/// texts; ranks past the end are left out. `ranked` holds places in `corpus`, best first.
pub fn candidates(row: MiningRow, corpus: &[&str], ranked: &[usize], range: Range<usize>) -> Vec<usize> {
    let end = range.end.min(ranked.len());
    let ranks = ranked.get(range.start.min(end)..end).unwrap_or_default();
    ranks.iter().copied().filter(|&passage| may_be_negative(row, corpus[passage])).collect()
}

/// Chooses the negatives of each row.
///
/// `ranked` holds for each row the places in `corpus` of the best passages, best first, at least
/// `options.range.end` of them if there are so many. With more candidates than wanted, every one is equally
/// likely; with fewer, the rest is drawn from the whole corpus. Panics if `ranked` is shorter than `rows`, or
/// names a place past the corpus.
pub fn mine(rows: &[MiningRow], corpus: &[&str], ranked: &[Vec<usize>], options: &MiningOptions) -> Vec<Mined> {
    rows.iter()
        .enumerate()
        .map(|(number, row)| {
            let mut random = ChaCha8Rng::seed_from_u64(options.seed);
            random.set_stream(number as u64);
            choose(*row, corpus, &ranked[number], options, &mut random)
        })
        .collect()
}

/// The row with these negatives instead of its own, without teacher scores: those belonged to the old ones.
pub fn with_negatives(row: &Row, negatives: Vec<String>) -> Row {
    Row { neg: negatives, pos_scores: None, neg_scores: None, ..row.clone() }
}

fn may_be_negative(row: MiningRow, text: &str) -> bool {
    text != row.query && row.positives.iter().all(|positive| positive != text)
}

fn choose(
    row: MiningRow,
    corpus: &[&str],
    ranked: &[usize],
    options: &MiningOptions,
    random: &mut ChaCha8Rng,
) -> Mined {
    let candidates = candidates(row, corpus, ranked, options.range.clone());
    if candidates.len() > options.negatives {
        let mut ranks = sample(random, candidates.len(), options.negatives).into_vec();
        ranks.sort_unstable();
        return Mined { negatives: ranks.into_iter().map(|rank| candidates[rank]).collect(), filled: 0 };
    }
    let mut negatives = candidates;
    let mut taken: HashSet<&str> = negatives.iter().map(|&passage| corpus[passage]).collect();
    let found = negatives.len();
    for passage in sample(random, corpus.len(), corpus.len()) {
        if negatives.len() == options.negatives {
            break;
        }
        if may_be_negative(row, corpus[passage]) && taken.insert(corpus[passage]) {
            negatives.push(passage);
        }
    }
    Mined { filled: negatives.len() - found, negatives }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    /// A run of FlagEmbedding's `find_knn_neg`.
    #[derive(Deserialize)]
    struct Case {
        candidate_pool: bool,
        sample_range: [usize; 2],
        negative_number: usize,
        corpus_size: usize,
        /// Found passages with scores, best first.
        ranked: Vec<Vec<(String, f64)>>,
        filtered: Vec<Vec<String>>,
        output: Vec<Question>,
    }

    #[derive(Deserialize)]
    struct Question {
        query: String,
        pos: Vec<String>,
        neg: Vec<String>,
    }

    fn lines<T: for<'a> Deserialize<'a>>(text: &str) -> Vec<T> {
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn candidates_and_negatives_are_flagembeddings() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../tests/fixtures/flagembedding/hn_mine.json")).unwrap();
        let input: Vec<Question> = lines(include_str!("../../tests/fixtures/flagembedding/data/mine_input.jsonl"));
        #[derive(Deserialize)]
        struct Candidate {
            text: String,
        }
        let pool: Vec<Candidate> = lines(include_str!("../../tests/fixtures/flagembedding/data/candidate_pool.jsonl"));
        let rows: Vec<MiningRow> =
            input.iter().map(|row| MiningRow { query: &row.query, positives: &row.pos }).collect();
        let (mut whole, mut sampled, mut filled) = (0, 0, 0);
        for case in cases {
            let corpus = if case.candidate_pool {
                distinct(pool.iter().map(|candidate| candidate.text.as_str()))
            } else {
                distinct(input.iter().flat_map(|row| row.pos.iter().chain(&row.neg)).map(String::as_str))
            };
            assert_eq!(corpus.len(), case.corpus_size);
            let place = |text: &str| corpus.iter().position(|passage| *passage == text).unwrap();
            let mut ranked: Vec<Vec<usize>> =
                case.ranked.iter().map(|hits| hits.iter().map(|(text, _)| place(text)).collect()).collect();
            // The reference lists the best 24 at most; of 25 passages the last is then known.
            if case.sample_range[1] > 24 {
                assert_eq!(corpus.len(), 25);
                for ranked in &mut ranked {
                    ranked.push((0..25).find(|passage| !ranked.contains(passage)).unwrap());
                }
            }
            let options = MiningOptions {
                range: case.sample_range[0]..case.sample_range[1],
                negatives: case.negative_number,
                seed: 1,
            };
            let mined = mine(&rows, &corpus, &ranked, &options);
            for (number, row) in rows.iter().enumerate() {
                let expected: Vec<usize> = case.filtered[number].iter().map(|text| place(text)).collect();
                assert_eq!(candidates(*row, &corpus, &ranked[number], options.range.clone()), expected);
                let Mined { negatives, filled: more } = &mined[number];
                let theirs: Vec<usize> = case.output[number].neg.iter().map(|text| place(text)).collect();
                assert!(negatives.len() == theirs.len() || expected.len() < options.negatives);
                match expected.len().cmp(&options.negatives) {
                    std::cmp::Ordering::Equal => {
                        whole += 1;
                        assert_eq!((negatives, *more), (&theirs, 0));
                    }
                    std::cmp::Ordering::Greater => {
                        sampled += 1;
                        assert_eq!((negatives.len(), *more), (options.negatives, 0));
                        assert!(negatives.iter().chain(&theirs).all(|passage| expected.contains(passage)));
                    }
                    std::cmp::Ordering::Less => {
                        filled += 1;
                        let found = expected.len();
                        assert_eq!((&negatives[..found], &theirs[..found]), (&expected[..], &expected[..]));
                        assert_eq!(negatives.len(), found + more);
                    }
                }
            }
        }
        assert!(whole > 0 && sampled > 0 && filled > 0);
    }

    proptest! {
        #[test]
        fn negatives_are_distinct_wrong_passages_as_many_as_there_are(
            corpus in prop::collection::vec("[a-f]{1,2}", 0..30),
            query in "[a-f]{1,2}",
            positives in prop::collection::vec("[a-f]{1,2}", 0..4),
            range in (0usize..10, 0usize..40),
            wanted in 0usize..25,
            seed: u64,
        ) {
            let corpus = distinct(corpus.iter().map(String::as_str));
            let ranked = vec![(0..corpus.len()).rev().collect::<Vec<_>>()];
            let options = MiningOptions { range: range.0..range.1, negatives: wanted, seed };
            let row = MiningRow { query: &query, positives: &positives };
            let mined = mine(&[row], &corpus, &ranked, &options);
            let negatives: Vec<&str> = mined[0].negatives.iter().map(|&passage| corpus[passage]).collect();
            let possible = corpus.iter().filter(|text| **text != query && !positives.iter().any(|p| p == *text)).count();
            prop_assert_eq!(negatives.len(), wanted.min(possible));
            prop_assert_eq!(distinct(negatives.iter().copied()).len(), negatives.len());
            prop_assert!(negatives.iter().all(|text| *text != query && !positives.iter().any(|p| p == text)));
            prop_assert_eq!(mine(&[row], &corpus, &ranked, &options), mined);
        }
    }

    #[test]
    fn each_question_draws_for_itself_and_every_candidate_has_its_chance() {
        let texts: Vec<String> = (0..20).map(|number| format!("passage {number}")).collect();
        let corpus: Vec<&str> = texts.iter().map(String::as_str).collect();
        let rows = vec![MiningRow { query: "q", positives: &[] }; 2000];
        let ranked = vec![(0..20).collect::<Vec<_>>(); rows.len()];
        let options = MiningOptions { range: 5..15, negatives: 3, seed: 7 };
        let mut drawn = [0; 20];
        for mined in mine(&rows, &corpus, &ranked, &options) {
            for passage in mined.negatives {
                drawn[passage] += 1;
            }
        }
        // 600 expected of each of the ten; five standard deviations are about 102.
        for (passage, times) in drawn.into_iter().enumerate() {
            assert!(if (5..15).contains(&passage) { (498..702).contains(&times) } else { times == 0 }, "{drawn:?}");
        }
    }

    #[test]
    fn scores_of_the_old_negatives_go_with_them() {
        let row = Row {
            query: "q".into(),
            pos: vec!["p".into()],
            neg: vec!["old".into()],
            pos_scores: Some(vec![1.0]),
            neg_scores: Some(vec![0.5]),
            ..Row::default()
        };
        let mined = with_negatives(&row, vec!["a".into(), "b".into()]);
        assert_eq!((mined.query.as_str(), mined.pos.len(), mined.neg.len()), ("q", 1, 2));
        assert_eq!((mined.pos_scores, mined.neg_scores), (None, None));
    }
}
