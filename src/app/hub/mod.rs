//! Models of the hub: which of them are on this computer, and how one that is not comes here.

mod error_texts;
mod view;

use std::path::PathBuf;

pub use error_texts::hub as error;
pub use view::show;

use crate::app::files::Purpose;
use crate::jobs::{JobHandle, Status};
use crate::model::hub::{CachedKind, CachedModel, HubSettings};

/// Names that one may begin with: models that make vectors, and rerankers.
pub const WELL_KNOWN: [&str; 5] = [
    "BAAI/bge-m3",
    "BAAI/bge-small-zh-v1.5",
    "BAAI/bge-large-zh-v1.5",
    "intfloat/multilingual-e5-small",
    "sentence-transformers/all-MiniLM-L6-v2",
];
pub const WELL_KNOWN_RERANKERS: [&str; 2] = ["BAAI/bge-reranker-v2-m3", "BAAI/bge-reranker-base"];

/// The dialog with the models that are here and the field for others.
pub struct HubDialog {
    /// What the model is chosen for.
    pub purpose: Purpose,
    /// Where the hub is and its models are; `None` while that is looked up.
    pub settings: Option<HubSettings>,
    /// `None` while they are looked for.
    pub models: Option<Vec<CachedModel>>,
    /// The hub's address, as it is typed.
    pub endpoint: String,
    pub id: String,
    pub revision: String,
    /// A model that was named elsewhere: it is chosen at once if it is here, and else this is where it can be had.
    pub wanted: Option<String>,
    /// Why the last thing that was asked for did not go well.
    pub wrong: Option<String>,
}

/// A download that is going on, or is over and has not been looked at yet.
pub struct Download {
    pub id: String,
    pub job: JobHandle,
    /// The file that is coming, or what is waited for.
    pub now: String,
}

impl Download {
    pub fn is_running(&self) -> bool {
        !self.job.status().is_over()
    }

    pub fn is_paused(&self) -> bool {
        self.job.status() == Status::Paused
    }
}

/// What the user asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum HubAction {
    /// The model in this folder is chosen.
    Use(PathBuf),
    SetEndpoint(String),
    SetId(String),
    SetRevision(String),
    /// Download the model that is typed.
    Fetch,
    CancelFetch,
    Close,
}

impl HubDialog {
    pub fn new(purpose: Purpose) -> Self {
        Self {
            purpose,
            settings: None,
            models: None,
            endpoint: String::new(),
            id: String::new(),
            revision: String::new(),
            wanted: None,
            wrong: None,
        }
    }

    /// The folder of the model that was named, if it is here.
    pub fn wanted_folder(&self) -> Option<PathBuf> {
        let wanted = self.wanted.as_deref()?;
        let mut named = self.models.iter().flatten().filter(|model| model.id.as_str() == wanted);
        let model = named.find(|model| self.fits(&model.kind) && model.revisions.iter().any(|name| name == "main"))?;
        Some(model.folder.clone())
    }

    /// Whether a model of this kind is what is looked for.
    pub fn fits(&self, kind: &CachedKind) -> bool {
        match kind {
            CachedKind::Embedding => self.purpose != Purpose::Reranker,
            CachedKind::Reranker => self.purpose == Purpose::Reranker,
            CachedKind::Incomplete(_) | CachedKind::Other(_) => false,
        }
    }

    /// The models in the order in which they are shown: those that fit first.
    pub fn shown(&self) -> Vec<&CachedModel> {
        let mut shown: Vec<&CachedModel> = self.models.iter().flatten().collect();
        shown.sort_by_key(|model| !self.fits(&model.kind));
        shown
    }

    /// Names to begin with that are not here yet.
    pub fn proposals(&self) -> Vec<&'static str> {
        let all: &[&str] = if self.purpose == Purpose::Reranker { &WELL_KNOWN_RERANKERS } else { &WELL_KNOWN };
        let is_here = |id: &str| self.models.iter().flatten().any(|model| model.id.as_str() == id && model.is_usable());
        all.iter().copied().filter(|id| !is_here(id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(id: &str, kind: CachedKind) -> CachedModel {
        CachedModel {
            id: id.parse().unwrap(),
            commit: "5617a9f61b028005a4858fdac845db406aefb181".into(),
            revisions: vec!["main".into()],
            folder: "folder".into(),
            bytes: 1,
            modified: None,
            kind,
        }
    }

    #[test]
    fn what_fits_comes_first_and_is_not_proposed_again() {
        let mut dialog = HubDialog::new(Purpose::BaseModel);
        assert_eq!(dialog.proposals(), WELL_KNOWN);
        dialog.models = Some(vec![
            model("a/reranker", CachedKind::Reranker),
            model("BAAI/bge-m3", CachedKind::Embedding),
            model("BAAI/bge-small-zh-v1.5", CachedKind::Incomplete("model.safetensors".into())),
        ]);
        assert_eq!(dialog.shown()[0].id.as_str(), "BAAI/bge-m3");
        assert_eq!(dialog.proposals(), WELL_KNOWN[1..]);
        dialog.purpose = Purpose::Reranker;
        assert_eq!(dialog.shown()[0].id.as_str(), "a/reranker");
        assert_eq!(dialog.proposals(), WELL_KNOWN_RERANKERS);
    }
}
