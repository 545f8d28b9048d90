//! One line read as a JSON object, taking note of everything that is wrong with it.

use super::json::{Member, elements, members};
use super::problem::{Fault, Field};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// Bytes of the longest line that is read as a row; the longest that a trainer could use has a tenth of it.
pub(super) const LONGEST_LINE: usize = 16 << 20;
/// Faults noted of one line.
const MOST_FAULTS: usize = 100;

/// A fault and its column (1-based, in characters).
pub(super) type Found = (Option<usize>, Fault);

/// A line's object while its fields are taken out of it.
pub(super) struct Object<'a> {
    text: &'a str,
    members: Vec<Member>,
    fields: Map<String, Value>,
    pub faults: Vec<Found>,
}

impl<'a> Object<'a> {
    /// Fails on a line that is not one JSON object.
    pub fn read(line: &'a [u8]) -> Result<Self, Found> {
        if line.len() > LONGEST_LINE {
            return Err((None, Fault::LineTooLong { bytes: line.len() }));
        }
        let text = std::str::from_utf8(line).map_err(|error| {
            let good = String::from_utf8_lossy(&line[..error.valid_up_to()]);
            (Some(good.chars().count() + 1), Fault::InvalidUtf8)
        })?;
        let value = serde_json::from_str(text).map_err(|error| not_json(text, &error))?;
        let Value::Object(fields) = value else {
            let found = type_name(&value);
            return Err((None, Fault::NotAnObject { found }));
        };
        let members = members(text);
        let mut known = HashSet::with_capacity(members.len());
        let again = members.iter().filter(|member| !known.insert(member.key.as_str())).take(MOST_FAULTS);
        let faults = again
            .map(|member| (Some(column(text, member.key_span.start)), Fault::DuplicateKey(member.key.clone())))
            .collect();
        Ok(Self { text, members, fields, faults })
    }

    /// Takes a field out; `null` is the same as none.
    pub fn take(&mut self, key: &str) -> Option<Value> {
        self.fields.shift_remove(key).filter(|value| !value.is_null())
    }

    /// Takes a string that the line must have, with something in it.
    pub fn text(&mut self, key: &'static str) -> String {
        let field = Field::whole(key);
        match self.take(key) {
            Some(Value::String(text)) => {
                if text.trim().is_empty() {
                    self.fault(field, Fault::Empty(field));
                }
                self.check_characters(field, &text);
                text
            }
            other => {
                self.fault(
                    field,
                    match other {
                        None => Fault::Missing(field),
                        Some(value) => Fault::WrongType { field, wanted: "a string", found: type_name(&value) },
                    },
                );
                String::new()
            }
        }
    }

    /// Takes a string that the line may have; anything else there is noted and left out.
    pub fn optional_text(&mut self, key: &'static str) -> Option<String> {
        match self.take(key)? {
            Value::String(text) => Some(text),
            other => {
                self.ignore(Field::whole(key), "a string", &other);
                None
            }
        }
    }

    /// The fields nobody took, in their order.
    pub fn rest(&mut self) -> Map<String, Value> {
        std::mem::take(&mut self.fields)
    }

    /// Notes a fault. Of very many, those that make the line unusable for the first time are noted still.
    pub fn fault(&mut self, field: Field, fault: Fault) {
        let is_bad = |(_, fault): &Found| fault.is_bad();
        if self.faults.len() >= MOST_FAULTS && (!fault.is_bad() || self.faults.iter().any(is_bad)) {
            return;
        }
        let place = self.members.iter().rfind(|member| member.key == field.key);
        let start = place.map(|member| match field.item {
            None => member.value.start,
            Some(item) => {
                elements(self.text, member.value.clone()).get(item).map_or(member.value.start, |element| element.start)
            }
        });
        let column = start.map(|start| column(self.text, start));
        self.faults.push((column, fault));
    }

    pub fn ignore(&mut self, field: Field, wanted: &'static str, value: &Value) {
        let found = type_name(value);
        self.fault(field, Fault::Ignored { field, wanted, found });
    }

    pub fn check_characters(&mut self, field: Field, text: &str) {
        let control = |byte: u8| byte.is_ascii_control() && !b"\t\r\n".contains(&byte);
        if text.bytes().any(control) {
            self.fault(field, Fault::ControlCharacter(field));
        }
    }
}

pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The column (1-based, in characters) of a byte of the line.
fn column(text: &str, byte: usize) -> usize {
    1 + text.char_indices().take_while(|(start, _)| *start < byte).count()
}

fn not_json(text: &str, error: &serde_json::Error) -> Found {
    let byte = error.column().saturating_sub(1);
    let rest = text.as_bytes().get(byte..).unwrap_or_default();
    let why = if rest.starts_with(b"NaN") || rest.starts_with(b"Infinity") {
        "NaN and Infinity are not JSON numbers".to_owned()
    } else if error.is_eof() {
        "it ends too early".to_owned()
    } else {
        let message = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        message.strip_suffix(&place).unwrap_or(&message).to_owned()
    };
    (Some(column(text, byte)), Fault::NotJson(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &[u8]) -> (Option<usize>, String) {
        let (column, fault) = Object::read(line).err().expect("the line is refused");
        assert!(fault.is_bad());
        (column, fault.to_string())
    }

    #[test]
    fn what_is_no_object_is_refused_with_a_column_in_characters() {
        let json = |why: &str| format!("the line is not JSON: {why}");
        assert_eq!(refused("焊缝".as_bytes()), (Some(1), json("expected value")));
        assert_eq!(refused("{\"焊\": NaN}".as_bytes()), (Some(7), json("NaN and Infinity are not JSON numbers")));
        assert_eq!(refused("{\"焊\": -Infinity}".as_bytes()).1, json("NaN and Infinity are not JSON numbers"));
        assert_eq!(refused(br#"{"a": "b"#).1, json("it ends too early"));
        assert_eq!(refused(br#"{"a": 1e999}"#).1, json("number out of range"));
        assert_eq!(refused("焊\u{0}".as_bytes()), (Some(1), json("expected value")));
        assert_eq!(
            refused(b"{\"a\": \"b\x01\"}").1,
            json("control character (\\u0000-\\u001F) found while parsing a string")
        );
        assert_eq!(refused("[".repeat(100_000).as_bytes()).1, json("recursion limit exceeded"));
        assert_eq!(refused(br#"{"a": "\ud800"}"#).1, json("unexpected end of hex escape"));
        assert_eq!(refused(br#"[{"query": "q"}]"#), (None, "the line holds a list, not an object in braces".into()));
        assert_eq!(refused(b"{\"\xe7\x84\x8a\": \"\xff\"}"), (Some(8), "the line is not valid UTF-8".into()));
    }

    #[test]
    fn a_line_that_no_row_fills_is_not_read() {
        let line = format!("{{\"query\": \"{}\"}}", "a".repeat(LONGEST_LINE));
        let why = format!("the line has {} bytes; a row has at most {LONGEST_LINE}", line.len());
        assert_eq!(refused(line.as_bytes()), (None, why));
        let most = format!("{{\"a\": \"{}\"}}", "a".repeat(LONGEST_LINE - 9));
        assert!(most.len() == LONGEST_LINE && Object::read(most.as_bytes()).is_ok());
    }

    #[test]
    fn duplicate_keys_are_found_however_they_are_written() {
        let object = Object::read(br#"{"query": 1, "qu\u0065ry": 2}"#).ok().unwrap();
        assert_eq!(object.faults, [(Some(14), Fault::DuplicateKey("query".into()))]);
    }
}
