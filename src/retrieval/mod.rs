//! Vectors in, rankings out: exact search, metrics, base against tuned, hard negatives.
//!
//! ```
//! use weldbench::model::{Embeddings, Matrix};
//! use weldbench::retrieval::{Index, Method};
//!
//! let corpus = Embeddings { dense: Matrix { rows: 2, cols: 2, values: vec![1., 0., 0., 1.] }, ..Default::default() };
//! let question = Embeddings { dense: Matrix { rows: 1, cols: 2, values: vec![0.6, 0.8] }, ..Default::default() };
//! let hits = Index::new(corpus).search(&question, 0, Method::Dense, 1)?;
//! assert_eq!((hits[0].passage, hits[0].score), (1, 0.8));
//! # Ok::<(), weldbench::retrieval::SearchError>(())
//! ```

mod best;
mod bm25;
mod comparison;
mod explain;
mod groups;
mod index;
mod metrics;
mod mining;
mod products;
pub mod projection;
mod scores;
mod significance;
mod suspicion;

pub use best::best;
pub use bm25::Bm25;
pub use comparison::{Comparison, Group, Metric, MetricRow, Move, Outcome, Tuned, evaluate_rankings, moves, rows_by_k};
pub use explain::{Interaction, contributions};
pub use groups::{GroupName, groups};
pub use index::{Hit, Index, SearchError};
pub use metrics::{Judged, Metrics, evaluate};
pub use mining::{
    Anchor, Candidate, CandidateSummary, Candidates, Draw, Keep, Mined, MiningOptions, MiningRow, candidates, distinct,
    mine,
};
pub use scores::{Method, Weights, colbert_score, dense_score, lexical_score};
pub use significance::Paired;
pub use suspicion::{most_suspicious, suspicion};
