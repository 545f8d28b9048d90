//! Small parts that several benches share.

mod change;
mod choose_model;
mod choose_path;
mod notice;

pub use change::{Direction, change, change_text};
pub use choose_model::{ModelFrom, choose_model, model_menu};
pub use choose_path::choose_path;
pub use notice::{Severity, empty, notice};
