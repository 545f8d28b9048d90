//! What the window starts with.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use eframe::egui::ThemePreference;

use super::devices;
use super::hub_actions::FindHub;
use crate::app::StartOptions;
use crate::app::texts::Language;
use crate::compute::{self, ComputeError, DeviceChoice, DeviceInfo};
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
    /// How long a message of something done lies over the bench.
    pub information_stays: Duration,
    /// Called away from the window's thread, with the device of last time.
    pub look_for_devices: Box<dyn FnOnce(DeviceChoice) -> devices::Found + Send>,
    /// Where the hub and its cache are; called away from the window's thread.
    pub find_hub: FindHub,
    /// Moves a run's folder to the trash; called away from the window's thread.
    pub trash: fn(&Path) -> Result<(), WorkspaceError>,
}

impl Setup {
    /// This machine with the user's workspace.
    pub fn of_this_machine(options: StartOptions) -> Result<Self, WorkspaceError> {
        let asked = options.device;
        Ok(Self {
            options,
            workspace: Workspace::open(None)?,
            language: None,
            theme: None,
            information_stays: Duration::from_secs(8),
            look_for_devices: Box::new(move |last| (compute::devices(), device(asked, last))),
            find_hub: Arc::new(HubSettings::from_env),
            trash: move_to_trash,
        })
    }
}

/// The device that was asked for; if none was, the one of last time, unless it is no longer there.
fn device(asked: DeviceChoice, last: DeviceChoice) -> Result<DeviceInfo, ComputeError> {
    match asked {
        DeviceChoice::Auto => compute::choose(last).or_else(|_| compute::choose(DeviceChoice::Auto)),
        asked => compute::choose(asked),
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
    pub fn of(options: &StartOptions, settings: &Settings, workspace: &Workspace) -> Self {
        let mut folders = options.paths.iter().filter(|path| path.is_dir()).cloned();
        let (given, others) = (folders.next(), folders.collect());
        let files: Vec<PathBuf> = options.paths.iter().filter(|path| !path.is_dir()).cloned().collect();
        // What was open last is looked for only on this machine: whoever wrote the settings must not make the program call
        // upon another one. The list of recent files still has it.
        let last = |path: &Option<PathBuf>| path.clone().filter(|path| !is_elsewhere(path) && path.exists());
        let recent = settings.recent_data.first().cloned();
        Self {
            data: if files.is_empty() {
                last(&recent).or_else(|| workspace.sample("train.jsonl")).into_iter().collect()
            } else {
                files
            },
            model: given.or_else(|| last(&settings.model)).or_else(|| shipped("assets/starter-model")),
            others,
            corpus: last(&settings.corpus).or_else(|| workspace.sample("corpus.jsonl")),
            questions: last(&settings.evaluation).or_else(|| workspace.sample("eval.jsonl")),
        }
    }
}

/// Whether a path names another machine, as `\\machine\share` does on Windows.
fn is_elsewhere(path: &Path) -> bool {
    let path = path.to_string_lossy().replace('/', r"\").to_uppercase();
    let long = path.strip_prefix(r"\\?\");
    (cfg!(windows) || cfg!(test)) && long.map_or(path.starts_with(r"\\"), |path| path.starts_with(r"UNC\"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_device_of_last_time_is_taken_unless_it_is_gone_or_another_is_asked_for() {
        let absent = DeviceChoice::Wgpu(Some(99));
        assert_eq!(device(DeviceChoice::Auto, DeviceChoice::Cpu).unwrap().choice, DeviceChoice::Cpu);
        assert_eq!(device(DeviceChoice::Auto, absent), compute::choose(DeviceChoice::Auto));
        assert_eq!(device(DeviceChoice::Cpu, absent).unwrap().choice, DeviceChoice::Cpu);
        assert!(device(absent, DeviceChoice::Cpu).is_err());
    }

    #[test]
    fn nothing_on_another_machine_is_opened_by_itself() {
        for path in [r"\\machine\share\train.jsonl", "//machine/share/train.jsonl", r"\\?\UNC\machine\share\model"] {
            assert!(is_elsewhere(Path::new(path)), "{path}");
        }
        for path in [r"C:\data\train.jsonl", r"\\?\C:\data", "/data/train.jsonl", "train.jsonl", r"\data"] {
            assert!(!is_elsewhere(Path::new(path)), "{path}");
        }
        let mut settings = Settings::default();
        settings.model.replace(r"\\machine\share\model".into());
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::open(Some(folder.path())).unwrap();
        let start = Start::of(&StartOptions::default(), &settings, &workspace);
        assert_ne!(start.model, settings.model);
    }
}
