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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::{DeviceChoice, choose};
    use crate::jobs::Status;
    use crate::training::read_files;

    fn request(runs: &Runs, change: impl FnOnce(&mut TrainingConfig)) -> Result<TrainRequest, Failure> {
        let mut config = TrainingConfig {
            model_name_or_path: "tests/fixtures/flagembedding/model_safetensors".into(),
            train_data: vec!["tests/fixtures/flagembedding/data/weld_toy.jsonl".into()],
            train_group_size: 3,
            max_steps: Some(2),
            ..TrainingConfig::default()
        };
        change(&mut config);
        let (files, warnings) = read_files(&config.train_data)?;
        assert!(warnings.is_empty(), "{warnings:?}");
        TrainRequest::new(runs, config, choose(DeviceChoice::Cpu)?, files)
    }

    fn only_run(runs: &Runs) -> Run {
        let (mut listed, problems) = runs.list().unwrap();
        assert!(listed.len() == 1 && problems.is_empty(), "{problems:?}");
        listed.remove(0)
    }

    #[test]
    fn a_run_leaves_its_model_its_events_and_its_options() {
        let folder = tempfile::tempdir().unwrap();
        let runs = Runs::new(folder.path());
        let jobs = Jobs::new(|| ());
        let request = request(&runs, |_| ()).unwrap();
        let output = request.output().to_path_buf();
        let job = start(&jobs, request);
        assert_eq!(job.wait(), Status::Done);
        let run = only_run(&runs);
        assert_eq!(run.record().state, RunState::Done);
        assert_eq!(run.model_folder(), output);
        assert!(output.join("model.safetensors").is_file());
        let events = run.events::<TrainingEvent>().unwrap();
        assert_eq!((events.events, events.unreadable), (job.poll(), 0));
        let config: TrainingConfig = toml::from_str(&run.config().unwrap()).unwrap();
        assert!(config.model_name_or_path.is_absolute() && config.train_data[0].is_absolute());
        assert_eq!(config.max_steps, Some(2));
    }

    #[test]
    fn cancelled_runs_say_so_whether_they_ran_or_waited() {
        let folder = tempfile::tempdir().unwrap();
        let (first_runs, second_runs) = (Runs::new(folder.path().join("1")), Runs::new(folder.path().join("2")));
        let jobs = Jobs::new(|| ());
        let first = start(&jobs, request(&first_runs, |config| config.max_steps = Some(100_000)).unwrap());
        let second = start(&jobs, request(&second_runs, |_| ()).unwrap());
        while !matches!(first.next(), Some(TrainingEvent::Step(_))) {}
        second.cancel();
        first.cancel();
        assert_eq!((first.wait(), second.wait()), (Status::Cancelled, Status::Cancelled));
        // The worker has put the second away when it has done a third.
        assert_eq!(
            jobs.start::<()>(&choose(DeviceChoice::Cpu).unwrap(), "third".into(), |_, _| Ok(())).wait(),
            Status::Done
        );
        for runs in [&first_runs, &second_runs] {
            let run = only_run(runs);
            assert_eq!(run.record().state, RunState::Cancelled);
            assert!(!run.model_folder().exists());
        }
    }

    #[test]
    fn a_failed_run_keeps_its_reason() {
        let folder = tempfile::tempdir().unwrap();
        let runs = Runs::new(folder.path());
        let jobs = Jobs::new(|| ());
        let job = start(&jobs, request(&runs, |config| config.model_name_or_path = "no/such/model".into()).unwrap());
        let Status::Failed(failure) = job.wait() else { panic!("{:?}", job.status()) };
        assert!(failure.why.contains("no/such/model"), "{failure}");
        let run = only_run(&runs);
        assert_eq!((run.record().state, &run.record().failure), (RunState::Failed, &Some(failure.to_string())));
    }

    #[test]
    fn a_full_output_folder_is_refused_before_anything_is_done() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("kept"), "").unwrap();
        let runs = Runs::new(folder.path().join("runs"));
        let output = Some(folder.path().to_path_buf());
        let refused = request(&runs, |config| config.output_dir = output.clone()).err().unwrap();
        assert!(refused.to_string().contains("overwrite_output_dir"), "{refused}");
        let taken = request(&runs, |config| (config.output_dir, config.overwrite_output_dir) = (output, true)).unwrap();
        assert_eq!(taken.output(), folder.path());
        assert!(runs.list().unwrap().0.is_empty());
    }
}
