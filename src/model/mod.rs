//! Text in, vectors out: model folders, tokenizer, encoder, heads, weights.

mod config;
mod embedding_model;
pub mod embeddings;
mod embeddings_file;
pub(crate) mod encoder;
mod error;
mod folder;
pub(crate) mod gradients;
pub(crate) mod heads;
pub mod hub;
pub(crate) mod layers;
mod mixing;
pub(crate) mod ops;
mod pair_scores;
pub mod profile;
pub mod random;
mod reranker;
mod sentence;
pub(crate) mod tensor_file;
pub(crate) mod texts;
mod tokenizer;
mod torch;
mod weights;

pub use config::EncoderConfig;
pub(crate) use embedding_model::read;
pub use embedding_model::{EmbeddingModel, EncodeOptions, TextKind};
pub use embeddings::{Embeddings, Matrix, SparseVector};
pub use error::ModelError;
pub use folder::{ModelFolder, folder_name};
pub use heads::Pooling;
pub use mixing::mix;
pub use pair_scores::PairScores;
pub use reranker::Reranker;
pub use tokenizer::{Pair, TokenBatch, Tokenizer};
pub use weights::{HostTensor, Weights};
