//! A file of passages, looked at before it becomes the corpus.

use super::error::ImportError;
use super::passages::{CorpusMapping, passages};
use super::rows::Skipped;
use super::table::{Table, TableProblem};
use super::workbook;
use super::write::write_passages;
use crate::dataset::encoding::{Encoding, decode};
use crate::dataset::{Corpus, Passage, Problem};
use crate::files;
use serde_json::{Map, Value};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Bytes of a file whose first line is looked at.
const BEGINNING: u64 = 1 << 16;

/// How a file holds passages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CorpusForm {
    /// JSON objects with `text` and, where there are, `id` and `title`.
    Objects,
    /// One passage a line.
    Lines,
    /// A table with a column of texts.
    Table,
}

/// A file of passages, and what it would give.
#[derive(Debug, Clone)]
pub struct CorpusFile {
    pub path: PathBuf,
    pub form: CorpusForm,
    /// `None` for a workbook.
    pub encoding: Option<Encoding>,
    passages: Vec<Passage>,
    /// What is wrong with lines of objects or of texts; those that are bad give no passage.
    pub problems: Vec<Problem>,
    /// Lines of a table that give no passage.
    pub skipped: Vec<Skipped>,
    /// What else is odd about a table.
    pub oddities: Vec<TableProblem>,
}

impl CorpusFile {
    /// Reads a file: a table if its name or content says so, else lines of objects or of texts.
    ///
    /// # Errors
    /// If the file cannot be read, or a table has no column of texts.
    pub fn open(path: &Path) -> Result<Self, ImportError> {
        let read = files::read_or_pipe(path, files::WHOLE);
        let bytes = read.map_err(|source| ImportError::Read { path: path.to_owned(), source })?;
        let place = |source| ImportError::In { path: path.to_owned(), source: Box::new(source) };
        Self::from_bytes(path, &bytes).map_err(place)
    }

    fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self, ImportError> {
        let end = path.extension().map(|end| end.to_string_lossy().to_lowercase()).unwrap_or_default();
        if workbook::kind(bytes).is_some() || ["csv", "tsv"].contains(&end.as_str()) {
            let table = Table::from_bytes(bytes, None)?;
            let (passages, skipped) = passages(&table, &CorpusMapping::guess(&table))?;
            let oddities = table.problems.into_iter().filter(|problem| !problem.fault.is_bad()).collect();
            return Ok(Self {
                path: path.to_owned(),
                form: CorpusForm::Table,
                encoding: table.encoding,
                passages,
                problems: Vec::new(),
                skipped,
                oddities,
            });
        }
        let decoded = decode(bytes);
        let text = decoded.bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&decoded.bytes).trim_ascii_start();
        if text.is_empty() {
            return Err(ImportError::Empty);
        }
        if text.contains(&0) {
            return Err(ImportError::NotATable { reason: "it holds bytes that are no text" });
        }
        let form = if text.starts_with(b"{") { CorpusForm::Objects } else { CorpusForm::Lines };
        let corpus = Corpus::from_bytes(bytes);
        Ok(Self {
            path: path.to_owned(),
            form,
            encoding: Some(decoded.encoding),
            passages: corpus.passages().to_vec(),
            problems: corpus.problems().to_vec(),
            skipped: Vec::new(),
            oddities: Vec::new(),
        })
    }

    pub fn passages(&self) -> &[Passage] {
        &self.passages
    }

    /// How many lines give no passage.
    pub fn left_out(&self) -> usize {
        let mut lines: Vec<usize> = self.problems.iter().filter(|one| one.is_bad()).map(|one| one.line).collect();
        lines.dedup();
        lines.len() + self.skipped.len()
    }

    /// The file that [`write`](Self::write) makes, beside this one; none if this one is a corpus as it is.
    pub fn target(&self) -> Option<PathBuf> {
        let name = |number: usize| match number {
            1 => self.path.with_extension("corpus.jsonl"),
            _ => self.path.with_extension(format!("corpus-{number}.jsonl")),
        };
        let is_corpus = self.form == CorpusForm::Objects;
        (!is_corpus).then(|| (1..).map(name).find(|path| !path.exists()).unwrap_or_else(|| name(1)))
    }

    /// Writes the passages as a corpus, where the file is none; the path of the corpus.
    ///
    /// # Errors
    /// As those of [`write_passages`].
    pub fn write(&self, target: Option<PathBuf>) -> Result<PathBuf, ImportError> {
        match target {
            Some(path) => write_passages(&path, &self.passages, false).map(|()| path),
            None => Ok(self.path.clone()),
        }
    }
}

/// Whether a file holds passages rather than rows, by its first line that is not blank: an object with a `text`, and
/// without a question.
pub fn is_corpus(path: &Path) -> bool {
    // What is read from a pipe is gone.
    if !path.is_file() {
        return false;
    }
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(BEGINNING).read_to_end(&mut bytes));
    let Ok(length) = read else {
        return false;
    };
    if length as u64 == BEGINNING {
        // A character may be cut in two at the end.
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        bytes.truncate(end);
    }
    let decoded = decode(&bytes).bytes.into_owned();
    let text = decoded.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&decoded).trim_ascii_start();
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let object: Option<Map<String, Value>> = serde_json::from_slice(line).ok();
    object.is_some_and(|object| {
        object.get("text").is_some_and(Value::is_string)
            && !["query", "pos"].iter().any(|key| object.contains_key(*key))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::encoding::encode;
    use std::fs;

    fn read(name: &str, text: &str, encoding: Encoding) -> CorpusFile {
        CorpusFile::from_bytes(Path::new(name), &encode(text, encoding).unwrap()).unwrap()
    }

    #[test]
    fn objects_lines_and_tables_are_told_apart() {
        let objects = read("a.jsonl", "{\"id\": 1, \"text\": \"咬边\"}\nbroken\n{\"text\": \"\"}\n", Encoding::Utf8Bom);
        assert_eq!((objects.form, objects.encoding), (CorpusForm::Objects, Some(Encoding::Utf8)));
        assert_eq!((objects.passages().len(), objects.left_out(), objects.target()), (1, 2, None));

        let lines = read("a.txt", "焊缝中的孔洞\r\n\r\n焊趾处的沟槽\r\n", Encoding::Gb18030);
        assert_eq!((lines.form, lines.encoding), (CorpusForm::Lines, Some(Encoding::Gb18030)));
        assert_eq!((lines.passages()[1].id.as_str(), lines.passages()[1].text.as_str()), ("3", "焊趾处的沟槽"));
        assert_eq!(lines.target(), Some("a.corpus.jsonl".into()));

        let table = read("a.csv", "编号,标题,正文\n7,气孔,孔洞\n8,空,\n", Encoding::Utf16Le);
        assert_eq!((table.form, table.encoding), (CorpusForm::Table, Some(Encoding::Utf16Le)));
        assert_eq!((table.passages()[0].title.as_str(), table.left_out()), ("气孔", 1));
        let error = CorpusFile::from_bytes(Path::new("b.csv"), b"x,y\n1,2\n").unwrap_err();
        assert!(matches!(error, ImportError::NoColumnFor { what: "text", .. }), "{error}");
        assert!(matches!(CorpusFile::from_bytes(Path::new("c"), b" \n"), Err(ImportError::Empty)));
        assert!(matches!(CorpusFile::from_bytes(Path::new("c"), b"\x7fE\0\0"), Err(ImportError::NotATable { .. })));
    }

    #[test]
    fn what_is_written_is_a_corpus_beside_the_file_that_replaces_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("手册.txt");
        fs::write(&path, "甲\n乙\n").unwrap();
        for name in ["手册.corpus.jsonl", "手册.corpus-2.jsonl"] {
            let file = CorpusFile::open(&path).unwrap();
            let target = file.write(file.target()).unwrap();
            assert_eq!(target, folder.path().join(name));
            assert_eq!(Corpus::open(&target).unwrap().passages(), file.passages());
            assert!(is_corpus(&target) && !is_corpus(&path));
        }
        let written = CorpusFile::open(&folder.path().join("手册.corpus.jsonl")).unwrap();
        assert_eq!(written.write(written.target()).unwrap(), written.path);
        assert!(CorpusFile::open(&folder.path().join("none.txt")).unwrap_err().to_string().contains("none.txt"));
    }

    #[test]
    fn rows_are_no_corpus() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.jsonl");
        let long = format!("{{\"text\": \"{}\"}}\n", "焊".repeat(30_000));
        for (text, expected) in [
            ("\n{\"id\": \"a\", \"text\": \"t\"}\n", true),
            ("\u{feff}{\"text\": \"t\"}\r\n{", true),
            ("{\"query\": \"q\", \"pos\": [\"p\"], \"text\": \"t\"}\n", false),
            ("{\"text\": 3}\n", false),
            ("{broken\n", false),
            ("", false),
            (&long, false),
        ] {
            fs::write(&path, text).unwrap();
            assert_eq!(is_corpus(&path), expected, "{text:.40}");
        }
        assert!(!is_corpus(&folder.path().join("none")));
    }
}
