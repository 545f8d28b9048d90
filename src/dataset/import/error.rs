//! Why a file could not be imported.

use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("cannot read {}: {source}. Check that the file is there and may be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: {source}", path.display())]
    In { path: PathBuf, source: Box<ImportError> },
    #[error("the file is empty. Choose a table with questions and answers")]
    Empty,
    #[error("the sheet `{sheet}` is empty. Choose another of: {}", sheets.join(", "))]
    EmptySheet { sheet: String, sheets: Vec<String> },
    #[error("the file is no table: {reason}. Give a CSV, TSV, XLSX, XLS or ODS file")]
    NotATable { reason: &'static str },
    #[error("the lines are JSON already. Open the file as data, it needs no import")]
    Json,
    #[error("the file is a web page, whatever its name says. Open it in Excel or WPS and save it as XLSX")]
    WebPage,
    #[error("the workbook is damaged: {cause}. Open it in Excel or WPS, save it anew, and import that")]
    DamagedWorkbook { cause: String },
    #[error("the workbook is too large: {cause}. Copy what is to be imported into a new sheet, or save it as CSV")]
    LargeWorkbook { cause: String },
    #[error("the workbook has a password. Open it in Excel or WPS, take the password off and save it")]
    Password,
    #[error("there is no sheet `{sheet}`. Choose one of: {}", if sheets.is_empty() { "(the file has no sheets)".to_owned() } else { sheets.join(", ") })]
    NoSuchSheet { sheet: String, sheets: Vec<String> },
    #[error("there is no column `{column}`. Choose one of: {}; or a number from 1 to {}", columns.join(", "), columns.len())]
    NoSuchColumn { column: String, columns: Vec<String> },
    #[error("no column is the {what}. Call the one that is `{what}` in the first line; there are: {}", columns.join(", "))]
    NoColumnFor { what: &'static str, columns: Vec<String> },
    #[error("{} is there already. Choose another name, or allow it to be overwritten", path.display())]
    Exists { path: PathBuf },
    #[error("cannot write {}: {source}. Nothing on the disk was changed; free the cause or choose another name", path.display())]
    Write { path: PathBuf, source: io::Error },
}
