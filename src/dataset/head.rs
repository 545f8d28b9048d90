//! The first lines of a large file, to be looked at while the whole of it is read.

use super::encoding::decode_head;
use super::line::Lines;
use super::source::{LARGE, Seen, Source};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// Bytes that are read: thousands of rows, within a few frames.
const HEAD: u64 = 4 << 20;

impl Lines {
    /// The whole lines at the beginning of a large file, as they will stand in the data set. `None` of a file that
    /// is soon read as a whole, of a pipe, and where anything is in the way, which reading the whole will tell.
    pub fn head(path: &Path) -> Option<Self> {
        // Opening a pipe might wait, and reading from it takes away what the whole is to have.
        fs::metadata(path).ok().filter(|found| found.is_file() && found.len() >= LARGE)?;
        let mut bytes = Vec::new();
        File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut bytes)).ok()?;
        let text = decode_head(&bytes)?.bytes.into_owned();
        let breaks = Seen::of(&text).breaks;
        Some(Self::of(Arc::new(Source::Plain(text)), breaks))
    }
}

#[cfg(test)]
mod tests {
    use super::super::encoding::{Encoding, encode};
    use super::super::{Dataset, Watch};
    use super::*;

    /// A row, a bad line and a blank one, over and over, with characters whose codes hold the bytes of line breaks.
    fn text(newline: &str) -> String {
        let rows = (0..60_000).map(|at| {
            let query = format!(
                "{{\"query\": \"问题 {at} 上海\u{a0a}\", \"pos\": [\"{}\"]}}",
                "咬边是焊趾处的沟槽。".repeat(12)
            );
            [&query, "{broken", ""].map(|line| format!("{line}{newline}")).concat()
        });
        rows.collect()
    }

    fn check(name: &str, bytes: &[u8], encoding: Encoding) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        assert!(bytes.len() as u64 >= LARGE, "{name} is no large file");
        let head = Lines::head(file.path()).unwrap_or_else(|| panic!("{name} has no head"));
        let whole = Dataset::open(file.path()).unwrap();
        assert_eq!(whole.encoding(), encoding, "{name}");
        assert!(head.len() > 1000 && head.len() < whole.lines().len(), "{name}: {} lines", head.len());
        for at in 0..head.len() {
            assert_eq!(head.id(at), whole.lines().id(at));
            assert!(head.bytes_at(at) == whole.lines().bytes_at(at), "{name}: line {} differs", at + 1);
            assert_eq!(head.ending(at), whole.lines().ending(at), "{name}: line {}", at + 1);
        }
    }

    #[test]
    fn the_first_lines_are_those_of_the_whole_in_every_encoding() {
        let (lf, crlf) = (text("\n"), text("\r\n"));
        let with_mark = format!("\u{feff}{lf}");
        check("LF", lf.as_bytes(), Encoding::Utf8);
        check("CRLF", crlf.as_bytes(), Encoding::Utf8);
        check("a byte-order mark", with_mark.as_bytes(), Encoding::Utf8Bom);
        for (name, text, encoding) in [
            ("UTF-16 LE", &with_mark, Encoding::Utf16Le),
            ("UTF-16 BE", &with_mark, Encoding::Utf16Be),
            ("UTF-16 LE without a mark", &crlf, Encoding::Utf16Le),
            ("UTF-16 BE without a mark", &crlf, Encoding::Utf16Be),
            ("GB18030", &lf, Encoding::Gb18030),
            ("GB18030 with CRLF", &crlf, Encoding::Gb18030),
        ] {
            check(name, &encode(text, encoding).unwrap(), encoding);
        }
    }

    #[test]
    fn a_file_that_is_soon_read_or_has_one_line_has_no_head() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        for bytes in [b"{}\n".to_vec(), vec![b'a'; LARGE as usize]] {
            fs::write(&path, bytes).unwrap();
            assert!(Lines::head(&path).is_none());
        }
        assert!(Lines::head(folder.path()).is_none() && Lines::head(&folder.path().join("none")).is_none());
    }

    #[test]
    fn reading_tells_how_far_it_has_come_and_can_be_ended() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for size in [100, LARGE as usize] {
            fs::write(file.path(), vec![b'\n'; size]).unwrap();
            let watch = Watch::default();
            Dataset::open_watched(file.path(), &watch).unwrap();
            assert_eq!((watch.done(), watch.total()), (size, size));
            watch.cancel();
            let error = Dataset::open_watched(file.path(), &watch).unwrap_err();
            assert!(matches!(error, super::super::DatasetError::Cancelled), "{error}");
        }
    }
}
