//! Passages of a corpus from the lines of a table.

use super::error::ImportError;
use super::mapping::plain_name;
use super::rows::{SkipReason, Skipped};
use super::table::{Table, TableFault};
use crate::dataset::Passage;

/// How passages are made of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CorpusMapping {
    /// The first line names the columns.
    pub header: bool,
    pub id: Option<usize>,
    pub title: Option<usize>,
    pub text: Option<usize>,
}

const ID: [&str; 7] = ["id", "docid", "doc id", "编号", "序号", "no", "标识"];
const TITLE: [&str; 5] = ["title", "标题", "题名", "名称", "章节"];
const TEXT: [&str; 19] = [
    "text",
    "passage",
    "content",
    "document",
    "body",
    "正文",
    "内容",
    "段落",
    "文本",
    "文段",
    "passages",
    "answer",
    "pos",
    "positive",
    "答案",
    "回答",
    "答",
    "正例",
    "标准答案",
];

impl CorpusMapping {
    /// What the names of the columns say, in English or Chinese. Where they say nothing, the only
    /// column is the text, and there is no header.
    pub fn guess(table: &Table) -> Self {
        let names: Vec<_> = table.columns(true).iter().map(|name| plain_name(name)).collect();
        let find = |known: &[&str]| known.iter().find_map(|known| names.iter().position(|name| name == known));
        let (id, title, text) = (find(&ID), find(&TITLE), find(&TEXT));
        let header = id.or(title).or(text).is_some();
        let only = (table.width == 1).then_some(0);
        Self { header, id, title, text: text.or(only) }
    }
}

/// A passage of each line that has a text, in their order, and every line below the header that has
/// none. A passage without an id gets the number of its line in the table.
///
/// # Errors
/// If the mapping names no text.
pub fn passages(table: &Table, mapping: &CorpusMapping) -> Result<(Vec<Passage>, Vec<Skipped>), ImportError> {
    let Some(text) = mapping.text.filter(|column| *column < table.width) else {
        return Err(ImportError::NoColumnFor { what: "text", columns: table.columns(mapping.header) });
    };
    let bad = table.bad_lines();
    let (mut passages, mut skipped) = (Vec::new(), Vec::new());
    for row in table.body(mapping.header) {
        let cell = |column: Option<usize>| column.map_or("", |column| row.cell(column));
        // A single column holds no delimiters, so a long line says nothing about its text.
        let fault =
            bad.get(&row.line).filter(|fault| table.width > 1 || !matches!(fault, TableFault::TooManyCells { .. }));
        if let Some(fault) = fault {
            skipped.push(Skipped { line: row.line, reason: SkipReason::Fault((*fault).clone()) });
        } else if row.cell(text).is_empty() {
            skipped.push(Skipped { line: row.line, reason: SkipReason::NoText });
        } else {
            let id = match cell(mapping.id) {
                "" => row.line.to_string(),
                id => id.to_owned(),
            };
            let (title, text) = (cell(mapping.title).to_owned(), row.cell(text).to_owned());
            passages.push(Passage { id, title, text, ..Passage::default() });
        }
    }
    Ok((passages, skipped))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passages_are_made_of_the_named_columns() {
        let table = Table::from_bytes("编号,标题,内容\na,气孔,孔洞\n,,夹渣\nb,空,\n".as_bytes(), None).unwrap();
        let mapping = CorpusMapping::guess(&table);
        assert_eq!(mapping, CorpusMapping { header: true, id: Some(0), title: Some(1), text: Some(2) });
        let (passages, skipped) = passages(&table, &mapping).unwrap();
        let read: Vec<_> = passages.iter().map(|p| (p.id.as_str(), p.title.as_str(), p.text.as_str())).collect();
        assert_eq!(read, [("a", "气孔", "孔洞"), ("3", "", "夹渣")]);
        assert_eq!(skipped, [Skipped { line: 4, reason: SkipReason::NoText }]);
    }

    #[test]
    fn without_a_text_column_the_columns_are_listed() {
        let table = Table::from_bytes("x,y\na,b\n".as_bytes(), None).unwrap();
        let error = passages(&table, &CorpusMapping::guess(&table)).unwrap_err().to_string();
        assert!(error.contains("no column is the text"), "{error}");
        let one = Table::from_bytes("气孔\n夹渣\n".as_bytes(), None).unwrap();
        assert_eq!(passages(&one, &CorpusMapping::guess(&one)).unwrap().0.len(), 2);
    }
}
