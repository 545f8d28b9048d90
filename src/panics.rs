//! Panics that end a piece of work, not the program.

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// On a thread that is inside [`caught`]: place and backtrace of its last panic.
    static LAST: RefCell<Option<(String, String)>> = const { RefCell::new(None) };
    static CATCHING: RefCell<bool> = const { RefCell::new(false) };
}

/// What a panic left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panic {
    pub message: String,
    /// File and line; empty if not known.
    pub place: String,
    pub backtrace: String,
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if !self.place.is_empty() {
            write!(f, " ({})", self.place)?;
        }
        Ok(())
    }
}

/// Runs `work`; a panic in it is given back.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if CATCHING.with_borrow(|catching| *catching) {
                let place = info.location().map(|place| format!("{}:{}", place.file(), place.line()));
                LAST.replace(Some((place.unwrap_or_default(), Backtrace::force_capture().to_string())));
            } else {
                previous(info);
            }
        }));
    });
    let outside = CATCHING.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    CATCHING.replace(outside);
    result.map_err(|payload| {
        let (place, backtrace) = LAST.take().unwrap_or_default();
        let panic = Panic { message: message(&*payload).to_owned(), place, backtrace };
        tracing::error!("work panicked: {panic}");
        panic
    })
}

fn message(payload: &(dyn Any + Send)) -> &str {
    (payload.downcast_ref::<&str>().copied())
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it left no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_inside_another_piece_of_work_ends_the_inner_one_only() {
        let outer = caught(|| {
            let inner = caught(|| -> usize { panic!("row {}", 7) }).unwrap_err();
            assert!(inner.message == "row 7" && inner.place.contains("panics.rs:"), "{inner:?}");
            assert!(inner.backtrace.contains("panics"), "{}", inner.backtrace);
            panic!("outer");
        });
        let outer: Panic = Result::<(), _>::unwrap_err(outer);
        assert!(outer.to_string().starts_with("outer (src/panics.rs:"), "{outer}");
        assert_eq!(caught(|| 3), Ok(3));
    }
}
