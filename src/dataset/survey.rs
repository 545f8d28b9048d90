//! What a look at every line of a file found: enough to list, count, filter and sort, in a few bytes a line.

use super::line::{LineId, Lines, Reading};
use super::mojibake;
use super::problem::{Fault, FaultKind, Field, Problem};
use super::row::{Row, Side};
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

/// Digests of all lines, in their order.
#[derive(Clone, Default)]
pub struct Survey {
    expectations: Expectations,
    digests: Vec<Digest>,
    types: Vec<String>,
    /// How many lines have each kind of fault.
    counts: Vec<(FaultKind, usize)>,
}

impl Survey {
    /// Looks at every line.
    pub fn of(lines: &Lines, expectations: Expectations) -> Self {
        let mut survey = Self { expectations, ..Self::default() };
        let found: Vec<_> = (0..lines.len()).into_par_iter().map(|at| survey.look(lines, at)).collect();
        survey.digests = found.into_iter().map(|(digest, kind)| survey.with_type(digest, kind)).collect();
        survey.finish();
        survey
    }

    /// Looks again at the lines that were touched; others may have come, gone or moved.
    pub fn update(&mut self, lines: &Lines, touched: &[LineId]) {
        let touched: HashSet<LineId> = touched.iter().copied().collect();
        let same = self.digests.len() == lines.len();
        if same {
            for at in touched.iter().filter_map(|id| lines.position(*id)) {
                let (digest, kind) = self.look(lines, at);
                self.digests[at] = self.with_type(digest, kind);
            }
            if self.digests.iter().enumerate().all(|(at, digest)| lines.id(at) == Some(digest.id)) {
                self.finish();
                return;
            }
        }
        let old: HashMap<LineId, Digest> = self.digests.drain(..).map(|digest| (digest.id, digest)).collect();
        for at in 0..lines.len() {
            let known = lines.id(at).filter(|id| !touched.contains(id)).and_then(|id| old.get(&id));
            let digest = match known {
                Some(digest) => *digest,
                None => {
                    let (digest, kind) = self.look(lines, at);
                    self.with_type(digest, kind)
                }
            };
            self.digests.push(digest);
        }
        self.finish();
    }

    /// In the order of the lines.
    pub fn digests(&self) -> &[Digest] {
        &self.digests
    }

    /// How many lines are usable rows.
    pub fn rows(&self) -> usize {
        self.digests.iter().filter(|digest| digest.kind == LineKind::Row).count()
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
        let (Some(id), Some(digest)) = (lines.id(at), self.digests.get(at)) else {
            return Vec::new();
        };
        let reading = lines.read(at);
        let mut problems: Vec<_> = reading.problems(id, at + 1).collect();
        if let Some(row) = reading.row() {
            let more = self.faults_of(row).into_iter();
            problems.extend(more.map(|fault| Problem { id: Some(id), line: at + 1, column: None, fault }));
            if digest.has(FaultKind::DuplicateQuestion)
                && let Some(first) = self.first_asker(at)
            {
                let fault = Fault::DuplicateQuestion { first_line: first + 1 };
                problems.push(Problem { id: Some(id), line: at + 1, column: None, fault });
            }
        }
        problems
    }

    /// Where the question of the row at `at` is asked first, if that is before `at`.
    pub fn first_asker(&self, at: usize) -> Option<usize> {
        let question = self.digests.get(at)?.question;
        self.digests[..at].iter().position(|digest| digest.kind == LineKind::Row && digest.question == question)
    }

    fn look(&self, lines: &Lines, at: usize) -> (Digest, Option<String>) {
        let id = lines.id(at).unwrap_or(LineId(u64::MAX));
        let reading = lines.read(at);
        let mut faults = 0;
        for problem in reading.problems(id, at + 1) {
            faults |= bit(problem.fault.kind());
        }
        let mut digest = Digest {
            id,
            kind: kind_of(&reading),
            script: Script::Other,
            positives: 0,
            negatives: 0,
            faults,
            type_at: 0,
            question: 0,
        };
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

    fn with_type(&mut self, mut digest: Digest, kind: Option<String>) -> Digest {
        if let Some(kind) = kind {
            let known = self.types.iter().position(|known| *known == kind);
            let at = known.unwrap_or_else(|| {
                self.types.push(kind);
                self.types.len() - 1
            });
            digest.type_at = u16::try_from(at + 1).unwrap_or(0);
        }
        digest
    }

    /// Marks every row whose question an earlier row asks, and counts.
    fn finish(&mut self) {
        let mut asked = HashSet::with_capacity(self.digests.len());
        for digest in &mut self.digests {
            digest.faults &= !bit(FaultKind::DuplicateQuestion);
            if digest.kind == LineKind::Row && !asked.insert(digest.question) {
                digest.faults |= bit(FaultKind::DuplicateQuestion);
            }
        }
        let mut counts = [0; FaultKind::ALL.len()];
        for digest in self.digests.iter().filter(|digest| digest.has_faults()) {
            for (count, kind) in counts.iter_mut().zip(FaultKind::ALL) {
                *count += usize::from(digest.has(kind));
            }
        }
        self.counts = FaultKind::ALL.into_iter().zip(counts).filter(|(_, count)| *count > 0).collect();
    }
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
        let digests = survey.digests();
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
            let faults = |survey: &Survey| survey.digests().iter().map(|d| (d.id, d.faults)).collect::<Vec<_>>();
            assert_eq!(faults(survey), faults(&anew));
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
