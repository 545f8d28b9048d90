//! What a look at every line of a file found: enough to list, count, filter and sort, in a few bytes a line.

use super::line::{LineId, Lines, Reading};
use super::mojibake;
use super::patched::{Item, Numbered, Patched};
use super::problem::{Fault, FaultKind, Field, Problem};
use super::row::{Row, Side};
use super::watch::Watch;
use rayon::prelude::*;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

/// Counts a text's tokens as the model counts them.
pub type CountTokens = Arc<dyn Fn(&str) -> usize + Send + Sync>;

/// What rows are checked against, beyond what is wrong in themselves.
#[derive(Clone, Default)]
pub struct Expectations {
    /// Negatives that a train group takes (`train_group_size - 1`).
    pub negatives: Option<usize>,
    pub lengths: Option<Lengths>,
    /// Files that must not share a question or passage with this one: the evaluation's with the training's.
    pub apart: Vec<OtherFile>,
}

/// How many tokens a model reads.
#[derive(Clone)]
pub struct Lengths {
    pub query: usize,
    pub passage: usize,
    pub count: CountTokens,
}

/// The questions and positives of a file.
#[derive(Clone)]
pub struct OtherFile {
    pub name: String,
    texts: Arc<HashSet<u64>>,
}

impl OtherFile {
    pub fn new(name: String, lines: &Lines) -> Self {
        let rows = (0..lines.len()).into_par_iter().filter_map(|at| lines.read(at).into_row());
        let texts = rows.flat_map_iter(|row| {
            std::iter::once(hash(&row.query)).chain(row.pos.iter().map(|text| hash(text))).collect::<Vec<_>>()
        });
        Self { name, texts: Arc::new(texts.collect()) }
    }
}

/// What a line was found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    Row,
    Bad,
    Blank,
}

/// In what a question is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Script {
    Chinese,
    Latin,
    Mixed,
    Other,
}

impl Script {
    pub const ALL: [Self; 4] = [Self::Chinese, Self::Latin, Self::Mixed, Self::Other];

    pub fn of(text: &str) -> Self {
        let chinese = text.chars().any(|letter| ('\u{3400}'..='\u{9fff}').contains(&letter));
        // A unit or a standard's number within Chinese is no second language.
        let words = text.split(|letter: char| !letter.is_ascii_alphabetic()).filter(|word| word.len() > 3).count();
        match (chinese, words) {
            (true, 0..2) => Self::Chinese,
            (true, _) => Self::Mixed,
            (false, _) if text.bytes().any(|byte| byte.is_ascii_alphabetic()) => Self::Latin,
            _ => Self::Other,
        }
    }
}

/// One line in short.
#[derive(Debug, Clone, Copy)]
pub struct Digest {
    pub id: LineId,
    pub kind: LineKind,
    pub script: Script,
    pub positives: u16,
    pub negatives: u16,
    /// One bit a [`FaultKind`].
    faults: u32,
    /// Place of the row's `type` among [`Survey::types`].
    type_at: u16,
    question: u64,
}

impl Digest {
    fn blank(id: LineId) -> Self {
        Self {
            id,
            kind: LineKind::Blank,
            script: Script::Other,
            positives: 0,
            negatives: 0,
            faults: 0,
            type_at: 0,
            question: 0,
        }
    }

    pub fn has(&self, kind: FaultKind) -> bool {
        self.faults & bit(kind) != 0
    }

    pub fn has_faults(&self) -> bool {
        self.faults != 0
    }

    /// Whether it has a fault that is more than a note.
    pub fn has_warnings(&self) -> bool {
        self.faults & !bit(FaultKind::PassageInOtherFile) != 0
    }
}

impl Numbered for Digest {
    fn number(&self) -> u64 {
        self.id.0
    }
}

/// Digests of all lines, in their order. A clone is cheap.
#[derive(Clone, Default)]
pub struct Survey {
    expectations: Expectations,
    digests: Patched<Digest>,
    types: Vec<String>,
    rows: usize,
    /// How many lines have each kind of fault, in the order of [`FaultKind::ALL`].
    faults: [usize; FaultKind::ALL.len()],
    /// The same, without kinds that no line has.
    counts: Vec<(FaultKind, usize)>,
}

impl Survey {
    /// Looks at every line.
    pub fn of(lines: &Lines, expectations: Expectations) -> Self {
        Self::watched(lines, expectations, &Watch::default()).unwrap_or_default()
    }

    /// Looks at every line, and says how far it has come; `None` if it was cancelled.
    pub fn watched(lines: &Lines, expectations: Expectations, watch: &Watch) -> Option<Self> {
        let mut survey = Self { expectations, ..Self::default() };
        watch.begin(lines.len());
        let pieces: Vec<_> = lines.patched().pieces().collect();
        let look = |places: Range<usize>| {
            let mut piece = Piece::default();
            for at in places {
                // Counting tokens takes long, so the user is not kept waiting for a whole piece.
                if !watch.go_on(1) {
                    return None;
                }
                let (digest, kind) = survey.look(lines, at);
                piece.digests.push(with_type(&mut piece.types, digest, kind));
            }
            Some(piece)
        };
        let found = pieces.into_par_iter().map(look).collect::<Option<Vec<_>>>()?;
        let mut digests = Vec::with_capacity(found.len());
        for mut piece in found {
            let types: Vec<_> = piece.types.into_iter().map(|kind| number(&mut survey.types, kind)).collect();
            for digest in &mut piece.digests {
                let known = usize::from(digest.type_at).checked_sub(1).and_then(|at| types.get(at));
                digest.type_at = known.copied().unwrap_or(0);
            }
            digests.push(piece.digests);
        }
        let mut asked = HashSet::with_capacity(lines.len());
        for digest in digests.iter_mut().flatten() {
            if digest.kind == LineKind::Row && !asked.insert(digest.question) {
                digest.faults |= bit(FaultKind::DuplicateQuestion);
            }
            survey.count(digest, true);
        }
        survey.digests = lines.patched().filled(digests);
        survey.list_counts();
        Some(survey)
    }

    /// Looks again at the lines that were touched, of which some may have come, gone or moved, and says whether
    /// the rows still stand where they stood.
    pub fn update(&mut self, lines: &Lines, touched: &[LineId]) -> bool {
        let touched: HashSet<LineId> = touched.iter().copied().collect();
        let place = |id: LineId| Some((lines.position(id)?, id));
        let mut places: Vec<_> = touched.iter().filter_map(|id| place(*id)).collect();
        places.sort_unstable();
        let mut asked = Vec::new();
        let stays = self.digests.len() == lines.len()
            && places.len() == touched.len()
            && places.iter().all(|(at, id)| self.digest(*at).is_some_and(|digest| digest.id == *id));
        let mut same_kinds = true;
        if stays {
            for (at, _) in places {
                let (digest, kind) = self.look(lines, at);
                let mut digest = with_type(&mut self.types, digest, kind);
                let Some(old) = self.digest(at).copied() else {
                    continue;
                };
                same_kinds &= old.kind == digest.kind;
                if (old.kind, old.question) == (digest.kind, digest.question) {
                    digest.faults |= old.faults & bit(FaultKind::DuplicateQuestion);
                } else {
                    asked.extend([old.question, digest.question]);
                }
                self.count(&old, false);
                self.count(&digest, true);
                *self.digests.change(at, first) = digest;
            }
        } else {
            for id in &touched {
                if let Some(at) = self.digests.find(id.0) {
                    let old = self.digests.remove(at, first);
                    self.count(&old, false);
                    asked.push(old.question);
                }
            }
            for (at, _) in places {
                let (digest, kind) = self.look(lines, at);
                let digest = with_type(&mut self.types, digest, kind);
                self.count(&digest, true);
                asked.push(digest.question);
                self.digests.insert(at.min(self.digests.len()), digest, first);
            }
        }
        asked.sort_unstable();
        asked.dedup();
        self.mark_duplicates(&asked);
        self.list_counts();
        stays && same_kinds
    }

    /// In the order of the lines.
    pub fn digests(&self) -> impl Iterator<Item = &Digest> {
        self.digests.held().flat_map(|(_, digests)| digests)
    }

    /// Of the line at `at` (0-based).
    pub fn digest(&self, at: usize) -> Option<&Digest> {
        match self.digests.get(at)? {
            Item::Changed(digest) => Some(digest),
            Item::First(_) => None,
        }
    }

    /// How many lines were looked at.
    pub fn len(&self) -> usize {
        self.digests.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many lines are usable rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Places (0-based) of the lines of a kind.
    pub fn places(&self, kind: LineKind) -> Vec<usize> {
        let digests = self.digests().enumerate();
        digests.filter(|(_, digest)| digest.kind == kind).map(|(at, _)| at).collect()
    }

    /// Every `type` that a row has.
    pub fn types(&self) -> &[String] {
        &self.types
    }

    /// The row's `type`; empty if it has none.
    pub fn type_of(&self, digest: &Digest) -> &str {
        digest.type_at.checked_sub(1).and_then(|at| self.types.get(usize::from(at))).map_or("", String::as_str)
    }

    /// How many lines have each kind of fault; kinds that none has are left out.
    pub fn counts(&self) -> &[(FaultKind, usize)] {
        &self.counts
    }

    /// Everything that is wrong with the line at `at` (0-based), with its place.
    pub fn problems(&self, lines: &Lines, at: usize) -> Vec<Problem> {
        self.problems_with(lines, at, |at| self.first_asker(at))
    }

    /// As [`Self::problems`], where it is known which row asked a row's question first.
    pub(super) fn problems_with(
        &self,
        lines: &Lines,
        at: usize,
        first_asker: impl Fn(usize) -> Option<usize>,
    ) -> Vec<Problem> {
        let (Some(id), Some(digest)) = (lines.id(at), self.digest(at)) else {
            return Vec::new();
        };
        let reading = lines.read(at);
        let mut problems: Vec<_> = reading.problems(id, at + 1).collect();
        if let Some(row) = reading.row() {
            let more = self.faults_of(row).into_iter();
            problems.extend(more.map(|fault| Problem { id: Some(id), line: at + 1, column: None, fault }));
            if digest.has(FaultKind::DuplicateQuestion)
                && let Some(first) = first_asker(at)
            {
                let fault = Fault::DuplicateQuestion { first_line: first + 1 };
                problems.push(Problem { id: Some(id), line: at + 1, column: None, fault });
            }
        }
        problems
    }

    /// For every row whose question an earlier one asks, by place: where the first of them is.
    pub(super) fn first_askers(&self) -> HashMap<usize, usize> {
        let again = self.digests().filter(|digest| digest.has(FaultKind::DuplicateQuestion));
        let asked: HashSet<u64> = again.map(|digest| digest.question).collect();
        let (mut first, mut askers) = (HashMap::new(), HashMap::new());
        let asks = |digest: &Digest| digest.kind == LineKind::Row && asked.contains(&digest.question);
        for (at, digest) in self.digests().enumerate().filter(|(_, digest)| asks(digest)) {
            match first.entry(digest.question) {
                Entry::Vacant(entry) => _ = entry.insert(at),
                Entry::Occupied(entry) => _ = askers.insert(at, *entry.get()),
            }
        }
        askers
    }

    /// Where the question of the row at `at` is asked first, if that is before `at`.
    pub fn first_asker(&self, at: usize) -> Option<usize> {
        let question = self.digest(at)?.question;
        self.digests().take(at).position(|digest| digest.kind == LineKind::Row && digest.question == question)
    }

    fn look(&self, lines: &Lines, at: usize) -> (Digest, Option<String>) {
        let id = lines.id(at).unwrap_or(LineId(u64::MAX));
        let reading = lines.read(at);
        let mut digest = Digest { kind: kind_of(&reading), ..Digest::blank(id) };
        for problem in reading.problems(id, at + 1) {
            digest.faults |= bit(problem.fault.kind());
        }
        let Some(row) = reading.into_row() else {
            return (digest, None);
        };
        for fault in self.faults_of(&row) {
            digest.faults |= bit(fault.kind());
        }
        let count = |side| u16::try_from(row.passages(side).len()).unwrap_or(u16::MAX);
        (digest.positives, digest.negatives) = (count(Side::Positive), count(Side::Negative));
        digest.script = Script::of(&row.query);
        digest.question = hash(row.query.trim());
        (digest, row.kind.clone())
    }

    /// What the expectations and the texts themselves give against a row.
    fn faults_of(&self, row: &Row) -> Vec<Fault> {
        let mut faults = Vec::new();
        if let Some(wanted) =
            self.expectations.negatives.filter(|wanted| !row.neg.is_empty() && row.neg.len() < *wanted)
        {
            faults.push(Fault::TooFewNegatives { wanted, found: row.neg.len() });
        }
        let texts = std::iter::once((Field::whole("query"), &row.query)).chain(
            [Side::Positive, Side::Negative].into_iter().flat_map(|side| {
                let passages = row.passages(side).iter().enumerate();
                passages.map(move |(at, text)| (Field::item(side.key(), at), text))
            }),
        );
        for (field, text) in texts {
            if let Some(lengths) = &self.expectations.lengths {
                let limit = if field.key == "query" { lengths.query } else { lengths.passage };
                // A token takes a byte at least.
                if text.len() + SPECIAL_TOKENS > limit {
                    let tokens = (lengths.count)(text);
                    if tokens > limit {
                        faults.push(Fault::TooLong { field, tokens, limit });
                    }
                }
            }
            if mojibake::is_suspect(text) {
                faults.push(Fault::Mojibake(field));
            }
            if field.key != "neg"
                && let Some(other) = self.expectations.apart.iter().find(|other| other.texts.contains(&hash(text)))
            {
                let file = other.name.clone();
                faults.push(match field.key {
                    "query" => Fault::InOtherFile { file },
                    _ => Fault::PassageInOtherFile { field, file },
                });
            }
        }
        faults
    }

    /// Marks, of the rows that ask one of these questions (sorted), all but the first.
    fn mark_duplicates(&mut self, asked: &[u64]) {
        if asked.is_empty() {
            return;
        }
        let asks = |digest: &Digest| digest.kind == LineKind::Row && asked.binary_search(&digest.question).is_ok();
        let pieces: Vec<_> = self.digests.held().collect();
        let found = pieces.into_par_iter().flat_map_iter(|(start, digests)| {
            let found = digests.iter().enumerate().filter(|(_, digest)| asks(digest));
            found.map(move |(at, digest)| (start + at, digest.question))
        });
        let found: Vec<_> = found.collect();
        let mut seen = HashSet::new();
        for (at, question) in found {
            let is_again = !seen.insert(question);
            let Some(mut digest) = self.digest(at).copied() else {
                continue;
            };
            if digest.has(FaultKind::DuplicateQuestion) != is_again {
                self.count(&digest, false);
                digest.faults ^= bit(FaultKind::DuplicateQuestion);
                self.count(&digest, true);
                *self.digests.change(at, first) = digest;
            }
        }
    }

    /// Counts a line, or counts it no more.
    fn count(&mut self, digest: &Digest, is_there: bool) {
        let count = |count: &mut usize| *count = if is_there { *count + 1 } else { count.saturating_sub(1) };
        if digest.kind == LineKind::Row {
            count(&mut self.rows);
        }
        if digest.has_faults() {
            let kinds = self.faults.iter_mut().zip(FaultKind::ALL);
            kinds.filter(|(_, kind)| digest.has(*kind)).for_each(|(number, _)| count(number));
        }
    }

    fn list_counts(&mut self) {
        self.counts = FaultKind::ALL.into_iter().zip(self.faults).filter(|(_, count)| *count > 0).collect();
    }
}

/// Digests of a piece of the lines, with types of their own.
#[derive(Default)]
struct Piece {
    digests: Vec<Digest>,
    types: Vec<String>,
}

/// A line that nobody has looked at.
fn first(number: usize) -> Digest {
    Digest::blank(LineId(number as u64))
}

fn with_type(types: &mut Vec<String>, mut digest: Digest, kind: Option<String>) -> Digest {
    digest.type_at = kind.map_or(0, |kind| number(types, kind));
    digest
}

/// The number of a type among those that are known by then, from 1; 0 if there are too many.
fn number(types: &mut Vec<String>, kind: String) -> u16 {
    let known = types.iter().position(|known| *known == kind);
    let at = known.unwrap_or_else(|| {
        types.push(kind);
        types.len() - 1
    });
    u16::try_from(at + 1).unwrap_or(0)
}

/// The most tokens that a model puts around a text.
const SPECIAL_TOKENS: usize = 4;

fn bit(kind: FaultKind) -> u32 {
    1 << kind as u32
}

fn kind_of(reading: &Reading) -> LineKind {
    match () {
        () if reading.is_blank() => LineKind::Blank,
        () if reading.is_bad() => LineKind::Bad,
        () => LineKind::Row,
    }
}

fn hash(text: &str) -> u64 {
    let hash = blake3::hash(text.trim().as_bytes());
    let first = hash.as_bytes().first_chunk::<8>();
    first.map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Dataset, Edit};

    const FILE: &str = concat!(
        "{\"query\": \"什么是咬边\", \"pos\": [\"a\"], \"neg\": [\"b\", \"b\"], \"type\": \"normal\"}\n",
        "{broken\n",
        "\n",
        "{\"query\": \"what is porosity\", \"pos\": [\"long long text\"], \"neg\": [\"x\", \"y\", \"z\"]}\n",
        "{\"query\": \"什么是咬边\", \"pos\": [\"c\"], \"neg\": [\"d\"]}\n",
    );

    fn expectations() -> Expectations {
        let count: CountTokens = Arc::new(|text| text.split_whitespace().count() + 2);
        let eval = Dataset::from_bytes("{\"query\": \"e\", \"pos\": [\"c\"]}".into());
        Expectations {
            negatives: Some(3),
            lengths: Some(Lengths { query: 8, passage: 4, count }),
            apart: vec![OtherFile::new("eval.jsonl".into(), eval.lines())],
        }
    }

    fn told(survey: &Survey, lines: &Lines) -> Vec<String> {
        let all = (0..lines.len()).flat_map(|at| survey.problems(lines, at));
        all.map(|problem| format!("{}: {}", problem.line, problem.reason())).collect()
    }

    #[test]
    fn everything_that_is_wrong_is_found() {
        let dataset = Dataset::from_bytes(FILE.into());
        let survey = Survey::of(dataset.lines(), expectations());
        assert_eq!(
            told(&survey, dataset.lines()),
            [
                "1: item 2 of `neg` is the same text as item 1 of `neg`",
                "1: `neg` has 2 passages, and the train group takes 3 negatives",
                "2: the line is not JSON: key must be a string",
                "4: item 1 of `pos` has 5 tokens, of which the model reads 4: 1 are cut off",
                "5: `neg` has 1 passages, and the train group takes 3 negatives",
                "5: item 1 of `pos` is also in eval.jsonl",
                "5: the question is also that of line 1",
            ]
        );
        let digests: Vec<_> = survey.digests().copied().collect();
        assert_eq!(digests.iter().map(|digest| digest.kind).collect::<Vec<_>>(), {
            use LineKind::*;
            [Row, Bad, Blank, Row, Row]
        });
        assert_eq!((digests[0].script, digests[3].script), (Script::Chinese, Script::Latin));
        assert_eq!((survey.type_of(&digests[0]), survey.type_of(&digests[3])), ("normal", ""));
        assert!(survey.counts().contains(&(FaultKind::TooFewNegatives, 2)));
        // Every bit that is set has its problem, and the other way round.
        for (at, digest) in digests.iter().enumerate() {
            let kinds: HashSet<_> = survey.problems(dataset.lines(), at).iter().map(|p| p.fault.kind()).collect();
            assert!(FaultKind::ALL.iter().all(|kind| digest.has(*kind) == kinds.contains(kind)), "{at}");
        }
    }

    #[test]
    fn an_update_finds_what_a_new_survey_finds() {
        let mut dataset = Dataset::from_bytes(FILE.into());
        let mut survey = Survey::of(dataset.lines(), expectations());
        let id = |dataset: &Dataset, at| dataset.lines().id(at).unwrap();
        let check = |dataset: &Dataset, survey: &mut Survey, touched: &[LineId]| {
            survey.update(dataset.lines(), touched);
            let anew = Survey::of(dataset.lines(), expectations());
            assert_eq!(told(survey, dataset.lines()), told(&anew, dataset.lines()));
            let faults = |survey: &Survey| survey.digests().map(|d| (d.id, d.faults)).collect::<Vec<_>>();
            assert_eq!(faults(survey), faults(&anew));
            assert_eq!((survey.counts(), survey.rows()), (anew.counts(), anew.rows()));
        };
        let first = id(&dataset, 0);
        dataset.apply(Edit::SetQuery { line: first, query: "什么是气孔".into() }).unwrap();
        check(&dataset, &mut survey, &[first]);
        dataset.apply(Edit::RemoveLine { line: first }).unwrap();
        check(&dataset, &mut survey, &[first]);
        let touched = dataset.undo().unwrap();
        check(&dataset, &mut survey, &touched);
        let row = Row { query: "新".into(), pos: vec!["p".into()], ..Row::default() };
        let new = dataset.apply(Edit::InsertRow { at: 1, row: Box::new(row) }).unwrap();
        check(&dataset, &mut survey, &[new]);
    }

    #[test]
    fn scripts_are_told_apart() {
        for (text, script) in [
            ("焊缝余高", Script::Chinese),
            ("ISO 5817 对咬边的规定", Script::Chinese),
            ("什么是 crater pipe defect", Script::Mixed),
            ("What is undercut?", Script::Latin),
            ("123 ?", Script::Other),
        ] {
            assert_eq!(Script::of(text), script, "{text}");
        }
    }
}
