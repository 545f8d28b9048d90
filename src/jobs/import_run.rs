//! A run of FlagEmbedding, or of another program that uses Hugging Face's Trainer, as one of ours: curves and model.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::export_job::{JOB_FILE, JobRecord, OPTIONS_FILE, OUTPUT};
use super::training::card;
use super::{Failure, Job, JobContext, JobError, Jobs};
use crate::compute::{DeviceChoice, choose};
use crate::model::{EmbeddingModel, ModelFolder, Weights};
use crate::training::card::{BaseModel, languages};
use crate::training::{LossParts, StepReport, TrainerState, TrainingConfig, TrainingEvent, read_files};
use crate::workspace::tensorboard::{self, Scalar};
use crate::workspace::{NewRun, Run, RunState, Runs, Utc};

const STATE_FILE: &str = "trainer_state.json";
const PROMPTS_FILE: &str = "config_sentence_transformers.json";

/// What is to be imported, and where to.
pub struct ImportRequest {
    /// An exported job's folder, or the output folder of a run.
    pub folder: PathBuf,
    pub runs: Runs,
    /// What the run is called; by its base model if not given.
    pub name: Option<String>,
    /// Options that the run was started with, where the folder is no exported job's.
    pub config: Option<TrainingConfig>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The new run's folder.
    pub folder: PathBuf,
    pub steps: usize,
    /// Where the model lies; `None` if the folder held no weights.
    pub model: Option<PathBuf>,
}

/// Begins to import; one event when the run is there.
pub fn start(jobs: &Jobs, request: ImportRequest) -> Job<Imported> {
    jobs.start_beside("Import a run".into(), move |context| {
        context.stage("reading", "");
        let found = Found::look(&request.folder, request.config.as_ref())?;
        let mut run = found.create(&request.runs, request.name.as_deref())?;
        match found.fill(&mut run, context) {
            Ok(model) => {
                let steps = found.reports.last().map_or(0, |last| last.step);
                context.send(Imported { folder: run.folder().to_path_buf(), steps, model });
                Ok(())
            }
            // Half a run is none.
            Err(failure) => {
                let _ = fs::remove_dir_all(run.folder());
                Err(failure)
            }
        }
    })
}

/// What lies in a folder.
struct Found {
    folder: PathBuf,
    job: Option<JobRecord>,
    config: TrainingConfig,
    reports: Vec<StepReport>,
    /// A folder with weights.
    model: Option<PathBuf>,
    /// The rows that the job was given.
    data: Vec<PathBuf>,
}

impl Found {
    fn look(folder: &Path, given: Option<&TrainingConfig>) -> Result<Self, Failure> {
        let output = if folder.join(OUTPUT).is_dir() { folder.join(OUTPUT) } else { folder.to_path_buf() };
        let above = |name: &str| {
            let places = [Some(folder), folder.parent()];
            places.into_iter().flatten().map(|place| place.join(name)).find(|path| path.is_file())
        };
        let checkpoints = checkpoints(&output);
        let places = || std::iter::once(&output).chain(checkpoints.values().rev());
        let state = places().map(|place| place.join(STATE_FILE)).find(|path| path.is_file());
        let state = state.map(|path| TrainerState::read(&path)).transpose()?;
        let scalars = if output.is_dir() { tensorboard::scalars(&output)? } else { Vec::new() };
        let reports = reports(state, &scalars);
        let model = places().find(|place| !Weights::files(place).unwrap_or_default().is_empty()).cloned();
        if reports.is_empty() && model.is_none() {
            return Err(JobError::NoRun(folder.to_path_buf()).into());
        }
        let config = match (given, above(OPTIONS_FILE)) {
            (Some(config), _) => config.clone(),
            (None, Some(path)) => {
                let mut config = TrainingConfig::default();
                config.set_from_file(&path)?;
                config
            }
            (None, None) => TrainingConfig::default(),
        };
        let job = above(JOB_FILE).map(fs::read).transpose()?.and_then(|text| serde_json::from_slice(&text).ok());
        let data = above(JOB_FILE).map(|path| path.with_file_name("data")).filter(|data| data.is_dir());
        let data = data.map_or(Ok(Vec::new()), |data| entries(&data))?;
        Ok(Self { folder: folder.to_path_buf(), job, config, reports, model, data })
    }

    /// Makes the run's folder, with all that is known before the model.
    fn create(&self, runs: &Runs, name: Option<&str>) -> Result<Run, Failure> {
        let Self { config, .. } = self;
        let base = BaseModel::of(&config.model_name_or_path).name;
        let name = name.or((!base.is_empty()).then_some(base.as_str())).unwrap_or("imported");
        let device = match &self.job {
            Some(job) => format!("FlagEmbedding, {} × {}", job.nodes, job.gpus),
            None => "FlagEmbedding".into(),
        };
        let config = TrainingConfig { output_dir: None, overwrite_output_dir: false, ..config.clone() };
        Ok(runs.create(&NewRun {
            name,
            base_model: &config.model_name_or_path,
            data: &config.train_data,
            device: &device,
            seed: config.seed,
            config: &toml::to_string(&config)?,
            model: None,
        })?)
    }

    /// Writes curves and model into a new run; gives back where the model lies.
    fn fill(&self, run: &mut Run, context: &JobContext<Imported>) -> Result<Option<PathBuf>, Failure> {
        for report in &self.reports {
            run.append(&TrainingEvent::Step(report.clone()))?;
        }
        let steps = self.reports.last().map_or(0, |last| last.step);
        let model = self.model.as_ref().map(|from| self.copy_model(from, &run.model_folder(), context)).transpose()?;
        if let Some(folder) = &model {
            run.append(&TrainingEvent::Saved { step: steps, folder: folder.clone() })?;
        }
        run.log(&format!("imported from {}", self.folder.display()))?;
        run.update(|record| {
            record.steps = steps;
            record.data_fingerprint = self.job.as_ref().map(|job| job.data_fingerprint.clone()).unwrap_or_default();
        })?;
        Run::describe(run.folder(), &run.record().name, &format!("imported from {}", self.folder.display()))?;
        run.set_state(RunState::Done)?;
        let times = self.reports.iter().map(|report| (report.time - report.seconds, report.time));
        let times = times.filter(|(_, end)| *end > 0.0);
        if let Some((began, ended)) = times.reduce(|all, next| (all.0, next.1)) {
            run.update(|record| {
                record.started = Utc::from_seconds(began as u64).rfc3339();
                record.ended = Some(Utc::from_seconds(ended as u64).rfc3339());
            })?;
        }
        if model.is_some() {
            let (files, _) = read_files(&self.data).unwrap_or_default();
            if let Some(remark) =
                card::write(run, &self.config, &languages(&files), self.job.as_ref().map(|job| job.rows))
            {
                tracing::warn!("{remark}");
            }
        }
        Ok(model)
    }

    /// Loads the weights and writes them as our runs do: FlagEmbedding leaves out how its vectors are pooled.
    fn copy_model(&self, from: &Path, to: &Path, context: &JobContext<Imported>) -> Result<PathBuf, Failure> {
        context.stage("copying the model", "");
        let config = &self.config;
        let found = ModelFolder::open(from)?;
        let pooling = config.sentence_pooling_method.unwrap_or(found.pooling());
        let folder = found.with_pooling(pooling, config.normalize_embeddings);
        EmbeddingModel::load_folder(folder, &choose(DeviceChoice::Cpu)?.open()?)?.save(to)?;
        let prompts = config.model_name_or_path.join(PROMPTS_FILE);
        if !to.join(PROMPTS_FILE).exists() && prompts.is_file() {
            fs::copy(&prompts, to.join(PROMPTS_FILE))?;
        }
        Ok(to.to_path_buf())
    }
}

/// The Trainer's checkpoints in a folder, by their steps.
fn checkpoints(folder: &Path) -> BTreeMap<usize, PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let checkpoint = |entry: fs::DirEntry| {
        let step = entry.file_name().to_str()?.strip_prefix("checkpoint-")?.parse().ok()?;
        Some((step, entry.path()))
    };
    entries.filter_map(checkpoint).collect()
}

fn entries(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}

/// The steps of a run: their numbers from the Trainer's history, their times from TensorBoard's events; from the events
/// alone where there is no history.
fn reports(state: Option<TrainerState>, scalars: &[Scalar]) -> Vec<StepReport> {
    let mut logged: BTreeMap<usize, (f64, BTreeMap<&str, f64>)> = BTreeMap::new();
    for scalar in scalars {
        let Ok(step) = usize::try_from(scalar.step) else { continue };
        let (time, values) = logged.entry(step).or_default();
        // What was written later, by a run that went on, counts.
        *time = scalar.time;
        values.insert(scalar.tag.as_str(), scalar.value);
    }
    logged.retain(|_, (_, values)| values.contains_key("train/loss"));
    let mut reports = match state {
        Some(state) => state.reports,
        None => {
            let steps = logged.keys().last().copied().unwrap_or(0);
            let report = |(step, (_, values)): (&usize, &(f64, BTreeMap<&str, f64>))| {
                let value = |tag: &str| values.get(tag).copied();
                let total = value("train/loss").filter(|loss| loss.is_finite())?;
                Some(StepReport {
                    step: *step,
                    steps,
                    epoch: value("train/epoch").unwrap_or(0.0),
                    loss: LossParts { total, dense: f64::NAN, ..LossParts::default() },
                    learning_rate: value("train/learning_rate").unwrap_or(0.0),
                    grad_norm: value("train/grad_norm").unwrap_or(f64::NAN),
                    tokens: 0,
                    seconds: 0.0,
                    time: 0.0,
                    memory: None,
                })
            };
            logged.iter().filter_map(report).collect()
        }
    };
    let mut before: Option<(usize, f64)> = None;
    for report in &mut reports {
        let Some((time, _)) = logged.get(&report.step) else { continue };
        report.time = *time;
        if let Some((step, since)) = before {
            // Of one step, where not every step is logged.
            report.seconds = (time - since).max(0.0) / (report.step - step).max(1) as f64;
        }
        before = Some((report.step, *time));
    }
    reports
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::Status;
    use crate::model::Pooling;
    use crate::workspace::tensorboard::EventFile;

    const BASE: &str = "tests/fixtures/flagembedding/model_safetensors";

    /// An output folder as FlagEmbedding leaves it: weights without `modules.json`, history in the checkpoint alone.
    fn output(folder: &Path) {
        let checkpoint = folder.join("checkpoint-3");
        fs::create_dir_all(&checkpoint).unwrap();
        for name in ["config.json", "model.safetensors", "tokenizer.json", "sparse_linear.pt", "colbert_linear.pt"] {
            fs::copy(Path::new(BASE).join(name), folder.join(name)).unwrap();
        }
        let history: Vec<_> = (1..=3)
            .map(|step| serde_json::json!({ "loss": 4.0 / f64::from(step), "grad_norm": 1.0, "learning_rate": 1e-5, "epoch": step, "step": step }))
            .collect();
        let state = serde_json::json!({ "global_step": 3, "max_steps": 3, "log_history": history });
        fs::write(checkpoint.join(STATE_FILE), state.to_string()).unwrap();
        let events = folder.join("runs/machine");
        fs::create_dir_all(&events).unwrap();
        let mut file = EventFile::create(&events, 1_700_000_000.0, None).unwrap();
        for step in 1..=3_u8 {
            let loss = [("train/loss".to_owned(), 4.0 / f64::from(step))];
            file.scalars(step.into(), 1_700_000_000.0 + 10.0 * f64::from(step), &loss).unwrap();
        }
    }

    fn import(folder: &Path, runs: &Runs, config: Option<TrainingConfig>) -> Result<Imported, Status> {
        let jobs = Jobs::new(|| ());
        let request = ImportRequest { folder: folder.into(), runs: runs.clone(), name: None, config };
        let job = start(&jobs, request);
        match job.wait() {
            Status::Done => Ok(job.poll().remove(0)),
            other => Err(other),
        }
    }

    #[test]
    fn a_run_of_another_engine_becomes_one_of_ours() {
        let place = tempfile::tempdir().unwrap();
        let job = place.path().join("job");
        output(&job.join(OUTPUT));
        let config = TrainingConfig {
            model_name_or_path: BASE.into(),
            train_data: vec!["/data/焊接.jsonl".into()],
            sentence_pooling_method: Some(Pooling::Mean),
            seed: 7,
            ..TrainingConfig::default()
        };
        fs::write(job.join(OPTIONS_FILE), toml::to_string(&config).unwrap()).unwrap();
        let record = JobRecord { weldbench: "0".into(), rows: 24, data_fingerprint: "abc".into(), nodes: 2, gpus: 8 };
        fs::write(job.join(JOB_FILE), serde_json::to_string(&record).unwrap()).unwrap();
        let runs = Runs::new(place.path().join("runs"));
        let imported = import(&job, &runs, None).unwrap();
        let run = Run::open(&imported.folder).unwrap();
        let record = run.record();
        assert_eq!((record.state, record.steps, record.seed), (RunState::Done, 3, 7));
        assert_eq!((record.device.as_str(), record.data_fingerprint.as_str()), ("FlagEmbedding, 2 × 8", "abc"));
        assert_eq!(record.started, "2023-11-14T22:13:30Z");
        assert_eq!(record.time_taken().unwrap().as_secs(), 20);
        assert!(record.note.contains("imported from"));
        let events = run.events::<TrainingEvent>().unwrap();
        assert_eq!((events.events.len(), events.unreadable), (4, 0));
        let TrainingEvent::Step(second) = &events.events[1] else { panic!("{events:?}") };
        assert_eq!((second.step, second.loss.total, second.seconds), (2, 2.0, 10.0));
        // The model is pooled as it was trained, which FlagEmbedding does not write down.
        let model = ModelFolder::open(&imported.model.unwrap()).unwrap();
        assert_eq!(model.pooling(), Pooling::Mean);
        assert!(model.has_heads() && model.path().join("README.md").is_file());
    }

    #[test]
    fn events_alone_have_curves_and_nothing_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("output of a run");
        output(&folder);
        fs::remove_dir_all(folder.join("checkpoint-3")).unwrap();
        fs::remove_file(folder.join("model.safetensors")).unwrap();
        let runs = Runs::new(place.path().join("runs"));
        let imported = import(&folder, &runs, None).unwrap();
        assert_eq!((imported.steps, imported.model), (3, None));
        fs::remove_dir_all(folder.join("runs")).unwrap();
        let Err(Status::Failed(failure)) = import(&folder, &runs, None) else { panic!() };
        assert!(failure.why.contains("holds neither"), "{failure}");
        assert_eq!(runs.list().unwrap().0.len(), 1);
    }

    #[test]
    fn a_model_that_cannot_be_read_leaves_no_run() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("output of a run");
        output(&folder);
        fs::write(folder.join("model.safetensors"), "no weights").unwrap();
        let runs = Runs::new(place.path().join("runs"));
        assert!(matches!(import(&folder, &runs, None), Err(Status::Failed(_))));
        assert!(runs.list().unwrap().0.is_empty());
    }
}
