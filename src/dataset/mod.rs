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
//! let line = dataset.lines().id(0).expect("there are two lines");
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
mod fixes;
mod head;
mod history;
pub mod import;
mod journal;
mod json;
mod line;
mod mojibake;
mod object;
mod patched;
mod problem;
mod relevant;
mod review;
mod row;
mod save;
mod source;
mod split;
mod step;
mod survey;
mod text_lines;
mod watch;

pub use corpus::{Corpus, Passage};
pub use edit::Edit;
pub use error::DatasetError;
pub use fixes::{fix, fix_all};
pub use journal::{PendingJournal, discard_journal, pending_journal};
pub use line::{LineId, Lines, Reading};
pub use problem::{Fault, FaultKind, Field, Problem, Severity};
pub use relevant::relevant;
pub use review::{Review, Reviews, Verdict};
pub use row::{Row, Side};
pub use split::{Split, SplitOptions, export, split};
pub use step::{StepInfo, StepName};
pub use survey::{CountTokens, Digest, Expectations, Lengths, LineKind, OtherFile, Script, Survey};
pub use text_lines::{TextLine, TextLines};
pub use watch::Watch;

use edit::RowText;
use encoding::Encoding;
use history::{Change, History, Step, Way};
use journal::{Head, Journal, Made, Noted, Splice};
use json::Style;
use line::{BOM, Bytes, Ending, Line};
use rayon::prelude::*;
use source::{Seen, Source};
use std::borrow::Cow;
use std::fs;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file of rows, open for editing.
#[derive(Debug, Default)]
pub struct Dataset {
    path: Option<PathBuf>,
    lines: Lines,
    /// The lines as they were read or last saved.
    saved: Lines,
    /// In what the file is written; the lines are UTF-8 here.
    encoding: Encoding,
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
        Self::open_watched(path, &Watch::default())
    }

    /// As [`Self::open`]; the watch counts the bytes that are read. [`Lines::head`] has the first lines before.
    ///
    /// # Errors
    /// As [`Self::open`], and [`DatasetError::Cancelled`].
    pub fn open_watched(path: impl AsRef<Path>, watch: &Watch) -> Result<Self, DatasetError> {
        Self::open_as(path.as_ref(), None, watch)
    }

    /// Reads a file in this encoding, or else in the one that it is found to be in.
    fn open_as(path: &Path, encoding: Option<Encoding>, watch: &Watch) -> Result<Self, DatasetError> {
        let path = path.to_owned();
        let (source, seen) = Source::read(&path, watch)?;
        let decoded = match encoding {
            Some(encoding) => encoding::decode_known(&source, encoding),
            None => encoding::decode_seen(&source, &seen),
        };
        let encoding = decoded.encoding;
        let on_disk = blake3::hash(&source);
        let lines = match decoded.bytes {
            Cow::Borrowed(_) => Lines::of(Arc::new(source), seen.breaks),
            Cow::Owned(decoded) => {
                drop(source);
                let breaks = Seen::of(&decoded).breaks;
                Lines::of(Arc::new(Source::Plain(decoded)), breaks)
            }
        };
        Ok(Self { path: Some(path), on_disk: Some(on_disk), encoding, ..Self::with_lines(lines) })
    }

    /// Reads rows that have no file yet.
    pub fn from_bytes(source: Vec<u8>) -> Self {
        let breaks = Seen::of(&source).breaks;
        Self::with_lines(Lines::of(Arc::new(Source::Plain(source)), breaks))
    }

    fn with_lines(lines: Lines) -> Self {
        Self { next_id: lines.len() as u64, saved: lines.clone(), lines, ..Self::default() }
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

    /// Opens a file and makes the steps again that a crash left in its journal. The journal goes on. The watch
    /// counts the bytes that are read.
    ///
    /// # Errors
    /// If the file cannot be read, or the journal is damaged at its start, in use, or belongs to
    /// another state of the file; [`DatasetError::Cancelled`].
    pub fn recover(
        path: impl AsRef<Path>,
        journal: impl AsRef<Path>,
        watch: &Watch,
    ) -> Result<Recovered, DatasetError> {
        let (path, journal) = (path.as_ref(), journal.as_ref());
        // What the file is found to be in may depend on what is in it by now.
        let mut dataset = Self::open_as(path, journal::encoding_in(journal)?, watch)?;
        let hash = dataset.on_disk.unwrap_or_else(|| blake3::hash(&[]));
        let reopened = Journal::reopen(journal, path, &hash)?;
        let edits = reopened.steps.len();
        for (at, (made, step)) in reopened.steps.into_iter().enumerate() {
            let damaged = |reason| DatasetError::JournalDamaged { path: journal.to_owned(), line: at + 2, reason };
            dataset.replay(made, step).map_err(damaged)?;
        }
        dataset.journal = Some(reopened.journal);
        Ok(Recovered { dataset, edits, lost: reopened.lost })
    }

    /// Where the rows were read from or last saved to.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// All lines, good, bad and blank; the line at `i` has the number `i + 1` in the file.
    pub fn lines(&self) -> &Lines {
        &self.lines
    }

    /// The usable rows with their line numbers (1-based).
    pub fn rows(&self) -> Vec<(usize, Arc<Row>)> {
        self.lines.rows()
    }

    /// Everything that is wrong, in the order of the lines: bad lines and warnings.
    pub fn problems(&self) -> Vec<Problem> {
        let problems = |at: usize| {
            let id = self.lines.id(at).unwrap_or(LineId(at as u64));
            self.lines.read(at).problems(id, at + 1).collect::<Vec<_>>()
        };
        (0..self.lines.len()).into_par_iter().flat_map_iter(problems).collect()
    }

    /// A number that changes with every change of the lines.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Where a line is now, 0-based.
    pub fn position(&self, id: LineId) -> Option<usize> {
        self.lines.position(id)
    }

    /// The row of a line, if it is there and usable.
    pub fn row(&self, id: LineId) -> Option<Arc<Row>> {
        self.lines.read(self.position(id)?).into_row()
    }

    /// The text of a line as it will be saved; bytes that are not UTF-8 show as `�`.
    pub fn text(&self, id: LineId) -> Option<Cow<'_, str>> {
        Some(String::from_utf8_lossy(self.lines.bytes_at(self.position(id)?)))
    }

    /// The text that a line has in the file as it was opened or last saved; `None` for a line that is new.
    pub fn text_in_file(&self, id: LineId) -> Option<Cow<'_, str>> {
        Some(String::from_utf8_lossy(self.saved.bytes_at(self.saved.position(id)?)))
    }

    /// Whether the line at `at` (0-based) differs from the file as it was opened or last saved.
    pub fn is_edited(&self, at: usize) -> bool {
        match self.lines.get(at) {
            Some(Line { id, bytes: Bytes::Own(bytes), .. }) => {
                self.saved.position(id).is_none_or(|was| self.saved.bytes_at(was) != &*bytes)
            }
            _ => false,
        }
    }

    /// Makes an edit and returns the line that it made, changed or removed. An edit that changes
    /// nothing is no step of the history.
    ///
    /// # Errors
    /// If there is no such line or passage, if the edit would empty a text or make a row unusable
    /// ([`Edit::ReplaceLine`] may), or if the journal cannot be written. Then nothing has changed.
    pub fn apply(&mut self, edit: Edit) -> Result<LineId, DatasetError> {
        let name = StepName::of(&edit);
        self.apply_all(name, [edit]).map(|touched| touched[0])
    }

    /// Makes several edits as one step of the history, and returns the line of each.
    ///
    /// # Errors
    /// As [`Self::apply`]; if one edit cannot be made, none is.
    pub fn apply_all(
        &mut self,
        name: StepName,
        edits: impl IntoIterator<Item = Edit>,
    ) -> Result<Vec<LineId>, DatasetError> {
        self.apply_watched(name, edits, |_| true)
    }

    /// As [`Self::apply_all`]; `go_on` is told before each edit how many are made, and may say no.
    ///
    /// # Errors
    /// As [`Self::apply_all`], and [`DatasetError::Cancelled`] once `go_on` has said no; then nothing has changed.
    pub fn apply_watched(
        &mut self,
        name: StepName,
        edits: impl IntoIterator<Item = Edit>,
        go_on: impl FnMut(usize) -> bool,
    ) -> Result<Vec<LineId>, DatasetError> {
        self.whole(|dataset| dataset.make(name, edits, go_on))
    }

    /// Makes a step. If that panics, the lines are as they were before when the panic goes on.
    fn whole<T>(&mut self, step: impl FnOnce(&mut Self) -> T) -> T {
        let (lines, next_id, steps) = (self.lines.clone(), self.next_id, self.history.count());
        panic::catch_unwind(AssertUnwindSafe(|| step(self))).unwrap_or_else(|cause| {
            self.lines = lines;
            self.next_id = next_id;
            self.revision += 1;
            if self.history.count() != steps {
                // The step on the way is lost, and the others do not lead on without it.
                self.history.forget();
            }
            panic::resume_unwind(cause)
        })
    }

    fn make(
        &mut self,
        name: StepName,
        edits: impl IntoIterator<Item = Edit>,
        mut go_on: impl FnMut(usize) -> bool,
    ) -> Result<Vec<LineId>, DatasetError> {
        let (next_id, mut touched) = (self.next_id, Vec::new());
        let mut step = Step::new(name);
        let mut noted = Noted { name, changes: Vec::new() };
        let mut failed = None;
        for edit in edits {
            if !go_on(touched.len()) {
                failed = Some(DatasetError::Cancelled);
                break;
            }
            let mut change = match self.change(edit) {
                Ok(change) => change,
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            };
            touched.push(self.line_of(&change));
            let old = self.lines.get(change.at).filter(|_| change.removes);
            if let (Some(old), Some(new)) = (&old, &change.inserts)
                && self.lines.bytes(old) == self.lines.bytes(new)
            {
                continue;
            }
            if !change.removes {
                self.next_id += 1;
            }
            noted.changes.push(Splice::of(&change, self.lines.source()));
            step.lines.extend(touched.last());
            change.carry_out(&mut self.lines);
            step.changes.push(change);
        }
        if step.changes.is_empty() {
            return failed.map_or(Ok(touched), Err);
        }
        let noted = failed.map_or_else(|| self.note(None, noted), Err);
        if let Err(error) = noted {
            step.changes.iter_mut().rev().for_each(|change| change.carry_out(&mut self.lines));
            self.next_id = next_id;
            return Err(error);
        }
        self.history.push(step);
        self.revision += 1;
        Ok(touched)
    }

    fn change(&self, edit: Edit) -> Result<Change, DatasetError> {
        match edit {
            Edit::InsertRow { at, row } => self.insertion(at, &row),
            Edit::RemoveLine { line } => {
                Ok(Change { at: self.find(line)?, removes: true, inserts: None, previous: None })
            }
            Edit::ReplaceLine { line, text } => {
                if text.contains(['\n', '\r']) {
                    return Err(DatasetError::LineBreak);
                }
                if text.trim().is_empty() {
                    return Err(DatasetError::EmptyText);
                }
                self.replacement(self.find(line)?, text)
            }
            Edit::SetQuery { line, query } => self.rewrite(line, |row| row.set_query(&query)),
            Edit::SetPassage { line, side, index, text } => {
                self.rewrite(line, |row| row.set_passage(side, index, &text))
            }
            Edit::AddPassage { line, side, index, text } => {
                self.rewrite(line, |row| row.add_passage(side, index, &text))
            }
            Edit::RemovePassage { line, side, index } => self.rewrite(line, |row| row.remove_passage(side, index)),
            Edit::MovePassage { line, from, index } => self.rewrite(line, |row| row.move_passage(from, index)),
            Edit::Reorder { line, side, from, to } => self.rewrite(line, |row| row.reorder(side, from, to)),
            Edit::SetScores { line, side, scores } => self.rewrite(line, |row| row.set_scores(side, scores.as_deref())),
            Edit::SetPrompt { line, prompt } => self.rewrite(line, |row| row.set_prompt(prompt.as_deref())),
            Edit::SetNegatives { line, negatives } => self.rewrite(line, |row| row.set_negatives(&negatives)),
        }
    }

    /// Takes the last step back and returns the lines that it was made on; none if there is no such step.
    ///
    /// # Errors
    /// If the journal cannot be written. Then nothing has changed.
    pub fn undo(&mut self) -> Result<Vec<LineId>, DatasetError> {
        self.go(Way::Undo, &Watch::default())
    }

    /// Makes the step again that was undone last, and returns its lines; none if there is no such step.
    ///
    /// # Errors
    /// If the journal cannot be written. Then nothing has changed.
    pub fn redo(&mut self) -> Result<Vec<LineId>, DatasetError> {
        self.go(Way::Redo, &Watch::default())
    }

    pub fn can_undo(&self) -> bool {
        self.history.next(Way::Undo).is_some()
    }

    pub fn can_redo(&self) -> bool {
        self.history.next(Way::Redo).is_some()
    }

    /// The steps made since the file was opened, the oldest first, and after them those that were taken back;
    /// and how many are made.
    pub fn history(&self) -> (Vec<StepInfo>, usize) {
        let (made, undone) = self.history.steps();
        let done = made.len();
        (made.chain(undone).map(Step::info).collect(), done)
    }

    /// How many steps are made and not taken back.
    pub fn steps_made(&self) -> usize {
        self.history.count().0
    }

    /// Takes steps back or makes them again until `steps` are made, and tells which lines that touched. The watch
    /// counts changes of lines.
    ///
    /// # Errors
    /// As [`Self::undo`], and [`DatasetError::Cancelled`]; the steps before the one that failed are taken, and their
    /// lines are told.
    pub fn go_to(&mut self, steps: usize, touched: &mut Vec<LineId>, watch: &Watch) -> Result<(), DatasetError> {
        watch.begin(self.changes_until(steps));
        loop {
            let (done, all) = self.history.count();
            let way = match done.cmp(&steps.min(all)) {
                std::cmp::Ordering::Less => Way::Redo,
                std::cmp::Ordering::Equal => return Ok(()),
                std::cmp::Ordering::Greater => Way::Undo,
            };
            touched.extend(self.go(way, watch)?);
        }
    }

    /// How many changes of lines lie between now and the state after so many steps.
    pub fn changes_until(&self, steps: usize) -> usize {
        let (all, done) = self.history();
        let (from, to) = (done.min(steps), done.max(steps).min(all.len()));
        all[from.min(to)..to].iter().map(|step| step.lines).sum()
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

    /// In what the file is written, and will be saved.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The file as it would be saved, in UTF-8.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.lines.source().len());
        self.parts().for_each(|part| bytes.extend_from_slice(part));
        bytes
    }

    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let bom = if self.lines.source().starts_with(BOM) { BOM } else { &[] };
        let line = |at| [self.lines.bytes_at(at), self.lines.ending(at).map_or(&[][..], Ending::bytes)];
        std::iter::once(bom).chain((0..self.lines.len()).flat_map(line))
    }

    fn write(&mut self, path: PathBuf) -> Result<(), DatasetError> {
        if fs::metadata(&path).is_ok_and(|found| found.permissions().readonly()) {
            return Err(DatasetError::ReadOnly { path });
        }
        let failed = |source| DatasetError::Write { path: path.clone(), source };
        let draft = match self.encoding {
            Encoding::Utf8 | Encoding::Utf8Bom => save::Draft::write(&path, self.parts()),
            other => {
                let bytes = self.to_bytes();
                let text = str::from_utf8(&bytes).map_err(|error| failed(io::Error::other(error)))?;
                let encoded = encoding::encode(text, other).map_err(|error| failed(io::Error::other(error)))?;
                save::Draft::write(&path, std::iter::once(&*encoded))
            }
        }
        .map_err(failed)?;
        let hash = draft.hash;
        if let Some(journal) = &mut self.journal {
            journal.note_saving(&hash)?;
        }
        draft.publish().map_err(failed)?;
        self.path = Some(path);
        self.on_disk = Some(hash);
        self.history.mark_saved();
        self.saved = self.lines.clone();
        self.journal.as_mut().map_or(Ok(()), Journal::finish)
    }

    /// How the file's lines end, for lines that are added.
    fn newline(&self) -> Ending {
        let mut endings = (0..self.lines.len()).filter_map(|at| self.lines.ending(at));
        endings.find(|ending| matches!(ending, Ending::Lf | Ending::CrLf)).unwrap_or(Ending::Lf)
    }

    fn find(&self, id: LineId) -> Result<usize, DatasetError> {
        self.position(id).ok_or(DatasetError::NoSuchLine)
    }

    /// The line that a change is made on.
    fn line_of(&self, change: &Change) -> LineId {
        match &change.inserts {
            Some(line) => line.id,
            None => self.lines.id(change.at).unwrap_or(LineId(u64::MAX)),
        }
    }

    fn insertion(&self, at: usize, row: &Row) -> Result<Change, DatasetError> {
        let lines = self.lines.len();
        if at > lines {
            return Err(DatasetError::NoSuchPlace { at, lines });
        }
        // The nearest row above shows how the file is written.
        let neighbour = (at.saturating_sub(NEIGHBOURS)..at).rev().find(|at| self.lines.read(*at).row().is_some());
        let style = neighbour
            .and_then(|at| std::str::from_utf8(self.lines.bytes_at(at)).ok())
            .map_or_else(Style::default, Style::of);
        // A row after a last line that has no ending gives it one and has none itself.
        let newline = self.newline();
        let (ending, previous) = match lines.checked_sub(1).and_then(|last| self.lines.ending(last)) {
            Some(Ending::None) if at == lines => (Ending::None, Some(newline)),
            Some(Ending::Cr) if at == lines => (Ending::None, Some(Ending::CrLf)),
            _ => (newline, None),
        };
        let line = own(LineId(self.next_id), row.to_line(&style), ending);
        Ok(Change { at, removes: false, inserts: Some(usable(line, at)?), previous })
    }

    fn replacement(&self, at: usize, text: String) -> Result<Change, DatasetError> {
        let old = self.lines.get(at).ok_or(DatasetError::NoSuchLine)?;
        Ok(Change { at, removes: true, inserts: Some(own(old.id, text, old.ending)), previous: None })
    }

    fn rewrite(
        &self,
        id: LineId,
        edit: impl FnOnce(RowText) -> Result<String, DatasetError>,
    ) -> Result<Change, DatasetError> {
        let at = self.find(id)?;
        let row = self.lines.read(at).into_row().ok_or(DatasetError::NotARow { line: at + 1 })?;
        let text = String::from_utf8_lossy(self.lines.bytes_at(at)).into_owned();
        let mut change = self.replacement(at, edit(RowText::new(text, &row, at + 1))?)?;
        change.inserts = change.inserts.map(|line| usable(line, at)).transpose()?;
        Ok(change)
    }

    fn go(&mut self, way: Way, watch: &Watch) -> Result<Vec<LineId>, DatasetError> {
        self.whole(|dataset| {
            let Some(step) = dataset.history.next(way) else {
                return Ok(Vec::new());
            };
            let touched = step.lines.clone();
            let noted = dataset.noted(step.name, &History::order(step, way));
            if !dataset.history.go(way, &mut dataset.lines, || watch.go_on(1)) {
                return Err(DatasetError::Cancelled);
            }
            if let Err(error) = dataset.note(Some(way), noted) {
                dataset.history.go(way.back(), &mut dataset.lines, || true);
                return Err(error);
            }
            dataset.revision += 1;
            Ok(touched)
        })
    }

    fn noted(&self, name: StepName, order: &[&Change]) -> Noted {
        Noted { name, changes: order.iter().map(|change| Splice::of(change, self.lines.source())).collect() }
    }

    fn note(&mut self, made: Made, step: Noted) -> Result<(), DatasetError> {
        if let (Some(journal), Some(path), Some(hash)) = (&mut self.journal, &self.path, &self.on_disk) {
            journal.note(made, step, Head { file: path, hash: *hash, encoding: self.encoding })?;
        }
        Ok(())
    }

    /// Makes a step of the journal again.
    fn replay(&mut self, made: Made, noted: Noted) -> Result<(), String> {
        self.revision += 1;
        // Undoing what was done before the last save is no undoing here, but a change like any.
        if let Some(way) = made
            && let Some(step) = self.history.next(way)
            && self.noted(step.name, &History::order(step, way)) == noted
        {
            self.history.go(way, &mut self.lines, || true);
            return Ok(());
        }
        let mut step = Step::new(noted.name);
        for splice in noted.changes {
            let lines = self.lines.len();
            let Splice { at, removes, inserts, previous } = splice;
            if at >= lines + usize::from(!removes) || (!removes && inserts.is_none()) || (at == 0 && previous.is_some())
            {
                return Err(format!("there is no such step at line {} of {lines}", at + 1));
            }
            let id = match self.lines.id(at) {
                Some(id) if removes => id,
                _ => {
                    self.next_id += 1;
                    LineId(self.next_id - 1)
                }
            };
            let line =
                inserts.map(|new| Line { id, bytes: Bytes::Own(new.line.into_bytes().into()), ending: new.ending });
            let mut change = Change { at, removes, inserts: line, previous };
            step.lines.push(id);
            change.carry_out(&mut self.lines);
            step.changes.push(change);
        }
        self.history.push(step);
        Ok(())
    }
}

/// How many lines above a new row are looked at for the way the file is written.
const NEIGHBOURS: usize = 100;

fn own(id: LineId, text: String, ending: Ending) -> Line {
    Line { id, bytes: Bytes::Own(text.into_bytes().into()), ending }
}

/// The line if it is a usable row; it will stand at `at` (0-based).
fn usable(line: Line, at: usize) -> Result<Line, DatasetError> {
    let reading = Reading::of(line.bytes.get(&[]));
    let bad = reading.problems(line.id, at + 1).find(Problem::is_bad);
    match bad {
        Some(Problem { line, fault, .. }) => Err(DatasetError::Unusable { line, fault }),
        None => Ok(line),
    }
}

#[cfg(test)]
mod tests;
