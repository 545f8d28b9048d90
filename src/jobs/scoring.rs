//! Scores every passage of rows against its question, as a job.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use rayon::prelude::*;

use super::vectors::{self, Texts};
use super::{Failure, Instruction, Job, JobContext, Jobs, Room, RowSource};
use crate::compute::DeviceInfo;
use crate::dataset::{LineId, Row};
use crate::model::{EncodeOptions, Reranker, TextKind};
use crate::retrieval::{Method, Weights, distinct};

/// Pairs that a reranker reads before the scores of their rows are sent, in batches: among so many, it finds some of
/// like length.
const BATCHES_TOGETHER: usize = 16;

/// Passages whose vectors are held at a time: a ColBERT vector a token makes about a megabyte of a long one.
const PASSAGES_TOGETHER: usize = 256;

/// What gives the scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scorer {
    /// An embedding model.
    Embedding(Method),
    /// An embedding model, by all that it has: dense; and sparse, ColBERT and their hybrid, if it has the heads. The
    /// texts are encoded once.
    EveryMethod,
    /// A reranker's logits, of pairs with at most `max_length` tokens; as numbers from 0 to 1 with `sigmoid`.
    Reranker { max_length: usize, batch_size: usize, sigmoid: bool },
}

impl Scorer {
    /// A reranker as FlagEmbedding's `add_reranker_score.py` runs it.
    pub const RERANKER: Self = Self::Reranker { max_length: 512, batch_size: 16, sigmoid: false };
}

/// What a score is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Measure {
    #[default]
    Dense,
    Sparse,
    Colbert,
    Hybrid,
    Reranker,
}

impl Measure {
    pub const ALL: [Self; 5] = [Self::Dense, Self::Sparse, Self::Colbert, Self::Hybrid, Self::Reranker];

    fn of(method: Method) -> Self {
        match method {
            Method::Dense => Self::Dense,
            Method::Sparse => Self::Sparse,
            Method::Colbert => Self::Colbert,
            Method::Hybrid(_) => Self::Hybrid,
        }
    }
}

/// What is to be scored.
pub struct ScoringRequest {
    pub device: DeviceInfo,
    /// Folder of the embedding model or reranker.
    pub model: PathBuf,
    pub scorer: Scorer,
    /// Before the questions; a reranker reads them without.
    pub instruction: Instruction,
    pub rows: RowSource,
    /// Folder of the embedding cache; without one all is computed.
    pub cache: Option<PathBuf>,
    /// Do nothing if the model's weights are not in memory.
    pub only_if_loaded: bool,
}

/// The scores of a row; one event a row, in the order of the rows.
#[derive(Clone, Debug, PartialEq)]
pub struct RowScores {
    pub line: LineId,
    /// As it was when it was scored.
    pub row: Arc<Row>,
    /// One for each measure of the scorer.
    pub scores: Vec<Scores>,
}

/// The scores of a row by one measure.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    pub by: Measure,
    /// In the order of the row's positives.
    pub positives: Vec<f32>,
    /// In the order of the row's negatives.
    pub negatives: Vec<f32>,
}

impl Scores {
    /// Takes them from those of positives and negatives, in this order.
    fn next(by: Measure, row: &Row, scores: &mut impl Iterator<Item = f32>) -> Self {
        let positives = scores.by_ref().take(row.pos.len()).collect();
        Self { by, positives, negatives: scores.by_ref().take(row.neg.len()).collect() }
    }
}

/// Puts scoring into the queue of its device.
pub fn start(jobs: &Jobs, request: ScoringRequest) -> Job<RowScores> {
    let device = request.device.clone();
    jobs.start(&device, "Score passages".into(), move |room, context| {
        if request.only_if_loaded && !room.has_weights(&request.model) {
            return Ok(());
        }
        match request.scorer {
            Scorer::Embedding(method) => embed(room, context, &request, &[method]),
            Scorer::EveryMethod if room.folder(&request.model)?.has_heads() => {
                let hybrid = Method::Hybrid(Weights::default());
                embed(room, context, &request, &[Method::Dense, Method::Sparse, Method::Colbert, hybrid])
            }
            Scorer::EveryMethod => embed(room, context, &request, &[Method::Dense]),
            Scorer::Reranker { max_length, batch_size, sigmoid } => {
                rerank(room, context, &request, max_length, batch_size, sigmoid)
            }
        }
    })
}

/// Each distinct text is encoded once. The last method reads all that the others read.
fn embed(
    room: &mut Room,
    context: &JobContext<RowScores>,
    request: &ScoringRequest,
    methods: &[Method],
) -> Result<(), Failure> {
    let Some(widest) = methods.last().copied() else {
        return Ok(());
    };
    let options: EncodeOptions = vectors::options(widest);
    vectors::check(room, &request.model, &options)?;
    context.stage("reading the rows", "");
    let rows = &request.rows.read();
    let mut texts = Texts { room, context, model: &request.model, options, cache: request.cache.as_deref() };
    let (questions, asked) = texts.questions(rows, &request.instruction)?;
    let passages = distinct(rows.iter().flat_map(|(_, row)| texts_of(row)));

    // Where each passage stands, and how many of the passages must be known before a row is.
    let places: HashMap<&str, usize> = passages.iter().enumerate().map(|(place, text)| (*text, place)).collect();
    let mut uses: Vec<Vec<(usize, usize)>> = vec![Vec::new(); passages.len()];
    let mut needed = vec![0; rows.len()];
    for (number, (_, row)) in rows.iter().enumerate() {
        for (at, text) in texts_of(row).enumerate() {
            let place = places[text];
            uses[place].push((number, at));
            needed[number] = needed[number].max(place + 1);
        }
    }
    // Of each row and passage the parts: dense, sparse, ColBERT.
    let mut parts: Vec<Vec<[f32; 3]>> = rows.iter().map(|(_, row)| vec![[0.0; 3]; texts_of(row).count()]).collect();
    let mut sent = 0;
    let mut send_until = |known: usize, parts: &mut [Vec<[f32; 3]>]| {
        while sent < rows.len() && needed[sent] <= known {
            let ((line, row), parts) = (&rows[sent], std::mem::take(&mut parts[sent]));
            let by = |method: &Method| {
                let mean = |[dense, sparse, colbert]: &[f32; 3]| method.weights().mean(*dense, *sparse, *colbert);
                Scores::next(Measure::of(*method), row, &mut parts.iter().map(mean))
            };
            let scores = methods.iter().map(by).collect();
            context.send(RowScores { line: *line, row: Arc::clone(row), scores });
            sent += 1;
        }
    };
    texts.encode_in_parts(&passages, TextKind::Passage, PASSAGES_TOGETHER, |first, vectors| {
        let known = first + vectors.len();
        let scored: Vec<_> = (first..known)
            .into_par_iter()
            .flat_map_iter(|place| {
                let (questions, asked, vectors) = (&questions, &asked, &vectors);
                uses[place].iter().map(move |&(number, at)| {
                    (number, at, widest.parts(questions, asked[number], vectors, place - first))
                })
            })
            .collect();
        for (number, at, score) in scored {
            parts[number][at] = score;
        }
        send_until(known, &mut parts);
    })?;
    send_until(passages.len(), &mut parts);
    Ok(())
}

fn texts_of(row: &Row) -> impl Iterator<Item = &str> {
    row.pos.iter().chain(&row.neg).map(String::as_str)
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
    context.stage("reading the rows", "");
    let rows = &request.rows.read();
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
            let scores = vec![Scores::next(Measure::Reranker, row, &mut scores)];
            context.send(RowScores { line: *line, row: Arc::clone(row), scores });
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
        ScoringRequest {
            device,
            model: model.into(),
            scorer,
            instruction: Instruction::default(),
            rows: rows.into(),
            cache: None,
            only_if_loaded: false,
        }
    }

    fn run(request: ScoringRequest) -> Vec<RowScores> {
        let jobs = Jobs::new(|| ());
        let rows = request.rows.read();
        let job = start(&jobs, request);
        assert_eq!(job.wait(), Status::Done);
        let scores = job.poll();
        assert_eq!(scores.len(), rows.len());
        for (of_row, (line, row)) in scores.iter().zip(&rows) {
            assert_eq!((of_row.line, &of_row.row), (*line, row));
            for scores in &of_row.scores {
                assert_eq!((scores.positives.len(), scores.negatives.len()), (row.pos.len(), row.neg.len()));
            }
        }
        scores
    }

    /// All scores of one measure in the order of rows, positives before negatives.
    fn flat(rows: &[RowScores], by: Measure) -> Vec<f32> {
        let scores = rows.iter().flat_map(|row| row.scores.iter().filter(|scores| scores.by == by));
        scores.flat_map(|scores| scores.positives.iter().chain(&scores.negatives)).copied().collect()
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
        let together = run(request(MODEL, Scorer::EveryMethod, rows.clone()));
        assert!(together.iter().all(|row| row.scores.len() == 4));
        for (method, expected) in [
            (Method::Dense, &expected.dense),
            (Method::Sparse, &expected.sparse),
            (Method::Colbert, &expected.colbert),
            (Method::Hybrid(weights), &hybrid),
        ] {
            let alone = run(request(MODEL, Scorer::Embedding(method), rows.clone()));
            assert!(alone.iter().all(|row| row.scores.len() == 1));
            for scores in [flat(&alone, Measure::of(method)), flat(&together, Measure::of(method))] {
                assert_eq!(scores.len(), expected.len());
                for (score, expected) in scores.iter().zip(expected) {
                    assert!((score - expected).abs() < 2e-5, "{method:?}: {score}, not {expected}");
                }
            }
        }
    }

    #[test]
    fn parts_of_the_passages_give_the_scores_of_all() {
        let all = rows_of("tests/fixtures/flagembedding/data/weld_toy.jsonl");
        // More distinct passages than are held at a time, in rows that share some with those of parts before.
        let mut rows = Vec::new();
        for round in 0..12 {
            for (line, row) in &all {
                let mut row = Row::clone(row);
                row.neg.iter_mut().for_each(|text| text.push_str(&format!(" {round}")));
                rows.push((*line, Arc::new(row)));
            }
        }
        assert!(distinct(rows.iter().flat_map(|(_, row)| texts_of(row))).len() > 2 * PASSAGES_TOGETHER);
        let scored = run(request(MODEL, Scorer::Embedding(Method::Dense), rows.clone()));
        let last = run(request(MODEL, Scorer::Embedding(Method::Dense), rows[rows.len() - 3..].to_vec()));
        for (score, expected) in flat(&scored[rows.len() - 3..], Measure::Dense).iter().zip(flat(&last, Measure::Dense))
        {
            assert!((score - expected).abs() < 1e-5);
        }
    }

    /// Alike but for what other texts in a batch do to the last digits.
    fn are_near(one: &[f32], other: &[f32]) -> bool {
        one.len() == other.len() && one.iter().zip(other).all(|(one, other)| (one - other).abs() < 2e-5)
    }

    #[test]
    fn what_stands_before_a_question_is_the_rows_own_prompt_or_else_the_given_one() {
        let mut rows = rows_of("tests/fixtures/flagembedding/data/weld_toy.jsonl");
        rows.truncate(4);
        let set = |rows: &[(LineId, Arc<Row>)], change: &dyn Fn(usize, &mut Row)| -> Vec<(LineId, Arc<Row>)> {
            let changed = rows.iter().enumerate().map(|(number, (line, row))| {
                let mut row = Row::clone(row);
                change(number, &mut row);
                (*line, Arc::new(row))
            });
            changed.collect()
        };
        let score = |rows: &[(LineId, Arc<Row>)], instruction: Instruction| {
            let request = request(MODEL, Scorer::EveryMethod, rows.to_vec());
            let scored = run(ScoringRequest { instruction, ..request });
            Measure::ALL.map(|by| flat(&scored, by)).concat()
        };
        // The second row has a prompt of its own; the fourth an empty one.
        let prompted = set(&rows, &|number, row| match number {
            1 => row.prompt = Some("为问题检索：".into()),
            3 => row.prompt = Some(String::new()),
            _ => {}
        });
        let given = Instruction { text: Some("Search: ".into()), format: "{}问：{}".into() };
        let written = set(&rows, &|number, row| {
            let before = ["Search: ", "为问题检索：", "Search: ", ""][number];
            row.query = format!("{before}问：{}", row.query);
        });
        assert!(are_near(&score(&prompted, given), &score(&written, Instruction::default())));

        let written = set(&rows, &|number, row| {
            if number == 1 {
                row.query = format!("为问题检索：{}", row.query);
            }
        });
        let (own, plain) = (score(&prompted, Instruction::default()), score(&rows, Instruction::default()));
        assert!(are_near(&own, &score(&written, Instruction::default())));
        assert!(!are_near(&own, &plain), "a prompt changes nothing");
    }

    #[test]
    fn a_model_that_is_not_loaded_is_left_alone_when_asked_to() {
        let jobs = Jobs::new(|| ());
        let rows = rows_of("tests/fixtures/flagembedding/data/mine_input.jsonl");
        let ask = |only_if_loaded| {
            let request = request(MODEL, Scorer::Embedding(Method::Dense), rows.clone());
            let job = start(&jobs, ScoringRequest { only_if_loaded, ..request });
            assert_eq!(job.wait(), Status::Done);
            job.poll().len()
        };
        assert_eq!([ask(true), ask(false), ask(true)], [0, rows.len(), rows.len()]);
    }

    #[test]
    fn a_rerankers_scores_are_those_of_its_pairs() {
        let rows = rows_of("tests/fixtures/flagembedding/data/weld_toy.jsonl");
        let model = Reranker::load(Path::new(RERANKER), &choose(DeviceChoice::Cpu).unwrap().open().unwrap()).unwrap();
        let expected = model.score(&pairs(&rows), 80, 8, &mut |_, _| ControlFlow::Continue(())).unwrap();
        let scorer = |sigmoid| Scorer::Reranker { max_length: 80, batch_size: 2, sigmoid };
        let logits = flat(&run(request(RERANKER, scorer(false), rows.clone())), Measure::Reranker);
        let shares = flat(&run(request(RERANKER, scorer(true), rows.clone())), Measure::Reranker);
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
