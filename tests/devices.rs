//! One run on the CPU and on a graphics adapter: the same losses, falling.
//!
//! A software adapter will do (Debian: mesa-vulkan-drivers). Where there is none at all the comparison is left
//! out, except in CI, which has one.

use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;
use weldbench::compute::{DeviceChoice, devices};

/// Losses of a run with rows and lengths that give every micro-batch one shape, so that few kernels are built.
fn losses(device: &str) -> Vec<f64> {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_weldbench"));
    let done = command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        // Trying out kernels on a software adapter takes minutes and gains nothing.
        .env("CUBECL_AUTOTUNE_LEVEL", "minimal")
        .env("WELDBENCH_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("devices-home"))
        .args(["train", "--json", "--device", device])
        .args(["--model_name_or_path", "tests/fixtures/flagembedding/model_bin"])
        .args(["--train_data", "tests/fixtures/flagembedding/data/weld_toy.jsonl"])
        .args([
            "--unified_finetuning",
            "--use_self_distill",
            "--knowledge_distillation",
            "--kd_loss_type",
            "m3_kd_loss",
        ])
        .args(["--same_dataset_within_batch", "--per_device_train_batch_size", "4", "--train_group_size", "3"])
        .args(["--query_max_len", "64", "--passage_max_len", "64", "--pad_to_multiple_of", "64"])
        .args(["--learning_rate", "1e-3", "--max_steps", "12"])
        .arg("--output_dir")
        .arg(folder.path().join("tuned"))
        .assert()
        .success();
    let events = String::from_utf8(done.get_output().stdout.clone()).unwrap();
    let events = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.filter_map(|event| event["loss"]["total"].as_f64()).collect()
}

#[test]
fn a_run_on_a_graphics_adapter_has_the_cpu_s_losses_and_they_fall() {
    let cpu = losses("cpu");
    assert_eq!(cpu.len(), 12);
    let (first, last) = (cpu[..4].iter().sum::<f64>(), cpu[8..].iter().sum::<f64>());
    assert!(last < first, "the loss does not fall: {cpu:?}");
    if !devices().iter().any(|device| matches!(device.choice, DeviceChoice::Wgpu(_))) {
        assert!(std::env::var_os("CI").is_none(), "CI has a software adapter");
        eprintln!("no graphics adapter: only the CPU was tested");
        return;
    }
    let wgpu = losses("wgpu");
    for (step, (cpu, wgpu)) in cpu.iter().zip(&wgpu).enumerate() {
        assert!((cpu - wgpu).abs() / cpu < 1e-3, "step {}: {cpu} on the CPU, {wgpu} on the adapter", step + 1);
    }
}
