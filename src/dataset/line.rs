//! One line of a file: its bytes, and what they were found to be.

use super::problem::Problem;
use super::row::Row;
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
    Own(Vec<u8>),
}

impl Bytes {
    pub fn get<'a>(&'a self, source: &'a [u8]) -> &'a [u8] {
        match self {
            Bytes::Source(range) => &source[range.clone()],
            Bytes::Own(bytes) => bytes,
        }
    }
}

#[derive(Debug, Clone)]
enum Content {
    Row(Arc<Row>),
    Bad,
    Blank,
}

/// A line of a [`Dataset`](super::Dataset): a row, a line that is none, or a blank.
#[derive(Debug, Clone)]
pub struct Line {
    id: LineId,
    content: Content,
    /// Without line numbers, which change as lines come and go.
    faults: Box<[super::object::Found]>,
    pub(super) bytes: Bytes,
    pub(super) ending: Ending,
}

impl Line {
    pub(super) fn read(id: LineId, bytes: Bytes, ending: Ending, source: &[u8]) -> Self {
        let text = bytes.get(source);
        let (content, faults) = if text.iter().all(u8::is_ascii_whitespace) {
            (Content::Blank, Vec::new())
        } else {
            match Row::read(text) {
                (Some(row), faults) => (Content::Row(Arc::new(row)), faults),
                (None, faults) => (Content::Bad, faults),
            }
        };
        Self { id, content, faults: faults.into(), bytes, ending }
    }

    pub fn id(&self) -> LineId {
        self.id
    }

    /// The row, if the line is a usable one.
    pub fn row(&self) -> Option<&Arc<Row>> {
        match &self.content {
            Content::Row(row) => Some(row),
            _ => None,
        }
    }

    /// True if the line cannot be used; its problems say why.
    pub fn is_bad(&self) -> bool {
        matches!(self.content, Content::Bad)
    }

    pub fn is_blank(&self) -> bool {
        matches!(self.content, Content::Blank)
    }

    pub fn has_problems(&self) -> bool {
        !self.faults.is_empty()
    }

    /// What is wrong with the line, which now has this number (1-based).
    pub fn problems(&self, number: usize) -> impl Iterator<Item = Problem> + '_ {
        self.faults.iter().map(move |(column, fault)| Problem {
            id: Some(self.id),
            line: number,
            column: *column,
            fault: fault.clone(),
        })
    }
}

/// The lines of a file: where each lies and how it ends. A byte order mark belongs to none.
pub(super) fn split(source: &[u8]) -> Vec<(Range<usize>, Ending)> {
    let mut start = if source.starts_with(BOM) { BOM.len() } else { 0 };
    let mut lines = Vec::new();
    while start < source.len() {
        let rest = &source[start..];
        let (length, ending) = match rest.iter().position(|byte| *byte == b'\n') {
            None if rest.ends_with(b"\r") => (rest.len() - 1, Ending::Cr),
            None => (rest.len(), Ending::None),
            Some(at) if rest[..at].ends_with(b"\r") => (at - 1, Ending::CrLf),
            Some(at) => (at, Ending::Lf),
        };
        lines.push((start..start + length, ending));
        start += length + ending.bytes().len();
    }
    lines
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
        let read = |text: &str| Line::read(LineId(0), Bytes::Own(text.into()), Ending::Lf, &[]);
        let row = read(r#"{"query": "q", "pos": ["p"]}"#);
        assert!(row.row().is_some() && !row.is_bad() && !row.has_problems());
        let blank = read(" \t");
        assert!(blank.is_blank() && blank.row().is_none() && !blank.has_problems());
        let bad = read("q");
        assert!(bad.is_bad() && bad.row().is_none());
        assert_eq!(bad.problems(9).next().unwrap().line, 9);
    }
}
