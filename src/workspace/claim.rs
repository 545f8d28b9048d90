use std::fs::{File, OpenOptions, TryLockError};

use super::{Workspace, WorkspaceError};
use crate::files;

/// Held by the one window that may write to a workspace; it ends with the value, and with the process however that ends.
#[derive(Debug)]
pub struct Claim(#[expect(dead_code, reason = "the lock lies on the open file")] File);

impl Workspace {
    /// Claims the workspace for a window; `None` if another one has it.
    ///
    /// # Errors
    /// If the lock's file cannot be made, or the file system has no locks.
    pub fn claim(&self) -> Result<Option<Claim>, WorkspaceError> {
        let path = self.root().join("window.lock");
        files::plain(&path).map_err(WorkspaceError::io(&path, "open"))?;
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(WorkspaceError::io(&path, "open"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Claim(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(cause)) => Err(WorkspaceError::io(&path, "lock")(cause)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_it_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::open(Some(folder.path())).unwrap();
        let first = workspace.claim().unwrap();
        assert!(first.is_some() && workspace.claim().unwrap().is_none());
        drop(first);
        assert!(workspace.claim().unwrap().is_some());
    }
}
