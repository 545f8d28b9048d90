use eframe::egui::{self, Align, Id, Label, Layout, RichText, TextEdit};

use super::{Download, HubAction, HubDialog};
use crate::app::job_texts;
use crate::app::sentences::sentence;
use crate::app::texts::Texts;
use crate::app::theme::{palette, primary_button, progress_bar, section, size, small_button, space};
use crate::app::widgets::{Severity, notice};
use crate::jobs::fetching;
use crate::model::hub::{CachedKind, CachedModel};

/// Draws the dialog above everything else.
pub fn show(ui: &mut egui::Ui, dialog: &HubDialog, download: Option<&Download>, texts: Texts) -> Vec<HubAction> {
    let mut actions = Vec::new();
    let screen = ui.ctx().content_rect();
    let modal = egui::Modal::new(Id::unique("hub")).show(ui.ctx(), |ui| {
        ui.set_width((screen.width() - 2.0 * space::HUGE).min(size::PASTE));
        ui.label(RichText::new(texts.get("hub_title")).text_style(section()).strong());
        if let Some(settings) = &dialog.settings {
            ui.label(RichText::new(texts.get("hub_folder")).small().color(palette(ui).weak))
                .on_hover_text(settings.cache.display().to_string());
        }
        ui.add_space(space::SMALL);
        models(ui, dialog, texts, screen.height() * 0.35, &mut actions);
        ui.separator();
        fields(ui, dialog, download, texts, &mut actions);
        if let Some(download) = download {
            coming(ui, download, texts, &mut actions);
        }
        if let Some(wrong) = &dialog.wrong {
            ui.add_space(space::SMALL);
            notice(ui, Severity::Error, wrong);
        }
        ui.add_space(space::SMALL);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if ui.button(texts.get("close")).clicked() {
                actions.push(HubAction::Close);
            }
        });
    });
    if modal.should_close() {
        actions.push(HubAction::Close);
    }
    actions
}

/// The models that are here.
fn models(ui: &mut egui::Ui, dialog: &HubDialog, texts: Texts, height: f32, actions: &mut Vec<HubAction>) {
    ui.label(RichText::new(texts.get("hub_here")).strong());
    let weak = palette(ui).weak;
    let shown = dialog.shown();
    if shown.is_empty() {
        let key = if dialog.models.is_some() { "hub_none" } else { "hub_looking" };
        ui.label(RichText::new(texts.get(key)).color(weak));
        return;
    }
    let area = egui::ScrollArea::vertical().id_salt("hub models").max_height(height).auto_shrink([false, true]);
    area.show(ui, |ui| shown.into_iter().for_each(|model| entry(ui, dialog, model, texts, actions)));
}

fn entry(ui: &mut egui::Ui, dialog: &HubDialog, model: &CachedModel, texts: Texts, actions: &mut Vec<HubAction>) {
    let colours = palette(ui);
    let (weak, text) = (colours.weak, colours.text);
    let fits = dialog.fits(&model.kind);
    ui.horizontal(|ui| {
        ui.set_min_height(size::ROW);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            match &model.kind {
                CachedKind::Incomplete(_) => {
                    let button = small_button(ui, texts.get("hub_rest"));
                    let name = texts.with("hub_rest_of", &[("name", &model.id)]);
                    if button.accessible_name(name).clicked() {
                        actions.push(HubAction::SetId(model.id.to_string()));
                        actions.push(HubAction::SetRevision(model.revisions.first().cloned().unwrap_or_default()));
                    }
                }
                CachedKind::Embedding | CachedKind::Reranker => {
                    let button = ui.add_enabled_ui(fits, |ui| small_button(ui, texts.get("hub_use"))).inner;
                    let button = button.accessible_name(texts.with("hub_use_named", &[("name", &model.id)]));
                    if button.on_disabled_hover_text(texts.get("hub_other_kind")).clicked() {
                        actions.push(HubAction::Use(model.folder.clone()));
                    }
                }
                CachedKind::Other(_) => {}
            }
            ui.label(RichText::new(fetching::size(model.bytes)).small().monospace().color(weak));
            let told = match &model.kind {
                CachedKind::Embedding => texts.get("hub_embedding").to_owned(),
                CachedKind::Reranker => texts.get("hub_reranker").to_owned(),
                CachedKind::Incomplete(name) => texts.with("hub_incomplete", &[("file", name)]),
                CachedKind::Other(_) => texts.get("hub_other").to_owned(),
            };
            let label = ui.label(RichText::new(told).small().color(weak));
            if let CachedKind::Other(why) = &model.kind {
                label.on_hover_text(sentence(texts, why));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let name = RichText::new(model.id.as_str()).color(if fits { text } else { weak });
                let commit: String = model.commit.chars().take(8).collect();
                let revision = model.revisions.first().map_or(commit.as_str(), String::as_str);
                ui.label(name).on_hover_text(model.folder.display().to_string());
                ui.add(Label::new(RichText::new(revision).small().color(weak)).truncate()).on_hover_text(&model.commit);
            });
        });
    });
}

/// What is to be downloaded, and from where.
fn fields(
    ui: &mut egui::Ui,
    dialog: &HubDialog,
    download: Option<&Download>,
    texts: Texts,
    actions: &mut Vec<HubAction>,
) {
    ui.label(RichText::new(texts.get("hub_download")).strong());
    let is_running = download.is_some_and(Download::is_running);
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let can = !is_running && !dialog.id.trim().is_empty() && dialog.settings.is_some();
            let button = primary_button(ui, texts.get("hub_fetch"));
            if ui.add_enabled(can, button).clicked() {
                actions.push(HubAction::Fetch);
            }
            let mut revision = dialog.revision.clone();
            let field = TextEdit::singleline(&mut revision).desired_width(size::FIELD).hint_text("main");
            let field = ui.add(field).accessible_name(texts.get("hub_revision"));
            if field.on_hover_text(texts.get("hub_revision_help")).changed() {
                actions.push(HubAction::SetRevision(revision));
            }
            let mut id = dialog.id.clone();
            let field =
                TextEdit::singleline(&mut id).desired_width(ui.available_width()).hint_text(texts.get("hub_id_hint"));
            let field = ui.add(field).accessible_name(texts.get("hub_id"));
            if field.changed() {
                actions.push(HubAction::SetId(id));
            }
            if can && field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter)) {
                actions.push(HubAction::Fetch);
            }
        });
    });
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(texts.get("hub_known")).small().color(palette(ui).weak));
        for id in dialog.proposals() {
            if ui.link(RichText::new(id).small()).clicked() {
                actions.push(HubAction::SetId(id.to_owned()));
            }
        }
    });
    ui.horizontal(|ui| {
        ui.label(RichText::new(texts.get("hub_address")).small().color(palette(ui).weak));
        let mut endpoint = dialog.endpoint.clone();
        let field = TextEdit::singleline(&mut endpoint).desired_width(size::POPUP).font(egui::TextStyle::Small);
        let field = ui.add_enabled(!is_running, field).accessible_name(texts.get("hub_address"));
        if field.on_hover_text(texts.get("hub_address_help")).changed() {
            actions.push(HubAction::SetEndpoint(endpoint));
        }
        let mirror = "https://hf-mirror.com";
        if dialog.endpoint != mirror && !is_running && ui.link(RichText::new("hf-mirror.com").small()).clicked() {
            actions.push(HubAction::SetEndpoint(mirror.into()));
        }
    });
    if let Some(settings) = &dialog.settings {
        let told = match (&settings.token, settings.offline) {
            (_, true) => Some(texts.get("hub_offline").to_owned()),
            (Some(token), _) => Some(texts.with("hub_token", &[("place", &token.place())])),
            (None, _) => None,
        };
        if let Some(told) = told {
            ui.label(RichText::new(told).small().color(palette(ui).weak));
        }
    }
}

/// How far a download is.
fn coming(ui: &mut egui::Ui, download: &Download, texts: Texts, actions: &mut Vec<HubAction>) {
    if !download.is_running() {
        return;
    }
    let progress = download.job.progress();
    ui.add_space(space::SMALL);
    ui.horizontal(|ui| {
        ui.label(RichText::new(&download.id).strong());
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let stop = ui.button(texts.get("cancel")).on_hover_text(texts.get("hub_cancel_help"));
            if stop.accessible_name(texts.with("hub_cancel", &[("name", &download.id)])).clicked() {
                actions.push(HubAction::CancelFetch);
            }
            let words = match progress.left.filter(|_| !download.is_paused()) {
                Some(left) => format!(
                    "{} · {}",
                    job_texts::progress(texts, &progress),
                    texts.with("hub_left", &[("time", &job_texts::time(texts, left))])
                ),
                None => job_texts::progress(texts, &progress),
            };
            ui.label(RichText::new(words).small());
        });
    });
    let bar = progress_bar(ui, progress.fraction());
    ui.add(bar).accessible_name(texts.with("hub_coming", &[("name", &download.id)]));
    ui.add(Label::new(RichText::new(&download.now).small().color(palette(ui).weak)).truncate());
}
