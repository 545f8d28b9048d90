//! Where the parts of a JSON object lie in its text, so that an edit touches only what it changes.
//!
//! Only for text that `serde_json` has accepted: nothing here checks JSON.

use std::ops::Range;

/// One `"key": value` of an object, by its place in the text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Member {
    pub key: String,
    /// With its quotes.
    pub key_span: Range<usize>,
    pub value: Range<usize>,
}

/// The members of the object that `text` holds, in order, duplicates included.
pub(super) fn members(text: &str) -> Vec<Member> {
    let mut scan = Scan::inside(text, 0);
    let mut found = Vec::new();
    while scan.peek() == Some(b'"') {
        let key_span = scan.value();
        scan.skip_until_after(b':');
        scan.skip_space();
        let value = scan.value();
        let quoted = &text[key_span.clone()];
        let key = serde_json::from_str(quoted).unwrap_or_else(|_| quoted.to_owned());
        found.push(Member { key, key_span, value });
        scan.skip_comma();
    }
    found
}

/// The elements of the array at `array` in `text`.
pub(super) fn elements(text: &str, array: Range<usize>) -> Vec<Range<usize>> {
    let mut scan = Scan::inside(&text[..array.end], array.start);
    let mut found = Vec::new();
    while !matches!(scan.peek(), None | Some(b']')) {
        found.push(scan.value());
        scan.skip_comma();
    }
    found
}

/// `text` as a JSON string with its quotes; characters outside ASCII stay as they are.
pub(super) fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The blanks that a line puts after `:` and after `,`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Style {
    pub colon: String,
    pub comma: String,
}

impl Default for Style {
    /// As Python's `json.dumps` writes.
    fn default() -> Self {
        Self { colon: " ".into(), comma: " ".into() }
    }
}

impl Style {
    /// The style of the object that `text` holds.
    pub fn of(text: &str) -> Self {
        let members = members(text);
        let after = |from: usize, mark: char, to: usize| text[from..to].split_once(mark).map(|(_, gap)| gap.to_owned());
        let Some(first) = members.first() else {
            return Self::default();
        };
        let colon = after(first.key_span.end, ':', first.value.start).unwrap_or_default();
        let comma = members
            .get(1)
            .and_then(|second| after(first.value.end, ',', second.key_span.start))
            .unwrap_or_else(|| colon.clone());
        Self { colon, comma }
    }
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    /// Stands at the first thing inside the object or array that opens at or after `from`.
    fn inside(text: &'a str, from: usize) -> Self {
        let mut scan = Self { bytes: text.as_bytes(), at: from };
        scan.skip_space();
        scan.at += 1;
        scan.skip_space();
        scan
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn skip_until_after(&mut self, mark: u8) {
        while self.peek().is_some_and(|byte| byte != mark) {
            self.at += 1;
        }
        self.at += 1;
    }

    fn skip_comma(&mut self) {
        self.skip_space();
        if self.peek() == Some(b',') {
            self.at += 1;
        }
        self.skip_space();
    }

    fn value(&mut self) -> Range<usize> {
        let start = self.at;
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{' | b'[') => {
                let mut depth = 0usize;
                while let Some(byte) = self.peek() {
                    match byte {
                        b'"' => {
                            self.string();
                            continue;
                        }
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' => depth -= 1,
                        _ => {}
                    }
                    self.at += 1;
                    if depth == 0 {
                        break;
                    }
                }
            }
            _ => {
                let ends = b",]} \t\r\n";
                while self.peek().is_some_and(|byte| !ends.contains(&byte)) {
                    self.at += 1;
                }
            }
        }
        start..self.at
    }

    fn string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#" {"query" : "焊\"缝,", "n":-1.5e3,"pos": [ "a" ,"]}", {"x":[1]},null ], "qu\u0065ry":{} } "#;

    #[test]
    fn members_are_found_with_their_places() {
        let found = members(TEXT);
        let parts: Vec<_> = found.iter().map(|m| (m.key.as_str(), &TEXT[m.value.clone()])).collect();
        assert_eq!(
            parts,
            [("query", r#""焊\"缝,""#), ("n", "-1.5e3"), ("pos", r#"[ "a" ,"]}", {"x":[1]},null ]"#), ("query", "{}"),]
        );
        assert_eq!(&TEXT[found[3].key_span.clone()], r#""qu\u0065ry""#);
    }

    #[test]
    fn elements_are_found_with_their_places() {
        let pos = members(TEXT)[2].value.clone();
        let parts: Vec<_> = elements(TEXT, pos).into_iter().map(|e| &TEXT[e]).collect();
        assert_eq!(parts, [r#""a""#, r#""]}""#, r#"{"x":[1]}"#, "null"]);
        assert!(elements("[ ]", 0..3).is_empty());
        assert!(elements("[]", 0..2).is_empty());
        assert!(members("{}").is_empty());
    }

    #[test]
    fn style_is_the_lines_own() {
        let style = |colon: &str, comma: &str| Style { colon: colon.into(), comma: comma.into() };
        assert_eq!(Style::of(r#"{"a": 1, "b": 2}"#), style(" ", " "));
        assert_eq!(Style::of(r#"{"a":1,"b":2}"#), style("", ""));
        assert_eq!(Style::of(r#"{"a": 1,"b":2}"#), style(" ", ""));
        assert_eq!(Style::of(r#"{"a":1}"#), style("", ""));
        assert_eq!(Style::of("{}"), Style::default());
    }

    #[test]
    fn quoting_keeps_chinese_and_escapes_controls() {
        assert_eq!(quote("焊缝\t\"\u{1}\\"), r#""焊缝\t\"\u0001\\""#);
    }
}
