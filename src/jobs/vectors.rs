//! Vectors of texts and indexes of a corpus: from the room, from the disk, or computed.

use std::path::Path;
use std::rc::Rc;

use super::{Failure, JobContext, Room};
use crate::dataset::Corpus;
use crate::model::{Embeddings, EncodeOptions, TextKind};
use crate::retrieval::{Index, Method};
use crate::workspace::EmbeddingCache;

/// What a method needs beside dense vectors.
pub(super) fn options(method: Method) -> EncodeOptions {
    let weights = method.weights();
    let (sparse, colbert) = (weights.sparse > 0.0, weights.colbert > 0.0);
    EncodeOptions { sparse, colbert, ..EncodeOptions::default() }
}

/// Refuses a model that has no heads for a method, or makes no vectors at all, before anything is computed.
pub(super) fn check(room: &mut Room, model: &Path, options: &EncodeOptions) -> Result<(), Failure> {
    let folder = room.folder(model)?;
    if folder.is_reranker() {
        return Err(Failure::new(
            format!("{} is a reranker, which makes no vectors", model.display()),
            "choose an embedding model",
        ));
    }
    if (options.sparse || options.colbert) && !folder.has_heads() {
        return Err(Failure::new(
            format!("{} has no sparse and ColBERT heads", model.display()),
            "choose dense search, or a model that was trained with unified_finetuning",
        ));
    }
    Ok(())
}

/// What turns texts into one model's vectors.
pub(super) struct Texts<'a, E> {
    pub room: &'a mut Room,
    pub context: &'a JobContext<E>,
    pub model: &'a Path,
    pub options: EncodeOptions,
    /// Folder of vectors that were computed before.
    pub cache: Option<&'a Path>,
}

impl<E> Texts<'_, E> {
    /// The corpus, ready to be searched: the passages' texts without titles, as training reads them.
    pub fn index(&mut self, corpus: &Corpus) -> Result<Rc<Index>, Failure> {
        let texts: Vec<&str> = corpus.passages().iter().map(|passage| passage.text.as_str()).collect();
        self.index_of(&texts)
    }

    /// Passages, ready to be searched.
    pub fn index_of(&mut self, texts: &[&str]) -> Result<Rc<Index>, Failure> {
        let mut hasher = blake3::Hasher::new();
        for text in texts {
            hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
        }
        let key = (self.room.folder(self.model)?.fingerprint()?, hasher.finalize());
        if let Some(index) = self.room.index(&key, &self.options) {
            return Ok(index);
        }
        let index = Rc::new(Index::new(self.encode(texts, TextKind::Passage)?));
        self.room.keep_index(key, self.options, Rc::clone(&index));
        Ok(index)
    }

    /// Vectors of texts, in their order. The model's weights are loaded only if the cache lacks some.
    pub fn encode(&mut self, texts: &[&str], kind: TextKind) -> Result<Embeddings, Failure> {
        let folder = self.room.folder(self.model)?;
        let cache = match self.cache {
            Some(place) => open_cache(place, &folder.fingerprint()?, kind, &self.options),
            None => None,
        };
        let stage = match kind {
            TextKind::Query => "encoding questions",
            TextKind::Passage => "encoding passages",
        };
        let mut begun = false;
        let mut encode = |missing: &[&str], before: usize| -> Result<Embeddings, Failure> {
            if !std::mem::replace(&mut begun, true) {
                self.context.stage("loading the model", "");
                self.room.model(self.model)?;
                self.context.stage(stage, "texts");
            }
            let model = self.room.model(self.model)?;
            let made = model.encode(missing, kind, &self.options, &mut |done, _| {
                self.context.progress(before + done, texts.len());
                self.context.ask()
            })?;
            Ok(made)
        };
        match cache {
            Some(mut cache) => cache.get_or_encode(texts, encode),
            None => encode(texts, 0),
        }
    }
}

/// The vectors that are on the disk for a model and options; a cache that cannot be opened costs time only.
fn open_cache(folder: &Path, fingerprint: &str, kind: TextKind, options: &EncodeOptions) -> Option<EmbeddingCache> {
    let EncodeOptions { max_length, sparse, colbert, .. } = options;
    let name = format!("{kind:?} max_length={max_length} sparse={sparse} colbert={colbert}");
    EmbeddingCache::open(folder, fingerprint, &name)
        .map_err(|error| log::warn!("vectors are computed anew: {error}"))
        .ok()
}
