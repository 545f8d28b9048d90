//! One question to one or two models, as a job.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::vectors::{self, Texts};
use super::{Failure, Instruction, Job, JobContext, Jobs, Room};
use crate::compute::DeviceInfo;
use crate::dataset::{Corpus, Row};
use crate::retrieval::{Hit, Method, SearchError, Weights, best};

/// What is to be searched. Models and corpus stay loaded, so that the next question is quick.
pub struct SearchRequest {
    pub device: DeviceInfo,
    /// Folders of the models that are asked.
    pub models: Vec<PathBuf>,
    pub corpus: Arc<Corpus>,
    pub question: String,
    /// Before the question.
    pub instruction: Instruction,
    pub method: Method,
    /// Passages wanted of each model.
    pub k: usize,
    /// Folder of the embedding cache; without one all is computed.
    pub cache: Option<PathBuf>,
}

/// What one model found.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchEvent {
    pub model: PathBuf,
    /// Best first.
    pub hits: Vec<Hit>,
    /// For hybrid search the dense, sparse and ColBERT scores of all passages, in their order, so that other weights
    /// rank them anew at once ([`ranked`]).
    pub parts: Option<Arc<Vec<[f32; 3]>>>,
    /// From the question to the hits, the corpus being encoded already.
    pub seconds: f64,
}

/// The best `k` passages by the weighted mean of their dense, sparse and ColBERT scores; none where the weights have
/// no mean.
pub fn ranked(parts: &[[f32; 3]], weights: Weights, k: usize) -> Vec<Hit> {
    if !weights.are_valid() {
        return Vec::new();
    }
    let scores: Vec<f32> =
        parts.iter().map(|[dense, sparse, colbert]| weights.mean(*dense, *sparse, *colbert)).collect();
    best(&scores, k)
}

/// Puts a search into the queue of its device; one event a model, in the order of the models.
pub fn start(jobs: &Jobs, request: SearchRequest) -> Job<SearchEvent> {
    let device = request.device.clone();
    jobs.start(&device, "Search".into(), move |room, context| work(room, context, &request))
}

fn work(room: &mut Room, context: &JobContext<SearchEvent>, request: &SearchRequest) -> Result<(), Failure> {
    // Hybrid search keeps all three scores, also of weight 0.
    let options = match request.method {
        Method::Hybrid(_) => vectors::options(Method::Hybrid(Weights::default())),
        method => vectors::options(method),
    };
    for model in &request.models {
        vectors::check(room, model, &options)?;
    }
    let asked = Row { query: request.question.clone(), ..Row::default() };
    for model in &request.models {
        let folder = room.folder(model)?;
        let mut texts = Texts { room, context, model, options, cache: request.cache.as_deref() };
        let index = texts.index(&request.corpus)?;
        let started = Instant::now();
        // A question is typed once; keeping its vectors on the disk would only fill it.
        texts.cache = None;
        let (text, kind) = request.instruction.question(&asked, &folder);
        let query = texts.encode(&[&text], kind)?;
        let (hits, parts) = match request.method {
            Method::Hybrid(weights) => {
                let [dense, sparse, colbert] = [Method::Dense, Method::Sparse, Method::Colbert];
                let scores = |method| index.scores(&query, 0, method);
                let (dense, sparse, colbert) = (scores(dense)?, scores(sparse)?, scores(colbert)?);
                let parts = dense.into_iter().zip(sparse).zip(colbert);
                let parts: Vec<[f32; 3]> = parts.map(|((dense, sparse), colbert)| [dense, sparse, colbert]).collect();
                if !weights.are_valid() {
                    return Err(SearchError::Weights(weights).into());
                }
                (ranked(&parts, weights, request.k), Some(Arc::new(parts)))
            }
            method => (index.search(&query, 0, method, request.k)?, None),
        };
        context.send(SearchEvent { model: model.clone(), hits, parts, seconds: started.elapsed().as_secs_f64() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::{DeviceChoice, choose};
    use crate::jobs::Status;

    const MODEL: &str = "tests/fixtures/flagembedding/model_safetensors";

    fn ask(jobs: &Jobs, question: &str, method: Method, corpus: &Arc<Corpus>) -> Vec<SearchEvent> {
        ask_with(jobs, question, Instruction::default(), method, corpus)
    }

    fn ask_with(
        jobs: &Jobs,
        question: &str,
        instruction: Instruction,
        method: Method,
        corpus: &Arc<Corpus>,
    ) -> Vec<SearchEvent> {
        let request = SearchRequest {
            device: choose(DeviceChoice::Cpu).unwrap(),
            models: vec![MODEL.into(), MODEL.into()],
            corpus: Arc::clone(corpus),
            question: question.into(),
            instruction,
            method,
            k: 2,
            cache: None,
        };
        let job = start(jobs, request);
        assert_eq!(job.wait(), Status::Done);
        job.poll()
    }

    #[test]
    fn a_passage_finds_itself_with_every_method() {
        let texts = ["气孔是气体留在焊缝里", "a crack in the heat-affected zone", "夹渣多在层间"];
        let corpus = Arc::new(Corpus::from_bytes(texts.join("\n").as_bytes()));
        let jobs = Jobs::new(|| ());
        for method in [Method::Dense, Method::Colbert, Method::Hybrid(Default::default())] {
            for (place, text) in texts.iter().enumerate() {
                let lists = ask(&jobs, text, method, &corpus);
                assert_eq!(lists.len(), 2);
                for list in lists {
                    assert_eq!((list.hits.len(), list.hits[0].passage), (2, place), "{text}");
                }
            }
        }
    }

    #[test]
    fn other_weights_rank_the_passages_as_a_new_search_does() {
        let texts = ["气孔是气体留在焊缝里", "a crack in the heat-affected zone", "夹渣多在层间", "气孔与夹渣"];
        let corpus = Arc::new(Corpus::from_bytes(texts.join("\n").as_bytes()));
        let jobs = Jobs::new(|| ());
        let weights = |dense, sparse, colbert| Weights { dense, sparse, colbert };
        let first = ask(&jobs, "夹渣在哪里", Method::Hybrid(weights(1.0, 0.0, 0.0)), &corpus);
        let parts = first[0].parts.as_ref().unwrap();
        for weights in [weights(0.2, 0.5, 0.3), weights(0.0, 0.0, 1.0), weights(0.5, 0.5, 0.0)] {
            let again = ask(&jobs, "夹渣在哪里", Method::Hybrid(weights), &corpus);
            assert_eq!(ranked(parts, weights, 2), again[0].hits);
        }
        assert_eq!(ranked(parts, weights(0.0, 0.0, 0.0), 2), []);
    }

    #[test]
    fn an_instruction_stands_before_the_question() {
        let texts = ["气孔是气体留在焊缝里", "a crack in the heat-affected zone", "夹渣多在层间"];
        let corpus = Arc::new(Corpus::from_bytes(texts.join("\n").as_bytes()));
        let jobs = Jobs::new(|| ());
        let scores = |lists: Vec<SearchEvent>| -> Vec<(usize, f32)> {
            lists[0].hits.iter().map(|hit| (hit.passage, hit.score)).collect()
        };
        let row = Row { prompt: Some("为问题检索：".into()), ..Row::default() };
        let given = Instruction { text: Some("Search: ".into()), format: "{}问：{}".into() };
        assert_eq!(given.clone().of_row(None), given);
        assert_eq!(given.clone().of_row(Some(&Row::default())), given);
        let instruction = given.of_row(Some(&row));
        let asked = scores(ask_with(&jobs, "气孔", instruction, Method::Dense, &corpus));
        assert_eq!(asked, scores(ask(&jobs, "为问题检索：问：气孔", Method::Dense, &corpus)));
        assert_ne!(asked, scores(ask(&jobs, "气孔", Method::Dense, &corpus)));
    }
}
