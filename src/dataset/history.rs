//! What was done, what was undone, and where in it the file was saved.

use super::line::{Ending, Line, LineId, Lines};
use super::step::{StepInfo, StepName};

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
    pub fn carry_out(&mut self, lines: &mut Lines) {
        if let (Some(ending), Some(before)) = (&mut self.previous, self.at.checked_sub(1)) {
            std::mem::swap(ending, &mut lines.change(before).ending);
        }
        match (&mut self.inserts, self.removes) {
            (Some(line), true) => std::mem::swap(line, lines.change(self.at)),
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
    /// Where the first of them stood, 1-based.
    first: usize,
}

impl Step {
    pub fn new(name: StepName) -> Self {
        Self { name, changes: Vec::new(), lines: Vec::new(), first: 0 }
    }

    pub fn info(&self) -> StepInfo {
        StepInfo { name: self.name, lines: self.changes.len(), line: self.first }
    }
}

/// The way through the history.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Way {
    Undo,
    Redo,
}

impl Way {
    pub fn back(self) -> Self {
        match self {
            Self::Undo => Self::Redo,
            Self::Redo => Self::Undo,
        }
    }
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
    pub fn push(&mut self, mut step: Step) {
        step.first = step.changes.iter().map(|change| change.at + 1).min().unwrap_or(0);
        if self.saved.is_some_and(|saved| saved > self.undo.len()) {
            self.saved = None;
        }
        self.undo.push(step);
        self.redo.clear();
    }

    /// Goes one step back or forward, if there is one. `go_on` is asked before each change; if it says no, nothing
    /// has changed, and false is returned.
    pub fn go(&mut self, way: Way, lines: &mut Lines, mut go_on: impl FnMut() -> bool) -> bool {
        let (from, to) = match way {
            Way::Undo => (&mut self.undo, &mut self.redo),
            Way::Redo => (&mut self.redo, &mut self.undo),
        };
        let Some(mut step) = from.pop() else {
            return true;
        };
        let mut order: Vec<&mut Change> = step.changes.iter_mut().collect();
        if way == Way::Undo {
            order.reverse();
        }
        let mut made = 0;
        while made < order.len() && go_on() {
            order[made].carry_out(lines);
            made += 1;
        }
        let is_whole = made == order.len();
        if !is_whole {
            order[..made].iter_mut().rev().for_each(|change| change.carry_out(lines));
        }
        (if is_whole { to } else { from }).push(step);
        is_whole
    }

    /// Knows of no step any more; what was done stays, and counts as unsaved.
    pub fn forget(&mut self) {
        *self = Self { saved: None, ..Self::default() };
    }

    pub fn mark_saved(&mut self) {
        self.saved = Some(self.undo.len());
    }

    pub fn is_modified(&self) -> bool {
        self.saved != Some(self.undo.len())
    }

    /// How many steps are made, and how many there are with those taken back.
    pub fn count(&self) -> (usize, usize) {
        (self.undo.len(), self.undo.len() + self.redo.len())
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

    fn lines(texts: &[&str]) -> Lines {
        let mut lines = Lines::default();
        texts.iter().enumerate().for_each(|(at, text)| lines.insert(at, line(text)));
        lines
    }

    fn texts(lines: &Lines) -> Vec<String> {
        (0..lines.len()).map(|at| String::from_utf8_lossy(lines.bytes_at(at)).into_owned()).collect()
    }

    fn change(at: usize, removes: bool, inserts: Option<&str>) -> Change {
        Change { at, removes, inserts: inserts.map(line), previous: None }
    }

    fn step(history: &mut History, changes: Vec<Change>, lines: &mut Lines) {
        let mut step = Step { changes, ..Step::new(StepName::ReplaceLine) };
        step.changes.iter_mut().for_each(|change| change.carry_out(lines));
        history.push(step);
    }

    #[test]
    fn every_step_is_undone_and_redone() {
        let mut lines = lines(&["a", "b"]);
        let mut history = History::default();
        step(&mut history, vec![change(1, true, Some("c"))], &mut lines);
        assert_eq!(texts(&lines), ["a", "c"]);
        // Two changes at once, of which the second counts on the first.
        step(&mut history, vec![change(0, true, None), change(1, false, Some("d"))], &mut lines);
        assert_eq!(texts(&lines), ["c", "d"]);
        for _ in 0..2 {
            for expected in [vec!["a", "c"], vec!["a", "b"]] {
                history.go(Way::Undo, &mut lines, || true);
                assert_eq!(texts(&lines), expected);
            }
            assert!(history.next(Way::Undo).is_none() && !history.is_modified());
            for expected in [vec!["a", "c"], vec!["c", "d"]] {
                history.go(Way::Redo, &mut lines, || true);
                assert_eq!(texts(&lines), expected);
            }
            assert!(history.next(Way::Redo).is_none() && history.is_modified());
        }
    }

    #[test]
    fn modified_means_unlike_the_last_save() {
        let mut lines = lines(&["a"]);
        let mut history = History::default();
        step(&mut history, vec![change(0, true, Some("b"))], &mut lines);
        history.mark_saved();
        assert!(!history.is_modified());
        history.go(Way::Undo, &mut lines, || true);
        assert!(history.is_modified());
        history.go(Way::Redo, &mut lines, || true);
        assert!(!history.is_modified());
        history.go(Way::Undo, &mut lines, || true);
        step(&mut history, vec![change(0, true, Some("c"))], &mut lines);
        assert!(history.is_modified());
        history.go(Way::Undo, &mut lines, || true);
        assert!(history.is_modified(), "the saved state can no longer be reached");
    }
}
