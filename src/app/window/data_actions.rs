//! What the data bench asks for.

use std::path::PathBuf;
use std::sync::Arc;

use super::data_files::{self, LeftBehind, Opened, Saved};
use super::{Opening, Pending, Window, data_import};
use crate::app::background::{Background, BrokeOff};
use crate::app::data::bulk::Bulk;
use crate::app::data::view::{Column, Sort};
use crate::app::data::{Action, Mining, SplitForm};
use crate::app::error_texts;
use crate::app::files::Purpose;
use crate::app::shell::{Answer, Question};
use crate::app::widgets::Severity;
use crate::dataset::{DatasetError, Lines, Watch};
use crate::jobs::scoring::Scorer;

impl Window {
    pub(super) fn apply_data(&mut self, action: Action) {
        if self.claim.is_none() && action.changes() {
            return self.only_looks();
        }
        // An edit in the making comes before whatever else is asked for.
        if !matches!(action, Action::Type(..) | Action::Focused | Action::RepairLine | Action::TypeNewRow(..)) {
            let committed = self.data.commit();
            self.tell_error(committed);
        }
        let result = match action.clone() {
            Action::Open => {
                let near = self.data.path().map(PathBuf::from);
                self.ask_for_files(Purpose::OpenData, near);
                Ok(())
            }
            Action::SaveAs => {
                let near = self.data.path().map(PathBuf::from);
                self.ask_for_files(Purpose::SaveDataAs, near);
                Ok(())
            }
            Action::OpenPath(path) if data_import::is_table(&path) => {
                self.read_table(path, None);
                Ok(())
            }
            Action::OpenPath(path) => {
                self.open_unless_unsaved(path);
                Ok(())
            }
            Action::Save => {
                self.save_data(None, false, None);
                Ok(())
            }
            Action::Filter(filter) => {
                self.data.set_filter(filter);
                Ok(())
            }
            Action::Select(selected) => {
                self.data.select(Some(selected));
                Ok(())
            }
            Action::SelectAndShow(selected) => {
                self.data.select(Some(selected));
                self.data.scroll_to_selected = true;
                Ok(())
            }
            Action::Type(field, text) => {
                let now = self.context.input(|input| input.time);
                self.data.type_text(field, text, now);
                Ok(())
            }
            Action::Commit => Ok(()),
            Action::Focused => {
                self.data.focus_draft = false;
                Ok(())
            }
            Action::BeginRow => {
                self.data.select(Some(crate::app::data::Selected::NewRow));
                Ok(())
            }
            Action::TypeNewRow(query, positive) => {
                self.data.new_row = (query, positive);
                Ok(())
            }
            Action::BeginPassage(side) => {
                self.data.begin_passage(side);
                Ok(())
            }
            Action::PutNewRow => self.data.add_row(),
            Action::RemoveLines => self.carry_out(self.data.remove_lines(), self.data.is_little_in_hand()),
            Action::Reorder(side, from, to) => self.data.reorder(side, from, to),
            Action::Fix(problem) => self.data.fix(&problem),
            Action::FixAll(kind) => self.carry_out(self.data.fix_all(kind), false),
            Action::StopOpening => {
                self.stop_opening();
                Ok(())
            }
            Action::StopEdits => {
                if let Some(edits) = self.data.editing() {
                    edits.cancel();
                }
                Ok(())
            }
            Action::StopCheck => {
                self.stop_check();
                Ok(())
            }
            Action::CheckAgain => {
                self.checked = None;
                Ok(())
            }
            Action::GoTo(steps) => self.go_to_step(steps),
            Action::Sort(sort) => {
                self.data.set_sort(sort);
                Ok(())
            }
            Action::WorstFirst => {
                self.data.set_sort(Sort { by: Column::Margin, descending: true });
                Ok(())
            }
            Action::ShowColumn(column, shown) => {
                self.data.hidden.retain(|hidden| *hidden != column);
                self.data.hidden.extend((!shown).then_some(column));
                Ok(())
            }
            Action::Mark(line) => {
                self.data.mark(line);
                Ok(())
            }
            Action::MarkTo(line) => {
                self.data.mark_to(line);
                Ok(())
            }
            Action::MarkShown => {
                self.data.mark_shown();
                Ok(())
            }
            Action::UnmarkAll => {
                self.data.marked.clear();
                Ok(())
            }
            Action::Judge(verdict) => self.carry_out(self.data.judge(verdict), self.data.is_little_in_hand()),
            Action::Run(command) => {
                self.run_command(command);
                Ok(())
            }
            Action::ExportShown => {
                let near = self.data.path().map(|path| path.with_extension("part.jsonl"));
                self.ask_for_files(Purpose::ExportShown, near);
                Ok(())
            }
            Action::BeginSplit => {
                self.data.split = Some(SplitForm::default());
                Ok(())
            }
            Action::ChangeSplit(form) => {
                self.data.split = Some(form);
                Ok(())
            }
            Action::EndSplit => {
                self.data.split = None;
                Ok(())
            }
            Action::Score => {
                self.score_rows(Scorer::EveryMethod, None);
                Ok(())
            }
            Action::JudgeBy(measure) => {
                self.data.choose_measure(measure);
                Ok(())
            }
            Action::ScoreWithReranker(from) => {
                self.ask_for_reranker(from);
                Ok(())
            }
            Action::KeepScores => self.carry_out(self.data.keep_scores(), false),
            Action::ImportCorpus => {
                let near = self.compare.corpus_path.clone();
                self.ask_for_files(Purpose::ImportCorpus, near);
                Ok(())
            }
            Action::BeginMining => {
                self.data.mining = Some(Mining::default());
                Ok(())
            }
            Action::ChangeMining(form) => {
                if let Some(mining) = &mut self.data.mining {
                    mining.form = form;
                }
                Ok(())
            }
            Action::Mine => {
                self.mine_negatives();
                Ok(())
            }
            Action::EndMining => {
                self.end_mining();
                Ok(())
            }
            Action::TakeProposal(line) => self.carry_out(self.data.take_proposals(Some(line)), true),
            Action::TakeAllProposals => self.carry_out(self.data.take_proposals(None), false),
            Action::FindText(text) => {
                self.data.finder.text = text;
                Ok(())
            }
            Action::Find(by) => {
                self.find_passages(by);
                Ok(())
            }
            Action::AddFound(side, number) => match self.data.finder.hits.get(number).cloned() {
                Some((text, _)) => self.data.add_passage(side, text),
                None => Ok(()),
            },
            Action::Switch(place) => {
                self.switch_to(place);
                Ok(())
            }
            Action::CloseFile => {
                self.close_file();
                Ok(())
            }
            Action::Split => {
                self.split_data();
                Ok(())
            }
            Action::RemovePassage(side, index) => self.data.remove_passage(side, index),
            Action::MovePassage(side, index) => self.data.move_passage(side, index),
            Action::RepairLine => self.data.repair_line(),
            Action::Undo => {
                let is_short = self.data.is_short_way(self.data.steps_made().saturating_sub(1));
                let undo = self.data.undo();
                self.carry_out(undo, is_short)
            }
            Action::Redo => {
                let is_short = self.data.is_short_way(self.data.steps_made() + 1);
                let redo = self.data.redo();
                self.carry_out(redo, is_short)
            }
        };
        self.tell_error(result);
    }

    fn go_to_step(&mut self, steps: usize) -> Result<(), DatasetError> {
        let is_short = self.data.is_short_way(steps);
        let bulk = self.data.go_to(steps);
        self.carry_out(bulk, is_short)
    }

    /// Does something to many rows: here and now if it is little or the file is small, or else on another thread.
    fn carry_out(&mut self, bulk: Bulk, is_little: bool) -> Result<(), DatasetError> {
        if !self.data.can_edit() {
            return Ok(());
        }
        if is_little || self.data.is_small() {
            let done = self.data.carry_out(bulk)?;
            self.tell_fixed(done);
        } else if let Some((dataset, survey, watch)) = self.data.lend_for_edits() {
            self.editing = Some(Background::start(&self.context, move || bulk.carry_out(dataset, survey, &watch)));
        }
        Ok(())
    }

    pub(super) fn drain_editing(&mut self) {
        let Some(done) = self.editing.as_ref().and_then(Background::poll) else {
            return;
        };
        self.editing = None;
        let was_checked = self.data.survey().is_some();
        let done = done.map(|done| self.data.take_done(done));
        if was_checked && self.data.survey().is_none() {
            self.checked = None;
        }
        let went_well = matches!(done, Ok(Ok(_) | Err(DatasetError::Cancelled)));
        match done {
            Ok(Ok(fixed)) => self.tell_fixed(fixed),
            Ok(Err(DatasetError::Cancelled)) => {
                self.messages.say(Severity::Information, self.texts.get("edits_cancelled"));
            }
            Ok(Err(error)) => self.messages.error(error_texts::dataset(self.texts, &error)),
            Err(_) => self.messages.error(self.texts.get("broke_off")),
        }
        self.go_on_answered(went_well);
    }

    fn tell_fixed(&mut self, count: Option<usize>) {
        if let Some(count) = count {
            self.messages.say(Severity::Information, self.texts.with("fixed", &[("number", &count)]));
        }
    }

    fn tell_error(&mut self, result: Result<(), DatasetError>) {
        if let Err(error) = result {
            self.messages.error(error_texts::dataset(self.texts, &error));
        }
    }

    /// Opens a file beside those that are open. One that is open already is shown; the one that is shown is read
    /// anew, after a question if it has unsaved edits.
    pub(super) fn open_unless_unsaved(&mut self, path: PathBuf) {
        let path = std::path::absolute(&path).unwrap_or(path);
        if let Some(place) = self.shelved(&path) {
            self.switch_to(place);
        } else if self.data.path() == Some(&path) && self.data.is_modified() {
            self.question = Some((self.unsaved_question(), Pending::Open(path)));
        } else {
            self.open_data(path, LeftBehind::Ask);
        }
    }

    /// Opens a file in place of the one that is open; what that has unsaved is given up.
    pub(super) fn open_data(&mut self, path: PathBuf, left_behind: LeftBehind) {
        if self.opening.is_some() || self.data.is_away() {
            self.waiting.push(path);
            return;
        }
        self.messages.forget_information();
        let journals = self.claim.as_ref().map(|_| self.workspace.journals());
        let watch = Arc::new(Watch::default());
        self.data.opening = Some(watch.clone());
        let work = {
            let (path, watch) = (path.clone(), watch.clone());
            Background::telling(&self.context, move |tell| {
                data_files::open(&path, journals.as_deref(), left_behind, &watch, |told| tell(Ok(told)))
            })
        };
        self.opening = Some(Opening { path, work, watch });
    }

    /// Gives the opening up. The thread ends by itself, and if it waits for a pipe, nobody waits for it.
    pub(super) fn stop_opening(&mut self) {
        if let Some(opening) = self.opening.take() {
            opening.watch.cancel();
            self.end_opening();
        }
    }

    /// Shows again what was shown before a head.
    fn end_opening(&mut self) {
        if self.data.is_head() {
            self.data = self.shelf.pop().unwrap_or_default();
        }
        self.data.opening = None;
    }

    pub(super) fn drain_opening(&mut self) {
        while let Some(done) = self.opening.as_ref().and_then(|opening| opening.work.poll()) {
            match done {
                Ok(Ok(Opened::Head { path, lines })) => self.show_head(path, lines),
                done => self.take_opened(done),
            }
        }
    }

    fn show_head(&mut self, path: PathBuf, lines: Lines) {
        // The same file as it was stays until the whole is there.
        if self.data.path() != Some(path.as_path()) {
            let watch = self.data.opening.take();
            self.shelve();
            self.data.opening = watch;
            self.data.show_head(path, lines);
        }
    }

    fn take_opened(&mut self, done: Result<Result<Opened, DatasetError>, BrokeOff>) {
        let Some(Opening { path, .. }) = self.opening.take() else {
            return;
        };
        if !matches!(done, Ok(Ok(Opened::Open { .. }))) {
            self.end_opening();
        }
        match done {
            Ok(Ok(Opened::Open { dataset, survey, reviews, warning })) => {
                if self.data.is_head() {
                    // It takes the head's place.
                } else if self.data.path() == dataset.path() {
                    let closed = self.data.close();
                    self.tell_error(closed);
                } else {
                    self.shelve();
                }
                self.remember_data(dataset.path().map(PathBuf::from).unwrap_or(path));
                self.data.open(*dataset, survey.map(|survey| *survey), reviews);
                self.checked = None;
                if let Some(warning) = warning {
                    self.messages.say(Severity::Warning, error_texts::dataset(self.texts, &warning));
                }
            }
            Ok(Ok(Opened::Head { .. })) => {}
            Ok(Ok(Opened::Corpus { path })) => self.read_corpus(path),
            Ok(Ok(Opened::Pending { path, edits })) => {
                let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let question = Question {
                    title: self.texts.get("recover_title").into(),
                    text: self.texts.with("recover_text", &[("file", &file), ("edits", &edits)]),
                    answers: vec![
                        ("answer_recover", Answer::Recover),
                        ("answer_discard", Answer::Discard),
                        ("answer_cancel", Answer::Cancel),
                    ],
                };
                self.question = Some((question, Pending::LeftBehind(path)));
            }
            Ok(Err(error)) => self.messages.error(error_texts::dataset(self.texts, &error)),
            Err(_) => self.messages.error(self.texts.get("broke_off")),
        }
    }

    /// Saves, to another file if one is given, and goes on with `then`.
    pub(super) fn save_data(&mut self, to: Option<PathBuf>, overwrite: bool, then: Option<Pending>) {
        let committed = self.data.commit();
        self.tell_error(committed);
        if self.saving.is_some() {
            return;
        }
        // The file that is being opened takes the place of this one, which must be there then.
        let hindrance = match () {
            () if !self.data.is_open() => return,
            () if self.data.is_head() => Some("save_waits_whole"),
            () if self.opening.is_some() => Some("save_waits_opening"),
            () if self.editing.is_some() => Some("save_waits_edits"),
            () => None,
        };
        if let Some(hindrance) = hindrance {
            let file = self.data.file_name().unwrap_or_default();
            self.messages.say(Severity::Warning, self.texts.with(hindrance, &[("file", &file)]));
            return;
        }
        if let Some(dataset) = self.data.lend() {
            self.saving =
                Some((Background::start(&self.context, move || data_files::save(dataset, to, overwrite)), then));
        }
    }

    pub(super) fn drain_saving(&mut self) {
        let Some(done) = self.saving.as_ref().and_then(|(saving, _)| saving.poll()) else {
            return;
        };
        let Some((_, then)) = self.saving.take() else {
            return;
        };
        match done {
            Ok(Saved { dataset, result }) => {
                self.data.give_back(dataset);
                let went_well = result.is_ok();
                match result {
                    Ok(()) => self.after_saving(then),
                    Err(DatasetError::ChangedOnDisk { .. }) => self.ask_to_overwrite(then),
                    Err(error) => self.messages.error(error_texts::dataset(self.texts, &error)),
                }
                self.go_on_answered(went_well);
            }
            Err(_) => self.messages.error(self.texts.get("broke_off")),
        }
    }

    fn after_saving(&mut self, then: Option<Pending>) {
        if let Some(path) = self.data.path().map(PathBuf::from) {
            self.messages.forget_information();
            self.messages.say(Severity::Information, self.texts.with("saved", &[("file", &path.display())]));
            self.remember_data(path);
        }
        match then {
            Some(Pending::Open(path)) => self.open_data(path, LeftBehind::Ask),
            Some(Pending::Close) => self.close_when_saved(),
            Some(Pending::CloseFile) => self.close_file(),
            _ => {}
        }
    }

    fn ask_to_overwrite(&mut self, then: Option<Pending>) {
        let file = self.data.file_name().unwrap_or_default();
        let question = Question {
            title: self.texts.get("changed_title").into(),
            text: self.texts.with("changed_text", &[("file", &file)]),
            answers: vec![("answer_overwrite", Answer::Overwrite), ("answer_cancel", Answer::Cancel)],
        };
        self.question = Some((question, Pending::Overwrite(then.map(Box::new))));
    }
}
