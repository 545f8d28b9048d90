//! The forecast of a run's memory beside what the run really allocates, counted by the allocator.

use std::alloc::{GlobalAlloc, Layout as Block, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use weldbench::compute::{DeviceChoice, choose};
use weldbench::model::random::{bge_m3, write_random};
use weldbench::model::{EmbeddingModel, TokenBatch};
use weldbench::training::{Layout, MemoryForecast, MicroBatchSize, TokenizedBatch, Trainer, TrainingConfig};

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is left to the system's allocator; only sizes are added up.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, block: Block) -> *mut u8 {
        MOST.fetch_max(NOW.fetch_add(block.size(), Relaxed) + block.size(), Relaxed);
        // SAFETY: what the caller promises is handed on.
        unsafe { System.alloc(block) }
    }

    unsafe fn alloc_zeroed(&self, block: Block) -> *mut u8 {
        MOST.fetch_max(NOW.fetch_add(block.size(), Relaxed) + block.size(), Relaxed);
        // SAFETY: what the caller promises is handed on.
        unsafe { System.alloc_zeroed(block) }
    }

    unsafe fn dealloc(&self, place: *mut u8, block: Block) {
        NOW.fetch_sub(block.size(), Relaxed);
        // SAFETY: what the caller promises is handed on.
        unsafe { System.dealloc(place, block) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn texts(rows: usize, length: usize) -> TokenBatch {
    let ids = (0..rows * length).map(|place| 5 + (place * 7919 % 30_000) as u32).collect();
    TokenBatch { rows, length, ids, mask: vec![true; rows * length] }
}

/// One test, since the allocator counts the whole process.
#[test]
fn the_forecast_is_what_the_allocator_counts() {
    let folder = tempfile::tempdir().unwrap();
    let mut shape = bge_m3();
    for (name, size) in [
        ("vocab_size", 40_000),
        ("hidden_size", 256),
        ("num_hidden_layers", 6),
        ("num_attention_heads", 4),
        ("intermediate_size", 1024),
        ("max_position_embeddings", 514),
    ] {
        shape[name] = size.into();
    }
    write_random(folder.path(), &shape, std::path::Path::new("assets/starter-model"), 1).unwrap();
    let all = TrainingConfig { unified_finetuning: true, ..TrainingConfig::default() };
    let cases = [
        ("plain", TrainingConfig { ..all.clone() }),
        ("dense only", TrainingConfig { unified_finetuning: false, ..all.clone() }),
        ("recomputation", TrainingConfig { gradient_checkpointing: true, ..all.clone() }),
        ("pieces", TrainingConfig { sub_batch_size: Some(3), ..all.clone() }),
        ("both", TrainingConfig { sub_batch_size: Some(3), gradient_checkpointing: true, ..all.clone() }),
        ("top layers", TrainingConfig { trainable_layers: Some(2), ..all.clone() }),
        ("low rank", TrainingConfig { use_lora: true, lora_rank: 16, ..all.clone() }),
    ];
    for (name, config) in cases {
        let device = choose(DeviceChoice::Cpu).unwrap().open().unwrap();
        let before = NOW.load(Relaxed);
        let model = EmbeddingModel::load(folder.path(), &device).unwrap();
        let encoder = model.folder().config().clone();
        // The tokenizer is no part of it.
        let tokenizer = NOW.load(Relaxed) - before;
        let batch = MicroBatchSize { queries: 2, query_tokens: 48, passages: 12, passage_tokens: 192 };
        let forecast = MemoryForecast::of(&config, &encoder, &batch);
        let tokenizer = tokenizer.saturating_sub(forecast.parameters as usize);
        let mut trainer = Trainer::new(&config, model).unwrap();
        let layout = Layout { queries: 2, group: 6, in_batch: true };
        let batch = TokenizedBatch { queries: texts(2, 48), passages: texts(12, 192), teacher: None, layout };
        for step in 0..2 {
            if step == 1 {
                MOST.store(NOW.load(Relaxed), Relaxed);
            }
            trainer.micro_batch(&batch, 1.0);
            trainer.step(1e-5).unwrap();
        }
        let counted = (MOST.load(Relaxed) - before - tokenizer) as f64;
        let ratio = forecast.total() as f64 / counted;
        println!(
            "{name}: forecast {:.1} MB, counted {:.1} MB, ratio {ratio:.2}; {forecast:?}",
            forecast.total() as f64 / 1e6,
            counted / 1e6
        );
        assert!((ratio - 1.0).abs() < 0.15, "{name}: {ratio}");
    }
}
