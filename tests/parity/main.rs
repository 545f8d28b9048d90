//! Weldbench against numbers that FlagEmbedding itself produced (`tests/fixtures/flagembedding`).

mod fixtures;
mod inference;
mod losses;
mod tokens;
mod trajectories;
