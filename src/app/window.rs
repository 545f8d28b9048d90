//! The window: all states, and the one place where what was asked for is done.

mod commands;
mod compare_actions;
mod data_actions;
mod data_files;
mod data_import;
mod data_models;
mod data_shelf;
mod data_work;
mod devices;
mod drain;
mod guide_actions;
mod hub_actions;
mod job_actions;
mod looking;
mod mix_actions;
mod run_actions;
mod setup;
mod shell_actions;
mod text_map_actions;
mod train_actions;
mod train_config;
mod train_forecast;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use eframe::egui::{self, ThemePreference};

use super::background::Background;
use super::shell::{self, Answer, Bench, CommandPalette, Guide, Messages, Question};
use super::texts::{Language, Texts};
use super::{compare, data, error_texts, files, theme, train, widgets};
use crate::compute::drawing;
use crate::dataset::{DatasetError, Watch};
use crate::jobs::Jobs;
use crate::report::ReportError;
use crate::workspace::{Claim, Settings, Workspace, WorkspaceError};

pub use setup::Setup;

/// The window and all that it knows.
pub struct Window {
    context: egui::Context,
    texts: Texts,
    theme: ThemePreference,
    bench: Bench,
    data: data::State,
    /// Files that are open and not shown.
    shelf: Vec<data::State>,
    /// Files that are still to be opened.
    waiting: Vec<PathBuf>,
    data_work: data_work::DataWork,
    data_models: data_models::DataModels,
    import: data_import::Import,
    hub: hub_actions::Hub,
    find_hub: hub_actions::FindHub,
    /// What the open file is checked against.
    checked: Option<data_work::Check>,
    train: train::State,
    train_config: train_config::TrainConfig,
    elsewhere: job_actions::Elsewhere,
    forecasting: train_forecast::Forecasting,
    compare: compare::State,
    messages: Messages,
    /// The palette of commands, while it is open.
    commands: Option<CommandPalette>,
    shows_keys: bool,
    /// Only the question and the two columns are shown, for an audience.
    is_projected: bool,
    /// The guide of a first start, until it is put away.
    guide: Option<Guide>,
    question: Option<(Question, Pending)>,
    /// What was answered while the rows were away, to be done once they are back.
    answered: Option<(Pending, Answer)>,
    jobs: Jobs,
    devices: devices::Devices,
    workspace: Workspace,
    /// None while another window has the workspace: this one only looks.
    claim: Option<Claim>,
    settings: Settings,
    settings_changed: bool,
    /// Cells that the score map may have.
    most_cells: usize,
    may_close: bool,
    /// Whether the runs on the disk are known yet.
    knows_runs: bool,

    // What other threads are at.
    finding_bad: Option<Background<Option<guide_actions::BadNegative>>>,
    dialog: Option<Background<files::Chosen>>,
    opening: Option<Opening>,
    saving: Option<(Background<data_files::Saved>, Option<Pending>)>,
    editing: Option<Background<data::bulk::Done>>,
    preparing: Option<Background<train_actions::Prepared>>,
    listing: Option<Background<Vec<train::RunItem>>>,
    run_work: Vec<Background<run_actions::Done>>,
    trash: fn(&Path) -> Result<(), WorkspaceError>,
    reading: Option<Background<Result<compare_actions::Material, DatasetError>>>,
    reporting: Option<Background<Result<Vec<PathBuf>, ReportError>>>,
    keeping: Option<Background<Result<(), WorkspaceError>>>,
}

/// A file that is being opened.
struct Opening {
    path: PathBuf,
    work: Background<Result<data_files::Opened, DatasetError>>,
    watch: Arc<Watch>,
}

/// What goes on once a question is answered.
#[derive(Clone, Debug, PartialEq)]
enum Pending {
    /// Another file is to be opened while this one has unsaved edits.
    Open(PathBuf),
    Close,
    /// The file that is to be opened has edits of last time.
    LeftBehind(PathBuf),
    /// The file was changed by another program; what comes after it is saved.
    Overwrite(Option<Box<Pending>>),
    /// Close the file that is shown.
    CloseFile,
    /// Move the run in this folder to the trash.
    TrashRun(PathBuf),
}

impl Window {
    /// Called once, when the window opens.
    pub fn new(creation: &eframe::CreationContext<'_>, setup: Setup) -> Self {
        let context = creation.egui_ctx.clone();
        theme::install(&context);
        let most_cells = creation.wgpu_render_state.as_ref().map_or(0, compare::install_painters);
        let (settings, fault) = Settings::load(&setup.workspace.settings_file());
        let language = setup.language.or(Language::of_locale(&settings.language)).unwrap_or_else(Language::of_system);
        let theme = setup.theme.unwrap_or_else(|| setup::theme(&settings));
        context.set_theme(theme);
        let wake = context.clone();
        let claim = setup.workspace.claim();
        let mut window = Self {
            texts: Texts::new(language),
            theme,
            bench: Bench::default(),
            data: data::State::default(),
            shelf: Vec::new(),
            waiting: Vec::new(),
            data_work: Default::default(),
            data_models: Default::default(),
            import: Default::default(),
            hub: Default::default(),
            find_hub: setup.find_hub,
            checked: None,
            train: train::State::new(setup::training(&settings)),
            train_config: Default::default(),
            elsewhere: Default::default(),
            forecasting: Default::default(),
            compare: compare::State::default(),
            messages: Messages::new(setup.information_stays),
            commands: None,
            shows_keys: false,
            is_projected: false,
            guide: None,
            question: None,
            answered: None,
            jobs: Jobs::new(move || wake.request_repaint()).giving_way().reporting_to(setup.workspace.reports()),
            devices: devices::Devices::look_for(&context, {
                let last = settings.device.parse().unwrap_or_default();
                move || (setup.look_for_devices)(last)
            }),
            workspace: setup.workspace,
            claim: None,
            settings,
            settings_changed: false,
            most_cells,
            may_close: false,
            knows_runs: false,
            finding_bad: None,
            dialog: None,
            opening: None,
            saving: None,
            editing: None,
            preparing: None,
            listing: None,
            run_work: Vec::new(),
            trash: setup.trash,
            reading: None,
            reporting: None,
            keeping: None,
            context,
        };
        if let Some(fault) = fault {
            window.messages.error(error_texts::settings(window.texts, &fault));
        }
        window.take_claim(claim);
        // Whoever opens files of their own is no newcomer.
        if setup.options.paths.is_empty() && !window.settings.guide_put_away {
            window.guide = Some(Guide::default());
        }
        let start = setup::Start::of(&setup.options, &window.settings, &window.workspace);
        window.open_at_start(start);
        window
    }

    fn ask_for_files(&mut self, purpose: files::Purpose, near: Option<PathBuf>) {
        if self.dialog.is_none() {
            self.dialog = Some(files::ask(&self.context, self.texts, purpose, near.as_deref()));
        }
    }

    fn train_surroundings(&self) -> train::Surroundings<'_> {
        train::Surroundings {
            texts: self.texts,
            devices: self.devices.all(),
            device: self.devices.chosen(),
            open_file: self.data.path(),
            open_rows: self.data.rows(),
        }
    }

    fn compare_surroundings(&self) -> compare::Surroundings {
        compare::Surroundings {
            texts: self.texts,
            has_device: self.devices.chosen().is_some(),
            most_cells: self.most_cells,
        }
    }

    fn show_bench(&mut self, ui: &mut egui::Ui) {
        match self.bench {
            Bench::Data => {
                let actions = data::show(ui, &self.data, self.texts, &self.settings.recent_data, &self.tabs());
                self.data.scroll_to_selected = false;
                actions.into_iter().for_each(|action| self.apply_data(action));
            }
            Bench::Train => {
                let around = self.train_surroundings();
                let actions = train::show(ui, &self.train, &around);
                self.train.watching.reset = false;
                actions.into_iter().for_each(|action| self.apply_train(action));
            }
            Bench::Compare => {
                let actions = compare::show(ui, &self.compare, self.compare_surroundings());
                actions.into_iter().for_each(|action| self.apply_compare(action));
            }
        }
    }
}

impl eframe::App for Window {
    fn logic(&mut self, context: &egui::Context, _frame: &mut eframe::Frame) {
        drawing::frame();
        widgets::Composing::observe(context);
        self.drain();
        self.question_before_closing(context);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.shortcuts(ui);
        self.dropped_files(ui);
        self.messages.above = 0.0;
        if self.is_projected {
            self.show_projected(ui);
        } else {
            self.show_all(ui);
        }
        self.messages.show(ui.ctx(), self.texts);
        self.show_over(ui.ctx());
        widgets::focus_ring(ui.ctx());
    }

    fn on_exit(&mut self) {
        if self.settings_changed
            && self.claim.is_some()
            && let Err(error) = self.settings.save(&self.workspace.settings_file())
        {
            tracing::warn!("{error}");
        }
    }
}

impl Window {
    fn show_all(&mut self, ui: &mut egui::Ui) {
        let queue = self.jobs.queue();
        let device = self.devices.chosen().map(|device| error_texts::device(self.texts, device));
        let around = shell::Surroundings {
            texts: self.texts,
            bench: self.bench,
            device: device.as_deref(),
            theme: self.theme,
            jobs: &queue,
            unread: self.messages.unread(),
        };
        for action in shell::bar(ui, &around) {
            self.apply_shell(action, &queue);
        }
        if let Some(guide) = self.guide {
            let (action, height) = guide.show(ui, self.texts);
            self.messages.above = height;
            if let Some(action) = action {
                self.apply_guide(action);
            }
        }
        self.show_bench(ui);
        self.show_import(ui);
        self.show_hub(ui);
        self.show_question(ui);
    }

    /// The question and what two models find, for an audience.
    fn show_projected(&mut self, ui: &mut egui::Ui) {
        let actions = compare::show_projected(ui, &self.compare, self.compare_surroundings());
        actions.into_iter().for_each(|action| self.apply_compare(action));
    }
}
