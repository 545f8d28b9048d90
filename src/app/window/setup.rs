//! What the window starts with.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use eframe::egui::ThemePreference;

use super::devices;
use super::hub_actions::FindHub;
use crate::app::StartOptions;
use crate::app::texts::Language;
use crate::compute;
use crate::model::hub::HubSettings;
use crate::training::{Preset, TrainingConfig};
use crate::workspace::{Settings, Workspace, WorkspaceError, move_to_trash, shipped};

/// All that the window takes from outside, so that a test can give it something else.
pub struct Setup {
    pub options: StartOptions,
    pub workspace: Workspace,
    /// Goes before the settings.
    pub language: Option<Language>,
    /// Goes before the settings.
    pub theme: Option<ThemePreference>,
    /// Called away from the window's thread.
    pub look_for_devices: Box<dyn FnOnce() -> devices::Found + Send>,
    /// Where the hub and its cache are; called away from the window's thread.
    pub find_hub: FindHub,
    /// Moves a run's folder to the trash; called away from the window's thread.
    pub trash: fn(&Path) -> Result<(), WorkspaceError>,
}

impl Setup {
    /// This machine with the user's workspace.
    pub fn of_this_machine(options: StartOptions) -> Result<Self, WorkspaceError> {
        let choice = options.device;
        Ok(Self {
            options,
            workspace: Workspace::open(None)?,
            language: None,
            theme: None,
            look_for_devices: Box::new(move || (compute::devices(), compute::choose(choice))),
            find_hub: Arc::new(HubSettings::from_env),
            trash: move_to_trash,
        })
    }
}

/// Which files and models the window begins with.
pub(super) struct Start {
    pub data: Vec<PathBuf>,
    pub model: Option<PathBuf>,
    /// Models that the first one is compared with.
    pub others: Vec<PathBuf>,
    pub corpus: Option<PathBuf>,
    pub questions: Option<PathBuf>,
}

impl Start {
    /// What was given, else what was open last, else the sample workspace.
    pub fn of(options: &StartOptions, settings: &Settings) -> Self {
        let mut folders = options.paths.iter().filter(|path| path.is_dir()).cloned();
        let (given, others) = (folders.next(), folders.collect());
        let files: Vec<PathBuf> = options.paths.iter().filter(|path| !path.is_dir()).cloned().collect();
        let last = |path: &Option<PathBuf>| path.clone().filter(|path| path.exists());
        let recent = settings.recent_data.first().cloned();
        Self {
            data: if files.is_empty() {
                last(&recent).or_else(|| shipped("sample_data/train.jsonl")).into_iter().collect()
            } else {
                files
            },
            model: given.or_else(|| last(&settings.model)).or_else(|| shipped("assets/starter-model")),
            others,
            corpus: last(&settings.corpus).or_else(|| shipped("sample_data/corpus.jsonl")),
            questions: last(&settings.evaluation).or_else(|| shipped("sample_data/eval.jsonl")),
        }
    }
}

/// The options of the last run; at the first start those of a short run that a processor manages in
/// minutes, which trains the top layers only.
pub(super) fn training(settings: &Settings) -> TrainingConfig {
    let first = Preset::QuickLook.config();
    if settings.training.is_empty() {
        return first;
    }
    settings.training.clone().try_into().unwrap_or_else(|error| {
        tracing::warn!("the options of the last run are not taken over: {error}");
        first
    })
}

pub(super) fn theme(settings: &Settings) -> ThemePreference {
    match settings.theme.as_str() {
        "light" => ThemePreference::Light,
        "dark" => ThemePreference::Dark,
        _ => ThemePreference::System,
    }
}

pub(super) fn theme_name(theme: ThemePreference) -> &'static str {
    match theme {
        ThemePreference::Light => "light",
        ThemePreference::Dark => "dark",
        ThemePreference::System => "system",
    }
}
