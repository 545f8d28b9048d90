//! Models that are in the cache already, whoever brought them there.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::id::is_commit;
use super::layout::Layout;
use super::{HubError, HubSettings, ModelId, Revision};
use crate::model::{EncoderConfig, ModelError, Weights};

/// A commit of a model in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedModel {
    pub id: ModelId,
    pub commit: String,
    /// The branches and tags that stand for this commit.
    pub revisions: Vec<String>,
    pub folder: PathBuf,
    /// Of the files that are there.
    pub bytes: u64,
    /// When a file of it came last.
    pub modified: Option<SystemTime>,
    pub kind: CachedKind,
}

/// What can be done with a model in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CachedKind {
    /// It makes vectors.
    Embedding,
    /// It scores pairs.
    Reranker,
    /// Files of it are missing; the first of them.
    Incomplete(String),
    /// It is a model of another kind.
    Other(String),
}

impl CachedModel {
    pub fn is_usable(&self) -> bool {
        matches!(self.kind, CachedKind::Embedding | CachedKind::Reranker)
    }
}

/// All models in a cache folder by name, the commit that came last first. Nothing but small files is read.
pub fn cached(cache: &Path) -> Result<Vec<CachedModel>, HubError> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(cache) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(HubError::io(cache, "read")(error)),
    };
    for entry in entries.flatten() {
        let Some(id) = id_of_folder(&entry.file_name().to_string_lossy()) else { continue };
        let references = references(&entry.path().join("refs"));
        for snapshot in fs::read_dir(entry.path().join("snapshots")).into_iter().flatten().flatten() {
            let commit = snapshot.file_name().to_string_lossy().into_owned();
            let of_commit = references.iter().filter(|(_, to)| *to == commit);
            let revisions = of_commit.map(|(name, _)| name.clone()).collect();
            let folder = snapshot.path();
            let (bytes, modified) = size(&folder);
            found.push(CachedModel { id: id.clone(), kind: kind(&folder), commit, revisions, folder, bytes, modified });
        }
    }
    found.sort_by(|a, b| (&a.id, b.modified, &a.commit).cmp(&(&b.id, a.modified, &b.commit)));
    Ok(found)
}

/// The folder of a model's commit, if its files are there.
pub fn find(cache: &Path, id: &ModelId, revision: &Revision) -> Option<PathBuf> {
    let layout = Layout::new(cache, id);
    let commit = match revision.is_commit() {
        true => revision.to_string(),
        false => fs::read_to_string(layout.reference(revision)).ok()?.trim().to_owned(),
    };
    let folder = layout.snapshot(&commit);
    let is_whole = is_commit(&commit) && !matches!(kind(&folder), CachedKind::Incomplete(_));
    is_whole.then_some(folder)
}

/// The folder that was meant where a model folder is asked for: the path itself, or of a model's name its folder in the
/// cache. Nothing is downloaded.
pub fn resolve(path: &Path) -> Result<Cow<'_, Path>, HubError> {
    if path.exists() {
        return Ok(Cow::Borrowed(path));
    }
    let Some(id) = path.to_str().and_then(|text| text.parse::<ModelId>().ok()) else {
        return Ok(Cow::Borrowed(path));
    };
    match find(&HubSettings::cache_from_env()?, &id, &Revision::default()) {
        Some(folder) => Ok(Cow::Owned(folder)),
        None if id.as_str().contains('/') => Err(HubError::NotCached(id.to_string())),
        // What has no owner is more likely a folder that is missing.
        None => Ok(Cow::Borrowed(path)),
    }
}

/// The model whose files a folder of the cache holds (`models--OWNER--NAME/snapshots/COMMIT`).
pub fn id_of_snapshot(folder: &Path) -> Option<ModelId> {
    let snapshots = folder.parent().filter(|parent| parent.file_name().is_some_and(|name| name == "snapshots"))?;
    id_of_folder(&snapshots.parent()?.file_name()?.to_string_lossy())
}

fn id_of_folder(name: &str) -> Option<ModelId> {
    name.strip_prefix("models--")?.replace("--", "/").parse().ok()
}

/// Branches and tags, each with its commit.
fn references(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let (Ok(name), Ok(commit)) = (path.strip_prefix(folder), fs::read_to_string(&path)) {
                found.push((name.to_string_lossy().replace('\\', "/"), commit.trim().to_owned()));
            }
        }
    }
    found.sort();
    found
}

/// Bytes of a folder's files, and the latest of their times.
fn size(folder: &Path) -> (u64, Option<SystemTime>) {
    let (mut bytes, mut latest) = (0, None);
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten().flatten() {
            // Through the link, to the file itself.
            match fs::metadata(entry.path()) {
                Ok(found) if found.is_dir() => folders.push(entry.path()),
                Ok(found) => {
                    bytes += found.len();
                    latest = latest.max(found.modified().ok());
                }
                Err(_) => {}
            }
        }
    }
    (bytes, latest)
}

fn kind(folder: &Path) -> CachedKind {
    let missing = |name: &str| CachedKind::Incomplete(name.into());
    if !folder.join("config.json").is_file() {
        return missing("config.json");
    }
    let config = match EncoderConfig::read(folder) {
        Ok(config) => config,
        Err(ModelError::File { cause, .. }) => return CachedKind::Other(cause),
        Err(other) => return CachedKind::Other(other.to_string()),
    };
    if !["tokenizer.json", "vocab.txt"].iter().any(|name| folder.join(name).is_file()) {
        return missing("tokenizer.json");
    }
    match Weights::files(folder) {
        Ok(files) if files.is_empty() => missing("model.safetensors"),
        Ok(files) => match files.iter().find(|file| !file.is_file()) {
            Some(file) => missing(&file.file_name().unwrap_or_default().to_string_lossy()),
            None if config.is_reranker() => CachedKind::Reranker,
            None => CachedKind::Embedding,
        },
        Err(error) => CachedKind::Other(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIN: &str = "5617a9f61b028005a4858fdac845db406aefb181";
    const OLD: &str = "00000000000000000000000000000000000000aa";

    fn write(path: PathBuf, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn copy_model(to: &Path) {
        fs::create_dir_all(to).unwrap();
        for name in ["config.json", "tokenizer.json", "model.safetensors"] {
            fs::copy(Path::new("tests/fixtures/flagembedding/model_safetensors").join(name), to.join(name)).unwrap();
        }
    }

    #[test]
    fn models_of_the_cache_are_found_by_name_and_told_by_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path();
        let whole = cache.join("models--BAAI--bge-m3");
        copy_model(&whole.join("snapshots").join(MAIN));
        write(whole.join("refs/main"), MAIN);
        write(whole.join("refs/refs/pr/3"), &format!("{OLD}\n"));
        write(whole.join("snapshots").join(OLD).join("config.json"), "{}");
        write(cache.join("models--gpt2/snapshots").join(OLD).join("README.md"), "");
        write(cache.join("datasets--a--b/snapshots").join(OLD).join("x"), "");
        write(cache.join("version.txt"), "1");

        let found = cached(cache).unwrap();
        let told: Vec<_> =
            found.iter().map(|one| (one.id.as_str(), one.commit.as_str(), one.revisions.join(" "))).collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert_eq!(told[2], ("gpt2", OLD, String::new()));
        let main = found.iter().find(|one| one.commit == MAIN).unwrap();
        assert_eq!(
            (main.id.as_str(), &main.kind, &main.revisions[..]),
            ("BAAI/bge-m3", &CachedKind::Embedding, &["main".to_owned()][..])
        );
        assert!(main.bytes > 100_000 && main.modified.is_some());
        assert!(matches!(&found.iter().find(|one| one.commit == OLD).unwrap().kind, CachedKind::Other(_)));
        assert_eq!(found[2].kind, CachedKind::Incomplete("config.json".into()));

        let id: ModelId = "BAAI/bge-m3".parse().unwrap();
        assert_eq!(find(cache, &id, &Revision::default()).as_deref(), Some(main.folder.as_path()));
        assert_eq!(find(cache, &id, &MAIN.parse().unwrap()).as_deref(), Some(main.folder.as_path()));
        assert_eq!(find(cache, &id, &"v1".parse().unwrap()), None);
        assert_eq!(id_of_snapshot(&main.folder).unwrap().as_str(), "BAAI/bge-m3");
        assert_eq!(id_of_snapshot(cache), None);
        fs::remove_file(main.folder.join("model.safetensors")).unwrap();
        assert_eq!(find(cache, &id, &Revision::default()), None, "weights are missing");
        assert!(cached(&cache.join("none")).unwrap().is_empty());
    }

    #[test]
    fn paths_stay_paths() {
        for path in ["src", "no-such-model", "./no/such", "/no/such", "a/b/c"] {
            assert_eq!(resolve(Path::new(path)).unwrap(), Path::new(path));
        }
        let error = resolve(Path::new("no-such-owner/no-such-model")).unwrap_err().to_string();
        assert!(error.contains("`weldbench fetch no-such-owner/no-such-model`"), "{error}");
    }
}
