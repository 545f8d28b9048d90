//! What was done, what was undone, and where in it the file was saved.

use super::line::{Ending, Line, LineId};
use super::step::StepName;

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

/// Changes that are made and taken back together, in the order they were made.
#[derive(Debug)]
pub(super) struct Step {
    pub name: StepName,
    pub changes: Vec<Change>,
    /// The lines that the changes are made on.
    pub lines: Vec<LineId>,
}

/// The way through the history.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Way {
    Undo,
    Redo,
}

#[derive(Debug)]
pub(super) struct History {
    undo: Vec<Step>,
    redo: Vec<Step>,
    /// How many steps were made when the file was saved; `None` if no undo leads there any more.
    saved: Option<usize>,
}

impl Default for History {
    fn default() -> Self {
        Self { undo: Vec::new(), redo: Vec::new(), saved: Some(0) }
    }
}

impl History {
    /// The step that would be taken next that way.
    pub fn next(&self, way: Way) -> Option<&Step> {
        match way {
            Way::Undo => self.undo.last(),
            Way::Redo => self.redo.last(),
        }
    }

    /// The changes of a step in the order in which they are carried out that way.
    pub fn order(step: &Step, way: Way) -> Vec<&Change> {
        match way {
            Way::Undo => step.changes.iter().rev().collect(),
            Way::Redo => step.changes.iter().collect(),
        }
    }

    /// Remembers a step that has been carried out.
    pub fn push(&mut self, step: Step) {
        if self.saved.is_some_and(|saved| saved > self.undo.len()) {
            self.saved = None;
        }
        self.undo.push(step);
        self.redo.clear();
    }

    /// Goes one step back or forward, if there is one.
    pub fn go(&mut self, way: Way, lines: &mut Vec<Line>) {
        let (from, to) = match way {
            Way::Undo => (&mut self.undo, &mut self.redo),
            Way::Redo => (&mut self.redo, &mut self.undo),
        };
        if let Some(mut step) = from.pop() {
            match way {
                Way::Undo => step.changes.iter_mut().rev().for_each(|change| change.carry_out(lines)),
                Way::Redo => step.changes.iter_mut().for_each(|change| change.carry_out(lines)),
            }
            to.push(step);
        }
    }

    pub fn mark_saved(&mut self) {
        self.saved = Some(self.undo.len());
    }

    pub fn is_modified(&self) -> bool {
        self.saved != Some(self.undo.len())
    }

    /// The steps made, the oldest first, then those taken back, the next to redo first.
    pub fn steps(&self) -> (impl ExactSizeIterator<Item = &Step>, impl ExactSizeIterator<Item = &Step>) {
        (self.undo.iter(), self.redo.iter().rev())
    }
}

#[cfg(test)]
mod tests {
    use super::super::line::Bytes;
    use super::*;

    fn line(text: &str) -> Line {
        Line { id: LineId(0), bytes: Bytes::Own(text.as_bytes().into()), ending: Ending::Lf }
    }

    fn texts(lines: &[Line]) -> Vec<String> {
        let text = |line: &Line| String::from_utf8_lossy(line.bytes.get(&[])).into_owned();
        lines.iter().map(text).collect()
    }

    fn change(at: usize, removes: bool, inserts: Option<&str>) -> Change {
        Change { at, removes, inserts: inserts.map(line), previous: None }
    }

    fn step(history: &mut History, changes: Vec<Change>, lines: &mut Vec<Line>) {
        let mut step = Step { name: StepName::ReplaceLine, changes, lines: Vec::new() };
        step.changes.iter_mut().for_each(|change| change.carry_out(lines));
        history.push(step);
    }

    #[test]
    fn every_step_is_undone_and_redone() {
        let mut lines = vec![line("a"), line("b")];
        let mut history = History::default();
        step(&mut history, vec![change(1, true, Some("c"))], &mut lines);
        assert_eq!(texts(&lines), ["a", "c"]);
        // Two changes at once, of which the second counts on the first.
        step(&mut history, vec![change(0, true, None), change(1, false, Some("d"))], &mut lines);
        assert_eq!(texts(&lines), ["c", "d"]);
        for _ in 0..2 {
            for expected in [vec!["a", "c"], vec!["a", "b"]] {
                history.go(Way::Undo, &mut lines);
                assert_eq!(texts(&lines), expected);
            }
            assert!(history.next(Way::Undo).is_none() && !history.is_modified());
            for expected in [vec!["a", "c"], vec!["c", "d"]] {
                history.go(Way::Redo, &mut lines);
                assert_eq!(texts(&lines), expected);
            }
            assert!(history.next(Way::Redo).is_none() && history.is_modified());
        }
    }

    #[test]
    fn modified_means_unlike_the_last_save() {
        let mut lines = vec![line("a")];
        let mut history = History::default();
        step(&mut history, vec![change(0, true, Some("b"))], &mut lines);
        history.mark_saved();
        assert!(!history.is_modified());
        history.go(Way::Undo, &mut lines);
        assert!(history.is_modified());
        history.go(Way::Redo, &mut lines);
        assert!(!history.is_modified());
        history.go(Way::Undo, &mut lines);
        step(&mut history, vec![change(0, true, Some("c"))], &mut lines);
        assert!(history.is_modified());
        history.go(Way::Undo, &mut lines);
        assert!(history.is_modified(), "the saved state can no longer be reached");
    }
}
