//! What a training step asks of a graphics adapter: kernels, submissions, reads, and the memory that its allocator
//! holds beside what was forecast.
//! `cargo run --release --example device_work -- [MODEL_FOLDER] [DEVICE] [TOKENS] [OPTION=VALUE ...]`. Without a folder
//! it is the starter model, without a device `wgpu`; 2 queries of up to half as many tokens with 6 passages each of up to
//! TOKENS (128), unified, with self-distillation. Options are those of training, as in a TOML file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use burn_cubecl::cubecl::config::TypeNameFormatLevel;
use burn_cubecl::cubecl::config::type_name_format;
use burn_cubecl::cubecl::logging::{LaunchObservation, LaunchObserver};
use log::{LevelFilter, Log, Metadata, Record};
use weldbench::compute::choose;
use weldbench::model::{EmbeddingModel, TokenBatch};
use weldbench::training::{Layout, MemoryForecast, MicroBatchSize, TokenizedBatch, Trainer, TrainingConfig};

/// Steps before the one that is counted: kernels are compiled and chosen in them.
const STEPS_BEFORE: usize = 2;

/// Kernels by their names.
#[derive(Default)]
struct Kernels(Mutex<BTreeMap<&'static str, usize>>);

impl LaunchObserver for Kernels {
    fn launched(&self, kernel: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(kernel).or_default() += 1;
    }
}

/// wgpu logs each call that waits for the device or sends it work.
struct Calls {
    reads: AtomicUsize,
    submissions: AtomicUsize,
}

static CALLS: Calls = Calls { reads: AtomicUsize::new(0), submissions: AtomicUsize::new(0) };

impl Log for Calls {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("wgpu_core")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let text = record.args().to_string();
            if text.starts_with("Buffer::map_async") && text.contains("Read") {
                self.reads.fetch_add(1, Relaxed);
            } else if text == "Queue::submit" {
                self.submissions.fetch_add(1, Relaxed);
            }
        }
    }

    fn flush(&self) {}
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (options, words): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|word| word.contains('='));
    let mut words = words.into_iter();
    let starter = || Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/starter-model");
    let folder = words.next().map_or_else(starter, PathBuf::from);
    let device = words.next().as_deref().unwrap_or("wgpu").parse()?;
    let tokens: usize = words.next().map_or(Ok(128), |word| word.parse())?;
    let ours = "unified_finetuning = true\nuse_self_distill = true\n";
    let config: TrainingConfig = toml::from_str(&format!("{ours}{}", options.join("\n")))?;

    let info = choose(device)?;
    println!("{}, {} tokens a passage, on {}", folder.display(), tokens, info.label());
    let model = EmbeddingModel::load(&folder, &info.open()?)?;
    let device = info.open()?;
    let (encoder, words) = (model.folder().config().clone(), model.folder().config().vocab_size);
    let size = MicroBatchSize { queries: 2, query_tokens: tokens / 2, passages: 12, passage_tokens: tokens };
    let forecast = MemoryForecast::of(&config, &encoder, &size);
    let texts = |rows: usize, length: usize| TokenBatch {
        rows,
        length,
        ids: (0..rows * length).map(|place| (5 + place * 7919 % (words - 5)) as u32).collect(),
        mask: vec![true; rows * length],
    };
    let layout = Layout { queries: 2, group: 6, in_batch: true };
    let (queries, passages) = (texts(2, size.query_tokens), texts(12, size.passage_tokens));
    let batch = TokenizedBatch { queries, passages, teacher: None, layout };
    let mut trainer = Trainer::new(&config, model)?;

    log::set_logger(&CALLS)?;
    for _ in 0..STEPS_BEFORE {
        trainer.micro_batch(&batch, 1.0);
        trainer.step(1e-5)?;
    }
    let kernels = Arc::new(Kernels::default());
    let watching = LaunchObservation::new(kernels.clone());
    log::set_max_level(LevelFilter::Trace);
    let started = Instant::now();
    trainer.micro_batch(&batch, 1.0);
    trainer.step(1e-5)?;
    let seconds = started.elapsed().as_secs_f64();
    log::set_max_level(LevelFilter::Off);
    drop(watching);

    let kernels = kernels.0.lock().unwrap_or_else(PoisonError::into_inner);
    let mut by_name: BTreeMap<String, usize> = BTreeMap::new();
    for (name, count) in kernels.iter() {
        *by_name.entry(type_name_format(name, TypeNameFormatLevel::Short)).or_default() += count;
    }
    let mut by_count: Vec<_> = by_name.into_iter().collect();
    by_count.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    println!("a step of {seconds:.2} s: {} kernels", kernels.values().sum::<usize>());
    println!("{} submissions, {} reads", CALLS.submissions.load(Relaxed), CALLS.reads.load(Relaxed));
    for (name, count) in by_count {
        println!("  {count:6} {name}");
    }
    println!("forecast {forecast}");
    if let Some(held) = device.memory_pool_usage() {
        let mb = |bytes: u64| bytes as f64 / 1e6;
        println!(
            "the allocator holds {:.1} MB, of which {:.1} MB are in use after the step; forecast {:.1} MB, ratio {:.2}",
            mb(held.bytes_reserved),
            mb(held.bytes_in_use),
            mb(forecast.total()),
            forecast.total() as f64 / held.bytes_reserved as f64
        );
    }
    Ok(())
}
