//! Watching a job from a terminal.

use std::io::IsTerminal;
use std::thread::sleep;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Ending, interrupt};
use crate::jobs::fetching::{BYTES, size, speed};
use crate::jobs::{Job, Progress, Status};

/// Time between two lines where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// A bar on standard error; without a terminal there, a line now and then.
pub struct Bar {
    bar: ProgressBar,
    terminal: bool,
    /// The stage of the last line that was written without a terminal, and when that was.
    written: (String, Instant),
    message: String,
}

impl Bar {
    pub fn new() -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(
            None,
            if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() },
        );
        if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:24} {msg}") {
            bar.set_style(style);
        }
        Self { bar, terminal, written: (String::new(), Instant::now()), message: String::new() }
    }

    /// What stands behind the bar, such as the loss.
    pub fn message(&mut self, message: String) {
        self.message = message;
    }

    /// A line above the bar.
    pub fn say(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }

    fn show(&mut self, progress: &Progress) {
        if progress.stage.is_empty() {
            return;
        }
        let text = describe(progress, &self.message);
        if self.terminal {
            self.bar.set_prefix(progress.stage.clone());
            self.bar.set_length(progress.total as u64);
            self.bar.set_position(progress.done as u64);
            self.bar.set_message(text);
        } else {
            let (stage, at) = &self.written;
            if progress.done > 0 && (*stage != progress.stage || at.elapsed() >= BETWEEN_LINES) {
                eprintln!("{}: {text}", progress.stage);
                self.written = (progress.stage.clone(), Instant::now());
            }
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn describe(progress: &Progress, message: &str) -> String {
    if progress.total == 0 {
        return message.into();
    }
    let mut text = if progress.unit == BYTES {
        let rate = progress.rate.map_or_else(String::new, |rate| format!(", {}", speed(rate)));
        format!("{} of {}{rate}", size(progress.done as u64), size(progress.total as u64))
    } else {
        format!("{} of {} {}", progress.done, progress.total, progress.unit)
    };
    if !message.is_empty() {
        text = format!("{text}, {message}");
    }
    if let Some(left) = progress.left.filter(|left| !left.is_zero()) {
        text = format!("{text}, {} left", time(left));
    }
    text
}

/// `45 s`, `3 min 20 s` or `2 h 5 min`.
pub fn time(time: Duration) -> String {
    let seconds = time.as_secs_f64().round() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// Waits for a job's end and hands on its events as they come; Ctrl-C cancels it.
pub fn follow<E>(job: &Job<E>, mut each: impl FnMut(E, &mut Bar)) -> Result<(), Ending> {
    interrupt::cancels(job.handle());
    let mut bar = Bar::new();
    loop {
        // The status first: what was sent before the end is then taken in this round.
        let status = job.status();
        for event in job.poll() {
            each(event, &mut bar);
        }
        match status {
            Status::Done => return Ok(()),
            Status::Cancelled => return Err(Ending::Cancelled),
            Status::Failed(failure) => return Err(Ending::Failed(failure)),
            _ => bar.show(&job.progress()),
        }
        sleep(Duration::from_millis(30));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_two_units() {
        assert_eq!(time(Duration::from_millis(44_600)), "45 s");
        assert_eq!(time(Duration::from_secs(200)), "3 min 20 s");
        assert_eq!(time(Duration::from_secs(7_500)), "2 h 5 min");
    }

    #[test]
    fn progress_is_told_with_what_is_known() {
        let mut progress =
            Progress { stage: "training".into(), done: 3, total: 10, unit: "steps", ..Default::default() };
        assert_eq!(describe(&progress, ""), "3 of 10 steps");
        progress.left = Some(Duration::from_secs(61));
        assert_eq!(describe(&progress, "loss 0.5"), "3 of 10 steps, loss 0.5, 1 min 1 s left");
        let (done, total, unit) = (1_200_000_000, 2_271_064_456, BYTES);
        progress = Progress { done, total, unit, rate: Some(11.2e6), ..progress };
        assert_eq!(describe(&progress, ""), "1.20 GB of 2.27 GB, 11.2 MB/s, 1 min 1 s left");
    }
}
