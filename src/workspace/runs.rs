//! The runs' folders: what was trained, with which options, and how it went.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::WorkspaceError;
use super::folders::write_whole;
use super::time::Utc;
use crate::files::{self, Kind};

const RECORD: &str = "run.json";
const CONFIG: &str = "config.toml";
const EVENTS: &str = "metrics.jsonl";
const LOG: &str = "log.txt";
/// Locked by the process that trains, so that others can tell a run that goes on from one that broke off.
const LOCK: &str = "running.lock";
const CHECKPOINTS: &str = "checkpoints";
const MODEL: &str = "model";

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    Running,
    Paused,
    Done,
    Cancelled,
    Failed,
    /// The program ended in the middle of the run.
    Interrupted,
}

impl RunState {
    /// Neither running nor paused.
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Running | Self::Paused)
    }
}

/// What is to be known of a run before it starts.
#[derive(Clone, Copy, Debug)]
pub struct NewRun<'a> {
    /// For people; becomes part of the folder's name.
    pub name: &'a str,
    pub base_model: &'a Path,
    pub data: &'a [PathBuf],
    pub device: &'a str,
    pub seed: u64,
    /// The content of `config.toml`.
    pub config: &'a str,
    /// Where the tuned model goes, if not into the run's folder.
    pub model: Option<&'a Path>,
}

/// The best evaluation of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BestMetric {
    pub step: usize,
    /// As in `ndcg@10`.
    pub metric: String,
    /// From 0 to 1.
    pub value: f64,
}

/// The content of `run.json`. Keys this version does not know are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    pub name: String,
    pub state: RunState,
    /// UTC, as in `2026-11-23T14:50:15Z`.
    pub started: String,
    /// UTC; absent while the run goes on, and if it broke off.
    pub ended: Option<String>,
    pub base_model: PathBuf,
    pub data: Vec<PathBuf>,
    pub device: String,
    pub seed: u64,
    /// Why the run failed, and what to do.
    pub failure: Option<String>,
    /// Where the tuned model lies, if not in the run's folder.
    #[serde(default)]
    pub model: Option<PathBuf>,
    /// Steps done.
    #[serde(default)]
    pub steps: usize,
    #[serde(default)]
    pub best: Option<BestMetric>,
    /// A hash of the rows that are trained on.
    #[serde(default)]
    pub data_fingerprint: String,
    /// What a person wants to remember of the run.
    #[serde(default)]
    pub note: String,
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl RunRecord {
    /// From the start to the end, pauses too; until now if the run goes on, `None` if it broke off.
    pub fn time_taken(&self) -> Option<Duration> {
        let started = Utc::seconds_of(&self.started)?;
        let ended = match (&self.ended, self.state.is_over()) {
            (Some(ended), _) => Utc::seconds_of(ended)?,
            (None, false) => Utc::seconds_of(&Utc::now().rfc3339())?,
            (None, true) => return None,
        };
        Some(Duration::from_secs(ended.saturating_sub(started)))
    }
}

/// The events read from a run's folder.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Events<T> {
    pub events: Vec<T>,
    /// Lines that could not be read. A last line cut off by a crash is not counted.
    pub unreadable: usize,
}

/// The folder that holds a folder a run, named `<yyyymmdd-hhmmss>-<name>` by the start in UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runs {
    folder: PathBuf,
}

impl Runs {
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Makes the folder of a run that starts now.
    pub fn create(&self, new: &NewRun) -> Result<Run, WorkspaceError> {
        let now = Utc::now();
        let folder = self.new_folder(&format!("{}-{}", now.compact(), file_name(new.name)))?;
        write_whole(&folder.join(CONFIG), new.config)?;
        let lock = lock(&folder)?;
        let record = RunRecord {
            name: new.name.to_string(),
            state: RunState::Running,
            started: now.rfc3339(),
            ended: None,
            base_model: new.base_model.to_path_buf(),
            data: new.data.to_vec(),
            device: new.device.to_string(),
            seed: new.seed,
            failure: None,
            model: new.model.map(Path::to_path_buf),
            steps: 0,
            best: None,
            data_fingerprint: String::new(),
            note: String::new(),
            other: Map::new(),
        };
        let mut run = Run { folder, record, lock: Some(lock) };
        run.save()?;
        Ok(run)
    }

    /// All runs, the newest first, and what could not be read as a run.
    pub fn list(&self) -> Result<(Vec<Run>, Vec<WorkspaceError>), WorkspaceError> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Default::default()),
            entries => entries.map_err(WorkspaceError::io(&self.folder, "read"))?,
        };
        let (mut runs, mut problems) = (Vec::new(), Vec::new());
        for entry in entries {
            let path = entry.map_err(WorkspaceError::io(&self.folder, "read"))?.path();
            if path.is_dir() {
                match plain(&path).and_then(|()| Run::open(&path)) {
                    Ok(run) => runs.push(run),
                    Err(problem) => problems.push(problem),
                }
            }
        }
        runs.sort_by(|one, other| other.folder.cmp(&one.folder));
        Ok((runs, problems))
    }

    /// A folder of this name, or with the first free number behind it.
    fn new_folder(&self, name: &str) -> Result<PathBuf, WorkspaceError> {
        fs::create_dir_all(&self.folder).map_err(WorkspaceError::io(&self.folder, "create"))?;
        let mut folder = self.folder.join(name);
        let mut number = 2;
        loop {
            match fs::create_dir(&folder) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    folder = self.folder.join(format!("{name}-{number}"));
                    number += 1;
                }
                made => return made.map(|()| folder.clone()).map_err(WorkspaceError::io(&folder, "create")),
            }
        }
    }
}

/// One run's folder. The value that [`Runs::create`] gives belongs to whoever trains; a run that is opened is
/// for reading.
#[derive(Debug)]
pub struct Run {
    folder: PathBuf,
    record: RunRecord,
    /// Held as long as the run goes on in this process.
    lock: Option<File>,
}

impl Run {
    /// Reads the run in a folder.
    pub fn open(folder: &Path) -> Result<Self, WorkspaceError> {
        let mut record = read_record(&folder.join(RECORD))?;
        if !record.state.is_over() && !goes_on(folder) {
            record.state = RunState::Interrupted;
        }
        Ok(Self { folder: folder.to_path_buf(), record, lock: None })
    }

    /// Takes up a run that is over or broke off, to go on with it.
    pub fn resume(folder: &Path) -> Result<Self, WorkspaceError> {
        let mut run = Self::open(folder)?;
        if !run.record.state.is_over() {
            return Err(WorkspaceError::GoesOn(folder.to_path_buf()));
        }
        // A folder that somebody else has made: what is written and removed here stays within it.
        plain(folder)?;
        for name in [EVENTS, LOG, LOCK, CHECKPOINTS, MODEL] {
            plain(&folder.join(name))?;
        }
        run.lock = Some(lock(folder)?);
        run.record.failure = None;
        run.set_state(RunState::Running)?;
        Ok(run)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn record(&self) -> &RunRecord {
        &self.record
    }

    /// Where the tuned model lies once the run is done.
    pub fn model_folder(&self) -> PathBuf {
        self.record.model.clone().unwrap_or_else(|| self.folder.join(MODEL))
    }

    /// Where checkpoints lie.
    pub fn checkpoints(&self) -> PathBuf {
        self.folder.join(CHECKPOINTS)
    }

    /// Changes what is written down of the run, but for what [`Self::describe`] writes.
    pub fn update(&mut self, change: impl FnOnce(&mut RunRecord)) -> Result<(), WorkspaceError> {
        change(&mut self.record);
        self.save()
    }

    /// Gives a run another name and note, also while it goes on, here or elsewhere.
    pub fn describe(folder: &Path, name: &str, note: &str) -> Result<(), WorkspaceError> {
        let _one_at_a_time = SAVING.lock();
        let path = folder.join(RECORD);
        let mut record = read_record(&path)?;
        (record.name, record.note) = (name.to_string(), note.to_string());
        write_record(&path, &record)
    }

    /// Replaces the content of `config.toml`.
    pub fn set_config(&self, config: &str) -> Result<(), WorkspaceError> {
        write_whole(&self.folder.join(CONFIG), config)
    }

    /// Appends a line for people to `log.txt`, after the time.
    pub fn log(&self, text: &str) -> Result<(), WorkspaceError> {
        let path = self.folder.join(LOG);
        let line = format!("{} {}\n", Utc::now().rfc3339(), text.replace('\n', " "));
        let append = || OpenOptions::new().append(true).create(true).open(&path)?.write_all(line.as_bytes());
        append().map_err(WorkspaceError::io(&path, "append a line"))
    }

    /// The options, as they were given to [`Runs::create`].
    pub fn config(&self) -> Result<String, WorkspaceError> {
        let path = self.folder.join(CONFIG);
        files::read_text(&path, files::WORDS).map_err(WorkspaceError::io(&path, "read"))
    }

    /// Writes the new state; the end's time too if the run is over.
    pub fn set_state(&mut self, state: RunState) -> Result<(), WorkspaceError> {
        self.record.state = state;
        self.record.ended = state.is_over().then(|| Utc::now().rfc3339());
        self.save()?;
        if state.is_over() && self.lock.take().is_some() {
            // It means nothing any more; nobody minds if it stays.
            let _ = fs::remove_file(self.folder.join(LOCK));
        }
        Ok(())
    }

    /// Ends the run as failed.
    pub fn fail(&mut self, why: &str) -> Result<(), WorkspaceError> {
        self.record.failure = Some(why.to_string());
        self.set_state(RunState::Failed)
    }

    /// Appends an event, one JSON value on a line of its own.
    pub fn append(&self, event: &impl Serialize) -> Result<(), WorkspaceError> {
        let path = self.folder.join(EVENTS);
        let append = || -> io::Result<()> {
            let mut line = serde_json::to_vec(event)?;
            line.push(b'\n');
            let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path)?;
            // A line cut off by a crash must not swallow this one.
            let before = file.seek(SeekFrom::End(0))?;
            if before > 0 {
                file.seek(SeekFrom::End(-1))?;
                let mut last = [0];
                file.read_exact(&mut last)?;
                if last != [b'\n'] {
                    line.insert(0, b'\n');
                }
            }
            // Half a line, where the disk is full, is taken back.
            file.write_all(&line).inspect_err(|_| drop(file.set_len(before)))
        };
        append().map_err(WorkspaceError::io(&path, "append an event"))
    }

    /// All events so far, in their order.
    pub fn events<T: DeserializeOwned>(&self) -> Result<Events<T>, WorkspaceError> {
        let path = self.folder.join(EVENTS);
        let bytes = match files::read(&path, files::WHOLE) {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            bytes => bytes.map_err(WorkspaceError::io(&path, "read"))?,
        };
        let mut read = Events { events: Vec::new(), unreadable: 0 };
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            match serde_json::from_slice(line) {
                Ok(event) => read.events.push(event),
                Err(_) if line.trim_ascii().is_empty() || !line.ends_with(b"\n") => {}
                Err(_) => read.unreadable += 1,
            }
        }
        Ok(read)
    }

    /// Name and note belong to people, who may have changed them meanwhile.
    fn save(&mut self) -> Result<(), WorkspaceError> {
        let _one_at_a_time = SAVING.lock();
        let path = self.folder.join(RECORD);
        if let Ok(RunRecord { name, note, .. }) = read_record(&path) {
            (self.record.name, self.record.note) = (name, note);
        }
        write_record(&path, &self.record)
    }
}

fn plain(path: &Path) -> Result<(), WorkspaceError> {
    files::plain(path).map_err(WorkspaceError::io(path, "use it"))
}

/// Held while a record is read and written again.
static SAVING: Mutex<()> = Mutex::new(());

fn read_record(path: &Path) -> Result<RunRecord, WorkspaceError> {
    let text = files::read_text(path, files::WORDS).map_err(WorkspaceError::io(path, "read"))?;
    serde_json::from_str(&text)
        .map_err(|error| WorkspaceError::Run { path: path.to_path_buf(), cause: error.to_string() })
}

fn write_record(path: &Path, record: &RunRecord) -> Result<(), WorkspaceError> {
    let text = serde_json::to_string_pretty(record)
        .map_err(|error| WorkspaceError::Run { path: path.to_path_buf(), cause: error.to_string() })?;
    write_whole(path, &text)
}

/// Locks a run's folder for the process that trains. Where the file system knows no locks, a run that broke off goes on
/// looking as if it ran.
fn lock(folder: &Path) -> Result<File, WorkspaceError> {
    let path = folder.join(LOCK);
    let lock = File::create(&path).map_err(WorkspaceError::io(&path, "create"))?;
    match lock.try_lock() {
        Err(TryLockError::WouldBlock) => return Err(WorkspaceError::GoesOn(folder.to_path_buf())),
        Err(error) => tracing::warn!("{}: {error}", path.display()),
        Ok(()) => {}
    }
    Ok(lock)
}

/// Whether some process trains the run in this folder.
fn goes_on(folder: &Path) -> bool {
    match files::open(&folder.join(LOCK), Kind::File) {
        // Shared, so that two who look do not take each other for the run.
        Ok(lock) => matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)),
        Err(_) => false,
    }
}

/// A name for people as part of a file's name on any system; at most 40 characters.
fn file_name(name: &str) -> String {
    let kept: String = name.chars().map(|c| if c.is_alphanumeric() || "._".contains(c) { c } else { ' ' }).collect();
    let short: String = kept.split_whitespace().collect::<Vec<_>>().join("-").chars().take(40).collect();
    let trimmed = short.trim_matches(['.', '-']);
    if trimmed.is_empty() { "run".to_string() } else { trimmed.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_run(name: &str) -> NewRun<'_> {
        let base_model = Path::new("models/bge-m3");
        NewRun { name, base_model, data: &[], device: "cpu", seed: 42, config: "learning_rate = 1e-5\n", model: None }
    }

    fn runs() -> (tempfile::TempDir, Runs) {
        let folder = tempfile::tempdir().unwrap();
        let runs = Runs::new(folder.path().join("runs"));
        (folder, runs)
    }

    #[test]
    fn a_run_is_found_again_as_it_was_left() {
        let (_folder, runs) = runs();
        let data = [PathBuf::from("焊接.jsonl")];
        let mut run = runs.create(&NewRun { data: &data, ..new_run("焊接 run: 1/2") }).unwrap();
        assert!(
            run.folder()
                .ends_with(format!("{}-焊接-run-1-2", &run.folder().file_name().unwrap().to_str().unwrap()[..15]))
        );
        assert_eq!(run.record().state, RunState::Running);
        assert_eq!(run.config().unwrap(), "learning_rate = 1e-5\n");
        run.set_state(RunState::Paused).unwrap();
        assert_eq!(Run::open(run.folder()).unwrap().record(), run.record());
        run.set_state(RunState::Done).unwrap();
        let again = Run::open(run.folder()).unwrap();
        assert_eq!(again.record(), run.record());
        assert!(again.record().ended.as_ref().unwrap() >= &again.record().started);
        assert_eq!((again.record().data.as_slice(), again.record().seed), (data.as_slice(), 42));
    }

    #[test]
    fn runs_of_one_second_have_folders_of_their_own_and_the_newest_is_first() {
        let (_folder, runs) = runs();
        assert!(runs.list().unwrap().0.is_empty());
        let made: Vec<Run> = (0..5).map(|_| runs.create(&new_run("same")).unwrap()).collect();
        let (listed, problems) = runs.list().unwrap();
        assert!(problems.is_empty());
        assert_eq!(listed.len(), made.len());
        assert!(listed.is_sorted_by(|one, other| one.folder() > other.folder()));
    }

    #[test]
    fn a_run_left_in_the_middle_is_interrupted_and_one_that_goes_on_is_not() {
        let (_folder, runs) = runs();
        let run = runs.create(&new_run("left")).unwrap();
        assert_eq!(Run::open(run.folder()).unwrap().record().state, RunState::Running);
        let folder = run.folder().to_path_buf();
        drop(run);
        assert_eq!(Run::open(&folder).unwrap().record().state, RunState::Interrupted);
    }

    #[test]
    fn a_run_that_broke_off_can_be_taken_up_by_one_at_a_time() {
        let (_folder, runs) = runs();
        let run = runs.create(&new_run("left")).unwrap();
        let folder = run.folder().to_path_buf();
        assert!(matches!(Run::resume(&folder), Err(WorkspaceError::GoesOn(_))));
        drop(run);
        let mut again = Run::resume(&folder).unwrap();
        assert_eq!(Run::open(&folder).unwrap().record().state, RunState::Running);
        assert!(matches!(Run::resume(&folder), Err(WorkspaceError::GoesOn(_))));
        again.set_state(RunState::Done).unwrap();
        assert_eq!(Run::open(&folder).unwrap().record().state, RunState::Done);
    }

    #[test]
    #[cfg(unix)]
    fn a_folder_with_links_is_not_written_to() {
        use std::os::unix::fs::symlink;
        let (place, runs) = runs();
        let mut run = runs.create(&new_run("from elsewhere")).unwrap();
        run.set_state(RunState::Cancelled).unwrap();
        let folder = run.folder().to_path_buf();
        let (file, outside) = (place.path().join("file"), place.path().join("outside"));
        fs::write(&file, "kept").unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("step-00000009"), "kept").unwrap();
        for (name, target) in [(LOG, &file), (EVENTS, &file), (LOCK, &file), (CHECKPOINTS, &outside), (MODEL, &outside)]
        {
            symlink(target, folder.join(name)).unwrap();
            let error = Run::resume(&folder).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("it is a link"), "{error}");
            fs::remove_file(folder.join(name)).unwrap();
        }
        // A run's folder that is a link itself is told of, not listed.
        symlink(&outside, place.path().join("runs/20260101-000000-link")).unwrap();
        let (listed, problems) = runs.list().unwrap();
        assert!(listed.len() == 1 && problems.len() == 1 && problems[0].to_string().contains("it is a link"));
        assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
        assert!(Run::resume(&folder).is_ok());
    }

    #[test]
    #[cfg(unix)]
    fn pipes_in_a_folder_from_elsewhere_are_not_waited_for() {
        let (_place, runs) = runs();
        let mut run = runs.create(&new_run("pipes")).unwrap();
        run.set_state(RunState::Done).unwrap();
        for name in [EVENTS, CONFIG, RECORD, LOCK] {
            let path = run.folder().join(name);
            let _ = fs::remove_file(&path);
            assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        }
        let told = [
            run.events::<Value>().unwrap_err().to_string(),
            run.config().unwrap_err().to_string(),
            Run::open(run.folder()).unwrap_err().to_string(),
        ];
        assert!(told.iter().all(|error| error.contains("it is a pipe")), "{told:?}");
        assert!(!goes_on(run.folder()) && runs.list().unwrap().0.is_empty());
    }

    #[test]
    fn a_name_and_a_note_given_while_a_run_goes_on_stay() {
        let (_folder, runs) = runs();
        let mut run = runs.create(&new_run("bge-m3")).unwrap();
        Run::describe(run.folder(), "低学习率", "better than last week's").unwrap();
        run.update(|record| record.steps = 7).unwrap();
        run.set_state(RunState::Done).unwrap();
        let record = Run::open(run.folder()).unwrap().record().clone();
        assert_eq!((record.name.as_str(), record.note.as_str()), ("低学习率", "better than last week's"));
        assert_eq!((record.steps, record.state), (7, RunState::Done));
        assert!(record.time_taken().unwrap() < Duration::from_secs(60));
        assert!(Run::describe(&run.folder().join("none"), "x", "").is_err());
    }

    #[test]
    fn a_failure_is_kept_with_its_reason_and_keys_of_other_versions_too() {
        let (_folder, runs) = runs();
        let run = runs.create(&new_run("fails")).unwrap();
        let path = run.folder().join(RECORD);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replacen('{', "{ \"future\": [1],", 1)).unwrap();
        Run::open(run.folder()).unwrap().fail("out of memory; lower the batch size").unwrap();
        let again = Run::open(run.folder()).unwrap();
        assert_eq!(again.record().state, RunState::Failed);
        assert_eq!(again.record().failure.as_deref(), Some("out of memory; lower the batch size"));
        assert!(fs::read_to_string(&path).unwrap().contains("\"future\""));
    }

    #[test]
    fn a_folder_that_is_no_run_is_named_and_hides_no_other() {
        let (_folder, runs) = runs();
        let run = runs.create(&new_run("good")).unwrap();
        for (name, content) in [("no-record", None), ("broken", Some("{")), ("strange", Some("{\"state\": 3}"))] {
            fs::create_dir(runs.folder.join(name)).unwrap();
            if let Some(content) = content {
                fs::write(runs.folder.join(name).join(RECORD), content).unwrap();
            }
        }
        let (listed, problems) = runs.list().unwrap();
        assert_eq!((listed.len(), problems.len()), (1, 3));
        assert_eq!(listed[0].folder(), run.folder());
        for name in ["no-record", "broken", "strange"] {
            assert!(problems.iter().any(|problem| problem.to_string().contains(name)), "{problems:?}");
        }
    }

    #[test]
    fn events_survive_a_torn_last_line() {
        let (_folder, runs) = runs();
        let run = runs.create(&new_run("events")).unwrap();
        assert_eq!(run.events::<u32>().unwrap(), Events { events: vec![], unreadable: 0 });
        run.append(&1).unwrap();
        run.append(&2).unwrap();
        let path = run.folder().join(EVENTS);
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend(b"{\"torn\": \"\xe7\x84");
        fs::write(&path, bytes).unwrap();
        assert_eq!(run.events::<u32>().unwrap(), Events { events: vec![1, 2], unreadable: 0 });
        run.append(&3).unwrap();
        assert_eq!(run.events::<u32>().unwrap(), Events { events: vec![1, 2, 3], unreadable: 1 });
    }

    #[test]
    fn names_become_part_of_any_systems_file_names() {
        for (name, expected) in [
            ("bge-m3", "bge-m3"),
            ("  a/b\\c:d*?\"<>|\n", "a-b-c-d"),
            ("../..", "run"),
            ("v1.2.", "v1.2"),
            ("", "run"),
            ("焊接缺陷", "焊接缺陷"),
        ] {
            assert_eq!(file_name(name), expected);
        }
        assert_eq!(file_name(&"长".repeat(100)).chars().count(), 40);
    }
}
