//! Why a data set could not be opened, edited or saved.

use super::problem::Fault;
use super::row::Side;
use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    #[error("cannot read {}: {source}. Check that the file is there and may be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {}: {source}. Nothing on the disk was changed; free the cause or save under another name", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{} is read-only. Save under another name, or allow writing to it", path.display())]
    ReadOnly { path: PathBuf },
    #[error("{} is there already. Move or rename it first", path.display())]
    Exists { path: PathBuf },
    #[error("these rows have no file yet. Save them under a name")]
    Untitled,
    #[error("{} was changed by another program since it was opened. Save under another name to keep both, or save anyway to overwrite that change", path.display())]
    ChangedOnDisk { path: PathBuf },

    #[error("{}, line {line} is no review: {reason}. Correct or remove that line", path.display())]
    NotAReview { path: PathBuf, line: usize, reason: String },
    #[error("the share to evaluate with is {share}; it must be above 0 and below 1")]
    WrongShare { share: f64 },
    #[error(
        "the {rows} rows cannot be parted so: they form {groups} groups that share questions or passages, the largest of {largest} rows. Choose another share, or let negatives be on both sides"
    )]
    Inseparable { rows: usize, groups: usize, largest: usize },

    #[error("cancelled; nothing has changed")]
    Cancelled,
    #[error("the program made a mistake: {cause}. The rows are as they were before; report this if it comes back")]
    BrokeOff { cause: String },
    #[error("that line is no longer in the data. Choose another")]
    NoSuchLine,
    #[error("there is no place {at} among {lines} lines. Choose one from 0 to {lines}")]
    NoSuchPlace { at: usize, lines: usize },
    #[error("line {line} is not a usable row. Correct its text first")]
    NotARow { line: usize },
    #[error("line {line} has {count} passages in `{}`, so there is no number {}. Choose another", side.key(), index + 1)]
    NoSuchPassage { line: usize, side: Side, index: usize, count: usize },
    #[error("the scores of line {line} must be {count} finite numbers, one for each passage")]
    WrongScores { line: usize, count: usize },
    #[error("the text is empty. Write it, or remove the passage or the row")]
    EmptyText,
    #[error("a line cannot hold a line break. Write \\n inside the quotes instead")]
    LineBreak,
    #[error(
        "the edit would leave line {line} unusable: {fault}. A row needs a query and at least one positive; add that first, or remove the row"
    )]
    Unusable { line: usize, fault: Fault },

    #[error("the journal {} cannot be kept: {source}. Free the cause (a full disk, a missing right) and try again", path.display())]
    Journal { path: PathBuf, source: io::Error },
    #[error("the journal {} is in use: the same file is open for editing elsewhere. Close it there", path.display())]
    JournalInUse { path: PathBuf },
    #[error("the journal {} holds {edits} edits that were never saved. Recover or discard them first", path.display())]
    JournalPending { path: PathBuf, edits: usize },
    #[error("the journal {} belongs to another state of {}: the file was changed after those edits. Put the earlier file back and recover again, or discard the journal", journal.display(), file.display())]
    JournalMismatch { journal: PathBuf, file: PathBuf },
    #[error("the journal {} is damaged at line {line}: {reason}. Keep a copy of it, then discard it", path.display())]
    JournalDamaged { path: PathBuf, line: usize, reason: String },
}
