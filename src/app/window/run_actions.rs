//! What is asked for of runs: of the one that goes on, and of those on the disk.

use std::path::{Path, PathBuf};

use super::{Pending, Window};
use crate::app::background::Background;
use crate::app::files::Purpose;
use crate::app::shell::{Answer, Bench, Question};
use crate::app::texts::Texts;
use crate::app::train::{
    Chart, Difference, Draft, Export, Format, ListAction, Run, RunItem, RunReport, Steer, View, WatchAction, Words,
};
use crate::app::widgets::Severity;
use crate::app::{error_texts, notification};
use crate::jobs::training::{TrainRequest, config_of};
use crate::jobs::{Failure, Status};
use crate::training::{Command, TrainingConfig, TrainingEvent};
use crate::workspace::{self, RunState, Runs, WorkspaceError};

/// What was read or written away from the window.
pub(super) enum Done {
    Read {
        folder: PathBuf,
        report: Result<RunReport, Failure>,
    },
    Differ(Result<Difference, Failure>),
    Config(Result<TrainingConfig, Failure>),
    /// Name and note were written.
    Described(Result<(), Failure>),
    Trashed {
        name: String,
        result: Result<(), Failure>,
    },
    Written {
        path: PathBuf,
        result: Result<(), Failure>,
    },
}

impl Window {
    pub(super) fn apply_watch(&mut self, action: WatchAction) {
        let watching = &mut self.train.watching;
        match action {
            WatchAction::Show(view) => {
                watching.view = view;
                if view == View::Runs {
                    self.look_for_runs();
                }
            }
            WatchAction::SetLook(look) => self.train.set_look(look),
            WatchAction::ResetView => watching.reset = true,
            WatchAction::Export(format) => {
                let name = Some(PathBuf::from(format!("{}.{}", self.texts.get("view_curves"), format.ending())));
                self.ask_for_files(Purpose::ExportCurves(format), name);
            }
            WatchAction::Pin(question) => {
                let report = match &watching.shown {
                    Some(folder) => watching.reports.get_mut(folder),
                    None => self.train.run.as_mut().map(|run| &mut run.report),
                };
                if let Some(report) = report {
                    report.board.turn(question);
                }
            }
            WatchAction::Search(text) => watching.search = text,
            WatchAction::Steer(steer) => self.steer(steer),
            WatchAction::List(action) => self.apply_list(action),
        }
    }

    fn steer(&mut self, steer: Steer) {
        let Some(run) = &mut self.train.run else { return };
        match steer {
            Steer::Pause => run.job.pause(),
            Steer::Resume => run.job.resume(),
            Steer::Cancel => run.job.cancel(),
            Steer::Stop => {
                run.ask("steer_stop", Command::Stop);
                // A run that waits would not hear it.
                run.job.resume();
            }
            Steer::Evaluate => run.ask("steer_evaluate", Command::Evaluate),
            Steer::Save => run.ask("steer_save", Command::Save),
            Steer::SetLearningRate(rate) => run.ask("steer_set_rate", Command::LearningRate(rate)),
            Steer::TypeLearningRate(text) => self.train.watching.learning_rate = text,
        }
    }

    fn apply_list(&mut self, action: ListAction) {
        match action {
            ListAction::Open(folder) => self.open_run(folder),
            ListAction::Tick(folder) => {
                self.train.watching.tick(folder.clone());
                if self.train.watching.ticked.contains(&folder) {
                    self.read_run(folder);
                }
            }
            ListAction::Describe(folder) => {
                if let Some(item) = self.train.watching.item(&folder) {
                    let (name, note) = (item.record.name.clone(), item.record.note.clone());
                    self.train.watching.draft = Some(Draft { folder, name, note });
                }
            }
            ListAction::Type(draft) => self.train.watching.draft = Some(draft),
            ListAction::LeaveDescription => self.train.watching.draft = None,
            ListAction::KeepDescription => {
                if let Some(Draft { folder, name, note }) = self.train.watching.draft.take() {
                    self.work_on_runs(move || {
                        let written = workspace::Run::describe(&folder, name.trim(), note.trim());
                        Done::Described(written.map_err(Failure::from))
                    });
                }
            }
            ListAction::Duplicate(folder) => self.work_on_runs(move || Done::Config(config_to_repeat(&folder))),
            ListAction::GoOn(folder) => self.resume_run(folder),
            ListAction::Compare { base, model } => {
                (self.compare.base, self.compare.tuned) = (Some(base), Some(model));
                self.bench = Bench::Compare;
            }
            ListAction::Trash(folder) => {
                let name = self.train.watching.name(&folder);
                let question = Question {
                    title: self.texts.get("run_trash").into(),
                    text: self.texts.with("run_trash_text", &[("run", &name)]),
                    answers: vec![("answer_trash", Answer::Trash), ("answer_cancel", Answer::Cancel)],
                };
                self.question = Some((question, Pending::TrashRun(folder)));
            }
            ListAction::ShowDifference => {
                if let [one, other] = self.train.watching.ticked.clone().as_slice() {
                    let folders = [one.clone(), other.clone()];
                    let names = folders.each_ref().map(|folder| self.train.watching.name(folder));
                    self.work_on_runs(move || {
                        let both = config_of(&folders[0]).and_then(|one| Ok([one, config_of(&folders[1])?]));
                        Done::Differ(both.map(|configs| Difference::of(names, &configs)))
                    });
                }
            }
            ListAction::LeaveDifference => self.train.watching.difference = None,
            ListAction::Import => self.ask_for_files(Purpose::ImportRun, self.data.path().map(PathBuf::from)),
        }
    }

    fn work_on_runs(&mut self, work: impl FnOnce() -> Done + Send + 'static) {
        self.run_work.push(Background::start(&self.context, work));
    }

    /// Shows a run; what it did is read from its folder, unless it goes on here.
    pub(super) fn open_run(&mut self, folder: PathBuf) {
        let watching = &mut self.train.watching;
        if watching.view == View::Runs {
            watching.view = View::Curves;
        }
        let live = self.train.run.as_ref().is_some_and(|run| run.folder == folder);
        watching.shown = (!live).then(|| folder.clone());
        watching.forget();
        if !live {
            self.read_run(folder);
        }
    }

    fn read_run(&mut self, folder: PathBuf) {
        if self.train.live(&folder).is_some() {
            return;
        }
        let smoothing = self.train.watching.look.smoothing;
        self.work_on_runs(move || {
            let report = read_report(&folder).map(|mut report| {
                report.curves.set_smoothing(smoothing);
                report
            });
            Done::Read { folder, report }
        });
    }

    /// Goes on with a run that was cancelled, failed or broke off, from its last checkpoint.
    fn resume_run(&mut self, folder: PathBuf) {
        let (Some(device), None) = (self.devices.chosen().cloned(), &self.preparing) else {
            return;
        };
        if self.train.run.as_ref().is_some_and(|run| !run.is_over()) {
            return;
        }
        self.preparing = Some(Background::start(&self.context, move || {
            let report = read_report(&folder)?;
            let (request, warnings) = TrainRequest::resume(&folder, config_of(&folder)?, device)?;
            Ok((request, warnings, report))
        }));
    }

    pub(super) fn trash_run(&mut self, folder: PathBuf) {
        let name = self.train.watching.name(&folder);
        if self.train.live(&folder).is_some_and(Run::is_over) {
            self.train.run = None;
        }
        let trash = self.trash;
        self.work_on_runs(move || Done::Trashed { name, result: throw_away(&folder, trash) });
    }

    pub(super) fn export_curves(&mut self, path: PathBuf, format: Format) {
        let path = if path.extension().is_none() { path.with_extension(format.ending()) } else { path };
        let Some((folder, report)) = self.train.shown() else { return };
        let watching = &self.train.watching;
        let mut runs = vec![(watching.name(folder), report.curves.clone())];
        for ticked in watching.ticked.iter().filter(|ticked| *ticked != folder) {
            runs.extend(self.train.report(ticked).map(|report| (watching.name(ticked), report.curves.clone())));
        }
        let words = words(self.texts, watching.look.axis.key(), &runs);
        let export = Export { runs, look: watching.look.clone(), words };
        self.work_on_runs(move || {
            let written = export.write(format).map_err(Failure::from);
            let result = written.and_then(|bytes| {
                std::fs::write(&path, bytes).map_err(|error| Failure::new(format!("{}: {error}", path.display()), ""))
            });
            Done::Written { path, result }
        });
    }

    pub(super) fn drain_run_work(&mut self) {
        let mut done = Vec::new();
        self.run_work.retain(|work| match work.poll() {
            None => true,
            Some(ended) => {
                done.push(ended);
                false
            }
        });
        for ended in done {
            match ended {
                Ok(ended) => self.take_run_work(ended),
                Err(_) => self.messages.error(self.texts.get("broke_off")),
            }
        }
    }

    fn take_run_work(&mut self, done: Done) {
        let texts = self.texts;
        let failure = match done {
            Done::Read { folder, report: Ok(mut report) } => {
                let watching = &mut self.train.watching;
                report.curves.set_smoothing(watching.look.smoothing);
                watching.reports.insert(folder, report);
                return watching.forget();
            }
            Done::Read { folder, report: Err(failure) } => {
                let watching = &mut self.train.watching;
                watching.ticked.retain(|ticked| *ticked != folder);
                watching.shown = watching.shown.take().filter(|shown| *shown != folder);
                failure
            }
            Done::Differ(Ok(difference)) => {
                self.train.watching.view = View::Runs;
                return self.train.watching.difference = Some(difference);
            }
            Done::Config(Ok(config)) => {
                self.train.take(config);
                return self.messages.say(Severity::Information, texts.get("run_duplicated"));
            }
            Done::Described(Ok(())) => return self.look_for_runs(),
            Done::Trashed { name, result: Ok(()) } => {
                self.messages.say(Severity::Information, texts.with("run_trashed", &[("run", &name)]));
                return self.look_for_runs();
            }
            Done::Written { path, result: Ok(()) } => {
                let text = texts.with("run_written", &[("file", &path.display())]);
                return self.messages.say(Severity::Information, text);
            }
            Done::Trashed { result: Err(failure), .. } | Done::Written { result: Err(failure), .. } => failure,
            Done::Differ(Err(failure)) | Done::Config(Err(failure)) | Done::Described(Err(failure)) => failure,
        };
        self.messages.error(error_texts::failure(texts, &failure));
    }

    /// A run that ends well is what one wants to compare next.
    pub(super) fn training_ended(&mut self) {
        self.take_pace_of_run();
        let Some(run) = &self.train.run else { return };
        let status = run.job.status();
        if !self.context.input(|input| input.focused) {
            let name = self.train.watching.name(&run.folder);
            let key = match status {
                Status::Done => "ended_done",
                Status::Cancelled => "ended_cancelled",
                _ => "ended_failed",
            };
            notification::show(self.texts.get("program"), self.texts.with(key, &[("run", &name)]));
        }
        if let (Status::Done, Some(model)) = (status, run.report.saved.clone()) {
            (self.compare.base, self.compare.tuned) = (Some(run.base_model.clone()), Some(model));
        }
        self.look_for_runs();
    }

    pub(super) fn look_for_runs(&mut self) {
        let runs = Runs::new(self.workspace.runs());
        self.listing = Some(Background::start(&self.context, move || {
            let (runs, problems) = runs.list().unwrap_or_else(|problem| (Vec::new(), vec![problem]));
            problems.iter().for_each(|problem| tracing::warn!("{problem}"));
            let item = |run: workspace::Run| {
                let model = run.model_folder();
                let has_model = run.record().state == RunState::Done && model.is_dir();
                RunItem {
                    folder: run.folder().to_path_buf(),
                    record: run.record().clone(),
                    model: has_model.then_some(model),
                }
            };
            runs.into_iter().map(item).collect()
        }));
    }

    pub(super) fn drain_listing(&mut self) {
        if let Some(Ok(runs)) = self.listing.as_ref().and_then(Background::poll) {
            self.listing = None;
            self.train.watching.set_runs(runs);
            if self.compare.tuned.is_none() && !self.knows_runs {
                self.compare.tuned = self.train.watching.runs.iter().find_map(|run| run.model.clone());
            }
            self.knows_runs = true;
        }
    }
}

fn read_report(folder: &Path) -> Result<RunReport, Failure> {
    let events = workspace::Run::open(folder)?.events::<TrainingEvent>()?;
    if events.unreadable > 0 {
        tracing::warn!("{}: {} lines of metrics.jsonl cannot be read", folder.display(), events.unreadable);
    }
    Ok(RunReport::of(events.events))
}

/// The options of a run for another one, which gets a folder of its own.
fn config_to_repeat(folder: &Path) -> Result<TrainingConfig, Failure> {
    let mut config = config_of(folder)?;
    for path in &mut config.train_data {
        *path = folder.join(&*path);
    }
    (config.output_dir, config.overwrite_output_dir) = (None, false);
    Ok(config)
}

/// Moves a run to the trash, unless somebody trains it.
fn throw_away(folder: &Path, trash: fn(&Path) -> Result<(), WorkspaceError>) -> Result<(), Failure> {
    if !workspace::Run::open(folder)?.record().state.is_over() {
        return Err(WorkspaceError::GoesOn(folder.to_path_buf()).into());
    }
    Ok(trash(folder)?)
}

/// What charts, series and the axis are called.
fn words(texts: Texts, axis: &str, runs: &[(String, crate::app::train::Curves)]) -> Words {
    let tables = runs.iter().flat_map(|(_, curves)| [&curves.steps, &curves.evaluations]);
    let names = tables.flat_map(|table| &table.series).map(|series| series.name.clone());
    Words {
        charts: Chart::ALL.into_iter().map(|chart| (chart, texts.get(chart.key()).to_string())).collect(),
        series: names.map(|name| (name.clone(), texts.find(&name).unwrap_or(&name).to_string())).collect(),
        axis: texts.get(axis).to_string(),
    }
}
