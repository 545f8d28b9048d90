//! What the bar, the keyboard, dropped files and questions ask for.

use std::path::PathBuf;

use eframe::egui::{self, ViewportCommand};

use super::data_files::LeftBehind;
use super::setup::theme_name;
use super::{Pending, Window};
use crate::app::data;
use crate::app::error_texts;
use crate::app::shell::{Action, Answer, Bench, Question};
use crate::app::texts::Texts;
use crate::app::widgets::Severity;
use crate::jobs::JobHandle;

impl Window {
    pub(super) fn apply_shell(&mut self, action: Action, queue: &[JobHandle]) {
        match action {
            Action::Go(bench) => self.go_to(bench),
            Action::Run(command) => self.run_command(command),
            Action::SetLanguage(language) => {
                self.texts = Texts::new(language);
                self.settings.language = language.code().into();
                self.settings_changed = true;
            }
            Action::SetTheme(theme) => {
                self.theme = theme;
                self.context.set_theme(theme);
                self.settings.theme = theme_name(theme).into();
                self.settings_changed = true;
            }
            Action::CancelJob(index) => {
                if let Some(job) = queue.get(index) {
                    job.cancel();
                }
            }
        }
    }

    pub(super) fn dropped_files(&mut self, ui: &egui::Ui) {
        let dropped: Vec<PathBuf> =
            ui.input(|input| input.raw.dropped_files.iter().map(|file| file.path().to_path_buf()).collect());
        // A configuration is for the form, everything else is data.
        let (configs, data): (Vec<_>, Vec<_>) =
            dropped.into_iter().partition(|path| path.extension().is_some_and(|end| end.eq_ignore_ascii_case("toml")));
        if !data.is_empty() {
            self.bench = Bench::Data;
            self.waiting.extend(data);
        }
        if let Some(config) = configs.into_iter().next_back() {
            self.load_config(config);
        }
    }

    pub(super) fn show_question(&mut self, ui: &egui::Ui) {
        let answer = self.question.as_ref().and_then(|(question, _)| question.show(ui.ctx(), self.texts));
        if let Some(answer) = answer
            && let Some((_, pending)) = self.question.take()
        {
            self.go_on(pending, answer);
        }
    }

    fn go_on(&mut self, pending: Pending, answer: Answer) {
        let is_of_the_file = matches!(pending, Pending::Open(_) | Pending::Close | Pending::CloseFile);
        if is_of_the_file && self.data.is_away() && matches!(answer, Answer::Save | Answer::Discard) {
            // What is being done with the rows comes first; given up, it need not be done to the end.
            if let (Some(edits), Answer::Discard) = (self.data.editing(), answer) {
                edits.cancel();
            }
            self.messages.say(Severity::Information, self.texts.get("answer_waits"));
            self.answered = Some((pending, answer));
            return;
        }
        match (pending, answer) {
            (Pending::LeftBehind(path), Answer::Recover) => self.open_data(path, LeftBehind::Recover),
            (Pending::LeftBehind(path), Answer::Discard) => self.open_data(path, LeftBehind::Discard),
            (Pending::Overwrite(then), Answer::Overwrite) => self.save_data(None, true, then.map(|then| *then)),
            (Pending::Open(path), Answer::Discard) => {
                self.give_up_edits();
                self.open_data(path, LeftBehind::Ask);
            }
            (Pending::TrashRun(folder), Answer::Trash) => self.trash_run(folder),
            (Pending::CloseFile, Answer::Discard) => {
                self.give_up_edits();
                self.close_file();
            }
            (Pending::Close, Answer::Discard) => {
                self.give_up_edits();
                self.close_when_saved();
            }
            (then @ (Pending::Open(_) | Pending::Close | Pending::CloseFile), Answer::Save) => {
                self.save_data(None, false, Some(then))
            }
            _ => {}
        }
    }

    /// Does what had to wait until the rows were back; after a failure, not without being asked for again.
    pub(super) fn go_on_answered(&mut self, went_well: bool) {
        if let Some((pending, answer)) = self.answered.take_if(|_| !self.data.is_away())
            && went_well
        {
            self.go_on(pending, answer);
        }
    }

    pub(super) fn give_up_edits(&mut self) {
        if let Err(error) = self.data.close() {
            self.messages.error(error_texts::dataset(self.texts, &error));
        }
    }

    /// A window with unsaved edits or a run going on does not close without a word.
    pub(super) fn question_before_closing(&mut self, context: &egui::Context) {
        if self.may_close || !context.input(|input| input.viewport().close_requested()) {
            return;
        }
        self.apply_data(data::Action::Commit);
        let running = !self.jobs.queue().is_empty();
        let modified = self.data.is_modified() || self.shelf.iter().any(data::State::is_modified);
        if !modified && !running {
            return;
        }
        context.send_viewport_cmd(ViewportCommand::CancelClose);
        if modified {
            return self.close_when_saved();
        }
        let texts = self.texts;
        let trains = self.train.run.as_ref().is_some_and(|run| !run.is_over());
        let question = Question {
            title: texts.get("close_title").into(),
            text: texts.get(if trains { "close_while_running" } else { "close_while_working" }).into(),
            answers: vec![("answer_close", Answer::Discard), ("answer_cancel", Answer::Cancel)],
        };
        self.question = Some((question, Pending::Close));
    }

    pub(super) fn unsaved_question(&self) -> Question {
        let file = self.data.file_name().unwrap_or_default();
        Question {
            title: self.texts.get("unsaved_title").into(),
            text: self.texts.with("unsaved_text", &[("file", &file)]),
            answers: vec![
                ("answer_save", Answer::Save),
                ("answer_discard", Answer::Discard),
                ("answer_cancel", Answer::Cancel),
            ],
        }
    }

    pub(super) fn close(&mut self) {
        self.may_close = true;
        self.jobs.cancel_all();
        self.context.send_viewport_cmd(ViewportCommand::Close);
    }
}
