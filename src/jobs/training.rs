//! A training run as a job.

use std::path::{Path, PathBuf};

use super::{Failure, Job, JobContext, Jobs};
use crate::compute::DeviceInfo;
use crate::training::{Outcome, TrainingConfig, TrainingError, TrainingEvent, TrainingFile, train};
use crate::workspace::{NewRun, Run, RunState, Runs, WorkspaceError};

/// What is to be trained, where, and where it goes.
pub struct TrainRequest {
    config: TrainingConfig,
    device: DeviceInfo,
    files: Vec<TrainingFile>,
    output: PathBuf,
    run: Option<Run>,
}

impl TrainRequest {
    /// A run whose model goes to `output_dir` if that is set; else a folder for it is made among `runs`,
    /// which keeps options, events and state, too.
    pub fn new(
        runs: &Runs,
        mut config: TrainingConfig,
        device: DeviceInfo,
        files: Vec<TrainingFile>,
    ) -> Result<Self, Failure> {
        // What is written down must be found again from any folder.
        let data = config.train_data.iter_mut();
        for path in data.chain(&mut config.output_dir).chain([&mut config.model_name_or_path]) {
            *path = std::path::absolute(&*path).unwrap_or_else(|_| path.clone());
        }
        let problems: Vec<String> = config.problems().iter().map(ToString::to_string).collect();
        if !problems.is_empty() {
            return Err(Failure::new(problems.join(", "), "correct this and start again"));
        }
        if let Some(output) = config.output_dir.clone() {
            if !config.overwrite_output_dir && !is_free(&output) {
                return Err(TrainingError::OutputExists(output).into());
            }
            return Ok(Self { config, device, files, output, run: None });
        }
        let data: Vec<PathBuf> = files.iter().map(|file| file.path.clone()).collect();
        let run = runs.create(&NewRun {
            name: &name(&config.model_name_or_path),
            base_model: &config.model_name_or_path,
            data: &data,
            device: &device.label(),
            seed: config.seed,
            config: &toml::to_string(&config)?,
        })?;
        Ok(Self { config, device, files, output: run.model_folder(), run: Some(run) })
    }

    /// Where the tuned model will be.
    pub fn output(&self) -> &Path {
        &self.output
    }
}

/// Puts a run into the queue of its device.
pub fn start(jobs: &Jobs, request: TrainRequest) -> Job<TrainingEvent> {
    let TrainRequest { config, device, files, output, run } = request;
    let mut log = Log { run, told: false };
    let title = format!("Train {}", name(&config.model_name_or_path));
    let on = device.clone();
    jobs.start(&on, title, move |room, context| {
        context.stage("preparing", "");
        // The device's memory is for the run.
        room.clear();
        let result =
            train(&config, &device, files, &output, &|| context.ask(), &mut |event| tell(context, &mut log, event));
        let written = match (&mut log.run, &result) {
            (Some(run), Ok(Outcome::Finished { .. })) => run.set_state(RunState::Done),
            (Some(run), Ok(Outcome::Stopped { .. })) => run.set_state(RunState::Cancelled),
            (Some(run), Err(error)) => run.fail(&error.to_string()),
            (None, _) => Ok(()),
        };
        log.check(context, written);
        result?;
        Ok(())
    })
}

fn tell(context: &JobContext<TrainingEvent>, log: &mut Log, event: TrainingEvent) {
    match &event {
        TrainingEvent::Started(plan) => {
            context.stage("training", "steps");
            context.progress(0, plan.steps);
        }
        TrainingEvent::Step(step) => {
            context.progress(step.step, step.steps);
            if step.step == step.steps {
                context.stage("saving", "");
            }
        }
        TrainingEvent::Warning { .. } | TrainingEvent::Saved { .. } => {}
    }
    let written = log.run.as_ref().map_or(Ok(()), |run| run.append(&event));
    log.check(context, written);
    context.send(event);
}

/// The last part of a model folder's path.
fn name(folder: &Path) -> String {
    folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned()
}

/// Whether a folder is not there, or is empty.
fn is_free(folder: &Path) -> bool {
    match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => !folder.exists(),
    }
}

/// The run's folder. That it cannot be written is worth one warning, not the run.
struct Log {
    run: Option<Run>,
    told: bool,
}

impl Log {
    fn check(&mut self, context: &JobContext<TrainingEvent>, written: Result<(), WorkspaceError>) {
        if let Err(error) = written
            && !std::mem::replace(&mut self.told, true)
        {
            context.send(TrainingEvent::Warning { text: format!("the run's record is not kept: {error}") });
        }
    }
}

/// A run that was cancelled in the queue, or ended by a panic, does not stay behind as if it ran.
impl Drop for Log {
    fn drop(&mut self) {
        let Some(run) = self.run.as_mut().filter(|run| !run.record().state.is_over()) else { return };
        let written = if std::thread::panicking() {
            run.fail("the program made a mistake")
        } else {
            run.set_state(RunState::Cancelled)
        };
        if let Err(error) = written {
            log::warn!("{error}");
        }
    }
}
