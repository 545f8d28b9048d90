//! Rows from the lines of a table.

use super::error::ImportError;
use super::mapping::{Mapping, Role};
use super::table::{Table, TableFault, TableRow};
use crate::dataset::Row;
use serde_json::{Map, Value};
use std::fmt;

/// A line of a table of which nothing was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// From 1.
    pub line: usize,
    pub reason: SkipReason,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SkipReason {
    NoQuestion,
    NoPositive,
    /// A passage of a corpus without text.
    NoText,
    Fault(TableFault),
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoQuestion => f.write_str("there is no question"),
            Self::NoPositive => f.write_str("there is no positive"),
            Self::NoText => f.write_str("there is no text"),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

/// A row of each line that has a question and a positive, in their order, and every line below the
/// header that has not. Texts lose the blanks around them; blank cells and blank lines are nothing.
///
/// # Errors
/// If the mapping names no query or no positive.
pub fn rows(table: &Table, mapping: &Mapping) -> Result<(Vec<Row>, Vec<Skipped>), ImportError> {
    mapping.check(table)?;
    let bad = table.bad_lines();
    let keys = keys(table, mapping);
    let (mut rows, mut skipped) = (Vec::new(), Vec::new());
    for line in table.body(mapping.header) {
        let made = match bad.get(&line.line) {
            Some(fault) => Err(SkipReason::Fault((*fault).clone())),
            None => row(line, mapping, &keys),
        };
        match made {
            Ok(row) => rows.push(row),
            Err(reason) => skipped.push(Skipped { line: line.line, reason }),
        }
    }
    Ok((rows, skipped))
}

fn row(line: &TableRow, mapping: &Mapping, keys: &[(usize, String)]) -> Result<Row, SkipReason> {
    let texts = |role| -> Vec<String> {
        let cells = mapping.columns(role).map(|column| line.cell(column));
        cells.flat_map(|cell| mapping.parts(cell)).map(str::to_owned).collect()
    };
    let text = |role| mapping.columns(role).map(|column| line.cell(column)).find(|cell| !cell.is_empty());
    let query = text(Role::Query).ok_or(SkipReason::NoQuestion)?;
    let pos = texts(Role::Positive);
    if pos.is_empty() {
        return Err(SkipReason::NoPositive);
    }
    let other: Map<_, _> = (keys.iter())
        .map(|(column, key)| (key.clone(), line.cell(*column)))
        .filter(|(_, cell)| !cell.is_empty())
        .map(|(key, cell)| (key, Value::from(cell)))
        .collect();
    Ok(Row {
        query: query.to_owned(),
        pos,
        neg: texts(Role::Negative),
        prompt: text(Role::Prompt).map(str::to_owned),
        kind: text(Role::Kind).map(str::to_owned),
        other,
        ..Row::default()
    })
}

/// Keys that have a meaning of their own in a row.
const TAKEN: [&str; 9] = ["query", "pos", "neg", "pos_scores", "neg_scores", "pos_ids", "neg_ids", "prompt", "type"];

/// The columns that are kept, each with a key that no other has: its name, or where that is taken
/// name and number, as in `type_3`.
fn keys(table: &Table, mapping: &Mapping) -> Vec<(usize, String)> {
    let names = table.columns(mapping.header);
    let mut keys: Vec<(usize, String)> = Vec::new();
    for column in mapping.columns(Role::Other) {
        let Some(name) = names.get(column) else { continue };
        let mut key = name.clone();
        while TAKEN.contains(&key.as_str()) || keys.iter().any(|(_, other)| *other == key) {
            key = format!("{key}_{}", column + 1);
        }
        keys.push((column, key));
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::json::Style;
    use proptest::prelude::*;

    fn table(text: &str) -> Table {
        Table::from_bytes(text.as_bytes(), None).unwrap()
    }

    #[test]
    fn a_line_becomes_a_row_with_everything_that_it_says() {
        let table = table(
            "问题,答案1,答案2,负例,类型,指令,来源,来源,neg\n\
             什么是气孔？, 孔洞|气泡 ,圆孔,夹渣||裂纹,normal,检索,手册,,n\n",
        );
        let mut mapping = Mapping::guess(&table);
        mapping.split = Some("|".into());
        mapping.roles[8] = Role::Other;
        mapping.keep_other(&table);
        let (rows, skipped) = rows(&table, &mapping).unwrap();
        assert!(skipped.is_empty());
        assert_eq!(
            rows[0].to_line(&Style::default()),
            r#"{"query": "什么是气孔？", "pos": ["孔洞", "气泡", "圆孔"], "neg": ["夹渣", "裂纹"], "prompt": "检索", "type": "normal", "来源": "手册", "neg_9": "n"}"#
        );
        mapping.split = None;
        assert_eq!(super::rows(&table, &mapping).unwrap().0[0].pos, ["孔洞|气泡", "圆孔"]);
    }

    #[test]
    fn lines_without_question_or_positive_are_told() {
        let table = table("问题,答案\n,a\nq,\n\nq,a,b\nq,a\nq,\u{fffd}\n \t,\nr,\"b\nc\"\n");
        let (rows, skipped) = rows(&table, &Mapping::guess(&table)).unwrap();
        let rows: Vec<_> = rows.iter().map(|row| (row.query.as_str(), row.pos[0].as_str())).collect();
        assert_eq!(rows, [("q", "a"), ("r", "b\nc")]);
        let skipped: Vec<_> = skipped.iter().map(ToString::to_string).collect();
        assert_eq!(skipped[..2], ["line 2: there is no question", "line 3: there is no positive"]);
        assert!(skipped[2].starts_with("line 5: the line has 3 cells, the table 2 columns"), "{skipped:?}");
        assert!(skipped[3].starts_with("line 7: the line holds bytes that are no text"), "{skipped:?}");
        assert_eq!(skipped.len(), 4);
    }

    #[test]
    fn kept_columns_never_take_each_others_place() {
        let table = table("问题,答案,来源,来源,来源_4,type\nq,a,1,2,3,4\n");
        let mut mapping = Mapping::guess(&table);
        mapping.roles[5] = Role::Other;
        mapping.keep_other(&table);
        let other = rows(&table, &mapping).unwrap().0.remove(0).other;
        let other: Vec<_> = other.iter().map(|(key, value)| (key.as_str(), value.as_str().unwrap())).collect();
        assert_eq!(other, [("来源", "1"), ("来源_4", "2"), ("来源_4_5", "3"), ("type_6", "4")]);
    }

    proptest! {
        #[test]
        fn a_table_that_is_written_as_csv_imports_to_the_same_texts(
            lines in prop::collection::vec(prop::array::uniform3("[a焊，,;\t\" \n]{0,8}[焊b]"), 1..8),
        ) {
            let quote = |text: &String| format!("\"{}\"", text.replace('"', "\"\""));
            let written: String = lines.iter().map(|line| line.each_ref().map(quote).join(",") + "\r\n").collect();
            let table = table(&format!("query,pos,neg\r\n{written}"));
            let (rows, skipped) = rows(&table, &Mapping::guess(&table)).unwrap();
            prop_assert!(skipped.is_empty());
            let read: Vec<_> = rows.into_iter().map(|row| [row.query, row.pos.concat(), row.neg.concat()]).collect();
            let expected: Vec<_> = lines.iter().map(|line| line.each_ref().map(|text| text.trim().to_owned())).collect();
            prop_assert_eq!(read, expected);
        }
    }
}
