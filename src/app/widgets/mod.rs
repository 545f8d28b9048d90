//! Small parts that several benches share.

mod change;
mod choose_path;
mod notice;

pub use change::{Direction, change, change_text};
pub use choose_path::choose_path;
pub use notice::{Severity, empty, notice};
