//! The right side's state: which runs there are, which of them are looked at, and how.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::export::Format;
use super::look::Look;
use super::run_report::RunReport;
use crate::model::folder_name;
use crate::training::{OPTIONS, TrainingConfig};
use crate::workspace::{RunRecord, RunState};

/// What is shown of a run, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    #[default]
    Curves,
    Board,
    Log,
    Runs,
}

impl View {
    pub const ALL: [Self; 4] = [Self::Curves, Self::Board, Self::Log, Self::Runs];

    pub fn key(self) -> &'static str {
        match self {
            Self::Curves => "view_curves",
            Self::Board => "view_board",
            Self::Log => "view_log",
            Self::Runs => "view_runs",
        }
    }
}

#[derive(Default)]
pub struct Watching {
    pub view: View,
    pub look: Look,
    /// The plots are to show everything again.
    pub reset: bool,
    /// All runs on the disk, the newest first.
    pub runs: Vec<RunItem>,
    /// What was read from folders of runs.
    pub reports: HashMap<PathBuf, RunReport>,
    /// The run that is looked at; if none, the one that was started last.
    pub shown: Option<PathBuf>,
    /// Runs that are laid over the shown one, and compared.
    pub ticked: Vec<PathBuf>,
    /// What stands in the field of a new learning rate.
    pub learning_rate: String,
    /// What the list of all questions is searched for.
    pub search: String,
    pub draft: Option<Draft>,
    pub difference: Option<Difference>,
}

/// A run on the disk.
#[derive(Clone, Debug, PartialEq)]
pub struct RunItem {
    pub folder: PathBuf,
    pub record: RunRecord,
    /// Where its tuned model lies, if it has one.
    pub model: Option<PathBuf>,
}

impl RunItem {
    /// A name for people that no other run has.
    pub fn label(&self) -> String {
        let RunRecord { name, base_model, .. } = &self.record;
        // A run has its model's name until a person gives it another; the folder has the start's time besides.
        if folder_name(base_model) == *name {
            self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
        } else {
            name.clone()
        }
    }

    pub fn can_go_on(&self) -> bool {
        matches!(self.record.state, RunState::Interrupted | RunState::Cancelled | RunState::Failed)
    }
}

/// Name and note of a run while they are being typed.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    pub folder: PathBuf,
    pub name: String,
    pub note: String,
}

/// The options in which two runs differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    pub names: [String; 2],
    /// Option, and its value in each.
    pub options: Vec<(&'static str, [String; 2])>,
}

impl Difference {
    pub fn of(names: [String; 2], configs: &[TrainingConfig; 2]) -> Self {
        let values = |name| configs.each_ref().map(|config| config.get(name).unwrap_or_default());
        let options = OPTIONS.iter().map(|option| (option.name, values(option.name)));
        Self { names, options: options.filter(|(_, [one, other])| one != other).collect() }
    }
}

/// What the user asked for on the right side.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchAction {
    Show(View),
    SetLook(Look),
    ResetView,
    Export(Format),
    /// Pin or unpin a question.
    Pin(usize),
    Search(String),
    Steer(Steer),
    List(ListAction),
}

/// What the run is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Steer {
    Pause,
    Resume,
    /// End here and keep the model.
    Stop,
    Cancel,
    Evaluate,
    Save,
    TypeLearningRate(String),
    SetLearningRate(f64),
}

/// What is done with runs on the disk.
#[derive(Clone, Debug, PartialEq)]
pub enum ListAction {
    Open(PathBuf),
    Tick(PathBuf),
    /// Begin to edit name and note.
    Describe(PathBuf),
    Type(Draft),
    KeepDescription,
    LeaveDescription,
    Duplicate(PathBuf),
    GoOn(PathBuf),
    /// Compare a run's model with the one that it began with.
    Compare {
        base: PathBuf,
        model: PathBuf,
    },
    Trash(PathBuf),
    ShowDifference,
    LeaveDifference,
    /// Choose a run of another engine, and read it.
    Import,
}

impl Watching {
    pub fn item(&self, folder: &Path) -> Option<&RunItem> {
        self.runs.iter().find(|item| item.folder == folder)
    }

    /// The name of the run in a folder.
    pub fn name(&self, folder: &Path) -> String {
        let unlisted = || folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.item(folder).map_or_else(unlisted, RunItem::label)
    }

    /// Takes the runs that are there now; what is gone is not looked at any more.
    pub fn set_runs(&mut self, runs: Vec<RunItem>) {
        self.runs = runs;
        let known = |folder: &PathBuf| self.runs.iter().any(|item| item.folder == *folder);
        self.ticked.retain(known);
        self.shown = self.shown.take().filter(known);
        self.forget();
    }

    /// Ticks a run, or takes the tick away.
    pub fn tick(&mut self, folder: PathBuf) {
        match self.ticked.iter().position(|ticked| *ticked == folder) {
            Some(place) => {
                self.ticked.remove(place);
                self.forget();
            }
            None => self.ticked.push(folder),
        }
    }

    /// Runs that nobody looks at leave the memory.
    pub fn forget(&mut self) {
        let Self { reports, ticked, shown, .. } = self;
        reports.retain(|folder, _| ticked.contains(folder) || shown.as_ref() == Some(folder));
    }
}

/// What was typed as a learning rate, if a run can take it.
pub fn learning_rate(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0 && *rate <= 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_configurations_differ_where_an_option_does() {
        let one = TrainingConfig::default();
        let mut other = TrainingConfig { learning_rate: 3e-5, use_lora: true, ..one.clone() };
        other.set("eval_data", "a.jsonl").unwrap();
        let difference = Difference::of(["one".into(), "other".into()], &[one.clone(), other]);
        let options: Vec<_> = difference.options.iter().map(|(name, values)| (*name, values[1].as_str())).collect();
        assert_eq!(options, [("use_lora", "true"), ("learning_rate", "0.00003"), ("eval_data", "a.jsonl")]);
        assert!(Difference::of(Default::default(), &[one.clone(), one]).options.is_empty());
    }

    #[test]
    fn a_learning_rate_is_a_number_above_0() {
        for (text, expected) in [
            ("1e-5", Some(1e-5)),
            (" 0.001 ", Some(1e-3)),
            ("0", None),
            ("-1", None),
            ("inf", None),
            ("5", None),
            ("x", None),
        ] {
            assert_eq!(learning_rate(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_neither_shown_nor_ticked_is_forgotten() {
        let mut watching = Watching { shown: Some("a".into()), ..Watching::default() };
        for folder in ["a", "b", "c"] {
            watching.reports.insert(folder.into(), RunReport::default());
        }
        watching.tick("b".into());
        watching.tick("c".into());
        watching.tick("c".into());
        let mut kept: Vec<_> = watching.reports.keys().cloned().collect();
        kept.sort();
        assert_eq!(kept, [PathBuf::from("a"), PathBuf::from("b")]);
    }
}
