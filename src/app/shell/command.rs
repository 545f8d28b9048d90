//! Every command of the window with its text, its tooltip and its keys. Menus, tooltips, the palette of commands and
//! the sheet of keys read them from here.

use eframe::egui::{self, Key, KeyboardShortcut, Modifiers, ThemePreference};

use super::Bench;
use crate::app::compare::View as CompareView;
use crate::app::texts::{Language, Texts};
use crate::app::theme::size;
use crate::app::train::View as TrainView;
use crate::training::Preset;

/// Something that can be asked for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    // The window.
    ShowCommands,
    ShowKeys,
    ShowMessages,
    Projector,
    ShowGuide,
    Go(Bench),
    SetLanguage(Language),
    SetTheme(ThemePreference),
    ZoomIn,
    ZoomOut,
    ZoomReset,
    Quit,

    // The data bench.
    Open,
    Save,
    SaveAs,
    CloseFile,
    Undo,
    Redo,
    Accept,
    Reject,
    Unsure,
    Fix,
    NewRow,
    DeleteRows,
    Mark,
    MarkShown,
    UnmarkAll,
    Filter,
    ExportShown,
    Split,
    Score,
    ScoreWithReranker,
    ScoreWithRerankerOfHub,
    KeepScores,
    Mine,
    ImportCorpus,

    // The train bench.
    ChooseTrainModel,
    ChooseTrainData,
    UsePreset(Preset),
    PasteConfig,
    LoadConfig,
    SaveConfig,
    ExportJob,
    ImportRun,
    Measure,
    Train,
    Pause,
    Resume,
    StopAndKeep,
    CancelRun,
    EvaluateNow,
    SaveNow,
    ShowRun(TrainView),

    // The compare bench.
    ChooseBase,
    ChooseTuned,
    ChooseCorpus,
    ChooseQuestions,
    Evaluate,
    Ask,
    ShowComparison(CompareView),
}

/// How a command is given by the keyboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Wherever the keyboard is.
    Anywhere(KeyboardShortcut),
    /// Where no field has the keyboard.
    Alone(Key),
    /// A character that is typed where no field has the keyboard, wherever it lies on it.
    Typed(&'static str),
    /// egui's own, which it hears itself.
    Egui(KeyboardShortcut),
}

const CTRL: Modifiers = Modifiers::COMMAND;
const CTRL_SHIFT: Modifiers = Modifiers::COMMAND.plus(Modifiers::SHIFT);

const fn anywhere(modifiers: Modifiers, key: Key) -> Keys {
    Keys::Anywhere(KeyboardShortcut::new(modifiers, key))
}

impl Keys {
    /// As it is written on this system.
    pub fn text(self, context: &egui::Context) -> String {
        match self {
            Self::Anywhere(shortcut) | Self::Egui(shortcut) => context.format_shortcut(&shortcut),
            Self::Alone(key) => key.symbol_or_name().to_owned(),
            Self::Typed(text) => text.to_owned(),
        }
    }

    /// Whether they are pressed now. Fields hear no more of a shortcut.
    pub fn pressed(self, ui: &egui::Ui, alone: bool) -> bool {
        match self {
            Self::Anywhere(shortcut) => ui.input_mut(|input| input.consume_shortcut(&shortcut)),
            Self::Alone(key) => {
                alone
                    && ui.input(|input| {
                        input.key_pressed(key)
                            && !input.modifiers.command
                            && !input.modifiers.alt
                            && !input.modifiers.shift
                    })
            }
            // Taken out, or the field that a key leads to would have it as well.
            Self::Typed(text) => {
                alone
                    && ui.input_mut(|input| {
                        let before = input.events.len();
                        input.events.retain(|event| !matches!(event, egui::Event::Text(typed) if typed == text));
                        input.events.len() < before
                    })
            }
            Self::Egui(_) => false,
        }
    }
}

impl Command {
    /// In the order in which lists show them.
    pub fn all() -> Vec<Self> {
        use Command::*;
        let mut all = vec![ShowCommands, ShowKeys, ShowMessages, Projector, ShowGuide];
        all.extend(Bench::ALL.map(Go));
        all.extend(Language::ALL.map(SetLanguage));
        all.extend([ThemePreference::System, ThemePreference::Light, ThemePreference::Dark].map(SetTheme));
        all.extend([ZoomIn, ZoomOut, ZoomReset, Quit]);
        all.extend([Open, Save, SaveAs, CloseFile, Undo, Redo, Accept, Reject, Unsure, Fix, NewRow, DeleteRows]);
        all.extend([
            Mark,
            MarkShown,
            UnmarkAll,
            Filter,
            ExportShown,
            Split,
            Score,
            ScoreWithReranker,
            ScoreWithRerankerOfHub,
            KeepScores,
        ]);
        all.extend([Mine, ImportCorpus]);
        all.extend([ChooseTrainModel, ChooseTrainData]);
        all.extend(Preset::ALL.map(UsePreset));
        all.extend([
            PasteConfig,
            LoadConfig,
            SaveConfig,
            ExportJob,
            ImportRun,
            Measure,
            Train,
            Pause,
            Resume,
            StopAndKeep,
            CancelRun,
        ]);
        all.extend([EvaluateNow, SaveNow]);
        all.extend(TrainView::ALL.map(ShowRun));
        all.extend([ChooseBase, ChooseTuned, ChooseCorpus, ChooseQuestions, Evaluate, Ask]);
        all.extend(CompareView::ALL.map(ShowComparison));
        all
    }

    /// The bench that it belongs to; none for what concerns the whole window.
    pub fn bench(self) -> Option<Bench> {
        use Command::*;
        match self {
            ShowCommands | ShowKeys | ShowMessages | Projector | ShowGuide | Go(_) | SetLanguage(_) | SetTheme(_)
            | ZoomIn | ZoomOut | ZoomReset | Quit => None,
            Open
            | Save
            | SaveAs
            | CloseFile
            | Undo
            | Redo
            | Accept
            | Reject
            | Unsure
            | Fix
            | NewRow
            | DeleteRows
            | Mark
            | MarkShown
            | UnmarkAll
            | Filter
            | ExportShown
            | Split
            | Score
            | ScoreWithReranker
            | ScoreWithRerankerOfHub
            | KeepScores
            | Mine
            | ImportCorpus => Some(Bench::Data),
            ChooseTrainModel | ChooseTrainData | UsePreset(_) | PasteConfig | LoadConfig | SaveConfig | ExportJob
            | ImportRun | Measure | Train | Pause | Resume | StopAndKeep | CancelRun | EvaluateNow | SaveNow
            | ShowRun(_) => Some(Bench::Train),
            ChooseBase | ChooseTuned | ChooseCorpus | ChooseQuestions | Evaluate | Ask | ShowComparison(_) => {
                Some(Bench::Compare)
            }
        }
    }

    /// What its text is understood by in a list of all commands.
    pub fn group(self, texts: Texts) -> Option<&'static str> {
        match self {
            Self::SetLanguage(_) => Some(texts.get("language")),
            Self::SetTheme(_) => Some(texts.get("theme")),
            _ => self.bench().map(|bench| texts.get(bench.key())),
        }
    }

    pub fn text(self, texts: Texts) -> &'static str {
        use Command::*;
        let key = match self {
            ShowCommands => "commands",
            ShowKeys => "keys",
            ShowMessages => "messages",
            Projector => "projector",
            ShowGuide => "guide",
            Go(bench) => bench.key(),
            SetLanguage(language) => return language.name(),
            SetTheme(ThemePreference::System) => "theme_system",
            SetTheme(ThemePreference::Light) => "theme_light",
            SetTheme(ThemePreference::Dark) => "theme_dark",
            ZoomIn => "zoom_in",
            ZoomOut => "zoom_out",
            ZoomReset => "zoom_reset",
            Quit => "quit",
            Open => "open",
            Save => "save",
            SaveAs => "save_as",
            CloseFile => "close_file",
            Undo => "undo",
            Redo => "redo",
            Accept => "key_accept",
            Reject => "key_reject",
            Unsure => "key_unsure",
            Fix => "key_fix",
            NewRow => "row_add",
            DeleteRows => "key_delete",
            Mark => "key_mark",
            MarkShown => "mark_shown",
            UnmarkAll => "key_escape",
            Filter => "key_filter",
            ExportShown => "export_shown",
            Split => "split",
            Score => "score_model",
            ScoreWithReranker => "score_reranker",
            ScoreWithRerankerOfHub => "score_reranker_hub",
            KeepScores => "score_keep",
            Mine => "mine",
            ImportCorpus => "corpus_import",
            ChooseTrainModel => "dialog_train_model",
            ChooseTrainData => "dialog_train_data",
            UsePreset(preset) => return crate::app::train::preset_name(texts, preset),
            PasteConfig => "config_paste",
            LoadConfig => "config_load",
            SaveConfig => "config_save",
            ExportJob => "export_job",
            ImportRun => "run_import",
            Measure => "forecast_measure",
            Train => "train_start",
            Pause => "pause",
            Resume => "resume",
            StopAndKeep => "steer_stop",
            CancelRun => "run_cancel",
            EvaluateNow => "steer_evaluate",
            SaveNow => "steer_save",
            ShowRun(view) => view.key(),
            ChooseBase => "dialog_base_model",
            ChooseTuned => "dialog_tuned_model",
            ChooseCorpus => "dialog_corpus",
            ChooseQuestions => "dialog_questions",
            Evaluate => "evaluate",
            Ask => "ask",
            ShowComparison(view) => view.key(),
        };
        texts.get(key)
    }

    /// What it does, where its text does not say it all.
    pub fn help(self, texts: Texts) -> Option<&'static str> {
        use Command::*;
        let key = match self {
            ShowCommands => "commands_help",
            ShowMessages => "messages_help",
            Projector => "projector_help",
            ShowGuide => "guide_help",
            Open => "open_help",
            Save => "save_help",
            SaveAs => "save_as_help",
            Undo => "undo_help",
            Redo => "redo_help",
            Split => "split_help",
            Fix => "fix_help",
            LoadConfig => "config_load_help",
            SaveConfig => "config_save_help",
            ExportJob => "export_job_help",
            ImportRun => "run_import_help",
            Measure => "forecast_measure_help",
            Pause => "steer_pause_help",
            Resume => "steer_resume_help",
            StopAndKeep => "steer_stop_help",
            CancelRun => "steer_cancel_help",
            EvaluateNow => "steer_evaluate_help",
            SaveNow => "steer_save_help",
            ShowRun(TrainView::Curves) => "view_curves_help",
            ShowRun(TrainView::Board) => "view_board_help",
            ShowRun(TrainView::Log) => "view_log_help",
            ShowRun(TrainView::Runs) => "view_runs_help",
            _ => return None,
        };
        Some(texts.get(key))
    }

    /// The way that is shown first. One with shift comes before the same one without, which it would match, too.
    pub fn keys(self) -> Vec<Keys> {
        use Command::*;
        match self {
            ShowCommands => vec![anywhere(CTRL, Key::K)],
            ShowKeys => vec![Keys::Typed("?"), Keys::Typed("？"), anywhere(Modifiers::NONE, Key::F1)],
            Projector => vec![anywhere(Modifiers::NONE, Key::F11)],
            Go(Bench::Data) => vec![anywhere(CTRL, Key::Num1)],
            Go(Bench::Train) => vec![anywhere(CTRL, Key::Num2)],
            Go(Bench::Compare) => vec![anywhere(CTRL, Key::Num3)],
            ZoomIn => vec![Keys::Egui(egui::gui_zoom::kb_shortcuts::ZOOM_IN)],
            ZoomOut => vec![Keys::Egui(egui::gui_zoom::kb_shortcuts::ZOOM_OUT)],
            ZoomReset => vec![Keys::Egui(egui::gui_zoom::kb_shortcuts::ZOOM_RESET)],
            Quit => vec![anywhere(CTRL, Key::Q)],
            Open => vec![anywhere(CTRL, Key::O)],
            Save => vec![anywhere(CTRL, Key::S)],
            SaveAs => vec![anywhere(CTRL_SHIFT, Key::S)],
            CloseFile => vec![anywhere(CTRL, Key::W)],
            Undo => vec![anywhere(CTRL, Key::Z)],
            Redo => vec![anywhere(CTRL_SHIFT, Key::Z), anywhere(CTRL, Key::Y)],
            Accept => vec![Keys::Alone(Key::A)],
            Reject => vec![Keys::Alone(Key::R)],
            Unsure => vec![Keys::Alone(Key::U)],
            Fix => vec![Keys::Alone(Key::F)],
            NewRow => vec![Keys::Alone(Key::N)],
            DeleteRows => vec![Keys::Alone(Key::Delete)],
            Mark => vec![Keys::Alone(Key::M)],
            UnmarkAll => vec![Keys::Alone(Key::Escape)],
            Filter => vec![Keys::Typed("/"), anywhere(CTRL, Key::F)],
            Train => vec![anywhere(CTRL, Key::Enter)],
            Evaluate => vec![anywhere(CTRL, Key::Enter)],
            Ask => vec![anywhere(CTRL, Key::F)],
            _ => Vec::new(),
        }
    }

    /// What it does and its keys: a tooltip; none if there is nothing to say.
    pub fn tooltip(self, context: &egui::Context, texts: Texts) -> Option<String> {
        match (self.help(texts), self.keys().first()) {
            (Some(help), _) => Some(self.with_keys(context, help)),
            (None, Some(keys)) => Some(keys.text(context)),
            (None, None) => None,
        }
    }

    /// Words about it, and its keys.
    pub fn with_keys(self, context: &egui::Context, words: &str) -> String {
        match self.keys().first() {
            Some(keys) => format!("{words} ({})", keys.text(context)),
            None => words.to_owned(),
        }
    }

    /// A button with its text, and its tooltip.
    pub fn button(self, ui: &mut egui::Ui, texts: Texts, enabled: bool) -> egui::Response {
        let button = ui.add_enabled(enabled, egui::Button::new(self.text(texts)));
        match self.tooltip(ui.ctx(), texts) {
            Some(tooltip) => button.on_hover_text(&tooltip).on_disabled_hover_text(tooltip),
            None => button,
        }
    }

    /// A line of a menu with its text and its keys; true once it is chosen.
    pub fn entry(self, ui: &mut egui::Ui, texts: Texts) -> bool {
        ui.set_min_width(size::MENU);
        let mut button = egui::Button::new(self.text(texts));
        if let Some(keys) = self.keys().first() {
            button = button.shortcut_text(keys.text(ui.ctx()));
        }
        // The keys are no part of the name.
        let button = ui.add(button).accessible_name(self.text(texts));
        let button = match self.help(texts) {
            Some(help) => button.on_hover_text(help),
            None => button,
        };
        let chosen = button.clicked();
        if chosen {
            ui.close();
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_command_has_a_text_of_its_own_in_its_bench() {
        for language in Language::ALL {
            let texts = Texts::new(language);
            let mut known = BTreeSet::new();
            for command in Command::all() {
                let text = command.text(texts);
                assert!(!text.is_empty() && text != "…", "{command:?}");
                command.help(texts);
                assert!(known.insert((command.group(texts), text)), "{command:?} is called {text}, too");
            }
        }
    }

    #[test]
    fn no_two_commands_share_a_key() {
        for bench in Bench::ALL {
            let mut known: Vec<(Keys, Command)> = Vec::new();
            for command in Command::all() {
                if command.bench().is_some_and(|other| other != bench) {
                    continue;
                }
                for keys in command.keys() {
                    let other = known.iter().find(|(other, _)| *other == keys);
                    assert!(other.is_none(), "{command:?} and {other:?}");
                    known.push((keys, command));
                }
            }
        }
    }

    #[test]
    fn a_tooltip_has_the_keys() {
        let context = egui::Context::default();
        let texts = Texts::new(Language::English);
        let save = Command::Save.tooltip(&context, texts).unwrap();
        assert!(save.ends_with("(Ctrl+S)"), "{save}");
        assert_eq!(Command::Accept.tooltip(&context, texts).as_deref(), Some("A"));
        assert_eq!(Command::MarkShown.tooltip(&context, texts), None);
    }
}
