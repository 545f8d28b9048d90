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
mod index;
mod metrics;
mod mining;
mod products;
mod scores;
mod suspicion;

pub use bm25::Bm25;
pub use comparison::{Comparison, Metric, MetricRow, Move, Outcome, evaluate_rankings, moves};
pub use index::{Hit, Index, SearchError};
pub use metrics::{Judged, Metrics, evaluate};
pub use mining::{
    Anchor, Candidate, CandidateSummary, Candidates, Draw, Keep, Mined, MiningOptions, MiningRow, candidates, distinct,
    mine,
};
pub use scores::{Method, Weights, colbert_score, dense_score, lexical_score};
pub use suspicion::{most_suspicious, suspicion};
