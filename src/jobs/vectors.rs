//! Vectors of texts and indexes of a corpus: from the room, from the disk, or computed.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use super::{Failure, Instruction, JobContext, JobError, Room};
use crate::dataset::{Corpus, LineId, Row};
use crate::model::{Embeddings, EncodeOptions, ModelError, TextKind};
use crate::retrieval::{Index, Method, distinct};
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
        return Err(JobError::NoVectors(model.to_path_buf()).into());
    }
    if (options.sparse || options.colbert) && !folder.has_heads() {
        return Err(JobError::NoHeads(model.to_path_buf()).into());
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

    /// Vectors of the questions, and the place of each row's among them. Rows that ask the same share one.
    pub fn questions(
        &mut self,
        rows: &[(LineId, Arc<Row>)],
        instruction: &Instruction,
    ) -> Result<(Embeddings, Vec<usize>), Failure> {
        let folder = self.room.folder(self.model)?;
        let asked: Vec<(Cow<str>, TextKind)> = rows.iter().map(|(_, row)| instruction.question(row, &folder)).collect();
        let (mut vectors, mut places) = (Embeddings::default(), HashMap::new());
        for kind in [TextKind::Query, TextKind::InstructedQuery] {
            let texts = distinct(asked.iter().filter(|(_, of)| *of == kind).map(|(text, _)| &**text));
            if !texts.is_empty() {
                places.extend(texts.iter().enumerate().map(|(at, text)| ((*text, kind), vectors.len() + at)));
                vectors.append(self.encode(&texts, kind)?);
            }
        }
        Ok((vectors, asked.iter().map(|(text, kind)| places[&(&**text, *kind)]).collect()))
    }

    /// Vectors of texts, in their order. The model's weights are loaded only if the cache lacks some.
    pub fn encode(&mut self, texts: &[&str], kind: TextKind) -> Result<Embeddings, Failure> {
        let mut all = Embeddings::default();
        self.encode_in_parts(texts, kind, texts.len(), |_, made| all = made)?;
        Ok(all)
    }

    /// Vectors of texts, so many at a time that they fit into memory: `take` gets the place of the first and the
    /// vectors of a part. Cancelling ends it with an error.
    pub fn encode_in_parts(
        &mut self,
        texts: &[&str],
        kind: TextKind,
        together: usize,
        mut take: impl FnMut(usize, Embeddings),
    ) -> Result<(), Failure> {
        let folder = self.room.folder(self.model)?;
        let mut cache = match self.cache {
            Some(place) => open_cache(place, &folder.fingerprint()?, kind, &self.options),
            None => None,
        };
        let stage = match kind {
            TextKind::Query | TextKind::InstructedQuery => "encoding questions",
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
        let together = together.max(1);
        for (number, part) in texts.chunks(together).enumerate() {
            let first = number * together;
            let made = match &mut cache {
                Some(cache) => cache.get_or_encode(part, |missing, before| encode(missing, first + before))?,
                None => encode(part, first)?,
            };
            take(first, made);
            if self.context.ask().is_break() && first + part.len() < texts.len() {
                return Err(ModelError::Stopped.into());
            }
        }
        Ok(())
    }
}

/// The vectors that are on the disk for a model and options; a cache that cannot be opened costs time only.
fn open_cache(folder: &Path, fingerprint: &str, kind: TextKind, options: &EncodeOptions) -> Option<EmbeddingCache> {
    let EncodeOptions { max_length, sparse, colbert, .. } = options;
    let longest = max_length.map_or_else(|| "all".to_owned(), |tokens| tokens.to_string());
    let name = format!("{kind:?} max_length={longest} sparse={sparse} colbert={colbert}");
    EmbeddingCache::open(folder, fingerprint, &name)
        .map_err(|error| tracing::warn!("vectors are computed anew: {error}"))
        .ok()
}
