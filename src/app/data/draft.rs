//! A text that is being typed and is not yet an edit of the data.
//!
//! While somebody types, the window holds the text; when the typing pauses or the field is left, it
//! becomes one edit, and so one step of undo.

use crate::dataset::Side;

/// Seconds without typing after which a text becomes an edit.
const PAUSE: f64 = 1.0;

/// A text that can be edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    Query,
    Passage(Side, usize),
    /// A passage that is not in the row yet.
    NewPassage(Side),
    /// The row's own instruction.
    Prompt,
    /// What the reviewer notes about the row.
    Note,
    /// A line that could not be read, as it stands in the file.
    RawLine,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    pub field: Field,
    pub text: String,
    /// Seconds, by the window's clock.
    pub typed_at: f64,
}

impl Draft {
    /// Seconds until it becomes an edit. `None` if it waits for the user: an empty text, which may be on
    /// its way to another one, and texts that are new or are repaired.
    pub fn wait(&self, now: f64) -> Option<f64> {
        let may_go = match self.field {
            Field::Query | Field::Passage(..) => !self.text.trim().is_empty(),
            Field::Prompt | Field::Note => true,
            Field::NewPassage(_) | Field::RawLine => false,
        };
        may_go.then(|| (self.typed_at + PAUSE - now).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_waits_for_a_pause_but_an_empty_one_and_a_raw_line_for_the_user() {
        let mut draft = Draft { field: Field::Query, text: "?".into(), typed_at: 10.0 };
        assert_eq!(draft.wait(10.25), Some(0.75));
        assert_eq!(draft.wait(20.0), Some(0.0));
        draft.text = " ".into();
        assert_eq!(draft.wait(20.0), None);
        assert_eq!(Draft { field: Field::RawLine, text: "{".into(), typed_at: 0.0 }.wait(20.0), None);
    }
}
