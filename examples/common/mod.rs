//! The real window, driven by a program, for examples that measure it.
#![allow(dead_code, reason = "no example needs all of it")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use weldbench::app::texts::Language;
use weldbench::app::{Setup, StartOptions, Window};
use weldbench::compute::{self, DeviceChoice};
use weldbench::model::hub::HubSettings;
use weldbench::workspace::{Workspace, move_to_trash};

pub type Driven = Harness<'static, Window>;

/// A frame of a screen of 60 Hz.
pub const FRAME: Duration = Duration::from_millis(16);

/// Of the project's own files.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The window of 1280 × 720, computing on the processor; drawn by the graphics adapter if `drawn`, else into nothing.
pub fn open(workspace: Workspace, paths: Vec<PathBuf>, drawn: bool) -> Driven {
    let setup = Setup {
        options: StartOptions { paths, device: DeviceChoice::Cpu },
        workspace,
        language: Some(Language::English),
        theme: None,
        information_stays: Duration::from_secs(8),
        look_for_devices: Box::new(|_| {
            let device = compute::choose(DeviceChoice::Cpu);
            (device.iter().cloned().collect(), device)
        }),
        find_hub: Arc::new(HubSettings::from_env),
        trash: move_to_trash,
    };
    let builder = Harness::builder().with_size([1280.0, 720.0]);
    let builder = if drawn { builder.wgpu() } else { builder };
    builder.build_eframe(move |creation| Window::new(creation, setup))
}

/// Draws frames until something of this name is there and can be used.
pub fn until(window: &mut Driven, label: &str) {
    let end = Instant::now() + Duration::from_secs(550);
    while window.query_all_by_label(label).next().is_none_or(|node| node.accesskit_node().is_disabled()) {
        assert!(Instant::now() < end, "`{label}` is not seen");
        window.step();
        std::thread::sleep(Duration::from_millis(5));
    }
    window.run_steps(4);
}

/// The first of this name that can be clicked.
pub fn click(window: &mut Driven, label: &str) {
    let named: Vec<_> = window.query_all_by_label(label).collect();
    let one = named.iter().find(|node| node.accesskit_node().role() != Role::Label).or(named.first());
    one.unwrap_or_else(|| panic!("`{label}` is not there")).click();
    window.run_steps(4);
}

/// One frame: state, layout and triangles. What a graphics card does of it is not in it.
pub fn draw(window: &mut Driven) -> Duration {
    let begun = Instant::now();
    window.step();
    let drawn = begun.elapsed();
    let output = window.output();
    let shapes = output.shapes.clone();
    let begun = Instant::now();
    let shapes = window.ctx.tessellate(shapes, output.pixels_per_point);
    let taken = drawn + begun.elapsed();
    assert!(!shapes.is_empty());
    taken
}

pub fn tell(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!("{what}: median {:.1} ms, 99 % within {:.1} ms, longest {:.1} ms", at(0.5), at(0.99), at(1.0));
}
