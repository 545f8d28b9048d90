//! What stands before questions when they are encoded.

use std::borrow::Cow;

use crate::dataset::Row;
use crate::model::{ModelFolder, TextKind};
use crate::training::fill;

/// What stands before every question, as in training: FlagEmbedding's `query_instruction_for_retrieval` and
/// `query_instruction_format`. A row's own `prompt` takes its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// `None` for the model's own prefix.
    pub text: Option<String>,
    /// How instruction and question are joined; each of its two `{}` stands for one.
    pub format: String,
}

impl Default for Instruction {
    /// The model's own prefix, and the question right after it.
    fn default() -> Self {
        Self { text: None, format: PLAIN.into() }
    }
}

const PLAIN: &str = "{}{}";

impl Instruction {
    /// What stands before questions about a row: its own prompt, if it has one.
    pub fn of_row(mut self, row: Option<&Row>) -> Self {
        self.text = row.and_then(|row| row.prompt.clone()).or(self.text);
        self
    }

    /// The text that is encoded for a row's question.
    pub(super) fn question<'a>(&self, row: &'a Row, model: &ModelFolder) -> (Cow<'a, str>, TextKind) {
        match row.prompt.as_ref().or(self.text.as_ref()) {
            // The model puts its prefix there itself; vectors that others have computed are found again.
            None if self.format == PLAIN => (Cow::Borrowed(&row.query), TextKind::Query),
            None => self.filled(model.prefix(TextKind::Query), row),
            Some(instruction) => self.filled(instruction, row),
        }
    }

    fn filled<'a>(&self, instruction: &str, row: &Row) -> (Cow<'a, str>, TextKind) {
        (Cow::Owned(fill(&self.format, instruction, &row.query)), TextKind::InstructedQuery)
    }
}
