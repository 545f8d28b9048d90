//! What the data bench knows: the open file, the choice, the filter, and the text being typed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::draft::{Draft, Field};
use super::finder::Finder;
use super::lines::{BadLine, Chosen, RowLine};
use super::mining_view::Mining;
use super::scores::{RowScores, ScoredWith, Scores};
use super::split_form::SplitForm;
use super::view::{self, BadPattern, Column, Filter, Material, Sort};
use crate::dataset::{
    Dataset, DatasetError, Edit, FaultKind, LineId, LineKind, Lines, Problem, Review, Reviews, Row, Side, StepInfo,
    StepName, Survey, Verdict, fix, fix_all,
};
use crate::jobs::scoring::{self, Measure};

/// Bytes up to which a file is searched and sorted within a frame; larger ones are on another thread.
const AT_ONCE: usize = 1 << 20;

/// What is shown in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selected {
    Line(LineId),
    /// A row that is not in the data yet.
    NewRow,
}

#[derive(Default)]
pub struct State {
    /// Away while it is being saved.
    dataset: Option<Dataset>,
    /// The lines while the data set is away.
    lent: Option<Lent>,
    /// None until all lines have been looked at.
    survey: Option<Survey>,
    /// Lines touched since the last survey was begun.
    touched: Vec<LineId>,
    pub is_opening: bool,
    pub is_saving: bool,
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
    scores: Scores,
    /// Columns that the user has put away.
    pub hidden: Vec<Column>,
    pub shows_keys: bool,
    /// The form for parting the rows, while it is open.
    pub split: Option<SplitForm>,
    /// Mining, while its view is open.
    pub mining: Option<Mining>,
    pub finder: Finder,
}

/// What is known of a data set while it is away.
struct Lent {
    lines: Lines,
    path: Option<PathBuf>,
}

/// The shortest digits that give the same 32-bit number.
fn round(score: f32) -> f64 {
    score.to_string().parse().unwrap_or_else(|_| f64::from(score))
}

impl State {
    /// Shows a file that was opened. Without a survey the rows are shown as they come, and one is to be made.
    pub fn open(&mut self, dataset: Dataset, survey: Option<Survey>, reviews: Reviews) {
        *self = Self {
            filter: std::mem::take(&mut self.filter),
            hidden: std::mem::take(&mut self.hidden),
            reviews,
            ..Self::default()
        };
        self.dataset = Some(dataset);
        self.survey = survey;
        self.refresh();
        let first = self.visible.first().copied();
        self.selected = first.and_then(|at| self.lines().id(at)).map(Selected::Line);
        self.read_chosen();
    }

    /// Lends the data set to be saved; [`Self::give_back`] ends that.
    pub fn lend(&mut self) -> Option<Dataset> {
        let dataset = self.dataset.take()?;
        self.is_saving = true;
        self.lent = Some(Lent { lines: dataset.lines().clone(), path: dataset.path().map(PathBuf::from) });
        Some(dataset)
    }

    pub fn give_back(&mut self, dataset: Dataset) {
        self.is_saving = false;
        self.lent = None;
        self.dataset = Some(dataset);
        self.chosen = None;
        self.refresh();
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
        self.dataset.is_some() && !self.is_opening
    }

    pub fn is_open(&self) -> bool {
        self.dataset.is_some() || self.is_saving
    }

    /// Whether something would be lost if the window closed; a text being typed counts.
    pub fn is_modified(&self) -> bool {
        self.dataset.as_ref().is_some_and(Dataset::is_modified) || self.is_saving || self.draft.is_some()
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

    pub fn path(&self) -> Option<&Path> {
        let lent = self.lent.as_ref().and_then(|lent| lent.path.as_deref());
        self.dataset.as_ref().map_or(lent, Dataset::path)
    }

    pub fn file_name(&self) -> Option<String> {
        self.path().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned())
    }

    /// Usable rows; all lines until they have been looked at.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Places of the rows that the filter lets through, in the order of the table.
    pub fn visible(&self) -> &[usize] {
        &self.visible
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
        let digest = self.survey.as_ref().and_then(|survey| survey.digests().get(at));
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

    /// The chosen line in full.
    pub fn chosen(&self) -> Option<&Chosen> {
        self.chosen.as_ref()
    }

    /// Problems of a row, for the mark in the table.
    pub fn problems_at(&self, lines: &Lines, at: usize) -> Vec<Problem> {
        self.survey.as_ref().map_or_else(Vec::new, |survey| survey.problems(lines, at))
    }

    pub fn review(&self, query: &str) -> Option<&Review> {
        self.reviews.get(query)
    }

    pub fn reviews(&self) -> &Reviews {
        &self.reviews
    }

    pub fn scores(&self, id: LineId) -> Option<&RowScores> {
        self.scores.of(id)
    }

    /// What all rows were scored by, and which of it they are judged by.
    pub fn all_scores(&self) -> &Scores {
        &self.scores
    }

    pub fn has_scores(&self) -> bool {
        !self.scores.is_empty()
    }

    /// Rows with a negative that scores as high as the best positive.
    pub fn suspected(&self) -> usize {
        self.scores.suspected()
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

    /// Takes what a model says of rows.
    pub fn take_scores(&mut self, scored: Vec<scoring::RowScores>) {
        let lines = self.lines();
        for scoring::RowScores { line, row, scores } in scored {
            if let Some(now) = lines.position(line).and_then(|at| lines.read(at).into_row()) {
                self.scores.take(line, &row, &scores, &now);
            }
        }
        self.find_visible();
    }

    /// Judges the rows by another measure.
    pub fn choose_measure(&mut self, by: Measure) {
        self.scores.choose(by);
        self.find_visible();
    }

    /// Rows are about to be scored with a model. What another one of its kind said is forgotten.
    pub fn begin_scores(&mut self, with: ScoredWith) {
        self.scores.begin(with);
    }

    /// Rows that were edited since they were scored, as they are now; they are given once.
    pub fn take_edited_since_scored(&mut self) -> Vec<(LineId, Arc<Row>)> {
        let lines = self.lines();
        let edited = self.scores.take_edited().into_iter();
        edited.filter_map(|line| Some((line, lines.read(lines.position(line)?).into_row()?))).collect()
    }

    /// Rows to work on: those that are marked, or else all that the table shows.
    pub fn rows_in_hand(&self) -> Vec<(LineId, Arc<Row>)> {
        let lines = self.lines();
        let marked = |at: &usize| lines.id(*at).is_some_and(|id| self.marked.contains(&id));
        let places: Vec<usize> =
            if self.marked.is_empty() { self.visible.clone() } else { (0..lines.len()).filter(marked).collect() };
        places.into_iter().filter_map(|at| Some((lines.id(at)?, lines.read(at).into_row()?))).collect()
    }

    pub fn select(&mut self, selected: Option<Selected>) {
        if self.selected != selected {
            self.selected = selected;
            self.draft = None;
            self.finder = Finder::default();
            self.read_chosen();
        }
    }

    /// The scores of the rows in hand, by the chosen measure, as their teacher's scores, as one step. Rows that lack
    /// some are left out.
    pub fn keep_scores(&mut self) -> Result<(), DatasetError> {
        let numbers = |scores: &[f32]| scores.iter().map(|score| round(*score)).collect::<Vec<f64>>();
        let rows = self.rows_in_hand();
        let by = self.scores.chosen();
        let edits = rows.iter().filter_map(|(line, row)| {
            let scores = self.scores.of(*line)?;
            let [pos, neg] = [scores.complete(Side::Positive, by)?, scores.complete(Side::Negative, by)?];
            let set = |side, scores: &[f32]| Edit::SetScores { line: *line, side, scores: Some(numbers(scores)) };
            let negatives = (!row.neg.is_empty()).then(|| set(Side::Negative, &neg));
            Some([Some(set(Side::Positive, &pos)), negatives].into_iter().flatten())
        });
        let edits = edits.flatten().collect();
        self.apply_all(StepName::Score, edits)
    }

    /// Puts the proposed negatives into the rows, as one step.
    pub fn take_proposals(&mut self, wanted: impl Fn(LineId) -> bool) -> Result<(), DatasetError> {
        let Some(mining) = &self.mining else {
            return Ok(());
        };
        let lines = self.lines();
        let open = mining.proposals.iter().filter(|one| wanted(one.line) && !mining.taken.contains(&one.line));
        let there: Vec<_> = open.filter(|one| lines.position(one.line).is_some()).collect();
        let edits = there.iter().map(|one| {
            let negatives = one.negatives.iter().map(|passage| passage.text.to_string()).collect();
            Edit::SetNegatives { line: one.line, negatives }
        });
        let (edits, taken) = (edits.collect(), there.iter().map(|one| one.line).collect::<Vec<_>>());
        drop(lines);
        self.apply_all(StepName::Mine, edits)?;
        if let Some(mining) = &mut self.mining {
            mining.taken.extend(taken);
        }
        Ok(())
    }

    /// Takes what was typed into a field; text that is as before is no draft.
    pub fn type_text(&mut self, field: Field, text: String, now: f64) {
        self.draft = Some(Draft { field, text, typed_at: now });
    }

    /// Makes the text being typed an edit.
    pub fn commit(&mut self) -> Result<(), DatasetError> {
        let (Some(Selected::Line(line)), true) = (self.selected, self.can_edit()) else {
            return Ok(());
        };
        let Some(Draft { field, text, .. }) = self.draft.take_if(|draft| draft.field != Field::RawLine) else {
            return Ok(());
        };
        let Some(row) = self.chosen.as_ref().and_then(|chosen| chosen.row.clone()) else {
            return Ok(());
        };
        match field {
            Field::Query => {
                self.apply(Edit::SetQuery { line, query: text.clone() })?;
                self.reviews.carry(&row.query, &text);
                self.reviews_changed |= self.reviews.get(&text).is_some();
                Ok(())
            }
            Field::Passage(side, index) => self.apply(Edit::SetPassage { line, side, index, text }),
            Field::NewPassage(_) if text.trim().is_empty() => Ok(()),
            Field::NewPassage(side) => {
                let index = row.passages(side).len();
                self.apply(Edit::AddPassage { line, side, index, text })
            }
            Field::Prompt => self.apply(Edit::SetPrompt { line, prompt: Some(text) }),
            Field::Note => {
                let verdict = self.reviews.get(&row.query).and_then(|review| review.verdict);
                self.set_review(&row.query, Review { verdict, note: text });
                Ok(())
            }
            Field::RawLine => Ok(()),
        }
    }

    pub fn begin_passage(&mut self, side: Side) {
        self.draft = Some(Draft { field: Field::NewPassage(side), text: String::new(), typed_at: 0.0 });
        self.focus_draft = true;
    }

    /// Puts a passage that was found elsewhere into the chosen row.
    pub fn add_passage(&mut self, side: Side, text: String) -> Result<(), DatasetError> {
        let count = self.chosen.as_ref().and_then(|chosen| chosen.row.as_ref()).map(|row| row.passages(side).len());
        match count {
            Some(index) => self.on_line(|line| Edit::AddPassage { line, side, index, text }),
            None => Ok(()),
        }
    }

    pub fn remove_passage(&mut self, side: Side, index: usize) -> Result<(), DatasetError> {
        self.on_line(|line| Edit::RemovePassage { line, side, index })
    }

    pub fn move_passage(&mut self, from: Side, index: usize) -> Result<(), DatasetError> {
        self.on_line(|line| Edit::MovePassage { line, from, index })
    }

    pub fn reorder(&mut self, side: Side, from: usize, to: usize) -> Result<(), DatasetError> {
        self.on_line(|line| Edit::Reorder { line, side, from, to })
    }

    /// Puts the new row at the end of the file.
    pub fn add_row(&mut self) -> Result<(), DatasetError> {
        let Some(dataset) = &self.dataset else {
            return Ok(());
        };
        let (query, positive) = self.new_row.clone();
        let at = dataset.lines().len();
        self.apply(Edit::InsertRow { at, row: Box::new(Row { query, pos: vec![positive], ..Row::default() }) })?;
        self.new_row = Default::default();
        self.select(self.lines().id(at).map(Selected::Line));
        self.scroll_to_selected = true;
        Ok(())
    }

    /// Removes the marked lines, or else the chosen one, and chooses the next.
    pub fn remove_lines(&mut self) -> Result<(), DatasetError> {
        let chosen = match self.selected {
            Some(Selected::Line(line)) => Some(line),
            _ => None,
        };
        let gone: Vec<LineId> =
            if self.marked.is_empty() { chosen.into_iter().collect() } else { self.marked.iter().copied().collect() };
        let lines = self.lines();
        let place = self.visible.iter().position(|at| lines.id(*at).is_some_and(|id| gone.contains(&id)));
        self.apply_all(StepName::RemoveLine, gone.into_iter().map(|line| Edit::RemoveLine { line }).collect())?;
        self.marked.clear();
        let next = place.and_then(|place| self.visible.get(place).or(self.visible.last()));
        self.select(next.and_then(|at| self.lines().id(*at)).map(Selected::Line));
        Ok(())
    }

    /// Puts the repaired text in the place of the chosen bad line.
    pub fn repair_line(&mut self) -> Result<(), DatasetError> {
        let Some(draft) = self.draft.take_if(|draft| draft.field == Field::RawLine) else {
            return Ok(());
        };
        let result = self.on_line(|line| Edit::ReplaceLine { line, text: draft.text.clone() });
        if result.is_err() {
            self.draft = Some(draft);
        }
        result
    }

    /// Whether there are edits that put a problem right.
    pub fn can_fix(&self, problem: &Problem) -> bool {
        self.survey.as_ref().is_some_and(|survey| !fix(survey, &self.lines(), problem).is_empty())
    }

    pub fn fix(&mut self, problem: &Problem) -> Result<(), DatasetError> {
        let lines = self.lines();
        let edits = self.survey.as_ref().map(|survey| fix(survey, &lines, problem)).unwrap_or_default();
        self.apply_all(StepName::Fix, edits)
    }

    /// Puts all faults of a kind right, as one step; how many edits that took.
    pub fn fix_all(&mut self, kind: FaultKind) -> Result<usize, DatasetError> {
        let lines = self.lines();
        let edits = self.survey.as_ref().map(|survey| fix_all(survey, &lines, kind)).unwrap_or_default();
        let count = edits.len();
        self.apply_all(StepName::Fix, edits)?;
        Ok(count)
    }

    /// Gives the marked rows, or else the chosen one, a verdict; the same once more takes it away.
    pub fn judge(&mut self, verdict: Verdict) {
        let lines = self.lines();
        let chosen = self.chosen.as_ref().and_then(|chosen| chosen.row.clone());
        let marked = self.marked.iter().filter_map(|id| lines.read(lines.position(*id)?).into_row());
        let rows: Vec<Arc<Row>> = if self.marked.is_empty() { chosen.into_iter().collect() } else { marked.collect() };
        let has = |row: &Arc<Row>| self.reviews.get(&row.query).and_then(|review| review.verdict) == Some(verdict);
        let verdict = (!rows.iter().all(has)).then_some(verdict);
        for row in rows {
            let note = self.reviews.get(&row.query).map(|review| review.note.clone()).unwrap_or_default();
            self.set_review(&row.query, Review { verdict, note });
        }
    }

    fn set_review(&mut self, query: &str, review: Review) {
        self.reviews.set(query, review);
        self.reviews_changed = true;
        self.find_visible();
    }

    pub fn undo(&mut self) -> Result<(), DatasetError> {
        self.step(Dataset::undo)
    }

    pub fn redo(&mut self) -> Result<(), DatasetError> {
        self.step(Dataset::redo)
    }

    /// Goes to the state after so many steps.
    pub fn go_to(&mut self, steps: usize) -> Result<(), DatasetError> {
        self.step(|dataset| dataset.go_to(steps))
    }

    /// Gives up what was not saved.
    pub fn close(&mut self) -> Result<(), DatasetError> {
        let result = self.dataset.take().map_or(Ok(()), Dataset::close);
        *self = Self::default();
        result
    }

    fn step(
        &mut self,
        step: impl FnOnce(&mut Dataset) -> Result<Vec<LineId>, DatasetError>,
    ) -> Result<(), DatasetError> {
        let Some(dataset) = self.dataset.as_mut().filter(|_| !self.is_opening) else {
            return Ok(());
        };
        self.draft = None;
        let touched = step(dataset)?;
        self.after_edit(&touched);
        let lines = self.lines();
        if let Some(line) = touched.into_iter().find(|line| lines.position(*line).is_some()) {
            self.select(Some(Selected::Line(line)));
            self.scroll_to_selected = true;
        }
        Ok(())
    }

    fn on_line(&mut self, edit: impl FnOnce(LineId) -> Edit) -> Result<(), DatasetError> {
        match self.selected {
            Some(Selected::Line(line)) => self.apply(edit(line)),
            _ => Ok(()),
        }
    }

    fn apply(&mut self, edit: Edit) -> Result<(), DatasetError> {
        let Some(dataset) = self.dataset.as_mut().filter(|_| !self.is_opening) else {
            return Ok(());
        };
        let touched = dataset.apply(edit)?;
        self.after_edit(&[touched]);
        Ok(())
    }

    /// Makes edits as one step.
    pub fn apply_all(&mut self, name: StepName, edits: Vec<Edit>) -> Result<(), DatasetError> {
        let Some(dataset) = self.dataset.as_mut().filter(|_| !self.is_opening) else {
            return Ok(());
        };
        let touched = dataset.apply_all(name, edits)?;
        self.after_edit(&touched);
        Ok(())
    }

    fn after_edit(&mut self, touched: &[LineId]) {
        let lines = self.lines();
        for line in touched {
            if self.scores.of(*line).is_some() {
                let row = lines.position(*line).and_then(|at| lines.read(at).into_row());
                self.scores.follow(*line, row.as_deref());
            }
        }
        self.touched.extend(touched);
        if let Some(survey) = &mut self.survey {
            survey.update(&lines, touched);
        }
        self.refresh();
    }

    /// Takes a survey that was made away from the window.
    pub fn take_survey(&mut self, mut survey: Survey) {
        let touched = std::mem::take(&mut self.touched);
        survey.update(&self.lines(), &touched);
        self.survey = Some(survey);
        self.refresh();
    }

    /// A survey is being made of the lines as they are now.
    pub fn begin_survey(&mut self) {
        self.touched.clear();
    }

    fn refresh(&mut self) {
        let of_kind = |survey: &Survey, kind| {
            let digests = survey.digests().iter().enumerate();
            digests.filter(|(_, digest)| digest.kind == kind).map(|(at, _)| at).collect::<Vec<_>>()
        };
        (self.rows, self.bad) = match &self.survey {
            Some(survey) => (survey.rows(), of_kind(survey, LineKind::Bad)),
            None => (self.lines().len(), Vec::new()),
        };
        self.find_visible();
        if let Some(Selected::Line(line)) = self.selected
            && self.lines().position(line).is_none()
        {
            self.selected = None;
        }
        let lines = self.lines();
        self.marked.retain(|id| lines.position(*id).is_some());
        self.read_chosen();
    }

    fn read_chosen(&mut self) {
        let revision = self.dataset.as_ref().map_or(0, Dataset::revision);
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
            let text = String::from_utf8_lossy(lines.bytes_at(at)).into_owned();
            Chosen { id, line: at + 1, row: reading.into_row(), problems, text, before, revision }
        });
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

    fn find_visible(&mut self) {
        let lines = self.lines();
        let Some(survey) = &self.survey else {
            self.visible = (0..lines.len()).collect();
            return;
        };
        if self.filter.is_empty() && self.sort == Sort::default() {
            let digests = survey.digests().iter().enumerate();
            self.visible = digests.filter(|(_, digest)| digest.kind == LineKind::Row).map(|(at, _)| at).collect();
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Expectations;

    const FILE: &str = "{\"query\": \"咬边\", \"pos\": [\"a\"], \"neg\": [\"b\", \"c\"]}\n{broken\n{\"query\": \"porosity\", \"pos\": [\"d\"]}\n";

    fn state() -> State {
        let mut state = State::default();
        let dataset = Dataset::from_bytes(FILE.into());
        let survey = Survey::of(dataset.lines(), Expectations::default());
        state.open(dataset, Some(survey), Reviews::default());
        state
    }

    /// The row that stands at a place among the rows, whatever is filtered.
    fn line(state: &State, place: usize) -> RowLine {
        let lines = state.lines();
        (0..lines.len()).filter_map(|at| state.row_at(&lines, at)).nth(place).unwrap()
    }

    fn row(state: &State, place: usize) -> Arc<Row> {
        line(state, place).row
    }

    #[test]
    fn rows_and_bad_lines_are_told_apart_with_their_lines() {
        let state = state();
        assert_eq!((line(&state, 0).line, line(&state, 1).line, state.rows()), (1, 3, 2));
        assert_eq!((state.bad(), state.bad_line_at(&state.lines(), 1).unwrap().line), (&[1][..], 2));
        assert_eq!(state.selected, Some(Selected::Line(line(&state, 0).id)));
    }

    #[test]
    fn typing_becomes_one_step_when_it_is_committed() {
        let mut state = state();
        for text in ["咬边是", "咬边是什么"] {
            state.type_text(Field::Query, text.into(), 0.0);
        }
        assert_eq!(row(&state, 0).query, "咬边");
        state.commit().unwrap();
        assert_eq!(row(&state, 0).query, "咬边是什么");
        assert!(line(&state, 0).is_edited && state.is_modified());
        state.undo().unwrap();
        assert_eq!(row(&state, 0).query, "咬边");
        assert!(!line(&state, 0).is_edited && !state.is_modified());
        state.redo().unwrap();
        assert_eq!(row(&state, 0).query, "咬边是什么");
    }

    #[test]
    fn an_emptied_text_is_refused_and_comes_back() {
        let mut state = state();
        state.type_text(Field::Query, "  ".into(), 0.0);
        assert!(state.commit().is_err());
        assert_eq!((state.draft.is_none(), row(&state, 0).query.as_str()), (true, "咬边"));
    }

    #[test]
    fn a_negative_goes_to_the_positives_and_back() {
        let mut state = state();
        state.move_passage(Side::Negative, 0).unwrap();
        assert_eq!(
            (row(&state, 0).pos.clone(), row(&state, 0).neg.clone()),
            (vec!["a".into(), "b".into()], vec!["c".to_string()])
        );
        state.move_passage(Side::Positive, 1).unwrap();
        assert_eq!(row(&state, 0).neg, ["c", "b"]);
    }

    #[test]
    fn a_new_passage_appears_once_it_has_a_text() {
        let mut state = state();
        state.begin_passage(Side::Negative);
        state.commit().unwrap();
        assert_eq!(row(&state, 0).neg.len(), 2);
        state.begin_passage(Side::Negative);
        state.type_text(Field::NewPassage(Side::Negative), "new".into(), 0.0);
        state.commit().unwrap();
        assert_eq!(row(&state, 0).neg, ["b", "c", "new"]);
    }

    #[test]
    fn a_repaired_line_becomes_a_row() {
        let mut state = state();
        let bad = state.lines().id(1).unwrap();
        state.select(Some(Selected::Line(bad)));
        state.type_text(Field::RawLine, "{\"query\": \"q\", \"pos\": [\"p\"]}".into(), 0.0);
        state.commit().unwrap();
        assert_eq!(state.bad().len(), 1, "a repair waits for its button");
        state.repair_line().unwrap();
        assert!(state.bad().is_empty() && state.rows() == 3);
        assert!(line(&state, 1).is_edited);
    }

    #[test]
    fn rows_are_added_and_removed() {
        let mut state = state();
        state.select(Some(Selected::NewRow));
        state.new_row = ("q".into(), "p".into());
        state.add_row().unwrap();
        assert_eq!(state.selected, Some(Selected::Line(line(&state, 2).id)));
        assert!(line(&state, 2).is_edited);
        state.remove_lines().unwrap();
        assert_eq!(state.rows(), 2);
        state.undo().unwrap();
        assert_eq!(state.rows(), 3);
    }

    #[test]
    fn the_filter_looks_at_questions_and_passages() {
        let mut state = state();
        for (filter, places) in [("PORO", vec![2]), ("c", vec![0]), ("", vec![0, 2]), ("none", vec![])] {
            state.set_filter(Filter { text: filter.into(), ..Default::default() });
            assert_eq!(state.visible(), places, "{filter}");
        }
    }

    #[test]
    fn what_was_typed_waits_while_the_file_is_being_saved() {
        let mut state = state();
        let dataset = state.lend().unwrap();
        state.type_text(Field::Query, "later".into(), 0.0);
        state.commit().unwrap();
        assert!(state.draft.is_some());
        state.give_back(dataset);
        state.commit().unwrap();
        assert_eq!(row(&state, 0).query, "later");
    }

    #[test]
    fn a_step_of_many_edits_is_undone_at_once_and_found_in_the_history() {
        let mut state = state();
        state.marked = [line(&state, 0).id, line(&state, 1).id].into();
        state.remove_lines().unwrap();
        assert_eq!((state.rows(), state.lines().len()), (0, 1));
        assert_eq!(state.history().0[0].lines, 2);
        state.undo().unwrap();
        assert_eq!((state.rows(), state.history().1), (2, 0));
        state.go_to(1).unwrap();
        assert_eq!(state.rows(), 0);
    }

    #[test]
    fn verdicts_and_notes_are_kept_beside_the_rows() {
        let mut state = state();
        state.judge(Verdict::Unsure);
        state.type_text(Field::Note, "见标准".into(), 0.0);
        state.commit().unwrap();
        let review = Review { verdict: Some(Verdict::Unsure), note: "见标准".into() };
        assert_eq!(state.review("咬边"), Some(&review));
        assert!(state.reviews_changed && !state.is_modified());
        state.type_text(Field::Query, "什么是咬边".into(), 0.0);
        state.commit().unwrap();
        assert_eq!(state.review("什么是咬边"), Some(&review));
        state.judge(Verdict::Unsure);
        assert_eq!(state.review("什么是咬边").unwrap().verdict, None);
    }

    #[test]
    fn a_fault_is_put_right_and_what_was_before_is_known() {
        let mut state = State::default();
        let dataset = Dataset::from_bytes(br#"{"query": "q", "pos": ["a"], "neg": ["b", "b"]}"#.to_vec());
        let survey = Survey::of(dataset.lines(), Expectations::default());
        state.open(dataset, Some(survey), Reviews::default());
        let problem = state.chosen().unwrap().problems[0].clone();
        assert!(state.can_fix(&problem));
        state.fix(&problem).unwrap();
        let chosen = state.chosen().unwrap();
        assert_eq!((chosen.row.as_ref().unwrap().neg.len(), chosen.problems.len()), (1, 0));
        assert_eq!(chosen.before.as_ref().unwrap().neg, ["b", "b"]);
    }

    #[test]
    fn scores_go_with_the_row_they_were_for() {
        let mut state = state();
        let id = line(&state, 0).id;
        let scores = scoring::Scores { by: Measure::Dense, positives: vec![0.5], negatives: vec![0.25, 0.75] };
        state.take_scores(vec![scoring::RowScores { line: id, row: row(&state, 0), scores: vec![scores] }]);
        state.set_filter(Filter { finding: Some(super::view::Finding::Suspected), ..Default::default() });
        assert_eq!(state.visible(), [0]);
        state.move_passage(Side::Negative, 1).unwrap();
        // The suspect is a positive now, with the score that it had.
        assert_eq!(state.scores(id).unwrap().get(Side::Positive, 1, Measure::Dense), Some(0.75));
        assert!(state.visible().is_empty());
        state.undo().unwrap();
        assert_eq!(state.visible(), [0]);
        state.keep_scores().unwrap();
        assert_eq!(row(&state, 0).neg_scores.as_deref(), Some(&[0.25, 0.75][..]));
    }
}
