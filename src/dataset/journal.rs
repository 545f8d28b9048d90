//! Every step since the last save, written beside the file, so that a crash loses none.
//!
//! A journal is a file of JSON lines. The first names the edited file, its encoding and the BLAKE3 hash of the
//! bytes that the steps start from; each further line is one step. A step is handed to the
//! operating system before it is made, so it outlives a crash of the program; it is not forced to
//! the disk, so the last ones may be lost when the power fails.

use super::encoding::Encoding;
use super::error::DatasetError;
use super::history::{Change, Way};
use super::line::Ending;
use super::step::StepName;
use crate::files;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const VERSION: u32 = 3;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    Begin {
        version: u32,
        file: PathBuf,
        blake3: String,
        encoding: Encoding,
    },
    Edit(Noted),
    Undo(Noted),
    Redo(Noted),
    /// The file is about to be replaced by one with this hash.
    Saving {
        blake3: String,
    },
}

/// A step before it is made, its changes in the order in which they are carried out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Noted {
    pub name: StepName,
    pub changes: Vec<Splice>,
}

/// The file that steps are made on, as it was read or last saved.
pub(super) struct Head<'a> {
    pub file: &'a Path,
    pub hash: blake3::Hash,
    pub encoding: Encoding,
}

/// How a noted step came about: something new, or a way through the history.
pub(super) type Made = Option<Way>;

/// A [`Change`] before it is carried out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Splice {
    pub at: usize,
    pub removes: bool,
    pub inserts: Option<Inserted>,
    pub previous: Option<Ending>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Inserted {
    pub line: LineBytes,
    pub ending: Ending,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum LineBytes {
    Text(String),
    /// Not UTF-8.
    Bytes(Vec<u8>),
}

impl LineBytes {
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            LineBytes::Text(text) => text.into_bytes(),
            LineBytes::Bytes(bytes) => bytes,
        }
    }
}

impl Splice {
    pub fn of(change: &Change, source: &[u8]) -> Self {
        Self {
            at: change.at,
            removes: change.removes,
            inserts: change.inserts.as_ref().map(|line| Inserted {
                line: match String::from_utf8(line.bytes.get(source).to_vec()) {
                    Ok(text) => LineBytes::Text(text),
                    Err(error) => LineBytes::Bytes(error.into_bytes()),
                },
                ending: line.ending,
            }),
            previous: change.previous,
        }
    }
}

/// What a journal that was left behind holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingJournal {
    /// The file that was edited.
    pub file: PathBuf,
    /// How many steps were made on it and not saved; undoing counts as a step.
    pub edits: usize,
}

/// Looks into a journal that may have been left behind by a crash; `None` if nothing is in it.
///
/// # Errors
/// If the file cannot be read or is no journal.
pub fn pending_journal(path: impl AsRef<Path>) -> Result<Option<PendingJournal>, DatasetError> {
    let path = path.as_ref();
    let read = Contents::read(path)?;
    Ok(read.and_then(|contents| {
        let edits = contents.steps.len();
        let file = contents.file;
        (edits > 0).then_some(PendingJournal { file, edits })
    }))
}

/// The encoding of the file that a journal belongs to; `None` if there is no journal.
pub(super) fn encoding_in(path: &Path) -> Result<Option<Encoding>, DatasetError> {
    Ok(Contents::read(path)?.map(|contents| contents.encoding))
}

/// Deletes a journal, and with it what was not saved; fine if there is none.
///
/// # Errors
/// If it is there and cannot be deleted.
pub fn discard_journal(path: impl AsRef<Path>) -> Result<(), DatasetError> {
    match fs::remove_file(path.as_ref()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(journal_error(path.as_ref(), error)),
        _ => Ok(()),
    }
}

/// A journal that a crash left behind, as far as it can be read.
struct Contents {
    file: PathBuf,
    /// The state of the file that each step belongs to comes before it.
    base: String,
    encoding: Encoding,
    steps: Vec<(Made, Noted)>,
    /// Hashes that the file was to have after so many steps.
    saves: Vec<(usize, String)>,
    /// The bytes up to the end of the last good line.
    good: u64,
    /// Lines after that.
    lost: usize,
    /// Whether the lost lines are more than one line cut short by the crash.
    damaged: bool,
}

impl Contents {
    fn read(path: &Path) -> Result<Option<Self>, DatasetError> {
        let bytes = match files::read(path, files::WHOLE) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(|error| journal_error(path, error))?,
        };
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
        let first = match lines.next() {
            Some(first) if first.ends_with(b"\n") => first,
            // Cut short before its first step was whole.
            _ => return Ok(None),
        };
        let damaged = |reason: String| DatasetError::JournalDamaged { path: path.to_owned(), line: 1, reason };
        // Other versions may say other things in their first line.
        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum First {
            Begin { version: u32 },
        }
        if let Ok(First::Begin { version }) = serde_json::from_slice(first)
            && version != VERSION
        {
            return Err(damaged(format!("version {version} is not known here")));
        }
        let (file, base, encoding) = match serde_json::from_slice(first) {
            Ok(Entry::Begin { file, blake3, encoding, .. }) => (file, blake3, encoding),
            Ok(_) => return Err(damaged("it does not name a file".into())),
            Err(error) => return Err(damaged(error.to_string())),
        };
        let mut contents = Self {
            file,
            base,
            encoding,
            steps: Vec::new(),
            saves: Vec::new(),
            good: first.len() as u64,
            lost: 0,
            damaged: false,
        };
        while let Some(line) = lines.next() {
            let whole = line.ends_with(b"\n");
            match serde_json::from_slice(line) {
                Ok(Entry::Edit(step)) if whole => contents.steps.push((None, step)),
                Ok(Entry::Undo(step)) if whole => contents.steps.push((Some(Way::Undo), step)),
                Ok(Entry::Redo(step)) if whole => contents.steps.push((Some(Way::Redo), step)),
                Ok(Entry::Saving { blake3 }) if whole => {
                    contents.saves.push((contents.steps.len(), blake3));
                }
                _ => {
                    contents.lost = 1 + lines.count();
                    contents.damaged = whole || contents.lost > 1;
                    break;
                }
            }
            contents.good += line.len() as u64;
        }
        Ok(Some(contents))
    }

    /// The steps that lead on from the file with this hash; `None` if none do.
    fn steps_from(mut self, hash: &blake3::Hash) -> Option<Vec<(Made, Noted)>> {
        let hash = hash.to_hex();
        let saved = self.saves.iter().rfind(|(_, saved)| *saved == hash.as_str());
        match saved {
            Some((done, _)) => Some(self.steps.split_off(*done)),
            None => (self.base == hash.as_str()).then_some(self.steps),
        }
    }
}

/// Steps found in a journal, and the journal to go on with.
pub(super) struct Reopened {
    pub journal: Journal,
    pub steps: Vec<(Made, Noted)>,
    /// Lines that could not be read.
    pub lost: usize,
}

/// The journal of an open file. It comes to the disk with its first step.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    /// Locked for as long as it is open, so that two programs do not mix their steps.
    file: File,
    length: u64,
}

impl Journal {
    /// A journal for a file that has none yet.
    pub fn new(path: &Path) -> Result<Self, DatasetError> {
        if let Some(pending) = pending_journal(path)? {
            return Err(DatasetError::JournalPending { path: path.to_owned(), edits: pending.edits });
        }
        discard_journal(path)?;
        Ok(Self { path: path.to_owned(), open: None })
    }

    /// Goes on with the journal that a crash left behind. `hash` is that of the file as it is now.
    pub fn reopen(path: &Path, file: &Path, hash: &blake3::Hash) -> Result<Reopened, DatasetError> {
        let failed = |error| journal_error(path, error);
        let Some(contents) = Contents::read(path)? else {
            return Ok(Reopened { journal: Self::new(path)?, steps: Vec::new(), lost: 0 });
        };
        files::plain(path).map_err(failed)?;
        let journal = OpenOptions::new().append(true).open(path).map_err(failed)?;
        lock(&journal, path)?;
        let (good, lost, damaged) = (contents.good, contents.lost, contents.damaged);
        let Some(steps) = contents.steps_from(hash) else {
            return Err(DatasetError::JournalMismatch { journal: path.to_owned(), file: file.to_owned() });
        };
        if damaged {
            let mut copy = path.as_os_str().to_owned();
            copy.push(".damaged");
            files::plain(Path::new(&copy)).map_err(failed)?;
            fs::copy(path, copy).map_err(failed)?;
        }
        journal.set_len(good).map_err(failed)?;
        Ok(Reopened {
            journal: Self { path: path.to_owned(), open: Some(Open { file: journal, length: good }) },
            steps,
            lost,
        })
    }

    /// Notes a step that is about to be made on a file.
    pub fn note(&mut self, made: Made, step: Noted, head: Head) -> Result<(), DatasetError> {
        let entry = match made {
            None => Entry::Edit(step),
            Some(Way::Undo) => Entry::Undo(step),
            Some(Way::Redo) => Entry::Redo(step),
        };
        match &mut self.open {
            Some(open) => open.append(&[entry]),
            None => {
                let begin = Entry::Begin {
                    version: VERSION,
                    file: head.file.to_owned(),
                    blake3: head.hash.to_hex().to_string(),
                    encoding: head.encoding,
                };
                let mut open = Open::create(&self.path)?;
                let appended = open.append(&[begin, entry]);
                if appended.is_ok() {
                    self.open = Some(open);
                }
                appended
            }
        }
        .map_err(|error| journal_error(&self.path, error))
    }

    /// Notes that the file is about to be replaced, so that a crash before [`Self::finish`] does
    /// not make the saved steps twice.
    pub fn note_saving(&mut self, hash: &blake3::Hash) -> Result<(), DatasetError> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        let blake3 = hash.to_hex().to_string();
        open.append(&[Entry::Saving { blake3 }]).map_err(|error| journal_error(&self.path, error))
    }

    /// Removes the journal from the disk: its steps are saved or given up.
    pub fn finish(&mut self) -> Result<(), DatasetError> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        drop(open);
        discard_journal(&self.path)
    }
}

impl Open {
    fn create(path: &Path) -> Result<Self, DatasetError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| journal_error(path, error))?;
        }
        let created = OpenOptions::new().append(true).create_new(true).open(path);
        let file = created.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => DatasetError::JournalInUse { path: path.to_owned() },
            _ => journal_error(path, error),
        })?;
        lock(&file, path)?;
        Ok(Self { file, length: 0 })
    }

    /// Appends all entries or none.
    fn append(&mut self, entries: &[Entry]) -> io::Result<()> {
        let mut bytes = Vec::new();
        for entry in entries {
            serde_json::to_writer(&mut bytes, entry)?;
            bytes.push(b'\n');
        }
        if let Err(error) = self.file.write_all(&bytes) {
            self.file.set_len(self.length)?;
            return Err(error);
        }
        self.length += bytes.len() as u64;
        Ok(())
    }
}

fn lock(file: &File, path: &Path) -> Result<(), DatasetError> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(DatasetError::JournalInUse { path: path.to_owned() }),
        // Some network folders have no locks; the journal works without.
        _ => Ok(()),
    }
}

fn journal_error(path: &Path, source: io::Error) -> DatasetError {
    DatasetError::Journal { path: path.to_owned(), source }
}
