//! What the data bench knows: the open file, the choice, the filter, and the text being typed.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use super::draft::{Draft, Field};
use super::lines::{BadLine, Lines, RowLine};
use crate::dataset::{Dataset, DatasetError, Edit, LineId, Row, Side};
use crate::training::TrainingFile;

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
    lines: Lines,
    /// The texts that touched lines have in the file; `None` for lines that are new.
    before: HashMap<LineId, Option<String>>,
    pub is_opening: bool,
    pub is_saving: bool,
    pub selected: Option<Selected>,
    /// The chosen row is to be brought into view.
    pub scroll_to_selected: bool,
    pub draft: Option<Draft>,
    /// A new passage's field is to get the keyboard.
    pub focus_draft: bool,
    /// Query and positive of a row that is not in the data yet.
    pub new_row: (String, String),
    filter: String,
    /// Rows that the filter lets through, by their places among the rows.
    visible: Vec<usize>,
}

impl State {
    /// Shows a file that was opened.
    pub fn open(&mut self, dataset: Dataset) {
        *self = Self { filter: std::mem::take(&mut self.filter), ..Self::default() };
        self.give_back(dataset);
        self.selected = self.visible.first().map(|place| Selected::Line(self.lines.rows[*place].id));
    }

    /// Lends the data set to be saved; [`Self::give_back`] ends that.
    pub fn lend(&mut self) -> Option<Dataset> {
        self.is_saving = self.dataset.is_some();
        self.dataset.take()
    }

    pub fn give_back(&mut self, dataset: Dataset) {
        if !dataset.is_modified() {
            self.before.clear();
        }
        self.is_saving = false;
        self.dataset = Some(dataset);
        self.refresh();
    }

    pub fn lines(&self) -> &Lines {
        &self.lines
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
        self.lines.is_modified || self.draft.is_some()
    }

    pub fn path(&self) -> Option<&Path> {
        self.lines.path.as_deref()
    }

    pub fn file_name(&self) -> Option<String> {
        self.path().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned())
    }

    /// Places of the rows that the filter lets through.
    pub fn visible(&self) -> &[usize] {
        &self.visible
    }

    pub fn filter(&self) -> &str {
        &self.filter
    }

    pub fn set_filter(&mut self, filter: String) {
        self.filter = filter;
        self.find_visible();
    }

    pub fn row(&self, id: LineId) -> Option<&RowLine> {
        self.lines.rows.iter().find(|row| row.id == id)
    }

    pub fn bad_line(&self, id: LineId) -> Option<&BadLine> {
        self.lines.bad.iter().find(|bad| bad.id == id)
    }

    /// The rows as they are here, to train on.
    pub fn training_file(&self) -> Option<TrainingFile> {
        let rows = &self.lines.rows;
        Some(TrainingFile {
            path: self.path()?.to_path_buf(),
            in_folder: false,
            rows: rows.iter().map(|row| Arc::clone(&row.row)).collect(),
            lines: rows.iter().map(|row| row.line).collect(),
        })
    }

    pub fn select(&mut self, selected: Option<Selected>) {
        if self.selected != selected {
            self.selected = selected;
            self.draft = None;
        }
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
        match field {
            Field::Query => self.apply(Edit::SetQuery { line, query: text }),
            Field::Passage(side, index) => self.apply(Edit::SetPassage { line, side, index, text }),
            Field::NewPassage(_) if text.trim().is_empty() => Ok(()),
            Field::NewPassage(side) => {
                let index = self.row(line).map_or(0, |row| row.row.passages(side).len());
                self.apply(Edit::AddPassage { line, side, index, text })
            }
            Field::RawLine => Ok(()),
        }
    }

    pub fn begin_passage(&mut self, side: Side) {
        self.draft = Some(Draft { field: Field::NewPassage(side), text: String::new(), typed_at: 0.0 });
        self.focus_draft = true;
    }

    pub fn remove_passage(&mut self, side: Side, index: usize) -> Result<(), DatasetError> {
        self.on_line(|line| Edit::RemovePassage { line, side, index })
    }

    pub fn move_passage(&mut self, from: Side, index: usize) -> Result<(), DatasetError> {
        self.on_line(|line| Edit::MovePassage { line, from, index })
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
        self.selected = self.lines.rows.last().map(|row| Selected::Line(row.id));
        self.scroll_to_selected = true;
        Ok(())
    }

    /// Removes the chosen line and chooses the next.
    pub fn remove_line(&mut self) -> Result<(), DatasetError> {
        let Some(Selected::Line(line)) = self.selected else {
            return Ok(());
        };
        let place = self.visible.iter().position(|place| self.lines.rows[*place].id == line);
        self.apply(Edit::RemoveLine { line })?;
        let next = place.and_then(|place| self.visible.get(place).or(self.visible.last()));
        self.selected = next.map(|place| Selected::Line(self.lines.rows[*place].id));
        self.draft = None;
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

    pub fn undo(&mut self) -> Result<(), DatasetError> {
        self.step(Dataset::undo)
    }

    pub fn redo(&mut self) -> Result<(), DatasetError> {
        self.step(Dataset::redo)
    }

    /// Gives up what was not saved.
    pub fn close(&mut self) -> Result<(), DatasetError> {
        let result = self.dataset.take().map_or(Ok(()), Dataset::close);
        *self = Self::default();
        result
    }

    fn step(
        &mut self,
        step: impl FnOnce(&mut Dataset) -> Result<Option<LineId>, DatasetError>,
    ) -> Result<(), DatasetError> {
        let Some(dataset) = self.dataset.as_mut().filter(|_| !self.is_opening) else {
            return Ok(());
        };
        self.draft = None;
        let touched = step(dataset)?;
        self.refresh();
        if let Some(line) = touched.filter(|line| self.row(*line).is_some() || self.bad_line(*line).is_some()) {
            self.selected = Some(Selected::Line(line));
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
        let text = match self.selected {
            Some(Selected::Line(line)) => dataset.text(line).map(|text| (line, text.into_owned())),
            _ => None,
        };
        let touched = dataset.apply(edit)?;
        let before = text.filter(|(line, _)| *line == touched).map(|(_, text)| text);
        self.before.entry(touched).or_insert(before);
        self.refresh();
        Ok(())
    }

    fn refresh(&mut self) {
        if let Some(dataset) = &self.dataset {
            self.lines = Lines::of(dataset, &self.before);
        }
        self.find_visible();
        if let Some(Selected::Line(line)) = self.selected
            && self.row(line).is_none()
            && self.bad_line(line).is_none()
        {
            self.selected = None;
        }
    }

    fn find_visible(&mut self) {
        let wanted = self.filter.trim().to_lowercase();
        let holds = |text: &String| text.to_lowercase().contains(&wanted);
        let fits = |row: &Row| {
            wanted.is_empty() || holds(&row.query) || row.pos.iter().any(holds) || row.neg.iter().any(holds)
        };
        let rows = &self.lines.rows;
        self.visible = (0..rows.len()).into_par_iter().filter(|place| fits(&rows[*place].row)).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "{\"query\": \"咬边\", \"pos\": [\"a\"], \"neg\": [\"b\", \"c\"]}\n{broken\n{\"query\": \"porosity\", \"pos\": [\"d\"]}\n";

    fn state() -> State {
        let mut state = State::default();
        state.open(Dataset::from_bytes(FILE.into()));
        state
    }

    fn row(state: &State, place: usize) -> &Row {
        &state.lines.rows[place].row
    }

    #[test]
    fn rows_and_bad_lines_are_told_apart_with_their_lines() {
        let state = state();
        assert_eq!(state.lines.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(
            state.lines.bad.iter().map(|bad| (bad.line, bad.text.as_str())).collect::<Vec<_>>(),
            [(2, "{broken")]
        );
        assert_eq!(state.selected, Some(Selected::Line(state.lines.rows[0].id)));
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
        assert!(state.lines.rows[0].is_edited && state.is_modified());
        state.undo().unwrap();
        assert_eq!(row(&state, 0).query, "咬边");
        assert!(!state.lines.rows[0].is_edited && !state.is_modified());
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
        let bad = state.lines.bad[0].id;
        state.select(Some(Selected::Line(bad)));
        state.type_text(Field::RawLine, "{\"query\": \"q\", \"pos\": [\"p\"]}".into(), 0.0);
        state.commit().unwrap();
        assert_eq!(state.lines.bad.len(), 1, "a repair waits for its button");
        state.repair_line().unwrap();
        assert!(state.lines.bad.is_empty() && state.lines.rows.len() == 3);
        assert!(state.row(bad).is_some_and(|row| row.is_edited));
    }

    #[test]
    fn rows_are_added_and_removed() {
        let mut state = state();
        state.select(Some(Selected::NewRow));
        state.new_row = ("q".into(), "p".into());
        state.add_row().unwrap();
        assert_eq!(state.selected, Some(Selected::Line(state.lines.rows[2].id)));
        assert!(state.lines.rows[2].is_edited);
        state.remove_line().unwrap();
        assert_eq!(state.lines.rows.len(), 2);
        state.undo().unwrap();
        assert_eq!(state.lines.rows.len(), 3);
    }

    #[test]
    fn the_filter_looks_at_questions_and_passages() {
        let mut state = state();
        for (filter, places) in [("PORO", vec![1]), ("c", vec![0]), ("", vec![0, 1]), ("none", vec![])] {
            state.set_filter(filter.into());
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
}
