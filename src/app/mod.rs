//! The window: three benches, one a folder, over the same library that the command line uses.
//!
//! A bench has a state that knows nothing of drawing, and a `show` that draws it and returns what the
//! user asked for. [`window`] owns all states, applies what was asked for, and starts the jobs.

mod background;
mod compare;
mod console;
mod data;
mod error_texts;
mod files;
mod hub;
mod job_texts;
mod notification;
mod sentences;
mod shell;
pub mod texts;
mod theme;
mod train;
mod widgets;
mod window;

use std::path::PathBuf;

use eframe::egui::ViewportBuilder;
use thiserror::Error;

pub use window::{Setup, Window};

use crate::compute::DeviceChoice;
use crate::workspace::WorkspaceError;

/// How the window is to start.
#[derive(Clone, Debug, Default)]
pub struct StartOptions {
    /// Files and model folders to open instead of the sample workspace.
    pub paths: Vec<PathBuf>,
    pub device: DeviceChoice,
}

/// Why there is no window.
#[derive(Debug, Error)]
pub enum AppError {
    #[error("no window can be opened here: {0}; without a display, `weldbench demo` walks the same way in a terminal")]
    NoDisplay(String),
    #[error(
        "no graphics adapter can draw the window: {0}; install a graphics driver (on Debian and Ubuntu the package mesa-vulkan-drivers has one that needs no graphics card), or run `weldbench demo`, which needs none"
    )]
    NoAdapter(String),
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    #[error("the window did not start: {0}; `weldbench demo` walks the same way in a terminal")]
    NotStarted(String),
}

impl From<eframe::Error> for AppError {
    fn from(error: eframe::Error) -> Self {
        match error {
            eframe::Error::Wgpu(cause) => Self::NoAdapter(cause.to_string()),
            eframe::Error::Winit(cause) => Self::NoDisplay(cause.to_string()),
            eframe::Error::WinitEventLoop(cause) => Self::NoDisplay(cause.to_string()),
            other => Self::NotStarted(other.to_string()),
        }
    }
}

/// Opens the window and returns when it is closed.
pub fn run(options: StartOptions) -> Result<(), AppError> {
    let setup = Setup::of_this_machine(options)?;
    let viewport = ViewportBuilder::default()
        .with_title("Weldbench")
        .with_app_id("weldbench")
        .with_inner_size(theme::size::WINDOW)
        .with_min_inner_size(theme::size::MINIMUM_WINDOW)
        .with_drag_and_drop(true);
    let native = eframe::NativeOptions {
        viewport,
        renderer: eframe::Renderer::Wgpu,
        // Where the window was, and how wide its panels.
        persistence_path: Some(setup.workspace.root().join("window.ron")),
        ..Default::default()
    };
    console::leave_own();
    eframe::run_native("weldbench", native, Box::new(move |context| Ok(Box::new(Window::new(context, setup)))))?;
    Ok(())
}
