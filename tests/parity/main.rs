//! Weldbench against numbers that FlagEmbedding itself produced (`tests/fixtures/flagembedding`).

mod fixtures;
mod inference;
mod losses;
mod padding;
mod tokens;
mod trajectories;

// The same comparisons on a graphics adapter, five times looser. They are made in processes of their own, two at
// once: every shape of batch costs a software adapter seconds of building kernels, on one core.

#[test]
fn a_graphics_adapter_computes_the_same() {
    on_a_graphics_adapter(&["inference", "tokens", "losses", "padding"]);
}

#[test]
fn a_graphics_adapter_trains_the_same() {
    on_a_graphics_adapter(&["trajectories"]);
}

fn on_a_graphics_adapter(tests: &[&str]) {
    use weldbench::compute::{DeviceChoice, devices};
    if !devices().iter().any(|device| matches!(device.choice, DeviceChoice::Wgpu(_))) {
        assert!(std::env::var_os("CI").is_none(), "CI has a software adapter");
        eprintln!("no graphics adapter: only the CPU was tested");
        return;
    }
    let run = std::process::Command::new(std::env::current_exe().unwrap())
        .args(tests)
        .args(["--test-threads=1", "--nocapture"])
        .env("WELDBENCH_TEST_DEVICE", "wgpu")
        .env("CUBECL_AUTOTUNE_LEVEL", "minimal")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && !text.contains(" 0 passed"), "{text}\n{}", String::from_utf8_lossy(&run.stderr));
    println!("{text}");
}
