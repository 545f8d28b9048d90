//! Training, encoding and loading beside PyTorch, FlagEmbedding and sentence-transformers, on the processor.
//!
//! `benches/setup_python.sh` once, then `cargo bench --profile release --bench performance [-- NAME ...]`: both sides have
//! the same model, texts and number of threads, each measurement in a process of its own. Prints a table in Markdown.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};
use weldbench::compute::{DeviceChoice, choose};
use weldbench::model::random::{bge_m3, write_random};
use weldbench::model::{EmbeddingModel, EncodeOptions, TextKind};
use weldbench::training::{Layout, MicroBatch, Trainer, TrainingConfig};

/// Name, what it measures, and whose model.
const MEASUREMENTS: [(&str, &str, &str); 8] = [
    ("step", "Training step, starter model", "starter"),
    ("step_recompute", "the same with recomputation", "starter"),
    ("step_vocabulary", "Training step, vocabulary 250,002", "vocabulary"),
    ("step_vocabulary_recompute", "the same with recomputation", "vocabulary"),
    ("encode", "Encoding 1,000 texts of about 64 tokens", "starter"),
    ("load_bge", "Loading a model of BGE-M3's shape", "bge"),
    ("forward_bge", "Its forward pass, 4 × 128 tokens", "bge"),
    ("step_bge", "Its training step, 1 × 2 passages, with recomputation", "bge"),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if let [flag, name, model, texts] = &words[..]
        && flag == "--measure"
    {
        let (seconds, peak) = measure(name, Path::new(model), Path::new(texts));
        println!("{}", json!({ "seconds": seconds, "peak": peak }));
        return;
    }
    let python = std::env::var_os("WELDBENCH_PYTHON").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join("weldbench-python"),
        PathBuf::from,
    );
    let threads = std::thread::available_parallelism().map_or(1, usize::from).to_string();
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("performance");
    let texts = prepare(&folder);
    println!("| | Weldbench | | Python | | time, ratio | memory, ratio |\n|---|---|---|---|---|---|---|");
    for (name, what, model) in MEASUREMENTS {
        if !words.is_empty() && !words.iter().any(|word| word == name) {
            continue;
        }
        let model = prepare_model(&folder, model);
        let mut ours = Command::new(std::env::current_exe().expect("this program"));
        let ours = run(ours.args(["--measure", name]).arg(&model).arg(&texts));
        let mut theirs = Command::new(python.join("bin/python"));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/pytorch.py");
        let theirs = run(theirs.arg(script).arg(name).arg(&model).arg(&texts).arg(&threads));
        let cell = |side: &Option<[f64; 2]>, part: usize| match side {
            Some(values) if part == 0 => format!("{:.2} s", values[0]),
            Some(values) => format!("{:.2} GB", values[1] / 1e9),
            None => "failed".into(),
        };
        let ratio = |part: usize| match (&ours, &theirs) {
            (Some(ours), Some(theirs)) => format!("{:.2}", ours[part] / theirs[part]),
            _ => String::new(),
        };
        println!(
            "| {what} | {} | {} | {} | {} | {} | {} |",
            cell(&ours, 0),
            cell(&ours, 1),
            cell(&theirs, 0),
            cell(&theirs, 1),
            ratio(0),
            ratio(1)
        );
    }
}

/// Seconds and bytes that a process reports; what it says if it fails goes to standard error.
fn run(command: &mut Command) -> Option<[f64; 2]> {
    let output = command.output().map_err(|error| eprintln!("{command:?}: {error}")).ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let found: Option<Value> = text.lines().last().and_then(|line| serde_json::from_str(line).ok());
    let Some(found) = found.filter(|_| output.status.success()) else {
        eprintln!("{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
        return None;
    };
    Some([found["seconds"].as_f64()?, found["peak"].as_f64()?])
}

/// Texts of the welding corpus: 1,000 of about 64 tokens, and some that are cut at any length asked for.
fn prepare(folder: &Path) -> PathBuf {
    std::fs::create_dir_all(folder).expect("a folder");
    let corpus = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("sample_data/corpus.jsonl"));
    let all: Vec<char> = (corpus.expect("the corpus").lines())
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .flat_map(|passage| passage["text"].as_str().unwrap_or_default().chars().collect::<Vec<_>>())
        .collect();
    let text = |first: usize, length: usize| -> String { all.iter().cycle().skip(first).take(length).collect() };
    let short: Vec<String> = (0..1000).map(|index| text(index * 61, 60 + index * 37 % 80)).collect();
    let long: Vec<String> = (0..16).map(|index| text(index * 977, 900)).collect();
    let path = folder.join("texts.json");
    std::fs::write(&path, json!({ "short": short, "long": long }).to_string()).expect("a file");
    path
}

/// The folder of a model; made if it is not there.
fn prepare_model(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    if path.join("config.json").is_file() {
        return path;
    }
    let starter = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/starter-model");
    let mut config: Value =
        serde_json::from_str(&std::fs::read_to_string(starter.join("config.json")).expect("a file")).expect("JSON");
    match name {
        // In 32-bit floats, which Python reads as well.
        "starter" => EmbeddingModel::load(&starter, &cpu()).and_then(|model| model.save(&path)).expect("a model"),
        "vocabulary" => {
            config["vocab_size"] = 250_002.into();
            config.as_object_mut().expect("an object").remove("quantization_config");
            write_random(&path, &config, &starter, 1).expect("a model");
        }
        _ => write_random(&path, &bge_m3(), &starter, 1).expect("a model"),
    }
    path
}

fn cpu() -> burn::tensor::Device {
    choose(DeviceChoice::Cpu).and_then(|device| device.open()).expect("the processor")
}

fn measure(name: &str, folder: &Path, texts: &Path) -> (f64, f64) {
    let texts: Value = serde_json::from_str(&std::fs::read_to_string(texts).expect("a file")).expect("JSON");
    let list = |name: &str| -> Vec<String> { serde_json::from_value(texts[name].clone()).expect("texts") };
    let device = cpu();
    let started = Instant::now();
    let model = EmbeddingModel::load(folder, &device).expect("a model");
    let loaded = started.elapsed().as_secs_f64();
    let encode = |model: &EmbeddingModel, texts: &[String], max_length, batch_size| {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let options = EncodeOptions { max_length: Some(max_length), batch_size, ..EncodeOptions::default() };
        model.encode(&texts, TextKind::Passage, &options, &mut |_, _| ControlFlow::Continue(())).expect("vectors");
    };
    let seconds = match name {
        "step" | "step_vocabulary" => step(model, &list("long"), false, 2, 6, 5),
        "step_recompute" | "step_vocabulary_recompute" => step(model, &list("long"), true, 2, 6, 5),
        "step_bge" => step(model, &list("long"), true, 1, 2, 1),
        "encode" => median(2, || encode(&model, &list("short"), 512, 32)),
        "forward_bge" => median(3, || encode(&model, &list("long")[..4], 128, 4)),
        "load_bge" => loaded,
        _ => panic!("no measurement {name}"),
    };
    (seconds, peak())
}

fn step(
    model: EmbeddingModel,
    texts: &[String],
    gradient_checkpointing: bool,
    queries: usize,
    group: usize,
    times: usize,
) -> f64 {
    let config = TrainingConfig {
        unified_finetuning: true,
        use_self_distill: true,
        gradient_checkpointing,
        query_max_len: 64,
        passage_max_len: 128,
        ..TrainingConfig::default()
    };
    let batch = MicroBatch {
        queries: texts[..queries].to_vec(),
        passages: texts[queries..queries + queries * group].to_vec(),
        teacher: None,
        layout: Layout { queries, group, in_batch: true },
    };
    let batch = batch.tokenize(model.folder().tokenizer(), &config, 512).expect("tokens");
    let mut trainer = Trainer::new(&config, model).expect("a trainer");
    median(times, || {
        trainer.micro_batch(&batch, 1.0);
        trainer.step(1e-5).expect("a step");
    })
}

/// After one time that does not count.
fn median(times: usize, mut work: impl FnMut()) -> f64 {
    work();
    let mut seconds: Vec<f64> = (0..times)
        .map(|_| {
            let started = Instant::now();
            work();
            started.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[times / 2]
}

/// The most memory that this process had, in bytes.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok()).map_or(f64::NAN, |kib| kib * 1024.0)
}
