//! Several files open at once: one is shown, the others wait as they were left.

use std::path::{Path, PathBuf};

use super::{Pending, Window};
use crate::app::data::{self, Tab};

impl Window {
    /// The open files in the order of their names.
    pub(super) fn tabs(&self) -> Vec<Tab> {
        let tab = |state: &data::State, place| Tab {
            name: state.file_name().unwrap_or_default(),
            path: state.path().map(Path::to_path_buf).unwrap_or_default(),
            is_modified: state.is_modified(),
            place,
        };
        let mut tabs: Vec<_> = self.shelf.iter().enumerate().map(|(place, state)| tab(state, Some(place))).collect();
        if self.data.is_open() {
            tabs.push(tab(&self.data, None));
        }
        tabs.sort_by(|a, b| a.path.cmp(&b.path));
        tabs
    }

    /// Puts the file that is shown with those that wait. What a model is computing for it is given up.
    pub(super) fn shelve(&mut self) {
        self.leave_file();
        if self.data.is_open() {
            self.data.opening = None;
            self.shelf.push(std::mem::take(&mut self.data));
        }
    }

    /// Shows one of the files that wait.
    pub(super) fn switch_to(&mut self, place: usize) {
        if place < self.shelf.len() && !self.data.is_away() && self.opening.is_none() {
            let next = self.shelf.remove(place);
            self.shelve();
            self.data = next;
        }
    }

    /// The place of a file that waits.
    pub(super) fn shelved(&self, path: &Path) -> Option<usize> {
        self.shelf.iter().position(|state| state.path() == Some(path))
    }

    /// Closes the file that is shown, after a question if it has unsaved edits.
    pub(super) fn close_file(&mut self) {
        if self.data.is_away() || self.opening.is_some() {
            return;
        }
        if self.data.is_modified() {
            self.question = Some((self.unsaved_question(), Pending::CloseFile));
            return;
        }
        self.leave_file();
        self.give_up_edits();
        if let Some(next) = self.shelf.pop() {
            self.data = next;
        }
    }

    /// Closes the window once no file has unsaved edits; shows the next that has, and asks.
    pub(super) fn close_when_saved(&mut self) {
        // Nobody waits for it any more, and it must not stand before a file that has.
        self.stop_opening();
        if !self.data.is_modified()
            && let Some(place) = self.shelf.iter().position(data::State::is_modified)
        {
            self.switch_to(place);
        }
        if self.data.is_modified() {
            self.question = Some((self.unsaved_question(), Pending::Close));
        } else {
            self.close();
        }
    }

    /// Opens the next of several files that were given together.
    pub(super) fn open_waiting(&mut self) {
        if self.opening.is_none() && self.question.is_none() && !self.data.is_away() && !self.waiting.is_empty() {
            let path: PathBuf = self.waiting.remove(0);
            self.apply_data(data::Action::OpenPath(path));
        }
    }

    /// Ends what goes on for the file that is shown.
    fn leave_file(&mut self) {
        self.data_models.leave();
        self.data_work.leave();
        self.checked = None;
        self.data.mining = None;
        self.data.finder = Default::default();
    }
}
