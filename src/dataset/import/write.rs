//! Writing what was imported as a new JSONL file.

use super::error::ImportError;
use crate::dataset::json::{Style, quote};
use crate::dataset::{Passage, Row};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes rows, one a line. The file is there as a whole or not at all.
///
/// # Errors
/// If a file is there already and `overwrite` is not given, or if the disk does not allow it.
pub fn write_rows(path: &Path, rows: &[Row], overwrite: bool) -> Result<(), ImportError> {
    let style = Style::default();
    write(path, rows.iter().map(|row| row.to_line(&style)), overwrite)
}

/// Writes passages likewise, as a corpus.
///
/// # Errors
/// As those of [`write_rows`].
pub fn write_passages(path: &Path, passages: &[Passage], overwrite: bool) -> Result<(), ImportError> {
    let line = |passage: &Passage| {
        let (id, title, text) = (quote(&passage.id), quote(&passage.title), quote(&passage.text));
        format!("{{\"id\": {id}, \"title\": {title}, \"text\": {text}}}")
    };
    write(path, passages.iter().map(line), overwrite)
}

fn write(path: &Path, lines: impl Iterator<Item = String>, overwrite: bool) -> Result<(), ImportError> {
    if !overwrite && path.exists() {
        return Err(ImportError::Exists { path: path.to_owned() });
    }
    let persist = || -> io::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".weldbench-").suffix(".tmp");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(folder)?;
        let mut writer = BufWriter::new(file.as_file());
        for line in lines {
            writeln!(writer, "{line}")?;
        }
        writer.flush()?;
        drop(writer);
        file.as_file().sync_all()?;
        let persisted = if overwrite { file.persist(path) } else { file.persist_noclobber(path) };
        persisted.map(drop).map_err(|error| error.error)
    };
    persist().map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => ImportError::Exists { path: path.to_owned() },
        _ => ImportError::Write { path: path.to_owned(), source },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Corpus, Dataset};
    use std::fs;

    #[test]
    fn what_is_written_opens_as_data_and_as_a_corpus() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        let row = Row { query: "问\n\"题\"".into(), pos: vec!["答".into()], ..Row::default() };
        write_rows(&path, std::slice::from_ref(&row), false).unwrap();
        let read = Dataset::open(&path).unwrap();
        assert_eq!(read.rows().len(), 1);
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"query\": \"问\\n\\\"题\\\"\", \"pos\": [\"答\"]}\n");

        let path = folder.path().join("corpus.jsonl");
        let passage = Passage { id: "a".into(), title: "t".into(), text: "焊\t".into(), ..Passage::default() };
        write_passages(&path, std::slice::from_ref(&passage), false).unwrap();
        assert_eq!(Corpus::open(&path).unwrap().passages(), [passage]);
    }

    #[test]
    fn a_file_that_is_there_is_kept_unless_told_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        fs::write(&path, "old").unwrap();
        let error = write_rows(&path, &[], false).unwrap_err().to_string();
        assert!(error.contains("rows.jsonl is there already"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        write_rows(&path, &[], true).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
        assert!(write_rows(&folder.path().join("no/folder.jsonl"), &[], true).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
