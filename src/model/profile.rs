//! Where a thread's time goes: seconds and calls of each operation, an operation within another counted once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

#[derive(Default)]
struct Profile {
    /// When each operation that is running began, and what those within it took.
    running: Vec<(Instant, Duration)>,
    found: BTreeMap<&'static str, (Duration, usize)>,
}

thread_local! {
    static PROFILE: RefCell<Option<Profile>> = const { RefCell::new(None) };
}

/// What `work` gives, and how long each operation within it took on this thread and how often it ran. A graphics
/// card's operations are asked for at these places and run later, so that only the processor's times mean something.
pub fn profiled<R>(work: impl FnOnce() -> R) -> (R, BTreeMap<&'static str, (Duration, usize)>) {
    PROFILE.set(Some(Profile::default()));
    let result = work();
    (result, PROFILE.take().unwrap_or_default().found)
}

/// Counts the time of `work` for an operation while [`profiled`] runs on this thread.
pub fn timed<R>(name: &'static str, work: impl FnOnce() -> R) -> R {
    let on = PROFILE.with_borrow_mut(|profile| match profile {
        Some(profile) => {
            profile.running.push((Instant::now(), Duration::ZERO));
            true
        }
        None => false,
    });
    let result = work();
    if on {
        PROFILE.with_borrow_mut(|profile| {
            if let Some(profile) = profile
                && let Some((began, within)) = profile.running.pop()
            {
                let took = began.elapsed();
                let entry = profile.found.entry(name).or_default();
                *entry = (entry.0 + took.saturating_sub(within), entry.1 + 1);
                if let Some((_, others)) = profile.running.last_mut() {
                    *others += took;
                }
            }
        });
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_within_another_counts_once() {
        let pause = |time| std::thread::sleep(Duration::from_millis(time));
        let ((), found) = profiled(|| {
            timed("outer", || {
                pause(2);
                timed("inner", || pause(40));
                timed("inner", || pause(40));
            })
        });
        assert_eq!((found["outer"].1, found["inner"].1), (1, 2));
        assert!(found["inner"].0 >= Duration::from_millis(80) && found["outer"].0 < found["inner"].0, "{found:?}");
        timed("later", || ());
        assert!(profiled(|| ()).1.is_empty());
    }
}
