//! How a file's text is written as bytes.
//!
//! Programs on Windows machines in China write UTF-8 with and without a byte-order mark, UTF-16 and
//! GBK, which GB18030 extends. A file is taken as another encoding than UTF-8 only if it decodes
//! without an error and encoding the text gives back the very same bytes, so that a file which is
//! opened and saved keeps every byte.
//!
//! A byte-order mark stays in the text as U+FEFF, and [`encode`] writes it back as any other character.

use super::source::Seen;
use encoding_rs::GB18030;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// The UTF-8 byte-order mark.
const BOM: &[u8] = b"\xef\xbb\xbf";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    #[default]
    Utf8,
    /// UTF-8 that begins with a byte-order mark.
    Utf8Bom,
    Utf16Le,
    Utf16Be,
    /// GB18030, of which GBK and GB2312 are parts.
    Gb18030,
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utf8 => "UTF-8",
            Self::Utf8Bom => "UTF-8 with a byte-order mark",
            Self::Utf16Le => "UTF-16 LE",
            Self::Utf16Be => "UTF-16 BE",
            Self::Gb18030 => "GBK (GB18030)",
        })
    }
}

/// A file's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// UTF-8; the file's own bytes if it was [`Encoding::Utf8`] or [`Encoding::Utf8Bom`]. Only then
    /// may some of it not be valid UTF-8.
    pub bytes: Cow<'a, [u8]>,
    pub encoding: Encoding,
}

/// A character that an encoding cannot write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{encoding} has no code for the character U+{:04X}. Remove it, or save as UTF-8", u32::from(*.character))]
pub struct Unencodable {
    pub character: char,
    pub encoding: Encoding,
}

/// The text of a file's bytes; copies nothing if they are UTF-8.
pub fn decode(bytes: &[u8]) -> Decoded<'_> {
    decode_seen(bytes, &Seen::of(bytes))
}

/// As [`decode`], of bytes that were looked through already.
pub(super) fn decode_seen<'a>(bytes: &'a [u8], seen: &Seen) -> Decoded<'a> {
    let unchanged = |encoding| Decoded { bytes: Cow::Borrowed(bytes), encoding };
    match candidate(bytes, seen) {
        encoding @ (Encoding::Utf8 | Encoding::Utf8Bom) => unchanged(encoding),
        encoding => match decode_as(bytes, encoding) {
            Some(text) if !text.contains(is_no_text) => Decoded { bytes: Cow::Owned(text.into_bytes()), encoding },
            _ => unchanged(Encoding::Utf8),
        },
    }
}

/// The text of the whole lines among a file's first bytes; none if not even one is whole.
pub(super) fn decode_head(bytes: &[u8]) -> Option<Decoded<'_>> {
    // A line break of one byte is no part of another character, other than in UTF-16.
    let lines = &bytes[..=memchr::memrchr(b'\n', bytes)?];
    let (units, _) = bytes.as_chunks::<2>();
    let whole_units = |newline| Some((units.iter().rposition(|unit| *unit == newline)? + 1) * 2);
    let end = match candidate(units.as_flattened(), &Seen::of(lines)) {
        Encoding::Utf16Le => whole_units([b'\n', 0])?,
        Encoding::Utf16Be => whole_units([0, b'\n'])?,
        Encoding::Utf8 | Encoding::Utf8Bom | Encoding::Gb18030 => lines.len(),
    };
    Some(decode(&bytes[..end]))
}

/// What bytes seem to be in, before they are decoded.
fn candidate(bytes: &[u8], seen: &Seen) -> Encoding {
    if bytes.starts_with(BOM) {
        Encoding::Utf8Bom
    } else if bytes.starts_with(b"\xff\xfe") {
        Encoding::Utf16Le
    } else if bytes.starts_with(b"\xfe\xff") {
        Encoding::Utf16Be
    } else if seen.has_zeros
        && let Some(utf16) = utf16_by_zero_bytes(bytes, seen.is_utf8)
    {
        utf16
    } else if seen.is_utf8 || !looks_like_gbk(bytes) {
        Encoding::Utf8
    } else {
        Encoding::Gb18030
    }
}

/// The text of a file that was found to be in this encoding before. If it cannot be, its bytes stay as they are.
pub(super) fn decode_known(bytes: &[u8], encoding: Encoding) -> Decoded<'_> {
    match encoding {
        Encoding::Utf8 | Encoding::Utf8Bom => Decoded { bytes: Cow::Borrowed(bytes), encoding },
        other => match decode_as(bytes, other) {
            Some(text) => Decoded { bytes: Cow::Owned(text.into_bytes()), encoding },
            None => Decoded { bytes: Cow::Borrowed(bytes), encoding: Encoding::Utf8 },
        },
    }
}

/// The text of bytes in this encoding. `None` if they hold an error, or if encoding the text would
/// not give back the very same bytes.
pub fn decode_as(bytes: &[u8], encoding: Encoding) -> Option<String> {
    let text = match encoding {
        Encoding::Utf8 | Encoding::Utf8Bom => return std::str::from_utf8(bytes).ok().map(str::to_owned),
        Encoding::Utf16Le => String::from_utf16(&units(bytes, u16::from_le_bytes)?).ok()?,
        Encoding::Utf16Be => String::from_utf16(&units(bytes, u16::from_be_bytes)?).ok()?,
        Encoding::Gb18030 => GB18030.decode_without_bom_handling_and_without_replacement(bytes)?.into_owned(),
    };
    encode(&text, encoding).is_ok_and(|again| again == bytes).then_some(text)
}

/// The bytes of a text; copies nothing for UTF-8.
///
/// # Errors
/// If GB18030 has no code for a character; the Unicode encodings have one for each.
pub fn encode(text: &str, encoding: Encoding) -> Result<Cow<'_, [u8]>, Unencodable> {
    Ok(match encoding {
        Encoding::Utf8 | Encoding::Utf8Bom => Cow::Borrowed(text.as_bytes()),
        Encoding::Utf16Le => Cow::Owned(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        Encoding::Utf16Be => Cow::Owned(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        Encoding::Gb18030 => {
            let (bytes, _, has_errors) = GB18030.encode(text);
            if has_errors {
                let lost = |character: &char| GB18030.encode(character.encode_utf8(&mut [0; 4])).2;
                let character = text.chars().find(lost).unwrap_or(char::REPLACEMENT_CHARACTER);
                return Err(Unencodable { character, encoding });
            }
            bytes
        }
    })
}

fn units(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<Vec<u16>> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|pair| unit(*pair)).collect())
}

/// Characters that no text file holds; they tell that bytes were taken for the wrong encoding.
fn is_no_text(character: char) -> bool {
    matches!(character, '\0'..='\u{8}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

/// UTF-16 without a byte-order mark: ASCII characters (tabs, quotes, line breaks, digits) have a zero
/// byte, and always on the same side.
fn utf16_by_zero_bytes(bytes: &[u8], is_utf8: bool) -> Option<Encoding> {
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    let (mut even, mut odd) = (Side::default(), Side::default());
    for [first, second] in bytes.as_chunks::<2>().0 {
        even.count(*first, *second);
        odd.count(*second, *first);
    }
    let (side, other, encoding) =
        if odd > even { (odd, even, Encoding::Utf16Le) } else { (even, odd, Encoding::Utf16Be) };
    // UTF-16 that is also valid UTF-8 is short or nearly all ASCII; other text has at least its line breaks.
    let enough = if is_utf8 { bytes.len() / 8 } else { bytes.len() / 2000 };
    let is_clear = side.line_breaks > other.line_breaks || side.zeros >= other.zeros * 2;
    (side.zeros >= enough.max(1) && is_clear).then_some(encoding)
}

/// What speaks for one order of the two bytes: line breaks more than other ASCII characters, since
/// frequent ideographs such as 一 (U+4E00) have a zero byte, too, on the other side.
#[derive(Default, PartialEq, PartialOrd)]
struct Side {
    line_breaks: usize,
    zeros: usize,
}

impl Side {
    fn count(&mut self, high: u8, low: u8) {
        self.zeros += usize::from(high == 0);
        self.line_breaks += usize::from(high == 0 && low == b'\n');
    }
}

/// Whether bytes that are not UTF-8 are GBK rather than UTF-8 or a western encoding with bad bytes.
///
/// In Chinese text nearly every character is a punctuation mark or an ideograph of GB2312: both bytes
/// above 0xA0, the first one of 0xA1–0xA3 or 0xB0–0xF7. In Big5 and western text few pairs are.
fn looks_like_gbk(bytes: &[u8]) -> bool {
    let (mut pairs, mut common, mut at) = (0usize, 0usize, 0);
    while let Some(&first) = bytes.get(at) {
        if first < 0x80 {
            at += 1;
            continue;
        }
        match bytes.get(at + 1) {
            Some(0x30..=0x39) => at += 4,
            Some(&second) => {
                pairs += 1;
                common += usize::from(second > 0xa0 && matches!(first, 0xa1..=0xa3 | 0xb0..=0xf7));
                at += 2;
            }
            None => at += 1,
        }
    }
    // Two bytes of GBK are often valid UTF-8 by chance, three rarely; Chinese UTF-8 is made of threes.
    let (mut twos, mut threes, mut bad) = (0usize, 0usize, 0usize);
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character.len_utf8() {
                1 => {}
                2 => twos += 2,
                length => threes += length,
            }
        }
        bad += chunk.invalid().len();
    }
    common * 2 >= pairs && bad * 8 > twos && bad >= threes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Encoding; 5] =
        [Encoding::Utf8, Encoding::Utf8Bom, Encoding::Utf16Le, Encoding::Utf16Be, Encoding::Gb18030];

    const TEXT: &str = "{\"query\": \"什么是咬边？\", \"pos\": [\"沿焊趾的母材部位产生的沟槽。\"]}\r\n\
                        {\"query\": \"钨极氩弧焊\", \"pos\": [\"一种用钨极的气体保护焊, 简称 TIG\"]}\n";

    fn bytes(text: &str, encoding: Encoding) -> Vec<u8> {
        encode(text, encoding).unwrap().into_owned()
    }

    #[test]
    fn every_encoding_is_recognised_with_and_without_its_mark() {
        for encoding in ALL {
            for mark in ["", "\u{feff}"] {
                let expected = match encoding {
                    Encoding::Utf8 | Encoding::Utf8Bom if mark.is_empty() => Encoding::Utf8,
                    Encoding::Utf8 => Encoding::Utf8Bom,
                    other => other,
                };
                let text = format!("{mark}{TEXT}");
                let bytes = bytes(&text, encoding);
                let decoded = decode(&bytes);
                assert_eq!(decoded.encoding, expected, "{encoding} {mark:?}");
                assert_eq!(decoded.bytes, text.as_bytes(), "{encoding} {mark:?}");
                let copied = matches!(decoded.bytes, Cow::Owned(_));
                assert_eq!(copied, !matches!(expected, Encoding::Utf8 | Encoding::Utf8Bom));
            }
        }
    }

    /// What Python's codecs write for this text.
    #[test]
    fn the_bytes_are_those_of_other_programs() {
        assert_eq!(bytes("焊a，€𠮷", Encoding::Gb18030), b"\xba\xb8a\xa3\xac\xa2\xe3\x95\x34\xb2\x35");
        assert_eq!(bytes("焊a𠮷", Encoding::Utf16Le), b"\x0a\x71a\x00\x42\xd8\xb7\xdf");
        assert_eq!(bytes("焊a𠮷", Encoding::Utf16Be), b"\x71\x0a\x00a\xd8\x42\xdf\xb7");
    }

    #[test]
    fn short_texts_are_recognised() {
        for text in ["联通", "焊", "问题,答案\r\n什么是气孔,焊缝中的孔洞\r\n", "a\t氩弧焊\n"] {
            assert_eq!(decode(&bytes(text, Encoding::Gb18030)).encoding, Encoding::Gb18030, "{text}");
        }
        for text in ["a\tb\r\n", "问\t一\n答\t一一\n"] {
            for encoding in [Encoding::Utf16Le, Encoding::Utf16Be] {
                assert_eq!(decode(&bytes(text, encoding)).encoding, encoding, "{text}");
            }
        }
    }

    #[test]
    fn traditional_characters_in_gbk_are_recognised() {
        let text = "銲接缺陷有哪些？氣孔、夾渣、未熔合、裂紋和咬邊，都是常見的缺陷。";
        assert_eq!(decode(&bytes(text, Encoding::Gb18030)).encoding, Encoding::Gb18030);
    }

    #[test]
    fn what_is_no_whole_other_encoding_stays_as_it_is() {
        let mut damaged = TEXT.as_bytes().to_vec();
        damaged[12] = 0xff;
        let big5 = encoding_rs::BIG5.encode("焊接的缺陷有哪些？我們這一個章節在說明不同的氣孔。").0.into_owned();
        let mut cut = bytes(TEXT, Encoding::Utf16Le);
        cut.pop();
        let gbk_and_half = [bytes(TEXT, Encoding::Gb18030), vec![0xba]].concat();
        let half_gbk = [TEXT.as_bytes(), &bytes(TEXT, Encoding::Gb18030)].concat();
        let stray_zero = format!("{TEXT}\0").into_bytes();
        let lone_surrogate = b"\xff\xfea\0\x42\xd8b\0".to_vec();
        let utf32 = b"\xff\xfe\0\0a\0\0\0".to_vec();
        for source in [
            damaged,
            half_gbk,
            big5,
            cut,
            gbk_and_half,
            stray_zero,
            lone_surrogate,
            utf32,
            b"na\xefve caf\xe9 \xfcber\n".to_vec(),
            b"{\"a\"}\n\xff\n".to_vec(),
            "焊接\u{fffd}".as_bytes()[..8].to_vec(),
            Vec::new(),
        ] {
            let decoded = decode(&source);
            assert_eq!(decoded.encoding, Encoding::Utf8, "{source:x?}");
            assert!(matches!(decoded.bytes, Cow::Borrowed(same) if same == source));
        }
    }

    #[test]
    fn a_character_without_a_code_is_told() {
        let error = encode("焊\u{e5e5}", Encoding::Gb18030).unwrap_err();
        assert_eq!(error.character, '\u{e5e5}');
        assert!(error.to_string().contains("U+E5E5"));
        assert_eq!(decode_as(b"\xa3\xa0", Encoding::Gb18030), None, "two codes of one character");
    }

    proptest! {
        #[test]
        fn chinese_text_comes_back_from_every_encoding(text in "[一-龥，。？“”0-9a-zA-Z,\t\"㐀-䶵𠀀-𠀿🔥\r\n]{0,60}") {
            for encoding in ALL {
                let bytes = bytes(&text, encoding);
                prop_assert_eq!(decode_as(&bytes, encoding), Some(text.clone()));
            }
        }

        #[test]
        fn lines_of_common_text_are_recognised(
            lines in prop::collection::vec("[焊接缺陷气孔夹渣裂纹电弧母材一的是在不了有，。？]{8,30}[a-z0-9 ]{0,8}", 1..8)
        ) {
            let text = lines.join("\r\n") + "\r\n";
            for encoding in [Encoding::Utf8, Encoding::Utf16Le, Encoding::Utf16Be, Encoding::Gb18030] {
                let bytes = bytes(&text, encoding);
                // Bytes that are valid in both may be either; they are taken as UTF-8.
                if encoding != Encoding::Utf8 && std::str::from_utf8(&bytes).is_ok() {
                    continue;
                }
                let decoded = decode(&bytes);
                prop_assert_eq!(decoded.encoding, encoding);
                prop_assert_eq!(&decoded.bytes[..], text.as_bytes());
            }
        }

        #[test]
        fn whatever_is_decoded_encodes_to_the_same_bytes(source in prop::collection::vec(any::<u8>(), 0..80)) {
            let decoded = decode(&source);
            if let Ok(text) = std::str::from_utf8(&decoded.bytes) {
                prop_assert_eq!(&encode(text, decoded.encoding).unwrap()[..], &source[..]);
            } else {
                prop_assert_eq!(&decoded.bytes[..], &source[..]);
            }
        }
    }
}
