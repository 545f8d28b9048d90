//! Vectors already computed, so that the same model need not read the same text twice.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::WorkspaceError;
use crate::files;
use crate::model::{Embeddings, Matrix, SparseVector};

/// Texts encoded and written together; what is written survives a cancel.
const TEXTS_TOGETHER: usize = 256;

/// The kind of file and its version; the store's key follows.
const MAGIC: &[u8; 16] = b"weldbench-cache1";
const HEADER: usize = 16 + 32;

/// One entry of the index file: text key, offset and length in the data file, checksum of what lies there,
/// checksum of the entry itself.
const ENTRY: usize = 32 + 8 + 8 + 16 + 8;

type Key = [u8; 32];

/// The vectors of one model with one set of options: an index file of fixed-size entries and a data file, both
/// only ever appended to. The data reach the disk before the entry that names them, and both carry checksums: what
/// a crash or a broken disk leaves unreadable is not there, and never wrong.
#[derive(Debug)]
pub struct EmbeddingCache {
    key: Key,
    index: PathBuf,
    data: PathBuf,
    entries: HashMap<Key, Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    offset: u64,
    length: u64,
    checksum: [u8; 16],
}

/// The vectors that a cache had of some texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cached {
    pub embeddings: Embeddings,
    /// For each text its place in `embeddings`.
    pub places: Vec<Option<usize>>,
}

impl EmbeddingCache {
    /// Opens the store in `folder` for a model, named by a fingerprint of its weights, and for `options`, which
    /// name everything else that changes a vector (kind of text, length, heads).
    pub fn open(folder: &Path, fingerprint: &str, options: &str) -> Result<Self, WorkspaceError> {
        let mut hasher = blake3::Hasher::new();
        for part in [fingerprint, options] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        let key = hasher.finalize();
        let name = key.to_hex();
        let path = |extension: &str| folder.join(&name.as_str()[..32]).with_extension(extension);
        let mut cache =
            Self { key: *key.as_bytes(), index: path("index"), data: path("data"), entries: HashMap::new() };
        let (mut index, data) = cache.files()?;
        let mut bytes = Vec::new();
        let read = index.seek(SeekFrom::Start(HEADER as u64)).and_then(|_| index.read_to_end(&mut bytes));
        read.map_err(WorkspaceError::io(&cache.index, "read"))?;
        let end = data.metadata().map_err(WorkspaceError::io(&cache.data, "read"))?.len();
        let entries = bytes.as_chunks::<ENTRY>().0.iter().filter_map(Entry::read);
        cache.entries = entries.filter(|(_, entry)| entry.end().is_some_and(|entry| entry <= end)).collect();
        Ok(cache)
    }

    /// The vectors of the texts that are here, read and checked.
    pub fn get_many(&self, texts: &[&str]) -> Cached {
        let mut cached = Cached { places: vec![None; texts.len()], ..Cached::default() };
        let Ok(data) = File::open(&self.data) else { return cached };
        for (text, place) in texts.iter().zip(&mut cached.places) {
            let Some(found) = self.read(&data, text) else { continue };
            if cached.embeddings.is_empty() || shape(&cached.embeddings) == shape(&found) {
                *place = Some(cached.embeddings.len());
                cached.embeddings.append(found);
            }
        }
        cached
    }

    /// Adds the vectors of texts, one each. Panics if there are fewer vectors than texts.
    pub fn insert(&mut self, texts: &[&str], embeddings: &Embeddings) -> Result<(), WorkspaceError> {
        let (mut index, mut data) = self.files()?;
        let mut offset = data.seek(SeekFrom::End(0)).map_err(WorkspaceError::io(&self.data, "write"))?;
        let (mut payloads, mut entries, mut added) = (Vec::new(), Vec::new(), Vec::new());
        for (row, text) in texts.iter().enumerate() {
            let payload = encode(embeddings, row);
            let key = text_key(text);
            let entry = Entry { offset, length: payload.len() as u64, checksum: checksum(&key, &payload) };
            offset += entry.length;
            entries.extend(entry.written(&key));
            payloads.extend(payload);
            added.push((key, entry));
        }
        let written = data.write_all(&payloads).and_then(|()| data.sync_data());
        written.map_err(WorkspaceError::io(&self.data, "write"))?;
        let written = index.seek(SeekFrom::End(0)).and_then(|_| index.write_all(&entries));
        written.map_err(WorkspaceError::io(&self.index, "write"))?;
        self.entries.extend(added);
        Ok(())
    }

    /// The vectors of all texts, in their order; those that are not here are made by `encode`, and kept.
    ///
    /// `encode` gets up to 256 texts and the number of different texts done before. Its error ends the work; what
    /// was made before stays. A cache that cannot be written to costs time only, so that is logged, not returned.
    /// Panics if `encode` gives another number of vectors than texts, or vectors of another shape than before.
    pub fn get_or_encode<E>(
        &mut self,
        texts: &[&str],
        mut encode: impl FnMut(&[&str], usize) -> Result<Embeddings, E>,
    ) -> Result<Embeddings, E> {
        let mut numbers = HashMap::new();
        let mut distinct = Vec::new();
        for text in texts {
            numbers.entry(*text).or_insert_with(|| {
                distinct.push(*text);
                distinct.len() - 1
            });
        }
        let Cached { mut embeddings, mut places } = self.get_many(&distinct);
        let missing: Vec<usize> = (0..distinct.len()).filter(|&number| places[number].is_none()).collect();
        let mut writable = true;
        for numbers in missing.chunks(TEXTS_TOGETHER) {
            let texts: Vec<&str> = numbers.iter().map(|&number| distinct[number]).collect();
            let made = encode(&texts, embeddings.len())?;
            assert_eq!(made.len(), texts.len(), "one vector a text");
            if writable && let Err(error) = self.insert(&texts, &made) {
                tracing::warn!("vectors are not kept for the next time: {error}");
                writable = false;
            }
            for (place, &number) in (embeddings.len()..).zip(numbers) {
                places[number] = Some(place);
            }
            embeddings.append(made);
        }
        let order: Vec<usize> = texts.iter().filter_map(|text| places[numbers[text]]).collect();
        if order.len() == embeddings.len() && order.is_sorted() {
            return Ok(embeddings);
        }
        Ok(embeddings.select(&order))
    }

    fn read(&self, mut data: &File, text: &str) -> Option<Embeddings> {
        let key = text_key(text);
        let entry = self.entries.get(&key)?;
        let mut payload = vec![0; usize::try_from(entry.length).ok()?];
        data.seek(SeekFrom::Start(entry.offset)).ok()?;
        data.read_exact(&mut payload).ok()?;
        if checksum(&key, &payload) != entry.checksum {
            return None;
        }
        decode(&payload)
    }

    /// Both files, locked against other writers until they are closed, the index cut to whole entries; new ones
    /// where there were none, or others.
    fn files(&self) -> Result<(File, File), WorkspaceError> {
        let open = |path: &Path| {
            files::plain(path)?;
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
        };
        let mut index = open(&self.index).map_err(WorkspaceError::io(&self.index, "open"))?;
        let data = open(&self.data).map_err(WorkspaceError::io(&self.data, "open"))?;
        let mut prepare = || {
            index.lock()?;
            let mut header = Vec::new();
            Read::by_ref(&mut index).take(HEADER as u64).read_to_end(&mut header)?;
            if header == [MAGIC.as_slice(), &self.key].concat() {
                let length = index.metadata()?.len();
                let torn = (length - HEADER as u64) % ENTRY as u64;
                if torn > 0 { index.set_len(length - torn) } else { Ok(()) }
            } else {
                data.set_len(0)?;
                index.set_len(0)?;
                index.seek(SeekFrom::Start(0))?;
                index.write_all(MAGIC)?;
                index.write_all(&self.key)
            }
        };
        prepare().map_err(WorkspaceError::io(&self.index, "write"))?;
        Ok((index, data))
    }
}

impl Entry {
    fn end(&self) -> Option<u64> {
        self.offset.checked_add(self.length)
    }

    fn written(&self, key: &Key) -> Vec<u8> {
        let mut bytes = key.to_vec();
        bytes.extend(self.offset.to_le_bytes());
        bytes.extend(self.length.to_le_bytes());
        bytes.extend(self.checksum);
        let sum = blake3::hash(&bytes);
        bytes.extend(&sum.as_bytes()[..8]);
        bytes
    }

    /// Nothing if the entry is damaged.
    fn read(bytes: &[u8; ENTRY]) -> Option<(Key, Self)> {
        let mut reader = Reader(bytes);
        let key = reader.array()?;
        let offset = u64::from_le_bytes(reader.array()?);
        let entry = Self { offset, length: u64::from_le_bytes(reader.array()?), checksum: reader.array()? };
        (entry.written(&key) == bytes).then_some((key, entry))
    }
}

fn text_key(text: &str) -> Key {
    *blake3::hash(text.as_bytes()).as_bytes()
}

/// Of a text's key too, so that one text's vectors are never taken for another's.
fn checksum(key: &Key, payload: &[u8]) -> [u8; 16] {
    let mut sum = [0; 16];
    blake3::Hasher::new().update(key).update(payload).finalize_xof().fill(&mut sum);
    sum
}

/// What all vectors of one model and options have in common.
fn shape(embeddings: &Embeddings) -> (usize, bool, bool) {
    (embeddings.dense.cols, embeddings.sparse.is_empty(), embeddings.colbert.is_empty())
}

/// One text's vectors as bytes: the dense vector, then 0 or 1 sparse and 0 or 1 ColBERT vectors, each with its
/// sizes before it; numbers little-endian.
fn encode(embeddings: &Embeddings, row: usize) -> Vec<u8> {
    fn size(bytes: &mut Vec<u8>, size: usize) {
        bytes.extend((size as u64).to_le_bytes());
    }
    fn floats(bytes: &mut Vec<u8>, values: &[f32]) {
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
    let mut bytes = Vec::new();
    size(&mut bytes, embeddings.dense.cols);
    floats(&mut bytes, embeddings.dense.row(row));
    size(&mut bytes, usize::from(!embeddings.sparse.is_empty()));
    if !embeddings.sparse.is_empty() {
        let SparseVector { ids, weights } = &embeddings.sparse[row];
        size(&mut bytes, ids.len());
        bytes.extend(ids.iter().flat_map(|id| id.to_le_bytes()));
        floats(&mut bytes, weights);
    }
    size(&mut bytes, usize::from(!embeddings.colbert.is_empty()));
    if !embeddings.colbert.is_empty() {
        let matrix = &embeddings.colbert[row];
        size(&mut bytes, matrix.rows);
        size(&mut bytes, matrix.cols);
        floats(&mut bytes, &matrix.values);
    }
    bytes
}

fn decode(bytes: &[u8]) -> Option<Embeddings> {
    let mut reader = Reader(bytes);
    let cols = reader.size()?;
    let dense = Matrix { rows: 1, cols, values: reader.floats(cols)? };
    let mut embeddings = Embeddings { dense, ..Embeddings::default() };
    if reader.size()? == 1 {
        let length = reader.size()?;
        let ids = reader.words(length)?.map(u32::from_le_bytes).collect();
        embeddings.sparse = vec![SparseVector { ids, weights: reader.floats(length)? }];
    }
    if reader.size()? == 1 {
        let (rows, cols) = (reader.size()?, reader.size()?);
        embeddings.colbert = vec![Matrix { rows, cols, values: reader.floats(rows.checked_mul(cols)?)? }];
    }
    reader.0.is_empty().then_some(embeddings)
}

/// The bytes still to be read.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn size(&mut self) -> Option<usize> {
        usize::try_from(u64::from_le_bytes(self.array()?)).ok()
    }

    fn words(&mut self, count: usize) -> Option<impl Iterator<Item = [u8; 4]>> {
        let (words, rest) = self.0.split_at_checked(count.checked_mul(4)?)?;
        self.0 = rest;
        Some(words.as_chunks().0.iter().copied())
    }

    fn floats(&mut self, count: usize) -> Option<Vec<f32>> {
        Some(self.words(count)?.map(f32::from_le_bytes).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;

    /// Vectors that tell their text.
    fn vectors(texts: &[&str], heads: bool) -> Embeddings {
        let mut all = Embeddings::default();
        for text in texts {
            let value = text.chars().fold(0.5f32, |sum, c| sum * 1.25 + c as u32 as f32);
            let length = text.chars().count();
            all.append(Embeddings {
                dense: Matrix { rows: 1, cols: 3, values: vec![value, -value, 1.0 / value] },
                sparse: if heads {
                    vec![SparseVector { ids: (0..length as u32).collect(), weights: vec![value; length] }]
                } else {
                    vec![]
                },
                colbert: if heads {
                    vec![Matrix { rows: length, cols: 2, values: vec![value; 2 * length] }]
                } else {
                    vec![]
                },
            });
        }
        all
    }

    fn open(folder: &TempDir) -> EmbeddingCache {
        EmbeddingCache::open(folder.path(), "model", "options").unwrap()
    }

    /// All vectors, and the texts that had to be encoded for them.
    fn get(cache: &mut EmbeddingCache, texts: &[&str], heads: bool) -> (Embeddings, Vec<String>) {
        let mut encoded = Vec::new();
        let all = cache.get_or_encode(texts, |texts, _| {
            encoded.extend(texts.iter().map(ToString::to_string));
            Ok::<_, ()>(vectors(texts, heads))
        });
        (all.unwrap(), encoded)
    }

    #[test]
    fn a_later_corpus_encodes_only_its_new_texts() {
        for heads in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let first = ["焊缝", "a", "", "a"];
            assert_eq!(
                get(&mut open(&folder), &first, heads),
                (vectors(&first, heads), ["焊缝", "a", ""].map(String::from).to_vec())
            );
            let later = ["new", "a", "焊缝", "new"];
            assert_eq!(get(&mut open(&folder), &later, heads), (vectors(&later, heads), vec!["new".to_string()]));
            assert_eq!(get(&mut open(&folder), &first, heads), (vectors(&first, heads), vec![]));
            let cached = open(&folder).get_many(&["a", "unknown", "new"]);
            assert_eq!(
                cached,
                Cached { embeddings: vectors(&["a", "new"], heads), places: vec![Some(0), None, Some(1)] }
            );
        }
    }

    #[test]
    fn models_and_options_do_not_share_vectors() {
        let folder = tempfile::tempdir().unwrap();
        get(&mut open(&folder), &["a"], false);
        for (fingerprint, options) in [("model", "other"), ("other", "options"), ("modelo", "ptions")] {
            let cache = EmbeddingCache::open(folder.path(), fingerprint, options).unwrap();
            assert_eq!(cache.get_many(&["a"]).places, [None]);
        }
    }

    #[test]
    fn what_was_encoded_before_a_stop_is_kept_and_progress_counts_it() {
        let folder = tempfile::tempdir().unwrap();
        let texts: Vec<String> = (0..600).map(|number| number.to_string()).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let stopped = open(&folder)
            .get_or_encode(&texts, |texts, done| if done < 512 { Ok(vectors(texts, false)) } else { Err("stopped") });
        assert_eq!(stopped, Err("stopped"));
        let mut seen = Vec::new();
        let all = open(&folder).get_or_encode(&texts, |texts, done| {
            seen.push((texts.len(), done));
            Ok::<_, ()>(vectors(texts, false))
        });
        assert_eq!((all, seen), (Ok(vectors(&texts, false)), vec![(88, 512)]));
    }

    #[test]
    fn two_writers_lose_nothing_and_a_deleted_cache_starts_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (mut one, mut other) = (open(&folder), open(&folder));
        get(&mut one, &["a"], false);
        get(&mut other, &["b"], false);
        get(&mut one, &["c"], false);
        assert_eq!(get(&mut open(&folder), &["a", "b", "c"], false), (vectors(&["a", "b", "c"], false), vec![]));
        for entry in fs::read_dir(folder.path()).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        assert_eq!(get(&mut one, &["a"], false), (vectors(&["a"], false), vec!["a".to_string()]));
        assert_eq!(open(&folder).get_many(&["a"]).places, [Some(0)]);
    }

    #[test]
    fn a_cache_that_cannot_be_written_to_still_gives_vectors() {
        let folder = tempfile::tempdir().unwrap();
        let mut cache = open(&folder);
        fs::remove_file(&cache.index).unwrap();
        fs::create_dir(&cache.index).unwrap();
        assert!(cache.insert(&["a"], &vectors(&["a"], false)).is_err());
        assert_eq!(get(&mut cache, &["a"], false).0, vectors(&["a"], false));
        assert!(EmbeddingCache::open(folder.path(), "model", "options").is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn damage_costs_vectors_but_never_gives_wrong_ones(
            in_index: bool,
            place in 0.0f64..1.0,
            flip in prop::option::of(1u8..),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let texts = ["a", "bb", "焊缝", "d"];
            let mut cache = open(&folder);
            get(&mut cache, &texts[..2], true);
            get(&mut cache, &texts[2..], true);
            let path = if in_index { &cache.index } else { &cache.data };
            let mut bytes = fs::read(path).unwrap();
            let place = (place * bytes.len() as f64) as usize;
            match flip {
                Some(flip) => bytes[place] ^= flip,
                None => bytes.truncate(place),
            }
            fs::write(path, bytes).unwrap();
            let (found, encoded) = get(&mut open(&folder), &texts, true);
            prop_assert_eq!(&found, &vectors(&texts, true));
            prop_assert!(!encoded.is_empty());
            prop_assert_eq!(get(&mut open(&folder), &texts, true), (found, vec![]));
        }
    }
}
