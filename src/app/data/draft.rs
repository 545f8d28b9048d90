//! A text that is being typed and is not yet an edit of the data.
//!
//! While somebody types, the window holds the text; when the typing pauses or the field is left, it
//! becomes one edit, and so one step of undo.

/// Seconds without typing after which a text becomes an edit.
const PAUSE: f64 = 1.0;

/// A list of passages of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum List {
    Positives,
    Negatives,
}

impl List {
    pub fn other(self) -> Self {
        match self {
            Self::Positives => Self::Negatives,
            Self::Negatives => Self::Positives,
        }
    }
}

/// A text of a row that can be edited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    Query,
    Passage(List, usize),
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
    /// Seconds until it becomes an edit; `None` for a raw line, which waits to be asked.
    pub fn wait(&self, now: f64) -> Option<f64> {
        (self.field != Field::RawLine).then(|| (self.typed_at + PAUSE - now).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_waits_for_a_pause_but_a_raw_line_for_the_user() {
        let mut draft = Draft { field: Field::Query, text: "?".into(), typed_at: 10.0 };
        assert_eq!(draft.wait(10.25), Some(0.75));
        assert_eq!(draft.wait(20.0), Some(0.0));
        draft.field = Field::RawLine;
        assert_eq!(draft.wait(20.0), None);
    }
}
