//! A file of rows that a command reads, changes and writes to another place.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::Ending;
use crate::dataset::{Dataset, Edit, LineId, Row};
use crate::jobs::Failure;

pub struct RowsFile {
    data: Dataset,
    output: PathBuf,
}

impl RowsFile {
    /// Reads `input`, and says on standard error what cannot be used. An `output` that is there already is refused
    /// unless it may be overwritten.
    pub fn open(input: &Path, output: &Path, overwrite: bool) -> Result<Self, Ending> {
        if !overwrite && output.exists() {
            let why = format!("{} is there already", output.display());
            return Err(Failure::new(why, "choose another --output_file, or add --overwrite").into());
        }
        let data = Dataset::open(input)?;
        let bad = data.lines().iter().filter(|line| line.is_bad()).count();
        if bad > 0 {
            eprintln!(
                "warning: {}: {bad} lines cannot be used and stay as they are; `weldbench validate` says why",
                input.display()
            );
        }
        if data.rows().next().is_none() {
            let why = format!("{} holds no usable rows", input.display());
            return Err(Failure::new(why, "give a JSONL file whose lines have `query` and `pos`").into());
        }
        Ok(Self { data, output: output.to_path_buf() })
    }

    pub fn rows(&self) -> Vec<(LineId, Arc<Row>)> {
        let rows = self.data.rows();
        rows.map(|(number, row)| (self.data.lines()[number - 1].id(), Arc::clone(row))).collect()
    }

    /// Puts other negatives in the place of all; their ids go, and so do the row's teacher scores.
    pub fn set_negatives(&mut self, line: LineId, negatives: &[&str]) -> Result<(), Ending> {
        self.change(line, |fields| {
            fields.insert("neg".into(), json!(negatives));
            for key in ["pos_scores", "neg_scores", "neg_ids"] {
                fields.shift_remove(key);
            }
        })
    }

    /// Gives every passage a teacher score.
    pub fn set_scores(&mut self, line: LineId, positives: &[f32], negatives: &[f32]) -> Result<(), Ending> {
        self.change(line, |fields| {
            fields.insert("pos_scores".into(), numbers(positives));
            if fields.get("neg").is_some_and(Value::is_array) {
                fields.insert("neg_scores".into(), numbers(negatives));
            }
        })
    }

    /// Writes the output, all of it or nothing.
    pub fn write(mut self) -> Result<(), Ending> {
        Ok(self.data.save_as(&self.output)?)
    }

    fn change(&mut self, line: LineId, change: impl FnOnce(&mut Map<String, Value>)) -> Result<(), Ending> {
        let text = self.data.text(line).unwrap_or_default();
        let mut fields: Map<String, Value> = serde_json::from_str(&text).map_err(|error| {
            Failure::new(format!("a row cannot be read: {error}"), "check the file with `weldbench validate`")
        })?;
        change(&mut fields);
        let text = Value::Object(fields).to_string();
        self.data.apply(Edit::ReplaceLine { line, text })?;
        Ok(())
    }
}

/// The shortest digits that give the same 32-bit numbers.
fn numbers(scores: &[f32]) -> Value {
    scores.iter().map(|score| score.to_string().parse::<f64>().map_or(Value::Null, Value::from)).collect()
}
