//! Errors of the layers below in the window's language. The layers themselves say them in English, which is also what
//! is shown of a cause that only they or the system know.

use std::fmt::Display;
use std::io;

use super::data::fault_texts;
use super::hub;
use super::sentences::sentence;
use super::texts::{Language, Texts};
use crate::compute::{ComputeError, DeviceInfo, choices};
use crate::dataset::DatasetError;
use crate::dataset::import::{ImportError, SkipReason, Skipped, TableFault, TableProblem};
use crate::jobs::{Failure, JobError};
use crate::model::ModelError;
use crate::report::ReportError;
use crate::retrieval::SearchError;
use crate::training::{Concern, ConfigFileError, OptionError, RowFault, TrainingError, Warning};
use crate::workspace::{SettingsFault, WorkspaceError};

/// Values by the names that a text has for them.
type Values<'a> = [(&'a str, &'a dyn Display)];

/// What an error is in English, or else what the other languages make of it.
fn told(texts: Texts, error: &impl Display, other: impl FnOnce() -> String) -> String {
    if texts.language() == Language::English { error.to_string() } else { other() }
}

/// A text that English does not need.
fn say(texts: Texts, key: &str, values: &Values) -> String {
    texts.with(key, values)
}

pub fn dataset(texts: Texts, error: &DatasetError) -> String {
    use DatasetError as E;
    let say = |key, values: &Values| say(texts, key, values);
    told(texts, error, || match error {
        E::Read { path, source } => say("error_read", &[("file", &path.display()), ("cause", &io(texts, source))]),
        E::Write { path, source } => say("error_write", &[("file", &path.display()), ("cause", &io(texts, source))]),
        E::ReadOnly { path } => say("error_read_only", &[("file", &path.display())]),
        E::Exists { path } => say("error_exists", &[("file", &path.display())]),
        E::Untitled => say("error_untitled", &[]),
        E::ChangedOnDisk { path } => say("error_changed_on_disk", &[("file", &path.display())]),
        E::NotAReview { path, line, reason } => {
            let cause = sentence(texts, reason);
            say("error_not_a_review", &[("file", &path.display()), ("line", line), ("cause", &cause)])
        }
        E::WrongShare { share } => say("error_wrong_share", &[("share", share)]),
        E::Inseparable { rows, groups, largest } => {
            say("error_inseparable", &[("rows", rows), ("groups", groups), ("largest", largest)])
        }
        E::Cancelled => say("error_edits_cancelled", &[]),
        E::BrokeOff { cause } => say("error_broke_off", &[("cause", cause)]),
        E::NoSuchLine => say("error_no_such_line", &[]),
        E::NoSuchPlace { at, lines } => say("error_no_such_place", &[("at", at), ("lines", lines)]),
        E::NotARow { line } => say("error_not_a_row", &[("line", line)]),
        E::NoSuchPassage { line, side, index, count } => say(
            "error_no_such_passage",
            &[("line", line), ("side", &side.key()), ("number", &(index + 1)), ("count", count)],
        ),
        E::WrongScores { line, count } => say("error_wrong_scores", &[("line", line), ("count", count)]),
        E::EmptyText => say("error_empty_text", &[]),
        E::LineBreak => say("error_line_break", &[]),
        E::Unusable { line, fault } => {
            say("error_unusable", &[("line", line), ("fault", &fault_texts::fault(texts, fault))])
        }
        E::Journal { path, source } => {
            say("error_journal", &[("file", &path.display()), ("cause", &io(texts, source))])
        }
        E::JournalInUse { path } => say("error_journal_in_use", &[("file", &path.display())]),
        E::JournalPending { path, edits } => {
            say("error_journal_pending", &[("file", &path.display()), ("edits", edits)])
        }
        E::JournalMismatch { journal, file } => {
            say("error_journal_mismatch", &[("journal", &journal.display()), ("file", &file.display())])
        }
        E::JournalDamaged { path, line, reason } => {
            let cause = sentence(texts, reason);
            say("error_journal_damaged", &[("file", &path.display()), ("line", line), ("cause", &cause)])
        }
    })
}

pub fn import(texts: Texts, error: &ImportError) -> String {
    use ImportError as E;
    let say = |key, values: &Values| say(texts, key, values);
    told(texts, error, || match error {
        E::Read { path, source } => say("error_read", &[("file", &path.display()), ("cause", &io(texts, source))]),
        E::Write { path, source } => say("error_write", &[("file", &path.display()), ("cause", &io(texts, source))]),
        E::Exists { path } => say("error_exists", &[("file", &path.display())]),
        E::In { path, source } => say("error_in_file", &[("file", &path.display()), ("cause", &import(texts, source))]),
        E::Empty => say("error_import_empty", &[]),
        E::EmptySheet { sheet, sheets } => {
            say("error_import_empty_sheet", &[("sheet", sheet), ("sheets", &sheets.join("、"))])
        }
        E::NotATable { reason } => say("error_import_not_a_table", &[("cause", &sentence(texts, reason))]),
        E::Json => say("error_import_json", &[]),
        E::WebPage => say("error_import_web_page", &[]),
        E::DamagedWorkbook { cause } => say("error_import_damaged_workbook", &[("cause", &sentence(texts, cause))]),
        E::LargeWorkbook { cause } => say("error_import_large_workbook", &[("cause", &sentence(texts, cause))]),
        E::Password => say("error_import_password", &[]),
        E::NoSuchSheet { sheet, sheets } => {
            say("error_import_no_such_sheet", &[("sheet", sheet), ("sheets", &sheets.join("、"))])
        }
        E::NoSuchColumn { column, columns } => say(
            "error_import_no_such_column",
            &[("column", column), ("columns", &columns.join("、")), ("count", &columns.len())],
        ),
        E::NoColumnFor { what, columns } => {
            let key = match *what {
                "text" => "error_import_no_text",
                "positive" => "error_import_no_positive",
                _ => "error_import_no_query",
            };
            say(key, &[("columns", &columns.join("、"))])
        }
    })
}

/// A line of a table, and why nothing was made of it.
pub fn skipped(texts: Texts, skipped: &Skipped) -> String {
    let reason = told(texts, &skipped.reason, || match &skipped.reason {
        SkipReason::NoQuestion => say(texts, "error_no_question", &[]),
        SkipReason::NoPositive => say(texts, "error_no_positive", &[]),
        SkipReason::NoText => say(texts, "error_no_text", &[]),
        SkipReason::Fault(fault) => table_fault(texts, fault),
    });
    texts.with("line_told", &[("line", &skipped.line), ("what", &reason)])
}

/// What is odd about a line of a table.
pub fn table_problem(texts: Texts, problem: &TableProblem) -> String {
    texts.with("line_told", &[("line", &problem.line), ("what", &table_fault(texts, &problem.fault))])
}

fn table_fault(texts: Texts, fault: &TableFault) -> String {
    told(texts, fault, || match fault {
        TableFault::TooManyCells { cells, width } => {
            say(texts, "error_table_too_many_cells", &[("cells", cells), ("width", width)])
        }
        TableFault::NotText => say(texts, "error_table_not_text", &[]),
        TableFault::OddQuote => say(texts, "error_table_odd_quote", &[]),
        TableFault::CellError { column, error } => {
            say(texts, "error_table_cell_error", &[("column", &(column + 1)), ("cause", error)])
        }
    })
}

pub fn model(texts: Texts, error: &ModelError) -> String {
    let say = |key, values: &Values| say(texts, key, values);
    told(texts, error, || match error {
        ModelError::File { path, cause } => {
            say("error_model_file", &[("file", &path.display()), ("cause", &sentence(texts, cause))])
        }
        ModelError::MissingTensor { path, tensor } => {
            say("error_model_missing_tensor", &[("file", &path.display()), ("tensor", tensor)])
        }
        ModelError::Shape { path, tensor, found, wanted } => say(
            "error_model_shape",
            &[
                ("file", &path.display()),
                ("tensor", tensor),
                ("found", &format!("{found:?}")),
                ("wanted", &format!("{wanted:?}")),
            ],
        ),
        ModelError::NotFinite { path, tensor, at, value } => say(
            "error_model_not_finite",
            &[("file", &path.display()), ("tensor", tensor), ("value", value), ("place", at)],
        ),
        ModelError::Mix { base, tuned, difference } => say(
            "error_model_mix",
            &[("base", &base.display()), ("tuned", &tuned.display()), ("difference", &sentence(texts, difference))],
        ),
        ModelError::Hub(error) => hub::error(texts, error),
        ModelError::Tokenizer(cause) => say("error_model_tokenizer", &[("cause", &sentence(texts, cause))]),
        ModelError::Device(cause) => say("error_model_device", &[("cause", cause)]),
        ModelError::Compute(error) => compute(texts, error),
        ModelError::Stopped => say("error_stopped", &[]),
    })
}

pub fn compute(texts: Texts, error: &ComputeError) -> String {
    let say = |key, values: &Values| say(texts, key, values);
    told(texts, error, || match error {
        ComputeError::NotADevice(name) => say("error_device_unknown", &[("device", name)]),
        ComputeError::Absent { wanted, present } => {
            let present = choices(present, |one| device(texts, one));
            say("error_device_absent", &[("device", wanted), ("present", &present)])
        }
        ComputeError::NoCuda => say("error_device_no_cuda", &[]),
        ComputeError::NotStarted { device, cause } => {
            say("error_device_not_started", &[("device", &sentence(texts, device)), ("cause", &sentence(texts, cause))])
        }
        ComputeError::OutOfMemory(cause) => say("error_device_memory", &[("cause", cause)]),
        ComputeError::Lost(cause) => say("error_device_lost", &[("cause", cause)]),
    })
}

/// What a device is called.
pub fn device(texts: Texts, device: &DeviceInfo) -> String {
    sentence(texts, &device.label())
}

/// An option of a run by its name in the window, and why its value cannot work.
pub fn option(texts: Texts, error: &OptionError) -> String {
    told(texts, error, || match error {
        OptionError::Unknown(name) => say(texts, "error_option_unknown", &[("option", name)]),
        OptionError::Invalid { name, value, .. } => {
            let shown = texts.find(&format!("option_{name}")).unwrap_or(name);
            let why = texts.find(&format!("problem_{name}")).unwrap_or(texts.get("option_unreadable"));
            let why = why.trim_end_matches('。');
            say(texts, "error_option", &[("option", &shown), ("value", value), ("cause", &why)])
        }
    })
}

pub fn config_file(texts: Texts, error: &ConfigFileError) -> String {
    let say = |key, values: &Values| say(texts, key, values);
    told(texts, error, || match error {
        ConfigFileError::Read { path, source } => {
            say("error_read", &[("file", &path.display()), ("cause", &io(texts, source))])
        }
        ConfigFileError::Write { path, source } => {
            say("error_write", &[("file", &path.display()), ("cause", &io(texts, source))])
        }
        ConfigFileError::Toml { path, cause } => {
            say("error_config_toml", &[("file", &path.display()), ("cause", cause)])
        }
        ConfigFileError::Options { path, problems } => {
            let problems: Vec<String> = problems.iter().map(|problem| option(texts, problem)).collect();
            say("error_config_options", &[("file", &path.display()), ("cause", &problems.join("；"))])
        }
    })
}

pub fn concern(texts: Texts, concern: &Concern) -> String {
    let gb = |bytes: u64| format!("{:.1} GB", bytes as f64 / 1e9);
    told(texts, concern, || match concern {
        Concern::TooLarge { needed, memory, piece } => {
            let (needed, memory) = (gb(needed.total()), gb(*memory));
            match piece {
                Some(piece) => {
                    say(texts, "error_too_large", &[("needed", &needed), ("memory", &memory), ("piece", piece)])
                }
                None => say(texts, "error_far_too_large", &[("needed", &needed), ("memory", &memory)]),
            }
        }
        Concern::EmbeddingsStayBehind { bytes, most } => {
            say(texts, "error_embeddings_stay", &[("needed", &gb(*bytes)), ("most", &gb(*most))])
        }
    })
}

pub fn warning(texts: Texts, warning: &Warning) -> String {
    let say = |key, values: &Values| say(texts, key, values);
    told(texts, warning, || match warning {
        Warning::LinesLeftOut { file, lines, first } => {
            say("warning_lines_left_out", &[("file", &file.display()), ("lines", lines), ("first", first)])
        }
        Warning::ModelStays { elsewhere } => say("warning_model_stays", &[("folder", &elsewhere.display())]),
        Warning::Concern(about) => concern(texts, about),
        Warning::LongerThanModel { option, wanted, longest } => {
            let shown = texts.find(&format!("option_{option}")).unwrap_or(option);
            say("warning_longer_than_model", &[("option", &shown), ("wanted", wanted), ("longest", longest)])
        }
        Warning::NoPrecision { wanted } => say("warning_no_precision", &[("wanted", wanted)]),
        Warning::SmallerPieces { step, texts: at_a_time } => {
            say("warning_smaller_pieces", &[("step", step), ("texts", at_a_time)])
        }
        Warning::NoRecord { cause } => say("warning_no_record", &[("cause", &sentence(texts, cause))]),
        Warning::CardStays { card, beside } => {
            say("warning_card_stays", &[("card", &card.display()), ("beside", beside)])
        }
        Warning::NoCard { cause } => say("warning_no_card", &[("cause", &sentence(texts, cause))]),
    })
}

pub fn training(texts: Texts, error: &TrainingError) -> String {
    let say = |key, values: &Values| say(texts, key, values);
    told(texts, error, || match error {
        TrainingError::Options(problems) => {
            problems.iter().map(|problem| option(texts, problem)).collect::<Vec<_>>().join("；")
        }
        TrainingError::File { path, cause } => {
            say("error_training_file", &[("file", &path.display()), ("cause", &sentence(texts, cause))])
        }
        TrainingError::Row { path, line, fault } => {
            let cause = row_fault(texts, fault);
            say("error_training_row", &[("file", &path.display()), ("line", line), ("cause", &cause)])
        }
        TrainingError::NoBatches { rows, batch_size } => {
            say("error_training_no_batches", &[("rows", rows), ("size", batch_size)])
        }
        TrainingError::NothingToTrain => say("error_training_nothing", &[]),
        TrainingError::Checkpoint { path, cause } => {
            say("error_training_checkpoint", &[("path", &path.display()), ("cause", &sentence(texts, cause))])
        }
        TrainingError::Changed { what } => say("error_training_changed", &[("what", &sentence(texts, what))]),
        TrainingError::Evaluation(error) => say("error_training_evaluation", &[("cause", &search(texts, error))]),
        TrainingError::OutputExists(path) => say("error_training_output", &[("file", &path.display())]),
        TrainingError::Data(error) => dataset(texts, error),
        TrainingError::Model(error) => model(texts, error),
        TrainingError::Compute(error) => compute(texts, error),
    })
}

fn row_fault(texts: Texts, fault: &RowFault) -> String {
    let say = |key, values: &Values| say(texts, key, values);
    told(texts, fault, || match fault {
        RowFault::NoNegatives => say("error_row_no_negatives", &[]),
        RowFault::ScoredUnlikeOthers => say("error_row_scored_unlike_others", &[]),
        RowFault::WrongScores { positives, positive_scores, negatives, negative_scores } => say(
            "error_row_wrong_scores",
            &[
                ("positives", positives),
                ("positive_scores", positive_scores),
                ("negatives", negatives),
                ("negative_scores", negative_scores),
            ],
        ),
        RowFault::NoScores => say("error_row_no_scores", &[]),
        RowFault::HalfTheScores => say("error_row_half_the_scores", &[]),
    })
}

fn search(texts: Texts, error: &SearchError) -> String {
    let say = |key, values: &Values| say(texts, key, values);
    told(texts, error, || match error {
        SearchError::NoVectors { kind, .. } => say("error_search_no_vectors", &[("kind", kind)]),
        SearchError::Sizes { query, corpus } => say("error_search_sizes", &[("query", query), ("corpus", corpus)]),
        SearchError::Weights(_) => say("error_search_weights", &[]),
        SearchError::Stopped => say("error_stopped", &[]),
    })
}

fn report(texts: Texts, error: &ReportError) -> String {
    let say = |key, values: &Values| say(texts, key, values);
    told(texts, error, || match error {
        ReportError::Model(error) => model(texts, error),
        ReportError::File { path, source } => {
            say("error_read", &[("file", &path.display()), ("cause", &io(texts, source))])
        }
        ReportError::Write { path, source } => {
            say("error_write", &[("file", &path.display()), ("cause", &io(texts, source))])
        }
        ReportError::Json(cause) => say("error_report_json", &[("cause", cause)]),
    })
}

fn job(texts: Texts, error: &JobError) -> String {
    let say = |key, values: &Values| say(texts, key, values);
    told(texts, error, || match error {
        JobError::NoVectors(model) => say("error_job_no_vectors", &[("model", &model.display())]),
        JobError::NoHeads(model) => say("error_job_no_heads", &[("model", &model.display())]),
        JobError::NotFinite(model) => say("error_job_not_finite", &[("model", &model.display())]),
        JobError::NoPassages => say("error_job_no_passages", &[]),
        JobError::NoRanks { start, end } => say("error_job_no_ranks", &[("start", start), ("end", end)]),
        JobError::NothingToJudgeBy(_) => say("error_job_nothing_to_judge_by", &[]),
        JobError::NoQuestions => say("error_job_no_questions", &[]),
        JobError::NotEmpty(folder) => say("error_job_not_empty", &[("folder", &folder.display())]),
        JobError::Write { path, cause } => {
            say("error_job_write", &[("file", &path.display()), ("cause", &io(texts, cause))])
        }
        JobError::NoRun(folder) => say("error_job_no_run", &[("folder", &folder.display())]),
        JobError::NoThread => say("error_job_no_thread", &[]),
        JobError::Mistake { cause, report: None } => say("error_job_mistake", &[("cause", cause)]),
        JobError::Mistake { cause, report: Some(report) } => {
            say("error_job_mistake_reported", &[("cause", cause), ("report", &report.display())])
        }
    })
}

pub fn workspace(texts: Texts, error: &WorkspaceError) -> String {
    let say = |key, values: &Values| say(texts, key, values);
    told(texts, error, || match error {
        WorkspaceError::NoHome => say("error_workspace_no_home", &[]),
        WorkspaceError::NotWritable { path, cause } | WorkspaceError::Io { path, cause, .. } => {
            say("error_workspace_io", &[("file", &path.display()), ("cause", &io(texts, cause))])
        }
        WorkspaceError::GoesOn(path) => say("error_run_goes_on", &[("path", &path.display())]),
        WorkspaceError::OtherFileSystem(path) => say("error_trash_elsewhere", &[("path", &path.display())]),
        WorkspaceError::Trash { path, cause } => say("error_trash", &[("path", &path.display()), ("cause", cause)]),
        WorkspaceError::Run { path, cause } => {
            say("error_workspace_run", &[("file", &path.display()), ("cause", cause)])
        }
    })
}

/// Why the settings start anew.
pub fn settings(texts: Texts, fault: &SettingsFault) -> String {
    let say = |key, values: &Values| say(texts, key, values);
    told(texts, fault, || match fault {
        SettingsFault::Unreadable { path, cause } => {
            say("error_settings_unreadable", &[("file", &path.display()), ("cause", &sentence(texts, cause))])
        }
        SettingsFault::Broken { path, cause, aside } => {
            say("error_settings_broken", &[("file", &path.display()), ("cause", cause), ("aside", &aside.display())])
        }
        SettingsFault::InTheWay { path, cause, trouble } => say(
            "error_settings_in_the_way",
            &[("file", &path.display()), ("cause", cause), ("trouble", &sentence(texts, trouble))],
        ),
    })
}

/// Why a job failed, and what to do.
pub fn failure(texts: Texts, failure: &Failure) -> String {
    let Some(error) = failure.error.as_deref() else {
        return failure.to_string();
    };
    if texts.language() == Language::English {
        return failure.to_string();
    }
    let known = [
        error.downcast_ref().map(|error| model(texts, error)),
        error.downcast_ref().map(|error| compute(texts, error)),
        error.downcast_ref().map(|error| training(texts, error)),
        error.downcast_ref().map(|error| config_file(texts, error)),
        error.downcast_ref().map(|error| dataset(texts, error)),
        error.downcast_ref().map(|error| import(texts, error)),
        error.downcast_ref().map(|error| job(texts, error)),
        error.downcast_ref().map(|error| search(texts, error)),
        error.downcast_ref().map(|error| report(texts, error)),
        error.downcast_ref().map(|error| workspace(texts, error)),
        error.downcast_ref().map(|error| hub::error(texts, error)),
    ];
    known.into_iter().flatten().next().unwrap_or_else(|| failure.to_string())
}

pub fn io(texts: Texts, error: &io::Error) -> String {
    of_kind(texts, error.kind()).map_or_else(|| sentence(texts, &error.to_string()), str::to_owned)
}

/// What the system says most often.
pub fn of_kind(texts: Texts, kind: io::ErrorKind) -> Option<&'static str> {
    texts.find(match kind {
        io::ErrorKind::NotFound => "error_io_not_found",
        io::ErrorKind::PermissionDenied => "error_io_not_allowed",
        io::ErrorKind::StorageFull => "error_io_full",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::compute::{DeviceChoice, choose};
    use crate::dataset::{Corpus, Dataset, Fault, Side};
    use crate::model::{EmbeddingModel, Reranker};
    use crate::retrieval::Keep;

    static CHINESE: std::sync::LazyLock<Texts> = std::sync::LazyLock::new(|| Texts::new(Language::Chinese));

    /// Nothing of the English is left but names, values and causes that only the system knows.
    fn check(chinese: String, english: String, keeps: &[&str]) {
        assert!(chinese.chars().any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter)), "{chinese}");
        assert!(!chinese.contains('{'), "{chinese}");
        let words = chinese.split(|letter: char| !letter.is_ascii_alphabetic());
        let named: Vec<&str> = words.filter(|word| word.len() > 3).collect();
        for word in ["there", "choose", "cannot", "Choose", "Save", "line", "holds"] {
            assert!(!named.contains(&word), "{chinese} has English in it: {english}");
        }
        for kept in keeps {
            assert!(chinese.contains(kept), "{chinese} lacks {kept}");
        }
    }

    #[test]
    fn errors_of_files_are_told_in_chinese() {
        let path = || PathBuf::from("data/焊接.jsonl");
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        use DatasetError as E;
        for (error, keeps) in [
            (E::Read { path: path(), source: gone() }, &["焊接.jsonl"][..]),
            (E::Write { path: path(), source: gone() }, &["焊接.jsonl"]),
            (E::ReadOnly { path: path() }, &["焊接.jsonl"]),
            (E::Exists { path: path() }, &["焊接.jsonl"]),
            (E::Untitled, &[]),
            (E::ChangedOnDisk { path: path() }, &["焊接.jsonl"]),
            (E::NotAReview { path: path(), line: 3, reason: "x".into() }, &["焊接.jsonl", "3", "x"]),
            (E::WrongShare { share: 2.5 }, &["2.5"]),
            (E::Inseparable { rows: 4, groups: 5, largest: 6 }, &["4", "5", "6"]),
            (E::NoSuchLine, &[]),
            (E::NoSuchPlace { at: 9, lines: 7 }, &["9", "7"]),
            (E::NotARow { line: 8 }, &["8"]),
            (E::NoSuchPassage { line: 1, side: Side::Negative, index: 4, count: 2 }, &["neg", "5", "2"]),
            (E::WrongScores { line: 3, count: 4 }, &["3", "4"]),
            (E::EmptyText, &[]),
            (E::LineBreak, &["\\n"]),
            (E::Unusable { line: 6, fault: Fault::NoNegatives }, &["6", "neg"]),
            (E::Journal { path: path(), source: gone() }, &["焊接.jsonl"]),
            (E::JournalInUse { path: path() }, &["焊接.jsonl"]),
            (E::JournalPending { path: path(), edits: 12 }, &["12"]),
            (E::JournalMismatch { journal: "j".into(), file: path() }, &["焊接.jsonl"]),
            (E::JournalDamaged { path: path(), line: 5, reason: "y".into() }, &["5", "y"]),
        ] {
            check(dataset(*CHINESE, &error), error.to_string(), keeps);
            assert_eq!(dataset(Texts::new(Language::English), &error), error.to_string());
        }
        let missing = Dataset::open("no/such.jsonl").err().unwrap();
        assert_eq!(dataset(*CHINESE, &missing), "无法读取 no/such.jsonl：找不到文件。请检查文件是否存在、是否可读");
        check(dataset(*CHINESE, &Corpus::open("no/such.txt").unwrap_err()), String::new(), &["no/such.txt"]);
    }

    #[test]
    fn errors_of_imports_are_told_in_chinese() {
        let names = || vec!["首页".to_owned(), "问答".to_owned()];
        use ImportError as E;
        let gone = || io::Error::from(io::ErrorKind::PermissionDenied);
        for (error, keeps) in [
            (E::Read { path: "a.csv".into(), source: gone() }, &["a.csv", "权限"][..]),
            (E::Write { path: "a.csv".into(), source: gone() }, &["a.csv"]),
            (E::Exists { path: "a.csv".into() }, &["a.csv"]),
            (E::In { path: "a.csv".into(), source: Box::new(E::Empty) }, &["a.csv", "空"]),
            (E::EmptySheet { sheet: "首页".into(), sheets: names() }, &["首页、问答"]),
            (E::NotATable { reason: "x" }, &["x", "CSV"]),
            (E::Json, &["JSON"]),
            (E::WebPage, &["XLSX"]),
            (E::DamagedWorkbook { cause: "y".into() }, &["y"]),
            (E::LargeWorkbook { cause: "z".into() }, &["z", "CSV"]),
            (E::Password, &[]),
            (E::NoSuchSheet { sheet: "a".into(), sheets: names() }, &["首页、问答"]),
            (E::NoSuchColumn { column: "b".into(), columns: names() }, &["b", "首页、问答", "2"]),
            (E::NoColumnFor { what: "text", columns: names() }, &["正文", "首页、问答"]),
            (E::NoColumnFor { what: "query", columns: names() }, &["问题"]),
            (E::NoColumnFor { what: "positive", columns: names() }, &["正例"]),
        ] {
            check(import(*CHINESE, &error), error.to_string(), keeps);
        }
        for (reason, keeps) in [
            (SkipReason::NoQuestion, "问题"),
            (SkipReason::NoPositive, "正例"),
            (SkipReason::NoText, "文字"),
            (SkipReason::Fault(TableFault::TooManyCells { cells: 6, width: 4 }), "6"),
            (SkipReason::Fault(TableFault::NotText), "UTF-8"),
            (SkipReason::Fault(TableFault::OddQuote), "引号"),
            (SkipReason::Fault(TableFault::CellError { column: 1, error: "#N/A".into() }), "#N/A"),
        ] {
            let line = Skipped { line: 17, reason };
            check(skipped(*CHINESE, &line), line.to_string(), &["17", keeps]);
            assert_eq!(skipped(Texts::new(Language::English), &line), format!("L{}", &line.to_string()[1..]));
        }
    }

    #[test]
    fn errors_of_models_devices_and_runs_are_told_in_chinese() {
        let device = choose(DeviceChoice::Cpu).unwrap().open().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let load = |path: &std::path::Path| EmbeddingModel::load(path, &device).err().unwrap();
        let missing = load(&folder.path().join("gone"));
        check(model(*CHINESE, &missing), missing.to_string(), &["gone", "文件夹"]);
        std::fs::write(folder.path().join("config.json"), "{").unwrap();
        let broken = load(folder.path());
        // The cause is what the reader of JSON says.
        let ModelError::File { cause, .. } = &broken else { panic!("{broken}") };
        let path = folder.path().join("config.json");
        assert_eq!(model(*CHINESE, &broken), format!("{} 不能用：{cause}", path.display()));
        let other = Reranker::load(std::path::Path::new("tests/fixtures/flagembedding/model_safetensors"), &device);
        let other = other.err().unwrap();
        check(model(*CHINESE, &other), other.to_string(), &["重排模型"]);
        for error in [
            ModelError::MissingTensor { path: "m".into(), tensor: "t".into() },
            ModelError::Shape { path: "m".into(), tensor: "t".into(), found: vec![1], wanted: vec![2] },
            ModelError::NotFinite { path: "m".into(), tensor: "t".into(), at: 7, value: f32::NAN },
            ModelError::Mix { base: "t".into(), tuned: "t".into(), difference: "t".into() },
            ModelError::Tokenizer("t".into()),
            ModelError::Device("t".into()),
            ModelError::Stopped,
        ] {
            let keeps: &[&str] = if matches!(error, ModelError::Stopped) { &[] } else { &["t"] };
            check(model(*CHINESE, &error), error.to_string(), keeps);
            // Through a job, too.
            let told = model(*CHINESE, &error);
            assert_eq!(failure(*CHINESE, &Failure::from(error)), told);
        }
        for error in [
            ComputeError::NotADevice("x".into()),
            ComputeError::Absent { wanted: "x".into(), present: vec![choose(DeviceChoice::Cpu).unwrap()] },
            ComputeError::NoCuda,
            ComputeError::NotStarted { device: "x".into(), cause: "y".into() },
            ComputeError::OutOfMemory("y".into()),
            ComputeError::Lost("y".into()),
        ] {
            check(compute(*CHINESE, &error), error.to_string(), &[]);
        }
        let option = OptionError::Invalid { name: "temperature".into(), value: "0".into(), cause: "must be".into() };
        for (error, keeps) in [
            (TrainingError::Options(vec![option, OptionError::Unknown("tempo".into())]), &["温度", "tempo"][..]),
            (TrainingError::File { path: "a".into(), cause: "b".into() }, &["b"]),
            (TrainingError::Row { path: "a".into(), line: 31, fault: RowFault::NoNegatives }, &["31", "负例"]),
            (TrainingError::Row { path: "a".into(), line: 31, fault: RowFault::ScoredUnlikeOthers }, &["31"]),
            (TrainingError::Row { path: "a".into(), line: 31, fault: RowFault::NoScores }, &["31", "知识蒸馏"]),
            (TrainingError::Row { path: "a".into(), line: 31, fault: RowFault::HalfTheScores }, &["31"]),
            (TrainingError::Evaluation(SearchError::Sizes { query: 3, corpus: 2 }), &["3", "2"]),
            (TrainingError::NoBatches { rows: 3, batch_size: 8 }, &["3", "8"]),
            (TrainingError::NothingToTrain, &[]),
            (TrainingError::Changed { what: "weld.jsonl".into() }, &["weld.jsonl"]),
            (TrainingError::OutputExists("out".into()), &["out"]),
            (TrainingError::Model(ModelError::Stopped), &[]),
            (TrainingError::Compute(ComputeError::NoCuda), &["CUDA"]),
        ] {
            check(training(*CHINESE, &error), error.to_string(), keeps);
        }
        let (positives, positive_scores, negatives, negative_scores) = (5, 6, 7, 8);
        let scores = RowFault::WrongScores { positives, positive_scores, negatives, negative_scores };
        check(row_fault(*CHINESE, &scores), scores.to_string(), &["5", "6", "7", "8"]);
        let (file, elsewhere) = (PathBuf::from("a"), PathBuf::from("b"));
        for (about, keeps) in [
            (Warning::LinesLeftOut { file, lines: 4, first: 9 }, &["a", "4", "9"][..]),
            (Warning::ModelStays { elsewhere }, &["b"]),
            (Warning::LongerThanModel { option: "query_max_len".into(), wanted: 600, longest: 512 }, &["600", "512"]),
            (Warning::NoPrecision { wanted: "bf16".into() }, &["bf16"]),
            (Warning::SmallerPieces { step: 3, texts: 2 }, &["3", "2"]),
            (Warning::NoRecord { cause: "c".into() }, &["c"]),
            (Warning::CardStays { card: "d".into(), beside: "e".into() }, &["d", "e"]),
            (Warning::NoCard { cause: "f".into() }, &["f"]),
        ] {
            check(warning(*CHINESE, &about), about.to_string(), keeps);
        }
        for (fault, keeps) in [
            (SettingsFault::Unreadable { path: "s".into(), cause: "c".into() }, &["s", "c"][..]),
            (SettingsFault::Broken { path: "s".into(), cause: "c".into(), aside: "k".into() }, &["s", "c", "k"]),
            (SettingsFault::InTheWay { path: "s".into(), cause: "c".into(), trouble: "t".into() }, &["s", "c", "t"]),
        ] {
            check(settings(*CHINESE, &fault), fault.to_string(), keeps);
        }
        let option = OptionError::Unknown("tempo".into());
        for (error, keeps) in [
            (ConfigFileError::Read { path: "a".into(), source: io::Error::other("b") }, "a"),
            (ConfigFileError::Write { path: "a".into(), source: io::Error::other("b") }, "a"),
            (ConfigFileError::Toml { path: "a".into(), cause: "b".into() }, "b"),
            (ConfigFileError::Options { path: "a".into(), problems: vec![option] }, "tempo"),
        ] {
            check(config_file(*CHINESE, &error), error.to_string(), &[keeps]);
        }
        let needed = crate::training::MemoryForecast { parameters: 9_000_000_000, ..Default::default() };
        for (error, keeps) in [
            (Concern::TooLarge { needed, memory: 8_000_000_000, piece: Some(3) }, &["9.0 GB", "8.0 GB", "3"][..]),
            (Concern::TooLarge { needed, memory: 8_000_000_000, piece: None }, &["9.0 GB", "8.0 GB"]),
            (Concern::EmbeddingsStayBehind { bytes: 1_000_000_000, most: 128_000_000 }, &["1.0 GB", "0.1 GB"]),
        ] {
            check(concern(*CHINESE, &error), error.to_string(), keeps);
        }
        for error in [
            JobError::NoVectors("m".into()),
            JobError::NoHeads("m".into()),
            JobError::NotFinite("m".into()),
            JobError::NoPassages,
            JobError::NoRanks { start: 3, end: 3 },
            JobError::NothingToJudgeBy(Keep::All),
            JobError::NoQuestions,
            JobError::NotEmpty("m".into()),
            JobError::Write { path: "m".into(), cause: io::Error::other("z") },
            JobError::NoRun("m".into()),
            JobError::NoThread,
            JobError::Mistake { cause: "m".into(), report: None },
            JobError::Mistake { cause: "m".into(), report: Some("r".into()) },
        ] {
            let english = error.to_string();
            check(failure(*CHINESE, &Failure::from(error)), english, &[]);
        }
        for error in [
            WorkspaceError::NoHome,
            WorkspaceError::Io { path: "w".into(), action: "open", cause: io::Error::other("z") },
            WorkspaceError::Run { path: "w".into(), cause: "z".into() },
            WorkspaceError::OtherFileSystem("w".into()),
            WorkspaceError::Trash { path: "w".into(), cause: "z".into() },
        ] {
            let english = error.to_string();
            check(failure(*CHINESE, &Failure::from(error)), english, &[]);
        }
    }
}
