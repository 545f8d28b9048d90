//! Folders to the trash, where a person can get them back.
//!
//! On Linux by freedesktop's trash specification 1.0: into the home trash, `$XDG_DATA_HOME/Trash`.

use std::path::Path;

use super::WorkspaceError;

/// Moves a folder to the user's trash.
#[cfg(not(target_os = "linux"))]
pub fn move_to_trash(folder: &Path) -> Result<(), WorkspaceError> {
    trash::delete(folder)
        .map_err(|error| WorkspaceError::Trash { path: folder.to_path_buf(), cause: error.to_string() })
}

/// Moves a folder to the user's trash.
#[cfg(target_os = "linux")]
pub fn move_to_trash(folder: &Path) -> Result<(), WorkspaceError> {
    let base = directories::BaseDirs::new().ok_or(WorkspaceError::NoHome)?;
    home::move_into(&base.data_dir().join("Trash"), folder, &home::local_time())
}

#[cfg(target_os = "linux")]
mod home {
    use std::ffi::OsString;
    use std::fs::{self, DirBuilder, OpenOptions};
    use std::io::{self, ErrorKind, Write};
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::DirBuilderExt;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use super::WorkspaceError;
    use crate::workspace::time::Utc;

    /// Moves a folder into a trash and writes down where it was.
    pub fn move_into(trash: &Path, folder: &Path, time: &str) -> Result<(), WorkspaceError> {
        let folder = std::path::absolute(folder).map_err(WorkspaceError::io(folder, "find"))?;
        let (files, infos) = (trash.join("files"), trash.join("info"));
        for place in [&files, &infos] {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(place);
            made.map_err(WorkspaceError::io(place, "create"))?;
        }
        let (name, info) = reserve(&files, &infos, &folder, time)?;
        if let Err(error) = fs::rename(&folder, files.join(name)) {
            // Without its folder the note means nothing.
            let _ = fs::remove_file(info);
            return Err(match error.kind() {
                ErrorKind::CrossesDevices => WorkspaceError::OtherFileSystem(folder),
                _ => WorkspaceError::io(&folder, "move to the trash")(error),
            });
        }
        Ok(())
    }

    /// Takes the first free name by creating its note, as the specification demands.
    fn reserve(files: &Path, infos: &Path, folder: &Path, time: &str) -> Result<(OsString, PathBuf), WorkspaceError> {
        let content = format!("[Trash Info]\nPath={}\nDeletionDate={time}\n", encoded(folder));
        let plain = folder.file_name().unwrap_or(folder.as_os_str());
        for number in 1.. {
            let mut name = plain.to_os_string();
            if number > 1 {
                name.push(format!(".{number}"));
            }
            let mut info = name.clone();
            info.push(".trashinfo");
            let info = infos.join(info);
            let write = || -> io::Result<()> {
                let mut file = OpenOptions::new().write(true).create_new(true).open(&info)?;
                file.write_all(content.as_bytes())?;
                file.sync_all()
            };
            match write() {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(WorkspaceError::io(&info, "write")(error)),
                // Something without a note may lie there all the same.
                Ok(()) if files.join(&name).symlink_metadata().is_ok() => {
                    let _ = fs::remove_file(&info);
                }
                Ok(()) => return Ok((name, info)),
            }
        }
        unreachable!("numbers do not end")
    }

    /// A path as in a URI (RFC 2396).
    fn encoded(path: &Path) -> String {
        let byte = |byte: &u8| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => char::from(*byte).to_string(),
            _ => format!("%{byte:02X}"),
        };
        path.as_os_str().as_bytes().iter().map(byte).collect()
    }

    /// `2026-11-23T22:50:15` where the user is, as the specification wants it; the standard library knows UTC alone.
    pub fn local_time() -> String {
        let told = Command::new("date").arg("+%Y-%m-%dT%H:%M:%S").output();
        let text = told.ok().filter(|told| told.status.success()).and_then(|told| String::from_utf8(told.stdout).ok());
        let text = text.map(|text| text.trim().to_string()).filter(|text| text.len() == 19);
        text.unwrap_or_else(|| Utc::now().rfc3339().trim_end_matches('Z').to_string())
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_folder_lies_in_the_trash_with_a_note_of_where_it_was() {
            let place = tempfile::tempdir().unwrap();
            let trash = place.path().join("data/Trash");
            let folder = place.path().join("runs/2026 焊接%1");
            for number in 1..=2 {
                fs::create_dir_all(&folder).unwrap();
                fs::write(folder.join("run.json"), number.to_string()).unwrap();
                move_into(&trash, &folder, "2026-11-23T22:50:15").unwrap();
                assert!(!folder.exists());
            }
            for (name, content) in [("2026 焊接%1", "1"), ("2026 焊接%1.2", "2")] {
                assert_eq!(fs::read_to_string(trash.join("files").join(name).join("run.json")).unwrap(), content);
                let note = fs::read_to_string(trash.join("info").join(format!("{name}.trashinfo"))).unwrap();
                let parent = place.path().display();
                let expected = format!(
                    "[Trash Info]\nPath={parent}/runs/2026%20%E7%84%8A%E6%8E%A5%251\nDeletionDate=2026-11-23T22:50:15\n"
                );
                assert_eq!(note, expected);
            }
        }

        #[test]
        fn what_lies_in_the_trash_without_a_note_is_not_overwritten() {
            let place = tempfile::tempdir().unwrap();
            let trash = place.path().join("Trash");
            fs::create_dir_all(trash.join("files/run")).unwrap();
            let folder = place.path().join("run");
            fs::create_dir(&folder).unwrap();
            move_into(&trash, &folder, "").unwrap();
            assert!(trash.join("files/run.2").is_dir() && trash.join("info/run.2.trashinfo").is_file());
            assert!(!trash.join("info/run.trashinfo").exists());
        }

        #[test]
        fn a_folder_that_is_not_there_leaves_no_note() {
            let place = tempfile::tempdir().unwrap();
            let trash = place.path().join("Trash");
            assert!(move_into(&trash, &place.path().join("none"), "").is_err());
            assert_eq!(fs::read_dir(trash.join("info")).unwrap().count(), 0);
        }

        /// /dev/shm is a file system of its own on every Linux.
        #[test]
        fn a_trash_on_another_file_system_is_told_of_and_nothing_is_lost() {
            let (Ok(shm), here) = (tempfile::tempdir_in("/dev/shm"), tempfile::tempdir().unwrap()) else { return };
            let folder = here.path().join("run");
            fs::create_dir(&folder).unwrap();
            let error = move_into(&shm.path().join("Trash"), &folder, "").unwrap_err();
            assert!(matches!(error, WorkspaceError::OtherFileSystem(_)), "{error}");
            assert!(folder.is_dir());
            assert_eq!(fs::read_dir(shm.path().join("Trash/info")).unwrap().count(), 0);
        }

        #[test]
        fn the_time_is_as_the_specification_has_it() {
            let time = local_time();
            assert!(time.len() == 19 && time.as_bytes()[10] == b'T', "{time}");
        }
    }
}
