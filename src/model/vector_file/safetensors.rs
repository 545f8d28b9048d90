//! Arrays as a safetensors file: the length of a JSON header, the header, the values.

use std::io::{self, BufWriter, Write};

use serde_json::{Map, json};

use super::arrays::{Arrays, Kind};

pub fn write(arrays: Arrays, out: &mut impl Write) -> io::Result<()> {
    let (ids, arrays) = arrays.into_parts()?;
    let id_bytes: u64 = ids.iter().map(|id| id.len() as u64).sum();
    let mut header = Map::new();
    let mut end = 0;
    let mut describe = |name: &str, kind: &str, shape: Vec<u64>, size: u64| {
        let start = end;
        end += size;
        header.insert(name.into(), json!({ "dtype": kind, "shape": shape, "data_offsets": [start, end] }));
    };
    // The widest first, so that everything lies where its width asks.
    let (wide, narrow): (Vec<_>, Vec<_>) = arrays.into_iter().partition(|array| array.kind == Kind::Int64);
    describe("id_offsets", "I64", vec![ids.len() as u64 + 1], (ids.len() as u64 + 1) * 8);
    for array in wide.iter().chain(&narrow) {
        let kind = match array.kind {
            Kind::Float32 => "F32",
            Kind::Int64 => "I64",
        };
        describe(array.name, kind, array.shape(), array.size());
    }
    describe("id_bytes", "U8", vec![id_bytes], id_bytes);
    let mut header = serde_json::Value::Object(header).to_string();
    header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));

    let mut out = BufWriter::new(out);
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    let mut offset = 0_i64;
    out.write_all(&offset.to_le_bytes())?;
    for id in &ids {
        offset += id.len() as i64;
        out.write_all(&offset.to_le_bytes())?;
    }
    for array in wide.into_iter().chain(narrow) {
        io::copy(&mut array.into_reader()?, &mut out)?;
    }
    ids.iter().try_for_each(|id| out.write_all(id.as_bytes()))?;
    out.flush()
}
