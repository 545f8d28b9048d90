use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::eval::read_corpus;
use super::follow::follow;
use super::models::Models;
use super::{Ending, out};
use crate::dataset::Corpus;
use crate::jobs::search::{self, SearchEvent, SearchRequest};
use crate::workspace::Workspace;

/// Ask a model a question and list the passages that it finds, alone or beside another model.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  weldbench search --model TUNED --base MODEL --corpus corpus.jsonl \"焊缝气孔怎么来的\"
  weldbench search --model BAAI/bge-m3 --corpus corpus.jsonl --method hybrid --k 10 --json \"What causes porosity?\"")]
pub struct Search {
    #[command(flatten)]
    models: Models,
    /// Passages to list.
    #[arg(long, default_value_t = 6)]
    k: usize,
    /// Write each list to standard output as a line of JSON.
    #[arg(long)]
    json: bool,
    question: String,
}

impl Search {
    pub(super) fn run(self) -> Result<(), Ending> {
        let method = self.models.method()?;
        let corpus = Arc::new(read_corpus(&self.models.corpus)?);
        let models: Vec<PathBuf> = self.models.base.iter().chain([&self.models.model]).cloned().collect();
        let request = SearchRequest {
            device: self.models.device()?,
            models: models.clone(),
            corpus: Arc::clone(&corpus),
            question: self.question,
            instruction: Default::default(),
            method,
            k: self.k,
            cache: Some(Workspace::open(None)?.cache()),
        };
        let jobs = super::jobs();
        let job = search::start(&jobs, request);
        let mut lists = Vec::new();
        follow(&job, |list, _| lists.push(list))?;
        for list in &lists {
            if self.json {
                out::line(as_json(list, &corpus));
            } else {
                out::line(as_text(list, &corpus, &list.model));
            }
        }
        Ok(())
    }
}

fn as_text(list: &SearchEvent, corpus: &Corpus, model: &Path) -> String {
    let mut text = format!("{} ({:.0} ms)\n", model.display(), list.seconds * 1000.0);
    for (rank, hit) in list.hits.iter().enumerate() {
        let Some(passage) = corpus.passages().get(hit.passage) else { continue };
        let title = if passage.title.is_empty() { String::new() } else { format!("{}: ", passage.title) };
        text.push_str(&format!("{:>3} {:.4}  [{}] {title}{}\n", rank + 1, hit.score, passage.id, passage.text));
    }
    text
}

fn as_json(list: &SearchEvent, corpus: &Corpus) -> serde_json::Value {
    let hits = list.hits.iter().filter_map(|hit| {
        let passage = corpus.passages().get(hit.passage)?;
        Some(json!({ "id": passage.id, "title": passage.title, "text": passage.text, "score": hit.score }))
    });
    json!({ "model": list.model, "seconds": list.seconds, "hits": hits.collect::<Vec<_>>() })
}
