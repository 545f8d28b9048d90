//! What can be wrong with a line, in words, and what to do about it.

use super::LineId;
use super::object::LONGEST_LINE;
use std::fmt;

/// A fault of one line, with the place where it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line's identity, where the line belongs to a [`Dataset`](super::Dataset).
    pub id: Option<LineId>,
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters; `None` where the line as a whole is at fault.
    pub column: Option<usize>,
    pub fault: Fault,
}

impl Problem {
    /// True if the line cannot be used; false if it is usable and this is a warning.
    pub fn is_bad(&self) -> bool {
        self.fault.is_bad()
    }

    pub fn reason(&self) -> String {
        self.fault.to_string()
    }

    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        self.fault.advice()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(column) = self.column {
            write!(f, ", column {column}")?;
        }
        write!(f, ": {}. {}.", self.fault, self.advice())
    }
}

/// A key of a row, or one item of the list under that key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    pub key: &'static str,
    /// 0-based here, 1-based when shown.
    pub item: Option<usize>,
}

impl Field {
    pub(super) fn whole(key: &'static str) -> Self {
        Self { key, item: None }
    }

    pub(super) fn item(key: &'static str, item: usize) -> Self {
        Self { key, item: Some(item) }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.item {
            None => write!(f, "`{}`", self.key),
            Some(item) => write!(f, "item {} of `{}`", item + 1, self.key),
        }
    }
}

/// What is wrong. The first group makes a line unusable, the second leaves a usable row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the line is not valid UTF-8")]
    InvalidUtf8,
    #[error("the line has {bytes} bytes; a row has at most {LONGEST_LINE}")]
    LineTooLong { bytes: usize },
    #[error("the line is not JSON: {0}")]
    NotJson(String),
    #[error("the line holds {found}, not an object in braces")]
    NotAnObject { found: &'static str },
    #[error("the key `{0}` stands twice in the line")]
    DuplicateKey(String),
    #[error("{0} is missing")]
    Missing(Field),
    #[error("{field} is {found}, not {wanted}")]
    WrongType { field: Field, wanted: &'static str, found: &'static str },
    #[error("{0} is empty")]
    Empty(Field),

    #[error("{field} has {found} items for {wanted} passages")]
    WrongLength { field: Field, wanted: usize, found: usize },
    #[error("{field} is {found}, not {wanted}, and is left out")]
    Ignored { field: Field, wanted: &'static str, found: &'static str },
    #[error("{0} is an empty negative")]
    EmptyNegative(Field),
    #[error("`neg` is an empty list")]
    NoNegatives,
    #[error("{negative} is the same text as {positive}")]
    NegativeIsPositive { negative: Field, positive: Field },
    #[error("{0} holds control characters")]
    ControlCharacter(Field),
    #[error("the id `{id}` is also that of line {first_line}")]
    RepeatedId { id: String, first_line: usize },
    #[error("{again} is the same text as {first}")]
    RepeatedPassage { again: Field, first: Field },
    #[error("the question is also that of line {first_line}")]
    DuplicateQuestion { first_line: usize },
    #[error("`neg` has {found} passages, and the train group takes {wanted} negatives")]
    TooFewNegatives { wanted: usize, found: usize },
    #[error("{field} has {tokens} tokens, of which the model reads {limit}: {} are cut off", tokens - limit)]
    TooLong { field: Field, tokens: usize, limit: usize },
    #[error("{0} looks like text read in the wrong encoding")]
    Mojibake(Field),
    #[error("the question is also in {file}")]
    InOtherFile { file: String },
    #[error("{field} is also in {file}")]
    PassageInOtherFile { field: Field, file: String },
}

/// A kind of fault, to count and to filter by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultKind {
    InvalidUtf8,
    LineTooLong,
    NotJson,
    NotAnObject,
    DuplicateKey,
    Missing,
    WrongType,
    Empty,
    WrongLength,
    Ignored,
    EmptyNegative,
    NoNegatives,
    NegativeIsPositive,
    ControlCharacter,
    RepeatedId,
    RepeatedPassage,
    DuplicateQuestion,
    TooFewNegatives,
    TooLong,
    Mojibake,
    InOtherFile,
    PassageInOtherFile,
}

/// How much a fault matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The line cannot be used.
    Error,
    /// The row can be used, and something is wrong with it.
    Warning,
    /// It may well be meant so.
    Note,
}

impl Severity {
    /// The word in the output of commands.
    pub fn key(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

impl FaultKind {
    pub const ALL: [Self; 22] = [
        Self::InvalidUtf8,
        Self::LineTooLong,
        Self::NotJson,
        Self::NotAnObject,
        Self::DuplicateKey,
        Self::Missing,
        Self::WrongType,
        Self::Empty,
        Self::WrongLength,
        Self::Ignored,
        Self::EmptyNegative,
        Self::NoNegatives,
        Self::NegativeIsPositive,
        Self::ControlCharacter,
        Self::RepeatedId,
        Self::RepeatedPassage,
        Self::DuplicateQuestion,
        Self::TooFewNegatives,
        Self::TooLong,
        Self::Mojibake,
        Self::InOtherFile,
        Self::PassageInOtherFile,
    ];

    /// The name in texts and in the output of commands.
    pub fn key(self) -> &'static str {
        match self {
            Self::InvalidUtf8 => "invalid_utf8",
            Self::LineTooLong => "line_too_long",
            Self::NotJson => "not_json",
            Self::NotAnObject => "not_an_object",
            Self::DuplicateKey => "duplicate_key",
            Self::Missing => "missing",
            Self::WrongType => "wrong_type",
            Self::Empty => "empty",
            Self::WrongLength => "wrong_length",
            Self::Ignored => "ignored",
            Self::EmptyNegative => "empty_negative",
            Self::NoNegatives => "no_negatives",
            Self::NegativeIsPositive => "negative_is_positive",
            Self::ControlCharacter => "control_character",
            Self::RepeatedId => "repeated_id",
            Self::RepeatedPassage => "repeated_passage",
            Self::DuplicateQuestion => "duplicate_question",
            Self::TooFewNegatives => "too_few_negatives",
            Self::TooLong => "too_long",
            Self::Mojibake => "mojibake",
            Self::InOtherFile => "in_other_file",
            Self::PassageInOtherFile => "passage_in_other_file",
        }
    }

    /// True if it makes a line unusable.
    pub fn is_bad(self) -> bool {
        self <= Self::Empty
    }

    pub fn severity(self) -> Severity {
        match self {
            Self::PassageInOtherFile => Severity::Note,
            _ if self.is_bad() => Severity::Error,
            _ => Severity::Warning,
        }
    }
}

impl Fault {
    /// True if it makes the line unusable; false if it is a warning on a usable row.
    pub fn is_bad(&self) -> bool {
        self.kind().is_bad()
    }

    pub fn kind(&self) -> FaultKind {
        match self {
            Fault::InvalidUtf8 => FaultKind::InvalidUtf8,
            Fault::LineTooLong { .. } => FaultKind::LineTooLong,
            Fault::NotJson(_) => FaultKind::NotJson,
            Fault::NotAnObject { .. } => FaultKind::NotAnObject,
            Fault::DuplicateKey(_) => FaultKind::DuplicateKey,
            Fault::Missing(_) => FaultKind::Missing,
            Fault::WrongType { .. } => FaultKind::WrongType,
            Fault::Empty(_) => FaultKind::Empty,
            Fault::WrongLength { .. } => FaultKind::WrongLength,
            Fault::Ignored { .. } => FaultKind::Ignored,
            Fault::EmptyNegative(_) => FaultKind::EmptyNegative,
            Fault::NoNegatives => FaultKind::NoNegatives,
            Fault::NegativeIsPositive { .. } => FaultKind::NegativeIsPositive,
            Fault::ControlCharacter(_) => FaultKind::ControlCharacter,
            Fault::RepeatedId { .. } => FaultKind::RepeatedId,
            Fault::RepeatedPassage { .. } => FaultKind::RepeatedPassage,
            Fault::DuplicateQuestion { .. } => FaultKind::DuplicateQuestion,
            Fault::TooFewNegatives { .. } => FaultKind::TooFewNegatives,
            Fault::TooLong { .. } => FaultKind::TooLong,
            Fault::Mojibake(_) => FaultKind::Mojibake,
            Fault::InOtherFile { .. } => FaultKind::InOtherFile,
            Fault::PassageInOtherFile { .. } => FaultKind::PassageInOtherFile,
        }
    }

    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Fault::InvalidUtf8 => "Convert the file to UTF-8 (it may be GBK), or type the line anew",
            Fault::LineTooLong { .. } => "Part it: one object a line, each with one question",
            Fault::NotJson(_) => {
                "Correct the text at that column: one object a line, as in {\"query\": \"…\", \"pos\": [\"…\"]}"
            }
            Fault::NotAnObject { .. } => "Write one object in braces on each line",
            Fault::DuplicateKey(_) => "Keep one of the two, remove or rename the other",
            Fault::Missing(_) => "Add it to the line",
            Fault::WrongType { .. } => "Correct the value",
            Fault::Empty(_) => "Write it, or remove the line",
            Fault::WrongLength { .. } => "It is not used; give it one item for each passage, in the same order",
            Fault::Ignored { .. } => "Correct the value, or remove it",
            Fault::EmptyNegative(_) => "Remove this negative, or write it",
            Fault::NoNegatives => "Add a negative before training on this row",
            Fault::NegativeIsPositive { .. } => "Remove the wrong one of the two",
            Fault::ControlCharacter(_) => "Remove them: they are rarely meant and cannot be seen",
            Fault::RepeatedId { .. } => "Give every passage an id of its own",
            Fault::RepeatedPassage { .. } => "Remove one of the two",
            Fault::DuplicateQuestion { .. } => "Merge the two rows, or tell the questions apart",
            Fault::TooFewNegatives { .. } => "Mine more negatives; until then some are shown twice",
            Fault::TooLong { .. } => "Shorten it, or raise the limit if the model reads more",
            Fault::Mojibake(_) => "Type it anew, or convert it back",
            Fault::InOtherFile { .. } => {
                "Keep it out of one of the two, or the evaluation measures what was learnt by heart"
            }
            Fault::PassageInOtherFile { .. } => {
                "That is usual where both draw on one corpus; it matters only if the evaluation is to show how passages are found that training never saw"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_where_what_and_what_to_do() {
        let problem = Problem {
            id: None,
            line: 7,
            column: Some(12),
            fault: Fault::WrongType { field: Field::item("pos", 1), wanted: "a string", found: "a number" },
        };
        assert!(problem.is_bad());
        assert_eq!(
            problem.to_string(),
            "line 7, column 12: item 2 of `pos` is a number, not a string. Correct the value."
        );
    }
}
