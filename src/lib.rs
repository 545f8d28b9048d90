//! Weldbench turns a field's questions and answers into a better search model.
//!
//! The map of the house, from the ground up; calls go downward only:
//!
//! - [`files`]: files that others may have made, opened with care.
//! - [`dataset`]: question–answer rows: read, check, edit, undo, save. Knows no tensors.
//! - [`compute`]: which devices there are, and opening one.
//! - [`model`]: text in, vectors out: folder, tokenizer, encoder, heads, weights.
//! - [`training`]: rows in, tuned model out.
//! - [`retrieval`]: vectors in, rankings, metrics and comparisons out.
//! - [`report`]: a comparison as a document to take along.
//! - [`workspace`]: what lies on disk between two starts: settings, runs, embedding cache.
//! - [`jobs`]: long work away from the window: start, progress, cancel, fail.
//! - [`panics`]: panics that end a piece of work, not the program; below all.
//! - [`app`]: the window. [`cli`]: the same work without one.

pub mod app;
pub mod cli;
pub mod compute;
pub mod dataset;
pub mod files;
pub mod jobs;
pub mod model;
pub mod panics;
pub mod report;
pub mod retrieval;
pub mod training;
pub mod workspace;
