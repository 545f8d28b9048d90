//! Small parts that several benches share.

mod change;
mod choose_model;
mod choose_path;
mod composing;
mod focus;
mod notice;
pub mod ticks;
mod wrapped;

pub use change::{Direction, change, change_text};
pub use choose_model::{ModelFrom, choose_model, model_menu};
pub use choose_path::choose_path;
pub use composing::{Composing, composed};
pub use focus::focus_ring;
pub use notice::{Severity, empty, empty_with, notice};
pub use wrapped::wrapped;
