//! Writing `.pt` files that `torch.load` reads: a zip with a pickle of an ordered dictionary of tensors.
//!
//! Opcodes: Python's `pickletools`, protocol 2; layout: PyTorch's `torch/serialization.py`.

use std::io::{self, Cursor, Write};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::weights::HostTensor;

/// The bytes of a `.pt` file holding 32-bit float tensors by name. `archive` is the zip's inner folder.
pub fn state_dict(archive: &str, tensors: &[(&str, &HostTensor)]) -> io::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let mut entry = |name: &str, bytes: &[u8]| -> io::Result<()> {
        zip.start_file(format!("{archive}/{name}"), stored)?;
        zip.write_all(bytes)
    };
    entry("data.pkl", &pickle(tensors))?;
    entry("byteorder", b"little")?;
    for (index, (_, tensor)) in tensors.iter().enumerate() {
        let bytes: Vec<u8> = tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        entry(&format!("data/{index}"), &bytes)?;
    }
    entry("version", b"3\n")?;
    Ok(zip.finish()?.into_inner())
}

fn pickle(tensors: &[(&str, &HostTensor)]) -> Vec<u8> {
    let mut out = vec![0x80, 2];
    ordered_dict(&mut out);
    out.push(b'(');
    for (index, (name, tensor)) in tensors.iter().enumerate() {
        text(&mut out, name);
        out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n(");
        // The storage, which torch finds by its key: ('storage', FloatStorage, key, 'cpu', count).
        out.push(b'(');
        text(&mut out, "storage");
        out.extend(b"ctorch\nFloatStorage\n");
        text(&mut out, &index.to_string());
        text(&mut out, "cpu");
        int(&mut out, tensor.values.len());
        out.extend(b"tQ");
        int(&mut out, 0);
        let strides = (0..tensor.shape.len()).map(|axis| tensor.shape[axis + 1..].iter().product());
        for numbers in [tensor.shape.clone(), strides.collect::<Vec<usize>>()] {
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
