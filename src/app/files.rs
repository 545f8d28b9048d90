//! Dialogs that ask for files and folders. They wait on a thread of their own.

use std::path::{Path, PathBuf};

use eframe::egui;

use super::background::Background;
use super::texts::Texts;

/// What a file or folder is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    OpenData,
    SaveDataAs,
    TrainModel,
    TrainData,
    BaseModel,
    TunedModel,
    Corpus,
    Questions,
}

impl Purpose {
    fn title(self) -> &'static str {
        match self {
            Self::OpenData => "dialog_open_data",
            Self::SaveDataAs => "dialog_save_data",
            Self::TrainModel => "dialog_train_model",
            Self::TrainData => "dialog_train_data",
            Self::BaseModel => "dialog_base_model",
            Self::TunedModel => "dialog_tuned_model",
            Self::Corpus => "dialog_corpus",
            Self::Questions => "dialog_questions",
        }
    }
}

/// What was chosen; nothing if the dialog was left.
pub struct Chosen {
    pub purpose: Purpose,
    pub paths: Vec<PathBuf>,
}

/// Opens a dialog that begins where `near` lies.
pub fn ask(context: &egui::Context, texts: Texts, purpose: Purpose, near: Option<&Path>) -> Background<Chosen> {
    let mut dialog = rfd::FileDialog::new().set_title(texts.get(purpose.title()));
    if let Some(folder) = near.and_then(|path| if path.is_dir() { Some(path) } else { path.parent() }) {
        dialog = dialog.set_directory(folder);
    }
    if let (Purpose::SaveDataAs, Some(name)) = (purpose, near.and_then(Path::file_name)) {
        dialog = dialog.set_file_name(name.to_string_lossy());
    }
    let jsonl = move |dialog: rfd::FileDialog| dialog.add_filter(texts.get("jsonl_files"), &["jsonl", "json"]);
    Background::start(context, move || {
        let paths = match purpose {
            Purpose::TrainModel | Purpose::BaseModel | Purpose::TunedModel => {
                dialog.pick_folder().into_iter().collect()
            }
            Purpose::TrainData => jsonl(dialog).pick_files().unwrap_or_default(),
            Purpose::SaveDataAs => jsonl(dialog).save_file().into_iter().collect(),
            Purpose::OpenData | Purpose::Corpus | Purpose::Questions => jsonl(dialog).pick_file().into_iter().collect(),
        };
        Chosen { purpose, paths }
    })
}
