use std::fs;
use std::path::PathBuf;

use clap::Args;

use super::eval::Questions;
use super::follow::follow;
use super::{Ending, out};
use crate::compute::{DeviceChoice, choose};
use crate::jobs::Failure;
use crate::jobs::map::{self, MapRequest};
use crate::report::cell;
use crate::workspace::Workspace;

/// Lay passages and questions out on a plane, by what a model takes for alike, as a table for a drawing program.
///
/// With --base both models are laid out, turned so that they lie on one another: what moved is what tuning changed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  weldbench map --model TUNED --base MODEL --corpus corpus.jsonl --questions eval.jsonl --output map.csv
  weldbench map --model MODEL --corpus corpus.jsonl --questions eval.jsonl --layout tsne --output map.csv")]
pub struct Map {
    /// Folder of the model, such as a tuned one.
    #[arg(long, value_name = "FOLDER")]
    model: PathBuf,
    /// Folder of the model that it is compared with.
    #[arg(long, value_name = "FOLDER")]
    base: Option<PathBuf>,
    /// JSONL file with the passages.
    #[arg(long, value_name = "FILE")]
    corpus: PathBuf,
    /// JSONL file with questions and their positives.
    #[arg(long, value_name = "FILE")]
    questions: PathBuf,
    /// How: by the two principal components, or neighbours beside one another (t-SNE), which takes longer.
    #[arg(long, value_enum, default_value_t = Layout::Pca)]
    layout: Layout,
    /// CSV file to write: kind, text, and the places in each model.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Device: auto, cpu, wgpu, wgpu:N, cuda or cuda:N, as `weldbench devices` lists them.
    #[arg(long, default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Layout {
    Pca,
    Tsne,
}

impl Map {
    pub(super) fn run(self) -> Result<(), Ending> {
        let set = Questions::read(&self.corpus, &self.questions)?.set;
        let models: Vec<PathBuf> = self.base.iter().chain([&self.model]).cloned().collect();
        let names: &[&str] = if models.len() > 1 { &["base", "tuned"] } else { &["model"] };
        let request = MapRequest {
            device: choose(self.device)?,
            models,
            set: set.clone(),
            cache: Some(Workspace::open(None)?.cache()),
        };
        let jobs = super::jobs();
        let mut maps = Vec::new();
        follow(&map::start(&jobs, request), |event, _| maps.push(event))?;
        let Some(laid) = maps.pop() else { return Ok(()) };
        let mut planes = vec![laid.planes.clone()];
        if self.layout == Layout::Tsne {
            follow(&map::start_neighbours(&jobs, laid), |event, _| planes.push(event))?;
        }
        let planes = planes.pop().unwrap_or_default();
        let columns: Vec<_> = names.iter().zip(&planes).collect();
        let mut text = String::from("\u{feff}kind,text");
        columns.iter().for_each(|(name, _)| text.push_str(&format!(",{name}_x,{name}_y")));
        text.push_str("\r\n");
        let passages = set.corpus.passages().iter().map(|passage| ("passage", &passage.text));
        let questions = set.questions.iter().map(|question| ("question", &question.text));
        for (point, (kind, words)) in passages.chain(questions).enumerate() {
            text.push_str(&format!("{kind},{}", cell(words)));
            for (_, places) in &columns {
                let [x, y] = places.get(point).copied().unwrap_or_default();
                text.push_str(&format!(",{x},{y}"));
            }
            text.push_str("\r\n");
        }
        fs::write(&self.output, text).map_err(|error| {
            Failure::new(format!("{}: cannot be written: {error}", self.output.display()), "choose another place")
        })?;
        out::line(self.output.display());
        Ok(())
    }
}
