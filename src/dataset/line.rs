//! The lines of a file: their bytes, and what they are found to be when they are looked at.

use super::object::{Found, LONGEST_LINE};
use super::patched::{Item, Numbered, Patched};
use super::problem::Problem;
use super::row::Row;
use super::source::{Seen, Source};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::Arc;

pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";

/// Which line it is, however many lines come and go before it. Never used twice in one
/// [`Dataset`](super::Dataset).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineId(pub(super) u64);

/// How a line ends in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Ending {
    #[serde(rename = "lf")]
    Lf,
    #[serde(rename = "crlf")]
    CrLf,
    /// The file ends with half of one.
    #[serde(rename = "cr")]
    Cr,
    /// The file ends without one.
    #[serde(rename = "none")]
    None,
}

impl Ending {
    pub fn bytes(self) -> &'static [u8] {
        match self {
            Ending::Lf => b"\n",
            Ending::CrLf => b"\r\n",
            Ending::Cr => b"\r",
            Ending::None => b"",
        }
    }
}

/// A line's bytes: a part of the file as it was read, or its own.
#[derive(Debug, Clone)]
pub(super) enum Bytes {
    Source(Range<usize>),
    Own(Arc<[u8]>),
}

impl Bytes {
    pub fn get<'a>(&'a self, source: &'a [u8]) -> &'a [u8] {
        match self {
            Bytes::Source(range) => &source[range.clone()],
            Bytes::Own(bytes) => bytes,
        }
    }
}

impl Numbered for Line {
    fn number(&self) -> u64 {
        self.id.0
    }
}

/// A line, not looked at yet.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub id: LineId,
    pub bytes: Bytes,
    pub ending: Ending,
}

/// What a line is found to be: a row, a line that is none, or a blank.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    row: Option<Arc<Row>>,
    /// Without line numbers, which change as lines come and go.
    faults: Vec<Found>,
    blank: bool,
}

impl Reading {
    pub(super) fn of(text: &[u8]) -> Self {
        if text.len() <= LONGEST_LINE && text.iter().all(u8::is_ascii_whitespace) {
            return Self { blank: true, ..Self::default() };
        }
        let (row, faults) = Row::read(text);
        Self { row: row.map(Arc::new), faults, blank: false }
    }

    /// The row, if the line is a usable one.
    pub fn row(&self) -> Option<&Arc<Row>> {
        self.row.as_ref()
    }

    pub fn into_row(self) -> Option<Arc<Row>> {
        self.row
    }

    /// True if the line cannot be used; its problems say why.
    pub fn is_bad(&self) -> bool {
        !self.blank && self.row.is_none()
    }

    pub fn is_blank(&self) -> bool {
        self.blank
    }

    /// What is wrong with the line, which is this one and now has this number (1-based).
    pub fn problems(&self, id: LineId, number: usize) -> impl Iterator<Item = Problem> + '_ {
        self.faults.iter().map(move |(column, fault)| Problem {
            id: Some(id),
            line: number,
            column: *column,
            fault: fault.clone(),
        })
    }
}

/// The lines of a data set as they are at one moment. A clone is cheap, may go to another thread, and stays as
/// it is while the data set is edited.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    file: FileLines,
    patched: Patched<Line>,
}

/// The lines of a file as it was read: its bytes, and where the lines end.
#[derive(Debug, Clone, Default)]
struct FileLines {
    source: Arc<Source>,
    breaks: Arc<Vec<usize>>,
}

impl Lines {
    pub(super) fn of(source: Arc<Source>, breaks: Vec<usize>) -> Self {
        let count = count(&source, &breaks);
        Self { file: FileLines { source, breaks: Arc::new(breaks) }, patched: Patched::new(count) }
    }

    /// Good, bad and blank ones.
    pub fn len(&self) -> usize {
        self.patched.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the file as it was read.
    pub fn size(&self) -> usize {
        self.file.source.len()
    }

    /// The usable rows with their line numbers (1-based).
    pub fn rows(&self) -> Vec<(usize, Arc<Row>)> {
        let lines = (0..self.len()).into_par_iter();
        lines.filter_map(|at| self.read(at).into_row().map(|row| (at + 1, row))).collect()
    }

    /// The rows among the lines at these places (0-based).
    pub fn rows_at(&self, places: &[usize]) -> Vec<(LineId, Arc<Row>)> {
        let row = |at: &usize| Some((self.id(*at)?, self.read(*at).into_row()?));
        places.par_iter().filter_map(row).collect()
    }

    /// Which line stands at `at` (0-based; the number in the file is one more).
    pub fn id(&self, at: usize) -> Option<LineId> {
        Some(match self.patched.get(at)? {
            Item::First(number) => LineId(number as u64),
            Item::Changed(line) => line.id,
        })
    }

    /// Looks at a line; a place past the end is blank.
    pub fn read(&self, at: usize) -> Reading {
        Reading::of(self.bytes_at(at))
    }

    /// The bytes of the line at `at`, without its ending; none past the end.
    pub fn bytes_at(&self, at: usize) -> &[u8] {
        match self.patched.get(at) {
            Some(Item::First(number)) => &self.file.source[self.file.span(number).0],
            Some(Item::Changed(line)) => self.bytes(line),
            None => &[],
        }
    }

    /// Where a line is now, 0-based.
    pub fn position(&self, id: LineId) -> Option<usize> {
        self.patched.find(id.0)
    }

    /// Where to keep something of every line, as [`Patched`] keeps the lines.
    pub(super) fn patched(&self) -> &Patched<Line> {
        &self.patched
    }

    pub(super) fn bytes<'a>(&'a self, line: &'a Line) -> &'a [u8] {
        line.bytes.get(&self.file.source)
    }

    pub(super) fn get(&self, at: usize) -> Option<Line> {
        Some(match self.patched.get(at)? {
            Item::First(number) => self.file.line(number),
            Item::Changed(line) => line.clone(),
        })
    }

    /// How the line at `at` ends.
    pub(super) fn ending(&self, at: usize) -> Option<Ending> {
        Some(match self.patched.get(at)? {
            Item::First(number) => self.file.span(number).1,
            Item::Changed(line) => line.ending,
        })
    }

    pub(super) fn source(&self) -> &[u8] {
        &self.file.source
    }

    /// The line at `at`, to be changed; what clones see stays.
    ///
    /// # Panics
    /// Here and in [`Self::insert`] and [`Self::remove`], if there is no such place.
    pub(super) fn change(&mut self, at: usize) -> &mut Line {
        self.patched.change(at, |number| self.file.line(number))
    }

    pub(super) fn insert(&mut self, at: usize, line: Line) {
        self.patched.insert(at, line, |number| self.file.line(number));
    }

    pub(super) fn remove(&mut self, at: usize) -> Line {
        self.patched.remove(at, |number| self.file.line(number))
    }
}

impl FileLines {
    fn span(&self, number: usize) -> (Range<usize>, Ending) {
        span(&self.source, &self.breaks, number)
    }

    fn line(&self, number: usize) -> Line {
        let (range, ending) = self.span(number);
        Line { id: LineId(number as u64), bytes: Bytes::Source(range), ending }
    }
}

/// The lines of a file: where each lies and how it ends. A byte order mark belongs to none.
pub(super) fn split(source: &[u8]) -> Vec<(Range<usize>, Ending)> {
    let breaks = Seen::of(source).breaks;
    (0..count(source, &breaks)).map(|number| span(source, &breaks, number)).collect()
}

/// Where the line before which there are `number` breaks begins.
fn begin(source: &[u8], breaks: &[usize], number: usize) -> usize {
    match number.checked_sub(1) {
        Some(before) => breaks[before] + 1,
        None if source.starts_with(BOM) => BOM.len(),
        None => 0,
    }
}

fn count(source: &[u8], breaks: &[usize]) -> usize {
    let rest = begin(source, breaks, breaks.len()) < source.len();
    breaks.len() + usize::from(rest)
}

fn span(source: &[u8], breaks: &[usize], number: usize) -> (Range<usize>, Ending) {
    let start = begin(source, breaks, number);
    let end = breaks.get(number).copied().unwrap_or(source.len());
    match (number < breaks.len(), source[start..end].ends_with(b"\r")) {
        (true, true) => (start..end - 1, Ending::CrLf),
        (true, false) => (start..end, Ending::Lf),
        (false, true) => (start..end - 1, Ending::Cr),
        (false, false) => (start..end, Ending::None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_endings() {
        let source = b"\xef\xbb\xbfa\r\n\nb\rc\n \r\r\nd";
        let lines: Vec<_> = split(source).into_iter().map(|(range, ending)| (&source[range], ending)).collect();
        assert_eq!(
            lines,
            [
                (&b"a"[..], Ending::CrLf),
                (b"", Ending::Lf),
                (b"b\rc", Ending::Lf),
                (b" \r", Ending::CrLf),
                (b"d", Ending::None),
            ]
        );
        assert!(split(b"").is_empty());
        assert!(split(BOM).is_empty());
        assert_eq!(split(b"\n"), [(0..0, Ending::Lf)]);
        assert_eq!(split(b"\n\r"), [(0..0, Ending::Lf), (1..1, Ending::Cr)]);
    }

    #[test]
    fn a_line_is_a_row_or_bad_or_blank() {
        let row = Reading::of(br#"{"query": "q", "pos": ["p"]}"#);
        assert!(row.row().is_some() && !row.is_bad() && row.problems(LineId(0), 1).next().is_none());
        let blank = Reading::of(b" \t");
        assert!(blank.is_blank() && blank.row().is_none() && !blank.is_bad());
        let bad = Reading::of(b"q");
        assert!(bad.is_bad() && bad.row().is_none());
        assert_eq!(bad.problems(LineId(0), 9).next().unwrap().line, 9);
    }
}
