//! Models of the Hugging Face hub and of its mirrors: what is in the cache that Python shares, and downloads into it.
//!
//! Nothing here goes to the network but [`fetch`], which a user asked for. What it writes is laid out as
//! `huggingface_hub` does it (`models--OWNER--NAME/{refs,snapshots,blobs}`), so that each finds the other's models.

mod cache;
mod client;
mod digest;
mod download;
mod error;
mod fetch;
mod id;
mod layout;
mod listing;
mod needed;
mod settings;

pub use cache::{CachedKind, CachedModel, cached, find, id_of_snapshot, resolve};
pub use error::HubError;
pub use fetch::{FetchEvent, FetchHost, FetchRequest, Fetched, fetch};
pub use id::{ModelId, Revision};
pub use settings::{HubSettings, Patience, Token};
