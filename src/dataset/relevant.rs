//! Which passages of a corpus answer a question.

use super::corpus::Corpus;
use super::row::Row;

/// The indices of the passages in `corpus` that are positives of `row`, in ascending order.
///
/// A positive is looked up by its id (`pos_ids`) where it has one that the corpus knows, and by its
/// exact text otherwise. Passages that share that id or text all count. A positive that the corpus
/// does not hold adds nothing.
pub fn relevant(row: &Row, corpus: &Corpus) -> Vec<usize> {
    let mut found = Vec::new();
    for (at, text) in row.pos.iter().enumerate() {
        let id = row.pos_ids.as_ref().and_then(|ids| ids.get(at)?.as_deref());
        let by_id = id.map_or(&[][..], |id| corpus.with_id(id));
        let hits = if by_id.is_empty() { corpus.with_text(text) } else { by_id };
        found.extend_from_slice(hits);
    }
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positives_are_found_by_id_or_else_by_text() {
        let corpus = Corpus::from_bytes(
            br#"{"id": "a", "text": "one"}
{"id": "b", "text": "two"}
{"id": "c", "text": "one"}
{"id": 4, "text": "four"}
"#,
        );
        let found = |pos: &[&str], ids: Option<&[Option<&str>]>| {
            let row = Row {
                pos: pos.iter().map(|text| text.to_string()).collect(),
                pos_ids: ids.map(|ids| ids.iter().map(|id| id.map(str::to_owned)).collect()),
                ..Row::default()
            };
            relevant(&row, &corpus)
        };
        assert_eq!(found(&["two", "one"], None), [0, 1, 2]);
        assert_eq!(found(&["one"], Some(&[Some("c")])), [2]);
        assert_eq!(found(&["corrected", "two"], Some(&[Some("4"), None])), [1, 3]);
        assert_eq!(found(&["two"], Some(&[Some("unknown")])), [1]);
        assert!(found(&["three"], None).is_empty());
    }
}
