//! The data of a run: which rows come from which file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use super::config::TrainingConfig;
use super::{TrainingError, Warning};
use crate::dataset::{Dataset, Row};

/// Rows of one file, in the order of the file.
#[derive(Clone, Debug)]
pub struct TrainingFile {
    pub path: PathBuf,
    /// Whether the file was found in a folder that was given, not given itself.
    pub in_folder: bool,
    pub rows: Vec<Arc<Row>>,
    /// Line numbers of the rows, from 1.
    pub lines: Vec<usize>,
    /// The rows are not in the file as they are here.
    pub unsaved: bool,
}

/// Why a run cannot take a row.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RowFault {
    #[error("the row has no negatives; add some, or mine hard negatives")]
    NoNegatives,
    #[error(
        "the row lacks teacher scores that other rows of the file have, or has them alone; score all rows, or switch knowledge_distillation off"
    )]
    ScoredUnlikeOthers,
    #[error(
        "{positives} positives have {positive_scores} scores and {negatives} negatives have {negative_scores}; each needs one"
    )]
    WrongScores { positives: usize, positive_scores: usize, negatives: usize, negative_scores: usize },
    #[error("knowledge_distillation needs pos_scores and neg_scores; score the rows, or switch it off")]
    NoScores,
    #[error("of pos_scores and neg_scores only one is there; both are needed")]
    HalfTheScores,
}

/// Reads `train_data`: files, and the `.json` and `.jsonl` files that lie directly in folders (by name).
/// Lines that cannot be used are left out; the second value says how many, and where the first is.
pub fn read_files(paths: &[PathBuf]) -> Result<(Vec<TrainingFile>, Vec<Warning>), TrainingError> {
    let mut files = Vec::new();
    let mut warnings = Vec::new();
    for path in paths {
        if path.is_dir() {
            let entries = std::fs::read_dir(path).map_err(|error| TrainingError::file(path, error))?;
            let mut inside: Vec<PathBuf> =
                entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_json(path)).collect();
            inside.sort();
            for path in inside {
                files.push(read_file(&path, true, &mut warnings)?);
            }
        } else {
            files.push(read_file(path, false, &mut warnings)?);
        }
    }
    Ok((files, warnings))
}

fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "json" || extension == "jsonl")
}

fn read_file(path: &Path, in_folder: bool, warnings: &mut Vec<Warning>) -> Result<TrainingFile, TrainingError> {
    let dataset = Dataset::open(path)?;
    let bad: Vec<usize> =
        dataset.problems().iter().filter(|problem| problem.is_bad()).map(|problem| problem.line).collect();
    if let Some(first) = bad.first() {
        warnings.push(Warning::LinesLeftOut { file: path.to_path_buf(), lines: bad.len(), first: *first });
    }
    let (lines, rows) = dataset.rows().into_iter().unzip();
    Ok(TrainingFile { path: path.to_path_buf(), in_folder, rows, lines, unsaved: false })
}

/// A hash of all rows in their order, by which a run knows its data again.
pub fn fingerprint(files: &[TrainingFile]) -> String {
    let mut hasher = blake3::Hasher::new();
    for file in files {
        hasher.update(&(file.rows.len() as u64).to_le_bytes());
        for row in &file.rows {
            let Row { query, pos, neg, pos_scores, neg_scores, prompt, kind, other, .. } = &**row;
            let read = (query, pos, neg, pos_scores, neg_scores, prompt, kind, other);
            // Plain data can always be written.
            let text = serde_json::to_vec(&read).unwrap_or_default();
            hasher.update(&(text.len() as u64).to_le_bytes()).update(&text);
        }
    }
    hasher.finalize().to_hex().to_string()
}

impl TrainingFile {
    /// Checks that every row can form a group, and that teacher scores are complete where they are needed.
    pub fn check(&self, config: &TrainingConfig) -> Result<(), TrainingError> {
        let first_scored = self.rows.first().map(|row| scored(row));
        for (index, row) in self.rows.iter().enumerate() {
            if let Some(fault) = fault(row, first_scored, config) {
                let line = self.lines.get(index).copied().unwrap_or(index + 1);
                return Err(TrainingError::Row { path: self.path.clone(), line, fault });
            }
        }
        Ok(())
    }

    /// A file `x_no_in_batch_neg.jsonl`, or any file in a folder `x_no_in_batch_neg`, trains each question
    /// against its own passages only.
    pub fn is_without_in_batch_negatives(&self) -> bool {
        let named = |name: Option<&std::ffi::OsStr>| {
            name.is_some_and(|name| name.to_string_lossy().ends_with("no_in_batch_neg"))
        };
        let folder = self.path.parent().and_then(Path::file_name);
        named(self.path.file_stem()) || self.in_folder && named(folder)
    }
}

/// Whether a row's positives have teacher scores, and its negatives.
fn scored(row: &Row) -> (bool, bool) {
    (row.pos_scores.is_some(), row.neg_scores.is_some())
}

fn fault(row: &Row, first_scored: Option<(bool, bool)>, config: &TrainingConfig) -> Option<RowFault> {
    if row.neg.is_empty() {
        return Some(RowFault::NoNegatives);
    }
    if !config.knowledge_distillation {
        return None;
    }
    if Some(scored(row)) != first_scored {
        return Some(RowFault::ScoredUnlikeOthers);
    }
    match (&row.pos_scores, &row.neg_scores) {
        (Some(pos), Some(neg)) => (pos.len() != row.pos.len() || neg.len() != row.neg.len()).then(|| {
            let (positives, negatives) = (row.pos.len(), row.neg.len());
            RowFault::WrongScores { positives, positive_scores: pos.len(), negatives, negative_scores: neg.len() }
        }),
        (None, None) => (!config.same_dataset_within_batch).then_some(RowFault::NoScores),
        _ => Some(RowFault::HalfTheScores),
    }
}
