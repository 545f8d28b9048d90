//! Question–answer rows: read, check, edit, undo, save. Knows no tensors.
//!
//! A [`Dataset`] is a JSONL file in FlagEmbedding's format, kept line by line. Lines that are no
//! usable row stay where they are and are listed as [`Problem`]s; saving writes every line that was
//! not edited back byte for byte, and an edited one with only the edited part rewritten.
//!
//! ```
//! use weldbench::dataset::{Dataset, Edit, Side};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("train.jsonl");
//! # std::fs::write(&path, concat!(
//! #     "{\"query\": \"什么是咬边\", \"pos\": [\"焊趾处的沟槽\"], \"neg\": [\"焊缝表面的沟槽\"]}\n",
//! #     "{\"query\": \"未熔合\", \"pos\": []}\n"))?;
//! let mut dataset = Dataset::open(&path)?;
//! for problem in dataset.problems() {
//!     println!("{problem}"); // line 2, column 27: `pos` is empty. …
//! }
//!
//! // The negative does answer the question: put it among the positives.
//! let line = dataset.lines()[0].id();
//! dataset.apply(Edit::MovePassage { line, from: Side::Negative, index: 0 })?;
//! assert_eq!(dataset.row(line).map(|row| row.pos.len()), Some(2));
//!
//! dataset.undo()?;
//! assert!(!dataset.is_modified());
//! dataset.redo()?;
//! dataset.save()?;
//! # assert_eq!(std::fs::read_to_string(&path)?, concat!(
//! #     "{\"query\": \"什么是咬边\", \"pos\": [\"焊趾处的沟槽\", \"焊缝表面的沟槽\"], \"neg\": []}\n",
//! #     "{\"query\": \"未熔合\", \"pos\": []}\n"));
//! # Ok(())
//! # }
//! ```

mod corpus;
mod edit;
pub mod encoding;
mod error;
mod history;
pub mod import;
mod journal;
mod json;
mod line;
mod object;
mod problem;
mod relevant;
mod row;
mod save;

pub use corpus::{Corpus, Passage};
pub use edit::Edit;
pub use error::DatasetError;
pub use journal::{PendingJournal, discard_journal, pending_journal};
pub use line::{Line, LineId};
pub use problem::{Fault, Field, Problem};
pub use relevant::relevant;
pub use row::{Row, Side};

use edit::RowText;
use history::{Change, History, Step};
use journal::{Journal, Splice};
use json::Style;
use line::{BOM, Bytes, Ending};
use rayon::prelude::*;
use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file of rows, open for editing.
#[derive(Debug, Default)]
pub struct Dataset {
    path: Option<PathBuf>,
    /// The file's bytes as they were read; unedited lines are parts of it.
    source: Vec<u8>,
    lines: Vec<Line>,
    next_id: u64,
    revision: u64,
    history: History,
    /// The hash of the file when it was last read or written.
    on_disk: Option<blake3::Hash>,
    journal: Option<Journal>,
}

/// What [`Dataset::recover`] brought back.
#[derive(Debug)]
pub struct Recovered {
    pub dataset: Dataset,
    /// Steps made again; undoing counts as a step.
    pub edits: usize,
    /// Journal lines that could not be read: one that the crash cut short, or, if the journal is
    /// damaged, everything from there on (then a copy of it is kept, named `….damaged`).
    pub lost: usize,
}

impl Dataset {
    /// Reads a file. Whatever its lines hold, they are kept; see [`Self::problems`].
    ///
    /// # Errors
    /// Only if the file cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DatasetError> {
        let path = path.as_ref().to_owned();
        let source = fs::read(&path).map_err(|source| DatasetError::Read { path: path.clone(), source })?;
        let on_disk = Some(blake3::hash(&source));
        Ok(Self { path: Some(path), on_disk, ..Self::from_bytes(source) })
    }

    /// Reads rows that have no file yet.
    pub fn from_bytes(source: Vec<u8>) -> Self {
        let lines: Vec<_> = line::split(&source)
            .into_par_iter()
            .enumerate()
            .map(|(at, (range, ending))| Line::read(LineId(at as u64), Bytes::Source(range), ending, &source))
            .collect();
        Self { next_id: lines.len() as u64, lines, source, ..Self::default() }
    }

    /// Keeps a journal of every step at `path` from now on, removed when the file is saved. The
    /// journal belongs to this file alone; give every file its own path.
    ///
    /// # Errors
    /// If a journal is there that was never recovered or discarded, or if there is no file yet.
    pub fn with_journal(mut self, path: impl AsRef<Path>) -> Result<Self, DatasetError> {
        if self.path.is_none() {
            return Err(DatasetError::Untitled);
        }
        self.journal = Some(Journal::new(path.as_ref())?);
        Ok(self)
    }

    /// Opens a file and makes the steps again that a crash left in its journal. The journal goes on.
    ///
    /// # Errors
    /// If the file cannot be read, or the journal is damaged at its start, in use, or belongs to
    /// another state of the file.
    pub fn recover(path: impl AsRef<Path>, journal: impl AsRef<Path>) -> Result<Recovered, DatasetError> {
        let (path, journal) = (path.as_ref(), journal.as_ref());
        let mut dataset = Self::open(path)?;
        let hash = blake3::hash(&dataset.source);
        let reopened = Journal::reopen(journal, path, &hash)?;
        let edits = reopened.steps.len();
        for (at, (step, splice)) in reopened.steps.into_iter().enumerate() {
            let damaged = |reason| DatasetError::JournalDamaged { path: journal.to_owned(), line: at + 2, reason };
            dataset.replay(step, splice).map_err(damaged)?;
        }
        dataset.journal = Some(reopened.journal);
        Ok(Recovered { dataset, edits, lost: reopened.lost })
    }

    /// Where the rows were read from or last saved to.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// All lines, good, bad and blank; the line at `i` has the number `i + 1` in the file.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The usable rows with their line numbers (1-based). A clone of the `Arc` shares the texts.
    pub fn rows(&self) -> impl Iterator<Item = (usize, &Arc<Row>)> {
        let lines = self.lines.iter().enumerate();
        lines.filter_map(|(at, line)| line.row().map(|row| (at + 1, row)))
    }

    /// Everything that is wrong, in the order of the lines: bad lines and warnings.
    pub fn problems(&self) -> Vec<Problem> {
        let lines = self.lines.iter().enumerate();
        lines.flat_map(|(at, line)| line.problems(at + 1)).collect()
    }

    /// A number that changes with every change of the lines.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Where a line is now, 0-based.
    pub fn position(&self, id: LineId) -> Option<usize> {
        // Lines keep the order they were read in, so a line is near where it was.
        let is = |at: &usize| self.lines.get(*at).is_some_and(|line| line.id() == id);
        let was = usize::try_from(id.0).ok()?.min(self.lines.len());
        (0..=self.lines.len()).flat_map(|apart| [was.checked_sub(apart), was.checked_add(apart)]).flatten().find(is)
    }

    /// The row of a line, if it is there and usable.
    pub fn row(&self, id: LineId) -> Option<&Arc<Row>> {
        self.lines.get(self.position(id)?)?.row()
    }

    /// The text of a line as it will be saved; bytes that are not UTF-8 show as `�`.
    pub fn text(&self, id: LineId) -> Option<Cow<'_, str>> {
        let line = self.lines.get(self.position(id)?)?;
        Some(String::from_utf8_lossy(line.bytes.get(&self.source)))
    }

    /// Makes an edit and returns the line that it made, changed or removed. An edit that changes
    /// nothing is no step of the history.
    ///
    /// # Errors
    /// If there is no such line or passage, if the edit would empty a text or make a row unusable
    /// ([`Edit::ReplaceLine`] may), or if the journal cannot be written. Then nothing has changed.
    pub fn apply(&mut self, edit: Edit) -> Result<LineId, DatasetError> {
        let change = match edit {
            Edit::InsertRow { at, row } => self.insertion(at, &row)?,
            Edit::RemoveLine { line } => Change { at: self.find(line)?, removes: true, inserts: None, previous: None },
            Edit::ReplaceLine { line, text } => {
                if text.contains(['\n', '\r']) {
                    return Err(DatasetError::LineBreak);
                }
                if text.trim().is_empty() {
                    return Err(DatasetError::EmptyText);
                }
                self.replacement(self.find(line)?, text)
            }
            Edit::SetQuery { line, query } => self.rewrite(line, |row| row.set_query(&query))?,
            Edit::SetPassage { line, side, index, text } => {
                self.rewrite(line, |row| row.set_passage(side, index, &text))?
            }
            Edit::AddPassage { line, side, index, text } => {
                self.rewrite(line, |row| row.add_passage(side, index, &text))?
            }
            Edit::RemovePassage { line, side, index } => self.rewrite(line, |row| row.remove_passage(side, index))?,
            Edit::MovePassage { line, from, index } => self.rewrite(line, |row| row.move_passage(from, index))?,
        };
        let old = self.lines.get(change.at).filter(|_| change.removes);
        let touched = self.line_of(&change);
        let bytes = |line: &Line| line.bytes.get(&self.source).to_vec();
        if old.is_some() && old.map(bytes) == change.inserts.as_ref().map(bytes) {
            return Ok(touched);
        }
        self.note(Step::Edit, Splice::of(&change, &self.source))?;
        if !change.removes {
            self.next_id += 1;
        }
        self.history.edit(change, &mut self.lines);
        self.revision += 1;
        Ok(touched)
    }

    /// Takes the last step back and returns the line that it was made on; `None` if there is none.
    ///
    /// # Errors
    /// If the journal cannot be written. Then nothing has changed.
    pub fn undo(&mut self) -> Result<Option<LineId>, DatasetError> {
        self.go(Step::Undo)
    }

    /// Makes the step again that was undone last; `None` if there is none.
    ///
    /// # Errors
    /// If the journal cannot be written. Then nothing has changed.
    pub fn redo(&mut self) -> Result<Option<LineId>, DatasetError> {
        self.go(Step::Redo)
    }

    pub fn can_undo(&self) -> bool {
        self.history.next(Step::Undo).is_some()
    }

    pub fn can_redo(&self) -> bool {
        self.history.next(Step::Redo).is_some()
    }

    /// Whether the rows differ from the file as it was opened or last saved.
    pub fn is_modified(&self) -> bool {
        self.history.is_modified()
    }

    /// Writes the file, all of it or nothing, and removes the journal.
    ///
    /// # Errors
    /// [`DatasetError::ChangedOnDisk`] if another program has changed the file since it was opened
    /// or saved; or if it cannot be written. Then the file and the journal stay as they are.
    pub fn save(&mut self) -> Result<(), DatasetError> {
        let path = self.path.clone().ok_or(DatasetError::Untitled)?;
        let found = save::hash_file(&path).map_err(|source| DatasetError::Read { path: path.clone(), source })?;
        // A file that was deleted holds nothing to overwrite.
        if found.is_some() && found != self.on_disk {
            return Err(DatasetError::ChangedOnDisk { path });
        }
        self.write(path)
    }

    /// Like [`Self::save`], and overwrites what another program wrote.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save_anyway(&mut self) -> Result<(), DatasetError> {
        let path = self.path.clone().ok_or(DatasetError::Untitled)?;
        self.write(path)
    }

    /// Writes the rows to another file, overwriting it, and goes on with that one.
    ///
    /// # Errors
    /// If the file cannot be written. Then the rows still belong to the file before.
    pub fn save_as(&mut self, path: impl AsRef<Path>) -> Result<(), DatasetError> {
        self.write(path.as_ref().to_owned())
    }

    /// Gives up what was not saved: removes the journal, and keeps none from now on.
    ///
    /// # Errors
    /// If the journal cannot be deleted.
    pub fn close(mut self) -> Result<(), DatasetError> {
        self.journal.take().map_or(Ok(()), |mut journal| journal.finish())
    }

    /// The file as it would be saved.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.source.len());
        self.parts().for_each(|part| bytes.extend_from_slice(part));
        bytes
    }

    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let bom = if self.source.starts_with(BOM) { BOM } else { &[] };
        let lines = self.lines.iter();
        let lines = lines.flat_map(|line| [line.bytes.get(&self.source), line.ending.bytes()]);
        std::iter::once(bom).chain(lines)
    }

    fn write(&mut self, path: PathBuf) -> Result<(), DatasetError> {
        if fs::metadata(&path).is_ok_and(|found| found.permissions().readonly()) {
            return Err(DatasetError::ReadOnly { path });
        }
        let failed = |source| DatasetError::Write { path: path.clone(), source };
        let draft = save::Draft::write(&path, self.parts()).map_err(failed)?;
        let hash = draft.hash;
        if let Some(journal) = &mut self.journal {
            journal.note_saving(&hash)?;
        }
        draft.publish().map_err(failed)?;
        self.path = Some(path);
        self.on_disk = Some(hash);
        self.history.mark_saved();
        self.journal.as_mut().map_or(Ok(()), Journal::finish)
    }

    /// How the file's lines end, for lines that are added.
    fn newline(&self) -> Ending {
        let known = |line: &Line| matches!(line.ending, Ending::Lf | Ending::CrLf).then_some(line.ending);
        self.lines.iter().find_map(known).unwrap_or(Ending::Lf)
    }

    fn find(&self, id: LineId) -> Result<usize, DatasetError> {
        self.position(id).ok_or(DatasetError::NoSuchLine)
    }

    /// The line that a change is made on.
    fn line_of(&self, change: &Change) -> LineId {
        match &change.inserts {
            Some(line) => line.id(),
            None => self.lines[change.at].id(),
        }
    }

    fn read(&self, id: LineId, bytes: Vec<u8>, ending: Ending) -> Line {
        Line::read(id, Bytes::Own(bytes), ending, &self.source)
    }

    fn insertion(&self, at: usize, row: &Row) -> Result<Change, DatasetError> {
        let lines = self.lines.len();
        if at > lines {
            return Err(DatasetError::NoSuchPlace { at, lines });
        }
        let neighbour = self.lines[..at].iter().rfind(|line| line.row().is_some());
        let style = neighbour
            .and_then(|line| std::str::from_utf8(line.bytes.get(&self.source)).ok())
            .map_or_else(Style::default, Style::of);
        // A row after a last line that has no ending gives it one and has none itself.
        let newline = self.newline();
        let (ending, previous) = match self.lines.last().map(|line| line.ending) {
            Some(Ending::None) if at == lines => (Ending::None, Some(newline)),
            Some(Ending::Cr) if at == lines => (Ending::None, Some(Ending::CrLf)),
            _ => (newline, None),
        };
        let line = self.read(LineId(self.next_id), row.to_line(&style).into(), ending);
        Ok(Change { at, removes: false, inserts: Some(usable(line, at)?), previous })
    }

    fn replacement(&self, at: usize, text: String) -> Change {
        let old = &self.lines[at];
        Change { at, removes: true, inserts: Some(self.read(old.id(), text.into(), old.ending)), previous: None }
    }

    fn rewrite(
        &self,
        id: LineId,
        edit: impl FnOnce(RowText) -> Result<String, DatasetError>,
    ) -> Result<Change, DatasetError> {
        let at = self.find(id)?;
        let line = &self.lines[at];
        let row = line.row().ok_or(DatasetError::NotARow { line: at + 1 })?;
        let text = String::from_utf8_lossy(line.bytes.get(&self.source)).into_owned();
        let mut change = self.replacement(at, edit(RowText::new(text, row, at + 1))?);
        change.inserts = change.inserts.map(|line| usable(line, at)).transpose()?;
        Ok(change)
    }

    fn go(&mut self, step: Step) -> Result<Option<LineId>, DatasetError> {
        let Some(change) = self.history.next(step) else {
            return Ok(None);
        };
        let touched = self.line_of(change);
        self.note(step, Splice::of(change, &self.source))?;
        self.history.go(step, &mut self.lines);
        self.revision += 1;
        Ok(Some(touched))
    }

    fn note(&mut self, step: Step, splice: Splice) -> Result<(), DatasetError> {
        if let (Some(journal), Some(path), Some(hash)) = (&mut self.journal, &self.path, &self.on_disk) {
            journal.note(step, splice, path, hash)?;
        }
        Ok(())
    }

    /// Makes a step of the journal again.
    fn replay(&mut self, step: Step, splice: Splice) -> Result<(), String> {
        let lines = self.lines.len();
        let Splice { at, removes, inserts, previous } = &splice;
        if *at >= lines + usize::from(!removes) || (!removes && inserts.is_none()) || (*at == 0 && previous.is_some()) {
            return Err(format!("there is no such step at line {} of {lines}", at + 1));
        }
        self.revision += 1;
        // Undoing what was done before the last save is no undoing here, but a change like any.
        let next = self.history.next(step);
        if next.is_some_and(|next| Splice::of(next, &self.source) == splice) {
            self.history.go(step, &mut self.lines);
            return Ok(());
        }
        let id = if *removes {
            self.lines[*at].id()
        } else {
            self.next_id += 1;
            LineId(self.next_id - 1)
        };
        let change = Change {
            at: splice.at,
            removes: splice.removes,
            inserts: splice.inserts.map(|new| self.read(id, new.line.into_bytes(), new.ending)),
            previous: splice.previous,
        };
        self.history.edit(change, &mut self.lines);
        Ok(())
    }
}

/// The line if it is a usable row; it will stand at `at` (0-based).
fn usable(line: Line, at: usize) -> Result<Line, DatasetError> {
    let bad = line.problems(at + 1).find(Problem::is_bad);
    match bad {
        Some(Problem { line, fault, .. }) => Err(DatasetError::Unusable { line, fault }),
        None => Ok(line),
    }
}

#[cfg(test)]
mod tests;
