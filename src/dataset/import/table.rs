//! A table as another program wrote it: cells of text.

use super::delimited;
use super::error::ImportError;
use super::workbook;
use crate::dataset::encoding::{Encoding, decode};
use crate::files;
use std::collections::HashMap;
use std::fmt;
use std::path::Path;

/// Bytes of the largest file that is imported, and columns of the widest table: as many as Excel has.
const LARGEST: u64 = 1 << 30;
pub(super) const COLUMNS: usize = 16_384;

/// Cells of text in lines and columns, the header among them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// The names of a workbook's sheets; empty for a text file.
    pub sheets: Vec<String>,
    /// Which of `sheets` this is.
    pub sheet: Option<usize>,
    /// How a text file is encoded; `None` for a workbook.
    pub encoding: Option<Encoding>,
    /// The number of columns.
    pub width: usize,
    /// Every line that is not blank.
    pub rows: Vec<TableRow>,
    /// What is odd, in the order of the lines.
    pub problems: Vec<TableProblem>,
}

/// A line of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRow {
    /// The line of the file, or the row of the sheet, where it begins; from 1.
    pub line: usize,
    /// May be fewer than the table has columns: the rest of the line is blank.
    pub cells: Vec<String>,
}

impl TableRow {
    /// The text of a cell without the blanks around it; empty if the line is too short.
    pub fn cell(&self, column: usize) -> &str {
        self.cells.get(column).map_or("", |cell| cell.trim())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableProblem {
    pub line: usize,
    pub fault: TableFault,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableFault {
    /// Probably a comma inside a text without quotes. The line is not imported.
    TooManyCells { cells: usize, width: usize },
    /// Bytes that are no character. The line is not imported.
    NotText,
    /// A quotation mark that opens a cell and does not close it; it is taken as it stands.
    OddQuote,
    /// A formula's error, such as `#N/A`; the cell is taken as blank. `column` counts from 0.
    CellError { column: usize, error: String },
}

impl TableFault {
    /// Whether the line's texts cannot be relied on, so that no row is made of it.
    pub fn is_bad(&self) -> bool {
        matches!(self, Self::TooManyCells { .. } | Self::NotText)
    }
}

impl fmt::Display for TableFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyCells { cells, width } => write!(
                f,
                "the line has {cells} cells, the table {width} columns; put texts with a delimiter in quotation marks"
            ),
            Self::NotText => f.write_str("the line holds bytes that are no text; save the file as UTF-8"),
            Self::OddQuote => f.write_str("a quotation mark opens a cell and does not close it; it is kept as it is"),
            Self::CellError { column, error } => write!(f, "column {} holds the error {error}", column + 1),
        }
    }
}

impl fmt::Display for TableProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.fault)
    }
}

impl Table {
    /// Reads a file: a workbook's sheet of this name, or its first one.
    ///
    /// # Errors
    /// If the file cannot be read, is no table, or has no such sheet.
    pub fn open(path: impl AsRef<Path>, sheet: Option<&str>) -> Result<Self, ImportError> {
        let path = path.as_ref();
        let read = files::read_or_pipe(path, LARGEST);
        let bytes = read.map_err(|source| ImportError::Read { path: path.to_owned(), source })?;
        let place = |source| ImportError::In { path: path.to_owned(), source: Box::new(source) };
        Self::from_bytes(&bytes, sheet).map_err(place)
    }

    /// Reads the bytes of such a file. What kind of file it is, is told by its content.
    ///
    /// # Errors
    /// If they are no table, or have no such sheet.
    pub fn from_bytes(bytes: &[u8], sheet: Option<&str>) -> Result<Self, ImportError> {
        if let Some(kind) = workbook::kind(bytes) {
            return workbook::read(bytes, kind, sheet);
        }
        let decoded = decode(bytes);
        let start = decoded.bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&decoded.bytes).trim_ascii_start();
        if start.is_empty() {
            return Err(ImportError::Empty);
        }
        if start.contains(&0) {
            return Err(ImportError::NotATable { reason: "it holds bytes that are no text" });
        }
        if is_json(start) {
            return Err(ImportError::Json);
        }
        if is_web_page(start) {
            return Err(ImportError::WebPage);
        }
        if let Some(sheet) = sheet {
            return Err(ImportError::NoSuchSheet { sheet: sheet.to_owned(), sheets: Vec::new() });
        }
        let table = delimited::read(&String::from_utf8_lossy(&decoded.bytes));
        if table.rows.is_empty() {
            return Err(ImportError::Empty);
        }
        if table.width > COLUMNS {
            return Err(ImportError::NotATable { reason: "a line of it has more than 16384 columns" });
        }
        Ok(Self { encoding: Some(decoded.encoding), ..table })
    }

    /// What the columns are called: by the first line, or by their numbers from 1.
    pub fn columns(&self, header: bool) -> Vec<String> {
        let first = self.rows.first().filter(|_| header);
        (0..self.width)
            .map(|column| match first.map_or("", |row| row.cell(column)) {
                "" => (column + 1).to_string(),
                name => name.to_owned(),
            })
            .collect()
    }

    /// The column with this name, or else with this number from 1.
    ///
    /// # Errors
    /// If there is none.
    pub fn column(&self, name: &str, header: bool) -> Result<usize, ImportError> {
        let columns = self.columns(header);
        let name = name.trim();
        let by_number = || name.parse().ok().filter(|number| (1..=self.width).contains(number));
        let named = columns.iter().position(|column| column == name);
        named
            .or_else(|| columns.iter().position(|column| column.to_lowercase() == name.to_lowercase()))
            .or_else(|| by_number().map(|number: usize| number - 1))
            .ok_or_else(|| ImportError::NoSuchColumn { column: name.to_owned(), columns })
    }

    /// The lines below the header, if there is one.
    pub fn body(&self, header: bool) -> &[TableRow] {
        self.rows.get(usize::from(header)..).unwrap_or_default()
    }

    /// The fault of each line that no row can be made of.
    pub(super) fn bad_lines(&self) -> HashMap<usize, &TableFault> {
        let bad = self.problems.iter().filter(|problem| problem.fault.is_bad());
        bad.map(|problem| (problem.line, &problem.fault)).collect()
    }
}

fn is_json(start: &[u8]) -> bool {
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    start.starts_with(b"{") && serde_json::from_slice::<serde_json::Map<_, _>>(line).is_ok()
}

fn is_web_page(start: &[u8]) -> bool {
    let start = start[..start.len().min(256)].to_ascii_lowercase();
    [&b"<!doctype"[..], b"<html", b"<table", b"<head", b"<meta"].iter().any(|tag| start.starts_with(tag))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::encoding::encode;
    use proptest::prelude::*;

    fn table(text: &str) -> Table {
        Table::from_bytes(text.as_bytes(), None).unwrap()
    }

    #[test]
    fn columns_are_found_by_name_and_by_number() {
        let table = table("问题,Answer,\na,b,c\n");
        assert_eq!(table.columns(true), ["问题", "Answer", "3"]);
        assert_eq!(table.columns(false), ["1", "2", "3"]);
        assert_eq!(table.column("answer", true).unwrap(), 1);
        assert_eq!(table.column(" 3", true).unwrap(), 2);
        assert_eq!(table.column("2", false).unwrap(), 1);
        for name in ["0", "4", "-1", "答案", ""] {
            let error = table.column(name, true).unwrap_err();
            assert!(error.to_string().contains("问题, Answer, 3"), "{error}");
        }
    }

    #[test]
    fn the_encoding_is_found() {
        let text = "问题\t答案\r\n什么是气孔？\t焊缝中的孔洞\r\n";
        for encoding in [Encoding::Utf8, Encoding::Gb18030, Encoding::Utf16Le, Encoding::Utf16Be] {
            let table = Table::from_bytes(&encode(text, encoding).unwrap(), None).unwrap();
            assert_eq!(table.encoding, Some(encoding));
            assert_eq!(table.rows[1].cells, ["什么是气孔？", "焊缝中的孔洞"]);
        }
        let marked = table(&format!("\u{feff}{text}"));
        assert_eq!(
            (marked.encoding, marked.columns(true)),
            (Some(Encoding::Utf8Bom), vec!["问题".into(), "答案".into()])
        );
    }

    #[test]
    fn what_is_no_table_is_refused_with_the_reason() {
        for (bytes, reason) in [
            (&b""[..], "the file is empty"),
            (b"\xef\xbb\xbf \r\n\n", "the file is empty"),
            (b",,\n,\n", "the file is empty"),
            (b"\x7fELF\0\0\x01\xff", "the file is no table"),
            (b"{\"query\": \"q\", \"pos\": [\"a\"]}\n", "JSON already"),
            (b" <html><table>", "a web page"),
            (b"PK\x03\x04 no more than that", "the workbook is damaged"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "the workbook is damaged"),
        ] {
            let error = Table::from_bytes(bytes, None).unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains(". "), "{error}");
        }
        let error = Table::from_bytes(b"a,b\n", Some("Sheet1")).unwrap_err().to_string();
        assert!(error.contains("no sheet `Sheet1`"), "{error}");
        let error = Table::open("no/such.csv", None).unwrap_err().to_string();
        assert!(error.contains("no/such.csv"), "{error}");
    }

    proptest! {
        #[test]
        fn whatever_the_bytes_nothing_breaks(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Table::from_bytes(&bytes, None);
        }

        #[test]
        fn whatever_the_text_every_line_is_in_its_place(text in "[\",;\t\r\n a焊]{0,80}") {
            if let Ok(table) = Table::from_bytes(text.as_bytes(), None) {
                prop_assert!(table.rows.is_sorted_by(|a, b| a.line < b.line));
                let kept: String = table.rows.iter().flat_map(|row| row.cells.concat().chars().collect::<Vec<_>>()).collect();
                let count = |text: &str| text.chars().filter(|c| matches!(c, 'a' | '焊')).count();
                prop_assert_eq!(count(&kept), count(&text), "{:?}", table);
            }
        }
    }
}
