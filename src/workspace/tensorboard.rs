//! Numbers of a run as TensorBoard reads them: event files of TFRecords.
//!
//! A record is its length (u64), the length's checksum, the data, the data's checksum (CRC-32C, rotated and shifted:
//! TensorFlow, `lib/hash/crc32c.h`). The data is an `Event` of `tensorboard/compat/proto/event.proto`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// An event file that is being written.
pub struct EventFile(File);

impl EventFile {
    /// Begins a file in a folder. With `after`, TensorBoard forgets what earlier files of the folder say of later steps.
    pub fn create(folder: &Path, time: f64, after: Option<usize>) -> io::Result<Self> {
        // TensorBoard reads the files of a folder in the order of their names.
        let mut number = 0;
        let file = loop {
            let path = folder.join(format!("events.out.tfevents.{:010}.{number}.weldbench", time as u64));
            match OpenOptions::new().append(true).create_new(true).open(path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                file => break file?,
            }
        };
        let mut events = Self(file);
        let mut version = Message::default();
        version.double(1, time).bytes(3, b"brain.Event:2");
        events.write(&version)?;
        if let Some(step) = after {
            // SessionLog { status: START }: everything from this step on is written anew.
            let mut start = Message::default();
            start.integer(1, 1);
            let mut event = Message::default();
            event.double(1, time).integer(2, step as u64 + 1).bytes(7, &start.0);
            events.write(&event)?;
        }
        Ok(events)
    }

    /// Writes the values of one step, each under its tag.
    pub fn scalars(&mut self, step: usize, time: f64, values: &[(String, f64)]) -> io::Result<()> {
        let mut summary = Message::default();
        for (tag, value) in values {
            let mut one = Message::default();
            one.bytes(1, tag.as_bytes()).float(2, *value as f32);
            summary.bytes(1, &one.0);
        }
        let mut event = Message::default();
        event.double(1, time).integer(2, step as u64).bytes(5, &summary.0);
        self.write(&event)
    }

    fn write(&mut self, event: &Message) -> io::Result<()> {
        let length = (event.0.len() as u64).to_le_bytes();
        let mut record = Vec::with_capacity(event.0.len() + 16);
        record.extend(length);
        record.extend(masked_checksum(&length).to_le_bytes());
        record.extend(&event.0);
        record.extend(masked_checksum(&event.0).to_le_bytes());
        self.0.write_all(&record)
    }
}

/// A value that an event file has.
#[derive(Clone, Debug, PartialEq)]
pub struct Scalar {
    pub tag: String,
    pub step: u64,
    /// In seconds since 1970.
    pub time: f64,
    pub value: f64,
}

/// Folders within folders that are looked through: `runs/MACHINE/` and a little more, not a whole disk.
const DEPTH: usize = 3;

/// The values in all event files of a folder and the folders within, file by file in the order of their names.
///
/// A file is read up to its first record that is cut off or damaged; values that are no plain numbers are left out.
pub fn scalars(folder: &Path) -> io::Result<Vec<Scalar>> {
    let mut values = Vec::new();
    for path in event_files(folder)? {
        let bytes = fs::read(&path)?;
        let mut rest = bytes.as_slice();
        while let Some(record) = next_record(&mut rest) {
            values.extend(event(record));
        }
    }
    Ok(values)
}

fn event_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![(folder.to_path_buf(), DEPTH)]);
    while let Some((folder, depth)) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.extend(depth.checked_sub(1).map(|depth| (entry.path(), depth)));
            } else if kind.is_file() && entry.file_name().to_string_lossy().contains("tfevents") {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The data of the next record, whose checksums are right.
fn next_record<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<8>()?;
    let (checksum, after) = after.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*checksum) != masked_checksum(length) {
        return None;
    }
    let (data, after) = after.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let (checksum, after) = after.split_first_chunk::<4>()?;
    *rest = after;
    (u32::from_le_bytes(*checksum) == masked_checksum(data)).then_some(data)
}

/// The values of an `Event`.
fn event(record: &[u8]) -> Vec<Scalar> {
    let (mut time, mut step, mut values) = (0.0, 0, Vec::new());
    for (number, field) in Fields(record) {
        match (number, field) {
            (1, Field::Eight(bytes)) => time = f64::from_le_bytes(bytes),
            (2, Field::Varint(number)) => step = number,
            (5, Field::Bytes(summary)) => {
                for (number, field) in Fields(summary) {
                    if let (1, Field::Bytes(value)) = (number, field) {
                        values.extend(tag_and_value(value));
                    }
                }
            }
            _ => {}
        }
    }
    values.into_iter().map(|(tag, value)| Scalar { tag, step, time, value }).collect()
}

fn tag_and_value(value: &[u8]) -> Option<(String, f64)> {
    let (mut tag, mut number) = (None, None);
    for field in Fields(value) {
        match field {
            (1, Field::Bytes(bytes)) => tag = String::from_utf8(bytes.to_vec()).ok(),
            (2, Field::Four(bytes)) => number = Some(f64::from(f32::from_le_bytes(bytes))),
            _ => {}
        }
    }
    tag.zip(number)
}

/// The fields of a message of Protocol Buffers, up to the first that makes no sense.
struct Fields<'a>(&'a [u8]);

enum Field<'a> {
    Varint(u64),
    Eight([u8; 8]),
    Bytes(&'a [u8]),
    Four([u8; 4]),
}

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for place in 0..10 {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (chunk, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*chunk)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, Field<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let key = self.varint()?;
        let field = match key & 7 {
            0 => Field::Varint(self.varint()?),
            1 => Field::Eight(self.chunk()?),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                let (bytes, rest) = self.0.split_at_checked(length)?;
                self.0 = rest;
                Field::Bytes(bytes)
            }
            5 => Field::Four(self.chunk()?),
            _ => return None,
        };
        Some((key >> 3, field))
    }
}

fn masked_checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// A message of Protocol Buffers.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) -> &mut Self {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    fn key(&mut self, field: u64, wire: u64) -> &mut Self {
        self.varint(field << 3 | wire)
    }

    fn integer(&mut self, field: u64, value: u64) -> &mut Self {
        self.key(field, 0).varint(value)
    }

    fn double(&mut self, field: u64, value: f64) -> &mut Self {
        self.key(field, 1).0.extend(value.to_le_bytes());
        self
    }

    fn float(&mut self, field: u64, value: f32) -> &mut Self {
        self.key(field, 5).0.extend(value.to_le_bytes());
        self
    }

    fn bytes(&mut self, field: u64, value: &[u8]) -> &mut Self {
        self.key(field, 2).varint(value.len() as u64).0.extend(value);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The record that every file begins with, byte by byte as the format has it. TensorBoard's own reader is asked in
    /// `tests/interop/tensorboard.sh`.
    #[test]
    fn a_file_begins_with_its_time_and_version() {
        let folder = tempfile::tempdir().unwrap();
        EventFile::create(folder.path(), 1.0, None).unwrap();
        let entry = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap();
        let bytes = std::fs::read(entry.path()).unwrap();
        assert_eq!(bytes[..8], 24u64.to_le_bytes());
        assert_eq!(bytes[8..12], [0xa3, 0x7f, 0x4b, 0x22]);
        assert_eq!(bytes[12..36], *b"\x09\0\0\0\0\0\0\xf0\x3f\x1a\x0dbrain.Event:2");
        assert_eq!(bytes.len(), 40);
    }

    #[test]
    fn what_is_written_is_read_up_to_where_it_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("runs").join("Nov28");
        fs::create_dir_all(&inner).unwrap();
        let mut file = EventFile::create(&inner, 10.0, None).unwrap();
        file.scalars(1, 11.5, &[("train/loss".into(), 0.5), ("train/grad_norm".into(), 2.0)]).unwrap();
        file.scalars(300, 12.0, &[("train/loss".into(), 0.25)]).unwrap();
        let scalar = |tag: &str, step, time, value| Scalar { tag: tag.into(), step, time, value };
        let expected = [
            scalar("train/loss", 1, 11.5, 0.5),
            scalar("train/grad_norm", 1, 11.5, 2.0),
            scalar("train/loss", 300, 12.0, 0.25),
        ];
        assert_eq!(scalars(folder.path()).unwrap(), expected);
        let path = event_files(folder.path()).unwrap().remove(0);
        let whole = fs::read(&path).unwrap();
        for end in 0..whole.len() {
            fs::write(&path, &whole[..end]).unwrap();
            assert!(expected.starts_with(&scalars(folder.path()).unwrap()), "cut at {end}");
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x55;
            fs::write(&path, &damaged).unwrap();
            assert!(expected.starts_with(&scalars(folder.path()).unwrap()), "damaged at {at}");
        }
    }

    #[test]
    fn checksums_are_masked_as_tensorflow_masks_them() {
        // CRC-32C of "123456789" is 0xe3069283 (RFC 3720).
        assert_eq!(masked_checksum(b"123456789"), 0xe306_9283_u32.rotate_right(15).wrapping_add(0xa282_ead8));
    }
}
