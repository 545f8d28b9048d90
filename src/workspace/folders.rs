use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use directories::ProjectDirs;
use tempfile::NamedTempFile;

use super::WorkspaceError;
use crate::files;

/// The environment variable that names the workspace's root.
pub(super) const HOME_VARIABLE: &str = "WELDBENCH_HOME";

const REPORTS: &str = "reports";

fn data_folder() -> Option<PathBuf> {
    ProjectDirs::from("", "", "weldbench").map(|dirs| dirs.data_dir().to_path_buf())
}

/// Where everything lies that outlives a start of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The workspace in `root` if given, else in the folder that `WELDBENCH_HOME` names, else in the user's data
    /// folder. Makes its folders and sees that they can be written to.
    pub fn open(root: Option<&Path>) -> Result<Self, WorkspaceError> {
        Self::in_folder(choose(root, std::env::var_os(HOME_VARIABLE), data_folder())?)
    }

    fn in_folder(root: PathBuf) -> Result<Self, WorkspaceError> {
        let workspace = Self { root };
        for folder in [workspace.runs(), workspace.cache(), workspace.journals()] {
            // A workspace that somebody else has made leads nowhere else.
            let made = files::plain(&folder).and_then(|()| fs::create_dir_all(&folder));
            let writable = made.and_then(|()| NamedTempFile::new_in(&folder));
            writable.map_err(|cause| WorkspaceError::NotWritable { path: folder, cause })?;
        }
        Ok(workspace)
    }

    /// Where reports go in the workspace that [`open`](Self::open) without a root opens; makes nothing.
    pub fn usual_reports() -> Option<PathBuf> {
        Some(choose(None, std::env::var_os(HOME_VARIABLE), data_folder()).ok()?.join(REPORTS))
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A folder a run.
    pub fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    /// Vectors that can be computed again; may be deleted at any time.
    pub fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// Edits of data files that are not saved yet.
    pub fn journals(&self) -> PathBuf {
        self.root.join("journals")
    }

    /// Reports of the program's mistakes.
    pub fn reports(&self) -> PathBuf {
        self.root.join(REPORTS)
    }

    pub fn settings_file(&self) -> PathBuf {
        self.root.join("settings.toml")
    }
}

/// The root among what was given, the environment and the user's data folder; an absolute path, so that it stays
/// the same whatever the working folder becomes.
fn choose(
    given: Option<&Path>,
    environment: Option<OsString>,
    data_folder: Option<PathBuf>,
) -> Result<PathBuf, WorkspaceError> {
    let environment = environment.filter(|value| !value.is_empty()).map(PathBuf::from);
    let root = given.map(Path::to_path_buf).or(environment).or(data_folder).ok_or(WorkspaceError::NoHome)?;
    std::path::absolute(&root).map_err(WorkspaceError::io(&root, "find the folder"))
}

/// Replaces a file as a whole: a reader, or a start after a crash, sees the old or the new content.
pub(crate) fn write_whole(path: &Path, content: &str) -> Result<(), WorkspaceError> {
    let write = || -> io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(content.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        // The rename itself reaches the disk with the folder.
        #[cfg(unix)]
        fs::File::open(folder)?.sync_all()?;
        Ok(())
    };
    write().map_err(WorkspaceError::io(path, "write"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_given_folder_wins_over_the_environment_and_that_over_the_default() {
        let chosen = |given: Option<&str>, variable: Option<&str>, default: Option<&str>| {
            choose(given.map(Path::new), variable.map(OsString::from), default.map(PathBuf::from))
        };
        let at = |path: &str| std::path::absolute(path).unwrap();
        assert_eq!(chosen(Some("/a"), Some("/b"), Some("/c")).unwrap(), at("/a"));
        assert_eq!(chosen(None, Some("b"), Some("/c")).unwrap(), at("b"));
        assert_eq!(chosen(None, Some(""), Some("/c")).unwrap(), at("/c"));
        let error = chosen(None, None, None).unwrap_err();
        assert!(error.to_string().contains("set WELDBENCH_HOME to a folder"), "{error}");
    }

    #[test]
    fn opening_makes_the_folders_and_again_leaves_them() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("new").join("weldbench");
        let workspace = Workspace::open(Some(&root)).unwrap();
        fs::write(workspace.runs().join("kept"), "x").unwrap();
        assert_eq!(Workspace::open(Some(&root)).unwrap(), workspace);
        assert!(workspace.runs().join("kept").exists());
        assert_eq!(fs::read_dir(workspace.cache()).unwrap().count(), 0);
    }

    #[test]
    #[cfg(unix)]
    fn links_lead_to_a_workspace_and_not_out_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let (root, outside) = (folder.path().join("root"), folder.path().join("outside"));
        fs::create_dir_all(&root).unwrap();
        fs::create_dir_all(&outside).unwrap();
        std::os::unix::fs::symlink(&root, folder.path().join("chosen")).unwrap();
        Workspace::open(Some(&folder.path().join("chosen"))).unwrap();
        for name in ["runs", "cache", "journals"] {
            fs::remove_dir(root.join(name)).unwrap();
            std::os::unix::fs::symlink(&outside, root.join(name)).unwrap();
            let error = Workspace::open(Some(&root)).unwrap_err().to_string();
            assert!(error.contains("it is a link, to") && error.contains(name), "{error}");
            fs::remove_file(root.join(name)).unwrap();
        }
        assert_eq!(fs::read_dir(outside).unwrap().count(), 0);
    }

    #[test]
    fn a_root_that_cannot_be_a_folder_is_refused_with_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = Workspace::open(Some(&file)).unwrap_err().to_string();
        assert!(error.contains(&*file.to_string_lossy()) && error.contains("WELDBENCH_HOME"), "{error}");
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_leaves_nothing_beside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a").join("file");
        for content in ["long content", "short"] {
            write_whole(&path, content).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        assert_eq!(fs::read_dir(folder.path().join("a")).unwrap().count(), 1);
        fs::create_dir(folder.path().join("folder")).unwrap();
        assert!(write_whole(&folder.path().join("folder"), "x").is_err());
    }
}
