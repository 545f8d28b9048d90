//! Opening and saving data files, away from the window's thread. Every open file has a journal.

use std::path::{Path, PathBuf};

use crate::dataset::import::is_corpus;
use crate::dataset::{
    Dataset, DatasetError, Expectations, Lines, Reviews, SplitOptions, Survey, Watch, discard_journal, export,
    pending_journal, split,
};
use crate::panics::caught;

/// What is done with edits that a crash left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftBehind {
    Ask,
    Recover,
    Discard,
}

/// How an opening ended; the head comes before the end.
pub enum Opened {
    /// The first lines of a large file, to be looked at until the whole is there.
    Head { path: PathBuf, lines: Lines },
    Open {
        dataset: Box<Dataset>,
        /// None if looking at every line would keep the user waiting.
        survey: Option<Box<Survey>>,
        reviews: Reviews,
        /// What should be known of it: lost steps, no journal.
        warning: Option<Box<DatasetError>>,
    },
    /// The file holds passages, no rows.
    Corpus { path: PathBuf },
    /// There are edits of last time; what is to become of them?
    Pending { path: PathBuf, edits: usize },
}

/// How a saving ended; the data set comes back either way.
pub struct Saved {
    pub dataset: Dataset,
    pub result: Result<(), DatasetError>,
}

/// Opens `path`; its journal lies among `journals`, and without them it is opened to be looked at. The head of a large file is told at once; the watch counts the
/// bytes that are read.
pub fn open(
    path: &Path,
    journals: Option<&Path>,
    left_behind: LeftBehind,
    watch: &Watch,
    tell: impl Fn(Opened),
) -> Result<Opened, DatasetError> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let tell_head = || {
        if let Some(lines) = Lines::head(&path) {
            tell(Opened::Head { path: path.clone(), lines });
        }
    };
    if let Some((journal, edits)) = journals.and_then(|journals| journal_of(&path, journals)) {
        match left_behind {
            LeftBehind::Ask => return Ok(Opened::Pending { path, edits }),
            LeftBehind::Discard => discard_journal(&journal)?,
            LeftBehind::Recover => {
                tell_head();
                let recovered = Dataset::recover(&path, &journal, watch)?;
                let warning = (recovered.lost > 0).then(|| DatasetError::JournalDamaged {
                    path: journal,
                    line: recovered.edits + 2,
                    reason: format!("{} lines cannot be read", recovered.lost),
                });
                return Ok(opened(recovered.dataset, warning));
            }
        }
    }
    if is_corpus(&path) {
        return Ok(Opened::Corpus { path });
    }
    tell_head();
    let dataset = Dataset::open_watched(&path, watch)?;
    let Some(journals) = journals else {
        return Ok(opened(dataset, None));
    };
    match dataset.with_journal(new_journal(&path, journals)) {
        Ok(dataset) => Ok(opened(dataset, None)),
        // Better without a journal than not at all.
        Err(error) => Ok(opened(Dataset::open_watched(&path, watch)?, Some(error))),
    }
}

/// Bytes of a file whose lines are looked at before it is shown.
const SOON: usize = 16 << 20;

fn opened(dataset: Dataset, warning: Option<DatasetError>) -> Opened {
    let lines = dataset.lines();
    let survey = (lines.size() <= SOON).then(|| Box::new(Survey::of(lines, Expectations::default())));
    let reviews = dataset.path().map(|path| Reviews::read(&Reviews::path_for(path)));
    let (reviews, broken) = match reviews {
        Some(Err(error)) => (Reviews::default(), Some(error)),
        Some(Ok(reviews)) => (reviews, None),
        None => (Reviews::default(), None),
    };
    let warning = warning.or(broken).map(Box::new);
    Opened::Open { dataset: Box::new(dataset), survey, reviews, warning }
}

/// Parts the rows into two files beside the data file, which stays as it is: `….train.jsonl`, `….eval.jsonl`.
pub fn split_file(lines: &Lines, options: &SplitOptions, path: &Path) -> Result<[(PathBuf, usize); 2], DatasetError> {
    let parts = split(lines, options)?;
    let [train, eval] = ["train", "eval"].map(|side| path.with_extension(format!("{side}.jsonl")));
    for path in [&train, &eval] {
        if path.exists() {
            return Err(DatasetError::Exists { path: path.clone() });
        }
    }
    export(lines, &parts.train, &train)?;
    export(lines, &parts.eval, &eval)?;
    Ok([(train, parts.train.len()), (eval, parts.eval.len())])
}

/// Saves to the file's own path, or to another.
pub fn save(mut dataset: Dataset, to: Option<PathBuf>, overwrite: bool) -> Saved {
    let result = caught(|| match to {
        Some(path) => dataset.save_as(path),
        None if overwrite => dataset.save_anyway(),
        None => dataset.save(),
    });
    Saved { dataset, result: result.unwrap_or_else(|panic| Err(DatasetError::BrokeOff { cause: panic.to_string() })) }
}

/// The journal that holds edits of this file, and how many. A file saved under another name goes on with
/// its old journal, so it is the content that tells.
fn journal_of(path: &Path, journals: &Path) -> Option<(PathBuf, usize)> {
    let entries = std::fs::read_dir(journals).ok()?;
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|journal| journal.extension().is_some_and(|end| end == "jsonl"))
        .find_map(|journal| {
            let pending = pending_journal(&journal).ok()??;
            (pending.file == path).then_some((journal, pending.edits))
        })
}

/// A journal for a file, with a name that none has.
fn new_journal(path: &Path, journals: &Path) -> PathBuf {
    let hash = blake3::hash(path.as_os_str().as_encoded_bytes()).to_hex();
    let name = |number: usize| journals.join(format!("{}-{number}.jsonl", &hash[..16]));
    (1..).map(name).find(|name| !name.exists()).unwrap_or_else(|| name(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Edit;

    const FILE: &str = "{\"query\": \"a\", \"pos\": [\"b\"]}\n";

    fn open(path: &Path, journals: &Path, left_behind: LeftBehind) -> Result<Opened, DatasetError> {
        super::open(path, Some(journals), left_behind, &Watch::default(), |_| ())
    }

    fn edited(path: &Path, journals: &Path) -> Dataset {
        let Opened::Open { mut dataset, warning: None, .. } = open(path, journals, LeftBehind::Ask).unwrap() else {
            panic!("not opened")
        };
        let line = dataset.lines().id(0).unwrap();
        dataset.apply(Edit::SetQuery { line, query: "edited".into() }).unwrap();
        *dataset
    }

    #[test]
    fn edits_of_a_crash_are_offered_and_recovered_or_discarded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        std::fs::write(&path, FILE).unwrap();
        drop(edited(&path, folder.path()));
        assert!(matches!(open(&path, folder.path(), LeftBehind::Ask).unwrap(), Opened::Pending { edits: 1, .. }));
        let Opened::Open { dataset, .. } = open(&path, folder.path(), LeftBehind::Recover).unwrap() else {
            panic!("not opened")
        };
        assert_eq!(dataset.rows()[0].1.query, "edited");
        drop(dataset);
        let Opened::Open { dataset, .. } = open(&path, folder.path(), LeftBehind::Discard).unwrap() else {
            panic!("not opened")
        };
        assert_eq!(dataset.rows()[0].1.query, "a");
        drop(dataset);
        assert!(matches!(open(&path, folder.path(), LeftBehind::Ask).unwrap(), Opened::Open { .. }));
    }

    #[test]
    fn a_file_saved_under_another_name_is_recovered_under_that_name() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old.jsonl"), folder.path().join("new.jsonl"));
        std::fs::write(&old, FILE).unwrap();
        let journals = folder.path().join("journals");
        std::fs::create_dir(&journals).unwrap();
        let Saved { mut dataset, result } = save(edited(&old, &journals), Some(new.clone()), false);
        result.unwrap();
        let line = dataset.lines().id(0).unwrap();
        dataset.apply(Edit::SetQuery { line, query: "again".into() }).unwrap();
        drop(dataset);
        assert!(matches!(open(&old, &journals, LeftBehind::Ask).unwrap(), Opened::Open { .. }));
        assert!(matches!(open(&new, &journals, LeftBehind::Ask).unwrap(), Opened::Pending { edits: 1, .. }));
    }

    #[test]
    fn the_head_of_a_large_file_is_told_before_the_rest_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        for (rows, heads) in [(10, 0), (700_000, 1)] {
            std::fs::write(&path, FILE.repeat(rows)).unwrap();
            let (watch, told) = (Watch::default(), std::cell::Cell::new(0));
            let tell = |opened| {
                let Opened::Head { path: of, lines } = opened else { panic!("the end is not told") };
                assert!(of == path && lines.read(0).row().unwrap().query == "a");
                assert!(!lines.is_empty() && lines.len() < rows && watch.total() == 0, "nothing else was read before");
                told.set(told.get() + 1);
            };
            let opened = super::open(&path, Some(folder.path()), LeftBehind::Ask, &watch, tell).unwrap();
            let Opened::Open { dataset, .. } = opened else { panic!("not opened") };
            assert_eq!((dataset.lines().len(), told.get()), (rows, heads));
            assert_eq!(watch.done() as u64, std::fs::metadata(&path).unwrap().len());
        }
    }
}
