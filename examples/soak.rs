//! A long day in the data bench: a million rows, 200 edits a second by a user that is a program, while a run of the starter
//! model trains. Prints memory, frames, and whether the saved file is what the edits make of it.
//!
//!     cargo run --release --example soak -- [rows] [minutes]

mod common;

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{Driven, FRAME, click, draw, repository, tell, until};
use eframe::egui::{Event, Key, Modifiers};
use egui_kittest::kittest::{NodeT, Queryable};
use weldbench::training::{Preset, TrainingConfig};
use weldbench::workspace::{Settings, Workspace};

/// No frame is to take longer.
const LONG: Duration = Duration::from_millis(100);
const EDITS_A_SECOND: f64 = 200.0;
/// Passages that go from the negatives to the positives and back, of twice as many; as many are positives from the start,
/// since each key counts anew what the one before has left.
const MOVED: usize = 9;
const KEYS: [Key; MOVED] =
    [Key::Num1, Key::Num2, Key::Num3, Key::Num4, Key::Num5, Key::Num6, Key::Num7, Key::Num8, Key::Num9];

fn main() {
    let mut words = std::env::args().skip(1);
    let rows: usize = words.next().map_or(1_000_000, |rows| rows.parse().expect("a number of rows"));
    let minutes: f64 = words.next().map_or(10.0, |minutes| minutes.parse().expect("minutes"));
    let worked_on = minutes * 60.0 * EDITS_A_SECOND / (2 * MOVED) as f64;
    assert!(rows as f64 > worked_on + 1.0, "{worked_on:.0} rows are worked on");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("rows.jsonl");
    std::fs::write(&file, (0..rows).fold(String::new(), |text, row| text + &Row::new(row).line())).expect("a file");
    println!("{rows} rows, {:.2} GB", std::fs::metadata(&file).expect("the file").len() as f64 / 1e9);

    let workspace = Workspace::open(Some(&folder.path().join("workspace"))).expect("a workspace");
    let mut config = TrainingConfig::default();
    Preset::QuickLook.put_into(&mut config);
    (config.max_steps, config.save_steps) = (Some(1_000_000), Some(100));
    let mut settings = Settings::default();
    settings.training = toml::Table::try_from(config).expect("options");
    settings.save(&workspace.settings_file()).expect("settings");
    let paths = vec![repository("assets/starter-model"), repository("sample_data/train.jsonl"), file.clone()];
    let mut window = common::open(workspace, paths, false);
    let window = &mut window;
    until(window, "Row at line 1: 问题 0");
    while window.query_by_label_contains("to look at until").is_some() {
        window.step();
        std::thread::sleep(FRAME);
    }
    // The run takes the rows of the file that is shown.
    click(window, "train.jsonl");
    start_training(window);
    click(window, "Data");
    click(window, "rows.jsonl");
    click(window, "Row at line 1: 问题 0");

    let user = User { place: 0, there: true, edits: 0, rows: vec![Row::new(0)] };
    let (user, times) = work(window, user, Duration::from_secs_f64(minutes * 60.0));
    tell("frames", times);
    let begun = Instant::now();
    window.key_press_modifiers(Modifiers::COMMAND, Key::S);
    window.run_steps(4);
    while window.query_by_label_contains("Saved").is_none() {
        if begun.elapsed() > Duration::from_secs(60) {
            let seen = window.query_all_by_label_contains("").filter_map(|node| node.accesskit_node().label());
            panic!("not saved; the window shows {:?}", seen.collect::<Vec<_>>());
        }
        window.step();
        std::thread::sleep(FRAME);
    }
    println!("saved after {:.1} s", begun.elapsed().as_secs_f64());
    check(&file, &user, rows);
}

/// Trains on the file that is shown.
fn start_training(window: &mut Driven) {
    click(window, "Train");
    until(window, "Start training");
    click(window, "Start training");
    until(window, "Running");
    until(window, "Loss");
}

/// What a row is to be.
struct Row {
    number: usize,
    positives: Vec<usize>,
    negatives: Vec<usize>,
}

impl Row {
    fn new(number: usize) -> Self {
        Self { number, positives: (0..MOVED).collect(), negatives: (MOVED..3 * MOVED).collect() }
    }

    fn line(&self) -> String {
        let mut line = format!("{{\"query\": \"问题 {}\", \"pos\": [", self.number);
        for (side, end) in [(&self.positives, "], \"neg\": ["), (&self.negatives, "]}\n")] {
            for (place, passage) in side.iter().enumerate() {
                let comma = if place > 0 { ", " } else { "" };
                let _ = write!(line, "{comma}\"{passage} 焊缝中的气孔 row {}\"", self.number);
            }
            line += end;
        }
        line
    }
}

/// Moves half of a row's negatives to the positives with the keys 1 to 9, then back, then goes to the next row.
struct User {
    /// Of the keys 1 to 9, the next.
    place: usize,
    /// Whether the chosen row's negatives are where they were, or on their way from there.
    there: bool,
    edits: usize,
    /// The rows that were worked on.
    rows: Vec<Row>,
}

impl User {
    /// The key that comes next, and what is to come of it.
    fn key(&mut self) -> (Key, Modifiers) {
        if self.place == MOVED {
            self.place = 0;
            self.there = !self.there;
            if self.there {
                self.rows.push(Row::new(self.rows.len()));
                return (Key::ArrowDown, Modifiers::NONE);
            }
        }
        let (key, place) = (KEYS[self.place], self.place);
        self.place += 1;
        self.edits += 1;
        let row = self.rows.last_mut().expect("a row");
        if self.there {
            let passage = row.negatives.remove(place);
            row.positives.push(passage);
            (key, Modifiers::NONE)
        } else {
            let passage = row.positives.remove(place);
            row.negatives.push(passage);
            (key, Modifiers::SHIFT)
        }
    }
}

fn work(window: &mut Driven, mut user: User, time: Duration) -> (User, Vec<Duration>) {
    let (begun, at_first) = (Instant::now(), resident());
    let (mut times, mut told) = (Vec::new(), 0);
    let mut most = at_first;
    println!("memory before: {:.2} GB", at_first / 1e9);
    while begun.elapsed() < time {
        let due = begun.elapsed().as_secs_f64() * EDITS_A_SECOND;
        // All that was pressed since the last frame comes with the next, as in a window.
        while (user.edits as f64) < due {
            let (key, modifiers) = user.key();
            for pressed in [true, false] {
                let event = Event::Key { key, physical_key: Some(key), pressed, repeat: false, modifiers };
                window.input_mut().events.push(event);
            }
        }
        let before = schedule();
        let taken = draw(window);
        times.push(taken);
        if taken > LONG {
            let [on, waiting] = [0, 1].map(|part| (schedule()[part] - before[part]) / 1e6);
            let at = begun.elapsed().as_secs_f64();
            println!(
                "a frame of {} ms after {at:.1} s: {on:.0} on a core, {waiting:.0} waiting for one",
                taken.as_millis()
            );
        }
        std::thread::sleep(FRAME.saturating_sub(taken));
        most = most.max(resident());
        let minute = begun.elapsed().as_secs() / 60;
        if minute > told {
            told = minute;
            println!("after {minute} min: {} edits, memory {:.2} GB", user.edits, resident() / 1e9);
        }
    }
    let rate = user.edits as f64 / begun.elapsed().as_secs_f64();
    println!(
        "{} edits in {} rows, {rate:.0} a second; memory at most {:.2} GB, {:.2} GB more than before",
        user.edits,
        user.rows.len(),
        most / 1e9,
        (most - at_first) / 1e9
    );
    (user, times)
}

/// The saved file must be what the edits make of it, byte for byte in the rows that nobody touched.
fn check(file: &Path, user: &User, rows: usize) {
    let saved = std::fs::read_to_string(file).expect("the file");
    let mut wrong = 0;
    let mut lines = saved.lines();
    for number in 0..rows {
        let line = lines.next().unwrap_or_default();
        let matches = match user.rows.get(number) {
            Some(row) => serde_json::from_str::<serde_json::Value>(line).ok() == serde_json::from_str(&row.line()).ok(),
            None => format!("{line}\n") == Row::new(number).line(),
        };
        wrong += usize::from(!matches);
    }
    assert!(lines.next().is_none() && wrong == 0, "{wrong} rows are not what they should be");
    println!("all {rows} rows are what the edits make of them");
}

/// Nanoseconds that this thread has been on a core, and that it has waited for one.
fn schedule() -> [f64; 2] {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let mut times = times.split_whitespace().map(|time| time.parse().unwrap_or(f64::NAN));
    [(); 2].map(|()| times.next().unwrap_or(f64::NAN))
}

/// Bytes of memory that the program takes.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    kilobytes.map_or(f64::NAN, |kilobytes: f64| kilobytes * 1024.0)
}
