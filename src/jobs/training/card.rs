//! The card of a run's model, made of what the run's folder tells.

use std::collections::BTreeMap;
use std::path::Path;

use crate::jobs::Failure;
use crate::model::{CARD, ModelFolder, is_untouched};
use crate::training::card::{BaseModel, ModelCard};
use crate::training::{TrainingConfig, TrainingEvent, Warning};
use crate::workspace::{Run, WorkspaceError, write_whole};

/// Where the new card goes if a person has written in the old one.
const BESIDE: &str = "README.weldbench.md";

/// Writes the card of the model that a run has left. `rows` are those that were trained on, where the run's events do not
/// say. What there is to remark: that a card which was changed stays, or
/// why there is none; the model is whole without it.
pub fn write(run: &Run, config: &TrainingConfig, languages: &[&'static str], rows: Option<usize>) -> Option<Warning> {
    match try_to_write(run, config, languages, rows) {
        Ok(true) => None,
        Ok(false) => Some(Warning::CardStays { card: run.model_folder().join(CARD), beside: BESIDE.into() }),
        Err(failure) => Some(Warning::NoCard { cause: failure.to_string() }),
    }
}

/// `false` if the card had to go beside another.
fn try_to_write(
    run: &Run,
    config: &TrainingConfig,
    languages: &[&'static str],
    mut rows: Option<usize>,
) -> Result<bool, Failure> {
    let model = run.model_folder();
    let mut fingerprint = run.record().data_fingerprint.clone();
    let (mut steps, mut questions) = (0, 0);
    let mut evaluations: BTreeMap<usize, BTreeMap<String, f64>> = BTreeMap::new();
    for event in run.events::<TrainingEvent>()?.events {
        match event {
            TrainingEvent::Started(plan) => (rows, fingerprint) = (Some(plan.rows), plan.data),
            TrainingEvent::Questions { texts } => questions = texts.len(),
            TrainingEvent::Resumed { step } => evaluations.retain(|of, _| *of <= step),
            TrainingEvent::Evaluated(evaluation) => {
                evaluations.insert(evaluation.step, evaluation.metrics);
            }
            TrainingEvent::Saved { step, .. } => steps = step,
            _ => {}
        }
    }
    let base = BaseModel::of(&config.model_name_or_path);
    let name = match model.file_name().and_then(|name| name.to_str()) {
        // A run has its model's name until a person gives it another.
        Some("model") | None if run.record().name == base.name => format!("{}, tuned", base.name),
        Some("model") | None => run.record().name.clone(),
        Some(folder) => folder.to_owned(),
    };
    let card = ModelCard {
        name: &name,
        base: &base,
        folder: &ModelFolder::open(&model)?,
        languages,
        rows,
        fingerprint: &fingerprint,
        config,
        steps,
        before: evaluations.get(&0),
        after: evaluations.get(&steps).filter(|_| steps > 0),
        questions,
    };
    put(&model, &card.markdown())
}

/// Writes a card, or puts it beside one that a person has changed.
fn put(model: &Path, card: &str) -> Result<bool, Failure> {
    let path = model.join(CARD);
    let is_free = match std::fs::read(&path) {
        Ok(known) => is_untouched(&known),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => return Err(WorkspaceError::io(&path, "read")(error).into()),
    };
    let path = if is_free { path } else { model.join(BESIDE) };
    write_whole(&path, card)?;
    // Whoever may read the model may read its card.
    std::fs::set_permissions(&path, std::fs::metadata(model.join("config.json"))?.permissions())?;
    Ok(is_free)
}
