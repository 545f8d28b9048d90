//! Writing `.pt` files that `torch.load` reads: a zip with a pickle of an ordered dictionary of tensors.
//!
//! Opcodes: Python's `pickletools`, protocol 2; layout: PyTorch's `torch/serialization.py`.

use std::io::{self, Cursor, Seek, Write};
use std::path::Path;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::ModelError;
use super::weights::HostTensor;

/// Writes a `.pt` file of 32-bit float tensors by name. `archive` is the zip's inner folder.
pub fn save(path: &Path, archive: &str, tensors: &[(&str, &HostTensor)]) -> Result<(), ModelError> {
    state_dict(archive, tensors)
        .and_then(|bytes| std::fs::write(path, bytes))
        .map_err(|error| ModelError::file(path, format!("{error}; is there room on the disk?")))
}

/// The bytes of a `.pt` file holding 32-bit float tensors by name. `archive` is the zip's inner folder.
pub fn state_dict(archive: &str, tensors: &[(&str, &HostTensor)]) -> io::Result<Vec<u8>> {
    let shapes: Vec<_> = tensors.iter().map(|(name, tensor)| ((*name).to_owned(), tensor.shape.clone())).collect();
    let mut out = Cursor::new(Vec::new());
    write(&mut out, archive, &shapes, |index, out| write_values(&tensors[index].1.values, out))?;
    Ok(out.into_inner())
}

pub fn write_values(values: &[f32], out: &mut dyn Write) -> io::Result<()> {
    for chunk in values.chunks(1 << 16) {
        let bytes: Vec<u8> = chunk.iter().flat_map(|value| value.to_le_bytes()).collect();
        out.write_all(&bytes)?;
    }
    Ok(())
}

/// Writes a `.pt` file of tensors by name and shape; `values` writes those of the tensor at an index, little-endian.
pub fn write<W: Write + Seek>(
    out: W,
    archive: &str,
    tensors: &[(String, Vec<usize>)],
    mut values: impl FnMut(usize, &mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut zip = ZipWriter::new(out);
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    zip.start_file(format!("{archive}/data.pkl"), stored)?;
    zip.write_all(&pickle(tensors))?;
    zip.start_file(format!("{archive}/byteorder"), stored)?;
    zip.write_all(b"little")?;
    for index in 0..tensors.len() {
        zip.start_file(format!("{archive}/data/{index}"), stored)?;
        values(index, &mut zip)?;
    }
    zip.start_file(format!("{archive}/version"), stored)?;
    zip.write_all(b"3\n")?;
    zip.finish()?;
    Ok(())
}

fn pickle(tensors: &[(String, Vec<usize>)]) -> Vec<u8> {
    let mut out = vec![0x80, 2];
    ordered_dict(&mut out);
    out.push(b'(');
    for (index, (name, shape)) in tensors.iter().enumerate() {
        text(&mut out, name);
        out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n(");
        // The storage, which torch finds by its key: ('storage', FloatStorage, key, 'cpu', count).
        out.push(b'(');
        text(&mut out, "storage");
        out.extend(b"ctorch\nFloatStorage\n");
        text(&mut out, &index.to_string());
        text(&mut out, "cpu");
        int(&mut out, shape.iter().product());
        out.extend(b"tQ");
        int(&mut out, 0);
        let strides = (0..shape.len()).map(|axis| shape[axis + 1..].iter().product());
        for numbers in [shape.clone(), strides.collect::<Vec<usize>>()] {
            out.push(b'(');
            numbers.iter().for_each(|&number| int(&mut out, number));
            out.push(b't');
        }
        out.push(0x89); // requires_grad: False
        ordered_dict(&mut out); // backward hooks
        out.extend(b"tR");
    }
    out.extend(b"u.");
    out
}

fn ordered_dict(out: &mut Vec<u8>) {
    out.extend(b"ccollections\nOrderedDict\n)R");
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'X');
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

fn int(out: &mut Vec<u8>, number: usize) {
    match i32::try_from(number) {
        Ok(small) => {
            out.push(b'J');
            out.extend(small.to_le_bytes());
        }
        Err(_) => {
            out.extend([0x8a, 9]);
            out.extend((number as u64).to_le_bytes());
            out.push(0);
        }
    }
}
