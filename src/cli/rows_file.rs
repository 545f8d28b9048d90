//! A file of rows that a command reads, changes and writes to another place.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Ending;
use crate::dataset::{Dataset, Edit, LineId, Row, StepName};
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
        let problems = data.problems();
        let bad: BTreeSet<usize> =
            problems.iter().filter(|problem| problem.is_bad()).map(|problem| problem.line).collect();
        if !bad.is_empty() {
            eprintln!(
                "warning: {}: {} lines cannot be used and stay as they are; `weldbench validate` says why",
                input.display(),
                bad.len()
            );
        }
        if data.rows().is_empty() {
            let why = format!("{} holds no usable rows", input.display());
            return Err(Failure::new(why, "give a JSONL file whose lines have `query` and `pos`").into());
        }
        Ok(Self { data, output: output.to_path_buf() })
    }

    pub fn rows(&self) -> Vec<(LineId, Arc<Row>)> {
        let rows = self.data.rows().into_iter();
        rows.filter_map(|(number, row)| Some((self.data.lines().id(number - 1)?, row))).collect()
    }

    /// Makes all edits and writes the output, all of it or nothing.
    pub fn write(mut self, step: StepName, edits: impl IntoIterator<Item = Edit>) -> Result<(), Ending> {
        self.data.apply_all(step, edits)?;
        Ok(self.data.save_as(&self.output)?)
    }
}
