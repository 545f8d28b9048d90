//! What each column of a table is.

use super::error::ImportError;
use super::table::Table;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Role {
    Query,
    Positive,
    Negative,
    Prompt,
    /// FlagEmbedding's `type`.
    Kind,
    /// Kept as a field of the row, under the column's name.
    Other,
    #[default]
    LeaveOut,
}

impl Role {
    pub const ALL: [Self; 7] =
        [Self::Query, Self::Positive, Self::Negative, Self::Prompt, Self::Kind, Self::Other, Self::LeaveOut];
}

/// How rows are made of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mapping {
    /// The first line names the columns.
    pub header: bool,
    /// Of each column; columns beyond are left out.
    pub roles: Vec<Role>,
    /// Parts a cell into several passages; `None` leaves it whole.
    pub split: Option<String>,
}

const QUERY: [&str; 13] = [
    "query",
    "question",
    "q",
    "问题",
    "问",
    "题目",
    "提问",
    "用户问题",
    "查询",
    "标准问题",
    "问句",
    "questions",
    "queries",
];
const POSITIVE: [&str; 23] = [
    "positive",
    "pos",
    "passage",
    "answer",
    "a",
    "positives",
    "passages",
    "answers",
    "答案",
    "答",
    "回答",
    "正例",
    "答复",
    "标准答案",
    "正确答案",
    "参考答案",
    "正样本",
    "段落",
    "解答",
    "正确段落",
    "相关段落",
    "document",
    "text",
];
const NEGATIVE: [&str; 14] = [
    "negative",
    "neg",
    "negatives",
    "hard negative",
    "hard negatives",
    "负例",
    "错误答案",
    "难负例",
    "负样本",
    "错误回答",
    "干扰项",
    "wrong answer",
    "wrong answers",
    "反例",
];
const KIND: [&str; 2] = ["type", "类型"];
const PROMPT: [&str; 5] = ["prompt", "instruction", "指令", "提示", "提示词"];

impl Mapping {
    /// What the names of the columns say, in English or Chinese. Where they say nothing, the first
    /// column is the query, the second the positive, and there is no header.
    ///
    /// Columns whose name says nothing are left out.
    pub fn guess(table: &Table) -> Self {
        let mut named: Vec<_> = table.columns(true).iter().map(|name| role_of(name)).collect();
        let header = named.iter().any(|role| *role != Role::LeaveOut);
        // One query, prompt and type: of several the first.
        for only in [Role::Query, Role::Prompt, Role::Kind] {
            for role in named.iter_mut().filter(|role| **role == only).skip(1) {
                *role = Role::LeaveOut;
            }
        }
        if !header {
            for (role, first) in named.iter_mut().zip([Role::Query, Role::Positive]) {
                *role = first;
            }
        }
        Self { header, roles: named, split: None }
    }

    /// The columns with this role.
    pub fn columns(&self, role: Role) -> impl Iterator<Item = usize> {
        self.roles.iter().enumerate().filter(move |(_, found)| **found == role).map(|(column, _)| column)
    }

    /// Gives a column a role. Query, prompt and type are taken from the column that had them before.
    pub fn set(&mut self, column: usize, role: Role) {
        if matches!(role, Role::Query | Role::Prompt | Role::Kind) {
            for other in self.roles.iter_mut().filter(|other| **other == role) {
                *other = Role::LeaveOut;
            }
        }
        if self.roles.len() <= column {
            self.roles.resize(column + 1, Role::LeaveOut);
        }
        self.roles[column] = role;
    }

    /// Takes a separator as people type it: `\n` is a line break, `\t` a tab, nothing is none.
    pub fn set_split(&mut self, typed: &str) {
        self.split = (!typed.is_empty()).then(|| typed.replace("\\n", "\n").replace("\\t", "\t"));
    }

    /// Keeps every column that is left out as a field of the row.
    pub fn keep_other(&mut self, table: &Table) {
        self.roles.resize(table.width.max(self.roles.len()), Role::LeaveOut);
        for role in self.roles.iter_mut().filter(|role| **role == Role::LeaveOut) {
            *role = Role::Other;
        }
    }

    /// Whether rows can be made.
    ///
    /// # Errors
    /// If no column of the table is the query, or none a positive.
    pub fn check(&self, table: &Table) -> Result<(), ImportError> {
        for (role, what) in [(Role::Query, "question"), (Role::Positive, "positive")] {
            if !self.columns(role).any(|column| column < table.width) {
                return Err(ImportError::NoColumnFor { what, columns: table.columns(self.header) });
            }
        }
        Ok(())
    }

    /// The passages of a cell, without the blanks around them.
    pub(super) fn parts<'a>(&'a self, cell: &'a str) -> impl Iterator<Item = &'a str> {
        let separator = self.split.as_deref().filter(|separator| !separator.is_empty());
        let parts: Vec<_> = separator.map_or_else(|| vec![cell], |separator| cell.split(separator).collect());
        parts.into_iter().map(str::trim).filter(|part| !part.is_empty())
    }
}

fn role_of(name: &str) -> Role {
    let name = plain_name(name);
    let is_in = |names: &[&str]| names.contains(&name.as_str());
    if is_in(&QUERY) {
        Role::Query
    } else if is_in(&POSITIVE) {
        Role::Positive
    } else if is_in(&NEGATIVE) {
        Role::Negative
    } else if is_in(&KIND) {
        Role::Kind
    } else if is_in(&PROMPT) {
        Role::Prompt
    } else {
        Role::LeaveOut
    }
}

/// A column's name without number, case and what stands in brackets: `Negative_2 (hard)` is `negative`.
pub(super) fn plain_name(name: &str) -> String {
    let name = name.split(['(', '（', '[', '【']).next().unwrap_or_default();
    let is_number = |c: char| c.is_ascii_digit() || "一二三四五六七八九十".contains(c);
    let is_gap = |c: char| c.is_whitespace() || matches!(c, '_' | '-' | ':' | '：' | '#' | '.');
    let name = name.trim_end_matches(is_gap).trim_end_matches(is_number).trim_matches(is_gap);
    let words: Vec<_> = name.split(is_gap).filter(|word| !word.is_empty()).collect();
    words.join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(header: &str) -> Mapping {
        let table = Table::from_bytes(format!("{header}\nx,y\n").as_bytes(), None).unwrap();
        Mapping::guess(&table)
    }

    #[test]
    fn roles_are_guessed_from_english_and_chinese_names() {
        use Role::{Kind, LeaveOut, Negative, Positive, Prompt, Query};
        for (header, roles) in [
            ("Question,Answer", vec![Query, Positive]),
            (
                "序号,问题,答案1,答案2,错误答案1,错误答案_2",
                vec![LeaveOut, Query, Positive, Positive, Negative, Negative],
            ),
            ("neg,pos,query,type,prompt", vec![Negative, Positive, Query, Kind, Prompt]),
            ("题目：,标准答案（必填）,负例,类型,指令", vec![Query, Positive, Negative, Kind, Prompt]),
            ("Hard_Negative 1,Passage,Q", vec![Negative, Positive, Query]),
            ("问,答,问", vec![Query, Positive, LeaveOut]),
        ] {
            let mapping = guess(header);
            assert_eq!((mapping.header, mapping.roles), (true, roles), "{header}");
        }
    }

    #[test]
    fn without_known_names_the_first_two_columns_are_taken_and_no_header() {
        let mapping = guess("什么是气孔？,焊缝中的孔洞,手册");
        assert_eq!((mapping.header, mapping.roles), (false, vec![Role::Query, Role::Positive, Role::LeaveOut]));
    }

    #[test]
    fn a_mapping_needs_question_and_positive() {
        let table = Table::from_bytes("问题,来源\nx,y\n".as_bytes(), None).unwrap();
        let mut mapping = Mapping::guess(&table);
        let error = mapping.check(&table).unwrap_err().to_string();
        assert!(error.contains("no column is the positive") && error.contains("问题, 来源"), "{error}");
        mapping.set(7, Role::Positive);
        assert!(mapping.check(&table).is_err(), "that column is not in the table");
        mapping.set(1, Role::Positive);
        assert!(mapping.check(&table).is_ok());
        mapping.set(1, Role::Query);
        assert_eq!(mapping.roles[..2], [Role::LeaveOut, Role::Query], "there is one query");
        assert!(mapping.check(&table).is_err());
    }

    #[test]
    fn other_columns_may_be_kept() {
        let table = Table::from_bytes("问题,答案,来源\nx,y,z\n".as_bytes(), None).unwrap();
        let mut mapping = Mapping::guess(&table);
        mapping.keep_other(&table);
        assert_eq!(mapping.roles, [Role::Query, Role::Positive, Role::Other]);
    }
}
