//! What a comparison came to, as a document that can be taken along: HTML, Markdown, CSV, JSON.
//!
//! Every text that comes from people's data is escaped in the manner of the format.

mod csv;
mod curve;
mod gather;
mod html;
mod markdown;
mod save;
mod words;

use serde::Serialize;

use crate::retrieval::{Comparison, Metric, MetricRow, Outcome, Paired};

pub use csv::{cell, metrics as metrics_csv, questions as questions_csv};
pub use gather::{Compared, ComparedSet, ReportError};
pub use html::page as html;
pub use markdown::{document as markdown, table};
pub use save::Format;
pub use words::{Words, in_words, p_value};

/// A document's content.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub title: String,
    /// UTC, as in `2026-11-23T14:50:15Z`.
    pub made: String,
    /// Of the program.
    pub version: String,
    /// How passages were scored, such as `dense`.
    pub method: String,
    /// The base model first.
    pub models: Vec<ModelEntry>,
    /// The field's questions first, general ones after them.
    pub sets: Vec<SetEntry>,
    /// The runs that the models come from, as far as they are known.
    pub runs: Vec<RunEntry>,
}

/// A model of the report.
#[derive(Clone, Debug, Serialize)]
pub struct ModelEntry {
    pub name: String,
    pub folder: String,
    /// BLAKE3 of weights and configuration.
    pub fingerprint: String,
}

/// Questions, the passages among which their answers were sought, and what came of it.
#[derive(Clone, Debug, Serialize)]
pub struct SetEntry {
    pub name: String,
    pub questions: FileEntry,
    pub corpus: FileEntry,
    pub passages: usize,
    pub texts: Vec<String>,
    pub comparison: Comparison,
}

#[derive(Clone, Debug, Serialize)]
pub struct FileEntry {
    pub path: String,
    /// BLAKE3 of its bytes.
    pub fingerprint: String,
}

/// A run: its configuration, and curves over its steps.
#[derive(Clone, Debug, Serialize)]
pub struct RunEntry {
    pub name: String,
    /// TOML.
    pub configuration: String,
    pub curves: Vec<Curve>,
}

/// Values over steps.
#[derive(Clone, Debug, Serialize)]
pub struct Curve {
    pub name: String,
    /// Step and value.
    pub points: Vec<[f64; 2]>,
}

/// A question whose first right passage moved.
pub(crate) struct Moved<'a> {
    pub question: &'a str,
    pub outcome: Outcome,
}

impl Report {
    /// The whole content as JSON.
    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }
}

impl SetEntry {
    /// Questions that one of the tuned models, counted from 0, answers otherwise than the base model; the greatest
    /// gain first, the greatest loss last.
    pub(crate) fn moved(&self, tuned: usize) -> Vec<Moved<'_>> {
        let outcomes = self.comparison.outcomes(tuned).into_iter();
        let mut moved: Vec<Moved> = outcomes
            .zip(&self.texts)
            .filter(|(outcome, _)| outcome.base != outcome.tuned)
            .map(|(outcome, question)| Moved { question, outcome })
            .collect();
        moved.sort_by(|one, other| other.outcome.gain().total_cmp(&one.outcome.gain()));
        moved
    }

    /// The one row that stands for all where there is room for one: nDCG at the greatest k.
    pub(crate) fn headline<'a>(&self, rows: &'a [MetricRow]) -> Option<&'a MetricRow> {
        rows.iter().filter(|row| row.metric == Metric::Ndcg).max_by_key(|row| row.k)
    }
}

/// Points of a hundred with their sign; adding 0 makes a rounded -0.00 a +0.00.
pub(crate) fn points(value: f64) -> String {
    format!("{:+.2}", (value * 1e4).round() / 1e2 + 0.0)
}

/// The interval in points of a hundred.
pub(crate) fn interval(paired: &Paired) -> String {
    format!("{} … {}", points(paired.interval[0]), points(paired.interval[1]))
}

pub(crate) fn rank(rank: Option<usize>) -> String {
    rank.map_or_else(|| "–".to_owned(), |rank| rank.to_string())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::retrieval::{Hit, groups};

    /// Two models on three questions whose texts would do harm where they are not escaped.
    pub fn report() -> Report {
        let ranking = |passages: &[usize]| -> Vec<Hit> {
            passages.iter().zip(0u16..).map(|(&passage, place)| Hit { passage, score: -f32::from(place) }).collect()
        };
        let texts = ["<script>alert('咬边')</script>", "a | b\n=1+1 & `c`", "=HYPERLINK(\"x\")", "夹钨"];
        let relevant = [vec![0], vec![1], vec![2], vec![3]];
        let base = [ranking(&[0, 1]), ranking(&[0, 1]), ranking(&[0, 1]), ranking(&[3])];
        let tuned = [ranking(&[1, 0]), ranking(&[1, 0]), ranking(&[0, 2]), ranking(&[3])];
        let named: Vec<(&str, Option<&str>)> = texts.iter().map(|text| (*text, None)).collect();
        let comparison = Comparison::new(&relevant, &[&base, &tuned], &[1, 3], groups(&named));
        let file = |path: &str| FileEntry { path: path.into(), fingerprint: "f00d".into() };
        let model =
            |name: &str| ModelEntry { name: name.into(), folder: format!("/m/{name}"), fingerprint: "cafe".into() };
        Report {
            title: "Weld & <test>".into(),
            made: "2026-11-24T00:00:00Z".into(),
            version: "0.1.0".into(),
            method: "dense".into(),
            models: vec![model("base"), model("tuned <b>")],
            sets: vec![SetEntry {
                name: "weld".into(),
                questions: file("eval.jsonl"),
                corpus: file("corpus.jsonl"),
                passages: 4,
                texts: texts.map(String::from).to_vec(),
                comparison,
            }],
            runs: vec![RunEntry {
                name: "run".into(),
                configuration: "seed = 1 # <x>".into(),
                curves: vec![Curve { name: "loss".into(), points: vec![[1.0, 2.0], [2.0, 1.0]] }],
            }],
        }
    }

    #[test]
    fn questions_are_listed_from_the_greatest_gain_to_the_greatest_loss() {
        let report = report();
        let moved: Vec<(&str, f64)> =
            report.sets[0].moved(0).iter().map(|moved| (&moved.question[..1], moved.outcome.gain())).collect();
        assert_eq!(moved, [("a", 0.5), ("=", 0.5), ("<", -0.5)]);
    }

    #[test]
    fn json_holds_every_number() {
        let json: serde_json::Value = serde_json::from_str(&report().json().unwrap()).unwrap();
        let row = &json["sets"][0]["comparison"]["rows"][0];
        assert_eq!((row["metric"].as_str(), row["k"].as_u64()), (Some("recall"), Some(1)));
        assert_eq!(row["base"].as_f64(), Some(0.5));
        assert_eq!(row["tuned"][0]["paired"]["better"].as_u64(), Some(1));
        assert_eq!(json["models"][1]["fingerprint"], "cafe");
    }
}
