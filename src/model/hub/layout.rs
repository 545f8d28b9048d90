//! A model's folder in the cache that `huggingface_hub` shares with others: `blobs` holds the files by their
//! checksums, `snapshots/COMMIT` their names, `refs` what commit a branch or tag stands for.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use hf_hub::{Cache, CacheRepo, Repo};

use super::client::Ask;
use super::digest::Checksum;
use super::{HubError, ModelId, Revision};

/// Time between two looks whether another program has left a file alone.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

pub struct Layout {
    /// `models--OWNER--NAME`.
    root: PathBuf,
    /// Where others look for locks, too.
    locks: PathBuf,
    repo: CacheRepo,
}

impl Layout {
    pub fn new(cache: &Path, id: &ModelId) -> Self {
        let repo = Repo::model(id.to_string());
        let folder = repo.folder_name();
        Self {
            root: cache.join(&folder),
            locks: cache.join(".locks").join(folder),
            repo: Cache::new(cache.to_path_buf()).repo(repo),
        }
    }

    pub fn snapshot(&self, commit: &str) -> PathBuf {
        self.repo.pointer_path(commit)
    }

    pub fn blob(&self, sum: &Checksum) -> PathBuf {
        self.repo.blob_path(sum.as_str())
    }

    /// What has come of a file so far; of the same name as Python's, so that either goes on with the other's.
    pub fn incomplete(&self, sum: &Checksum) -> PathBuf {
        self.root.join("blobs").join(format!("{}.incomplete", sum.as_str()))
    }

    pub fn reference(&self, revision: &Revision) -> PathBuf {
        self.root.join("refs").join(revision.as_str())
    }

    /// Makes the folder of a path.
    pub fn make_folder_of(&self, path: &Path) -> Result<(), HubError> {
        let folder = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).map_err(HubError::io(folder, "make the folder"))
    }

    /// Keeps other programs away from a file of the hub until the lock is dropped; waits while one of them has it.
    pub fn lock(&self, sum: &Checksum, ask: &mut Ask) -> Result<File, HubError> {
        let path = self.locks.join(format!("{}.lock", sum.as_str()));
        self.make_folder_of(&path)?;
        let file = File::options().create(true).append(true).open(&path).map_err(HubError::io(&path, "write"))?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => {}
                // Some network file systems know no locks.
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => return Ok(file),
                Err(TryLockError::Error(cause)) => return Err(HubError::Io { path, action: "lock", cause }),
            }
            if ask().is_break() {
                return Err(HubError::Stopped);
            }
            sleep(BETWEEN_LOOKS);
        }
    }

    /// Gives a whole blob its name in a snapshot.
    pub fn link(&self, commit: &str, name: &str, sum: &Checksum) -> Result<(), HubError> {
        let (blob, link) = (self.blob(sum), self.snapshot(commit).join(name));
        if link.is_file() {
            return Ok(());
        }
        self.make_folder_of(&link)?;
        if link.symlink_metadata().is_ok() {
            fs::remove_file(&link).map_err(HubError::io(&link, "replace"))?;
        }
        // From snapshots/COMMIT/NAME to blobs/SUM.
        let up = "../".repeat(2 + name.matches('/').count());
        let target = format!("{up}blobs/{}", sum.as_str());
        // Where there are no links the name holds the file itself, as with Python.
        symlink(Path::new(&target), &link).or_else(|_| fs::rename(&blob, &link)).map_err(HubError::io(&link, "write"))
    }

    /// Says what commit a branch or tag stands for.
    pub fn refer(&self, revision: &Revision, commit: &str) -> Result<(), HubError> {
        let path = self.reference(revision);
        self.make_folder_of(&path)?;
        let write = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&self.root)?;
            file.write_all(commit.as_bytes())?;
            file.as_file().sync_all()?;
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
            }
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(HubError::io(&path, "write"))
    }
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(windows)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, link)
}

#[cfg(not(any(unix, windows)))]
fn symlink(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
