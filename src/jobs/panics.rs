//! Where a panic of a job happened, so that it can be reported like any other failure.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use super::Failure;

thread_local! {
    /// On a thread that is inside [`catch`]: the place of its last panic.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
    static CATCHING: RefCell<bool> = const { RefCell::new(false) };
}

/// Runs `work`; a panic in it becomes a [`Failure`] with its message and its place.
pub(super) fn catch<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    caught(work).unwrap_or_else(|cause| {
        Err(Failure::new(
            format!("the program made a mistake: {cause}"),
            "your data and the other work are untouched; try again, or on another device, and report this if it comes back",
        ))
    })
}

/// Runs `work`; of a panic in it, the message and the place are told.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if CATCHING.with_borrow(|catching| *catching) {
                let place = info.location().map(|place| format!("{}:{}", place.file(), place.line()));
                PLACE.replace(place);
            } else {
                previous(info);
            }
        }));
    });
    CATCHING.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    CATCHING.replace(false);
    result.map_err(|payload| {
        let place = PLACE.take().map_or_else(String::new, |place| format!(" ({place})"));
        let cause = format!("{}{place}", message(&*payload));
        tracing::error!("work panicked: {cause}");
        cause
    })
}

fn message(payload: &(dyn Any + Send)) -> &str {
    (payload.downcast_ref::<&str>().copied())
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it left no message")
}
