//! Arrays as NumPy's files: `.npy` for one, `.npz` for several in a zip.

use std::io::{self, BufWriter, Read, Seek, Write};

use npyz::{DType, NpyWriter, TypeStr, WriterBuilder};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::arrays::{Array, Arrays, Kind};

/// The dense vectors.
pub fn write_npy(arrays: Arrays, out: &mut impl Write) -> io::Result<()> {
    let (_, arrays) = arrays.into_parts()?;
    let mut out = BufWriter::new(out);
    if let Some(dense) = arrays.into_iter().next() {
        array(dense, &mut out)?;
    }
    out.flush()
}

pub fn write_npz(arrays: Arrays, out: &mut (impl Write + Seek)) -> io::Result<()> {
    let (ids, arrays) = arrays.into_parts()?;
    let mut zip = ZipWriter::new(BufWriter::new(out));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored).large_file(true);
    zip.start_file("ids.npy", stored)?;
    texts(&ids, &mut zip)?;
    for one in arrays {
        zip.start_file(format!("{}.npy", one.name), stored)?;
        array(one, &mut zip)?;
    }
    zip.finish()?.flush()
}

fn array(array: Array, out: &mut impl Write) -> io::Result<()> {
    let (kind, shape, size) = (array.kind, array.shape(), array.size());
    let mut values = array.into_reader()?;
    match kind {
        Kind::Float32 => copy(begin::<f32, _>("<f4", &shape, out)?, &mut values, size, f32::from_le_bytes),
        Kind::Int64 => copy(begin::<i64, _>("<i8", &shape, out)?, &mut values, size, i64::from_le_bytes),
    }
}

/// NumPy's texts are all as long as the longest.
fn texts(ids: &[String], out: &mut impl Write) -> io::Result<()> {
    let longest = ids.iter().map(|id| id.chars().count()).max().unwrap_or(0).max(1);
    let mut writer = begin::<str, _>(&format!("<U{longest}"), &[ids.len() as u64], out)?;
    ids.iter().try_for_each(|id| writer.push(id.as_str()))?;
    writer.finish()
}

fn begin<T: npyz::Serialize + ?Sized, W: Write>(kind: &str, shape: &[u64], out: W) -> io::Result<NpyWriter<T, W>> {
    let kind: TypeStr = kind.parse().map_err(io::Error::other)?;
    npyz::WriteOptions::new().dtype(DType::Plain(kind)).shape(shape).writer(out).begin_nd()
}

fn copy<T: npyz::Serialize, W: Write, const N: usize>(
    mut writer: NpyWriter<T, W>,
    values: &mut impl Read,
    size: u64,
    value: impl Fn([u8; N]) -> T,
) -> io::Result<()> {
    let mut bytes = [0; N];
    for _ in 0..size / N as u64 {
        values.read_exact(&mut bytes)?;
        writer.push(&value(bytes))?;
    }
    writer.finish()
}
