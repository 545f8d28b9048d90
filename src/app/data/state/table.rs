//! What the table shows of the lines, and what is chosen in it.

use super::super::finder::Finder;
use super::super::lines::{BadLine, Chosen, RowLine};
use super::super::view::{self, BadPattern, Filter, Material, Sort};
use super::{AT_ONCE, Selected, State};
use crate::dataset::{LineId, LineKind, Lines, Problem, Row, Survey};
use crate::jobs::RowSource;

/// Bytes that are shown of a line that cannot be used: a longer one is put right in a text editor.
const LONGEST_SHOWN: usize = 64 << 10;

impl State {
    /// Usable rows; all lines until they have been looked at, none of a head.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Places of the rows that the filter lets through, in the order of the table.
    pub fn visible(&self) -> &[usize] {
        &self.visible
    }

    /// Where the chosen row stands in the table.
    pub fn place_of_chosen(&self) -> Option<usize> {
        let Some(Selected::Line(line)) = self.selected else {
            return None;
        };
        let at = self.lines().position(line)?;
        self.visible.iter().position(|place| *place == at)
    }

    /// Places of the lines that cannot be used.
    pub fn bad(&self) -> &[usize] {
        &self.bad
    }

    pub fn survey(&self) -> Option<&Survey> {
        self.survey.as_ref()
    }

    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    pub fn sort(&self) -> Sort {
        self.sort
    }

    pub fn set_filter(&mut self, filter: Filter) {
        self.filter = filter;
        self.find_visible();
    }

    pub fn set_sort(&mut self, sort: Sort) {
        self.sort = sort;
        self.find_visible();
    }

    /// The row at a place, if the line there is one.
    pub fn row_at(&self, lines: &Lines, at: usize) -> Option<RowLine> {
        let row = lines.read(at).into_row()?;
        let digest = self.survey.as_ref().and_then(|survey| survey.digest(at));
        Some(RowLine {
            id: lines.id(at)?,
            line: at + 1,
            row,
            is_edited: self.dataset.as_ref().is_some_and(|dataset| dataset.is_edited(at)),
            has_faults: digest.is_some_and(|digest| digest.has_warnings()),
        })
    }

    pub fn bad_line_at(&self, lines: &Lines, at: usize) -> Option<BadLine> {
        let id = lines.id(at)?;
        Some(BadLine { id, line: at + 1, problems: lines.read(at).problems(id, at + 1).collect() })
    }

    /// Problems of a row, for the mark in the table.
    pub fn problems_at(&self, lines: &Lines, at: usize) -> Vec<Problem> {
        self.survey.as_ref().map_or_else(Vec::new, |survey| survey.problems(lines, at))
    }

    /// Puts a row among the marked ones, or takes it from them.
    pub fn mark(&mut self, line: LineId) {
        if !self.marked.remove(&line) {
            self.marked.insert(line);
        }
    }

    /// Marks the rows of the table from the chosen one to this.
    pub fn mark_to(&mut self, line: LineId) {
        let lines = self.lines();
        let place = |line| self.visible.iter().position(|at| lines.id(*at) == Some(line));
        let from = match self.selected {
            Some(Selected::Line(chosen)) => place(chosen),
            _ => None,
        };
        if let (Some(from), Some(to)) = (from, place(line)) {
            let range = from.min(to)..=from.max(to);
            self.marked.extend(self.visible[range].iter().filter_map(|at| lines.id(*at)));
        }
    }

    pub fn mark_shown(&mut self) {
        let lines = self.lines();
        self.marked = self.visible.iter().filter_map(|at| lines.id(*at)).collect();
    }

    /// Rows to work on: those that are marked, or else all that the table shows.
    pub fn rows_in_hand(&self) -> RowSource {
        RowSource::Lines(self.lines(), self.places_in_hand())
    }

    pub(super) fn places_in_hand(&self) -> Vec<usize> {
        if self.marked.is_empty() {
            return self.visible.clone();
        }
        let lines = self.lines();
        let mut places: Vec<_> = self.marked.iter().filter_map(|id| lines.position(*id)).collect();
        places.sort_unstable();
        places
    }

    /// Takes a survey that was made away from the window.
    pub fn take_survey(&mut self, mut survey: Survey) {
        let touched = std::mem::take(&mut self.touched);
        survey.update(&self.lines(), &touched);
        self.survey = Some(survey);
        if let Some(lent) = &mut self.lent {
            lent.has_new_survey = true;
        }
        self.refresh(false);
    }

    /// A survey is being made of the lines as they are now.
    pub fn begin_survey(&mut self) {
        self.touched.clear();
        self.is_check_stopped = false;
    }

    /// Finds anew what is shown of the lines; the table stays if they stand where they stood and nothing is filtered.
    pub(super) fn refresh(&mut self, stands: bool) {
        if !stands {
            (self.rows, self.bad) = match &self.survey {
                Some(survey) => (survey.rows(), survey.places(LineKind::Bad)),
                None if self.is_head() => (0, Vec::new()),
                None => (self.lines().len(), Vec::new()),
            };
        }
        if !stands || !self.shows_all() {
            self.find_visible();
        }
        self.read_chosen();
    }

    /// Whether the table shows all rows in the order of the file.
    pub(super) fn shows_all(&self) -> bool {
        self.filter.is_empty() && self.sort == Sort::default()
    }

    /// What the table is found in, if it is to be found on another thread.
    pub fn material(&self) -> Option<Material> {
        let survey = self.survey.clone()?;
        let (reviews, margins) = (self.reviews.clone(), self.scores.margins());
        Some(Material { lines: self.lines(), survey, reviews, margins })
    }

    /// Takes the places that were found on another thread.
    pub fn take_visible(&mut self, visible: Result<Vec<usize>, BadPattern>) {
        match visible {
            Ok(visible) => {
                // Lines may have gone meanwhile; another search is on its way then.
                let lines = self.lines().len();
                self.visible = visible.into_iter().filter(|at| *at < lines).collect();
                self.bad_pattern = None;
            }
            Err(bad) => self.bad_pattern = Some(bad),
        }
    }

    pub(super) fn find_visible(&mut self) {
        let lines = self.lines();
        let Some(survey) = &self.survey else {
            self.visible = (0..lines.len()).collect();
            return;
        };
        if self.shows_all() {
            self.visible = survey.places(LineKind::Row);
            (self.bad_pattern, self.wants_search) = (None, false);
        } else if lines.size() <= AT_ONCE {
            if let Some(material) = self.material() {
                self.take_visible(view::visible(&material, &self.filter, self.sort));
            }
        } else {
            self.wants_search = true;
            // Until then nothing may point past the end.
            self.visible.retain(|at| *at < lines.len());
        }
    }

    /// Chooses the first of these lines that is there, and brings it into view.
    pub(super) fn show_first(&mut self, lines: &[LineId]) {
        let all = self.lines();
        if let Some(line) = lines.iter().find(|line| all.position(**line).is_some()) {
            self.select(Some(Selected::Line(*line)));
            self.scroll_to_selected = true;
        }
    }

    pub fn select(&mut self, selected: Option<Selected>) {
        if self.selected != selected {
            self.selected = selected;
            self.draft = None;
            self.finder = Finder::default();
            self.read_chosen();
        }
    }

    /// The chosen line in full.
    pub fn chosen(&self) -> Option<&Chosen> {
        self.chosen.as_ref()
    }

    pub(super) fn read_chosen(&mut self) {
        let revision = self.revision();
        let Some(Selected::Line(id)) = self.selected else {
            self.chosen = None;
            return;
        };
        if self.chosen.as_ref().is_some_and(|chosen| chosen.id == id && chosen.revision == revision)
            && (self.dataset.is_none() || self.survey.is_none())
        {
            return;
        }
        let lines = self.lines();
        self.chosen = lines.position(id).map(|at| {
            let reading = lines.read(at);
            let problems = match &self.survey {
                Some(survey) => survey.problems(&lines, at),
                None => reading.problems(id, at + 1).collect(),
            };
            let dataset = self.dataset.as_ref().filter(|dataset| dataset.is_edited(at));
            let before = dataset.and_then(|dataset| dataset.text_in_file(id).and_then(|text| Row::parse(&text)));
            let bytes = lines.bytes_at(at);
            let is_cut = reading.is_bad() && bytes.len() > LONGEST_SHOWN;
            let shown = if is_cut { &bytes[..LONGEST_SHOWN] } else { bytes };
            let text = String::from_utf8_lossy(shown).into_owned();
            Chosen { id, line: at + 1, row: reading.into_row(), problems, text, is_cut, before, revision }
        });
    }
}
