//! How far work on many lines has come, and whether it is still wanted.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Shared by who works and who waits.
#[derive(Debug, Default)]
pub struct Watch {
    done: AtomicUsize,
    total: AtomicUsize,
    is_cancelled: AtomicBool,
    begun: Mutex<Option<Instant>>,
}

impl Watch {
    /// Says how much there is to do; what was done before counts no more.
    pub fn begin(&self, total: usize) {
        self.done.store(0, Relaxed);
        self.total.store(total, Relaxed);
        if let Ok(mut begun) = self.begun.lock() {
            *begun = Some(Instant::now());
        }
    }

    /// Says that so much more is done; false once the work is to end.
    pub fn go_on(&self, more: usize) -> bool {
        self.done.fetch_add(more, Relaxed);
        !self.is_cancelled()
    }

    pub fn cancel(&self) {
        self.is_cancelled.store(true, Relaxed);
    }

    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Relaxed)
    }

    pub fn done(&self) -> usize {
        self.done.load(Relaxed)
    }

    /// 0 until it is known how much there is to do.
    pub fn total(&self) -> usize {
        self.total.load(Relaxed)
    }

    /// From 0 to 1; `None` until it is known how much there is to do.
    pub fn share(&self) -> Option<f32> {
        let total = self.total();
        (total > 0).then(|| (self.done() as f32 / total as f32).min(1.0))
    }

    /// How long it will take at the pace so far; `None` in the first second, when nobody can know.
    pub fn left(&self) -> Option<Duration> {
        let passed = self.begun.lock().ok()?.as_ref()?.elapsed();
        let share = self.share().filter(|share| *share > 0.0 && passed >= Duration::from_secs(1))?;
        Some(passed.mul_f32((1.0 - share) / share))
    }
}
