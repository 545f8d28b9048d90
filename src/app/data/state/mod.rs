//! What the data bench knows: the open file, the choice, the filter, and the text being typed.

mod bulk_edits;
mod row_edits;
mod scored;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::draft::Draft;
use super::finder::Finder;
use super::lines::Chosen;
use super::mining_view::Mining;
use super::scores::Scores;
use super::split_form::SplitForm;
use super::view::{BadPattern, Column, Filter, Sort};
use crate::dataset::{Dataset, DatasetError, LineId, Lines, Reviews, StepInfo, Survey, Watch};

/// Bytes up to which a file is searched, sorted and edited as a whole within a frame; larger ones are on another thread.
const AT_ONCE: usize = 1 << 20;
/// Lines that a step taken back or made again may touch to be taken within a frame.
const LINES_AT_ONCE: usize = 1000;

/// What is shown in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selected {
    Line(LineId),
    /// A row that is not in the data yet.
    NewRow,
}

#[derive(Default)]
pub struct State {
    /// Away while it is being read, saved, or edited on another thread.
    dataset: Option<Dataset>,
    /// What is known of the data set while it is away.
    lent: Option<Lent>,
    /// None until all lines have been looked at.
    survey: Option<Survey>,
    /// Lines touched since the last survey was begun.
    touched: Vec<LineId>,
    /// How far the opening of this file, or of another one in its place, has come.
    pub opening: Option<Arc<Watch>>,
    /// How far the check of all lines has come, while one goes on.
    pub checking: Option<Arc<Watch>>,
    /// The user has stopped the check.
    pub is_check_stopped: bool,
    pub selected: Option<Selected>,
    chosen: Option<Chosen>,
    /// Rows that are marked to be treated together.
    pub marked: BTreeSet<LineId>,
    /// The chosen row is to be brought into view.
    pub scroll_to_selected: bool,
    pub draft: Option<Draft>,
    /// A new passage's field is to get the keyboard.
    pub focus_draft: bool,
    /// Query and positive of a row that is not in the data yet.
    pub new_row: (String, String),
    filter: Filter,
    sort: Sort,
    /// Why the filter's pattern cannot be read.
    pub bad_pattern: Option<BadPattern>,
    /// Places of the rows that the filter lets through, in the order of the table.
    visible: Vec<usize>,
    /// Places of the lines that cannot be used.
    bad: Vec<usize>,
    rows: usize,
    /// The table is to be found anew, away from the window's thread.
    pub wants_search: bool,
    reviews: Reviews,
    /// Reviews that are not on the disk yet.
    pub reviews_changed: bool,
    scores: Arc<Scores>,
    /// Columns that the user has put away.
    pub hidden: Vec<Column>,
    /// The form for parting the rows, while it is open.
    pub split: Option<SplitForm>,
    /// Mining, while its view is open.
    pub mining: Option<Mining>,
    pub finder: Finder,
}

/// Why a data set is away.
enum Away {
    /// The rest of it is still being read.
    Read,
    Saved,
    /// How far the edits have come.
    Edited(Arc<Watch>),
}

/// What is known of a data set while it is away.
struct Lent {
    lines: Lines,
    path: Option<PathBuf>,
    why: Away,
    /// Its findings were found anew meanwhile.
    has_new_survey: bool,
}

impl State {
    /// Shows the first lines of a file that is being opened. They can be looked at, chosen and marked, no more.
    pub fn show_head(&mut self, path: PathBuf, lines: Lines) {
        self.begin_file();
        self.lent = Some(Lent { lines, path: Some(path), why: Away::Read, has_new_survey: false });
        self.refresh(false);
        self.select_first();
    }

    /// Whether only the first lines of the file are there as yet.
    pub fn is_head(&self) -> bool {
        self.lent.as_ref().is_some_and(|lent| matches!(lent.why, Away::Read))
    }

    /// Shows a file that was opened, in the place of its head if that is shown. Without a survey the rows are shown
    /// as they come, and one is to be made.
    pub fn open(&mut self, dataset: Dataset, survey: Option<Survey>, reviews: Reviews) {
        let was_head = self.is_head();
        if !was_head {
            self.begin_file();
        }
        (self.lent, self.opening) = (None, None);
        self.dataset = Some(dataset);
        self.survey = survey;
        self.reviews = reviews;
        self.chosen = None;
        self.refresh(false);
        if !was_head {
            self.select_first();
        }
    }

    /// What is kept from one file to the next.
    fn begin_file(&mut self) {
        *self = Self {
            filter: std::mem::take(&mut self.filter),
            hidden: std::mem::take(&mut self.hidden),
            opening: self.opening.take(),
            ..Self::default()
        };
    }

    fn select_first(&mut self) {
        let first = self.visible.first().copied();
        self.selected = first.and_then(|at| self.lines().id(at)).map(Selected::Line);
        self.scroll_to_selected = true;
        self.read_chosen();
    }

    /// Lends the data set to be saved; [`Self::give_back`] ends that.
    pub fn lend(&mut self) -> Option<Dataset> {
        self.lend_for(Away::Saved)
    }

    fn lend_for(&mut self, why: Away) -> Option<Dataset> {
        let dataset = self.dataset.take()?;
        let path = dataset.path().map(PathBuf::from);
        self.lent = Some(Lent { lines: dataset.lines().clone(), path, why, has_new_survey: false });
        Some(dataset)
    }

    pub fn give_back(&mut self, dataset: Dataset) {
        self.lent = None;
        self.dataset = Some(dataset);
        self.chosen = None;
        self.refresh(true);
    }

    pub fn is_saving(&self) -> bool {
        self.lent.as_ref().is_some_and(|lent| matches!(lent.why, Away::Saved))
    }

    /// How far edits have come that are made on another thread.
    pub fn editing(&self) -> Option<&Arc<Watch>> {
        match &self.lent.as_ref()?.why {
            Away::Edited(watch) => Some(watch),
            Away::Read | Away::Saved => None,
        }
    }

    /// Whether the data set is away with what it may have unsaved.
    pub fn is_away(&self) -> bool {
        self.lent.is_some() && !self.is_head()
    }

    pub fn lines(&self) -> Lines {
        match (&self.dataset, &self.lent) {
            (Some(dataset), _) => dataset.lines().clone(),
            (None, Some(lent)) => lent.lines.clone(),
            (None, None) => Lines::default(),
        }
    }

    /// Whether edits are taken: not while the file is being saved, or another one opened in its place.
    pub fn can_edit(&self) -> bool {
        self.dataset.is_some() && self.opening.is_none()
    }

    pub fn is_open(&self) -> bool {
        self.dataset.is_some() || self.lent.is_some()
    }

    /// Whether something would be lost if the window closed; a text being typed counts.
    pub fn is_modified(&self) -> bool {
        self.dataset.as_ref().is_some_and(Dataset::is_modified) || self.is_away() || self.draft.is_some()
    }

    pub fn can_undo(&self) -> bool {
        self.dataset.as_ref().is_some_and(Dataset::can_undo)
    }

    pub fn can_redo(&self) -> bool {
        self.dataset.as_ref().is_some_and(Dataset::can_redo)
    }

    /// The steps, and how many of them are made.
    pub fn history(&self) -> (Vec<StepInfo>, usize) {
        self.dataset.as_ref().map(Dataset::history).unwrap_or_default()
    }

    pub fn steps_made(&self) -> usize {
        self.dataset.as_ref().map_or(0, Dataset::steps_made)
    }

    /// Another number after every edit.
    pub fn revision(&self) -> u64 {
        self.dataset.as_ref().map_or(0, Dataset::revision)
    }

    pub fn path(&self) -> Option<&Path> {
        let lent = self.lent.as_ref().and_then(|lent| lent.path.as_deref());
        self.dataset.as_ref().map_or(lent, Dataset::path)
    }

    pub fn file_name(&self) -> Option<String> {
        self.path().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned())
    }

    /// Gives up what was not saved.
    pub fn close(&mut self) -> Result<(), DatasetError> {
        let result = self.dataset.take().map_or(Ok(()), Dataset::close);
        *self = Self::default();
        result
    }
}
