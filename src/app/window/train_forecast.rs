//! Works out what the next run will be, away from the window, and remembers how fast runs were.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Window;
use super::train_actions::Material;
use crate::app::background::Background;
use crate::app::error_texts;
use crate::app::shell::Bench;
use crate::app::train::{DataChoice, Run};
use crate::compute::DeviceInfo;
use crate::jobs::{Failure, Status, measuring};
use crate::model::ModelFolder;
use crate::training::{Outlook, Pace, Plan, TrainingConfig, TrainingError, TrainingFile, pace_key};

/// How long the form must rest before its run is worked out.
const REST: Duration = Duration::from_millis(400);

/// The work on the forecast.
#[derive(Default)]
pub struct Forecasting {
    /// What the form said when it was last looked at, and since when.
    asked: Option<(Question, Instant)>,
    /// The present question is being answered, or was.
    taken: bool,
    answering: Option<Background<Answer>>,
    /// The model that was looked at last.
    model: Option<Arc<ModelFolder>>,
    /// Reads the rows that are to be measured with, under this key.
    reading: Option<(String, Background<ToMeasure>)>,
    measuring: Option<String>,
    /// The key of the run that is shown.
    run: Option<String>,
}

type ToMeasure = Result<(TrainingConfig, DeviceInfo, Vec<TrainingFile>), TrainingError>;

/// What an outlook depends on.
#[derive(Clone, PartialEq)]
struct Question {
    config: TrainingConfig,
    data: DataChoice,
    device: DeviceInfo,
    revision: u64,
    rows: usize,
}

struct Answer {
    to: Question,
    outlook: Result<Outlook, Failure>,
    model: Option<Arc<ModelFolder>>,
}

impl Window {
    /// Keeps the forecast in step with the form.
    pub(super) fn forecast_run(&mut self) {
        self.drain_measuring();
        if let Some(done) = self.forecasting.answering.as_ref().and_then(Background::poll) {
            self.forecasting.answering = None;
            match done {
                Ok(answer) => {
                    self.forecasting.model = answer.model;
                    if self.forecasting.asked.as_ref().is_some_and(|(asked, _)| *asked == answer.to) {
                        self.train.forecast.outlook = Some(answer.outlook);
                    } else {
                        self.forecasting.taken = false;
                    }
                }
                Err(_) => self.messages.error(self.texts.get("broke_off")),
            }
        }
        if self.bench != Bench::Train {
            return;
        }
        let Some(question) = self.question_of_form() else {
            self.forecasting.asked = None;
            self.train.forecast.outlook = None;
            return;
        };
        if self.forecasting.asked.as_ref().is_none_or(|(asked, _)| *asked != question) {
            self.train.forecast.pace = self.settings.pace(&pace_key(&question.config, &question.device));
            self.train.forecast.outlook = None;
            self.forecasting.asked = Some((question, Instant::now()));
            self.forecasting.taken = false;
        }
        self.answer();
    }

    /// Starts on the question once the form has rested.
    fn answer(&mut self) {
        let Some((question, since)) = &self.forecasting.asked else { return };
        if self.forecasting.taken || self.forecasting.answering.is_some() {
            return;
        }
        let left = REST.saturating_sub(since.elapsed());
        if !left.is_zero() {
            return self.context.request_repaint_after(left);
        }
        self.forecasting.taken = true;
        let (to, material, known) = (question.clone(), self.material(), self.forecasting.model.clone());
        self.forecasting.answering = Some(Background::start(&self.context, move || {
            let model = match known.filter(|known| known.path() == to.config.model_name_or_path) {
                Some(known) => Ok(known),
                None => ModelFolder::open(&to.config.model_name_or_path).map(Arc::new),
            };
            let (outlook, model) = match model {
                Ok(model) => (outlook(&to, &model, material), Some(model)),
                Err(error) => (Err(error.into()), None),
            };
            Answer { to, outlook: outlook.map_err(Failure::from), model }
        }));
    }

    /// What the form asks for; `None` while it has mistakes or no device is known.
    fn question_of_form(&self) -> Option<Question> {
        let ready = self.train.is_ready(&self.train_surroundings());
        let device = self.devices.chosen().filter(|_| ready)?.clone();
        Some(Question {
            config: self.train.config(self.data.path()),
            data: self.train.data.clone(),
            device,
            revision: self.data.revision(),
            rows: self.data.rows(),
        })
    }

    /// Reads the rows, then measures as a job.
    pub(super) fn measure(&mut self) {
        let (Some(question), None) = (self.question_of_form(), &self.forecasting.reading) else { return };
        let material = self.material();
        let key = pace_key(&question.config, &question.device);
        let read = Background::start(&self.context, move || {
            let mut config = question.config;
            let (files, _) = material.read(&mut config)?;
            Ok((config, question.device, files))
        });
        self.forecasting.reading = Some((key, read));
    }

    fn drain_measuring(&mut self) {
        if let Some(done) = self.forecasting.reading.as_ref().and_then(|(_, reading)| reading.poll())
            && let Some((key, _)) = self.forecasting.reading.take()
        {
            match done {
                Ok(Ok((config, device, files))) => {
                    let job = measuring::start(&self.jobs, config, device, files);
                    self.train.forecast.measuring = Some(job);
                    self.forecasting.measuring = Some(key);
                }
                Ok(Err(error)) => self.messages.error(error_texts::training(self.texts, &error)),
                Err(_) => self.messages.error(self.texts.get("broke_off")),
            }
        }
        let Some(job) = &self.train.forecast.measuring else { return };
        // Ask first: what comes between is then taken the next time.
        let status = job.status();
        let paces = job.poll();
        if let (Some(pace), Some(key)) = (paces.last(), self.forecasting.measuring.clone()) {
            self.remember_pace(key, *pace);
        }
        if status.is_over() {
            self.train.forecast.measuring = None;
            if let Status::Failed(failure) = status {
                self.messages.error(error_texts::failure(self.texts, &failure));
            }
        }
    }

    fn remember_pace(&mut self, key: String, pace: Pace) {
        self.settings.remember_pace(key, pace);
        self.settings_changed = true;
        if let Some((asked, _)) = &self.forecasting.asked {
            self.train.forecast.pace = self.settings.pace(&pace_key(&asked.config, &asked.device));
        }
    }

    /// A run with the form's options is about to start.
    pub(super) fn expect_pace(&mut self, device: &DeviceInfo) {
        self.forecasting.run = Some(pace_key(&self.train.config(self.data.path()), device));
    }

    /// The run is over: how fast it was is known for the next one.
    pub(super) fn take_pace_of_run(&mut self) {
        let pace = self.train.run.as_ref().and_then(pace_of);
        if let (Some(key), Some(pace)) = (self.forecasting.run.take(), pace) {
            self.remember_pace(key, pace);
        }
    }
}

fn outlook(question: &Question, model: &ModelFolder, material: Material) -> Result<Outlook, TrainingError> {
    let mut config = question.config.clone();
    let (files, _) = material.read(&mut config)?;
    Outlook::new(&config, model, files, &question.device.limits)
}

/// Seconds of a step as seconds of its micro-batches.
fn pace_of(run: &Run) -> Option<Pace> {
    let plan = run.report.plan.as_ref()?;
    let steps = Plan { micro_batches_per_epoch: plan.micro_batches_per_epoch, window: run.window, steps: plan.steps };
    let per_step = plan.micro_batches_per_epoch as f64 / steps.steps_per_epoch() as f64;
    Some(Pace { micro_batch: run.seconds_per_step()? / per_step, update: 0.0 })
}
