//! The edits of a row, each made on the text of its line: what an edit does not touch stays as it
//! was written, byte for byte.

use super::error::DatasetError;
use super::json::{Style, elements, members, quote};
use super::line::LineId;
use super::row::{Row, Side};
use std::ops::Range;

/// One thing done to a [`Dataset`](super::Dataset).
///
/// **Scores and ids.** `pos_scores`, `neg_scores`, `pos_ids` and `neg_ids` follow their passages
/// wherever they have one item a passage (a list of another length belongs to no passage and is
/// left alone). A passage that is added has no score and no id: the lists get `null` for it, so the
/// others keep theirs, and [`Row::pos_scores`] is `None` until the new passage is scored too. A
/// passage that is moved takes its score and id along; if the other side has no such list, one is
/// made, with `null` for the passages already there. Correcting the text of a passage keeps its
/// score and id; to put another passage in its place, remove it and add the other.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    SetQuery {
        line: LineId,
        query: String,
    },
    SetPassage {
        line: LineId,
        side: Side,
        /// 0-based.
        index: usize,
        text: String,
    },
    AddPassage {
        line: LineId,
        side: Side,
        /// Where it will stand, 0-based; the number of passages for the end.
        index: usize,
        text: String,
    },
    RemovePassage {
        line: LineId,
        side: Side,
        /// 0-based.
        index: usize,
    },
    /// Puts a passage at the end of the other side.
    MovePassage {
        line: LineId,
        from: Side,
        /// 0-based.
        index: usize,
    },
    /// Puts a passage at another place on its side.
    Reorder {
        line: LineId,
        side: Side,
        /// Where it is, 0-based.
        from: usize,
        /// Where it will be, 0-based.
        to: usize,
    },
    /// Gives every passage of a side a teacher score, or takes the list of scores away.
    SetScores {
        line: LineId,
        side: Side,
        /// One for each passage, in their order; finite.
        scores: Option<Vec<f64>>,
    },
    /// Sets the row's own instruction, or takes it away.
    SetPrompt {
        line: LineId,
        prompt: Option<String>,
    },
    /// Puts other negatives in the place of all. Their ids go, and so do the teacher scores of the row, which
    /// would be of no use to training without scores for the new ones.
    SetNegatives {
        line: LineId,
        negatives: Vec<String>,
    },
    /// Puts a new row before the line that is at `at` (0-based); the number of lines for the end.
    InsertRow {
        at: usize,
        row: Box<Row>,
    },
    /// Removes a line, be it a row, bad or blank.
    RemoveLine {
        line: LineId,
    },
    /// Puts other text in the place of a line, whatever it was; the text may be a row or not.
    ReplaceLine {
        line: LineId,
        text: String,
    },
}

/// A passage's score and id, as JSON, where it has them.
type Companions = [Option<String>; 2];

/// The text of one line while it is edited. `number` (1-based) is for errors only.
pub(super) struct RowText<'a> {
    text: String,
    row: &'a Row,
    number: usize,
}

impl<'a> RowText<'a> {
    pub fn new(text: String, row: &'a Row, number: usize) -> Self {
        Self { text, row, number }
    }

    pub fn set_query(mut self, query: &str) -> Result<String, DatasetError> {
        if self.row.query != query {
            not_empty(query)?;
            if let Some(span) = self.value("query") {
                self.text.replace_range(span, &quote(query));
            }
        }
        Ok(self.text)
    }

    pub fn set_passage(mut self, side: Side, index: usize, text: &str) -> Result<String, DatasetError> {
        self.check(side, index)?;
        if self.row.passages(side)[index] != text {
            not_empty(text)?;
            if let Some(span) = self.list(side.key()).and_then(|items| items.get(index).cloned()) {
                self.text.replace_range(span, &quote(text));
            }
        }
        Ok(self.text)
    }

    pub fn add_passage(mut self, side: Side, index: usize, text: &str) -> Result<String, DatasetError> {
        if index > 0 {
            self.check(side, index - 1)?;
        }
        let count = self.row.passages(side).len();
        self.insert(side, index, &quote(not_empty(text)?), [None, None], count);
        Ok(self.text)
    }

    pub fn reorder(mut self, side: Side, from: usize, to: usize) -> Result<String, DatasetError> {
        self.check(side, from)?;
        self.check(side, to)?;
        if from != to {
            let (passage, companions) = self.remove(side, from);
            let left = self.row.passages(side).len() - 1;
            self.insert(side, to, &passage, companions, left);
        }
        Ok(self.text)
    }

    pub fn set_scores(mut self, side: Side, scores: Option<&[f64]>) -> Result<String, DatasetError> {
        let Some(scores) = scores else {
            self.remove_member(side.scores_key());
            return Ok(self.text);
        };
        let count = self.row.passages(side).len();
        if scores.len() != count || scores.iter().any(|score| !score.is_finite()) {
            return Err(DatasetError::WrongScores { line: self.number, count });
        }
        let scores = self.json_list(scores.iter().map(|score| serde_json::Value::from(*score).to_string()));
        let neighbour = if self.value(side.key()).is_some() { side.key() } else { side.other().key() };
        self.set_member(side.scores_key(), &scores, neighbour);
        Ok(self.text)
    }

    pub fn set_prompt(mut self, prompt: Option<&str>) -> Result<String, DatasetError> {
        match prompt.filter(|prompt| !prompt.is_empty()) {
            Some(prompt) if self.row.prompt.as_deref() == Some(prompt) => {}
            Some(prompt) => self.set_member("prompt", &quote(prompt), "query"),
            None => self.remove_member("prompt"),
        }
        Ok(self.text)
    }

    pub fn set_negatives(mut self, negatives: &[String]) -> Result<String, DatasetError> {
        let texts = negatives.iter().map(|text| not_empty(text).map(quote)).collect::<Result<Vec<_>, _>>()?;
        let list = self.json_list(texts.into_iter());
        self.set_member("neg", &list, "pos");
        for key in ["pos_scores", "neg_scores", "neg_ids"] {
            self.remove_member(key);
        }
        Ok(self.text)
    }

    pub fn remove_passage(mut self, side: Side, index: usize) -> Result<String, DatasetError> {
        self.check(side, index)?;
        self.remove(side, index);
        Ok(self.text)
    }

    pub fn move_passage(mut self, from: Side, index: usize) -> Result<String, DatasetError> {
        self.check(from, index)?;
        let (passage, companions) = self.remove(from, index);
        let end = self.row.passages(from.other()).len();
        self.insert(from.other(), end, &passage, companions, end);
        Ok(self.text)
    }

    fn check(&self, side: Side, index: usize) -> Result<(), DatasetError> {
        let count = self.row.passages(side).len();
        if index < count {
            return Ok(());
        }
        Err(DatasetError::NoSuchPassage { line: self.number, side, index, count })
    }

    fn value(&self, key: &str) -> Option<Range<usize>> {
        let found = members(&self.text);
        found.into_iter().find(|member| member.key == key).map(|member| member.value)
    }

    /// The items of a list; `None` if there is no such list.
    fn list(&self, key: &str) -> Option<Vec<Range<usize>>> {
        let value = self.value(key)?;
        self.text[value.clone()].starts_with('[').then(|| elements(&self.text, value))
    }

    /// Takes a passage out, with its score and id.
    fn remove(&mut self, side: Side, index: usize) -> (String, Companions) {
        let count = self.row.passages(side).len();
        let passage = self.remove_item(side.key(), index, count);
        let companions = [side.scores_key(), side.ids_key()].map(|key| self.remove_item(key, index, count));
        (passage.unwrap_or_default(), companions)
    }

    /// Puts a passage in, with its score and id, where there are `count` of them now.
    fn insert(&mut self, side: Side, index: usize, passage: &str, companions: Companions, count: usize) {
        self.make_list(side.key(), side.other().key(), 0);
        self.insert_item(side.key(), index, passage, count);
        let keys = [(side.scores_key(), side.other().scores_key()), (side.ids_key(), side.other().ids_key())];
        for ((key, other_key), companion) in keys.into_iter().zip(companions) {
            let companion = companion.as_deref().unwrap_or("null");
            if companion != "null" {
                self.make_list(key, other_key, count);
            }
            self.insert_item(key, index, companion, count);
        }
    }

    fn json_list(&self, items: impl Iterator<Item = String>) -> String {
        format!("[{}]", items.collect::<Vec<_>>().join(&format!(",{}", Style::of(&self.text).comma)))
    }

    /// Gives a key its value; a key that is not there yet comes after `neighbour`.
    fn set_member(&mut self, key: &str, value: &str, neighbour: &str) {
        let Style { colon, comma } = Style::of(&self.text);
        match (self.value(key), self.value(neighbour)) {
            (Some(span), _) => self.text.replace_range(span, value),
            (None, Some(beside)) => {
                self.text.insert_str(beside.end, &format!(",{comma}{}:{colon}{value}", quote(key)));
            }
            (None, None) => {}
        }
    }

    fn remove_member(&mut self, key: &str) {
        let all = members(&self.text);
        let Some(at) = all.iter().position(|member| member.key == key) else {
            return;
        };
        let span = match (all.get(at + 1), at.checked_sub(1)) {
            (Some(next), _) => all[at].key_span.start..next.key_span.start,
            (None, Some(before)) => all[before].value.end..all[at].value.end,
            (None, None) => all[at].key_span.start..all[at].value.end,
        };
        self.text.replace_range(span, "");
    }

    /// Makes a list of `count` nulls where there is none, beside `neighbour`.
    fn make_list(&mut self, key: &str, neighbour: &str, count: usize) {
        let style = Style::of(&self.text);
        let nulls = vec!["null"; count].join(&format!(",{}", style.comma));
        match self.value(key) {
            Some(span) if &self.text[span.clone()] == "null" => {
                self.text.replace_range(span, &format!("[{nulls}]"));
            }
            Some(_) => {}
            None => {
                if let Some(span) = self.value(neighbour) {
                    let (key, Style { colon, comma }) = (quote(key), style);
                    let member = format!(",{comma}{key}:{colon}[{nulls}]");
                    self.text.insert_str(span.end, &member);
                }
            }
        }
    }

    /// Puts an item into a list that has `count` items; does nothing to any other.
    fn insert_item(&mut self, key: &str, index: usize, item: &str, count: usize) {
        let Some(items) = self.list(key).filter(|items| items.len() == count) else {
            return;
        };
        let gap = match &items[..] {
            [first, second, ..] => {
                let between = &self.text[first.end..second.start];
                between.split_once(',').map(|(_, gap)| gap.to_owned())
            }
            _ => None,
        };
        let comma = format!(",{}", gap.unwrap_or_else(|| Style::of(&self.text).comma));
        if let Some(next) = items.get(index) {
            self.text.insert_str(next.start, &format!("{item}{comma}"));
        } else if let Some(last) = items.last() {
            self.text.insert_str(last.end, &format!("{comma}{item}"));
        } else if let Some(span) = self.value(key) {
            self.text.replace_range(span, &format!("[{item}]"));
        }
    }

    /// Takes an item out of a list that has `count` items, as it was written.
    fn remove_item(&mut self, key: &str, index: usize, count: usize) -> Option<String> {
        let items = self.list(key).filter(|items| items.len() == count)?;
        let item = items.get(index)?.clone();
        let taken = self.text[item.clone()].to_owned();
        if let Some(next) = items.get(index + 1) {
            self.text.replace_range(item.start..next.start, "");
        } else if index > 0 {
            self.text.replace_range(items[index - 1].end..item.end, "");
        } else if let Some(span) = self.value(key) {
            self.text.replace_range(span, "[]");
        }
        Some(taken)
    }
}

/// The text, if there is something in it.
fn not_empty(text: &str) -> Result<&str, DatasetError> {
    if text.trim().is_empty() {
        return Err(DatasetError::EmptyText);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::Side::{Negative, Positive};
    use super::*;

    fn edit(line: &str, edit: impl FnOnce(RowText) -> Result<String, DatasetError>) -> Result<String, DatasetError> {
        let row = Row::read(line.as_bytes()).0.unwrap();
        let edited = edit(RowText::new(line.to_owned(), &row, 1))?;
        serde_json::from_str::<serde_json::Value>(&edited).unwrap();
        Ok(edited)
    }

    const LINE: &str = r#"{"id":7, "query": "\u710a", "pos": ["甲", "乙"], "neg": ["丙" , "丁"], "pos_scores": [1, 2.50], "neg_scores": [3e0, -4], "pos_ids": ["a", "b"], "neg_ids": ["c", "d"], "big": 123456789012345678901234567890}"#;

    #[test]
    fn an_edited_query_is_all_that_changes() {
        let edited = edit(LINE, |row| row.set_query("焊缝\n\"x\"")).unwrap();
        assert_eq!(edited, LINE.replace(r"\u710a", r#"焊缝\n\"x\""#));
        assert_eq!(edit(LINE, |row| row.set_query("焊")).unwrap(), LINE);
        assert!(edit(LINE, |row| row.set_query(" ")).is_err());
    }

    #[test]
    fn an_edited_passage_keeps_its_score_and_id() {
        let edited = edit(LINE, |row| row.set_passage(Negative, 1, "戊")).unwrap();
        assert_eq!(edited, LINE.replace("丁", "戊"));
        assert!(edit(LINE, |row| row.set_passage(Negative, 2, "戊")).is_err());
        assert!(edit(LINE, |row| row.set_passage(Negative, 1, "")).is_err());
    }

    #[test]
    fn a_passage_goes_to_another_place_with_its_score_and_id() {
        let edited = edit(LINE, |row| row.reorder(Negative, 1, 0)).unwrap();
        let row = Row::read(edited.as_bytes()).0.unwrap();
        assert_eq!((row.neg, row.neg_scores), (vec!["丁".into(), "丙".into()], Some(vec![-4.0, 3.0])));
        assert_eq!(row.neg_ids, Some(vec![Some("d".into()), Some("c".into())]));
        assert_eq!(edit(LINE, |row| row.reorder(Positive, 1, 1)).unwrap(), LINE);
        assert!(edit(LINE, |row| row.reorder(Positive, 0, 2)).is_err());
    }

    #[test]
    fn scores_are_set_and_taken_away() {
        let edited = edit(LINE, |row| row.set_scores(Positive, Some(&[0.5, -1.0]))).unwrap();
        assert_eq!(edited, LINE.replace("[1, 2.50]", "[0.5, -1.0]"));
        let edited = edit(LINE, |row| row.set_scores(Positive, None)).unwrap();
        assert_eq!(edited, LINE.replace(r#""pos_scores": [1, 2.50], "#, ""));
        let line = r#"{"query":"q","pos":["p"]}"#;
        let edited = edit(line, |row| row.set_scores(Negative, Some(&[]))).unwrap();
        assert_eq!(edited, r#"{"query":"q","pos":["p"],"neg_scores":[]}"#);
        for wrong in [&[1.0][..], &[1.0, f64::NAN]] {
            assert!(edit(LINE, |row| row.set_scores(Negative, Some(wrong))).is_err());
        }
    }

    #[test]
    fn a_prompt_is_set_and_taken_away() {
        let line = r#"{"query": "q", "pos": ["p"]}"#;
        let edited = edit(line, |row| row.set_prompt(Some("检索："))).unwrap();
        assert_eq!(edited, r#"{"query": "q", "prompt": "检索：", "pos": ["p"]}"#);
        assert_eq!(edit(&edited, |row| row.set_prompt(None)).unwrap(), line);
        assert_eq!(edit(line, |row| row.set_prompt(Some(""))).unwrap(), line);
    }

    #[test]
    fn other_negatives_come_without_scores_and_ids() {
        let edited = edit(LINE, |row| row.set_negatives(&["戊".into(), "己".into()])).unwrap();
        let expected = LINE
            .replace(r#"["丙" , "丁"]"#, r#"["戊", "己"]"#)
            .replace(r#""pos_scores": [1, 2.50], "neg_scores": [3e0, -4], "#, "")
            .replace(r#", "neg_ids": ["c", "d"]"#, "");
        assert_eq!(edited, expected);
        let line = r#"{"query":"q","pos":["p"]}"#;
        assert_eq!(
            edit(line, |row| row.set_negatives(&["n".into()])).unwrap(),
            r#"{"query":"q","pos":["p"],"neg":["n"]}"#
        );
        assert!(edit(line, |row| row.set_negatives(&[" ".into()])).is_err());
    }

    #[test]
    fn an_added_passage_has_neither_score_nor_id() {
        let edited = edit(LINE, |row| row.add_passage(Positive, 1, "戊")).unwrap();
        let expected = LINE
            .replace(r#""甲", "#, r#""甲", "戊", "#)
            .replace("[1, 2.50]", "[1, null, 2.50]")
            .replace(r#"["a", "#, r#"["a", null, "#);
        assert_eq!(edited, expected);
        let row = Row::read(edited.as_bytes()).0.unwrap();
        assert_eq!(row.pos_scores, None);
        assert_eq!(row.neg_scores, Some(vec![3.0, -4.0]));
        let last = edit(LINE, |row| row.add_passage(Negative, 2, "戊")).unwrap();
        assert!(last.contains(r#"["丙" , "丁", "戊"]"#) && last.contains("[3e0, -4, null]"));
        assert!(edit(LINE, |row| row.add_passage(Negative, 3, "戊")).is_err());
    }

    #[test]
    fn a_removed_passage_takes_score_and_id_away() {
        let edited = edit(LINE, |row| row.remove_passage(Negative, 0)).unwrap();
        let expected = LINE.replace(r#"["丙" , "#, "[").replace("[3e0, ", "[").replace(r#"["c", "#, "[");
        assert_eq!(edited, expected);
        let none = edit(&edited, |row| row.remove_passage(Negative, 0)).unwrap();
        assert!(none.contains(r#""neg": [], "#) && none.contains(r#""neg_ids": [], "#));
    }

    #[test]
    fn a_moved_passage_takes_score_and_id_along() {
        let edited = edit(LINE, |row| row.move_passage(Negative, 0)).unwrap();
        let expected = r#"{"id":7, "query": "\u710a", "pos": ["甲", "乙", "丙"], "neg": ["丁"], "pos_scores": [1, 2.50, 3e0], "neg_scores": [-4], "pos_ids": ["a", "b", "c"], "neg_ids": ["d"], "big": 123456789012345678901234567890}"#;
        assert_eq!(edited, expected);
        let back = edit(&edited, |row| row.move_passage(Positive, 2)).unwrap();
        let row = Row::read(back.as_bytes()).0.unwrap();
        assert_eq!(row.neg, ["丁", "丙"]);
        assert_eq!(row.neg_scores, Some(vec![-4.0, 3.0]));
        assert_eq!(row.neg_ids, Some(vec![Some("d".into()), Some("c".into())]));
    }

    #[test]
    fn lists_that_a_moved_passage_needs_are_made() {
        let line = r#"{"query":"q","pos":["a","b"],"pos_ids":["1","2"],"pos_scores":[0.5,null]}"#;
        let edited = edit(line, |row| row.move_passage(Positive, 0)).unwrap();
        assert_eq!(
            edited,
            r#"{"query":"q","pos":["b"],"neg":["a"],"pos_ids":["2"],"neg_ids":["1"],"pos_scores":[null],"neg_scores":[0.5]}"#
        );
        let line = r#"{"query": "q", "pos": ["a", "b"], "pos_ids": ["1", "2"], "neg": ["c"], "neg_ids": null}"#;
        let edited = edit(line, |row| row.move_passage(Positive, 1)).unwrap();
        assert_eq!(
            edited,
            r#"{"query": "q", "pos": ["a"], "pos_ids": ["1"], "neg": ["c", "b"], "neg_ids": [null, "2"]}"#
        );
    }

    #[test]
    fn lists_that_belong_to_no_passage_are_left_alone() {
        let line = r#"{"query": "q", "pos": ["a", "b"], "neg": ["c"], "pos_scores": [1], "neg_scores": "x", "neg_ids": ["3", "4"]}"#;
        let edited = edit(line, |row| row.move_passage(Negative, 0)).unwrap();
        assert_eq!(edited, line.replace(r#""b"], "neg": ["c"]"#, r#""b", "c"], "neg": []"#));
    }
}
