use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Something on disk that cannot be read or written.
#[derive(Debug, Error)]
pub enum WorkspaceError {
    #[error(
        "there is no home folder to keep settings and runs in; set {} to a folder that you may write to",
        super::folders::HOME_VARIABLE
    )]
    NoHome,
    #[error(
        "{} cannot be written to ({cause}); allow it, or set {} to another folder",
        path.display(), super::folders::HOME_VARIABLE
    )]
    NotWritable { path: PathBuf, cause: io::Error },
    #[error("{}: cannot {action}: {cause}", path.display())]
    Io { path: PathBuf, action: &'static str, cause: io::Error },
    #[error("{}: this run goes on in another window or command; end it there first", .0.display())]
    GoesOn(PathBuf),
    #[error(
        "{} does not lie on the file system of your trash; move it away or delete it with the file manager", .0.display()
    )]
    OtherFileSystem(PathBuf),
    #[error("{} cannot be moved to the trash: {cause}; delete it with the file manager", path.display())]
    Trash { path: PathBuf, cause: String },
    #[error("{}: {cause}; this is not a run's folder, or it was changed by hand", path.display())]
    Run { path: PathBuf, cause: String },
}

impl WorkspaceError {
    /// For `map_err`.
    pub(crate) fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |cause| Self::Io { path, action, cause }
    }
}
