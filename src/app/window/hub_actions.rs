//! Models of the hub: the dialog, what is in the cache, and downloads.

use std::sync::Arc;

use eframe::egui;

use super::Window;
use crate::app::background::Background;
use crate::app::error_texts;
use crate::app::files::{Chosen, Purpose};
use crate::app::hub::{self, Download, HubAction, HubDialog};
use crate::app::job_texts;
use crate::app::widgets::Severity;
use crate::jobs::fetching::{self, size};
use crate::jobs::{Job, Status};
use crate::model::hub::{CachedModel, FetchEvent, FetchRequest, HubError, HubSettings, ModelId, cached};

/// Tells where the hub and its models are.
pub type FindHub = Arc<dyn Fn() -> Result<HubSettings, HubError> + Send + Sync>;

/// Where the hub is, and the models that are here.
type Looked = Result<(HubSettings, Vec<CachedModel>), HubError>;

/// The dialog and what goes on behind it.
#[derive(Default)]
pub struct Hub {
    dialog: Option<HubDialog>,
    looking: Option<Background<Looked>>,
    download: Option<(Job<FetchEvent>, Download)>,
}

impl Window {
    /// Opens the dialog to choose a model for something.
    pub(super) fn ask_for_model_of_hub(&mut self, purpose: Purpose) {
        self.hub.dialog = Some(HubDialog::new(purpose));
        self.look_into_cache();
    }

    /// Takes the model to train from the cache if a name of the hub's stands where its folder should, as in a pasted
    /// command; if it is not there, the dialog opens with that name.
    pub(super) fn resolve_model(&mut self) {
        let path = &self.train.form.config.model_name_or_path;
        let name = path.to_str().filter(|text| text.contains('/') && !path.exists());
        let Some(id) = name.and_then(|text| text.parse::<ModelId>().ok()) else {
            return;
        };
        let (wanted, id) = (Some(id.to_string()), id.to_string());
        self.hub.dialog = Some(HubDialog { wanted, id, ..HubDialog::new(Purpose::TrainModel) });
        self.look_into_cache();
    }

    fn look_into_cache(&mut self) {
        let (find, chosen) = (Arc::clone(&self.find_hub), self.settings.hub.clone());
        self.hub.looking = Some(Background::start(&self.context, move || {
            let mut settings = find()?;
            // What the environment names goes before what was typed here once.
            if let Some(endpoint) = chosen.filter(|_| std::env::var_os("HF_ENDPOINT").is_none()) {
                settings.endpoint = endpoint;
            }
            let models = cached(&settings.cache)?;
            Ok((settings, models))
        }));
    }

    pub(super) fn show_hub(&mut self, ui: &mut egui::Ui) {
        let Some(dialog) = self.hub.dialog.as_ref().filter(|dialog| dialog.wanted.is_none()) else {
            return;
        };
        let download = self.hub.download.as_ref().map(|(_, download)| download);
        for action in hub::show(ui, dialog, download, self.texts) {
            self.apply_hub(action);
        }
    }

    fn apply_hub(&mut self, action: HubAction) {
        let Some(dialog) = &mut self.hub.dialog else {
            return;
        };
        match action {
            HubAction::SetId(id) => (dialog.id, dialog.wrong) = (id, None),
            HubAction::SetRevision(revision) => dialog.revision = revision,
            HubAction::SetEndpoint(endpoint) => dialog.endpoint = endpoint,
            HubAction::Fetch => self.fetch_model(),
            HubAction::CancelFetch => self.hub.download.iter().for_each(|(job, _)| job.cancel()),
            HubAction::Close => self.hub.dialog = None,
            HubAction::Use(folder) => {
                let purpose = dialog.purpose;
                self.hub.dialog = None;
                self.take_chosen(Chosen { purpose, paths: vec![folder], no_dialog: false });
            }
        }
    }

    fn fetch_model(&mut self) {
        let texts = self.texts;
        let Some((dialog, settings)) =
            self.hub.dialog.as_mut().and_then(|dialog| dialog.settings.clone().map(|settings| (dialog, settings)))
        else {
            return;
        };
        let request = || -> Result<(HubSettings, FetchRequest), HubError> {
            let revision = match dialog.revision.trim() {
                "" => Default::default(),
                revision => revision.parse()?,
            };
            let settings = settings.with_endpoint(&dialog.endpoint)?;
            Ok((settings, FetchRequest { id: dialog.id.trim().parse()?, revision }))
        };
        match request() {
            Err(error) => dialog.wrong = Some(hub::error(texts, &error)),
            Ok((settings, request)) => {
                dialog.wrong = None;
                if self.settings.hub.as_ref() != Some(&settings.endpoint) {
                    self.settings.hub = Some(settings.endpoint.clone());
                    self.settings_changed = true;
                }
                let id = request.id.to_string();
                let job = fetching::start(&self.jobs, settings, request);
                let download = Download { id, job: job.handle(), now: String::new() };
                self.hub.download = Some((job, download));
            }
        }
    }

    pub(super) fn drain_hub(&mut self) {
        self.drain_looking();
        let Some((job, download)) = &mut self.hub.download else {
            return;
        };
        // The status first: what was sent before the end is then taken in this round.
        let status = job.status();
        for event in job.poll() {
            match event {
                FetchEvent::File { name, bytes } => download.now = format!("{name} · {}", size(bytes)),
                FetchEvent::Waiting { why, wait } => {
                    let values: [(&str, &dyn std::fmt::Display); 2] =
                        [("why", &hub::error(self.texts, &why)), ("time", &job_texts::clock(wait))];
                    download.now = self.texts.with("hub_again", &values);
                }
                FetchEvent::StartsOver { name } => {
                    download.now = self.texts.with("hub_starts_over", &[("file", &name)]);
                }
                FetchEvent::Listed { .. } | FetchEvent::Fetched(_) => {}
            }
        }
        if !status.is_over() {
            // Its speed changes also while nothing comes.
            self.context.request_repaint_after(std::time::Duration::from_millis(500));
            return;
        }
        let id = download.id.clone();
        self.hub.download = None;
        match (status, &mut self.hub.dialog) {
            (Status::Failed(failure), Some(dialog)) => {
                dialog.wrong = Some(error_texts::failure(self.texts, &failure));
            }
            (Status::Failed(failure), None) => self.messages.error(error_texts::failure(self.texts, &failure)),
            (Status::Done, _) => {
                let told = self.texts.with("hub_done", &[("name", &id)]);
                self.messages.say(Severity::Information, told);
            }
            _ => {}
        }
        if self.hub.dialog.is_some() {
            self.look_into_cache();
        }
    }

    fn drain_looking(&mut self) {
        let Some(done) = self.hub.looking.as_ref().and_then(Background::poll) else {
            return;
        };
        self.hub.looking = None;
        let Some(dialog) = &mut self.hub.dialog else {
            return;
        };
        match done {
            Ok(Ok((settings, models))) => {
                if dialog.endpoint.is_empty() {
                    dialog.endpoint = settings.endpoint.clone();
                }
                (dialog.settings, dialog.models) = (Some(settings), Some(models));
                if let Some(folder) = dialog.wanted_folder() {
                    self.apply_hub(HubAction::Use(folder));
                }
            }
            Ok(Err(error)) => dialog.wrong = Some(hub::error(self.texts, &error)),
            Err(_) => dialog.wrong = Some(self.texts.get("broke_off").into()),
        }
        // Not here: it can be had in the dialog.
        self.hub.dialog.iter_mut().for_each(|dialog| dialog.wanted = None);
    }
}
