//! A training run as a job.

pub(super) mod card;
mod evaluation;
mod record;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};

use self::evaluation::EvaluationSet;
use self::record::Record;
use super::{Failure, Job, JobContext, Jobs};
use crate::compute::DeviceInfo;
use crate::model::{EmbeddingModel, folder_name, hub};
use crate::training::card::languages;
use crate::training::{
    Checkpoints, Command, Evaluation, Host, Outcome, Places, TrainingConfig, TrainingError, TrainingEvent,
    TrainingFile, Warning, read_files, train,
};
use crate::workspace::{NewRun, Run, RunState, Runs};

/// What is to be trained, where, and where it goes.
pub struct TrainRequest {
    config: TrainingConfig,
    device: DeviceInfo,
    files: Vec<TrainingFile>,
    run: Run,
    /// The step to go on from; 0 for the beginning of a run that had begun before.
    resume: Option<usize>,
    evaluation: Option<EvaluationSet>,
}

impl TrainRequest {
    /// A new run with a folder of its own among `runs`; its model goes to `output_dir` if that is set.
    pub fn new(
        runs: &Runs,
        mut config: TrainingConfig,
        device: DeviceInfo,
        files: Vec<TrainingFile>,
    ) -> Result<Self, Failure> {
        config.model_name_or_path = hub::resolve(&config.model_name_or_path)?.into_owned();
        // What is written down must be found again from any folder.
        let data = config.train_data.iter_mut().chain(&mut config.eval_data);
        let places = data.chain(&mut config.output_dir).chain(&mut config.eval_corpus);
        for path in places.chain([&mut config.model_name_or_path]) {
            *path = std::path::absolute(&*path).unwrap_or_else(|_| path.clone());
        }
        let problems = config.problems();
        if !problems.is_empty() {
            return Err(TrainingError::Options(problems).into());
        }
        check_output(&config)?;
        let evaluation = EvaluationSet::read(&config)?;
        let data: Vec<PathBuf> = files.iter().map(|file| file.path.clone()).collect();
        let run = runs.create(&NewRun {
            name: &folder_name(&config.model_name_or_path),
            base_model: &config.model_name_or_path,
            data: &data,
            device: &device.label(),
            seed: config.seed,
            config: &toml::to_string(&config)?,
            model: config.output_dir.as_deref(),
        })?;
        if files.iter().any(|file| file.unsaved) {
            config.train_data = record::copy_rows(&run, &files)?;
            run.set_config(&toml::to_string(&config)?)?;
        }
        Ok(Self { config, device, files, run, resume: None, evaluation })
    }

    /// Goes on with the run in a folder, from the last checkpoint or else from the beginning. `config` is
    /// [`config_of`] the folder, perhaps changed. The second value are remarks on the data.
    ///
    /// The model goes to `output_dir` if that is set now, else into the run's folder, wherever the record would have it:
    /// somebody else may have written that.
    pub fn resume(
        folder: &Path,
        mut config: TrainingConfig,
        device: DeviceInfo,
    ) -> Result<(Self, Vec<Warning>), Failure> {
        let paths: Vec<PathBuf> = config.train_data.iter().map(|path| folder.join(path)).collect();
        let (files, mut warnings) = read_files(&paths)?;
        let evaluation = EvaluationSet::read(&config)?;
        if let Some(output) = &mut config.output_dir {
            *output = std::path::absolute(&*output).unwrap_or_else(|_| output.clone());
        }
        check_output(&config)?;
        let mut run = Run::resume(folder)?;
        if let Some(elsewhere) = run.record().model.as_ref().filter(|model| Some(*model) != config.output_dir.as_ref())
        {
            warnings.push(Warning::ModelStays { elsewhere: elsewhere.clone() });
        }
        run.update(|record| record.model = config.output_dir.clone())?;
        let resume = Some(Checkpoints::steps(&run.checkpoints()).last().copied().unwrap_or(0));
        run.set_config(&toml::to_string(&config)?)?;
        Ok((Self { config, device, files, run, resume, evaluation }, warnings))
    }

    /// Where the tuned model will be.
    pub fn output(&self) -> PathBuf {
        self.run.model_folder()
    }

    /// The run's folder.
    pub fn folder(&self) -> &Path {
        self.run.folder()
    }

    pub fn config(&self) -> &TrainingConfig {
        &self.config
    }
}

/// The options of the run in a folder, but for the place of its model: a folder that somebody else has made must not say
/// what is written over.
pub fn config_of(folder: &Path) -> Result<TrainingConfig, Failure> {
    let config: TrainingConfig = toml::from_str(&Run::open(folder)?.config()?)?;
    Ok(TrainingConfig { output_dir: None, overwrite_output_dir: false, ..config })
}

/// The reins of a run beside its job's.
#[derive(Clone, Debug)]
pub struct Steering(Sender<Command>);

impl Steering {
    /// The run obeys after the step it is at; once it is over, nobody minds.
    pub fn tell(&self, command: Command) {
        let _ = self.0.send(command);
    }

    /// The reins of no run.
    #[cfg(test)]
    pub fn of_nothing() -> Self {
        Self(channel().0)
    }
}

/// Puts a run into the queue of its device.
pub fn start(jobs: &Jobs, request: TrainRequest) -> (Job<TrainingEvent>, Steering) {
    let (sender, commands) = channel();
    let title = format!("Train {}", folder_name(&request.config.model_name_or_path));
    let device = request.device.clone();
    // From here on the run is over when this ends, however it ends.
    let TrainRequest { config, device: on, files, run, resume, evaluation } = request;
    let mut record = Record::new(run, resume);
    let job = jobs.start(&device, title, move |room, context| {
        context.stage("preparing", "");
        // The device's memory is for the run.
        room.clear();
        let (output, checkpoints) = (record.run().model_folder(), record.run().checkpoints());
        let places = Places { output: &output, checkpoints: &checkpoints, resume };
        let languages = languages(&files);
        let mut host = JobHost { context, record: &mut record, commands, evaluation };
        let result = train(&config, &on, files, places, &mut host);
        if let Ok(Outcome::Finished { .. }) = &result
            && let Some(warning) = card::write(record.run(), &config, &languages, None)
        {
            let event = TrainingEvent::warning(warning);
            record.take(context, &event);
            context.send(event);
        }
        record.end(context, |run| match &result {
            Ok(Outcome::Finished { .. }) => run.set_state(RunState::Done),
            Ok(Outcome::Stopped { .. }) => run.set_state(RunState::Cancelled),
            Err(error) => run.fail(&error.to_string()),
        });
        result?;
        Ok(())
    });
    (job, Steering(sender))
}

/// A run's host: its events go to the job and into the run's folder.
struct JobHost<'a> {
    context: &'a JobContext<TrainingEvent>,
    record: &'a mut Record,
    commands: Receiver<Command>,
    evaluation: Option<EvaluationSet>,
}

impl Host for JobHost<'_> {
    fn tell(&mut self, event: TrainingEvent) {
        match &event {
            TrainingEvent::Started(plan) => {
                self.context.stage("training", "steps");
                self.context.progress(0, plan.steps);
            }
            TrainingEvent::Step(step) => {
                self.context.progress(step.step, step.steps);
                if step.step == step.steps {
                    self.context.stage("saving", "");
                }
            }
            _ => {}
        }
        self.record.take(self.context, &event);
        self.context.send(event);
    }

    fn ask(&mut self) -> ControlFlow<()> {
        let waits = self.context.is_pause_wanted();
        if waits {
            self.record.stands(self.context, RunState::Paused);
        }
        let told = self.context.ask();
        if waits && told.is_continue() {
            self.record.stands(self.context, RunState::Running);
        }
        told
    }

    fn pause(&mut self) {
        self.context.pause();
    }

    fn command(&mut self) -> Option<Command> {
        self.commands.try_recv().ok()
    }

    fn questions(&self) -> Option<Vec<String>> {
        self.evaluation.as_ref().map(EvaluationSet::texts)
    }

    fn evaluate(&mut self, model: &EmbeddingModel) -> Result<Option<Evaluation>, TrainingError> {
        self.evaluation.as_ref().map_or(Ok(None), |set| set.evaluate(model, &mut || self.context.ask()))
    }
}

/// Refuses to replace what is in the folder that the model is to go to, unless that was asked for.
fn check_output(config: &TrainingConfig) -> Result<(), Failure> {
    match &config.output_dir {
        Some(output) if !config.overwrite_output_dir && !is_free(output) => {
            Err(TrainingError::OutputExists(output.clone()).into())
        }
        _ => Ok(()),
    }
}

/// Whether a folder is not there, or is empty.
fn is_free(folder: &Path) -> bool {
    match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => !folder.exists(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::{DeviceChoice, choose};
    use crate::jobs::Status;
    use crate::training::PATIENCE;

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
        let output = request.output();
        let (job, _) = start(&jobs, request);
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
        let (first, _) = start(&jobs, request(&first_runs, |config| config.max_steps = Some(100_000)).unwrap());
        let (second, _) = start(&jobs, request(&second_runs, |_| ()).unwrap());
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
    fn steps_without_finite_numbers_are_skipped_and_three_in_a_row_pause_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let runs = Runs::new(folder.path());
        let jobs = Jobs::new(|| ());
        // The first step makes the weights so large that nothing after it is a number.
        let change = |config: &mut TrainingConfig| (config.learning_rate, config.max_steps) = (1e30, Some(50));
        let (job, steering) = start(&jobs, request(&runs, change).unwrap());
        let mut skipped = Vec::new();
        let why = loop {
            match job.next() {
                Some(TrainingEvent::Skipped { step, .. }) => skipped.push(step),
                Some(TrainingEvent::Halted { why, .. }) => break why,
                Some(_) => {}
                None => panic!("the run ended: {:?}", job.status()),
            }
        };
        assert_eq!(skipped.len(), PATIENCE);
        assert!(why.contains("learning_rate"), "{why}");
        while job.status() != Status::Paused {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        // A person may try what it says, and go on.
        steering.tell(Command::LearningRate(1e-5));
        job.resume();
        while !matches!(job.next(), Some(TrainingEvent::LearningRate { .. })) {}
        job.cancel();
        assert_eq!(job.wait(), Status::Cancelled);
        assert!(!Checkpoints::steps(&only_run(&runs).checkpoints()).is_empty());
    }

    #[test]
    fn a_run_that_cannot_save_waits_until_it_can() {
        let folder = tempfile::tempdir().unwrap();
        let runs = Runs::new(folder.path());
        let jobs = Jobs::new(|| ());
        let request = request(&runs, |config| (config.max_steps, config.save_steps) = (Some(4), Some(2))).unwrap();
        // A file in the way of a folder.
        let (checkpoints, model) = (only_run(&runs).checkpoints(), request.output());
        std::fs::write(&checkpoints, "").unwrap();
        let (job, _) = start(&jobs, request);
        let cannot_save = || loop {
            match job.next() {
                Some(TrainingEvent::CannotSave { step, why }) => break (step, why),
                Some(_) => {}
                None => panic!("the run ended: {:?}", job.status()),
            }
        };
        let (step, why) = cannot_save();
        assert!(step == 2 && why.contains("is there room on the disk"), "{why}");
        while job.status() != Status::Paused {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert_eq!(only_run(&runs).record().state, RunState::Paused);
        std::fs::remove_file(&checkpoints).unwrap();
        std::fs::write(&model, "").unwrap();
        job.resume();
        assert_eq!(cannot_save().0, 4, "the model");
        assert_eq!(Checkpoints::steps(&checkpoints), [2]);
        std::fs::remove_file(&model).unwrap();
        job.resume();
        assert_eq!(job.wait(), Status::Done);
        assert!(model.join("model.safetensors").is_file());
    }

    #[test]
    fn a_run_stops_early_and_keeps_its_best_model() {
        let folder = tempfile::tempdir().unwrap();
        let runs = Runs::new(folder.path());
        let jobs = Jobs::new(|| ());
        let change = |config: &mut TrainingConfig| {
            config.eval_data = config.train_data.clone();
            (config.learning_rate, config.max_steps, config.eval_steps) = (1e-9, Some(50), Some(1));
            (config.early_stopping_patience, config.load_best_model_at_end) = (Some(3), true);
        };
        let (job, _) = start(&jobs, request(&runs, change).unwrap());
        assert_eq!(job.wait(), Status::Done);
        let events = job.poll();
        let stopped = events.iter().find_map(|event| match event {
            TrainingEvent::StoppedEarly { step, best } => Some((*step, *best)),
            _ => None,
        });
        // So small a learning rate changes no rank: nothing is better than the first.
        assert_eq!(stopped, Some((4, 1)));
        let saved = events.iter().any(|event| matches!(event, TrainingEvent::Saved { step: 1, .. }));
        assert!(saved, "the saved model is not the best");
        let run = only_run(&runs);
        let best = run.record().best.clone().unwrap();
        assert_eq!((best.step, best.metric.as_str()), (1, "ndcg@10"));
        let evaluations = events.iter().filter(|event| matches!(event, TrainingEvent::Evaluated(_))).count();
        assert_eq!(evaluations, 5);
    }

    #[test]
    fn unsaved_rows_are_kept_with_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let runs = Runs::new(folder.path());
        let mut config = TrainingConfig {
            model_name_or_path: "tests/fixtures/flagembedding/model_safetensors".into(),
            train_data: vec!["tests/fixtures/flagembedding/data/weld_toy.jsonl".into()],
            ..TrainingConfig::default()
        };
        let (mut files, _) = read_files(&config.train_data).unwrap();
        files[0].unsaved = true;
        let rows = files[0].rows.clone();
        config.max_steps = Some(1);
        let made = TrainRequest::new(&runs, config, choose(DeviceChoice::Cpu).unwrap(), files).unwrap();
        let copied = made.folder().join(&made.config().train_data[0]);
        assert!(copied.starts_with(made.folder()));
        assert_eq!(read_files(&[copied]).unwrap().0[0].rows, rows);
    }

    #[test]
    fn a_failed_run_keeps_its_reason() {
        let folder = tempfile::tempdir().unwrap();
        let runs = Runs::new(folder.path());
        let jobs = Jobs::new(|| ());
        let (job, _) =
            start(&jobs, request(&runs, |config| config.model_name_or_path = "no/such/model".into()).unwrap());
        let Status::Failed(failure) = job.wait() else { panic!("{:?}", job.status()) };
        assert!(failure.why.contains("no/such/model"), "{failure}");
        let run = only_run(&runs);
        assert_eq!((run.record().state, &run.record().failure), (RunState::Failed, &Some(failure.to_string())));
    }

    #[test]
    fn a_run_from_elsewhere_writes_nothing_outside_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let documents = folder.path().join("documents");
        std::fs::create_dir(&documents).unwrap();
        std::fs::write(documents.join("letter"), "dear").unwrap();
        let runs = Runs::new(folder.path().join("runs"));
        let jobs = Jobs::new(|| ());
        let (job, _) = start(&jobs, request(&runs, |config| config.max_steps = Some(2)).unwrap());
        assert_eq!(job.wait(), Status::Done);
        // What somebody else may write into a run's folder.
        let run = only_run(&runs).folder().to_path_buf();
        let record = std::fs::read_to_string(run.join("run.json")).unwrap();
        let mut record: serde_json::Value = serde_json::from_str(&record).unwrap();
        record["model"] = serde_json::json!(documents);
        std::fs::write(run.join("run.json"), record.to_string()).unwrap();
        let config = std::fs::read_to_string(run.join("config.toml")).unwrap();
        let config = config.replace("overwrite_output_dir = false", "overwrite_output_dir = true");
        std::fs::write(run.join("config.toml"), format!("output_dir = {documents:?}\n{config}")).unwrap();
        std::fs::remove_dir_all(run.join("model")).unwrap();
        let resume = |config: TrainingConfig| TrainRequest::resume(&run, config, choose(DeviceChoice::Cpu)?);

        let (request, warnings) = resume(config_of(&run).unwrap()).unwrap();
        assert!(matches!(warnings[..], [Warning::ModelStays { .. }]), "{warnings:?}");
        assert_eq!(request.output(), run.join("model"));
        assert_eq!(start(&jobs, request).0.wait(), Status::Done);
        assert!(run.join("model/model.safetensors").is_file());
        assert_eq!(std::fs::read_to_string(documents.join("letter")).unwrap(), "dear");
        // Where a person says so it goes there, and never over something.
        let given = |place: &Path| TrainingConfig { output_dir: Some(place.into()), ..config_of(&run).unwrap() };
        assert!(resume(given(&documents)).err().unwrap().to_string().contains("overwrite_output_dir"));
        let place = folder.path().join("tuned");
        assert_eq!(resume(given(&place)).unwrap().0.output(), place);
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
        // The record is kept among the runs; only the model goes elsewhere.
        assert_eq!(only_run(&runs).model_folder(), folder.path());
    }
}
