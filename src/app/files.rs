//! Dialogs that ask for files and folders. They wait on a thread of their own.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::{Duration, Instant};

use eframe::egui;

use super::background::Background;
use super::texts::Texts;
use super::train::Format;
use crate::report;

/// What a file or folder is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    OpenData,
    SaveDataAs,
    ExportShown,
    ImportCorpus,
    Reranker,
    TrainModel,
    TrainData,
    EvalData,
    EvalCorpus,
    OutputFolder,
    LoadConfig,
    SaveConfig,
    BaseModel,
    TunedModel,
    AnotherModel,
    GeneralCorpus,
    GeneralQuestions,
    SaveReport(report::Format),
    Corpus,
    Questions,
    SaveMix,
    ExportJob,
    ImportRun,
    ExportCurves(Format),
}

impl Purpose {
    fn title(self) -> &'static str {
        match self {
            Self::OpenData => "dialog_open_data",
            Self::SaveDataAs => "dialog_save_data",
            Self::ExportShown => "export_shown",
            Self::ImportCorpus => "dialog_corpus",
            Self::Reranker => "dialog_reranker",
            Self::TrainModel => "dialog_train_model",
            Self::TrainData => "dialog_train_data",
            Self::EvalData => "dialog_questions",
            Self::EvalCorpus => "dialog_corpus",
            Self::OutputFolder => "dialog_output",
            Self::LoadConfig => "dialog_load_config",
            Self::SaveConfig => "dialog_save_config",
            Self::BaseModel => "dialog_base_model",
            Self::TunedModel | Self::AnotherModel => "dialog_tuned_model",
            Self::Corpus | Self::GeneralCorpus => "dialog_corpus",
            Self::Questions | Self::GeneralQuestions => "dialog_questions",
            Self::SaveReport(_) => "report",
            Self::SaveMix => "mix_save",
            Self::ExportJob => "export_job_choose",
            Self::ImportRun => "dialog_import_run",
            Self::ExportCurves(_) => "export_curves",
        }
    }
}

/// What was chosen; nothing if the dialog was left.
pub struct Chosen {
    pub purpose: Purpose,
    pub paths: Vec<PathBuf>,
    /// It was over before anybody could have answered: the system has no dialogs.
    pub no_dialog: bool,
}

/// Opens a dialog that begins where `near` lies. It is made on the window's thread, as some systems want
/// it, and waited for on another.
pub fn ask(context: &egui::Context, texts: Texts, purpose: Purpose, near: Option<&Path>) -> Background<Chosen> {
    let mut dialog = rfd::AsyncFileDialog::new().set_title(texts.get(purpose.title()));
    if let Some(folder) = near.and_then(|path| if path.is_dir() { Some(path) } else { path.parent() }) {
        dialog = dialog.set_directory(folder);
    }
    let saves = matches!(
        purpose,
        Purpose::SaveDataAs
            | Purpose::ExportShown
            | Purpose::SaveConfig
            | Purpose::SaveMix
            | Purpose::ExportJob
            | Purpose::ExportCurves(_)
            | Purpose::SaveReport(_)
    );
    if let Some(name) = near.and_then(Path::file_name).filter(|_| saves) {
        dialog = dialog.set_file_name(name.to_string_lossy());
    }
    let jsonl = |dialog: rfd::AsyncFileDialog| dialog.add_filter(texts.get("jsonl_files"), &["jsonl", "json"]);
    let toml = |dialog: rfd::AsyncFileDialog| dialog.add_filter(texts.get("toml_files"), &["toml"]);
    let paths: Pin<Box<dyn Future<Output = Vec<PathBuf>> + Send>> = match purpose {
        Purpose::TrainModel
        | Purpose::BaseModel
        | Purpose::TunedModel
        | Purpose::AnotherModel
        | Purpose::Reranker
        | Purpose::OutputFolder
        | Purpose::ImportRun => Box::pin(one(dialog.pick_folder())),
        Purpose::SaveReport(format) => {
            let ending = format.ending();
            Box::pin(one(dialog.add_filter(ending.to_uppercase(), &[ending]).save_file()))
        }
        Purpose::LoadConfig => Box::pin(one(toml(dialog).pick_file())),
        Purpose::SaveConfig => Box::pin(one(toml(dialog).save_file())),
        // A new name is typed: picking a folder that is there would invite to replace it.
        Purpose::SaveMix | Purpose::ExportJob => Box::pin(one(dialog.save_file())),
        Purpose::SaveDataAs | Purpose::ExportShown => Box::pin(one(jsonl(dialog).save_file())),
        Purpose::ExportCurves(format) => {
            Box::pin(one(dialog.add_filter(format.name(), &[format.ending()]).save_file()))
        }
        Purpose::OpenData => {
            let tables = ["csv", "tsv", "txt", "xlsx", "xlsm", "xls", "ods"];
            let files = jsonl(dialog).add_filter(texts.get("tables"), &tables).pick_files();
            Box::pin(async { files.await.unwrap_or_default().into_iter().map(PathBuf::from).collect() })
        }
        Purpose::ImportCorpus => {
            let all = ["jsonl", "json", "txt", "csv", "tsv", "xlsx", "xlsm", "xls", "ods"];
            Box::pin(one(dialog.add_filter(texts.get("corpus_files"), &all).pick_file()))
        }
        Purpose::Corpus
        | Purpose::EvalCorpus
        | Purpose::Questions
        | Purpose::GeneralCorpus
        | Purpose::GeneralQuestions => Box::pin(one(jsonl(dialog).pick_file())),
        Purpose::TrainData | Purpose::EvalData => {
            let files = jsonl(dialog).pick_files();
            Box::pin(async { files.await.unwrap_or_default().into_iter().map(PathBuf::from).collect() })
        }
    };
    Background::start(context, move || {
        let asked = Instant::now();
        let paths = pollster::block_on(paths);
        let no_dialog = paths.is_empty() && asked.elapsed() < Duration::from_millis(300);
        Chosen { purpose, paths, no_dialog }
    })
}

async fn one(file: impl Future<Output = Option<rfd::FileHandle>>) -> Vec<PathBuf> {
    file.await.into_iter().map(PathBuf::from).collect()
}
