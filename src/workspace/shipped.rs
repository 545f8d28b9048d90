//! What comes with the program: the starter model and the sample data.

use std::path::PathBuf;

use super::Workspace;
use super::folders::write_whole;
use crate::files;

/// A file or folder that comes with the program, such as `assets/starter-model`: below `WELDBENCH_ASSETS`,
/// beside the program, in `../share/weldbench` from there (a package of Linux), or in the folder that it was built from.
pub fn shipped(name: &str) -> Option<PathBuf> {
    let named = std::env::var_os("WELDBENCH_ASSETS").map(PathBuf::from);
    let beside = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.to_path_buf()));
    let shared = beside.as_ref().and_then(|folder| Some(folder.parent()?.join("share").join("weldbench")));
    let built = Some(PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    [named, beside, shared, built].into_iter().flatten().map(|folder| folder.join(name)).find(|path| path.exists())
}

impl Workspace {
    /// A file of the sample data, as the user's own copy: where the program lies, nobody may be allowed to write. The shipped
    /// one if there can be no copy.
    pub fn sample(&self, name: &str) -> Option<PathBuf> {
        let shipped = shipped(&format!("sample_data/{name}"))?;
        let folder = self.root().join("sample_data");
        let own = folder.join(name);
        if files::plain(&folder).is_err() || files::plain(&own).is_err() {
            return Some(shipped);
        }
        if !own.exists() {
            let text = files::read_text(&shipped, files::WORDS).ok()?;
            if let Err(error) = write_whole(&own, &text) {
                tracing::warn!("{error}");
                return Some(shipped);
            }
        }
        Some(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_data_are_the_user_s_own_and_stay_as_they_were_edited() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::open(Some(folder.path())).unwrap();
        let own = workspace.sample("train.jsonl").unwrap();
        assert!(own.starts_with(folder.path()));
        assert_eq!(std::fs::read(&own).unwrap(), std::fs::read("sample_data/train.jsonl").unwrap());
        std::fs::write(&own, "{}").unwrap();
        assert_eq!(std::fs::read_to_string(workspace.sample("train.jsonl").unwrap()).unwrap(), "{}");
        assert_eq!(workspace.sample("no such file"), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_a_workspace_of_somebody_else_is_not_written_through() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let workspace = Workspace::open(Some(folder.path())).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("sample_data")).unwrap();
        assert_eq!(workspace.sample("train.jsonl"), shipped("sample_data/train.jsonl"));
        assert!(!elsewhere.path().join("train.jsonl").exists());
    }
}
