//! Does what commands ask for, from the keyboard, the palette and the menus.

use eframe::egui::{self, ViewportCommand, gui_zoom};

use super::Window;
use crate::app::compare::{self, Which};
use crate::app::data::{self, Selected};
use crate::app::shell::{self, Action, Bench, Command, CommandPalette, Keys, Left};
use crate::app::train::{self, JobAction, ListAction, PasteAction, Steer, WatchAction};
use crate::app::widgets::{Composing, ModelFrom};
use crate::dataset::Verdict;

impl Window {
    /// The keys of all commands. They come before the fields see them.
    pub(super) fn shortcuts(&mut self, ui: &egui::Ui) {
        let is_covered = ui.ctx().memory(|memory| memory.top_modal_layer().is_some());
        if is_covered || self.question.is_some() || Composing::is_going_on(ui.ctx()) {
            return;
        }
        if self.is_projected && ui.input_mut(|input| input.consume_key(egui::Modifiers::NONE, egui::Key::Escape)) {
            return self.run_command(Command::Projector);
        }
        let alone = !ui.ctx().egui_wants_keyboard_input();
        let here = Command::all().into_iter().filter(|command| command.bench().is_none_or(|bench| bench == self.bench));
        let mut pairs: Vec<(Keys, Command)> =
            here.flat_map(|command| command.keys().into_iter().map(move |keys| (keys, command))).collect();
        // A shortcut without shift matches with shift, too.
        pairs.sort_by_key(|(keys, _)| !matches!(keys, Keys::Anywhere(shortcut) if shortcut.modifiers.shift));
        for (keys, command) in pairs {
            // In front of an audience only what leads back counts.
            let counts = !self.is_projected || matches!(command, Command::Projector | Command::Quit);
            if counts && keys.pressed(ui, alone) && self.is_ready(command) {
                self.run_command(command);
            }
        }
    }

    pub(super) fn show_commands(&mut self, context: &egui::Context) {
        let Some(mut commands) = self.commands.take() else { return };
        match commands.show(context, self.texts, |command| self.is_ready(command)) {
            None => self.commands = Some(commands),
            Some(Left::Alone) => {}
            Some(Left::With(command)) => self.run_command(command),
        }
    }

    /// Whether a command can be given now.
    pub(super) fn is_ready(&self, command: Command) -> bool {
        use Command::*;
        let (open, can_edit) = (self.data.is_open(), self.data.can_edit());
        let run = self.train.run.as_ref().filter(|run| !run.is_over());
        let begun = run.is_some_and(|run| run.report.plan.is_some());
        match command {
            Open => self.data.opening.is_none(),
            // While the rows are away it is said why they cannot be saved.
            Save => open,
            Undo => can_edit && (self.data.can_undo() || self.data.draft.is_some()),
            Redo => can_edit && self.data.can_redo(),
            SaveAs
            | NewRow
            | ExportShown
            | Split
            | MarkShown
            | Mine
            | CloseFile
            | Score
            | ScoreWithReranker
            | ScoreWithRerankerOfHub => can_edit,
            Accept | Reject | Unsure | DeleteRows | UnmarkAll | Filter => open,
            Mark => matches!(self.data.selected, Some(Selected::Line(_))),
            Fix => self.data.first_fixable().is_some(),
            KeepScores => can_edit && self.data.has_scores(),
            Measure => run.is_none() && matches!(self.train.forecast.outlook, Some(Ok(_))),
            Train => run.is_none() && self.train.is_ready(&self.train_surroundings()),
            Pause => run.is_some_and(|run| !run.job.is_pause_wanted()),
            Resume => run.is_some_and(|run| run.job.is_pause_wanted()),
            CancelRun => run.is_some(),
            StopAndKeep | SaveNow => begun,
            EvaluateNow => begun && run.is_some_and(|run| !run.report.board.questions.is_empty()),
            Evaluate => {
                let ready = self.compare.missing().is_none() && self.compare.ks().is_some();
                ready && self.devices.chosen().is_some() && !self.compare.is_evaluating()
            }
            _ => true,
        }
    }

    pub(super) fn run_command(&mut self, command: Command) {
        use Command::*;
        if let Some(bench) = command.bench().filter(|bench| *bench != self.bench) {
            self.go_to(bench);
        }
        let data = |action| Some(Wanted::Data(action));
        let train = |action| Some(Wanted::Train(action));
        let steer = |steer| Some(Wanted::Train(train::Action::Watch(WatchAction::Steer(steer))));
        let compare = |action| Some(Wanted::Compare(action));
        let wanted = match command {
            ShowCommands => {
                self.commands = Some(CommandPalette::default());
                None
            }
            ShowKeys => {
                self.shows_keys = true;
                None
            }
            ShowMessages => {
                self.messages.is_list_open = true;
                None
            }
            Projector => {
                self.project(!self.is_projected);
                None
            }
            ShowGuide => {
                self.begin_guide();
                None
            }
            Go(bench) => {
                self.go_to(bench);
                None
            }
            SetLanguage(language) => Some(Wanted::Shell(Action::SetLanguage(language))),
            SetTheme(theme) => Some(Wanted::Shell(Action::SetTheme(theme))),
            ZoomIn => {
                gui_zoom::zoom_in(&self.context);
                None
            }
            ZoomOut => {
                gui_zoom::zoom_out(&self.context);
                None
            }
            ZoomReset => {
                self.context.set_zoom_factor(1.0);
                None
            }
            Quit => {
                self.context.send_viewport_cmd(ViewportCommand::Close);
                None
            }
            Open => data(data::Action::Open),
            Save => data(data::Action::Save),
            SaveAs => data(data::Action::SaveAs),
            CloseFile => data(data::Action::CloseFile),
            Undo => data(data::Action::Undo),
            Redo => data(data::Action::Redo),
            Accept => data(data::Action::Judge(Verdict::Accepted)),
            Reject => data(data::Action::Judge(Verdict::Rejected)),
            Unsure => data(data::Action::Judge(Verdict::Unsure)),
            Fix => self.data.first_fixable().map(|problem| Wanted::Data(data::Action::Fix(problem))),
            NewRow => data(data::Action::BeginRow),
            DeleteRows => data(data::Action::RemoveLines),
            Mark => match self.data.selected {
                Some(Selected::Line(line)) => data(data::Action::Mark(line)),
                _ => None,
            },
            MarkShown => data(data::Action::MarkShown),
            UnmarkAll => data(data::Action::UnmarkAll),
            Filter => {
                self.focus_on(data::filter_field());
                None
            }
            ExportShown => data(data::Action::ExportShown),
            Split => data(data::Action::BeginSplit),
            Score => data(data::Action::Score),
            ScoreWithReranker => data(data::Action::ScoreWithReranker(ModelFrom::Folder)),
            ScoreWithRerankerOfHub => data(data::Action::ScoreWithReranker(ModelFrom::Hub)),
            KeepScores => data(data::Action::KeepScores),
            Mine => data(data::Action::BeginMining),
            ImportCorpus => data(data::Action::ImportCorpus),
            ChooseTrainModel => train(train::Action::ChooseModel(ModelFrom::Folder)),
            ChooseTrainData => train(train::Action::ChooseData),
            UsePreset(preset) => train(train::Action::UsePreset(preset)),
            PasteConfig => train(train::Action::Paste(PasteAction::Open)),
            LoadConfig => train(train::Action::LoadConfig),
            SaveConfig => train(train::Action::SaveConfig),
            ExportJob => train(train::Action::Job(JobAction::Open)),
            ImportRun => train(train::Action::Watch(WatchAction::List(ListAction::Import))),
            Measure => train(train::Action::Measure),
            Train => train(train::Action::Start),
            Pause => steer(Steer::Pause),
            Resume => steer(Steer::Resume),
            StopAndKeep => steer(Steer::Stop),
            CancelRun => steer(Steer::Cancel),
            EvaluateNow => steer(Steer::Evaluate),
            SaveNow => steer(Steer::Save),
            ShowRun(view) => train(train::Action::Watch(WatchAction::Show(view))),
            ChooseBase => compare(compare::Action::Choose(Which::Base)),
            ChooseTuned => compare(compare::Action::Choose(Which::Tuned)),
            ChooseCorpus => compare(compare::Action::Choose(Which::Corpus)),
            ChooseQuestions => compare(compare::Action::Choose(Which::Questions)),
            Evaluate => compare(compare::Action::Evaluate),
            Ask => {
                self.compare.view = compare::View::Search;
                self.compare.why = None;
                self.focus_on(compare::question_field());
                None
            }
            ShowComparison(view) => compare(compare::Action::Show(view)),
        };
        match wanted {
            None => {}
            Some(Wanted::Shell(action)) => self.apply_shell(action, &[]),
            Some(Wanted::Data(action)) => self.apply_data(action),
            Some(Wanted::Train(action)) => self.apply_train(action),
            Some(Wanted::Compare(action)) => self.apply_compare(action),
        }
    }

    pub(super) fn go_to(&mut self, bench: Bench) {
        self.apply_data(data::Action::Commit);
        self.bench = bench;
    }

    fn focus_on(&self, field: egui::Id) {
        self.context.memory_mut(|memory| memory.request_focus(field));
    }

    /// Shows the two columns and the question alone, on the whole screen; or the benches again.
    fn project(&mut self, on: bool) {
        self.go_to(Bench::Compare);
        self.is_projected = on;
        self.context.send_viewport_cmd(ViewportCommand::Fullscreen(on));
        if on {
            self.compare.view = compare::View::Search;
            self.focus_on(compare::question_field());
        }
    }

    /// What lies over the benches: the sheet of keys and the palette of commands.
    pub(super) fn show_over(&mut self, context: &egui::Context) {
        if self.shows_keys && shell::key_sheet(context, self.texts, self.bench) {
            self.shows_keys = false;
        }
        self.show_commands(context);
    }
}

/// What a command comes to.
enum Wanted {
    Shell(Action),
    Data(data::Action),
    Train(train::Action),
    Compare(compare::Action),
}
