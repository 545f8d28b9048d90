//! Text tables: CSV as RFC 4180 and Excel write it, with commas, tabs or semicolons.

use super::table::{Table, TableFault, TableProblem, TableRow};
use std::collections::BTreeMap;

const DELIMITERS: [char; 3] = ['\t', ',', ';'];

/// Lines looked at to find the delimiter.
const SAMPLE: usize = 200;

/// Reads a text; a byte-order mark before it is left out.
pub(super) fn read(text: &str) -> Table {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    let records = Records::new(text, delimiter(text)).filter(|record| !record.is_blank());
    for Record { line, mut cells, has_odd_quote } in records {
        while cells.last().is_some_and(|cell| cell.trim().is_empty()) {
            cells.pop();
        }
        if has_odd_quote {
            problems.push(TableProblem { line, fault: TableFault::OddQuote });
        }
        rows.push(TableRow { line, cells });
    }
    let first = rows.first().map_or(0, |row: &TableRow| row.cells.len());
    let width = usual(rows.iter().map(|row| row.cells.len())).map_or(0, |(width, _)| width).max(first);
    for row in &rows {
        let (line, cells) = (row.line, row.cells.len());
        if cells > width {
            problems.push(TableProblem { line, fault: TableFault::TooManyCells { cells, width } });
        }
        if row.cells.iter().any(|cell| cell.contains(char::REPLACEMENT_CHARACTER)) {
            problems.push(TableProblem { line, fault: TableFault::NotText });
        }
    }
    problems.sort_by_key(|problem| problem.line);
    Table { width, rows, problems, ..Table::default() }
}

/// The delimiter that parts the largest share of lines into the same number of cells, and of equals
/// into the most; a comma if none parts any. A wrong one parts texts in quotation marks, which then
/// are odd.
fn delimiter(text: &str) -> char {
    let mut best = (0.0, 1, ',');
    for delimiter in DELIMITERS {
        let records = Records::new(text, delimiter).filter(|record| !record.is_blank()).take(SAMPLE);
        let widths: Vec<_> = records.map(|record| if record.has_odd_quote { 0 } else { record.cells.len() }).collect();
        if let Some((width, lines)) = usual(widths.iter().copied().filter(|width| *width > 1)) {
            let share = lines as f64 / widths.len() as f64;
            if (share, width) > (best.0, best.1) {
                best = (share, width, delimiter);
            }
        }
    }
    best.2
}

/// The most frequent number, the larger of equals, and how often it is there.
fn usual(numbers: impl Iterator<Item = usize>) -> Option<(usize, usize)> {
    let mut counts = BTreeMap::new();
    for number in numbers {
        *counts.entry(number).or_insert(0) += 1;
    }
    counts.into_iter().max_by_key(|(number, count)| (*count, *number))
}

#[derive(Debug, PartialEq)]
struct Record {
    line: usize,
    cells: Vec<String>,
    has_odd_quote: bool,
}

impl Record {
    fn is_blank(&self) -> bool {
        self.cells.iter().all(|cell| cell.trim().is_empty())
    }
}

/// The records of a text, blank ones too. A quotation mark has its meaning only where it opens a cell
/// and another one closes that cell; every other one stands for itself.
struct Records<'a> {
    rest: &'a str,
    delimiter: char,
    line: usize,
}

impl<'a> Records<'a> {
    fn new(text: &'a str, delimiter: char) -> Self {
        Self { rest: text, delimiter, line: 1 }
    }

    /// The text in quotation marks that `rest` begins with, and what is left after them. `None` if no
    /// mark closes it before a delimiter or the end of a line.
    fn quoted(&self) -> Option<(String, &'a str)> {
        let mut rest = self.rest.strip_prefix('"')?;
        let mut text = String::new();
        loop {
            let (part, after) = rest.split_once('"')?;
            text.push_str(part);
            if let Some(after) = after.strip_prefix('"') {
                text.push('"');
                rest = after;
            } else {
                let after = after.trim_start_matches(' ');
                let is_closed = after.is_empty() || after.starts_with(['\n', '\r', self.delimiter]);
                return is_closed.then_some((text, after));
            }
        }
    }
}

impl Iterator for Records<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        if self.rest.is_empty() {
            return None;
        }
        let mut record = Record { line: self.line, cells: Vec::new(), has_odd_quote: false };
        loop {
            let (cell, rest) = match self.quoted() {
                Some((cell, rest)) => {
                    self.line += line_breaks(&cell);
                    (cell, rest)
                }
                None => {
                    record.has_odd_quote |= self.rest.starts_with('"');
                    let end = self.rest.find(['\n', '\r', self.delimiter]).unwrap_or(self.rest.len());
                    let (cell, rest) = self.rest.split_at(end);
                    (cell.to_owned(), rest)
                }
            };
            record.cells.push(cell);
            if let Some(rest) = rest.strip_prefix(self.delimiter) {
                self.rest = rest;
                continue;
            }
            self.line += 1;
            self.rest = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix(['\n', '\r'])).unwrap_or(rest);
            return Some(record);
        }
    }
}

fn line_breaks(text: &str) -> usize {
    text.matches(['\n', '\r']).count() - text.matches("\r\n").count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cells(table: &Table) -> Vec<(usize, Vec<&str>)> {
        table.rows.iter().map(|row| (row.line, row.cells.iter().map(String::as_str).collect())).collect()
    }

    fn problems(table: &Table) -> Vec<(usize, TableFault)> {
        table.problems.iter().map(|problem| (problem.line, problem.fault.clone())).collect()
    }

    #[test]
    fn quotes_hold_delimiters_line_breaks_and_quotes() {
        let table = read("问,答\r\n\"a, b\",\"第一行\r\n第二行 \"\"x\"\"\" \r\n\n c ,\n\"\",d");
        assert_eq!(
            cells(&table),
            [(1, vec!["问", "答"]), (2, vec!["a, b", "第一行\r\n第二行 \"x\""]), (5, vec![" c "]), (6, vec!["", "d"])]
        );
        assert!(table.problems.is_empty());
        assert_eq!(table.width, 2);
        assert_eq!(table.rows[2].cell(0), "c");
        assert_eq!(table.rows[2].cell(1), "");
    }

    #[test]
    fn the_delimiter_is_found_from_the_content() {
        for (text, expected) in [
            ("q\ta, b, c\nq, r\ta; b\n", '\t'),
            ("q;a, b\nq, r;a\nq;a\n", ';'),
            ("q,a\tb\nq,a;b\n", ','),
            ("什么是气孔\n", ','),
            ("\"a\tb\",c\n\"d\te\",f\n", ','),
        ] {
            assert_eq!(delimiter(text), expected, "{text}");
        }
    }

    #[test]
    fn odd_quotes_are_kept_and_told_and_the_next_line_is_read() {
        let table = read("问,答\n1,\"bad\n2,\"good\"\n\"He said\" so,b\n\"\"\"no end,c");
        assert_eq!(
            cells(&table),
            [
                (1, vec!["问", "答"]),
                (2, vec!["1", "\"bad"]),
                (3, vec!["2", "good"]),
                (4, vec!["\"He said\" so", "b"]),
                (5, vec!["\"\"\"no end", "c"])
            ]
        );
        assert_eq!(problems(&table), [2, 4, 5].map(|line| (line, TableFault::OddQuote)));
    }

    #[test]
    fn long_lines_are_told_and_short_ones_are_not() {
        let table = read("q,a,n\nq,a\nq,a\nq,a,\nq,a,b,c,\nq,a,n,,,\n");
        assert_eq!(table.width, 3);
        assert_eq!(problems(&table), [(5, TableFault::TooManyCells { cells: 4, width: 3 })]);
        let titled = read("焊接问答\nq,a\nq,a\n");
        assert_eq!((titled.width, titled.problems.len()), (2, 0));
    }

    #[test]
    fn lines_end_in_every_way() {
        assert_eq!(cells(&read("a,b\rc,d\r\ne,f\n")), [(1, vec!["a", "b"]), (2, vec!["c", "d"]), (3, vec!["e", "f"])]);
    }

    #[test]
    fn bytes_that_are_no_text_are_told() {
        assert_eq!(problems(&read("a,b\nc,\u{fffd}\n")), [(2, TableFault::NotText)]);
    }

    proptest! {
        #[test]
        fn a_table_written_as_csv_is_read_back(
            rows in prop::collection::vec(prop::collection::vec("[a焊\",;\t\r\n ]{0,8}[a焊]", 2..=3), 1..6),
            delimiter in prop::sample::select(vec![',', '\t', ';']),
            ending in prop::sample::select(vec!["\n", "\r\n"]),
        ) {
            let quote = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
            let line = |row: &Vec<String>| row.iter().map(quote).collect::<Vec<_>>().join(&delimiter.to_string());
            let text: String = rows.iter().map(|row| line(row) + ending).collect();
            let read: Vec<_> = Records::new(&text, delimiter).map(|record| record.cells).collect();
            prop_assert_eq!(&read, &rows);
            let table = super::read(&text);
            if super::delimiter(&text) == delimiter {
                let cells: Vec<_> = table.rows.into_iter().map(|row| row.cells).collect();
                prop_assert_eq!(cells, rows);
            }
        }
    }
}
