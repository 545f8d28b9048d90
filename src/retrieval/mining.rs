//! Hard negatives: passages that a model finds for a question though they do not answer it.
//!
//! The rules are those of FlagEmbedding's `hn_mine.py`, without its slips: the old negatives' teacher scores go
//! with them, filling up never repeats a negative nor takes the question itself, and a corpus too small to fill
//! up from gives fewer negatives instead of failing.
//!
//! A passage found may answer the question all the same. [`Keep`] leaves out those that score too near a
//! positive, as NV-Retriever does (Moreira et al. 2024, "TopK-PercPos" and "TopK-MarginPos").

use std::collections::HashSet;
use std::ops::Range;

use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;

use super::index::Hit;

/// Which of the passages found may be negatives, judged by the score of the row's positive.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Keep {
    /// All of them, as in FlagEmbedding.
    #[default]
    All,
    /// Those that score at most this share of the positive's score; the paper found 0.95 best. Meant for scores
    /// above 0: a positive below 0 is itself the limit.
    BelowShareOfPositive(f32),
    /// Those that score at least this much less than the positive.
    BelowPositiveByMargin(f32),
}

impl Keep {
    /// The highest score that a negative may have, given the positive's.
    pub fn ceiling(self, positive: f32) -> f32 {
        match self {
            Self::All => f32::INFINITY,
            Self::BelowShareOfPositive(share) => (share * positive).min(positive),
            Self::BelowPositiveByMargin(margin) => positive - margin,
        }
    }

    /// A share is from 0 to 1, and a margin not below 0.
    pub fn is_valid(self) -> bool {
        match self {
            Self::All => true,
            Self::BelowShareOfPositive(share) => (0.0..=1.0).contains(&share),
            Self::BelowPositiveByMargin(margin) => margin.is_finite() && margin >= 0.0,
        }
    }
}

/// Whose score [`Keep`] reads where a row has several positives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Anchor {
    /// The lowest, as sentence-transformers' `mine_hard_negatives` does. The paper has one positive an example, and
    /// training pairs the same negatives with each of a row's positives: they then fit every one.
    #[default]
    LowestPositive,
    /// The best: leaves out far less where a model finds one positive of a row badly, such as one in another language.
    BestPositive,
}

/// Which candidates become negatives where there are more than wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Draw {
    /// Each is equally likely, as in FlagEmbedding.
    #[default]
    Random,
    /// Those with the highest scores, as in NV-Retriever.
    Highest,
}

/// How negatives are chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct MiningOptions {
    /// Ranks to take them from, counted from 0 before any passage is left out, the end not among them
    /// (`range_for_sampling`).
    pub range: Range<usize>,
    /// Negatives for each question (`negative_number`).
    pub negatives: usize,
    pub keep: Keep,
    pub anchor: Anchor,
    pub draw: Draw,
    /// The same seed gives the same negatives.
    pub seed: u64,
}

impl MiningOptions {
    /// The highest score that a negative of a row may have, given the scores of the row's positives.
    fn ceiling(&self, positive_scores: &[f32]) -> f32 {
        let scores = positive_scores.iter().copied();
        let anchor = match self.anchor {
            Anchor::LowestPositive => scores.reduce(f32::min),
            Anchor::BestPositive => scores.reduce(f32::max),
        };
        anchor.map_or(f32::INFINITY, |anchor| self.keep.ceiling(anchor))
    }
}

impl Default for MiningOptions {
    fn default() -> Self {
        Self {
            range: 10..210,
            negatives: 15,
            keep: Keep::All,
            anchor: Anchor::LowestPositive,
            draw: Draw::Random,
            seed: 42,
        }
    }
}

/// A question that negatives are mined for.
#[derive(Clone, Copy, Debug)]
pub struct MiningRow<'a> {
    pub query: &'a str,
    pub positives: &'a [String],
    /// The positives' scores, by the same model and method as those of the passages; only [`Keep::All`] does
    /// without.
    pub positive_scores: &'a [f32],
}

impl MiningRow<'_> {
    fn may_be_negative(&self, text: &str) -> bool {
        text != self.query && self.positives.iter().all(|positive| positive != text)
    }
}

/// A passage found for a question that is neither a positive nor the question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Its place in the list of passages found, from 0.
    pub rank: usize,
    /// Its place in the corpus.
    pub passage: usize,
    pub score: f32,
}

/// What was found for one question, in rank order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Candidates {
    /// Those that may be negatives.
    pub kept: Vec<Candidate>,
    /// Those that score too high: they may well answer the question.
    pub suspects: Vec<Candidate>,
}

/// The negatives of one question.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mined {
    /// Those that search found, in rank order.
    pub found: Vec<Candidate>,
    /// Those drawn from the whole corpus because the ranks gave too few, as places there.
    pub filled: Vec<usize>,
}

impl Mined {
    /// Places in the corpus: those found, then those filled up.
    pub fn negatives(&self) -> Vec<usize> {
        self.found.iter().map(|found| found.passage).chain(self.filled.iter().copied()).collect()
    }
}

/// The texts without repetitions, each where it came first: what to search in.
pub fn distinct<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = HashSet::new();
    texts.into_iter().filter(|text| seen.insert(*text)).collect()
}

/// The passages at the ranks of `options.range` that are neither a positive of the row nor its question, compared
/// as texts; ranks past the end are left out. `ranked` holds places in `corpus`, best first. Panics if it names a
/// place past the corpus.
pub fn candidates(row: MiningRow, corpus: &[&str], ranked: &[Hit], options: &MiningOptions) -> Candidates {
    let ceiling = options.ceiling(row.positive_scores);
    let ranks = ranked.iter().enumerate().take(options.range.end).skip(options.range.start);
    let found = ranks.filter(|(_, hit)| row.may_be_negative(corpus[hit.passage]));
    let found = found.map(|(rank, &Hit { passage, score })| Candidate { rank, passage, score });
    let (kept, suspects) = found.partition(|candidate| may_stay(candidate.score, ceiling));
    Candidates { kept, suspects }
}

/// Chooses the negatives of a row among its candidates, which [`candidates`] found in the same `ranked`.
///
/// With more candidates than wanted, [`MiningOptions::draw`] chooses among them; with fewer, the rest is drawn from the
/// whole corpus. A passage of `ranked` that scores too high is not drawn either; one that is not ranked counts as scoring
/// low, so that all passages must be ranked where [`MiningOptions::keep`] is to hold for the rest, too. `number`
/// tells the row from others, so that each draws for itself. Panics if `ranked` names a place past the corpus.
pub fn mine(
    row: MiningRow,
    number: usize,
    corpus: &[&str],
    ranked: &[Hit],
    candidates: &Candidates,
    options: &MiningOptions,
) -> Mined {
    let mut random = ChaCha8Rng::seed_from_u64(options.seed);
    random.set_stream(number as u64);
    let kept = &candidates.kept;
    if kept.len() > options.negatives && options.draw == Draw::Highest {
        // In rank order already.
        return Mined { found: kept[..options.negatives].to_vec(), filled: Vec::new() };
    }
    if kept.len() > options.negatives {
        let mut places = sample(&mut random, kept.len(), options.negatives).into_vec();
        places.sort_unstable();
        return Mined { found: places.into_iter().map(|place| kept[place]).collect(), filled: Vec::new() };
    }
    let missing = options.negatives - kept.len();
    if missing == 0 {
        return Mined { found: kept.clone(), filled: Vec::new() };
    }
    let ceiling = options.ceiling(row.positive_scores);
    let too_high = ranked.iter().filter(|hit| !may_stay(hit.score, ceiling)).map(|hit| hit.passage);
    let taken = kept.iter().map(|candidate| candidate.passage).chain(too_high);
    let mut taken: HashSet<&str> = taken.map(|passage| corpus[passage]).collect();
    let drawn = sample(&mut random, corpus.len(), corpus.len()).into_iter();
    let fitting = drawn.filter(|&passage| row.may_be_negative(corpus[passage]) && taken.insert(corpus[passage]));
    Mined { found: kept.clone(), filled: fitting.take(missing).collect() }
}

/// A score that is not a number stays only where every score does.
fn may_stay(score: f32, ceiling: f32) -> bool {
    score <= ceiling || ceiling == f32::INFINITY
}

/// What mining would choose from, all questions together: known before anything is drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CandidateSummary {
    /// Where the first bin begins and the last one ends: the lowest and the highest score.
    pub scores: (f32, f32),
    /// Positives in each bin of scores; the bins are equally wide.
    pub positives: Vec<usize>,
    /// Candidates kept in each bin.
    pub kept: Vec<usize>,
    /// Suspects in each bin.
    pub suspects: Vec<usize>,
    /// For each rank from `range.start` on, how many negatives are taken there on average over all draws.
    pub taken_at_rank: Vec<f64>,
    /// Questions that the ranks give too few candidates.
    pub too_few: usize,
    /// Negatives that are filled up by drawing from the corpus, as far as it has them.
    pub missing: usize,
    /// Every suspect with the number of its question and how far it scores above the highest allowed, worst first.
    pub worst: Vec<(usize, Candidate, f32)>,
}

impl CandidateSummary {
    /// `questions` holds for each question its candidates and the scores of its positives. Scores that are not
    /// finite are in no bin.
    pub fn new(questions: &[(Candidates, Vec<f32>)], options: &MiningOptions, bins: usize) -> Self {
        let score = |candidate: &Candidate| candidate.score;
        let all = questions.iter().flat_map(|(candidates, positives)| {
            let found = candidates.kept.iter().chain(&candidates.suspects).map(score);
            found.chain(positives.iter().copied())
        });
        let finite = all.filter(|score| score.is_finite());
        let range =
            finite.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), score| (low.min(score), high.max(score)));
        let mut summary = Self {
            scores: if range.0 <= range.1 { range } else { (0.0, 0.0) },
            positives: vec![0; bins],
            kept: vec![0; bins],
            suspects: vec![0; bins],
            ..Self::default()
        };
        let bin = |counts: &mut Vec<usize>, score: f32| {
            if let (true, Some(last)) = (score.is_finite(), bins.checked_sub(1)) {
                let width = (range.1 - range.0) / bins as f32;
                let place = if width > 0.0 { ((score - range.0) / width) as usize } else { 0 };
                counts[place.min(last)] += 1;
            }
        };
        for (number, (Candidates { kept, suspects }, positives)) in questions.iter().enumerate() {
            kept.iter().for_each(|candidate| bin(&mut summary.kept, candidate.score));
            suspects.iter().for_each(|candidate| bin(&mut summary.suspects, candidate.score));
            positives.iter().for_each(|&score| bin(&mut summary.positives, score));
            let chance = (options.negatives as f64 / kept.len().max(1) as f64).min(1.0);
            for (number, candidate) in kept.iter().enumerate() {
                let chance = match options.draw {
                    Draw::Random => chance,
                    Draw::Highest => f64::from(u8::from(number < options.negatives)),
                };
                let place = candidate.rank - options.range.start;
                if summary.taken_at_rank.len() <= place {
                    summary.taken_at_rank.resize(place + 1, 0.0);
                }
                summary.taken_at_rank[place] += chance;
            }
            let missing = options.negatives.saturating_sub(kept.len());
            summary.too_few += usize::from(missing > 0);
            summary.missing += missing;
            let ceiling = options.ceiling(positives);
            summary.worst.extend(suspects.iter().map(|suspect| (number, *suspect, suspect.score - ceiling)));
        }
        summary.worst.sort_by(|one, other| super::metrics::descending(one.2, other.2));
        summary
    }
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
        let rows: Vec<MiningRow> = input
            .iter()
            .map(|row| MiningRow { query: &row.query, positives: &row.pos, positive_scores: &[] })
            .collect();
        let (mut whole, mut sampled, mut filled) = (0, 0, 0);
        for case in cases {
            let corpus = if case.candidate_pool {
                distinct(pool.iter().map(|candidate| candidate.text.as_str()))
            } else {
                distinct(input.iter().flat_map(|row| row.pos.iter().chain(&row.neg)).map(String::as_str))
            };
            assert_eq!(corpus.len(), case.corpus_size);
            let place = |text: &str| corpus.iter().position(|passage| *passage == text).unwrap();
            let hit = |(text, score): &(String, f64)| Hit { passage: place(text), score: *score as f32 };
            let mut ranked: Vec<Vec<Hit>> = case.ranked.iter().map(|hits| hits.iter().map(hit).collect()).collect();
            // The reference lists the best 24 at most; of 25 passages the last is then known.
            if case.sample_range[1] > 24 {
                assert_eq!(corpus.len(), 25);
                for ranked in &mut ranked {
                    let last = (0..25).find(|passage| ranked.iter().all(|hit| hit.passage != *passage)).unwrap();
                    ranked.push(Hit { passage: last, score: -1.0 });
                }
            }
            let options = MiningOptions {
                range: case.sample_range[0]..case.sample_range[1],
                negatives: case.negative_number,
                keep: Keep::All,
                anchor: Anchor::LowestPositive,
                draw: Draw::Random,
                seed: 1,
            };
            for (number, row) in rows.iter().enumerate() {
                let expected: Vec<usize> = case.filtered[number].iter().map(|text| place(text)).collect();
                let candidates = candidates(*row, &corpus, &ranked[number], &options);
                assert_eq!(candidates.kept.iter().map(|found| found.passage).collect::<Vec<_>>(), expected);
                assert_eq!(candidates.suspects, []);
                let mined = mine(*row, number, &corpus, &ranked[number], &candidates, &options);
                let (negatives, more) = (&mined.negatives(), mined.filled.len());
                let theirs: Vec<usize> = case.output[number].neg.iter().map(|text| place(text)).collect();
                assert!(negatives.len() == theirs.len() || expected.len() < options.negatives);
                match expected.len().cmp(&options.negatives) {
                    std::cmp::Ordering::Equal => {
                        whole += 1;
                        assert_eq!((negatives, more), (&theirs, 0));
                    }
                    std::cmp::Ordering::Greater => {
                        sampled += 1;
                        assert_eq!((negatives.len(), more), (options.negatives, 0));
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

    /// Passages in the order of the corpus, each scoring less than the one before.
    fn in_order(scores: &[f32]) -> Vec<Hit> {
        scores.iter().enumerate().map(|(passage, &score)| Hit { passage, score }).collect()
    }

    fn keeps() -> impl Strategy<Value = Keep> {
        prop_oneof![
            Just(Keep::All),
            (0.0f32..=1.0).prop_map(Keep::BelowShareOfPositive),
            (0.0f32..0.5).prop_map(Keep::BelowPositiveByMargin),
        ]
    }

    proptest! {
        #[test]
        fn negatives_are_distinct_wrong_passages_as_many_as_there_are(
            corpus in prop::collection::vec("[a-f]{1,2}", 0..30),
            query in "[a-f]{1,2}",
            positives in prop::collection::vec(("[a-f]{1,2}", -0.2f32..1.0), 1..4),
            scores in prop::collection::vec(-0.5f32..1.0, 30),
            range in (0usize..10, 0usize..40),
            wanted in 0usize..25,
            keep in keeps(),
            anchor in prop_oneof![Just(Anchor::LowestPositive), Just(Anchor::BestPositive)],
            draw in prop_oneof![Just(Draw::Random), Just(Draw::Highest)],
            seed: u64,
        ) {
            let corpus = distinct(corpus.iter().map(String::as_str));
            let mut scores = scores[..corpus.len()].to_vec();
            scores.sort_by(|one, other| other.total_cmp(one));
            let ranked = in_order(&scores);
            let options = MiningOptions { range: range.0..range.1, negatives: wanted, keep, anchor, draw, seed };
            let (positives, positive_scores): (Vec<String>, Vec<f32>) = positives.into_iter().unzip();
            let row = MiningRow { query: &query, positives: &positives, positive_scores: &positive_scores };
            let found = candidates(row, &corpus, &ranked, &options);
            let mined = mine(row, 0, &corpus, &ranked, &found, &options);
            let negatives: Vec<&str> = mined.negatives().iter().map(|&passage| corpus[passage]).collect();
            let wrong = |text: &str| text != query && !positives.iter().any(|positive| positive == text);
            let fits = |score: f32, positive: f32| match keep {
                Keep::All => true,
                Keep::BelowShareOfPositive(share) => score <= (share * positive).min(positive),
                Keep::BelowPositiveByMargin(margin) => score <= positive - margin,
            };
            let low = |score: f32| match anchor {
                Anchor::LowestPositive => positive_scores.iter().all(|&positive| fits(score, positive)),
                Anchor::BestPositive => positive_scores.iter().any(|&positive| fits(score, positive)),
            };
            let possible = (0..corpus.len()).filter(|&passage| wrong(corpus[passage]) && low(scores[passage])).count();
            prop_assert_eq!(negatives.len(), wanted.min(possible));
            prop_assert_eq!(distinct(negatives.iter().copied()).len(), negatives.len());
            prop_assert!(negatives.iter().all(|text| wrong(text)));
            prop_assert!(mined.negatives().iter().all(|&passage| low(scores[passage])));
            prop_assert!(mined.found.iter().all(|found| options.range.contains(&found.rank)));
            prop_assert!(mined.filled.is_empty() || mined.found == found.kept);
            if draw == Draw::Highest {
                prop_assert_eq!(&mined.found[..], &found.kept[..wanted.min(found.kept.len())]);
            }
            prop_assert_eq!(mine(row, 0, &corpus, &ranked, &found, &options), mined);

            let summary = CandidateSummary::new(&[(found.clone(), positive_scores.clone())], &options, 7);
            prop_assert_eq!(summary.kept.iter().sum::<usize>(), found.kept.len());
            prop_assert_eq!(summary.suspects.iter().sum::<usize>(), found.suspects.len());
            prop_assert_eq!(summary.positives.iter().sum::<usize>(), positive_scores.len());
            let taken = summary.taken_at_rank.iter().sum::<f64>();
            prop_assert!((taken - found.kept.len().min(wanted) as f64).abs() < 1e-9);
            prop_assert_eq!(summary.missing, wanted - found.kept.len().min(wanted));
            prop_assert_eq!(summary.worst.len(), found.suspects.len());
            prop_assert!(summary.worst.is_sorted_by(|one, other| one.2 >= other.2 && other.2 > 0.0));
        }
    }

    #[test]
    fn passages_that_score_near_the_lowest_positive_are_suspects() {
        let corpus = ["p", "a", "b", "c", "q", "d", "e"];
        let ranked = in_order(&[0.9, 0.79, 0.76, 0.7, 0.65, 0.6, 0.5]);
        let positives = ["p".to_owned(), "elsewhere".to_owned()];
        let row = MiningRow { query: "q", positives: &positives, positive_scores: &[0.9, 0.8] };
        let split_by = |anchor: Anchor, keep: Keep| {
            let options = MiningOptions { range: 1..6, negatives: 2, keep, anchor, ..MiningOptions::default() };
            let found = candidates(row, &corpus, &ranked, &options);
            let texts = |all: &[Candidate]| all.iter().map(|one| corpus[one.passage]).collect::<String>();
            (texts(&found.kept), texts(&found.suspects))
        };
        let split = |keep: Keep| split_by(Anchor::LowestPositive, keep);
        let expected = |kept: &str, suspects: &str| (kept.to_owned(), suspects.to_owned());
        assert_eq!(split(Keep::All), expected("abcd", ""));
        // 0.95 of 0.8 is 0.76, which is not above itself.
        assert_eq!(split(Keep::BelowShareOfPositive(0.95)), expected("bcd", "a"));
        assert_eq!(split(Keep::BelowShareOfPositive(0.8)), expected("d", "abc"));
        assert_eq!(split(Keep::BelowPositiveByMargin(0.0)), expected("abcd", ""));
        assert_eq!(split(Keep::BelowPositiveByMargin(0.05)), expected("cd", "ab"));
        assert_eq!(split(Keep::BelowPositiveByMargin(0.35)), expected("", "abcd"));
        assert_eq!(split_by(Anchor::BestPositive, Keep::BelowPositiveByMargin(0.15)), expected("cd", "ab"));
        assert_eq!(split_by(Anchor::BestPositive, Keep::BelowShareOfPositive(0.85)), expected("bcd", "a"));
    }

    #[test]
    fn filling_up_never_takes_a_suspect() {
        let corpus = ["a", "b", "c", "d", "e"];
        let ranked = in_order(&[0.9, 0.8, 0.7, 0.3, 0.2]);
        let row = MiningRow { query: "q", positives: &["p".into()], positive_scores: &[0.75] };
        for seed in 0..50 {
            let options = MiningOptions {
                range: 1..3,
                negatives: 4,
                keep: Keep::BelowPositiveByMargin(0.0),
                seed,
                ..MiningOptions::default()
            };
            let found = candidates(row, &corpus, &ranked, &options);
            let mut mined = mine(row, 0, &corpus, &ranked, &found, &options);
            mined.filled.sort_unstable();
            assert_eq!(mined.found, [Candidate { rank: 2, passage: 2, score: 0.7 }]);
            assert_eq!(mined.filled, [3, 4], "a passage above the positive was drawn");
        }
    }

    #[test]
    fn a_share_of_a_score_below_0_does_not_let_better_passages_in() {
        assert_eq!(Keep::BelowShareOfPositive(0.5).ceiling(-2.0), -2.0);
        assert_eq!(Keep::BelowShareOfPositive(0.5).ceiling(2.0), 1.0);
        assert!(Keep::BelowShareOfPositive(0.95).is_valid() && Keep::BelowPositiveByMargin(0.0).is_valid());
        for bad in [-0.1, 1.1, f32::NAN] {
            assert!(!Keep::BelowShareOfPositive(bad).is_valid());
        }
        assert!(!Keep::BelowPositiveByMargin(-0.1).is_valid() && !Keep::BelowPositiveByMargin(f32::NAN).is_valid());
    }

    #[test]
    fn a_summary_counts_what_is_there() {
        let candidate = |rank: usize, score: f32| Candidate { rank, passage: rank, score };
        let one = Candidates {
            kept: vec![candidate(3, 0.5), candidate(4, 0.4), candidate(5, 0.0)],
            suspects: vec![candidate(2, 0.95)],
        };
        let other = Candidates { kept: vec![candidate(2, 0.3)], suspects: vec![candidate(3, 0.7)] };
        let options = MiningOptions {
            range: 2..6,
            negatives: 2,
            keep: Keep::BelowPositiveByMargin(0.25),
            ..MiningOptions::default()
        };
        let summary =
            CandidateSummary::new(&[(one.clone(), vec![1.0, 0.75]), (other.clone(), vec![0.75])], &options, 4);
        // Bins of 0.25 from 0 to 1; the highest score is in the last one.
        assert_eq!(summary.scores, (0.0, 1.0));
        assert_eq!(summary.kept, [1, 2, 1, 0]);
        assert_eq!(summary.suspects, [0, 0, 1, 1]);
        assert_eq!(summary.positives, [0, 0, 0, 3]);
        // Two of three at ranks 3, 4, 5, and the only one at rank 2.
        let two_thirds = 2.0 / 3.0;
        assert_eq!(summary.taken_at_rank, [1.0, two_thirds, two_thirds, two_thirds]);
        assert_eq!((summary.too_few, summary.missing), (1, 1));
        let worst: Vec<_> = summary.worst.iter().map(|(question, suspect, _)| (*question, *suspect)).collect();
        assert_eq!(worst, [(0, one.suspects[0]), (1, other.suspects[0])]);
        assert!((summary.worst[0].2 - 0.45).abs() < 1e-6 && (summary.worst[1].2 - 0.2).abs() < 1e-6);

        let nothing = CandidateSummary::new(&[], &options, 4);
        assert_eq!((nothing.scores, nothing.kept), ((0.0, 0.0), vec![0; 4]));
    }

    #[test]
    fn the_highest_are_the_best_that_may_stay_whatever_the_seed() {
        let corpus = ["a", "b", "p", "c", "d", "e"];
        let ranked = in_order(&[0.9, 0.8, 0.75, 0.7, 0.6, 0.5]);
        let row = MiningRow { query: "q", positives: &["p".into()], positive_scores: &[0.75] };
        for seed in 0..20 {
            let options = MiningOptions {
                range: 0..6,
                negatives: 2,
                keep: Keep::BelowShareOfPositive(0.95),
                draw: Draw::Highest,
                seed,
                ..MiningOptions::default()
            };
            let found = candidates(row, &corpus, &ranked, &options);
            assert_eq!(mine(row, seed as usize, &corpus, &ranked, &found, &options).negatives(), [3, 4]);
            let summary = CandidateSummary::new(&[(found, vec![0.75])], &options, 4);
            assert_eq!(summary.taken_at_rank, [0.0, 0.0, 0.0, 1.0, 1.0, 0.0]);
        }
    }

    #[test]
    fn each_question_draws_for_itself_and_every_candidate_has_its_chance() {
        let texts: Vec<String> = (0..20).map(|number| format!("passage {number}")).collect();
        let corpus: Vec<&str> = texts.iter().map(String::as_str).collect();
        let row = MiningRow { query: "q", positives: &[], positive_scores: &[] };
        let ranked = in_order(&[0.0; 20]);
        let options = MiningOptions { range: 5..15, negatives: 3, seed: 7, ..MiningOptions::default() };
        let found = candidates(row, &corpus, &ranked, &options);
        let mut drawn = [0; 20];
        for number in 0..2000 {
            for passage in mine(row, number, &corpus, &ranked, &found, &options).negatives() {
                drawn[passage] += 1;
            }
        }
        // 600 expected of each of the ten; five standard deviations are about 102.
        for (passage, times) in drawn.into_iter().enumerate() {
            assert!(if (5..15).contains(&passage) { (498..702).contains(&times) } else { times == 0 }, "{drawn:?}");
        }
    }
}
