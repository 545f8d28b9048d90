//! The passages that are searched.

use super::encoding::decode;
use super::error::DatasetError;
use super::line::{BOM, split};
use super::object::{Found, Object};
use super::problem::{Fault, Field, Problem};
use super::row::id_text;
use crate::files;
use rayon::prelude::*;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::path::Path;

/// A passage of a [`Corpus`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Passage {
    /// As the file has it (a number as its digits), or else the line number.
    pub id: String,
    /// Empty if there is none.
    pub title: String,
    pub text: String,
    /// Every other field of the line, in its order.
    pub other: Map<String, Value>,
}

impl Passage {
    /// What is searched: the text, or title and text with a blank between.
    pub fn document(&self, with_title: bool) -> Cow<'_, str> {
        if with_title && !self.title.is_empty() {
            format!("{} {}", self.title, self.text).into()
        } else {
            self.text.as_str().into()
        }
    }
}

/// A file of passages.
#[derive(Debug, Clone, Default)]
pub struct Corpus {
    passages: Vec<Passage>,
    problems: Vec<Problem>,
    /// Indices of the passages, sorted by id.
    by_id: Vec<usize>,
    /// Indices of the passages, sorted by text.
    by_text: Vec<usize>,
}

impl Corpus {
    /// Reads a file: JSONL with `text` and, where there are, `id` and `title`; or, if its first
    /// line that is not blank does not begin with `{`, plain text with one passage a line, in any
    /// [`Encoding`](super::encoding::Encoding). Lines that are no passage are left out and listed in
    /// [`Self::problems`].
    ///
    /// # Errors
    /// Only if the file cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DatasetError> {
        let path = path.as_ref();
        let read = files::read_or_pipe(path, files::WHOLE);
        let source = read.map_err(|source| DatasetError::Read { path: path.to_owned(), source })?;
        Ok(Self::from_bytes(&source))
    }

    /// Reads the bytes of such a file.
    pub fn from_bytes(source: &[u8]) -> Self {
        let source = &*decode(source).bytes;
        let start = source.strip_prefix(BOM).unwrap_or(source).trim_ascii_start();
        let read = if start.starts_with(b"{") { read_object } else { read_plain };
        let lines: Vec<_> = split(source)
            .into_par_iter()
            .enumerate()
            .filter(|(_, (range, _))| !source[range.clone()].trim_ascii().is_empty())
            .map(|(at, (range, _))| (at + 1, read(&source[range], at + 1)))
            .collect();

        let mut corpus = Self::default();
        let mut numbers = Vec::new();
        for (line, (passage, faults)) in lines {
            numbers.extend(passage.is_some().then_some(line));
            corpus.passages.extend(passage);
            let problem = |(column, fault)| Problem { id: None, line, column, fault };
            corpus.problems.extend(faults.into_iter().map(problem));
        }
        corpus.sort();
        corpus.note_repeated_ids(&numbers);
        corpus
    }

    pub fn passages(&self) -> &[Passage] {
        &self.passages
    }

    /// Everything that is wrong, in the order of the lines.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The indices of the passages with this id, in ascending order.
    pub fn with_id(&self, id: &str) -> &[usize] {
        matching(&self.by_id, |at| self.passages[at].id.as_str(), id)
    }

    /// The indices of the passages with exactly this text, in ascending order.
    pub fn with_text(&self, text: &str) -> &[usize] {
        matching(&self.by_text, |at| self.passages[at].text.as_str(), text)
    }

    fn sort(&mut self) {
        let passages = &self.passages;
        let mut by_id: Vec<_> = (0..passages.len()).collect();
        let mut by_text = by_id.clone();
        by_id.par_sort_by_key(|at| passages[*at].id.as_str());
        by_text.par_sort_by_key(|at| passages[*at].text.as_str());
        (self.by_id, self.by_text) = (by_id, by_text);
    }

    /// `numbers` has the line number of each passage.
    fn note_repeated_ids(&mut self, numbers: &[usize]) {
        let id = |at: usize| self.passages[at].id.as_str();
        let repeated = self.by_id.chunk_by(|a, b| id(*a) == id(*b));
        for same in repeated {
            for again in &same[1..] {
                self.problems.push(Problem {
                    id: None,
                    line: numbers[*again],
                    column: None,
                    fault: Fault::RepeatedId { id: id(*again).to_owned(), first_line: numbers[same[0]] },
                });
            }
        }
        self.problems.sort_by_key(|problem| problem.line);
    }
}

fn matching<'a>(sorted: &'a [usize], key: impl Fn(usize) -> &'a str, wanted: &str) -> &'a [usize] {
    let start = sorted.partition_point(|at| key(*at) < wanted);
    let rest = &sorted[start..];
    &rest[..rest.partition_point(|at| key(*at) == wanted)]
}

fn read_object(line: &[u8], number: usize) -> (Option<Passage>, Vec<Found>) {
    let mut object = match Object::read(line) {
        Ok(object) => object,
        Err(found) => return (None, vec![found]),
    };
    let id = object.take("id").and_then(|value| {
        let id = id_text(&value);
        if id.is_none() {
            object.ignore(Field::whole("id"), "a string or a number", &value);
        }
        id
    });
    let passage = Passage {
        id: id.unwrap_or_else(|| number.to_string()),
        title: object.optional_text("title").unwrap_or_default(),
        text: object.text("text"),
        other: object.rest(),
    };
    let usable = !object.faults.iter().any(|(_, fault)| fault.is_bad());
    (usable.then_some(passage), object.faults)
}

fn read_plain(line: &[u8], number: usize) -> (Option<Passage>, Vec<Found>) {
    match std::str::from_utf8(line) {
        Ok(text) => {
            let passage = Passage { id: number.to_string(), text: text.trim().to_owned(), ..Passage::default() };
            (Some(passage), Vec::new())
        }
        Err(error) => {
            let good = String::from_utf8_lossy(&line[..error.valid_up_to()]);
            let column = good.chars().count() + 1;
            (None, vec![(Some(column), Fault::InvalidUtf8)])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::encoding::{Encoding, encode};

    #[test]
    fn objects_are_read_and_faults_listed() {
        let corpus = Corpus::from_bytes(
            "\u{feff}\n{\"id\": \"a\", \"title\": \"咬边\", \"text\": \"焊趾处的沟槽\", \"lang\": \"zh\"}\r\n\
             {\"text\": \"no id\"}\n\
             {\"id\": 7, \"title\": 3, \"text\": \"seven\"}\n\
             {\"id\": \"b\"}\n\
             plain\n\
             {\"id\": \"a\", \"text\": \" \"}\n\
             {\"id\": \"a\", \"text\": \"again\"}"
                .as_bytes(),
        );
        let ids: Vec<_> = corpus.passages().iter().map(|p| p.id.as_str()).collect();
        assert_eq!(ids, ["a", "3", "7", "a"]);
        let first = &corpus.passages()[0];
        assert_eq!(first.document(false), "焊趾处的沟槽");
        assert_eq!(first.document(true), "咬边 焊趾处的沟槽");
        assert_eq!(first.other["lang"], "zh");
        assert_eq!(corpus.passages()[1].document(true), "no id");
        let problems: Vec<_> = corpus.problems().iter().map(|p| (p.line, p.is_bad(), p.reason())).collect();
        assert_eq!(
            problems,
            [
                (4, false, "`title` is a number, not a string, and is left out".into()),
                (5, true, "`text` is missing".into()),
                (6, true, "the line is not JSON: expected value".into()),
                (7, true, "`text` is empty".into()),
                (8, false, "the id `a` is also that of line 2".into()),
            ]
        );
        assert_eq!(corpus.with_id("a"), [0, 3]);
        assert_eq!(corpus.with_id("7"), [2]);
        assert_eq!(corpus.with_text("again"), [3]);
        assert!(corpus.with_text("焊趾").is_empty() && corpus.with_id("").is_empty());
    }

    #[test]
    fn a_file_in_another_encoding_is_read() {
        let text = "{\"id\": \"a\", \"text\": \"焊缝中的气孔\"}\r\n{\"id\": \"b\", \"text\": \"夹渣\"}\r\n";
        for encoding in [Encoding::Gb18030, Encoding::Utf16Le, Encoding::Utf16Be] {
            for mark in ["", "\u{feff}"] {
                let corpus = Corpus::from_bytes(&encode(&format!("{mark}{text}"), encoding).unwrap());
                let texts: Vec<_> = corpus.passages().iter().map(|p| (p.id.as_str(), p.text.as_str())).collect();
                assert_eq!(texts, [("a", "焊缝中的气孔"), ("b", "夹渣")], "{encoding}");
                assert!(corpus.problems().is_empty());
            }
        }
    }

    #[test]
    fn plain_lines_are_passages() {
        let corpus = Corpus::from_bytes(b"  \n one {\r\n\n{\"two\"}\n\xff\n");
        let texts: Vec<_> = corpus.passages().iter().map(|p| (p.id.as_str(), p.text.as_str())).collect();
        assert_eq!(texts, [("2", "one {"), ("4", "{\"two\"}")]);
        assert_eq!(corpus.problems().len(), 1);
        assert_eq!((corpus.problems()[0].line, corpus.problems()[0].column), (5, Some(1)));
        assert!(Corpus::from_bytes(b"").passages().is_empty());
    }
}
