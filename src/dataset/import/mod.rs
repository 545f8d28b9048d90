//! Question–answer rows from tables that other programs write: CSV, TSV, XLSX, XLS, ODS.
//!
//! A [`Table`] is read, a [`Mapping`] says what each column is, and [`rows`] makes rows of it.
//!
//! ```
//! use weldbench::dataset::import::{Mapping, Table, rows};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let table = Table::from_bytes("问题,答案\n什么是咬边？,焊趾处的沟槽\n什么是气孔？,\n".as_bytes(), None)?;
//! let (rows, skipped) = rows(&table, &Mapping::guess(&table))?;
//! assert_eq!(rows[0].query, "什么是咬边？");
//! assert_eq!(skipped[0].to_string(), "line 3: there is no positive");
//! # Ok(())
//! # }
//! ```

mod compound;
mod corpus;
mod delimited;
mod error;
mod mapping;
mod passages;
mod repeated;
mod rows;
mod table;
mod workbook;
mod write;

pub use corpus::{CorpusFile, CorpusForm, is_corpus};
pub use error::ImportError;
pub use mapping::{Mapping, Role};
pub use passages::{CorpusMapping, passages};
pub use rows::{SkipReason, Skipped, rows};
pub use table::{Table, TableFault, TableProblem, TableRow};
pub use write::{write_passages, write_rows};
