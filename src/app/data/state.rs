//! What the data bench knows: the open file, the choice, the filter, and the text being typed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bulk::{After, Bulk, Done, Job};
use super::draft::{Draft, Field};
use super::finder::Finder;
use super::lines::{BadLine, Chosen, RowLine};
use super::mining_view::Mining;
use super::scores::{RowScores, ScoredWith, Scores};
use super::split_form::SplitForm;
use super::view::{self, BadPattern, Column, Filter, Material, Sort};
use rayon::prelude::*;

use crate::dataset::{
    Dataset, DatasetError, Edit, FaultKind, LineId, LineKind, Lines, Problem, Review, Reviews, Row, Side, StepInfo,
    StepName, Survey, Verdict, Watch, fix, fix_all,
};
use crate::jobs::scoring::{self, Measure};

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
    /// Away while it is being saved, or edited on another thread.
    dataset: Option<Dataset>,
    /// What is known of the data set while it is away.
    lent: Option<Lent>,
    /// None until all lines have been looked at.
    survey: Option<Survey>,
    /// Lines touched since the last survey was begun.
    touched: Vec<LineId>,
    pub is_opening: bool,
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
    /// How far the edits have come that are made on it; none if it is being saved.
    edits: Option<Arc<Watch>>,
    /// Its findings were found anew meanwhile.
    has_new_survey: bool,
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
        self.refresh(false);
        let first = self.visible.first().copied();
        self.selected = first.and_then(|at| self.lines().id(at)).map(Selected::Line);
        self.read_chosen();
    }

    /// Lends the data set to be saved; [`Self::give_back`] ends that.
    pub fn lend(&mut self) -> Option<Dataset> {
        self.lend_for(None)
    }

    fn lend_for(&mut self, edits: Option<Arc<Watch>>) -> Option<Dataset> {
        let dataset = self.dataset.take()?;
        let path = dataset.path().map(PathBuf::from);
        self.lent = Some(Lent { lines: dataset.lines().clone(), path, edits, has_new_survey: false });
        Some(dataset)
    }

    pub fn give_back(&mut self, dataset: Dataset) {
        self.lent = None;
        self.dataset = Some(dataset);
        self.chosen = None;
        self.refresh(true);
    }

    pub fn is_saving(&self) -> bool {
        self.lent.as_ref().is_some_and(|lent| lent.edits.is_none())
    }

    /// How far edits have come that are made on another thread.
    pub fn editing(&self) -> Option<&Arc<Watch>> {
        self.lent.as_ref()?.edits.as_ref()
    }

    /// Whether the data set is away.
    pub fn is_away(&self) -> bool {
        self.lent.is_some()
    }

    /// Lends the data set to have edits of many rows made on it; [`Self::take_done`] ends that.
    pub fn lend_for_edits(&mut self) -> Option<(Dataset, Option<Survey>, Arc<Watch>)> {
        let watch = Arc::new(Watch::default());
        Some((self.lend_for(Some(watch.clone()))?, self.survey.clone(), watch))
    }

    /// Takes the data set back after edits of many rows; how many edits put faults right, if that was asked for.
    pub fn take_done(&mut self, done: Done) -> Result<Option<usize>, DatasetError> {
        let lent = self.lent.take();
        self.dataset = Some(done.dataset);
        self.chosen = None;
        if !matches!(done.result, Ok(After::KeepScores)) {
            self.follow_scores(&done.touched);
        }
        self.touched.extend(&done.touched);
        let lines = self.lines();
        let stands = match &mut self.survey {
            Some(survey) if lent.is_some_and(|lent| lent.has_new_survey) => survey.update(&lines, &done.touched),
            survey => {
                *survey = done.survey;
                done.stands
            }
        };
        self.forget_lines(&done.touched);
        self.refresh(stands);
        match done.result? {
            After::Show => self.show_first(&done.touched),
            After::TellFixed(count) => return Ok(Some(count)),
            After::KeepScores => {}
            After::Taken(taken) => {
                if let Some(mining) = &mut self.mining {
                    mining.taken.extend(taken);
                }
            }
            After::Choose(place) => {
                let next = place.and_then(|place| self.visible.get(place).or(self.visible.last()));
                self.select(next.and_then(|at| self.lines().id(*at)).map(Selected::Line));
            }
            After::Judge(questions, verdict) => self.set_verdicts(questions, verdict),
        }
        Ok(None)
    }

    /// Whether what is done with the marked rows, or else the chosen one, is done within a frame.
    pub fn is_little_in_hand(&self) -> bool {
        self.marked.len() <= LINES_AT_ONCE
    }

    /// Whether edits of many rows are made within a frame.
    pub fn is_small(&self) -> bool {
        self.lines().size() <= AT_ONCE
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
        self.dataset.is_some() || self.is_away()
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
        let known = Arc::make_mut(&mut self.scores);
        for scoring::RowScores { line, row, scores } in scored {
            if let Some(now) = lines.position(line).and_then(|at| lines.read(at).into_row()) {
                known.take(line, &row, &scores, &now);
            }
        }
        self.find_visible();
    }

    /// Judges the rows by another measure.
    pub fn choose_measure(&mut self, by: Measure) {
        Arc::make_mut(&mut self.scores).choose(by);
        self.find_visible();
    }

    /// Rows are about to be scored with a model. What another one of its kind said is forgotten.
    pub fn begin_scores(&mut self, with: ScoredWith) {
        Arc::make_mut(&mut self.scores).begin(with);
    }

    /// Rows that were edited since they were scored, as they are now; they are given once.
    pub fn take_edited_since_scored(&mut self) -> Vec<(LineId, Arc<Row>)> {
        if !self.scores.has_edited() {
            return Vec::new();
        }
        let lines = self.lines();
        let edited = Arc::make_mut(&mut self.scores).take_edited().into_iter();
        edited.filter_map(|line| Some((line, lines.read(lines.position(line)?).into_row()?))).collect()
    }

    /// Scored rows were edited; their scores follow.
    fn follow_scores(&mut self, touched: &[LineId]) {
        let lines = self.lines();
        for line in touched {
            if self.scores.of(*line).is_some() {
                let row = lines.position(*line).and_then(|at| lines.read(at).into_row());
                Arc::make_mut(&mut self.scores).follow(*line, row.as_deref());
            }
        }
    }

    /// Rows to work on: those that are marked, or else all that the table shows.
    pub fn rows_in_hand(&self) -> Vec<(LineId, Arc<Row>)> {
        let lines = self.lines();
        let rows = self.places_in_hand().into_par_iter();
        rows.filter_map(|at| Some((lines.id(at)?, lines.read(at).into_row()?))).collect()
    }

    fn places_in_hand(&self) -> Vec<usize> {
        if self.marked.is_empty() {
            return self.visible.clone();
        }
        let lines = self.lines();
        let mut places: Vec<_> = self.marked.iter().filter_map(|id| lines.position(*id)).collect();
        places.sort_unstable();
        places
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
    pub fn keep_scores(&self) -> Bulk {
        let (places, scores) = (self.places_in_hand(), self.scores.clone());
        Bulk::new(move |job| {
            let numbers = |scores: &[f32]| scores.iter().map(|score| round(*score)).collect::<Vec<f64>>();
            let lines = job.dataset.lines().clone();
            let by = scores.chosen();
            let edits = places.into_iter().filter_map(|at| {
                let line = lines.id(at)?;
                let (scores, row) = (scores.of(line)?, lines.read(at).into_row()?);
                let [pos, neg] = [scores.complete(Side::Positive, by)?, scores.complete(Side::Negative, by)?];
                let set = |side, scores: &[f32]| Edit::SetScores { line, side, scores: Some(numbers(scores)) };
                let negatives = (!row.neg.is_empty()).then(|| set(Side::Negative, &neg));
                Some([Some(set(Side::Positive, &pos)), negatives].into_iter().flatten())
            });
            make(job, StepName::Score, edits.flatten().collect())?;
            Ok(After::KeepScores)
        })
    }

    /// Puts the proposed negatives into the rows, as one step; only into one row if one is named.
    pub fn take_proposals(&self, only: Option<LineId>) -> Bulk {
        let mining = self.mining.as_ref();
        let (proposals, taken) =
            mining.map(|mining| (mining.proposals.clone(), mining.taken.clone())).unwrap_or_default();
        Bulk::new(move |job| {
            let is_wanted = |line| only.is_none_or(|only| only == line) && !taken.contains(&line);
            let there = |line| job.dataset.position(line).is_some();
            let open: Vec<_> = proposals.iter().filter(|one| is_wanted(one.line) && there(one.line)).collect();
            let edits = open.iter().map(|one| {
                let negatives = one.negatives.iter().map(|passage| passage.text.to_string()).collect();
                Edit::SetNegatives { line: one.line, negatives }
            });
            make(job, StepName::Mine, edits.collect())?;
            Ok(After::Taken(open.iter().map(|one| one.line).collect()))
        })
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
    pub fn remove_lines(&self) -> Bulk {
        let lines = self.lines();
        let chosen = match self.selected {
            Some(Selected::Line(line)) => Some(line),
            _ => None,
        };
        let gone: Vec<LineId> =
            if self.marked.is_empty() { chosen.into_iter().collect() } else { self.marked.iter().copied().collect() };
        let mut places: Vec<_> = gone.iter().filter_map(|id| lines.position(*id)).collect();
        places.sort_unstable();
        let place = self.visible.par_iter().position_first(|at| places.binary_search(at).is_ok());
        Bulk::new(move |job| {
            make(job, StepName::RemoveLine, gone.into_iter().map(|line| Edit::RemoveLine { line }).collect())?;
            Ok(After::Choose(place))
        })
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
        let Some(dataset) = self.dataset.as_mut().filter(|_| !self.is_opening) else {
            return Ok(());
        };
        let touched = dataset.apply_all(StepName::Fix, edits)?;
        self.after_edit(&touched);
        Ok(())
    }

    /// Puts all faults of a kind right, as one step.
    pub fn fix_all(&self, kind: FaultKind) -> Bulk {
        Bulk::new(move |job| {
            let edits = job.survey.map(|survey| fix_all(survey, job.dataset.lines(), kind, job.watch));
            let edits = edits.unwrap_or_default();
            let count = edits.len();
            make(job, StepName::Fix, edits)?;
            Ok(After::TellFixed(count))
        })
    }

    /// Gives the marked rows, or else the chosen one, a verdict; the same once more takes it away.
    pub fn judge(&self, verdict: Verdict) -> Bulk {
        let chosen = self.chosen.as_ref().filter(|_| self.marked.is_empty()).map(|chosen| chosen.id);
        let marked = self.marked.clone();
        Bulk::new(move |job| {
            let (lines, watch) = (job.dataset.lines(), job.watch);
            let rows: Vec<LineId> = marked.into_iter().chain(chosen).collect();
            watch.begin(rows.len());
            let rows = rows.into_par_iter().filter(|_| watch.go_on(1));
            let question = |id| Some(lines.read(lines.position(id)?).into_row()?.query.clone());
            let questions: Vec<String> = rows.filter_map(question).collect();
            if watch.is_cancelled() {
                return Err(DatasetError::Cancelled);
            }
            Ok(After::Judge(questions, verdict))
        })
    }

    fn set_verdicts(&mut self, questions: Vec<String>, verdict: Verdict) {
        let has = |question: &String| self.reviews.get(question).and_then(|review| review.verdict) == Some(verdict);
        let verdict = (!questions.iter().all(has)).then_some(verdict);
        for question in questions {
            let note = self.reviews.get(&question).map(|review| review.note.clone()).unwrap_or_default();
            self.reviews.set(&question, Review { verdict, note });
            self.reviews_changed = true;
        }
        self.find_reviewed();
    }

    fn set_review(&mut self, query: &str, review: Review) {
        self.reviews.set(query, review);
        self.reviews_changed = true;
        self.find_reviewed();
    }

    fn find_reviewed(&mut self) {
        if !self.shows_all() {
            self.find_visible();
        }
    }

    pub fn undo(&mut self) -> Bulk {
        self.draft.take_if(|_| self.dataset.is_some() && !self.is_opening);
        Bulk::new(|job| {
            job.touched = job.dataset.undo()?;
            Ok(After::Show)
        })
    }

    pub fn redo(&mut self) -> Bulk {
        self.draft.take_if(|_| self.dataset.is_some() && !self.is_opening);
        Bulk::new(|job| {
            job.touched = job.dataset.redo()?;
            Ok(After::Show)
        })
    }

    /// Goes to the state after so many steps.
    pub fn go_to(&mut self, steps: usize) -> Bulk {
        self.draft.take_if(|_| self.dataset.is_some() && !self.is_opening);
        Bulk::new(move |job| {
            job.dataset.go_to(steps, &mut job.touched)?;
            Ok(After::Show)
        })
    }

    /// Whether the steps from one state to another touch few lines.
    pub fn is_short_way(&self, steps: usize) -> bool {
        let Some(dataset) = &self.dataset else {
            return true;
        };
        let (all, done) = dataset.history();
        let (from, to) = (done.min(steps), done.max(steps).min(all.len()));
        all[from.min(to)..to].iter().map(|step| step.lines).sum::<usize>() <= LINES_AT_ONCE
    }

    /// Does something to many rows here and now; how many edits put faults right, if that was asked for.
    pub fn carry_out(&mut self, bulk: Bulk) -> Result<Option<usize>, DatasetError> {
        if !self.can_edit() {
            return Ok(None);
        }
        match self.lend_for_edits() {
            Some((dataset, survey, watch)) => self.take_done(bulk.carry_out(dataset, survey, &watch)),
            None => Ok(None),
        }
    }

    /// Gives up what was not saved.
    pub fn close(&mut self) -> Result<(), DatasetError> {
        let result = self.dataset.take().map_or(Ok(()), Dataset::close);
        *self = Self::default();
        result
    }

    /// Chooses the first of these lines that is there, and brings it into view.
    fn show_first(&mut self, lines: &[LineId]) {
        let all = self.lines();
        if let Some(line) = lines.iter().find(|line| all.position(**line).is_some()) {
            self.select(Some(Selected::Line(*line)));
            self.scroll_to_selected = true;
        }
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

    fn after_edit(&mut self, touched: &[LineId]) {
        self.follow_scores(touched);
        let lines = self.lines();
        self.touched.extend(touched);
        let stands = self.survey.as_mut().is_some_and(|survey| survey.update(&lines, touched));
        self.forget_lines(touched);
        self.refresh(stands);
    }

    /// Lines that are gone are neither marked nor chosen any more.
    fn forget_lines(&mut self, touched: &[LineId]) {
        let lines = self.lines();
        let is_gone = |line: LineId| lines.position(line).is_none();
        for line in touched {
            if self.marked.contains(line) && is_gone(*line) {
                self.marked.remove(line);
            }
        }
        if let Some(Selected::Line(line)) = self.selected
            && is_gone(line)
        {
            self.selected = None;
        }
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
    fn refresh(&mut self, stands: bool) {
        if !stands {
            (self.rows, self.bad) = match &self.survey {
                Some(survey) => (survey.rows(), survey.places(LineKind::Bad)),
                None => (self.lines().len(), Vec::new()),
            };
        }
        if !stands || !self.shows_all() {
            self.find_visible();
        }
        self.read_chosen();
    }

    /// Whether the table shows all rows in the order of the file.
    fn shows_all(&self) -> bool {
        self.filter.is_empty() && self.sort == Sort::default()
    }

    fn read_chosen(&mut self) {
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
}

/// Makes edits as one step of the job, and tells how far it has come.
fn make(job: &mut Job<'_>, name: StepName, edits: Vec<Edit>) -> Result<(), DatasetError> {
    let watch = job.watch;
    // Preparing ends early, with too few edits.
    if watch.is_cancelled() {
        return Err(DatasetError::Cancelled);
    }
    watch.begin(edits.len());
    job.touched = job.dataset.apply_watched(name, edits, |_| watch.go_on(1))?;
    Ok(())
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

    fn carry_out(state: &mut State, bulk: impl FnOnce(&mut State) -> Bulk) {
        let bulk = bulk(state);
        state.carry_out(bulk).unwrap();
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
        carry_out(&mut state, |state| state.undo());
        assert_eq!(row(&state, 0).query, "咬边");
        assert!(!line(&state, 0).is_edited && !state.is_modified());
        carry_out(&mut state, |state| state.redo());
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
        carry_out(&mut state, |state| state.remove_lines());
        assert_eq!(state.rows(), 2);
        carry_out(&mut state, |state| state.undo());
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
        carry_out(&mut state, |state| state.remove_lines());
        assert_eq!((state.rows(), state.lines().len()), (0, 1));
        assert_eq!(state.history().0[0].lines, 2);
        carry_out(&mut state, |state| state.undo());
        assert_eq!((state.rows(), state.history().1), (2, 0));
        carry_out(&mut state, |state| state.go_to(1));
        assert_eq!(state.rows(), 0);
    }

    #[test]
    fn verdicts_and_notes_are_kept_beside_the_rows() {
        let mut state = state();
        carry_out(&mut state, |state| state.judge(Verdict::Unsure));
        state.type_text(Field::Note, "见标准".into(), 0.0);
        state.commit().unwrap();
        let review = Review { verdict: Some(Verdict::Unsure), note: "见标准".into() };
        assert_eq!(state.review("咬边"), Some(&review));
        assert!(state.reviews_changed && !state.is_modified());
        state.type_text(Field::Query, "什么是咬边".into(), 0.0);
        state.commit().unwrap();
        assert_eq!(state.review("什么是咬边"), Some(&review));
        carry_out(&mut state, |state| state.judge(Verdict::Unsure));
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
        carry_out(&mut state, |state| state.undo());
        assert_eq!(state.visible(), [0]);
        carry_out(&mut state, |state| state.keep_scores());
        assert_eq!(row(&state, 0).neg_scores.as_deref(), Some(&[0.25, 0.75][..]));
    }

    #[test]
    fn what_is_cancelled_changes_nothing_and_what_is_found_meanwhile_stays() {
        let mut state = State::default();
        let dataset = Dataset::from_bytes(br#"{"query": "q", "pos": ["a"], "neg": ["b", "b"]}"#.to_vec());
        let survey = Survey::of(dataset.lines(), Expectations::default());
        state.open(dataset, Some(survey), Reviews::default());
        let bulk = state.fix_all(FaultKind::RepeatedPassage);
        let (dataset, survey, watch) = state.lend_for_edits().unwrap();
        assert!(state.editing().is_some() && !state.is_saving() && !state.can_edit() && state.is_modified());
        watch.cancel();
        let done = bulk.carry_out(dataset, survey, &watch);
        assert!(!done.dataset.is_modified());
        state.take_done(done).ok();
        assert_eq!(row(&state, 0).neg.len(), 2);

        let bulk = state.fix_all(FaultKind::RepeatedPassage);
        let (dataset, survey, watch) = state.lend_for_edits().unwrap();
        let expectations = Expectations { negatives: Some(3), ..Default::default() };
        state.take_survey(Survey::of(&state.lines(), expectations));
        let done = bulk.carry_out(dataset, survey, &watch);
        assert_eq!(state.take_done(done).unwrap(), Some(1));
        assert_eq!(row(&state, 0).neg.len(), 1);
        let kinds: Vec<_> = state.survey().unwrap().counts().iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [FaultKind::TooFewNegatives]);
    }
}
