//! Edits of one row, and the text being typed.

use super::super::draft::{Draft, Field};
use super::{Selected, State};
use crate::dataset::{DatasetError, Edit, LineId, Problem, Review, Reviews, Row, Side, StepName, fix};

impl State {
    /// Takes what was typed into a field; text that is as before is no draft.
    pub fn type_text(&mut self, field: Field, text: String, now: f64) {
        if !self.is_head() {
            self.draft = Some(Draft { field, text, typed_at: now });
        }
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
        if self.is_head() {
            return;
        }
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

    /// Nothing, if the chosen row has no such passage.
    pub fn move_passage(&mut self, from: Side, index: usize) -> Result<(), DatasetError> {
        let row = self.chosen.as_ref().and_then(|chosen| chosen.row.as_ref());
        match row.is_some_and(|row| index < row.passages(from).len()) {
            true => self.on_line(|line| Edit::MovePassage { line, from, index }),
            false => Ok(()),
        }
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

    /// The first thing wrong with the chosen row that can be put right.
    pub fn first_fixable(&self) -> Option<Problem> {
        self.chosen()?.problems.iter().find(|problem| self.can_fix(problem)).cloned()
    }

    pub fn fix(&mut self, problem: &Problem) -> Result<(), DatasetError> {
        let lines = self.lines();
        let edits = self.survey.as_ref().map(|survey| fix(survey, &lines, problem)).unwrap_or_default();
        let Some(dataset) = self.dataset.as_mut().filter(|_| self.opening.is_none()) else {
            return Ok(());
        };
        let touched = dataset.apply_all(StepName::Fix, edits)?;
        self.after_edit(&touched);
        Ok(())
    }

    pub(super) fn set_review(&mut self, query: &str, review: Review) {
        self.reviews.set(query, review);
        self.reviews_changed = true;
        self.find_reviewed();
    }

    pub(super) fn find_reviewed(&mut self) {
        if !self.shows_all() {
            self.find_visible();
        }
    }

    pub(super) fn on_line(&mut self, edit: impl FnOnce(LineId) -> Edit) -> Result<(), DatasetError> {
        match self.selected {
            Some(Selected::Line(line)) => self.apply(edit(line)),
            _ => Ok(()),
        }
    }

    pub(super) fn apply(&mut self, edit: Edit) -> Result<(), DatasetError> {
        let Some(dataset) = self.dataset.as_mut().filter(|_| self.opening.is_none()) else {
            return Ok(());
        };
        let touched = dataset.apply(edit)?;
        self.after_edit(&[touched]);
        Ok(())
    }

    pub(super) fn after_edit(&mut self, touched: &[LineId]) {
        self.follow_scores(touched);
        let lines = self.lines();
        self.touched.extend(touched);
        let stands = match &mut self.survey {
            Some(survey) => survey.update(&lines, touched),
            // All lines are shown as they come.
            None => self.rows == lines.len(),
        };
        self.forget_lines(touched);
        self.refresh(stands);
    }

    pub fn review(&self, query: &str) -> Option<&Review> {
        self.reviews.get(query)
    }

    pub fn reviews(&self) -> &Reviews {
        &self.reviews
    }
}
