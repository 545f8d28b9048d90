//! Vectors as points of a plane, so that what a model takes for alike lies together.

mod align;
mod pca;
mod tsne;

pub use align::align;
pub use pca::pca;
pub use tsne::{Start, tsne};

/// A point of the plane.
pub type Place = [f32; 2];
