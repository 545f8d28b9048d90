//! Numbers of a run as TensorBoard reads them: event files of TFRecords.
//!
//! A record is its length (u64), the length's checksum, the data, the data's checksum (CRC-32C, rotated and shifted:
//! TensorFlow, `lib/hash/crc32c.h`). The data is an `Event` of `tensorboard/compat/proto/event.proto`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

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
    fn checksums_are_masked_as_tensorflow_masks_them() {
        // CRC-32C of "123456789" is 0xe3069283 (RFC 3720).
        assert_eq!(masked_checksum(b"123456789"), 0xe306_9283_u32.rotate_right(15).wrapping_add(0xa282_ead8));
    }
}
