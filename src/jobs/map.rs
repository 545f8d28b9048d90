//! Passages and questions as points of a plane, in the base and in the tuned model, as jobs.

use std::path::PathBuf;
use std::sync::Arc;

use super::compare::EvaluationSet;
use super::vectors::{self, Texts};
use super::{Failure, Job, JobContext, JobError, Jobs, Room};
use crate::compute::DeviceInfo;
use crate::model::{Matrix, TextKind};
use crate::retrieval::Method;
use crate::retrieval::projection::{Place, Start, align, pca, tsne};

/// Points that t-SNE is tried with: its exact neighbours take time with their square.
pub const MOST_NEIGHBOURLY: usize = 50_000;

/// What is to be laid out.
pub struct MapRequest {
    pub device: DeviceInfo,
    /// Folders of the models, the base model's first.
    pub models: Vec<PathBuf>,
    pub set: EvaluationSet,
    /// Folder of the embedding cache; without one all is computed.
    pub cache: Option<PathBuf>,
}

/// Places of all passages, then of all questions: one list a model; those after the first are turned until they lie on it.
pub type Planes = Vec<Vec<Place>>;

/// Passages and questions along the two principal components of each model.
#[derive(Clone)]
pub struct Laid {
    pub planes: Planes,
    /// What was laid out, for other layouts: one matrix a model.
    pub vectors: Arc<Vec<Matrix>>,
}

/// Puts it into the queue of its device; one event.
pub fn start(jobs: &Jobs, request: MapRequest) -> Job<Laid> {
    let device = request.device.clone();
    jobs.start(&device, "Map".into(), move |room, context| work(room, context, &request))
}

fn work(room: &mut Room, context: &JobContext<Laid>, request: &MapRequest) -> Result<(), Failure> {
    let options = vectors::options(Method::Dense);
    for model in &request.models {
        vectors::check(room, model, &options)?;
    }
    let questions: Vec<&str> = request.set.questions.iter().map(|question| question.text.as_str()).collect();
    let mut all: Vec<Matrix> = Vec::new();
    for model in &request.models {
        let mut texts = Texts { room, context, model, options, cache: request.cache.as_deref() };
        let mut points = texts.index(&request.set.corpus)?.embeddings().dense.clone();
        points.append(texts.encode(&questions, TextKind::Query)?.dense);
        all.push(points);
    }
    context.stage("finding the plane", "");
    let mut planes: Planes = Vec::new();
    for (points, model) in all.iter().zip(&request.models) {
        let places = pca(points).ok_or_else(|| JobError::NotFinite(model.clone()))?;
        let places = planes.first().map(|base| align(&places, base)).unwrap_or(places);
        planes.push(places);
    }
    context.send(Laid { planes, vectors: Arc::new(all) });
    Ok(())
}

/// Lays the same points out by their neighbours (t-SNE): the first model from its principal components, the others from
/// the first one's layout, turned until they lie on it. Needs no device; one event.
pub fn start_neighbours(jobs: &Jobs, laid: Laid) -> Job<Planes> {
    jobs.start_beside("Map".into(), move |context| {
        let mut planes: Planes = Vec::new();
        for (vectors, components) in laid.vectors.iter().zip(&laid.planes) {
            context.stage("laying neighbours together", "steps");
            let start = planes.first().map_or(Start::Components(components), |base| Start::Layout(base));
            let places = tsne(vectors, start, &mut |done, total| {
                context.progress(done, total);
                context.ask()
            })?;
            let places = planes.first().map(|base| align(&places, base)).unwrap_or(places);
            planes.push(places);
        }
        context.send(planes);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::compute::{DeviceChoice, choose};
    use crate::dataset::Corpus;
    use crate::jobs::Status;
    use crate::jobs::compare::Question;

    const MODEL: &str = "tests/fixtures/flagembedding/model_safetensors";

    fn request(models: &[&str]) -> MapRequest {
        let texts = ["气孔", "夹渣", "a crack in the weld", "undercut", "未熔合", "spatter"];
        let question = |text: &&str| Question { text: text.to_string(), ..Question::default() };
        let corpus = Arc::new(Corpus::from_bytes(texts.join("\n").as_bytes()));
        let questions = Arc::new(texts[..2].iter().map(question).collect());
        MapRequest {
            device: choose(DeviceChoice::Cpu).unwrap(),
            models: models.iter().map(PathBuf::from).collect(),
            set: EvaluationSet { corpus, questions },
            cache: None,
        }
    }

    #[test]
    fn every_text_has_a_place_in_every_model_and_what_did_not_change_stays() {
        let jobs = Jobs::new(|| ());
        let job = start(&jobs, request(&[MODEL, MODEL]));
        assert_eq!(job.wait(), Status::Done);
        let events = job.poll();
        let [base, tuned] = &events[0].planes[..] else { panic!("two models") };
        assert_eq!((events.len(), base.len(), tuned.len()), (1, 8, 8));
        for (one, other) in base.iter().zip(tuned) {
            assert!((one[0] - other[0]).abs() < 1e-4 && (one[1] - other[1]).abs() < 1e-4);
        }
        // A passage and the question of the same words lie on one another.
        assert!((base[0][0] - base[6][0]).abs() < 1e-4 && (base[1][1] - base[7][1]).abs() < 1e-4);
    }

    #[test]
    fn neighbours_are_laid_out_from_the_components() {
        let jobs = Jobs::new(|| ());
        let laid = start(&jobs, request(&[MODEL, MODEL])).next().unwrap();
        let job = start_neighbours(&jobs, laid);
        assert_eq!(job.wait(), Status::Done);
        let events = job.poll();
        assert_eq!((events.len(), events[0].len()), (1, 2));
        assert!(
            events[0].iter().all(|places| places.len() == 8 && places.iter().flatten().all(|value| value.is_finite()))
        );
    }

    #[test]
    fn a_map_can_be_cancelled() {
        let jobs = Jobs::new(|| ());
        let job = start(&jobs, request(&[MODEL]));
        job.cancel();
        assert_eq!(job.wait(), Status::Cancelled);
    }
}
