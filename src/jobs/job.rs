//! One piece of long work, seen from both sides: [`Job`] from outside, [`JobContext`] from inside.

use std::collections::VecDeque;
use std::ops::{ControlFlow, Deref};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Failure, JobError, panics};
use crate::compute::ComputeError;
use crate::panics::Panic;

/// How a job stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Other jobs of its device are before it.
    Queued,
    Running,
    /// It waits to be resumed, and its device with it.
    Paused,
    Done,
    Cancelled,
    Failed(Failure),
}

impl Status {
    /// Whether nothing more will happen.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Done | Self::Cancelled | Self::Failed(_))
    }
}

/// How far the present stage of a job is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// What is being done, such as `encoding passages`.
    pub stage: String,
    pub done: usize,
    /// 0 while it is not known.
    pub total: usize,
    /// What is counted, such as `texts`.
    pub unit: &'static str,
    /// Seconds since the job began to run, pauses left out.
    pub seconds: f64,
    /// Time left in this stage, once there is something to judge it by.
    pub left: Option<Duration>,
    /// Units a second of late, once there is something to judge it by.
    pub rate: Option<f64>,
}

impl Progress {
    /// The part that is done, from 0 to 1.
    pub fn fraction(&self) -> f32 {
        if self.total == 0 { 0.0 } else { self.done.min(self.total) as f32 / self.total as f32 }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Run,
    Pause,
    Cancel,
}

struct State {
    status: Status,
    wanted: Wanted,
    /// The work was told to stop.
    told: bool,
    stage: String,
    unit: &'static str,
    done: usize,
    total: usize,
    clock: Clock,
    /// The clock and `done` when the stage first came forward: what is before, such as compiling
    /// shaders, would spoil the estimate.
    first: Option<(Duration, usize)>,
    /// The clock when the stage last came forward.
    last: Duration,
    /// The clock and `done` now and then in the last seconds.
    lately: VecDeque<(Duration, usize)>,
}

/// What a rate is judged by: at least and about this much time.
const RATE_LEAST: Duration = Duration::from_millis(500);
const RATE_WINDOW: Duration = Duration::from_secs(5);

impl State {
    fn left(&self) -> Option<Duration> {
        time_left(self.first?, (self.last, self.done), self.total, self.clock.time())
    }

    fn rate(&self) -> Option<f64> {
        rate(self.lately.front().copied()?, self.done, self.clock.time())
    }

    /// Takes note of how far the stage is now.
    fn note(&mut self) {
        let now = self.last;
        if self.lately.back().is_none_or(|(at, _)| now.saturating_sub(*at) >= RATE_LEAST / 2) {
            self.lately.push_back((now, self.done));
        }
        while self.lately.len() > 2 && now.saturating_sub(self.lately[1].0) >= RATE_WINDOW {
            self.lately.pop_front();
        }
    }
}

/// Units a second from a report of (time, done) until `now`.
fn rate(from: (Duration, usize), done: usize, now: Duration) -> Option<f64> {
    let took = now.checked_sub(from.0).filter(|took| *took >= RATE_LEAST)?;
    Some(done.checked_sub(from.1)? as f64 / took.as_secs_f64())
}

/// Time left at `now`, judged by the pace between a stage's first and last report of (time, done).
fn time_left(first: (Duration, usize), last: (Duration, usize), total: usize, now: Duration) -> Option<Duration> {
    let count = last.1.checked_sub(first.1).filter(|count| *count > 0)?;
    let pace = last.0.checked_sub(first.0)?.as_secs_f64() / count as f64;
    let until_end = pace * total.checked_sub(last.1)? as f64;
    Some(Duration::try_from_secs_f64(until_end).ok()?.saturating_sub(now.saturating_sub(last.0)))
}

/// A clock that can be stopped.
#[derive(Default)]
struct Clock {
    before: Duration,
    running_since: Option<Instant>,
}

impl Clock {
    fn time(&self) -> Duration {
        self.before + self.running_since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn run(&mut self) {
        self.running_since.get_or_insert_with(Instant::now);
    }

    fn stop(&mut self) {
        self.before = self.time();
        self.running_since = None;
    }
}

struct Shared {
    title: String,
    device: String,
    state: Mutex<State>,
    changed: Condvar,
    /// Where a panic is reported.
    reports: Option<PathBuf>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.changed.notify_all();
        (self.wake)();
    }
}

/// The reins of a job, without its events. Clones hold the same job.
#[derive(Clone)]
pub struct JobHandle(Arc<Shared>);

impl JobHandle {
    pub fn title(&self) -> &str {
        &self.0.title
    }

    /// The label of the device that it runs on; empty where it needs none.
    pub fn device(&self) -> &str {
        &self.0.device
    }

    pub fn status(&self) -> Status {
        self.0.state().status.clone()
    }

    pub fn progress(&self) -> Progress {
        let state = self.0.state();
        Progress {
            stage: state.stage.clone(),
            done: state.done,
            total: state.total,
            unit: state.unit,
            seconds: state.clock.time().as_secs_f64(),
            left: if state.status.is_over() { None } else { state.left() },
            rate: if state.status.is_over() { None } else { state.rate() },
        }
    }

    /// Pauses at the job's next [`JobContext::ask`]; a queued job when its turn has come.
    pub fn pause(&self) {
        self.want(Wanted::Pause);
    }

    pub fn resume(&self) {
        self.want(Wanted::Run);
    }

    /// Whether it was told to pause; it is [`Status::Paused`] only once it really waits.
    pub fn is_pause_wanted(&self) -> bool {
        self.0.state().wanted == Wanted::Pause
    }

    /// Ends the job at its next [`JobContext::ask`]; a queued one at once. Cannot be taken back.
    pub fn cancel(&self) {
        self.want(Wanted::Cancel);
    }

    fn want(&self, wanted: Wanted) {
        let mut state = self.0.state();
        if state.wanted == Wanted::Cancel || state.status.is_over() {
            return;
        }
        state.wanted = wanted;
        if wanted == Wanted::Cancel && state.status == Status::Queued {
            state.status = Status::Cancelled;
        }
        drop(state);
        self.0.tell();
    }

    /// Waits for the end.
    pub fn wait(&self) -> Status {
        let state = self.0.state();
        let ended = self.0.changed.wait_while(state, |state| !state.status.is_over());
        ended.unwrap_or_else(PoisonError::into_inner).status.clone()
    }
}

/// A piece of long work and the events that it sends. Dropping it does not end the work.
pub struct Job<E> {
    handle: JobHandle,
    events: Receiver<E>,
}

impl<E> Job<E> {
    /// The events that have come since the last call.
    pub fn poll(&self) -> Vec<E> {
        self.events.try_iter().collect()
    }

    /// Waits for the next event; `None` when the job is over and all events are taken.
    ///
    /// Not for the window's thread.
    pub fn next(&self) -> Option<E> {
        loop {
            match self.events.recv_timeout(Duration::from_millis(50)) {
                Ok(event) => return Some(event),
                Err(RecvTimeoutError::Disconnected) => return None,
                // A job that is cancelled in the queue keeps its sender until its turn comes.
                Err(RecvTimeoutError::Timeout) if self.status().is_over() => return self.events.try_recv().ok(),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    pub fn handle(&self) -> JobHandle {
        self.handle.clone()
    }
}

impl<E> Deref for Job<E> {
    type Target = JobHandle;

    fn deref(&self) -> &JobHandle {
        &self.handle
    }
}

/// What the work of a job has in hand: reports go out, pause and cancel come in.
pub struct JobContext<E> {
    shared: Arc<Shared>,
    events: Sender<E>,
}

impl<E> JobContext<E> {
    /// Sends an event. Nobody may be listening any more; that is no failure.
    pub fn send(&self, event: E) {
        let _ = self.events.send(event);
        self.shared.tell();
    }

    /// Begins a stage that counts `unit`s from 0.
    pub fn stage(&self, stage: impl Into<String>, unit: &'static str) {
        let mut state = self.shared.state();
        (state.stage, state.unit) = (stage.into(), unit);
        (state.done, state.total, state.first) = (0, 0, None);
        state.lately.clear();
        drop(state);
        self.shared.tell();
    }

    /// Says how far the stage is.
    pub fn progress(&self, done: usize, total: usize) {
        let mut state = self.shared.state();
        (state.done, state.total) = (done, total);
        state.last = state.clock.time();
        if state.first.is_none() && done > 0 {
            state.first = Some((state.last, done));
        }
        state.note();
        drop(state);
        self.shared.tell();
    }

    /// Lets the next [`Self::ask`] wait for a person, as if the job had been told to pause.
    pub fn pause(&self) {
        JobHandle(Arc::clone(&self.shared)).pause();
    }

    /// Whether the next [`Self::ask`] will wait.
    pub fn is_pause_wanted(&self) -> bool {
        self.shared.state().wanted == Wanted::Pause
    }

    /// Asks whether to go on. Waits while the job is paused; `Break` means to stop cleanly now.
    pub fn ask(&self) -> ControlFlow<()> {
        let mut state = self.shared.state();
        if state.wanted == Wanted::Pause {
            state.status = Status::Paused;
            state.clock.stop();
            drop(state);
            self.shared.tell();
            let waiting = self.shared.changed.wait_while(self.shared.state(), |state| state.wanted == Wanted::Pause);
            state = waiting.unwrap_or_else(PoisonError::into_inner);
            state.status = Status::Running;
            state.clock.run();
            let told = state.wanted == Wanted::Cancel;
            state.told |= told;
            drop(state);
            self.shared.tell();
            return if told { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        }
        if state.wanted == Wanted::Cancel {
            state.told = true;
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

impl<E> Drop for JobContext<E> {
    /// Work that was thrown away before it could end must not leave anybody waiting.
    fn drop(&mut self) {
        let mut state = self.shared.state();
        if !state.status.is_over() {
            state.status = Status::Failed(JobError::NoThread.into());
            drop(state);
            self.shared.tell();
        }
    }
}

/// A new job in the queue: its outside and its inside.
pub(super) fn pair<E>(
    device: String,
    title: String,
    reports: Option<PathBuf>,
    wake: Arc<dyn Fn() + Send + Sync>,
) -> (Job<E>, JobContext<E>) {
    let shared = Arc::new(Shared {
        title,
        device,
        state: Mutex::new(State {
            status: Status::Queued,
            wanted: Wanted::Run,
            told: false,
            stage: String::new(),
            unit: "",
            done: 0,
            total: 0,
            clock: Clock::default(),
            first: None,
            last: Duration::ZERO,
            lately: VecDeque::new(),
        }),
        changed: Condvar::new(),
        reports,
        wake,
    });
    let (sender, events) = channel();
    (Job { handle: JobHandle(Arc::clone(&shared)), events }, JobContext { shared, events: sender })
}

/// Runs the work of a job whose turn has come, unless it was cancelled before. `false` if it failed.
///
/// `explain`: what a panic comes of, if its words do not tell.
pub(super) fn run<E>(
    context: JobContext<E>,
    explain: impl FnOnce(&Panic) -> Option<ComputeError>,
    work: impl FnOnce(&JobContext<E>) -> Result<(), Failure>,
) -> bool {
    let mut state = context.shared.state();
    if state.status.is_over() {
        return true;
    }
    state.status = Status::Running;
    state.clock.run();
    drop(state);
    context.shared.tell();
    let Shared { title, reports, .. } = &*context.shared;
    let result = panics::catch(title, reports.as_deref(), explain, || work(&context));
    let mut state = context.shared.state();
    state.clock.stop();
    // Work that was told to stop may say so with an error.
    state.status = match result {
        _ if state.told => Status::Cancelled,
        Ok(()) => Status::Done,
        Err(failure) => Status::Failed(failure),
    };
    let failed = matches!(state.status, Status::Failed(_));
    drop(state);
    context.shared.tell();
    !failed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_of_the_last_seconds_and_falls_while_nothing_comes() {
        let millis = Duration::from_millis;
        assert_eq!(rate((millis(1000), 100), 300, millis(3000)), Some(100.0));
        assert_eq!(rate((millis(1000), 100), 300, millis(5000)), Some(50.0));
        assert_eq!(rate((millis(1000), 100), 300, millis(1400)), None);
        assert_eq!(rate((millis(1000), 400), 300, millis(3000)), None, "it began anew");
    }

    #[test]
    fn time_left_follows_the_pace_after_the_first_report() {
        let seconds = Duration::from_secs;
        // A slow start of 40 s, such as compiling shaders, does not count: 10 steps in 20 s.
        let left = |now| time_left((seconds(40), 1), (seconds(60), 11), 111, seconds(now));
        assert_eq!(left(60), Some(seconds(200)));
        assert_eq!(left(61), Some(seconds(199)));
        assert_eq!(left(999), Some(seconds(0)));
        assert_eq!(time_left((seconds(40), 1), (seconds(40), 1), 111, seconds(45)), None);
        assert_eq!(time_left((seconds(40), 1), (seconds(60), 12), 11, seconds(60)), None);
    }
}
