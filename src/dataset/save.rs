//! Writing a file so that at every moment the old or the new one is whole on the disk.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// The BLAKE3 hash of a file's bytes; `None` if there is no such file.
pub(super) fn hash_file(path: &Path) -> io::Result<Option<blake3::Hash>> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Some(hasher.finalize())),
            count => hasher.update(&buffer[..count]),
        };
    }
}

/// A file written beside the one that it will replace.
pub(super) struct Draft {
    file: tempfile::NamedTempFile,
    target: PathBuf,
    /// Of the bytes written.
    pub hash: blake3::Hash,
}

impl Draft {
    /// Writes `parts` to the disk, in the folder of `path`; `path` itself stays as it is. A link is
    /// followed, and the permissions of the file that is there are taken over.
    pub fn write<'a>(path: &Path, parts: impl Iterator<Item = &'a [u8]>) -> io::Result<Self> {
        let target = follow(path)?;
        let folder = match target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix(".weldbench-").suffix(".tmp");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(folder)?;

        let mut hasher = blake3::Hasher::new();
        let mut writer = BufWriter::with_capacity(1 << 16, file.as_file());
        for part in parts {
            hasher.update(part);
            writer.write_all(part)?;
        }
        writer.flush()?;
        drop(writer);
        if let Ok(old) = fs::metadata(&target) {
            #[cfg(unix)]
            {
                use std::os::unix::fs::{MetadataExt, fchown};
                // Only the owner of the system may give files away; for others the file is theirs.
                let _ = fchown(file.as_file(), Some(old.uid()), Some(old.gid()));
            }
            file.as_file().set_permissions(old.permissions())?;
        }
        file.as_file().sync_all()?;
        Ok(Self { file, target, hash: hasher.finalize() })
    }

    /// Puts the draft in the place of the file.
    pub fn publish(self) -> io::Result<()> {
        self.file.persist(&self.target).map_err(|error| error.error)?;
        #[cfg(unix)]
        if let Some(folder) = self.target.parent().filter(|f| !f.as_os_str().is_empty()) {
            // The file is in its place; not every file system can sync a folder.
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
        Ok(())
    }
}

/// The file that a path leads to through links, also when that file is not there yet.
fn follow(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..40 {
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_symlink() => {
                let link = fs::read_link(&path)?;
                path = path.parent().unwrap_or(Path::new("")).join(link);
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => return Ok(path),
        }
    }
    Err(io::Error::other("too many links"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        let draft = Draft::write(path, text.as_bytes().chunks(2)).unwrap();
        assert_eq!(draft.hash, blake3::hash(text.as_bytes()));
        draft.publish().unwrap();
    }

    #[test]
    fn a_draft_that_is_not_published_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        fs::write(&path, "old").unwrap();
        drop(Draft::write(&path, [&b"new"[..]].into_iter()).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        write(&path, "new");
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(hash_file(&path).unwrap(), Some(blake3::hash(b"new")));
        assert_eq!(hash_file(&folder.path().join("b")).unwrap(), None);
    }

    #[test]
    #[cfg(unix)]
    fn links_are_followed_and_permissions_kept() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        let link = folder.path().join("link");
        symlink("file", &link).unwrap();
        write(&link, "first");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "first");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        write(&link, "second");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "second");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        symlink("loop", folder.path().join("loop")).unwrap();
        assert!(Draft::write(&folder.path().join("loop"), [].into_iter()).is_err());
    }
}
