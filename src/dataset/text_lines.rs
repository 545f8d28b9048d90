//! A file of texts, read line by line however long it is.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::error::DatasetError;
use super::line::BOM;
use super::row::id_text;
use crate::files::{self, Kind};

/// A text and what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextLine {
    /// As the file has it (a number as its digits), or else the line number.
    pub id: String,
    pub text: String,
}

/// The texts of a file in UTF-8, one a line: plain, or a field of a JSON object, whose `id` is the text's. Blank lines are
/// left out.
pub struct TextLines {
    path: PathBuf,
    reader: BufReader<File>,
    field: String,
    line: usize,
}

impl TextLines {
    pub fn open(path: &Path, field: &str) -> Result<Self, DatasetError> {
        let file = files::open(path, Kind::FileOrPipe)
            .map_err(|source| DatasetError::Read { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), reader: BufReader::new(file), field: field.to_owned(), line: 0 })
    }

    fn read(&mut self) -> io::Result<Option<TextLine>> {
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            if self.reader.read_until(b'\n', &mut bytes)? == 0 {
                return Ok(None);
            }
            self.line += 1;
            let bad =
                |cause: String| io::Error::new(io::ErrorKind::InvalidData, format!("line {}: {cause}", self.line));
            let line = bytes.strip_prefix(BOM).filter(|_| self.line == 1).unwrap_or(&bytes);
            let line = std::str::from_utf8(line)
                .map_err(|_| bad("it is not UTF-8; `weldbench import` changes that".into()))?;
            let line = line.trim_end_matches(['\n', '\r']);
            if line.trim().is_empty() {
                continue;
            }
            let number = self.line.to_string();
            return match serde_json::from_str::<Value>(line) {
                Ok(Value::Object(fields)) => match fields.get(&self.field) {
                    Some(Value::String(text)) => {
                        let id = fields.get("id").and_then(id_text).unwrap_or(number);
                        Ok(Some(TextLine { id, text: text.clone() }))
                    }
                    _ => Err(bad(format!(
                        "there is no text `{}`; give one text a line, or JSON objects with it",
                        self.field
                    ))),
                },
                _ => Ok(Some(TextLine { id: number, text: line.to_owned() })),
            };
        }
    }
}

impl Iterator for TextLines {
    type Item = Result<TextLine, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().map_err(|source| DatasetError::Read { path: self.path.clone(), source }).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &[u8]) -> Vec<Result<(String, String), String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("texts");
        std::fs::write(&path, content).unwrap();
        let lines = TextLines::open(&path, "text").unwrap();
        lines.map(|line| line.map(|line| (line.id, line.text)).map_err(|error| error.to_string())).collect()
    }

    #[test]
    fn plain_lines_and_objects_are_texts() {
        let found = read("\u{feff}气孔 \r\n\n{\"text\": \"a\\nb\", \"id\": 7}\n{\"id\": \"x\", \"text\": \"\"}\n[1]\n{\"text\": \"end\"}".as_bytes());
        let expected = [("1", "气孔 "), ("7", "a\nb"), ("x", ""), ("5", "[1]"), ("6", "end")];
        let expected: Vec<_> = expected.iter().map(|(id, text)| Ok((id.to_string(), text.to_string()))).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_no_text_is_told_by_its_line() {
        let found = read(b"fine\n{\"query\": \"a\"}\n\xff\xfe\n");
        assert!(found[0].is_ok());
        for (found, parts) in found[1..].iter().zip([["line 2", "`text`"], ["line 3", "UTF-8"]]) {
            let error = found.as_ref().unwrap_err();
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        }
    }
}
