//! How jobs are put into words.

use std::time::Duration;

use super::texts::Texts;
use crate::jobs::fetching::{BYTES, size, speed};
use crate::jobs::{Progress, Status};

pub fn status_key(status: &Status) -> &'static str {
    match status {
        Status::Queued => "status_queued",
        Status::Running => "status_running",
        Status::Paused => "status_paused",
        Status::Done => "status_done",
        Status::Cancelled => "status_cancelled",
        Status::Failed(_) => "status_failed",
    }
}

/// About `1:05:09` with hours, else `5:09`.
pub fn time(texts: Texts, time: Duration) -> String {
    texts.with("about", &[("time", &clock(time))])
}

/// `1:05:09` with hours, else `5:09`.
pub fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// A job's title, which begins with what it does: `Train bge-m3`.
pub fn title(texts: Texts, title: &str) -> String {
    let (verb, what) = title.split_once(' ').unwrap_or((title, ""));
    match texts.find(&key("job", verb)) {
        Some(text) => text.replace("{what}", what),
        None => title.into(),
    }
}

/// What a job is doing and how far it is, such as `Encoding passages · 128 / 686 texts`.
pub fn progress(texts: Texts, progress: &Progress) -> String {
    let stage = stage(texts, &progress.stage);
    if progress.total == 0 {
        return stage.to_string();
    }
    if progress.unit == BYTES {
        let rate = progress.rate.map_or_else(String::new, |rate| format!(" · {}", speed(rate)));
        return format!("{stage} · {} / {}{rate}", size(progress.done as u64), size(progress.total as u64));
    }
    let unit = texts.find(&key("unit", progress.unit)).unwrap_or(progress.unit);
    format!("{stage} · {} / {} {unit}", progress.done, progress.total)
}

/// What a job is at.
pub fn stage(texts: Texts, stage: &str) -> &str {
    texts.find(&key("stage", stage)).unwrap_or(stage)
}

fn key(kind: &str, words: &str) -> String {
    format!("{kind}_{}", words.replace([' ', '-'], "_").to_lowercase())
}
