//! Models between base and tuned, as jobs: what each finds, and one of them saved.

use std::path::PathBuf;

use super::compare::EvaluationSet;
use super::vectors::{self, Texts};
use super::{Failure, Job, JobContext, Jobs, Room};
use crate::compute::DeviceInfo;
use crate::model::{ModelFolder, TextKind, mix};
use crate::retrieval::{Method, Metrics, evaluate_rankings};

/// Tuned shares from 0 to 1 in tenths.
pub fn tenths() -> Vec<f32> {
    (0..=10u8).map(|tenth| f32::from(tenth) / 10.0).collect()
}

/// What is to be measured.
pub struct MixRequest {
    pub device: DeviceInfo,
    pub base: PathBuf,
    pub tuned: PathBuf,
    /// Shares of the tuned model.
    pub alphas: Vec<f32>,
    /// Of the field that the model was tuned for.
    pub domain: EvaluationSet,
    /// Of something else, to see what was forgotten.
    pub general: Option<EvaluationSet>,
    pub method: Method,
    pub ks: Vec<usize>,
    /// Folder of the embedding cache, which keeps the two models' vectors; the mixes' are computed.
    pub cache: Option<PathBuf>,
}

/// What one mix found: metrics at each k.
#[derive(Clone, Debug, PartialEq)]
pub struct MixEvent {
    pub alpha: f32,
    pub domain: Vec<Metrics>,
    pub general: Option<Vec<Metrics>>,
}

/// Puts measuring into the queue of its device; one event a share, in their order.
pub fn start(jobs: &Jobs, request: MixRequest) -> Job<MixEvent> {
    let device = request.device.clone();
    jobs.start(&device, "Mix".into(), move |room, context| work(room, context, &request))
}

/// Saves a mix as a model folder.
pub fn start_saving(
    jobs: &Jobs,
    device: &DeviceInfo,
    base: PathBuf,
    tuned: PathBuf,
    alpha: f32,
    folder: PathBuf,
) -> Job<()> {
    jobs.start(device, "Mix".into(), move |_, context: &JobContext<()>| {
        context.stage("mixing", "");
        mix(&ModelFolder::open(&base)?, &ModelFolder::open(&tuned)?, alpha, &folder)?;
        Ok(())
    })
}

fn work(room: &mut Room, context: &JobContext<MixEvent>, request: &MixRequest) -> Result<(), Failure> {
    let options = vectors::options(request.method);
    for model in [&request.base, &request.tuned] {
        vectors::check(room, model, &options)?;
    }
    let (base, tuned) = (room.folder(&request.base)?, room.folder(&request.tuned)?);
    let place = match &request.cache {
        Some(cache) => {
            std::fs::create_dir_all(cache)?;
            tempfile::tempdir_in(cache)?
        }
        None => tempfile::tempdir()?,
    };
    for &alpha in &request.alphas {
        if context.ask().is_break() {
            return Ok(());
        }
        // The ends are models that are there already.
        let (model, cache) = if alpha == 0.0 {
            (request.base.clone(), request.cache.as_deref())
        } else if alpha == 1.0 {
            (request.tuned.clone(), request.cache.as_deref())
        } else {
            context.stage("mixing", "");
            let model = place.path().join("mix");
            mix(&base, &tuned, alpha, &model)?;
            (model, None)
        };
        let mut texts = Texts { room, context, model: &model, options, cache };
        let domain = measure(&mut texts, &request.domain, request)?;
        let general = request.general.as_ref().map(|set| measure(&mut texts, set, request)).transpose()?;
        context.send(MixEvent { alpha, domain, general });
    }
    Ok(())
}

fn measure(
    texts: &mut Texts<'_, MixEvent>,
    set: &EvaluationSet,
    request: &MixRequest,
) -> Result<Vec<Metrics>, Failure> {
    let asked: Vec<&str> = set.questions.iter().map(|question| question.text.as_str()).collect();
    let index = texts.index(&set.corpus)?;
    let queries = texts.encode(&asked, TextKind::Query)?;
    let context = texts.context;
    context.stage("searching", "questions");
    let depth = request.ks.iter().copied().max().unwrap_or(0);
    let rankings = index.search_all(&queries, request.method, depth, &mut |done, total| {
        context.progress(done, total);
        context.ask()
    })?;
    let relevant: Vec<Vec<usize>> = set.questions.iter().map(|question| question.relevant.clone()).collect();
    Ok(evaluate_rankings(&relevant, &rankings, &request.ks))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::compute::{DeviceChoice, choose};
    use crate::dataset::{Corpus, Dataset};
    use crate::jobs::Status;
    use crate::jobs::compare::{self, CompareEvent, CompareRequest, Question};
    use crate::model::random::write_random;
    use crate::retrieval::Metric;

    const BASE: &str = "tests/fixtures/flagembedding/model_safetensors";

    fn set() -> EvaluationSet {
        let rows = Dataset::open("tests/fixtures/flagembedding/data/weld_toy.jsonl").unwrap();
        let rows = rows.rows();
        let texts: Vec<String> = (rows.iter().flat_map(|(_, row)| row.pos.iter().chain(&row.neg)))
            .map(|text| serde_json::json!({ "text": text }).to_string())
            .collect();
        let corpus = Corpus::from_bytes(texts.join("\n").as_bytes());
        let (questions, _) = Question::of_rows(rows.iter().map(|(_, row)| &**row), &corpus);
        EvaluationSet { corpus: Arc::new(corpus), questions: Arc::new(questions) }
    }

    /// A model of the base model's shape and other weights.
    fn tuned(folder: &Path) -> PathBuf {
        let path = folder.join("tuned");
        let config = std::fs::read_to_string(Path::new(BASE).join("config.json")).unwrap();
        write_random(&path, &serde_json::from_str(&config).unwrap(), Path::new(BASE), 7).unwrap();
        path
    }

    fn request(tuned: PathBuf, alphas: &[f32]) -> MixRequest {
        MixRequest {
            device: choose(DeviceChoice::Cpu).unwrap(),
            base: BASE.into(),
            tuned,
            alphas: alphas.to_vec(),
            domain: set(),
            general: Some(set()),
            method: Method::Dense,
            ks: vec![1, 3],
            cache: None,
        }
    }

    #[test]
    fn the_ends_are_what_a_comparison_of_the_two_models_finds() {
        let folder = tempfile::tempdir().unwrap();
        let tuned = tuned(folder.path());
        let jobs = Jobs::new(|| ());
        let job = start(&jobs, request(tuned.clone(), &[0.0, 0.5, 1.0]));
        assert_eq!(job.wait(), Status::Done);
        let events = job.poll();
        assert_eq!(events.iter().map(|event| event.alpha).collect::<Vec<_>>(), [0.0, 0.5, 1.0]);
        assert!(events.iter().all(|event| event.general.as_ref() == Some(&event.domain)));

        let request = CompareRequest {
            device: choose(DeviceChoice::Cpu).unwrap(),
            models: vec![BASE.into(), tuned],
            sets: vec![set()],
            method: Method::Dense,
            ks: vec![1, 3],
            cache: None,
        };
        let job = compare::start(&jobs, request);
        assert_eq!(job.wait(), Status::Done);
        let compared = job.poll().into_iter().find_map(|event| match event {
            CompareEvent::Compared(comparison) => Some(comparison),
            CompareEvent::Searched(_) => None,
        });
        for row in compared.unwrap().rows.iter().filter(|row| row.metric == Metric::Ndcg) {
            let of = |event: &MixEvent| event.domain.iter().find(|of| of.k == row.k).unwrap().ndcg;
            // A mean over questions of means, so that the last places may differ.
            assert!((of(&events[0]) - row.base).abs() < 1e-12 && (of(&events[2]) - row.tuned[0].value).abs() < 1e-12);
        }
    }

    #[test]
    fn a_mix_is_saved_and_measuring_can_be_cancelled() {
        let folder = tempfile::tempdir().unwrap();
        let tuned = tuned(folder.path());
        let jobs = Jobs::new(|| ());
        let device = choose(DeviceChoice::Cpu).unwrap();
        let into = folder.path().join("half");
        let job = start_saving(&jobs, &device, BASE.into(), tuned.clone(), 0.5, into.clone());
        assert_eq!(job.wait(), Status::Done);
        assert!(ModelFolder::open(&into).unwrap().has_heads());
        let job = start(&jobs, request(tuned, &tenths()));
        job.cancel();
        assert_eq!(job.wait(), Status::Cancelled);
    }
}
