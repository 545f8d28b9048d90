use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use super::Ending;
use super::follow::follow;
use crate::compute::{DeviceChoice, choose};
use crate::jobs::Failure;
use crate::model::{EmbeddingModel, EncodeOptions, TextKind};

/// Write the vectors of texts as a safetensors file: dense, and for a model with heads sparse and ColBERT.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  weldbench encode --model MODEL --input texts.txt --output vectors.safetensors
  weldbench encode --model MODEL --input rows.jsonl --query --output questions.safetensors")]
pub struct Encode {
    /// Folder of the model.
    #[arg(long, value_name = "FOLDER")]
    model: PathBuf,
    /// One text a line, or JSON objects with `text` (with `query` for questions).
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    #[arg(long, value_name = "FILE.safetensors")]
    output: PathBuf,
    /// The texts are questions, not passages.
    #[arg(long)]
    query: bool,
    /// Longest text in tokens; the rest is cut off.
    #[arg(long, default_value_t = 512)]
    max_length: usize,
    /// Device: auto, cpu, wgpu, wgpu:N, cuda or cuda:N, as `weldbench devices` lists them.
    #[arg(long, default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,
}

impl Encode {
    pub(super) fn run(self) -> Result<(), Ending> {
        let device = choose(self.device)?;
        let texts = read_texts(&self.input, if self.query { "query" } else { "text" })?;
        let kind = if self.query { TextKind::Query } else { TextKind::Passage };
        let options = EncodeOptions { max_length: self.max_length, sparse: true, colbert: true, ..Default::default() };
        let jobs = super::jobs();
        let job = jobs.start::<()>(&device.clone(), "Encode".into(), move |_, context| {
            context.stage("loading the model", "");
            let model = EmbeddingModel::load(&self.model, &device.open()?)?;
            context.stage("encoding", "texts");
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let vectors = model.encode(&texts, kind, &options, &mut |done, total| {
                context.progress(done, total);
                context.ask()
            })?;
            vectors.save(&self.output)?;
            Ok(())
        });
        follow(&job, |(), _| ())
    }
}

/// Texts of a file, one a line: plain, or the field `name` of a JSON object. Blank lines are left out.
pub fn read_texts(path: &Path, name: &str) -> Result<Vec<String>, Ending> {
    let fail =
        |cause: String| Failure::new(format!("{}{cause}", path.display()), "give one text a line, or JSON objects");
    let file = std::fs::read_to_string(path).map_err(|error| fail(format!(": {error}")))?;
    let lines = file.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| match serde_json::from_str::<Value>(line) {
            Ok(Value::Object(fields)) => match fields.get(name) {
                Some(Value::String(text)) => Ok(text.clone()),
                _ => Err(Ending::Failed(fail(format!(", line {}: there is no text `{name}`", index + 1)))),
            },
            _ => Ok(line.to_owned()),
        })
        .collect()
}
