//! Vectors of texts with their ids as a file for other programs: safetensors, NumPy, Parquet.
//!
//! A file is written part by part, so that a corpus of any size takes the memory of one part, and appears under its name
//! only when it is whole.

mod arrays;
mod numpy;
mod parquet;
mod safetensors;

use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use self::arrays::Arrays;
use self::parquet::ParquetSink;
use super::ModelError;
use super::embeddings::Embeddings;
use crate::dataset::TextLine;

/// What kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VectorFormat {
    /// `ids` as `id_bytes` (UTF-8) and `id_offsets` `[texts + 1]`, since there are no texts in this format; the vectors as
    /// in [`Npz`](Self::Npz).
    Safetensors,
    /// Arrays by name: `ids`, `dense` `[texts, hidden]`; lexical weights as `sparse_indices` (token ids),
    /// `sparse_values` and `sparse_offsets` `[texts + 1]`; ColBERT vectors as `colbert` `[tokens, size]` and
    /// `colbert_offsets` `[texts + 1]`. Text `i` has the entries from `offsets[i]` to `offsets[i + 1]`.
    Npz,
    /// The dense vectors alone, in the order of the texts.
    Npy,
    /// A row a text: `id`, `text`, `embedding` (a list of floats); `sparse_indices` and `sparse_values`; `colbert`, the
    /// tokens' vectors one after another.
    Parquet,
}

impl VectorFormat {
    pub const ALL: [Self; 4] = [Self::Safetensors, Self::Npz, Self::Npy, Self::Parquet];

    /// The end of such files' names.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Safetensors => "safetensors",
            Self::Npz => "npz",
            Self::Npy => "npy",
            Self::Parquet => "parquet",
        }
    }

    /// By the end of a file's name.
    pub fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?;
        Self::ALL.into_iter().find(|format| ending.eq_ignore_ascii_case(format.ending()))
    }

    /// Whether sparse and ColBERT vectors have a place in it.
    pub fn is_dense_only(self) -> bool {
        self == Self::Npy
    }
}

/// A file of vectors that is being written.
pub struct VectorFile {
    path: PathBuf,
    file: NamedTempFile,
    sink: Sink,
}

enum Sink {
    Arrays { arrays: Box<Arrays>, format: VectorFormat },
    Parquet(Box<ParquetSink>),
}

impl VectorFile {
    /// Begins a file. Until [`finish`](Self::finish) nothing is to be seen of it.
    pub fn create(path: &Path, format: VectorFormat) -> Result<Self, ModelError> {
        let begin = || -> io::Result<Self> {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let mut builder = tempfile::Builder::new();
            builder.prefix(".vectors-");
            // As any new file, not for its owner alone.
            #[cfg(unix)]
            builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
            let file = builder.tempfile_in(folder)?;
            let sink = match format {
                VectorFormat::Parquet => Sink::Parquet(Box::new(ParquetSink::new(file.reopen()?))),
                _ => Sink::Arrays { arrays: Box::new(Arrays::new(folder)?), format },
            };
            Ok(Self { path: path.to_path_buf(), file, sink })
        };
        begin().map_err(|error| failed(path, &error))
    }

    /// Adds texts and their vectors, one each. All parts have the same kinds of vectors.
    pub fn write(&mut self, texts: &[TextLine], vectors: &Embeddings) -> Result<(), ModelError> {
        let written = match &mut self.sink {
            Sink::Arrays { arrays, .. } => arrays.write(texts, vectors),
            Sink::Parquet(sink) => sink.write(texts, vectors),
        };
        written.map_err(|error| failed(&self.path, &error))
    }

    /// Puts the whole file under its name, where another may have been.
    pub fn finish(self) -> Result<(), ModelError> {
        let Self { path, mut file, sink } = self;
        let end = || -> io::Result<()> {
            match sink {
                Sink::Arrays { arrays, format: VectorFormat::Safetensors } => {
                    safetensors::write(*arrays, file.as_file_mut())?
                }
                Sink::Arrays { arrays, format: VectorFormat::Npy } => numpy::write_npy(*arrays, file.as_file_mut())?,
                Sink::Arrays { arrays, .. } => numpy::write_npz(*arrays, file.as_file_mut())?,
                Sink::Parquet(sink) => sink.finish()?,
            }
            file.as_file().sync_all()?;
            file.persist(&path)?;
            Ok(())
        };
        end().map_err(|error| failed(&path, &error))
    }
}

fn failed(path: &Path, error: &io::Error) -> ModelError {
    ModelError::file(path, format!("{error}; is there room on the disk, and may the file be written?"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs::{self, File};
    use std::io::Read;

    use ::parquet::file::reader::{FileReader, SerializedFileReader};
    use ::parquet::record::{Field, Row};

    use super::*;
    use crate::model::{Matrix, SparseVector};

    /// Three texts in two parts; the second has no lexical weights.
    fn parts() -> Vec<(Vec<TextLine>, Embeddings)> {
        let text = |id: &str, text: &str| TextLine { id: id.into(), text: text.into() };
        let tokens = |rows, value| Matrix { rows, cols: 2, values: vec![value; rows * 2] };
        let sparse = |ids: &[u32], weights: &[f32]| SparseVector { ids: ids.to_vec(), weights: weights.to_vec() };
        vec![
            (
                vec![text("甲-1", "气孔 \"porosity\""), text("b", "")],
                Embeddings {
                    dense: Matrix { rows: 2, cols: 2, values: vec![1.0, 0.5, -0.25, 1.0] },
                    sparse: vec![sparse(&[7, 9], &[0.5, 0.25]), SparseVector::default()],
                    colbert: vec![tokens(1, 1.0), tokens(2, 3.0)],
                },
            ),
            (
                vec![text("17", "third")],
                Embeddings {
                    dense: Matrix { rows: 1, cols: 2, values: vec![2.0, 4.0] },
                    sparse: vec![sparse(&[3], &[1.5])],
                    colbert: vec![tokens(1, 5.0)],
                },
            ),
        ]
    }

    fn written(name: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        let mut file = VectorFile::create(&path, VectorFormat::of(&path).unwrap()).unwrap();
        for (texts, vectors) in parts() {
            file.write(&texts, &vectors).unwrap();
            assert!(!path.exists());
        }
        file.finish().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "something was left beside it");
        (folder, path)
    }

    const DENSE: [f32; 6] = [1.0, 0.5, -0.25, 1.0, 2.0, 4.0];

    #[test]
    fn safetensors_have_every_array() {
        let (_folder, path) = written("vectors.safetensors");
        let bytes = fs::read(path).unwrap();
        let file = ::safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let data = |name: &str| file.tensor(name).unwrap().data().to_vec();
        let ints = |name: &str| -> Vec<i64> {
            data(name).as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect()
        };
        let floats = |name: &str| -> Vec<f32> {
            data(name).as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
        };
        assert_eq!(file.tensor("dense").unwrap().shape(), [3, 2]);
        assert_eq!(floats("dense"), DENSE);
        assert_eq!((ints("sparse_indices"), ints("sparse_offsets")), (vec![7, 9, 3], vec![0, 2, 2, 3]));
        assert_eq!(floats("sparse_values"), [0.5, 0.25, 1.5]);
        assert_eq!(file.tensor("colbert").unwrap().shape(), [4, 2]);
        assert_eq!(ints("colbert_offsets"), [0, 1, 3, 4]);
        let (ids, bounds) = (data("id_bytes"), ints("id_offsets"));
        let id =
            |at: usize| std::str::from_utf8(&ids[bounds[at] as usize..bounds[at + 1] as usize]).unwrap().to_owned();
        assert_eq!([id(0), id(1), id(2)], ["甲-1", "b", "17"]);
    }

    #[test]
    fn numpy_reads_ids_and_vectors() {
        let (_folder, path) = written("vectors.npz");
        let mut zip = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
        let mut entries = BTreeMap::new();
        for at in 0..zip.len() {
            let mut entry = zip.by_index(at).unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            entries.insert(entry.name().unwrap().into_owned(), bytes);
        }
        let array = |name: &str| npyz::NpyFile::new(&entries[&format!("{name}.npy")][..]).unwrap();
        assert_eq!(array("ids").into_vec::<String>().unwrap(), ["甲-1", "b", "17"]);
        assert_eq!(array("dense").shape(), [3, 2]);
        assert_eq!(array("dense").into_vec::<f32>().unwrap(), DENSE);
        assert_eq!(array("sparse_offsets").into_vec::<i64>().unwrap(), [0, 2, 2, 3]);
        assert_eq!(array("colbert").shape(), [4, 2]);

        let (_folder, path) = written("vectors.NPY");
        let dense = npyz::NpyFile::new(File::open(path).unwrap()).unwrap();
        assert_eq!(dense.shape(), [3, 2]);
        assert_eq!(dense.into_vec::<f32>().unwrap(), DENSE);
    }

    #[test]
    fn parquet_has_a_row_a_text() {
        let (_folder, path) = written("vectors.parquet");
        let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
        assert_eq!(reader.metadata().num_row_groups(), 2);
        let rows: Vec<Row> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        let field =
            |row: usize, name: &str| rows[row].get_column_iter().find(|(column, _)| *column == name).unwrap().1.clone();
        let list = |row: usize, name: &str| match field(row, name) {
            Field::ListInternal(list) => list.elements().iter().map(ToString::to_string).collect::<Vec<_>>(),
            other => panic!("{name} is {other:?}"),
        };
        assert_eq!(rows.len(), 3);
        assert_eq!(field(0, "id"), Field::Str("甲-1".into()));
        assert_eq!(field(1, "text"), Field::Str(String::new()));
        assert_eq!(list(2, "embedding"), ["2.0", "4.0"]);
        assert_eq!((list(0, "sparse_indices"), list(1, "sparse_indices")), (vec!["7".into(), "9".into()], vec![]));
        assert_eq!(list(2, "sparse_values"), ["1.5"]);
        assert_eq!(list(1, "colbert"), ["3.0"; 4]);
    }

    #[test]
    fn a_file_without_texts_is_whole_too() {
        for format in VectorFormat::ALL {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("vectors");
            VectorFile::create(&path, format).unwrap().finish().unwrap();
            assert!(fs::metadata(&path).unwrap().len() > 0, "{format:?}");
        }
    }

    #[test]
    fn a_file_that_is_given_up_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vectors.parquet");
        fs::write(&path, "before").unwrap();
        let mut file = VectorFile::create(&path, VectorFormat::Parquet).unwrap();
        let (texts, vectors) = parts().remove(0);
        file.write(&texts, &vectors).unwrap();
        drop(file);
        assert_eq!(fs::read(&path).unwrap(), b"before");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(VectorFile::create(&folder.path().join("no/such.npz"), VectorFormat::Npz).is_err());
    }
}
