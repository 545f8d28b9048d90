//! What outlives a job on a device's thread.

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::SystemTime;

use super::Failure;
use crate::compute::DeviceInfo;
use crate::model::{EmbeddingModel, EncodeOptions, ModelFolder, Reranker, hub};
use crate::retrieval::Index;

/// Models, and indexes, kept at a time: base, tuned, and the one before.
const KEPT: usize = 3;

/// Loaded models of a device, and indexes made with them. It lives on the device's thread and never leaves it.
pub struct Room {
    device: DeviceInfo,
    /// The one used last is the last.
    models: Vec<Kept>,
    /// The one used last is the last.
    indexes: Vec<KeptIndex>,
}

/// A model's fingerprint and a hash of the corpus.
pub(super) type IndexKey = (String, blake3::Hash);

struct KeptIndex {
    key: IndexKey,
    options: EncodeOptions,
    index: Rc<Index>,
}

struct Kept {
    path: PathBuf,
    stamp: Stamp,
    folder: Rc<ModelFolder>,
    /// `None` while only what the folder says of itself was asked for.
    model: Option<Rc<EmbeddingModel>>,
    /// `None` also where the folder holds an embedding model.
    reranker: Option<Rc<Reranker>>,
}

/// Names, sizes and times of a folder's files: what changes when somebody writes another model there.
type Stamp = Vec<(PathBuf, u64, Option<SystemTime>)>;

impl Room {
    pub(super) fn new(device: DeviceInfo) -> Self {
        Self { device, models: Vec::new(), indexes: Vec::new() }
    }

    pub fn device(&self) -> &DeviceInfo {
        &self.device
    }

    /// Forgets all models and indexes, so that their memory is free.
    pub fn clear(&mut self) {
        self.models.clear();
        self.indexes.clear();
    }

    /// An index that has at least the vectors that `options` ask for.
    pub(super) fn index(&mut self, key: &IndexKey, options: &EncodeOptions) -> Option<Rc<Index>> {
        let fits = |kept: &KeptIndex| {
            let has = kept.options;
            kept.key == *key
                && has.max_length == options.max_length
                && (has.sparse || !options.sparse)
                && (has.colbert || !options.colbert)
        };
        let place = self.indexes.iter().position(fits)?;
        let kept = self.indexes.remove(place);
        let index = Rc::clone(&kept.index);
        self.indexes.push(kept);
        Some(index)
    }

    pub(super) fn keep_index(&mut self, key: IndexKey, options: EncodeOptions, index: Rc<Index>) {
        if self.indexes.len() == KEPT {
            self.indexes.remove(0);
        }
        self.indexes.push(KeptIndex { key, options, index });
    }

    /// What a model folder says of itself; its weights are not loaded.
    pub fn folder(&mut self, path: &Path) -> Result<Rc<ModelFolder>, Failure> {
        Ok(Rc::clone(&self.kept(path)?.folder))
    }

    /// A model on this room's device, loaded unless it is here already and its files are unchanged.
    pub fn model(&mut self, path: &Path) -> Result<Rc<EmbeddingModel>, Failure> {
        let device = self.device.open()?;
        let kept = self.kept(path)?;
        if let Some(model) = &kept.model {
            return Ok(Rc::clone(model));
        }
        let model = Rc::new(EmbeddingModel::load_folder((*kept.folder).clone(), &device)?);
        kept.model = Some(Rc::clone(&model));
        Ok(model)
    }

    /// A reranker on this room's device, kept likewise.
    pub fn reranker(&mut self, path: &Path) -> Result<Rc<Reranker>, Failure> {
        let device = self.device.open()?;
        let kept = self.kept(path)?;
        if let Some(reranker) = &kept.reranker {
            return Ok(Rc::clone(reranker));
        }
        let reranker = Rc::new(Reranker::load_folder((*kept.folder).clone(), &device)?);
        kept.reranker = Some(Rc::clone(&reranker));
        Ok(reranker)
    }

    /// Whether a model's weights are loaded.
    pub(super) fn has_weights(&self, path: &Path) -> bool {
        self.models.iter().any(|kept| kept.path == path && (kept.model.is_some() || kept.reranker.is_some()))
    }

    fn kept(&mut self, path: &Path) -> Result<&mut Kept, Failure> {
        let path = &*hub::resolve(path)?;
        let stamp = stamp(path);
        let known = self.models.iter().position(|kept| kept.path == path).map(|place| self.models.remove(place));
        let kept = match known.filter(|kept| kept.stamp == stamp) {
            Some(kept) => kept,
            None => {
                let folder = Rc::new(ModelFolder::open(path)?);
                Kept { path: path.to_path_buf(), stamp, folder, model: None, reranker: None }
            }
        };
        if self.models.len() == KEPT {
            self.models.remove(0);
        }
        let place = self.models.len();
        self.models.push(kept);
        Ok(&mut self.models[place])
    }
}

fn stamp(folder: &Path) -> Stamp {
    let mut stamp = Stamp::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(found) if found.is_dir() => folders.push(entry.path()),
                Ok(found) => stamp.push((entry.path(), found.len(), found.modified().ok())),
                Err(_) => {}
            }
        }
    }
    stamp.sort();
    stamp
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::compute::{DeviceChoice, choose};

    const TINY: &str = "tests/fixtures/flagembedding/model_safetensors";

    fn copy(to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(TINY).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }

    #[test]
    fn a_model_stays_until_its_files_change_or_others_push_it_out() {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<_> = (0..4).map(|number| folder.path().join(number.to_string())).collect();
        paths.iter().for_each(|path| copy(path));
        let mut room = Room::new(choose(DeviceChoice::Cpu).unwrap());
        let first = room.model(&paths[0]).unwrap();
        assert!(Rc::ptr_eq(&first, &room.model(&paths[0]).unwrap()));

        fs::write(paths[0].join("config_sentence_transformers.json"), r#"{"prompts": {"query": "q: "}}"#).unwrap();
        let changed = room.model(&paths[0]).unwrap();
        assert!(!Rc::ptr_eq(&first, &changed));

        room.model(&paths[1]).unwrap();
        room.model(&paths[2]).unwrap();
        assert!(Rc::ptr_eq(&changed, &room.model(&paths[0]).unwrap()));
        room.model(&paths[3]).unwrap();
        assert!(Rc::ptr_eq(&changed, &room.model(&paths[0]).unwrap()), "used last, yet pushed out");
        assert!(room.models.iter().all(|kept| kept.path != paths[1]), "the one used longest ago stayed");
    }

    #[test]
    fn a_missing_folder_is_a_failure_that_names_it() {
        let mut room = Room::new(choose(DeviceChoice::Cpu).unwrap());
        let failure = room.folder(Path::new("no/such/model")).err().unwrap();
        assert!(failure.why.contains("no/such/model"), "{failure}");
    }
}
