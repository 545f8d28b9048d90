//! What the data bench knows: the open file, the choice, the filter, and the text being typed.

use super::bad_lines::BadLine;
use super::draft::{Draft, Field, List};
use super::tools::File;
use crate::dataset::{Dataset, Row};

/// What is shown in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selected {
    /// By its place among the rows, from 0.
    Row(usize),
    /// By its line in the file, from 1.
    BadLine(usize),
}

#[derive(Default)]
pub struct State {
    pub dataset: Option<Dataset>,
    pub is_opening: bool,
    pub selected: Option<Selected>,
    pub scroll_to_selected: bool,
    pub draft: Option<Draft>,
    filter: String,
    /// Rows that the filter lets through, by their places.
    visible: Vec<usize>,
}
