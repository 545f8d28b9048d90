//! What models say of the rows' passages. Scores go with the texts they were for, so that an edit costs a row only
//! the scores of what it changed, and undoing it brings them back.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::path::PathBuf;

use crate::dataset::{LineId, Row, Side};
use crate::jobs::scoring::{Measure, Scorer, Scores as Scored};
use crate::retrieval::suspicion;

/// One score a measure; not a number where a measure has not scored it.
type Marks = [f32; Measure::ALL.len()];

const UNKNOWN: Marks = [f32::NAN; Measure::ALL.len()];

/// The scores of a row's passages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowScores {
    /// The question, with its instruction, that the scores are for.
    scored: u64,
    /// The question as it is now.
    asked: u64,
    /// Scores of texts, also of those that an edit has taken out of the row.
    known: Vec<(u64, Marks)>,
    pos: Vec<u64>,
    neg: Vec<u64>,
    /// The margin by the measure that was chosen.
    margin: Option<f32>,
}

impl RowScores {
    /// The score of a passage; none where there is none for the texts as they are now.
    pub fn get(&self, side: Side, index: usize, by: Measure) -> Option<f32> {
        self.of(self.texts(side).get(index).copied()?, by)
    }

    /// The scores of a side's passages, those without a score left out.
    pub fn all(&self, side: Side, by: Measure) -> Vec<f32> {
        self.texts(side).iter().filter_map(|text| self.of(*text, by)).collect()
    }

    /// The scores of all passages of a side, if every one has one.
    pub fn complete(&self, side: Side, by: Measure) -> Option<Vec<f32>> {
        self.texts(side).iter().map(|text| self.of(*text, by)).collect()
    }

    pub fn best_positive(&self, by: Measure) -> Option<f32> {
        self.all(Side::Positive, by).into_iter().reduce(f32::max)
    }

    /// By how much the best negative is above the best positive; from 0 on it is a suspected false negative. None
    /// where neither shares a word with the question: that sparse score says nothing.
    pub fn margin(&self, by: Measure) -> Option<f32> {
        let [positives, negatives] = [Side::Positive, Side::Negative].map(|side| self.all(side, by));
        let is_silent = by == Measure::Sparse && positives.iter().chain(&negatives).all(|score| *score == 0.0);
        if is_silent { None } else { suspicion(&positives, &negatives) }
    }

    /// Whether a passage is a negative that scores as high as the best positive.
    pub fn is_suspect(&self, side: Side, index: usize, by: Measure) -> bool {
        let (score, best) = (self.get(side, index, by), self.best_positive(by));
        side == Side::Negative && score >= best && best.is_some() && self.margin(by).is_some()
    }

    /// Whether a passage lacks a score by a measure.
    pub fn lacks(&self, by: Measure) -> bool {
        self.pos.iter().chain(&self.neg).any(|text| self.of(*text, by).is_none())
    }

    fn texts(&self, side: Side) -> &[u64] {
        match side {
            Side::Positive => &self.pos,
            Side::Negative => &self.neg,
        }
    }

    fn of(&self, text: u64, by: Measure) -> Option<f32> {
        let known = self.known.iter().find(|(known, _)| *known == text).filter(|_| self.scored == self.asked);
        known.map(|(_, marks)| marks[by as usize]).filter(|score| !score.is_nan())
    }

    /// Takes scores of the row as it was when it was scored.
    fn take(&mut self, row: &Row, scores: &[Scored]) {
        let question = question(row);
        if self.scored != question {
            (self.scored, self.known) = (question, Vec::new());
        }
        for scores in scores {
            let passages = row.pos.iter().zip(&scores.positives).chain(row.neg.iter().zip(&scores.negatives));
            for (text, score) in passages {
                let text = hash(text);
                let known = self.known.iter().position(|(known, _)| *known == text).unwrap_or_else(|| {
                    self.known.push((text, UNKNOWN));
                    self.known.len() - 1
                });
                self.known[known].1[scores.by as usize] = *score;
            }
        }
    }

    /// The row reads so now.
    fn follow(&mut self, row: &Row) {
        self.asked = question(row);
        self.pos = row.pos.iter().map(hash).collect();
        self.neg = row.neg.iter().map(hash).collect();
    }
}

fn question(row: &Row) -> u64 {
    hash((&row.query, &row.prompt))
}

fn hash(text: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// A model that rows were scored with.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredWith {
    pub model: PathBuf,
    pub scorer: Scorer,
}

impl ScoredWith {
    /// What a scorer of this kind says.
    pub fn measures(&self) -> &'static [Measure] {
        match self.scorer {
            Scorer::Reranker { .. } => &[Measure::Reranker],
            Scorer::Embedding(_) | Scorer::EveryMethod => {
                &[Measure::Dense, Measure::Sparse, Measure::Colbert, Measure::Hybrid]
            }
        }
    }
}

/// The scores of all rows, and the measure that they are judged by.
#[derive(Clone, Default)]
pub struct Scores {
    rows: HashMap<LineId, RowScores>,
    chosen: Measure,
    /// Measures that scored something.
    has: [bool; Measure::ALL.len()],
    /// At most one of each kind.
    with: Vec<ScoredWith>,
    /// Rows that were edited since they were scored.
    edited: BTreeSet<LineId>,
}

impl Scores {
    pub fn of(&self, line: LineId) -> Option<&RowScores> {
        self.rows.get(&line)
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// What rows are judged by.
    pub fn chosen(&self) -> Measure {
        self.chosen
    }

    /// Judges rows by another measure; nothing is computed for that.
    pub fn choose(&mut self, by: Measure) {
        self.chosen = by;
        self.rows.values_mut().for_each(|row| row.margin = row.margin(by));
    }

    /// Measures that something was scored by.
    pub fn measures(&self) -> impl Iterator<Item = Measure> {
        Measure::ALL.into_iter().filter(|by| self.has[*by as usize])
    }

    /// Takes the scores of a row as it was when it was scored; `now` is the row as it is.
    pub fn take(&mut self, line: LineId, scored: &Row, scores: &[Scored], now: &Row) {
        for scores in scores {
            self.has[scores.by as usize] = true;
        }
        // A model without heads has no other.
        if let (false, Some(scores)) = (self.has[self.chosen as usize], scores.first()) {
            self.choose(scores.by);
        }
        let row = self.rows.entry(line).or_default();
        row.take(scored, scores);
        row.follow(now);
        row.margin = row.margin(self.chosen);
    }

    /// A scored row was edited; it reads so now. Without a row there are no scores.
    pub fn follow(&mut self, line: LineId, now: Option<&Row>) {
        match (self.rows.get_mut(&line), now) {
            (Some(row), Some(now)) => {
                row.follow(now);
                row.margin = row.margin(self.chosen);
                self.edited.insert(line);
            }
            // Undoing may bring the line back, with its scores.
            (Some(row), None) => row.margin = None,
            (None, _) => {}
        }
    }

    /// The models that gave these scores.
    pub fn with(&self) -> &[ScoredWith] {
        &self.with
    }

    /// A model is about to give scores. Those that another one of its kind gave are forgotten, since margins of two
    /// models cannot be compared.
    pub fn begin(&mut self, with: ScoredWith) {
        let measures = with.measures();
        if !self.with.contains(&with) {
            self.forget(measures);
            self.with.retain(|one| one.measures() != measures);
            self.with.push(with);
        }
        // What was asked for last is what is looked at.
        if let (false, Some(first)) = (measures.contains(&self.chosen), measures.first()) {
            self.choose(*first);
        }
    }

    fn forget(&mut self, measures: &[Measure]) {
        for row in self.rows.values_mut() {
            for (_, marks) in &mut row.known {
                measures.iter().for_each(|by| marks[*by as usize] = f32::NAN);
            }
        }
        measures.iter().for_each(|by| self.has[*by as usize] = false);
        self.choose(self.chosen);
    }

    /// The margin of a row by the chosen measure.
    pub fn margin(&self, line: LineId) -> Option<f32> {
        self.rows.get(&line)?.margin
    }

    pub fn margins(&self) -> HashMap<LineId, f32> {
        self.rows.iter().filter_map(|(line, row)| Some((*line, row.margin?))).collect()
    }

    /// Rows with a negative that scores as high as the best positive.
    pub fn suspected(&self) -> usize {
        self.rows.values().filter(|row| row.margin.is_some_and(|margin| margin >= 0.0)).count()
    }

    pub fn has_edited(&self) -> bool {
        !self.edited.is_empty()
    }

    /// The rows that were edited since they were scored; they are given once.
    pub fn take_edited(&mut self) -> BTreeSet<LineId> {
        std::mem::take(&mut self.edited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Dataset;

    fn row(query: &str, pos: &[&str], neg: &[&str]) -> Row {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Row { query: query.into(), pos: texts(pos), neg: texts(neg), ..Row::default() }
    }

    fn line() -> LineId {
        Dataset::from_bytes(b"{}".to_vec()).lines().id(0).unwrap()
    }

    fn scored(by: Measure, positives: &[f32], negatives: &[f32]) -> Scored {
        Scored { by, positives: positives.to_vec(), negatives: negatives.to_vec() }
    }

    #[test]
    fn scores_stay_with_the_texts_that_an_edit_leaves() {
        let (mut scores, line) = (Scores::default(), line());
        let before = row("q", &["a"], &["b", "c"]);
        scores.take(line, &before, &[scored(Measure::Dense, &[0.5], &[0.25, 0.75])], &before);
        assert_eq!((scores.margin(line), scores.suspected(), scores.has_edited()), (Some(0.25), 1, false));

        // "c" becomes a positive, "b" is written anew.
        scores.follow(line, Some(&row("q", &["a", "c"], &["B"])));
        let of = scores.of(line).unwrap();
        assert_eq!(of.get(Side::Positive, 1, Measure::Dense), Some(0.75));
        assert_eq!((of.get(Side::Negative, 0, Measure::Dense), of.lacks(Measure::Dense)), (None, true));
        assert_eq!((scores.margin(line), scores.suspected()), (None, 0));
        assert_eq!((scores.take_edited().len(), scores.has_edited()), (1, false));

        // Another question: none of them holds; the old one again: all of them do.
        scores.follow(line, Some(&row("other", &["a"], &["b", "c"])));
        assert!(scores.of(line).unwrap().all(Side::Positive, Measure::Dense).is_empty());
        let prompted = Row { prompt: Some("p".into()), ..before.clone() };
        scores.follow(line, Some(&prompted));
        assert!(scores.of(line).unwrap().all(Side::Positive, Measure::Dense).is_empty());
        scores.follow(line, None);
        assert_eq!(scores.margin(line), None);
        scores.follow(line, Some(&before));
        assert_eq!(scores.margin(line), Some(0.25));
    }

    #[test]
    fn scores_of_texts_that_changed_while_they_were_computed_are_not_put_on_others() {
        let (mut scores, line) = (Scores::default(), line());
        let (before, now) = (row("q", &["a"], &["b", "c"]), row("q", &["a"], &["c"]));
        scores.take(line, &before, &[scored(Measure::Dense, &[0.5], &[0.25, 0.75])], &now);
        assert_eq!(scores.of(line).unwrap().complete(Side::Negative, Measure::Dense), Some(vec![0.75]));
    }

    #[test]
    fn measures_lie_beside_each_other_and_one_is_chosen() {
        let (mut scores, line) = (Scores::default(), line());
        let row = row("q", &["a"], &["b"]);
        let first = [scored(Measure::Dense, &[0.5], &[0.75]), scored(Measure::Sparse, &[0.5], &[0.25])];
        scores.take(line, &row, &first, &row);
        scores.take(line, &row, &[scored(Measure::Reranker, &[3.0], &[-1.0])], &row);
        assert!(scores.measures().eq([Measure::Dense, Measure::Sparse, Measure::Reranker]));
        assert_eq!((scores.chosen(), scores.margin(line)), (Measure::Dense, Some(0.25)));
        scores.choose(Measure::Reranker);
        assert_eq!(scores.margins()[&line], -4.0);
        assert_eq!(scores.of(line).unwrap().margin(Measure::Sparse), Some(-0.25));
        let with = |model: &str| ScoredWith { model: model.into(), scorer: Scorer::EveryMethod };
        scores.begin(with("one"));
        assert_eq!(scores.chosen(), Measure::Dense);
        assert!(scores.measures().eq([Measure::Reranker]));
        assert!(scores.of(line).unwrap().lacks(Measure::Dense) && !scores.of(line).unwrap().lacks(Measure::Reranker));
        scores.take(line, &row, &first, &row);
        scores.begin(with("one"));
        assert_eq!(scores.margin(line), Some(0.25), "the same model goes on");
        scores.begin(with("two"));
        assert_eq!((scores.margin(line), scores.with()), (None, &[with("two")][..]));
    }

    #[test]
    fn a_sparse_score_without_any_common_word_says_nothing() {
        let (mut scores, line) = (Scores::default(), line());
        let row = row("q", &["a"], &["b", "c"]);
        scores.take(line, &row, &[scored(Measure::Sparse, &[0.0], &[0.0, 0.0])], &row);
        let of = scores.of(line).unwrap();
        assert_eq!((of.margin(Measure::Sparse), of.is_suspect(Side::Negative, 0, Measure::Sparse)), (None, false));
        scores.take(line, &row, &[scored(Measure::Sparse, &[0.0], &[0.1, 0.0])], &row);
        let of = scores.of(line).unwrap();
        assert_eq!((of.margin(Measure::Sparse), of.is_suspect(Side::Negative, 0, Measure::Sparse)), (Some(0.1), true));
    }

    #[test]
    fn a_model_without_heads_is_judged_by_what_it_has() {
        let (mut scores, line) = (Scores::default(), line());
        scores.choose(Measure::Hybrid);
        let row = row("q", &["a"], &["b"]);
        scores.take(line, &row, &[scored(Measure::Dense, &[0.5], &[0.25])], &row);
        assert_eq!((scores.chosen(), scores.margin(line)), (Measure::Dense, Some(-0.25)));
    }
}
