//! One question with the passages that answer it and those that do not.

use super::json::{Style, quote};
use super::object::{Found, Object, type_name};
use super::problem::{Fault, Field};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The two lists of passages of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Passages that answer the query (`pos`).
    Positive,
    /// Passages that do not (`neg`).
    Negative,
}

impl Side {
    pub fn other(self) -> Self {
        match self {
            Side::Positive => Side::Negative,
            Side::Negative => Side::Positive,
        }
    }

    /// The key of the passages in the file.
    pub fn key(self) -> &'static str {
        match self {
            Side::Positive => "pos",
            Side::Negative => "neg",
        }
    }

    pub(super) fn scores_key(self) -> &'static str {
        match self {
            Side::Positive => "pos_scores",
            Side::Negative => "neg_scores",
        }
    }

    pub(super) fn ids_key(self) -> &'static str {
        match self {
            Side::Positive => "pos_ids",
            Side::Negative => "neg_ids",
        }
    }
}

/// A training or evaluation row in FlagEmbedding's format.
///
/// A `Row` in a [`Dataset`](super::Dataset) always has a query and at least one positive, none of
/// them blank. `null` in the file is the same as an absent field.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Row {
    pub query: String,
    /// Passages that answer the query.
    pub pos: Vec<String>,
    /// Passages that do not; evaluation rows have none.
    pub neg: Vec<String>,
    /// The teacher's score of each positive. `None` unless every positive has one.
    pub pos_scores: Option<Vec<f64>>,
    /// The teacher's score of each negative. `None` unless every negative has one.
    pub neg_scores: Option<Vec<f64>>,
    /// Ids of the positives in a corpus, one for each; `None` inside where one is not known.
    pub pos_ids: Option<Vec<Option<String>>>,
    /// Ids of the negatives in a corpus, likewise.
    pub neg_ids: Option<Vec<Option<String>>>,
    /// An instruction for this row's query, in place of the run's.
    pub prompt: Option<String>,
    /// FlagEmbedding's `type`: `normal`, `symmetric_sts`, `only_1neg`, …
    pub kind: Option<String>,
    /// Every other field of the line, in its order.
    pub other: Map<String, Value>,
}

impl Row {
    pub fn passages(&self, side: Side) -> &[String] {
        match side {
            Side::Positive => &self.pos,
            Side::Negative => &self.neg,
        }
    }

    /// A line's text as a row; `None` if it is no usable one.
    pub fn parse(line: &str) -> Option<Self> {
        Self::read(line.as_bytes()).0
    }

    /// Reads a line. The row is `None` if a fault makes the line unusable.
    pub(super) fn read(line: &[u8]) -> (Option<Row>, Vec<Found>) {
        let mut object = match Object::read(line) {
            Ok(object) => object,
            Err(found) => return (None, vec![found]),
        };
        let query = object.text("query");
        let pos = passages(&mut object, Side::Positive);
        let neg = passages(&mut object, Side::Negative);
        let row = Row {
            pos_scores: scores(&mut object, Side::Positive, pos.len()),
            neg_scores: scores(&mut object, Side::Negative, neg.len()),
            pos_ids: ids(&mut object, Side::Positive, pos.len()),
            neg_ids: ids(&mut object, Side::Negative, neg.len()),
            query,
            pos,
            neg,
            prompt: object.optional_text("prompt"),
            kind: object.optional_text("type"),
            other: object.rest(),
        };
        let first_of = |side: Side| {
            let mut first = HashMap::new();
            for (at, passage) in row.passages(side).iter().enumerate() {
                first.entry(passage.as_str()).or_insert(at);
            }
            first
        };
        let positives = first_of(Side::Positive);
        for (at, negative) in row.neg.iter().enumerate() {
            if let Some(same) = positives.get(negative.as_str()) {
                let negative = Field::item("neg", at);
                let positive = Field::item("pos", *same);
                object.fault(negative, Fault::NegativeIsPositive { negative, positive });
            }
        }
        for (side, first) in [(Side::Positive, positives), (Side::Negative, first_of(Side::Negative))] {
            for (at, passage) in row.passages(side).iter().enumerate() {
                if first[passage.as_str()] < at {
                    let again = Field::item(side.key(), at);
                    let first = Field::item(side.key(), first[passage.as_str()]);
                    object.fault(again, Fault::RepeatedPassage { again, first });
                }
            }
        }
        let usable = !object.faults.iter().any(|(_, fault)| fault.is_bad());
        (usable.then_some(row), object.faults)
    }

    /// The row as a line of JSON, without a line end.
    pub fn line(&self) -> String {
        self.to_line(&Style::default())
    }

    /// The row as a line of its own; optional fields that are `None` or empty are left out.
    pub(super) fn to_line(&self, style: &Style) -> String {
        let list = |items: Vec<String>| format!("[{}]", items.join(&format!(",{}", style.comma)));
        let texts = |texts: &[String]| list(texts.iter().map(|text| quote(text)).collect());
        let numbers = |numbers: &[f64]| list(numbers.iter().map(|number| Value::from(*number).to_string()).collect());
        let names = |names: &[Option<String>]| {
            list(names.iter().map(|name| name.as_deref().map_or("null".into(), quote)).collect())
        };
        let mut fields = vec![("query", quote(&self.query)), ("pos", texts(&self.pos))];
        if !self.neg.is_empty() {
            fields.push(("neg", texts(&self.neg)));
        }
        for (key, scores) in [("pos_scores", &self.pos_scores), ("neg_scores", &self.neg_scores)] {
            fields.extend(scores.as_deref().map(|scores| (key, numbers(scores))));
        }
        for (key, ids) in [("pos_ids", &self.pos_ids), ("neg_ids", &self.neg_ids)] {
            fields.extend(ids.as_deref().map(|ids| (key, names(ids))));
        }
        for (key, text) in [("prompt", &self.prompt), ("type", &self.kind)] {
            fields.extend(text.as_deref().map(|text| (key, quote(text))));
        }
        let other = self.other.iter();
        fields.extend(other.map(|(key, value)| (key.as_str(), value.to_string())));
        let members: Vec<_> =
            fields.into_iter().map(|(key, value)| format!("{}:{}{value}", quote(key), style.colon)).collect();
        format!("{{{}}}", members.join(&format!(",{}", style.comma)))
    }
}

fn passages(object: &mut Object, side: Side) -> Vec<String> {
    let key = side.key();
    let field = Field::whole(key);
    let items = match object.take(key) {
        Some(Value::Array(items)) => items,
        None if side == Side::Negative => return Vec::new(),
        None => {
            object.fault(field, Fault::Missing(field));
            return Vec::new();
        }
        Some(other) => {
            object.fault(field, Fault::WrongType { field, wanted: "a list of strings", found: type_name(&other) });
            return Vec::new();
        }
    };
    if items.is_empty() {
        object.fault(
            field,
            match side {
                Side::Positive => Fault::Empty(field),
                Side::Negative => Fault::NoNegatives,
            },
        );
    }
    let mut texts = Vec::with_capacity(items.len());
    for (at, item) in items.into_iter().enumerate() {
        let field = Field::item(key, at);
        match item {
            Value::String(text) => {
                if text.trim().is_empty() {
                    object.fault(
                        field,
                        match side {
                            Side::Positive => Fault::Empty(field),
                            Side::Negative => Fault::EmptyNegative(field),
                        },
                    );
                }
                object.check_characters(field, &text);
                texts.push(text);
            }
            other => object.fault(field, Fault::WrongType { field, wanted: "a string", found: type_name(&other) }),
        }
    }
    texts
}

/// A list with one item for each of `passages` passages, if the line has it.
fn parallel(object: &mut Object, key: &'static str, passages: usize) -> Option<Vec<Value>> {
    match object.take(key)? {
        Value::Array(items) if items.len() == passages => Some(items),
        Value::Array(items) => {
            let field = Field::whole(key);
            object.fault(field, Fault::WrongLength { field, wanted: passages, found: items.len() });
            None
        }
        other => {
            object.ignore(Field::whole(key), "a list", &other);
            None
        }
    }
}

fn scores(object: &mut Object, side: Side, passages: usize) -> Option<Vec<f64>> {
    let key = side.scores_key();
    let items = parallel(object, key, passages)?;
    // A score is computed with as a 32-bit float, in which a larger one is infinite.
    let finite = |number: &f64| (*number as f32).is_finite();
    let numbers: Vec<_> = items.iter().map_while(|item| item.as_f64().filter(finite)).collect();
    if let Some(item) = items.get(numbers.len()) {
        let wanted = if item.is_number() { "a number of 32 bits" } else { "a number" };
        object.ignore(Field::item(key, numbers.len()), wanted, item);
        return None;
    }
    Some(numbers)
}

fn ids(object: &mut Object, side: Side, passages: usize) -> Option<Vec<Option<String>>> {
    let key = side.ids_key();
    let items = parallel(object, key, passages)?;
    let mut ids = Vec::with_capacity(items.len());
    for (at, item) in items.iter().enumerate() {
        match item {
            Value::Null => ids.push(None),
            Value::String(_) | Value::Number(_) => ids.push(id_text(item)),
            other => {
                object.ignore(Field::item(key, at), "an id", other);
                return None;
            }
        }
    }
    Some(ids)
}

/// An id as text; files write ids as strings or as numbers.
pub(super) fn id_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(line: &str) -> Vec<String> {
        let (row, faults) = Row::read(line.as_bytes());
        let bad = faults.iter().any(|(_, fault)| fault.is_bad());
        assert_eq!(row.is_none(), bad, "{line}");
        faults.iter().map(|(column, fault)| format!("{}: {fault}", column.unwrap_or(0))).collect()
    }

    #[test]
    fn a_full_row_is_read() {
        let line = r#"{"query": "什么是咬边", "topic": "x", "pos": ["甲", "乙"], "neg": ["丙"], "pos_scores": [1, -0.5], "neg_scores": [2e-1], "pos_ids": ["a", 7], "neg_ids": [null], "prompt": "p", "type": "normal", "n": 1.0}"#;
        let (row, faults) = Row::read(line.as_bytes());
        let row = row.unwrap();
        assert!(faults.is_empty());
        assert_eq!(row.query, "什么是咬边");
        assert_eq!(row.passages(Side::Positive), ["甲", "乙"]);
        assert_eq!(row.passages(Side::Negative), ["丙"]);
        assert_eq!(row.pos_scores.as_deref(), Some(&[1.0, -0.5][..]));
        assert_eq!(row.neg_scores.as_deref(), Some(&[0.2][..]));
        assert_eq!(row.pos_ids, Some(vec![Some("a".into()), Some("7".into())]));
        assert_eq!(row.neg_ids, Some(vec![None]));
        assert_eq!(row.prompt.as_deref(), Some("p"));
        assert_eq!(row.kind.as_deref(), Some("normal"));
        assert_eq!(row.other.keys().collect::<Vec<_>>(), ["topic", "n"]);
    }

    #[test]
    fn null_is_the_same_as_absent() {
        let line = r#"{"query": "q", "pos": ["a"], "neg": null, "pos_scores": null, "pos_ids": null, "prompt": null, "type": null}"#;
        let (row, faults) = Row::read(line.as_bytes());
        assert!(faults.is_empty());
        assert_eq!(row, Some(Row { query: "q".into(), pos: vec!["a".into()], ..Row::default() }));
    }

    #[test]
    fn what_makes_a_line_unusable() {
        for (line, expected) in [
            (r#"{"pos": ["a"]}"#, "0: `query` is missing"),
            (r#"{"query": ["q"], "pos": ["a"]}"#, "11: `query` is a list, not a string"),
            (r#"{"query": " ", "pos": ["a"]}"#, "11: `query` is empty"),
            (r#"{"query": "q"}"#, "0: `pos` is missing"),
            (r#"{"query": "q", "pos": []}"#, "23: `pos` is empty"),
            (r#"{"query": "q", "pos": "a"}"#, "23: `pos` is a string, not a list of strings"),
            (r#"{"query": "q", "pos": ["a", 3]}"#, "29: item 2 of `pos` is a number, not a string"),
            (r#"{"query": "q", "pos": ["a", ""]}"#, "29: item 2 of `pos` is empty"),
            (r#"{"query": "焊", "pos": ["a"], "neg": {}}"#, "37: `neg` is an object, not a list of strings"),
            (r#"{"query": "q", "pos": ["a"], "neg": [null]}"#, "38: item 1 of `neg` is null, not a string"),
        ] {
            assert_eq!(faults(line), [expected], "{line}");
            assert!(Row::read(line.as_bytes()).0.is_none());
        }
    }

    #[test]
    fn what_leaves_a_usable_row() {
        for (line, expected) in [
            (r#"{"query": "q", "pos": ["a"], "pos_scores": [1, 2]}"#, "44: `pos_scores` has 2 items for 1 passages"),
            (
                r#"{"query": "q", "pos": ["a", "b"], "pos_scores": [1, "2"]}"#,
                "53: item 2 of `pos_scores` is a string, not a number, and is left out",
            ),
            (
                r#"{"query": "q", "pos": ["a"], "pos_scores": [1e39]}"#,
                "45: item 1 of `pos_scores` is a number, not a number of 32 bits, and is left out",
            ),
            (
                r#"{"query": "q", "pos": ["a"], "pos_ids": [[]]}"#,
                "42: item 1 of `pos_ids` is a list, not an id, and is left out",
            ),
            (r#"{"query": "q", "pos": ["a"], "neg": ["b", " "]}"#, "43: item 2 of `neg` is an empty negative"),
            (r#"{"query": "q", "pos": ["a"], "neg": []}"#, "37: `neg` is an empty list"),
            (r#"{"query": "q", "pos": ["a"], "type": 3}"#, "38: `type` is a number, not a string, and is left out"),
            (r#"{"query": "q\u0000", "pos": ["a"]}"#, "11: `query` holds control characters"),
            (
                r#"{"query": "q", "pos": ["a", "b"], "neg": ["c", "b"]}"#,
                "48: item 2 of `neg` is the same text as item 2 of `pos`",
            ),
        ] {
            assert_eq!(faults(line), [expected], "{line}");
            let row = Row::read(line.as_bytes()).0.unwrap();
            assert_eq!(row.pos_scores, None);
            assert_eq!(row.pos_ids, None);
        }
    }

    /// Looking for the same text among all others would take minutes, and one fault more than the memory.
    #[test]
    fn a_line_of_very_many_passages_is_soon_read() {
        let started = std::time::Instant::now();
        let passages = vec!["\"\""; 300_000].join(",");
        let line = format!("{{\"query\": \"q\", \"neg\": [{passages}], \"pos\": [\"a\", \"\"], \"\": 1, \"\": 2}}");
        let (row, faults) = Row::read(line.as_bytes());
        assert!(row.is_none() && faults.iter().filter(|(_, fault)| fault.is_bad()).count() == 2);
        assert!(faults.len() < 200 && faults.iter().any(|(_, fault)| matches!(fault, Fault::EmptyNegative(_))));
        let keys: String = (0..100_000).map(|key| format!("\"{key}\": 1, ")).collect();
        let line = format!("{{{keys}\"query\": \"q\", \"pos\": [\"a\"]}}");
        assert_eq!(Row::read(line.as_bytes()).0.unwrap().other.len(), 100_000);
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    }

    #[test]
    fn a_row_written_as_a_line_reads_back_the_same() {
        let line = r#"{"query":"q","pos":["甲","乙"],"neg":["丙"],"pos_scores":[1.0,-0.5],"neg_scores":[0.2],"pos_ids":["a",null],"neg_ids":["c"],"prompt":"p","type":"normal","z":{"a":[1,2]},"b":true}"#;
        let row = Row::read(line.as_bytes()).0.unwrap();
        assert_eq!(row.to_line(&Style::of(line)), line);
        let spaced = row.to_line(&Style::default());
        assert!(spaced.starts_with(r#"{"query": "q", "pos": ["甲", "乙"], "neg": ["#));
        assert_eq!(Row::read(spaced.as_bytes()).0, Some(row));
    }
}
