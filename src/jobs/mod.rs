//! Long work away from the window: start, progress, pause, cancel, fail.
//!
//! Every device has one worker thread, and its jobs run on it one after another: burn keys its
//! streams by thread, and two heavy jobs on one device would only slow each other down. What outlives
//! a job there, loaded models and indexes, is kept in the thread's [`Room`].
//!
//! ```no_run
//! use weldbench::compute::{DeviceChoice, choose};
//! use weldbench::jobs::{Jobs, Status};
//!
//! let jobs = Jobs::new(|| ());
//! let device = choose(DeviceChoice::Auto)?;
//! let job = jobs.start(&device, "Count to ten".into(), |_room, context| {
//!     context.stage("counting", "numbers");
//!     for number in 1..=10 {
//!         if context.ask().is_break() {
//!             break;
//!         }
//!         context.send(number);
//!         context.progress(number, 10);
//!     }
//!     Ok(())
//! });
//! while let Some(number) = job.next() {
//!     println!("{number}");
//! }
//! assert_eq!(job.wait(), Status::Done);
//! # Ok::<(), weldbench::compute::ComputeError>(())
//! ```

pub mod compare;
pub mod encoding;
mod error;
pub mod explain;
pub mod export_job;
mod failure;
pub mod fetching;
pub mod import_run;
mod instruction;
mod job;
pub mod map;
pub mod measuring;
pub mod mining;
pub mod mixing;
mod panics;
mod queue;
mod room;
mod row_source;
pub mod scoring;
pub mod search;
pub mod training;
mod vectors;

pub use error::JobError;
pub use failure::Failure;
pub use instruction::Instruction;
pub use job::{Job, JobContext, JobHandle, Progress, Status};
pub use queue::Jobs;
pub use room::Room;
pub use row_source::RowSource;

/// The usable rows of a file.
#[cfg(test)]
fn rows_of(path: &str) -> Vec<(crate::dataset::LineId, std::sync::Arc<crate::dataset::Row>)> {
    let data = crate::dataset::Dataset::open(path).unwrap();
    data.rows().into_iter().map(|(number, row)| (data.lines().id(number - 1).unwrap(), row)).collect()
}
