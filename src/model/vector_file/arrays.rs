//! Arrays that grow in files of their own until it is known how long they are.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::dataset::TextLine;
use crate::model::embeddings::Embeddings;

/// What an array holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Float32,
    Int64,
}

impl Kind {
    pub fn bytes(self) -> u64 {
        match self {
            Self::Float32 => 4,
            Self::Int64 => 8,
        }
    }
}

/// An array whose first dimension is not known yet.
pub struct Array {
    pub name: &'static str,
    pub kind: Kind,
    /// Length of a row; `None` for an array of one dimension.
    pub cols: Option<usize>,
    values: u64,
    file: BufWriter<File>,
}

impl Array {
    fn new(folder: &Path, name: &'static str, kind: Kind, cols: Option<usize>) -> io::Result<Self> {
        Ok(Self { name, kind, cols, values: 0, file: BufWriter::new(tempfile::tempfile_in(folder)?) })
    }

    pub fn shape(&self) -> Vec<u64> {
        match self.cols {
            Some(cols) => vec![self.values / (cols as u64).max(1), cols as u64],
            None => vec![self.values],
        }
    }

    /// Bytes of all values.
    pub fn size(&self) -> u64 {
        self.values * self.kind.bytes()
    }

    fn floats(&mut self, values: &[f32]) -> io::Result<()> {
        self.values += values.len() as u64;
        values.iter().try_for_each(|value| self.file.write_all(&value.to_le_bytes()))
    }

    fn int(&mut self, value: i64) -> io::Result<()> {
        self.values += 1;
        self.file.write_all(&value.to_le_bytes())
    }

    /// All values as they were written, little-endian.
    pub fn into_reader(self) -> io::Result<BufReader<File>> {
        let mut file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(BufReader::new(file))
    }
}

/// The arrays of a file of vectors, and the texts' ids.
pub struct Arrays {
    folder: PathBuf,
    pub ids: Vec<String>,
    pub dense: Option<Array>,
    /// Indices, values, offsets.
    pub sparse: Option<[Array; 3]>,
    /// Vectors, offsets.
    pub colbert: Option<[Array; 2]>,
}

impl Arrays {
    /// Their files lie in `folder`, without names, and go when this goes.
    pub fn new(folder: &Path) -> io::Result<Self> {
        Ok(Self { folder: folder.to_path_buf(), ids: Vec::new(), dense: None, sparse: None, colbert: None })
    }

    pub fn write(&mut self, texts: &[TextLine], vectors: &Embeddings) -> io::Result<()> {
        self.ids.extend(texts.iter().map(|text| text.id.clone()));
        let new = |name, kind, cols| Array::new(&self.folder, name, kind, cols);
        if self.dense.is_none() {
            self.dense = Some(new("dense", Kind::Float32, Some(vectors.dense.cols))?);
            if !vectors.sparse.is_empty() {
                let mut offsets = new("sparse_offsets", Kind::Int64, None)?;
                offsets.int(0)?;
                self.sparse = Some([
                    new("sparse_indices", Kind::Int64, None)?,
                    new("sparse_values", Kind::Float32, None)?,
                    offsets,
                ]);
            }
            if let Some(first) = vectors.colbert.first() {
                let mut offsets = new("colbert_offsets", Kind::Int64, None)?;
                offsets.int(0)?;
                self.colbert = Some([new("colbert", Kind::Float32, Some(first.cols))?, offsets]);
            }
        }
        if let Some(dense) = &mut self.dense {
            dense.floats(&vectors.dense.values)?;
        }
        if let Some([indices, values, offsets]) = &mut self.sparse {
            for vector in &vectors.sparse {
                vector.ids.iter().try_for_each(|id| indices.int(i64::from(*id)))?;
                values.floats(&vector.weights)?;
                offsets.int(indices.values as i64)?;
            }
        }
        if let Some([tokens, offsets]) = &mut self.colbert {
            for matrix in &vectors.colbert {
                tokens.floats(&matrix.values)?;
                offsets.int(tokens.shape()[0] as i64)?;
            }
        }
        Ok(())
    }

    /// Ids and arrays; a file without texts has an empty matrix of no columns.
    pub fn into_parts(self) -> io::Result<(Vec<String>, Vec<Array>)> {
        let dense = match self.dense {
            Some(dense) => dense,
            None => Array::new(&self.folder, "dense", Kind::Float32, Some(0))?,
        };
        let sparse = self.sparse.into_iter().flatten();
        Ok((self.ids, std::iter::once(dense).chain(sparse).chain(self.colbert.into_iter().flatten()).collect()))
    }
}
