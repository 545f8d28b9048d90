//! What was done, what was undone, and where in it the file was saved.

use super::line::{Ending, Line};

/// One line put in, taken out, or put in the place of another. Carrying it out turns it into its
/// own opposite.
#[derive(Debug)]
pub(super) struct Change {
    pub at: usize,
    /// Whether the line that is now at `at` goes out.
    pub removes: bool,
    /// The line that comes in.
    pub inserts: Option<Line>,
    /// What the ending of the line before becomes, where the change touches it.
    pub previous: Option<Ending>,
}

impl Change {
    pub fn carry_out(&mut self, lines: &mut Vec<Line>) {
        if let (Some(ending), Some(before)) = (&mut self.previous, self.at.checked_sub(1)) {
            std::mem::swap(ending, &mut lines[before].ending);
        }
        match (&mut self.inserts, self.removes) {
            (Some(line), true) => std::mem::swap(line, &mut lines[self.at]),
            (inserts, removes) => {
                let out = removes.then(|| lines.remove(self.at));
                if let Some(line) = inserts.take() {
                    lines.insert(self.at, line);
                    self.removes = true;
                } else {
                    self.removes = false;
                }
                *inserts = out;
            }
        }
    }
}

/// What is done to the history: something new, one step back, or one step forward again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Step {
    Edit,
    Undo,
    Redo,
}

#[derive(Debug)]
pub(super) struct History {
    undo: Vec<Change>,
    redo: Vec<Change>,
    /// How many changes were made when the file was saved; `None` if no undo leads there any more.
    saved: Option<usize>,
}

impl Default for History {
    fn default() -> Self {
        Self { undo: Vec::new(), redo: Vec::new(), saved: Some(0) }
    }
}

impl History {
    /// The change that a step would carry out next.
    pub fn next(&self, step: Step) -> Option<&Change> {
        match step {
            Step::Edit => None,
            Step::Undo => self.undo.last(),
            Step::Redo => self.redo.last(),
        }
    }

    pub fn edit(&mut self, mut change: Change, lines: &mut Vec<Line>) {
        if self.saved.is_some_and(|saved| saved > self.undo.len()) {
            self.saved = None;
        }
        change.carry_out(lines);
        self.undo.push(change);
        self.redo.clear();
    }

    /// Goes one step back or forward, if there is one.
    pub fn go(&mut self, step: Step, lines: &mut Vec<Line>) {
        let (from, to) = match step {
            Step::Edit => return,
            Step::Undo => (&mut self.undo, &mut self.redo),
            Step::Redo => (&mut self.redo, &mut self.undo),
        };
        if let Some(mut change) = from.pop() {
            change.carry_out(lines);
            to.push(change);
        }
    }

    pub fn mark_saved(&mut self) {
        self.saved = Some(self.undo.len());
    }

    pub fn is_modified(&self) -> bool {
        self.saved != Some(self.undo.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::line::{Bytes, LineId};
    use super::*;

    fn line(text: &str) -> Line {
        Line::read(LineId(0), Bytes::Own(text.into()), Ending::Lf, &[])
    }

    fn texts(lines: &[Line]) -> Vec<String> {
        let text = |line: &Line| String::from_utf8_lossy(line.bytes.get(&[])).into_owned();
        lines.iter().map(text).collect()
    }

    fn change(at: usize, removes: bool, inserts: Option<&str>) -> Change {
        Change { at, removes, inserts: inserts.map(line), previous: None }
    }

    #[test]
    fn every_change_is_undone_and_redone() {
        let mut lines = vec![line("a"), line("b")];
        let mut history = History::default();
        history.edit(change(1, true, Some("c")), &mut lines);
        assert_eq!(texts(&lines), ["a", "c"]);
        history.edit(change(0, true, None), &mut lines);
        assert_eq!(texts(&lines), ["c"]);
        history.edit(change(1, false, Some("d")), &mut lines);
        assert_eq!(texts(&lines), ["c", "d"]);
        for _ in 0..2 {
            for expected in [vec!["c"], vec!["a", "c"], vec!["a", "b"]] {
                history.go(Step::Undo, &mut lines);
                assert_eq!(texts(&lines), expected);
            }
            assert!(history.next(Step::Undo).is_none() && !history.is_modified());
            for expected in [vec!["a", "c"], vec!["c"], vec!["c", "d"]] {
                history.go(Step::Redo, &mut lines);
                assert_eq!(texts(&lines), expected);
            }
            assert!(history.next(Step::Redo).is_none() && history.is_modified());
        }
    }

    #[test]
    fn modified_means_unlike_the_last_save() {
        let mut lines = vec![line("a")];
        let mut history = History::default();
        history.edit(change(0, true, Some("b")), &mut lines);
        history.mark_saved();
        assert!(!history.is_modified());
        history.go(Step::Undo, &mut lines);
        assert!(history.is_modified());
        history.go(Step::Redo, &mut lines);
        assert!(!history.is_modified());
        history.go(Step::Undo, &mut lines);
        history.edit(change(0, true, Some("c")), &mut lines);
        assert!(history.is_modified());
        history.go(Step::Undo, &mut lines);
        assert!(history.is_modified(), "the saved state can no longer be reached");
    }
}
