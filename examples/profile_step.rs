//! Which operation takes how much of a training step on the processor:
//! `cargo run --release --example profile_step -- [MODEL_FOLDER] [TOKENS]`. Without a folder it is the starter model;
//! 2 queries of up to 64 tokens with 6 passages each of up to TOKENS (128), unified, with self-distillation.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value;
use weldbench::compute::{DeviceChoice, choose};
use weldbench::model::EmbeddingModel;
use weldbench::model::profile::profiled;
use weldbench::training::{Layout, MicroBatch, Trainer, TrainingConfig};

const STEPS: usize = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut words = std::env::args().skip(1);
    let folder = words.next().map_or_else(|| root.join("assets/starter-model"), PathBuf::from);
    let passage_max_len = words.next().map_or(Ok(128), |word| word.parse())?;
    let corpus = std::fs::read_to_string(root.join("sample_data/corpus.jsonl"))?;
    let passages: Vec<Value> = corpus.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let all: String = passages.iter().filter_map(|passage| passage["text"].as_str()).collect();
    let all: Vec<char> = all.chars().collect();
    let text = |index: usize| all.iter().cycle().skip(index * 977 % all.len()).take(passage_max_len * 4).collect();
    let config = TrainingConfig {
        unified_finetuning: true,
        use_self_distill: true,
        query_max_len: 64,
        passage_max_len,
        ..TrainingConfig::default()
    };
    let batch = MicroBatch {
        queries: (0..2).map(text).collect(),
        passages: (2..14).map(text).collect(),
        teacher: None,
        layout: Layout { queries: 2, group: 6, in_batch: true },
    };
    let model = EmbeddingModel::load(&folder, &choose(DeviceChoice::Cpu)?.open()?)?;
    let batch = batch.tokenize(model.folder().tokenizer(), &config, model.folder().max_length())?;
    let mut trainer = Trainer::new(&config, model)?;
    let mut step = || -> Result<(), weldbench::training::TrainingError> {
        trainer.micro_batch(&batch, 1.0);
        trainer.step(1e-5).map(|_| ())
    };
    step()?;
    let started = Instant::now();
    let (steps, found) = profiled(|| (0..STEPS).try_for_each(|_| step()));
    let whole = started.elapsed().as_secs_f64();
    steps?;
    let mut found: Vec<(&str, f64, usize)> =
        found.into_iter().map(|(name, (time, calls))| (name, time.as_secs_f64(), calls)).collect();
    found.sort_by(|left, right| right.1.total_cmp(&left.1));
    let rest = whole - found.iter().map(|(_, seconds, _)| seconds).sum::<f64>();
    found.push(("all else", rest, STEPS));
    println!("| operation | calls a step | ms a step | share |\n|---|---|---|---|");
    for (name, seconds, calls) in found {
        let (calls, time) = (calls / STEPS, seconds * 1e3 / STEPS as f64);
        println!("| {name} | {calls} | {time:.1} | {:.1} % |", 100.0 * seconds / whole);
    }
    println!("| the step | | {:.1} | |", whole * 1e3 / STEPS as f64);
    Ok(())
}
