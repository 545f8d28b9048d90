//! What an expert thinks of the rows, kept beside the data file so that the data itself stays clean.
//!
//! `train.jsonl` has its reviews in `train.review.jsonl`: a line a question, with verdict and note. They belong
//! to the question's text, so they survive sorting, splitting and other tools.

use super::error::DatasetError;
use super::save::Draft;
use crate::files;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Accepted,
    Rejected,
    Unsure,
}

impl Verdict {
    pub const ALL: [Self; 3] = [Self::Accepted, Self::Rejected, Self::Unsure];
}

/// What is thought of one row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    query: String,
    #[serde(flatten)]
    review: Review,
}

/// The reviews of a file's rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reviews {
    rows: BTreeMap<String, Review>,
}

impl Reviews {
    /// Where the reviews of a data file lie.
    pub fn path_for(data: &Path) -> PathBuf {
        data.with_extension("review.jsonl")
    }

    /// Reads a file of reviews; none is no review yet.
    ///
    /// # Errors
    /// If the file cannot be read, or a line of it is no review; the line is named.
    pub fn read(path: &Path) -> Result<Self, DatasetError> {
        let failed = |source| DatasetError::Read { path: path.to_owned(), source };
        let bytes = match files::read_or_pipe(path, files::WHOLE) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            bytes => bytes.map_err(failed)?,
        };
        let no_text = |error| failed(io::Error::new(io::ErrorKind::InvalidData, error));
        let text = String::from_utf8(bytes).map_err(no_text)?;
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let entries = lines.map(|(at, line)| {
            serde_json::from_str::<Entry>(line).map(|entry| (entry.query, entry.review)).map_err(|error| {
                DatasetError::NotAReview { path: path.to_owned(), line: at + 1, reason: error.to_string() }
            })
        });
        Ok(Self { rows: entries.collect::<Result<_, _>>()? })
    }

    /// Writes all reviews, or nothing.
    ///
    /// # Errors
    /// If the file cannot be written; the one before stays.
    pub fn save(&self, path: &Path) -> Result<(), DatasetError> {
        let failed = |source| DatasetError::Write { path: path.to_owned(), source };
        let entries = self.rows.iter().map(|(query, review)| Entry { query: query.clone(), review: review.clone() });
        let lines = entries.map(|entry| Ok(serde_json::to_string(&entry)? + "\n"));
        let lines = lines.collect::<Result<Vec<_>, serde_json::Error>>().map_err(|error| failed(error.into()))?;
        let draft = Draft::write(path, lines.iter().map(|line| line.as_bytes())).map_err(failed)?;
        draft.publish().map_err(failed)
    }

    pub fn get(&self, query: &str) -> Option<&Review> {
        self.rows.get(query)
    }

    /// An empty review is none.
    pub fn set(&mut self, query: &str, review: Review) {
        if review == Review::default() {
            self.rows.remove(query);
        } else {
            self.rows.insert(query.to_owned(), review);
        }
    }

    /// The question reads differently now; what is thought of it stays.
    pub fn carry(&mut self, from: &str, to: &str) {
        if let Some(review) = self.rows.remove(from) {
            self.rows.insert(to.to_owned(), review);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn reviews_come_back_as_they_were_saved() {
        let folder = tempfile::tempdir().unwrap();
        let path = Reviews::path_for(&folder.path().join("train.jsonl"));
        assert!(path.ends_with("train.review.jsonl"));
        let mut reviews = Reviews::read(&path).unwrap();
        assert_eq!(reviews, Reviews::default());
        let unsure = Review { verdict: Some(Verdict::Unsure), note: "见标准\nISO 5817".into() };
        reviews.set("什么是咬边", unsure.clone());
        reviews.set("q", Review { verdict: Some(Verdict::Accepted), note: String::new() });
        reviews.save(&path).unwrap();
        assert_eq!(Reviews::read(&path).unwrap(), reviews);
        reviews.carry("什么是咬边", "咬边是什么");
        assert_eq!((reviews.get("什么是咬边"), reviews.get("咬边是什么")), (None, Some(&unsure)));
        reviews.set("q", Review::default());
        reviews.save(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1);
    }

    #[test]
    fn a_broken_file_is_refused_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.review.jsonl");
        fs::write(&path, "{\"query\": \"q\", \"verdict\": \"accepted\"}\n{\"verdict\": \"fine\"}\n").unwrap();
        let error = Reviews::read(&path).unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
    }
}
