//! Reading `.safetensors` files: an 8-byte length, a JSON header of that length, the values.
//!
//! Values are read when they are asked for, piece by piece. The file is not mapped into memory: one that is cut short by
//! another program meanwhile gives an error then, where a map would end this program.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use safetensors::Dtype;
use safetensors::tensor::Metadata;

use super::ModelError;
use crate::files::{self, Kind};

/// Bytes of the length before the header.
const LENGTH: u64 = 8;
/// Bytes of the longest header that the format allows.
const LONGEST_HEADER: u64 = 100_000_000;
/// Bytes that are read at a time; a multiple of every type's size.
const PIECE: usize = 1 << 20;

/// An open file.
pub(super) struct SafetensorsFile {
    path: PathBuf,
    file: Mutex<File>,
}

/// Where a tensor lies in the file.
pub(super) struct Stored {
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    start: u64,
    bytes: usize,
}

impl SafetensorsFile {
    /// Opens a file and finds all its tensors, which lie one behind the other and fill it to its end.
    pub fn open(path: &Path) -> Result<(Self, Vec<(String, Stored)>), ModelError> {
        let failed = |error: io::Error| ModelError::file(path, error);
        let damaged =
            |cause: String| ModelError::file(path, format!("not a safetensors file ({cause}); fetch it again"));
        let mut file = files::open(path, Kind::File).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        let mut length = [0; LENGTH as usize];
        if size < LENGTH {
            return Err(damaged(format!("it has {size} bytes, fewer than the length of its header takes")));
        }
        file.read_exact(&mut length).map_err(failed)?;
        let length = u64::from_le_bytes(length);
        if length > LONGEST_HEADER.min(size - LENGTH) {
            return Err(damaged(format!("its header is said to have {length} bytes, of {size} in the file")));
        }
        let mut header = vec![0; length as usize];
        file.read_exact(&mut header).map_err(failed)?;
        // That tensors have no holes between them, do not overlap and have the bytes of their shapes is checked here.
        let header: Metadata = serde_json::from_slice(&header).map_err(|error| damaged(error.to_string()))?;
        let (begin, end) = (LENGTH + length, LENGTH + length + header.data_len() as u64);
        if end != size {
            return Err(damaged(format!("its tensors end at byte {end}, of {size} in the file")));
        }
        let tensors = header.tensors().into_iter().map(|(name, info)| {
            let (start, end) = info.data_offsets;
            let start_in_file = begin + start as u64;
            (name, Stored { dtype: info.dtype, shape: info.shape.clone(), start: start_in_file, bytes: end - start })
        });
        let tensors = tensors.collect();
        Ok((Self { path: path.to_path_buf(), file: Mutex::new(file) }, tensors))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A tensor's values, of `N` bytes each.
    pub fn values<const N: usize>(
        &self,
        stored: &Stored,
        read: impl Fn([u8; N]) -> f32,
    ) -> Result<Vec<f32>, ModelError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut values = Vec::with_capacity(stored.bytes / N);
        let mut piece = vec![0; PIECE.min(stored.bytes)];
        let mut go = || -> io::Result<()> {
            file.seek(SeekFrom::Start(stored.start))?;
            let mut left = stored.bytes;
            while left > 0 {
                let part = &mut piece[..left.min(PIECE)];
                file.read_exact(part)?;
                values.extend(part.as_chunks::<N>().0.iter().map(|bytes| read(*bytes)));
                left -= part.len();
            }
            Ok(())
        };
        go().map_err(|error| ModelError::file(&self.path, error))?;
        Ok(values)
    }
}
