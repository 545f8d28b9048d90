//! Opening a file of a million rows, and the memory that takes, beside Python's `json`.
//!
//! `cargo bench --profile release --bench large_file [-- ROWS]`: opens the file in the window, and prints seconds until the
//! first rows are shown and until the whole file is there, what frames took and the most memory; then the same without
//! a window, with the check of all lines and an edit; then Python's. The window draws into nothing, so a frame is what
//! the processor does of it.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::egui::Key;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use weldbench::app::texts::Language;
use weldbench::app::{Setup, StartOptions, Window};
use weldbench::compute::{DeviceChoice, DeviceInfo, DeviceKind};
use weldbench::dataset::{Dataset, Edit, Expectations, Survey};
use weldbench::model::hub::HubSettings;
use weldbench::workspace::{Workspace, move_to_trash};

fn main() {
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    match (words.next().as_deref(), words.next()) {
        (Some("window"), Some(path)) => return window(Path::new(&path)),
        (Some("open"), Some(path)) => return open(Path::new(&path)),
        _ => {}
    }
    let rows = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(1_000_000);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("rows.jsonl");
    write(&path, rows);
    let size = std::fs::metadata(&path).expect("the file").len();
    println!("{rows} rows, {:.2} GB", size as f64 / 1e9);
    for (name, mode) in [("Weldbench's window", "window"), ("Weldbench without a window", "open")] {
        let ours = Command::new(std::env::current_exe().expect("this program")).arg(mode).arg(&path).output();
        let ours = ours.expect("a second process");
        println!("{name}\n{}{}", String::from_utf8_lossy(&ours.stdout), String::from_utf8_lossy(&ours.stderr));
    }
    let code = "import json,resource,sys,time\n\
                t=time.time()\n\
                rows=[json.loads(line) for line in open(sys.argv[1],encoding='utf-8')]\n\
                print(f'  rows there after {time.time()-t:.2f} s')\n\
                print(f'  most memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1e6:.2f} GB')";
    match Command::new("python3").args(["-c", code]).arg(&path).output() {
        Ok(theirs) => println!("Python's json\n{}", String::from_utf8_lossy(&theirs.stdout)),
        Err(error) => println!("Python could not be run: {error}"),
    }
}

/// Rows of about a kilobyte, half of it Chinese.
fn write(path: &Path, rows: usize) {
    let mut file = BufWriter::new(std::fs::File::create(path).expect("a file"));
    let passage = "焊缝中的气孔是熔池凝固时未能逸出的气体所形成的空穴。Porosity is gas that could not escape in time. ";
    for row in 0..rows {
        let text = |kind: &str| format!("\"{kind} {row} {passage}{passage}\"");
        let line =
            format!("{{\"query\": \"问题 {row}\", \"pos\": [{}], \"neg\": [{}, {}]}}", text("p"), text("n"), text("m"));
        writeln!(file, "{line}").expect("room on the disk");
    }
    // The reading is not to compete with the writing.
    let file = file.into_inner().expect("room on the disk");
    file.sync_all().expect("room on the disk");
}

/// What a user sees of it.
fn window(path: &Path) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let device = DeviceInfo {
        choice: DeviceChoice::Cpu,
        name: "the processor".into(),
        kind: DeviceKind::Cpu,
        api: "CPU".into(),
        limits: Default::default(),
    };
    let setup = |paths| Setup {
        options: StartOptions { paths, device: DeviceChoice::Cpu },
        workspace: Workspace::open(Some(folder.path())).expect("a workspace"),
        language: Some(Language::English),
        theme: None,
        information_stays: std::time::Duration::from_secs(8),
        look_for_devices: Box::new(move |_| (vec![device.clone()], Ok(device))),
        find_hub: Arc::new(HubSettings::from_env),
        trash: move_to_trash,
    };
    let started = Instant::now();
    let setup = setup(vec![path.to_path_buf()]);
    let builder = Harness::builder().with_size([1280.0, 800.0]);
    let mut window = builder.build_eframe(move |creation| Window::new(creation, setup));
    frames_until(&mut window, |window| window.query_by_label("Row at line 1: 问题 0").is_some());
    println!("  first rows shown after {:.2} s", started.elapsed().as_secs_f64());
    // Scrolling goes on while the rest is read.
    let frames = frames_until(&mut window, |window| {
        window.key_press(Key::PageDown);
        window.query_by_label_contains("to look at until").is_none()
    });
    println!("  the whole file there after {:.2} s; frames until then {frames}", started.elapsed().as_secs_f64());
    let mut frames = Frames::default();
    for press in 0..500 {
        window.key_press(if press == 250 { Key::End } else { Key::PageDown });
        frames.draw(&mut window);
    }
    println!("  frames while scrolling through it {frames}");
    println!("  most memory {:.2} GB", peak_gb());
}

fn frames_until(window: &mut Harness<'_, Window>, holds: impl Fn(&mut Harness<'_, Window>) -> bool) -> Frames {
    let mut frames = Frames::default();
    while !holds(window) {
        frames.draw(window);
        std::thread::sleep(Duration::from_millis(5));
    }
    frames
}

/// What frames took, in seconds.
#[derive(Default)]
struct Frames(Vec<f64>);

impl Frames {
    fn draw(&mut self, window: &mut Harness<'_, Window>) {
        let started = Instant::now();
        window.step();
        self.0.push(started.elapsed().as_secs_f64());
    }
}

impl std::fmt::Display for Frames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| sorted.get((share * (sorted.len() - 1) as f64) as usize).map_or(f64::NAN, |s| s * 1e3);
        write!(f, "took {:.0} ms, one in a hundred {:.0} ms, the longest {:.0} ms", at(0.5), at(0.99), at(1.0))
    }
}

fn open(path: &Path) {
    let started = Instant::now();
    let mut dataset = Dataset::open(path).expect("the file opens");
    let shown = (0..40).filter_map(|at| dataset.lines().read(at).into_row()).count();
    println!("  {shown} rows of the whole file to show after {:.2} s", started.elapsed().as_secs_f64());
    let started = Instant::now();
    let mut survey = Survey::of(dataset.lines(), Expectations::default());
    println!("  all {} lines checked after {:.2} s more", survey.len(), started.elapsed().as_secs_f64());
    let started = Instant::now();
    let line = dataset.lines().id(dataset.lines().len() / 2).expect("a line");
    dataset.apply(Edit::SetQuery { line, query: "anders".into() }).expect("the edit");
    survey.update(dataset.lines(), &[line]);
    println!("  an edit in {:.0} ms", started.elapsed().as_secs_f64() * 1e3);
    println!("  most memory {:.2} GB", peak_gb());
}

fn peak_gb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.unwrap_or(f64::NAN) / 1e6
}
