//! Fetching a model of the hub into the shared cache, as a job.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::{Failure, Job, JobContext, Jobs};
use crate::model::hub::{FetchEvent, FetchHost, FetchRequest, HubError, HubSettings, fetch};

/// The unit in which a fetch counts.
pub const BYTES: &str = "bytes";

/// Bytes in the unit that a person would say them in.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        1_000_000..1_000_000_000 => format!("{:.0} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

/// Bytes a second, likewise.
pub fn speed(rate: f64) -> String {
    if rate < 1e6 { format!("{:.0} kB/s", rate / 1e3) } else { format!("{:.1} MB/s", rate / 1e6) }
}

/// Begins to fetch a model at once, beside whatever the devices do.
pub fn start(jobs: &Jobs, settings: HubSettings, request: FetchRequest) -> Job<FetchEvent> {
    let title = format!("Fetch {}", request.id);
    jobs.start_beside(title, move |context| work(context, &settings, &request))
}

fn work(context: &JobContext<FetchEvent>, settings: &HubSettings, request: &FetchRequest) -> Result<(), Failure> {
    context.stage("asking the hub", "");
    let fetched = fetch(settings, request, &mut Host { context, is_downloading: false, told: None });
    match fetched {
        Ok(fetched) => context.send(FetchEvent::Fetched(fetched)),
        Err(HubError::Stopped) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

struct Host<'a> {
    context: &'a JobContext<FetchEvent>,
    /// Whether the files are known, so that progress means something.
    is_downloading: bool,
    told: Option<Instant>,
}

/// Time between two reports of progress.
const BETWEEN_REPORTS: Duration = Duration::from_millis(100);

impl FetchHost for Host<'_> {
    fn tell(&mut self, event: FetchEvent) {
        if matches!(event, FetchEvent::Listed { .. }) {
            self.is_downloading = true;
            self.context.stage("downloading", BYTES);
        }
        self.context.send(event);
    }

    fn moved(&mut self, done: u64, total: u64) {
        let is_time = self.told.is_none_or(|told| told.elapsed() >= BETWEEN_REPORTS) || done == total;
        if self.is_downloading && is_time {
            self.told = Some(Instant::now());
            self.context.progress(done as usize, total as usize);
        }
    }

    fn ask(&mut self) -> ControlFlow<()> {
        self.context.ask()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_in_few_digits() {
        assert_eq!([0, 687, 17_082_730, 2_271_064_456].map(size), ["0 kB", "1 kB", "17 MB", "2.27 GB"]);
        assert_eq!([0.0, 340_200.0, 11_240_000.0].map(speed), ["0 kB/s", "340 kB/s", "11.2 MB/s"]);
    }
}
