//! A graphics card that the window draws with, too: computing makes way for frames.
//!
//! A card works off what it is given in order of arrival, one program's share after another's, and many cards do not
//! break off a share that they have begun. A frame then waits for all that was handed over before it. So as long as the
//! window is drawing, no more than one layer's work is handed over at a time.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use burn::tensor::Device;

/// Frames that follow each other within this time are an animation or somebody's hand; single ones, such as those that a
/// run's own news bring, make nobody wait.
const LIVELY: u64 = 50;
/// Milliseconds after such a frame in which another one is expected.
const EXPECTED: u64 = 100;

/// Milliseconds from [`start`] to the last frame, and to when no further one is expected; 0 before the first.
static LAST: AtomicU64 = AtomicU64::new(0);
static UNTIL: AtomicU64 = AtomicU64::new(0);

fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_millis() as u64 + 1
}

/// The window begins a frame.
pub fn frame() {
    let now = now();
    let last = LAST.swap(now, Ordering::Relaxed);
    if last > 0 && now - last <= LIVELY {
        UNTIL.store(now + EXPECTED, Ordering::Relaxed);
    }
}

fn is_drawing() -> bool {
    now() <= UNTIL.load(Ordering::Relaxed)
}

/// Between two layers of a model: while the window draws, waits until a graphics card has done what it was given.
/// `true` if it waited.
pub fn make_way(device: &Device) -> bool {
    if *device == Device::flex() || !is_drawing() {
        return false;
    }
    // What went wrong on the device shows again where its results are read.
    let _ = device.sync();
    true
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;
    use std::time::Duration;

    use super::*;
    use crate::compute::{DeviceChoice, devices};

    /// One test: frames are the whole process's.
    #[test]
    fn computing_waits_only_while_the_window_draws_and_only_on_a_card() {
        let adapter = devices().into_iter().find(|device| device.choice != DeviceChoice::Cpu);
        let card = adapter.expect("a graphics adapter, a software one at least").open().unwrap();
        frame();
        assert!(!make_way(&card), "a single frame");
        frame();
        assert!(make_way(&card) && !make_way(&Device::flex()));
        sleep(Duration::from_millis(EXPECTED + 20));
        assert!(!make_way(&card), "the window is still");
        frame();
        assert!(!make_way(&card), "a single frame after a while");
    }
}
