//! Ctrl-C ends the present job cleanly; a second one ends the program at once.

use std::sync::{Mutex, Once, PoisonError};

use crate::jobs::JobHandle;

static PRESENT: Mutex<Option<JobHandle>> = Mutex::new(None);

/// Lets Ctrl-C cancel this job.
pub fn cancels(job: JobHandle) {
    static HANDLER: Once = Once::new();
    HANDLER.call_once(|| {
        if let Err(error) = ctrlc::set_handler(interrupted) {
            tracing::warn!("Ctrl-C will end the program at once: {error}");
        }
    });
    *PRESENT.lock().unwrap_or_else(PoisonError::into_inner) = Some(job);
}

fn interrupted() {
    match PRESENT.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(job) if !job.status().is_over() => {
            eprintln!("\nstopping after this step; press Ctrl-C again to stop at once");
            job.cancel();
        }
        _ => std::process::exit(130),
    }
}
