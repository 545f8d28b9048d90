//! What surrounds the benches: the bar at the top, the queue, questions and messages.

mod bar;
mod command;
mod command_palette;
mod guide;
mod key_sheet;
mod messages;
mod question;
mod queue;

pub use bar::{Surroundings, show as bar};
pub use command::{Command, Keys};
pub use command_palette::{CommandPalette, Left};
pub use guide::{Guide, GuideAction, Step};
pub use key_sheet::show as key_sheet;
pub use messages::Messages;
pub use question::{Answer, Question};

use super::texts::Language;
use eframe::egui::ThemePreference;

/// One of the three rooms of the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bench {
    #[default]
    Data,
    Train,
    Compare,
}

impl Bench {
    pub const ALL: [Self; 3] = [Self::Data, Self::Train, Self::Compare];

    pub fn key(self) -> &'static str {
        match self {
            Self::Data => "bench_data",
            Self::Train => "bench_train",
            Self::Compare => "bench_compare",
        }
    }
}

/// What the user asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Go(Bench),
    SetLanguage(Language),
    SetTheme(ThemePreference),
    Run(Command),
    /// Cancel the job at this place of the queue.
    CancelJob(usize),
}
