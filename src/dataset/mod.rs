//! Rows of a JSONL file.
use std::path::Path;
#[derive(Clone, Debug, Default)]
pub struct Row {
    pub query: String,
    pub pos: Vec<String>,
    pub neg: Vec<String>,
    pub pos_scores: Option<Vec<f64>>,
    pub neg_scores: Option<Vec<f64>>,
}
impl Row {
    pub fn kind(&self) -> Option<&str> {
        None
    }
    pub fn prompt(&self) -> Option<&str> {
        None
    }
    pub fn number(&self, _n: &str) -> Option<usize> {
        None
    }
}
pub struct Dataset {
    rows: Vec<Row>,
}
impl Dataset {
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let text = std::fs::read_to_string(path)?;
        let rows = text
            .lines()
            .filter_map(|l| {
                let v: serde_json::Value = serde_json::from_str(l).ok()?;
                let s = |k: &str| {
                    v[k].as_array()
                        .map(|a| a.iter().filter_map(|x| x.as_str().map(String::from)).collect::<Vec<_>>())
                        .unwrap_or_default()
                };
                let f = |k: &str| v[k].as_array().map(|a| a.iter().filter_map(|x| x.as_f64()).collect::<Vec<_>>());
                Some(Row {
                    query: v["query"].as_str()?.into(),
                    pos: s("pos"),
                    neg: s("neg"),
                    pos_scores: f("pos_scores"),
                    neg_scores: f("neg_scores"),
                })
            })
            .collect();
        Ok(Self { rows })
    }
    pub fn bad_lines(&self) -> impl Iterator<Item = usize> {
        std::iter::empty()
    }
    pub fn rows(&self) -> impl Iterator<Item = (usize, &Row)> {
        self.rows.iter().enumerate().map(|(i, r)| (i + 1, r))
    }
}
