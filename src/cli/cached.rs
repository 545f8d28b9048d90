use clap::Args;
use serde_json::{Value, json};

use super::table::table;
use super::{Ending, out};
use crate::jobs::fetching::size;
use crate::model::hub::{CachedKind, CachedModel, HubSettings, cached};

/// List the models of the hub that are on this computer, whoever downloaded them.
///
/// They lie in the cache that Python's huggingface_hub uses. Wherever a model folder is asked for, the name of one that
/// is whole can stand instead.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  weldbench models
  weldbench models --json | jq -r 'select(.kind == \"embedding\").folder'
  weldbench search --model BAAI/bge-m3 --corpus corpus.jsonl \"焊缝气孔怎么来的\"")]
pub struct CachedModels {
    /// Write each model to standard output as a line of JSON.
    #[arg(long)]
    json: bool,
}

impl CachedModels {
    pub(super) fn run(self) -> Result<(), Ending> {
        let cache = HubSettings::from_env()?.cache;
        let models = cached(&cache)?;
        if self.json {
            models.iter().for_each(|model| out::line(as_json(model)));
        } else if models.is_empty() {
            eprintln!("there are no models in {}; `weldbench fetch OWNER/NAME` downloads one", cache.display());
        } else {
            out::line(list(&models).trim_end());
            eprintln!("\nin {}", cache.display());
        }
        Ok(())
    }
}

fn list(models: &[CachedModel]) -> String {
    let mut rows = vec![["name", "revision", "commit", "what it is", "size"].map(String::from).to_vec()];
    for model in models {
        let kind = match &model.kind {
            CachedKind::Embedding => "embedding model".into(),
            CachedKind::Reranker => "reranker".into(),
            CachedKind::Incomplete(name) => format!("not whole: {name} is missing"),
            CachedKind::Other(why) => format!("not for Weldbench: {why}"),
        };
        let commit = model.commit.chars().take(8).collect();
        rows.push(vec![model.id.to_string(), model.revisions.join(", "), commit, kind, size(model.bytes)]);
    }
    table(&rows, 4)
}

fn as_json(model: &CachedModel) -> Value {
    let (kind, why) = match &model.kind {
        CachedKind::Embedding => ("embedding", None),
        CachedKind::Reranker => ("reranker", None),
        CachedKind::Incomplete(name) => ("incomplete", Some(format!("{name} is missing"))),
        CachedKind::Other(why) => ("other", Some(why.clone())),
    };
    json!({
        "id": model.id.as_str(),
        "commit": model.commit,
        "revisions": model.revisions,
        "kind": kind,
        "why": why,
        "bytes": model.bytes,
        "folder": model.folder,
    })
}
