//! The report as a file.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Report, ReportError, Words, html, markdown, metrics_csv, questions_csv};

/// In what form a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Html,
    Markdown,
    Csv,
    Json,
}

impl Format {
    pub const ALL: [Self; 4] = [Self::Html, Self::Markdown, Self::Csv, Self::Json];

    /// By the file's ending.
    pub fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_lowercase();
        Self::ALL.into_iter().find(|format| format.ending() == ending)
    }

    pub fn ending(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Markdown => "md",
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }
}

impl Report {
    /// Writes the report and names the files: one, and for CSV a second one with the questions.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn save(&self, path: &Path, format: Format, words: &Words) -> Result<Vec<PathBuf>, ReportError> {
        let mut files = Vec::new();
        match format {
            Format::Html => files.push((path.to_path_buf(), html(self, words))),
            Format::Markdown => files.push((path.to_path_buf(), markdown(self, words))),
            Format::Json => files.push((path.to_path_buf(), self.json()? + "\n")),
            Format::Csv => {
                files.push((path.to_path_buf(), metrics_csv(self)));
                files.push((path.with_extension("questions.csv"), questions_csv(self)));
            }
        }
        for (path, text) in &files {
            fs::write(path, text).map_err(|source| ReportError::Write { path: path.clone(), source })?;
        }
        Ok(files.into_iter().map(|(path, _)| path).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn each_format_is_written_under_its_name() {
        let folder = tempfile::tempdir().unwrap();
        for format in Format::ALL {
            let path = folder.path().join(format!("report.{}", format.ending().to_uppercase()));
            assert_eq!(Format::of(&path), Some(format));
            let written = report().save(&path, format, &Words::CHINESE).unwrap();
            assert_eq!(written.len(), if format == Format::Csv { 2 } else { 1 });
            assert!(written.iter().all(|path| fs::read_to_string(path).unwrap().contains("weld")));
        }
        assert_eq!(Format::of(Path::new("report")), None);
        let nowhere = folder.path().join("no/such/folder.html");
        let error = report().save(&nowhere, Format::Html, &Words::ENGLISH).unwrap_err().to_string();
        assert!(error.contains("folder.html"), "{error}");
    }
}
