//! Text that was read in the wrong encoding, and the way back.

use encoding_rs::{Encoding, GBK, WINDOWS_1252};

/// Letters outside ASCII that a text must have to be judged by.
const ENOUGH: usize = 3;

/// Whether a text looks like UTF-8 read as GBK or Latin, or has lost letters on the way.
pub fn is_suspect(text: &str) -> bool {
    !text.is_ascii() && (text.contains('\u{fffd}') || text.contains("锟斤拷") || repaired(text).is_some())
}

/// What a text was before its UTF-8 bytes were read as GBK or as Windows' Latin letters; `None` if it is no such
/// text, or its letters are lost.
pub fn repaired(text: &str) -> Option<String> {
    [WINDOWS_1252, GBK].into_iter().find_map(|encoding| read_again(text, encoding))
}

fn read_again(text: &str, encoding: &'static Encoding) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let (bytes, _, lost) = encoding.encode(text);
    let right = std::str::from_utf8(&bytes).ok().filter(|_| !lost)?;
    let outside = right.chars().filter(|letter| !letter.is_ascii()).count();
    // Real text seldom is valid UTF-8 when written in another encoding, but a letter or two may be.
    let enough = text.chars().filter(|letter| !letter.is_ascii()).count() >= ENOUGH;
    (outside > 0 && enough && !right.contains('\u{fffd}')).then(|| right.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrongly_read_text_is_known_and_read_again() {
        for right in ["焊缝表面有气孔", "café à la crème – naïve “quotes”"] {
            let (wrong, _, _) = WINDOWS_1252.decode(right.as_bytes());
            assert!(is_suspect(&wrong), "{wrong}");
            assert_eq!(repaired(&wrong).as_deref(), Some(right));
        }
        let (wrong, _, lost) = GBK.decode("气孔和夹渣".as_bytes());
        assert!(is_suspect(&wrong), "{wrong}");
        if !lost {
            assert_eq!(repaired(&wrong).as_deref(), Some("气孔和夹渣"));
        }
        assert!(is_suspect("锟斤拷锟斤拷") && is_suspect("焊\u{fffd}"));
        assert_eq!(repaired("锟斤拷锟斤拷"), None);
    }

    #[test]
    fn right_text_is_left_alone() {
        for text in
            ["联通", "焊缝表面有气孔怎么处理？", "Müller’s naïve façade", "σ = 235 MPa ± 5 °C", "ascii", "（）、。"]
        {
            assert!(!is_suspect(text), "{text}");
        }
    }

    /// No text of the sample data is taken for a broken one.
    #[test]
    fn sample_data_is_left_alone() {
        for file in ["train", "eval"] {
            let path = format!("{}/sample_data/{file}.jsonl", env!("CARGO_MANIFEST_DIR"));
            for (line, row) in crate::dataset::Dataset::open(path).unwrap().rows() {
                for text in std::iter::once(&row.query).chain(&row.pos).chain(&row.neg) {
                    assert!(!is_suspect(text), "{file}, line {line}: {text}");
                }
            }
        }
    }
}
