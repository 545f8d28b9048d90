use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::encode::read_texts;
use super::follow::follow;
use super::{Ending, out};
use crate::compute::{DeviceChoice, choose};
use crate::jobs::Failure;
use crate::model::{EmbeddingModel, PairScores};

/// Score pairs of a question and a passage, as FlagEmbedding's `compute_score` does; a line of JSON a pair.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  weldbench score-pairs --model MODEL --input pairs.jsonl")]
pub struct ScorePairs {
    /// Folder of the model.
    #[arg(long, value_name = "FOLDER")]
    model: PathBuf,
    /// JSONL file whose lines have a `query` and a `passage`.
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Weights of dense, sparse and ColBERT scores in the mixtures.
    #[arg(long, value_name = "D,S,C", value_delimiter = ',', default_values_t = [1.0, 1.0, 1.0])]
    weights: Vec<f32>,
    /// Pairs in a batch; a ColBERT score depends on the longest passage of its batch.
    #[arg(long, default_value_t = 256)]
    batch_size: usize,
    #[arg(long, default_value_t = 512)]
    max_query_length: usize,
    #[arg(long, default_value_t = 512)]
    max_passage_length: usize,
    /// Device: auto, cpu, wgpu, wgpu:N, cuda or cuda:N, as `weldbench devices` lists them.
    #[arg(long, default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,
}

impl ScorePairs {
    pub(super) fn run(self) -> Result<(), Ending> {
        let &[dense, sparse, colbert] = self.weights.as_slice() else {
            return Err(Ending::Usage("--weights takes three numbers: dense, sparse, ColBERT".into()));
        };
        let device = choose(self.device)?;
        let (queries, passages) = (read_texts(&self.input, "query")?, read_texts(&self.input, "passage")?);
        if queries.len() != passages.len() {
            return Err(
                Failure::new(self.input.display().to_string(), "give a `query` and a `passage` in every line").into()
            );
        }
        let jobs = super::jobs();
        let job = jobs.start::<PairScores>(&device.clone(), "Score pairs".into(), move |_, context| {
            context.stage("loading the model", "");
            let model = EmbeddingModel::load(&self.model, &device.open()?)?;
            context.stage("scoring", "pairs");
            let pairs: Vec<(&str, &str)> =
                queries.iter().zip(&passages).map(|(query, passage)| (query.as_str(), passage.as_str())).collect();
            let lengths = (self.max_query_length, self.max_passage_length);
            context.send(model.score_pairs(&pairs, lengths, self.batch_size, &mut |done, total| {
                context.progress(done, total);
                context.ask()
            })?);
            Ok(())
        });
        follow(&job, |scores, _| print(&scores, [dense, sparse, colbert]))
    }
}

fn print(scores: &PairScores, weights: [f32; 3]) {
    let (two, three) = (scores.sparse_dense(weights), scores.colbert_sparse_dense(weights));
    for (index, dense) in scores.dense.iter().enumerate() {
        out::line(json!({
            "dense": dense,
            "sparse": scores.sparse.get(index),
            "colbert": scores.colbert.get(index),
            "sparse+dense": two.get(index),
            "colbert+sparse+dense": three.get(index),
        }));
    }
}
