//! Files that others may have made: opened only where reading comes to an end, and read only so far.
//!
//! A folder, a device or a pipe in a file's place is refused before it is opened, since opening a pipe may wait for ever;
//! so is a file that is larger than anything of its kind. Both are [`io::Error`]s, so that whoever reads adds the place.

use std::fs::{self, File, FileType, Metadata};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

/// Bytes of the largest file of settings, options or other words that is read: none is a hundredth of it.
pub const WORDS: u64 = 64 << 20;
/// Bytes of the largest file that is read as a whole, and that is not a person's own data set.
pub const WHOLE: u64 = 4 << 30;
/// Bytes that a pipe may give: only of a file one sees where it ends.
pub const PIPE: u64 = 1 << 30;

/// What a file may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    File,
    /// A pipe too, such as a shell's `<(command)`; opening it waits for whoever writes.
    FileOrPipe,
}

/// Opens a file for reading, if it is one.
///
/// # Errors
/// If there is none, if it may not be read, or if it is a folder, a device, or a pipe where none is expected.
pub fn open(path: &Path, kind: Kind) -> io::Result<File> {
    check(&fs::metadata(path)?, kind)?;
    let file = File::open(path)?;
    // Something else may have taken its place meanwhile.
    check(&file.metadata()?, kind)?;
    Ok(file)
}

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// As [`open`], and if there are more.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    read_from(open(path, Kind::File)?, limit)
}

/// Reads a file or a pipe of at most `limit` bytes, and at most [`PIPE`] of a pipe.
///
/// # Errors
/// As [`open`], and if there are more.
pub fn read_or_pipe(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open(path, Kind::FileOrPipe)?;
    let limit = if file.metadata()?.is_file() { limit } else { limit.min(PIPE) };
    read_from(file, limit)
}

fn read_from(file: File, limit: u64) -> io::Result<Vec<u8>> {
    let size = file.metadata()?.len();
    if size > limit {
        return Err(too_large(size, limit));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    // Of a pipe the size is not known before.
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(too_large(bytes.len() as u64, limit)) } else { Ok(bytes) }
}

/// Reads a text of at most `limit` bytes.
///
/// # Errors
/// As [`read`], and if it is not UTF-8.
pub fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    String::from_utf8(read(path, limit)?)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()))
}

/// The file of this name within a folder, which others may have filled: a plain name, or several with `/` between.
///
/// # Errors
/// If the name leads out of the folder, or if what lies there is a link out of it. Hugging Face's cache alone keeps its
/// files so: there `snapshots/REVISION/NAME` is a link into `blobs/`, beside `snapshots`.
pub fn within(folder: &Path, name: &str) -> io::Result<PathBuf> {
    let plain = !name.is_empty()
        && !name.contains(['\\', ':', '\0'])
        && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    if !plain {
        return Err(refused(format!("the name `{name}` leads out of the folder")));
    }
    let path = folder.join(name);
    // A file that is not there is told of by whoever opens it.
    let Ok(found) = path.canonicalize() else { return Ok(path) };
    let folder = folder.canonicalize()?;
    let snapshots = folder.parent().filter(|parent| parent.file_name().is_some_and(|name| name == "snapshots"));
    let blobs = snapshots.and_then(Path::parent).map(|repository| repository.join("blobs"));
    if found.starts_with(&folder) || blobs.is_some_and(|blobs| found.starts_with(blobs)) {
        return Ok(path);
    }
    Err(refused(format!("`{name}` is a link out of the folder, to {}; put the file itself there", found.display())))
}

/// Sees that a place to be written to is a file or folder of its own, or free: a link might lead anywhere, and a pipe wait
/// for ever.
///
/// # Errors
/// If it is something else.
pub fn plain(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => {
            let target = fs::read_link(path).map(|target| target.display().to_string()).unwrap_or_default();
            Err(refused(format!(
                "it is a link, to {target}, and is not written through; put a file or folder itself there"
            )))
        }
        Ok(found) if !found.is_dir() => check(&found, Kind::File),
        _ => Ok(()),
    }
}

fn check(found: &Metadata, kind: Kind) -> io::Result<()> {
    let refuse = |what: &str| Err(refused(format!("it is {what}, not a file; choose a file")));
    let found = found.file_type();
    match found {
        _ if found.is_file() || kind == Kind::FileOrPipe && is_pipe(found) => Ok(()),
        _ if found.is_dir() => refuse("a folder"),
        _ if is_pipe(found) => refuse("a pipe"),
        _ => refuse("a device"),
    }
}

#[cfg(unix)]
fn is_pipe(found: FileType) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&found)
}

#[cfg(not(unix))]
fn is_pipe(_: FileType) -> bool {
    false
}

/// What is said of a file that is larger than `limit` bytes.
pub fn too_large(size: u64, limit: u64) -> io::Error {
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        format!("it has {} MiB or more; at most {} MiB of it are read", mib(size), mib(limit)),
    )
}

fn refused(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("words");
        fs::write(&path, "焊缝").unwrap();
        assert_eq!(read_text(&path, 6).unwrap(), "焊缝");
        let error = read(&path, 5).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert!(error.to_string().contains("at most 1 MiB"), "{error}");
        fs::write(&path, b"\xff").unwrap();
        assert_eq!(read_text(&path, 5).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(read(&folder.path().join("none"), 5).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(open(folder.path(), Kind::FileOrPipe).unwrap_err().to_string().contains("a folder"));
    }

    #[test]
    #[cfg(unix)]
    fn pipes_and_devices_are_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(read(&pipe, 5).unwrap_err().to_string().contains("it is a pipe"));
        for device in ["/dev/zero", "/dev/null"] {
            let error = open(Path::new(device), Kind::FileOrPipe).unwrap_err().to_string();
            assert!(error.contains("it is a device"), "{error}");
        }
    }

    #[test]
    fn names_stay_within_their_folder() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["", "..", "../a", "a/../../b", "/etc/passwd", "C:\\a", "..\\a", "a\\b", "a:b", "./.."] {
            assert!(within(folder.path(), name).is_err(), "{name}");
        }
        for name in ["a", "a/b.json", "焊接"] {
            assert_eq!(within(folder.path(), name).unwrap(), folder.path().join(name));
        }
    }

    #[test]
    #[cfg(unix)]
    fn links_are_followed_within_the_folder_and_into_the_hubs_blobs() {
        use std::os::unix::fs::symlink;
        let place = tempfile::tempdir().unwrap();
        let repository = place.path().join("models--BAAI--bge-m3");
        let snapshot = repository.join("snapshots/5617a9f61b028005a4858fdac845db406aefb181");
        for folder in [&snapshot, &repository.join("blobs"), &place.path().join("other")] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(repository.join("blobs/abc"), "{}").unwrap();
        fs::write(place.path().join("secret"), "").unwrap();
        for (name, target) in [
            ("config.json", "../../blobs/abc"),
            ("same.json", "config.json"),
            ("secret.json", "../../../secret"),
            ("above.json", "../../blobs/../../secret"),
        ] {
            symlink(target, snapshot.join(name)).unwrap();
        }
        assert!(within(&snapshot, "config.json").is_ok() && within(&snapshot, "same.json").is_ok());
        for name in ["secret.json", "above.json"] {
            let error = within(&snapshot, name).unwrap_err().to_string();
            assert!(error.contains("is a link out of the folder, to"), "{error}");
        }
        // Anywhere else a link to the same file leads out.
        let other = place.path().join("other");
        symlink(repository.join("blobs/abc"), other.join("config.json")).unwrap();
        assert!(within(&other, "config.json").is_err());
        // The folder itself may be a link: that one was chosen.
        symlink(&snapshot, place.path().join("chosen")).unwrap();
        assert!(within(&place.path().join("chosen"), "config.json").is_ok());
        assert!(plain(&other.join("config.json")).is_err() && plain(&other).is_ok());
        assert!(plain(&other.join("none")).is_ok());
    }
}
