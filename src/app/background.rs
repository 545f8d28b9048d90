//! Short work away from the window's thread that computes nothing: files and dialogs.

use std::sync::mpsc::{Receiver, TryRecvError, channel};

use eframe::egui;

/// Work under way, and its result once it is there.
pub struct Background<T> {
    result: Receiver<T>,
}

impl<T: Send + 'static> Background<T> {
    /// Starts `work` on a thread of its own and wakes the window when it is done.
    pub fn start(context: &egui::Context, work: impl FnOnce() -> T + Send + 'static) -> Self {
        Self::telling(context, |_| work())
    }

    /// As [`Self::start`]; the work may tell something before it is done, which [`Self::poll`] gives first.
    pub fn telling(context: &egui::Context, work: impl FnOnce(&dyn Fn(T)) -> T + Send + 'static) -> Self {
        let (sender, result) = channel();
        let context = context.clone();
        std::thread::spawn(move || {
            let tell = |told| {
                // The window may have closed meanwhile; then nobody wants the result.
                let _ = sender.send(told);
                context.request_repaint();
            };
            tell(work(&tell));
        });
        Self { result }
    }

    /// `Some(Ok)` once it is done, `Some(Err)` if the work broke off, `None` while it goes on.
    pub fn poll(&self) -> Option<Result<T, BrokeOff>> {
        match self.result.try_recv() {
            Ok(result) => Some(Ok(result)),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => Some(Err(BrokeOff)),
        }
    }
}

/// The work panicked.
#[derive(Debug, thiserror::Error)]
#[error("the work broke off; the log says where")]
pub struct BrokeOff;
