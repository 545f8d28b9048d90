//! What lies on disk between two starts: settings, runs, vectors already computed.
//!
//! Under the workspace's root lie `settings.toml`, `runs/` with a folder a run, `cache/` with vectors that can be
//! computed again, `journals/` with edits that are not saved yet, and `sample_data/`.

mod cache;
mod claim;
mod error;
mod folders;
mod runs;
mod settings;
mod shipped;
pub mod tensorboard;
mod time;
mod trash;

pub use cache::{Cached, EmbeddingCache};
pub use claim::Claim;
pub use error::WorkspaceError;
pub use folders::Workspace;
pub(crate) use folders::write_whole;
pub use runs::{BestMetric, Events, NewRun, Run, RunRecord, RunState, Runs};
pub use settings::{Settings, SettingsFault};
pub use shipped::shipped;
pub use time::Utc;
pub use trash::move_to_trash;
