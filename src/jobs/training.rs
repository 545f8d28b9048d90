//! A training run as a job.

use std::path::{Path, PathBuf};

use super::{Failure, Job, JobContext, Jobs, Room};
use crate::compute::DeviceInfo;
use crate::training::{Outcome, TrainingConfig, TrainingError, TrainingEvent, TrainingFile, train};
use crate::workspace::{Run, RunState};

/// What is to be trained, where, and where it goes.
pub struct TrainRequest {
    pub config: TrainingConfig,
    pub device: DeviceInfo,
    pub files: Vec<TrainingFile>,
    /// The run's folder, which keeps its events and its state.
    pub run: Option<Run>,
}

impl TrainRequest {
    /// Where the tuned model goes: `output_dir`, else into the run's folder.
    pub fn output(&self) -> Result<PathBuf, Failure> {
        match (&self.config.output_dir, &self.run) {
            (Some(folder), _) => Ok(folder.clone()),
            (None, Some(run)) => Ok(run.model_folder()),
            (None, None) => Err(Failure::new("there is no folder for the tuned model", "set output_dir")),
        }
    }
}

/// Puts a run into the queue of its device.
pub fn start(jobs: &Jobs, request: TrainRequest) -> Job<TrainingEvent> {
    let name = request.config.model_name_or_path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let device = request.device.clone();
    jobs.start(&device, format!("Train {name}"), move |room, context| work(room, context, request))
}

fn work(room: &mut Room, context: &JobContext<TrainingEvent>, request: TrainRequest) -> Result<(), Failure> {
    context.stage("preparing", "");
    // The device's memory is for the run.
    room.clear();
    let mut log = Log { run: request.run.clone(), told: false };
    log.state(context, RunState::Running);
    let result = run(context, request, &mut log);
    log.state(context, match &result {
        Ok(Outcome::Finished { .. }) => RunState::Finished,
        Ok(Outcome::Stopped { .. }) => RunState::Cancelled,
        Err(failure) => RunState::Failed(failure.to_string()),
    });
    result.map(|_| ())
}

fn run(context: &JobContext<TrainingEvent>, request: TrainRequest, log: &mut Log) -> Result<Outcome, Failure> {
    let output = request.output()?;
    let TrainRequest { config, device, files, .. } = request;
    let problems: Vec<String> = config.problems().iter().map(ToString::to_string).collect();
    if !problems.is_empty() {
        return Err(Failure::new(problems.join(", "), "correct this and start again"));
    }
    if config.output_dir.is_some() && !config.overwrite_output_dir && !is_free(&output) {
        return Err(TrainingError::OutputExists(output).into());
    }
    let outcome = train(&config, &device, files, &output, &|| context.ask(), &mut |event| {
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
        log.event(context, &event);
        context.send(event);
    })?;
    Ok(outcome)
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
    fn event(&mut self, context: &JobContext<TrainingEvent>, event: &TrainingEvent) {
        let written = self.run.as_ref().map_or(Ok(()), |run| run.append(event));
        self.check(context, written);
    }

    fn state(&mut self, context: &JobContext<TrainingEvent>, state: RunState) {
        let written = self.run.as_mut().map_or(Ok(()), |run| run.set_state(state));
        self.check(context, written);
    }

    fn check<E: std::error::Error>(&mut self, context: &JobContext<TrainingEvent>, written: Result<(), E>) {
        if let Err(error) = written
            && !std::mem::replace(&mut self.told, true)
        {
            context.send(TrainingEvent::Warning { text: format!("the run's record is not kept: {error}") });
        }
    }
}
