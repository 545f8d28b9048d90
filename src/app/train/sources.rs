//! Where the options may come from: presets, files, commands.

use eframe::egui::{self, RichText};

use super::Action;
use super::job_dialog::JobAction;
use super::option_row::translated;
use super::paste::PasteAction;
use crate::app::texts::Texts;
use crate::app::theme::{palette, size, space};
use crate::training::Preset;

pub fn show(ui: &mut egui::Ui, texts: Texts, actions: &mut Vec<Action>) {
    ui.horizontal_wrapped(|ui| {
        // Five buttons fill the form's width.
        ui.spacing_mut().button_padding.x = space::SMALL;
        ui.spacing_mut().item_spacing.x = space::TINY;
        ui.menu_button(texts.get("preset"), |ui| {
            ui.set_width(size::POPUP);
            ui.spacing_mut().item_spacing.y = space::TINY;
            for preset in Preset::ALL {
                if ui.button(name(texts, preset)).clicked() {
                    actions.push(Action::UsePreset(preset));
                    ui.close();
                }
                let key = format!("preset_help_{}", key(preset));
                let help = RichText::new(translated(texts, &key, preset.help())).small().color(palette(ui).weak);
                sentence(ui, help);
            }
            ui.separator();
            sentence(ui, RichText::new(texts.get("preset_keeps")).small());
        });
        if ui.button(texts.get("config_paste")).clicked() {
            actions.push(Action::Paste(PasteAction::Open));
        }
        if ui.button(texts.get("config_load")).on_hover_text(texts.get("config_load_help")).clicked() {
            actions.push(Action::LoadConfig);
        }
        if ui.button(texts.get("config_save")).on_hover_text(texts.get("config_save_help")).clicked() {
            actions.push(Action::SaveConfig);
        }
        let more = ui.menu_button("…", |ui| {
            if ui.button(texts.get("export_job")).on_hover_text(texts.get("export_job_help")).clicked() {
                actions.push(Action::Job(JobAction::Open));
                ui.close();
            }
        });
        more.response.accessible_name(texts.get("config_more"));
    });
}

/// A menu would stretch its lines.
fn sentence(ui: &mut egui::Ui, text: RichText) {
    ui.with_layout(egui::Layout::top_down(egui::Align::LEFT), |ui| ui.add(egui::Label::new(text).wrap()));
}

fn key(preset: Preset) -> String {
    preset.name().replace('-', "_")
}

/// What a preset is called.
pub fn name(texts: Texts, preset: Preset) -> &'static str {
    texts.get(&format!("preset_{}", key(preset)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::texts::Language;

    #[test]
    fn every_preset_has_a_name_and_a_sentence() {
        for preset in Preset::ALL {
            for language in Language::ALL {
                assert!(Texts::new(language).find(&format!("preset_{}", key(preset))).is_some(), "{preset:?}");
            }
            let help = format!("preset_help_{}", key(preset));
            assert!(Texts::new(Language::Chinese).find(&help).is_some(), "{preset:?}");
        }
    }
}
