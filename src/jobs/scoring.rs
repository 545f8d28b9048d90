//! Scores every passage of rows against its question, as a job.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::vectors::{self, Texts};
use super::{Failure, Job, JobContext, Jobs, Room};
use crate::compute::DeviceInfo;
use crate::dataset::{LineId, Row};
use crate::model::{Reranker, TextKind};
use crate::retrieval::{Method, distinct};

/// Pairs that a reranker reads before the scores of their rows are sent, in batches: among so many, it finds some of
/// like length.
const BATCHES_TOGETHER: usize = 16;

/// What gives the scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scorer {
    /// An embedding model.
    Embedding(Method),
    /// A reranker's logits, of pairs with at most `max_length` tokens; as numbers from 0 to 1 with `sigmoid`.
    Reranker { max_length: usize, batch_size: usize, sigmoid: bool },
}

impl Scorer {
    /// A reranker as FlagEmbedding's `add_reranker_score.py` runs it.
    pub const RERANKER: Self = Self::Reranker { max_length: 512, batch_size: 16, sigmoid: false };
}

/// What is to be scored.
pub struct ScoringRequest {
    pub device: DeviceInfo,
    /// Folder of the embedding model or reranker.
    pub model: PathBuf,
    pub scorer: Scorer,
    pub rows: Vec<(LineId, Arc<Row>)>,
    /// Folder of the embedding cache; without one all is computed.
    pub cache: Option<PathBuf>,
}

/// The scores of a row; one event a row, in the order of the rows.
#[derive(Clone, Debug, PartialEq)]
pub struct RowScores {
    pub line: LineId,
    /// In the order of the row's positives.
    pub positives: Vec<f32>,
    /// In the order of the row's negatives.
    pub negatives: Vec<f32>,
}

/// Puts scoring into the queue of its device.
pub fn start(jobs: &Jobs, request: ScoringRequest) -> Job<RowScores> {
    let device = request.device.clone();
    jobs.start(&device, "Score passages".into(), move |room, context| match request.scorer {
        Scorer::Embedding(method) => embed(room, context, &request, method),
        Scorer::Reranker { max_length, batch_size, sigmoid } => {
            rerank(room, context, &request, max_length, batch_size, sigmoid)
        }
    })
}

/// Each distinct text is encoded once; then all rows are scored.
fn embed(
    room: &mut Room,
    context: &JobContext<RowScores>,
    request: &ScoringRequest,
    method: Method,
) -> Result<(), Failure> {
    let options = vectors::options(method);
    vectors::check(room, &request.model, &options)?;
    let rows = &request.rows;
    let mut texts = Texts { room, context, model: &request.model, options, cache: request.cache.as_deref() };
    let questions = distinct(rows.iter().map(|(_, row)| row.query.as_str()));
    let passages = distinct(rows.iter().flat_map(|(_, row)| row.pos.iter().chain(&row.neg)).map(String::as_str));
    let question_vectors = texts.encode(&questions, TextKind::Query)?;
    let passage_vectors = texts.encode(&passages, TextKind::Passage)?;
    let (questions, passages) = (places(&questions), places(&passages));
    context.stage("scoring", "rows");
    for (number, (line, row)) in rows.iter().enumerate() {
        let question = questions[row.query.as_str()];
        let scores = |texts: &[String]| -> Vec<f32> {
            let places = texts.iter().map(|text| passages[text.as_str()]);
            places.map(|passage| method.score(&question_vectors, question, &passage_vectors, passage)).collect()
        };
        context.send(RowScores { line: *line, positives: scores(&row.pos), negatives: scores(&row.neg) });
        context.progress(number + 1, rows.len());
        if context.ask().is_break() {
            return Ok(());
        }
    }
    Ok(())
}

fn places<'a>(texts: &[&'a str]) -> HashMap<&'a str, usize> {
    texts.iter().enumerate().map(|(place, text)| (*text, place)).collect()
}

/// Every pair is read; the scores of rows are sent as they come.
fn rerank(
    room: &mut Room,
    context: &JobContext<RowScores>,
    request: &ScoringRequest,
    max_length: usize,
    batch_size: usize,
    sigmoid: bool,
) -> Result<(), Failure> {
    let rows = &request.rows;
    context.stage("loading the model", "");
    let model = room.reranker(&request.model)?;
    context.stage("scoring", "pairs");
    let count = |row: &Row| row.pos.len() + row.neg.len();
    let total: usize = rows.iter().map(|(_, row)| count(row)).sum();
    let (mut first, mut before) = (0, 0);
    while first < rows.len() {
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        let mut end = first;
        while end < rows.len() && pairs.len() < BATCHES_TOGETHER * batch_size.max(1) {
            let row = &rows[end].1;
            pairs.extend(row.pos.iter().chain(&row.neg).map(|text| (row.query.as_str(), text.as_str())));
            end += 1;
        }
        let scores = model.score(&pairs, max_length, batch_size, &mut |done, _| {
            context.progress(before + done, total);
            context.ask()
        })?;
        let mut scores = scores.into_iter().map(|score| if sigmoid { Reranker::sigmoid(score) } else { score });
        for (line, row) in &rows[first..end] {
            let positives = scores.by_ref().take(row.pos.len()).collect();
            let negatives = scores.by_ref().take(row.neg.len()).collect();
            context.send(RowScores { line: *line, positives, negatives });
        }
        before += pairs.len();
        first = end;
        if context.ask().is_break() {
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::path::Path;

    use super::*;
    use crate::compute::{DeviceChoice, choose};
    use crate::jobs::{Status, rows_of};
    use crate::model::EmbeddingModel;
    use crate::retrieval::Weights;

    const MODEL: &str = "tests/fixtures/flagembedding/model_safetensors";
    const RERANKER: &str = "tests/fixtures/reranker/xlm_roberta";

    fn request(model: &str, scorer: Scorer, rows: Vec<(LineId, Arc<Row>)>) -> ScoringRequest {
        let device = choose(DeviceChoice::Cpu).unwrap();
        ScoringRequest { device, model: model.into(), scorer, rows, cache: None }
    }

    fn run(request: ScoringRequest) -> Vec<RowScores> {
        let jobs = Jobs::new(|| ());
        let rows = request.rows.clone();
        let job = start(&jobs, request);
        assert_eq!(job.wait(), Status::Done);
        let scores = job.poll();
        assert_eq!(scores.len(), rows.len());
        for (scores, (line, row)) in scores.iter().zip(&rows) {
            let counts = (scores.line, scores.positives.len(), scores.negatives.len());
            assert_eq!(counts, (*line, row.pos.len(), row.neg.len()));
        }
        scores
    }

    /// All scores in the order of rows, positives before negatives.
    fn flat(scores: &[RowScores]) -> Vec<f32> {
        scores.iter().flat_map(|row| row.positives.iter().chain(&row.negatives)).copied().collect()
    }

    fn pairs(rows: &[(LineId, Arc<Row>)]) -> Vec<(&str, &str)> {
        rows.iter()
            .flat_map(|(_, row)| row.pos.iter().chain(&row.neg).map(|text| (row.query.as_str(), text.as_str())))
            .collect()
    }

    #[test]
    fn an_embedding_models_scores_are_those_of_its_pairs() {
        let rows = rows_of("tests/fixtures/flagembedding/data/weld_toy.jsonl");
        let model =
            EmbeddingModel::load(Path::new(MODEL), &choose(DeviceChoice::Cpu).unwrap().open().unwrap()).unwrap();
        // One pair a batch: without padding, ColBERT scores depend on nothing else.
        let expected = model.score_pairs(&pairs(&rows), (512, 512), 1, &mut |_, _| ControlFlow::Continue(())).unwrap();
        let weights = Weights { dense: 0.4, sparse: 0.2, colbert: 0.4 };
        let hybrid = expected.colbert_sparse_dense([0.4, 0.2, 0.4]);
        for (method, expected) in [
            (Method::Dense, &expected.dense),
            (Method::Sparse, &expected.sparse),
            (Method::Colbert, &expected.colbert),
            (Method::Hybrid(weights), &hybrid),
        ] {
            let scores = flat(&run(request(MODEL, Scorer::Embedding(method), rows.clone())));
            assert_eq!(scores.len(), expected.len());
            for (score, expected) in scores.iter().zip(expected) {
                assert!((score - expected).abs() < 2e-5, "{method:?}: {score}, not {expected}");
            }
        }
    }

    #[test]
    fn a_rerankers_scores_are_those_of_its_pairs() {
        let rows = rows_of("tests/fixtures/flagembedding/data/weld_toy.jsonl");
        let model = Reranker::load(Path::new(RERANKER), &choose(DeviceChoice::Cpu).unwrap().open().unwrap()).unwrap();
        let expected = model.score(&pairs(&rows), 80, 8, &mut |_, _| ControlFlow::Continue(())).unwrap();
        let scorer = |sigmoid| Scorer::Reranker { max_length: 80, batch_size: 2, sigmoid };
        let logits = flat(&run(request(RERANKER, scorer(false), rows.clone())));
        let shares = flat(&run(request(RERANKER, scorer(true), rows.clone())));
        assert!(logits.len() > 2 * BATCHES_TOGETHER * 2, "more than one round");
        for (number, expected) in expected.iter().enumerate() {
            assert!((logits[number] - expected).abs() < 1e-5);
            assert!((shares[number] - 1.0 / (1.0 + (-expected).exp())).abs() < 1e-5);
        }
    }

    #[test]
    fn models_of_the_other_kind_are_refused() {
        let jobs = Jobs::new(|| ());
        let rows = rows_of("tests/fixtures/flagembedding/data/mine_input.jsonl");
        for (model, scorer) in [(MODEL, Scorer::RERANKER), (RERANKER, Scorer::Embedding(Method::Dense))] {
            let Status::Failed(failure) = start(&jobs, request(model, scorer, rows.clone())).wait() else {
                panic!("{model} scored");
            };
            assert!(failure.why.contains(model) && !failure.what_to_do.is_empty(), "{failure}");
        }
    }

    #[test]
    fn scoring_can_be_cancelled() {
        let jobs = Jobs::new(|| ());
        let rows = rows_of("tests/fixtures/flagembedding/data/weld_toy.jsonl");
        let job = start(&jobs, request(RERANKER, Scorer::RERANKER, rows.clone()));
        job.cancel();
        assert_eq!(job.wait(), Status::Cancelled);
        assert!(job.poll().len() < rows.len());
    }
}
