//! The window: all states, and the one place where what was asked for is done.

use std::path::PathBuf;

use eframe::egui::{self, ThemePreference};

use super::background::Background;
use super::shell::{self, Answer, Bench, Messages, Question};
use super::texts::{Language, Texts};
use super::{compare, data, files, theme, train};
use crate::compute::DeviceInfo;
use crate::jobs::Jobs;

mod apply_compare;
mod apply_data;
mod apply_train;
mod devices;
mod drain;
mod setup;

pub use setup::Setup;

/// The window and all that it knows.
pub struct Window {
    context: egui::Context,
    texts: Texts,
    theme: ThemePreference,
    bench: Bench,
    data: data::State,
    train: train::State,
    compare: compare::State,
    messages: Messages,
    question: Option<(Question, Pending)>,
    jobs: Jobs,
    devices: devices::Devices,
    dialog: Option<Background<files::Chosen>>,
    has_painter: bool,
    setup: Setup,
}

/// What goes on once a question is answered.
#[derive(Clone, Debug, PartialEq)]
enum Pending {
    Open(PathBuf),
    Close,
}
