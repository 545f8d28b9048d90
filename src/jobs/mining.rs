//! Proposes hard negatives for rows, as a job. The rows themselves stay as they are.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::vectors::{self, Texts};
use super::{Failure, Instruction, Job, JobContext, JobError, Jobs, Room, RowSource};
use crate::compute::DeviceInfo;
use crate::dataset::{Corpus, LineId};
use crate::model::TextKind;
use crate::retrieval::{CandidateSummary, Keep, Method, MiningOptions, MiningRow, candidates, distinct, mine};

/// Questions searched for before their negatives are chosen: what all of them find is held at a time.
const QUESTIONS_TOGETHER: usize = 32;

/// Bins of the summary's histograms.
const BINS: usize = 40;

/// Where negatives are taken from; a text that is there twice counts once.
#[derive(Clone)]
pub enum Pool {
    /// The positives and negatives of these rows.
    Rows(RowSource),
    /// The passages' texts, without titles.
    Corpus(Arc<Corpus>),
}

/// What is to be mined.
pub struct MiningRequest {
    pub device: DeviceInfo,
    /// Folder of the embedding model.
    pub model: PathBuf,
    pub method: Method,
    pub instruction: Instruction,
    /// The rows that get negatives.
    pub rows: RowSource,
    pub pool: Pool,
    pub options: MiningOptions,
    /// Folder of the embedding cache; without one all is computed.
    pub cache: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum MiningEvent {
    /// One a row, in the order of the rows.
    Proposed(Proposal),
    /// The last event; its numbers of questions are those of the rows.
    Summary(CandidateSummary),
}

/// New negatives for a row, in place of all that it has.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    pub line: LineId,
    /// Those found, best first; then those filled up.
    pub negatives: Vec<ScoredPassage>,
    /// How many of them, at the end, were drawn from the whole pool because the ranks gave too few.
    pub filled: usize,
    /// Passages at the ranks that score too near a positive, best first: they may answer the question.
    pub suspects: Vec<ScoredPassage>,
    /// In the order of the row's positives.
    pub positive_scores: Vec<f32>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ScoredPassage {
    pub text: Arc<str>,
    pub score: f32,
}

/// Puts mining into the queue of its device.
pub fn start(jobs: &Jobs, request: MiningRequest) -> Job<MiningEvent> {
    let device = request.device.clone();
    jobs.start(&device, "Mine negatives".into(), move |room, context| work(room, context, &request))
}

fn work(room: &mut Room, context: &JobContext<MiningEvent>, request: &MiningRequest) -> Result<(), Failure> {
    let MiningRequest { model, method, options: mining, .. } = request;
    check(mining)?;
    let options = vectors::options(*method);
    vectors::check(room, model, &options)?;
    context.stage("reading the rows", "");
    let rows = &request.rows.read();
    let pooled = match &request.pool {
        Pool::Rows(rows) => rows.read(),
        Pool::Corpus(_) => Vec::new(),
    };
    let pool = match &request.pool {
        Pool::Rows(_) => {
            distinct(pooled.iter().flat_map(|(_, row)| row.pos.iter().chain(&row.neg)).map(String::as_str))
        }
        Pool::Corpus(corpus) => distinct(corpus.passages().iter().map(|passage| passage.text.as_str())),
    };
    if pool.is_empty() {
        return Err(JobError::NoPassages.into());
    }
    let mut texts = Texts { room, context, model, options, cache: request.cache.as_deref() };
    let index = texts.index_of(&pool)?;
    let (questions, asked) = texts.questions(rows, &request.instruction)?;

    // Positives have their place in the pool, or else after it.
    let mut places: HashMap<&str, usize> = pool.iter().enumerate().map(|(place, text)| (*text, place)).collect();
    let positives = rows.iter().flat_map(|(_, row)| &row.pos).map(String::as_str);
    let elsewhere = distinct(positives.filter(|text| !places.contains_key(text)));
    let others = if elsewhere.is_empty() { Default::default() } else { texts.encode(&elsewhere, TextKind::Passage)? };
    places.extend(elsewhere.iter().enumerate().map(|(place, text)| (*text, pool.len() + place)));
    let score = |question: usize, place: usize| match place.checked_sub(pool.len()) {
        None => method.score(&questions, asked[question], index.embeddings(), place),
        Some(place) => method.score(&questions, asked[question], &others, place),
    };

    context.stage("searching", "questions");
    let shared: Vec<Arc<str>> = pool.iter().map(|text| Arc::from(*text)).collect();
    let passage = |passage: usize, score: f32| ScoredPassage { text: Arc::clone(&shared[passage]), score };
    // Filling up must know what scores too high, however far below the ranks.
    let depth = if mining.keep == Keep::All { mining.range.end } else { pool.len() };
    let mut seen = Vec::with_capacity(rows.len());
    let numbers: Vec<usize> = (0..rows.len()).collect();
    for numbers in numbers.chunks(QUESTIONS_TOGETHER) {
        let before = seen.len();
        let asking: Vec<usize> = numbers.iter().map(|&number| asked[number]).collect();
        let ranked = index.search_all(&questions.select(&asking), *method, depth, &mut |done, _| {
            context.progress(before + done, rows.len());
            context.ask()
        })?;
        for (&number, ranked) in numbers.iter().zip(&ranked) {
            let (line, row) = &rows[number];
            let positive_scores: Vec<f32> = row.pos.iter().map(|text| score(number, places[text.as_str()])).collect();
            let asked = MiningRow { query: &row.query, positives: &row.pos, positive_scores: &positive_scores };
            let found = candidates(asked, &pool, ranked, mining);
            let mined = mine(asked, number, &pool, ranked, &found, mining);
            let mut negatives: Vec<_> = mined.found.iter().map(|one| passage(one.passage, one.score)).collect();
            negatives.extend(mined.filled.iter().map(|&place| passage(place, score(number, place))));
            context.send(MiningEvent::Proposed(Proposal {
                line: *line,
                negatives,
                filled: mined.filled.len(),
                suspects: found.suspects.iter().map(|one| passage(one.passage, one.score)).collect(),
                positive_scores: positive_scores.clone(),
            }));
            seen.push((found, positive_scores));
        }
        if context.ask().is_break() {
            return Ok(());
        }
    }
    context.send(MiningEvent::Summary(CandidateSummary::new(&seen, mining, BINS)));
    Ok(())
}

fn check(options: &MiningOptions) -> Result<(), JobError> {
    let (start, end) = (options.range.start, options.range.end);
    match options.keep {
        _ if options.range.is_empty() => Err(JobError::NoRanks { start, end }),
        keep if !keep.is_valid() => Err(JobError::NothingToJudgeBy(keep)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::{DeviceChoice, choose};
    use crate::dataset::Dataset;
    use crate::jobs::{Status, rows_of};

    const MODEL: &str = "tests/fixtures/flagembedding/model_safetensors";

    fn request(pool: Option<Pool>, method: Method, options: MiningOptions) -> MiningRequest {
        let rows = rows_of("tests/fixtures/flagembedding/data/mine_input.jsonl");
        MiningRequest {
            device: choose(DeviceChoice::Cpu).unwrap(),
            model: MODEL.into(),
            method,
            instruction: Instruction::default(),
            pool: pool.unwrap_or_else(|| Pool::Rows(rows.clone().into())),
            rows: rows.into(),
            options,
            cache: None,
        }
    }

    fn run(request: MiningRequest) -> (Vec<Proposal>, CandidateSummary) {
        let jobs = Jobs::new(|| ());
        let job = start(&jobs, request);
        assert_eq!(job.wait(), Status::Done);
        let (mut proposals, mut summary) = (Vec::new(), None);
        for event in job.poll() {
            match event {
                MiningEvent::Proposed(proposal) => proposals.push(proposal),
                MiningEvent::Summary(all) => summary = Some(all),
            }
        }
        (proposals, summary.unwrap())
    }

    /// A run of FlagEmbedding's `find_knn_neg` with this very model.
    #[derive(serde::Deserialize)]
    struct Case {
        candidate_pool: bool,
        sample_range: [usize; 2],
        negative_number: usize,
        ranked: Vec<Vec<(String, f32)>>,
        filtered: Vec<Vec<String>>,
    }

    #[test]
    fn negatives_and_scores_are_those_that_flagembedding_finds() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../tests/fixtures/flagembedding/hn_mine.json")).unwrap();
        let pool = Corpus::open("tests/fixtures/flagembedding/data/candidate_pool.jsonl").unwrap();
        let pool = Pool::Corpus(Arc::new(pool));
        for case in cases {
            let options = MiningOptions {
                range: case.sample_range[0]..case.sample_range[1],
                negatives: case.negative_number,
                ..MiningOptions::default()
            };
            let request = request(case.candidate_pool.then(|| pool.clone()), Method::Dense, options);
            let rows = request.rows.read();
            let (proposals, _) = run(request);
            assert_eq!(proposals.len(), rows.len());
            for (number, (proposal, (line, row))) in proposals.iter().zip(&rows).enumerate() {
                assert_eq!((proposal.line, proposal.positive_scores.len()), (*line, row.pos.len()));
                let found = &proposal.negatives[..proposal.negatives.len() - proposal.filled];
                let expected = &case.filtered[number];
                assert_eq!(found.len(), expected.len().min(case.negative_number));
                for passage in found {
                    assert!(expected.iter().any(|text| **text == *passage.text), "{}", passage.text);
                    // The reference lists the best 24.
                    if let Some((_, score)) = case.ranked[number].iter().find(|(text, _)| **text == *passage.text) {
                        assert!((passage.score - score).abs() < 2e-5, "{} is not {score}", passage.score);
                    }
                }
            }
        }
    }

    #[test]
    fn lines_give_the_rows_that_are_among_them() {
        let path = tempfile::NamedTempFile::new().unwrap();
        let rows = std::fs::read_to_string("tests/fixtures/flagembedding/data/mine_input.jsonl").unwrap();
        std::fs::write(path.path(), format!("{{broken\n\n{rows}")).unwrap();
        let lines = Dataset::open(path.path()).unwrap().lines().clone();
        let of_lines = request(Some(Pool::Rows(RowSource::all(lines.clone()))), Method::Dense, Default::default());
        let of_lines = MiningRequest { rows: RowSource::Lines(lines.clone(), vec![0, 3, 1, 5]), ..of_lines };
        let of_rows = request(None, Method::Dense, Default::default());
        let read = of_lines.rows.read();
        assert_eq!(read, [lines.rows_at(&[3]), lines.rows_at(&[5])].concat());
        let of_rows = MiningRequest { rows: read.into(), ..of_rows };
        let (proposals, summary) = run(of_lines);
        assert_eq!(proposals.len(), 2);
        assert_eq!((proposals, summary), run(of_rows));
    }

    #[test]
    fn every_method_drops_what_scores_above_a_positive() {
        let corpus = Arc::new(Corpus::open("tests/fixtures/flagembedding/data/candidate_pool.jsonl").unwrap());
        for method in [Method::Dense, Method::Sparse, Method::Colbert, Method::Hybrid(Default::default())] {
            let options = MiningOptions {
                range: 0..8,
                negatives: 6,
                keep: Keep::BelowPositiveByMargin(0.0),
                seed: 3,
                ..MiningOptions::default()
            };
            let (proposals, summary) = run(request(Some(Pool::Corpus(Arc::clone(&corpus))), method, options));
            let mut suspects = 0;
            for proposal in &proposals {
                let lowest = proposal.positive_scores.iter().copied().fold(f32::INFINITY, f32::min);
                assert!(proposal.negatives.iter().all(|negative| negative.score <= lowest), "{method:?} {proposal:?}");
                assert!(proposal.suspects.iter().all(|suspect| suspect.score > lowest));
                suspects += proposal.suspects.len();
            }
            assert_eq!(summary.worst.len(), suspects);
            assert!(suspects > 0, "a random model finds something better than a positive");
            let first = summary.worst[0];
            assert!(proposals[first.0].suspects.iter().any(|suspect| suspect.score == first.1.score));
        }
    }

    #[test]
    fn options_that_choose_nothing_are_refused_and_mining_can_be_cancelled() {
        let jobs = Jobs::new(|| ());
        for options in [
            MiningOptions { range: 5..5, ..MiningOptions::default() },
            MiningOptions { keep: Keep::BelowShareOfPositive(1.5), ..MiningOptions::default() },
        ] {
            assert!(matches!(start(&jobs, request(None, Method::Dense, options)).wait(), Status::Failed(_)));
        }
        let nothing = request(Some(Pool::Rows(Vec::new().into())), Method::Dense, MiningOptions::default());
        assert!(matches!(start(&jobs, nothing).wait(), Status::Failed(_)));
        let job = start(&jobs, request(None, Method::Dense, MiningOptions::default()));
        job.cancel();
        assert_eq!(job.wait(), Status::Cancelled);
        assert!(!job.poll().iter().any(|event| matches!(event, MiningEvent::Summary(_))));
    }
}
