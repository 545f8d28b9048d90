//! How a training step's cost grows with the tokens of a text, the passages of a group and the layers of a model, on
//! the processor; and the memory of BGE-M3's shape at 6 × 2,048 tokens.
//!
//! `cargo bench --profile release --bench growth [-- tokens | group | layers | bge_m3 ...]`. Each measurement is a process
//! of its own. Prints tables in Markdown and draws `docs/pictures/growth.svg` when the first three are all measured.
//! Times are those of the processor, all threads together, so that other programs on the machine count less.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};
use weldbench::compute::{DeviceChoice, choose};
use weldbench::model::EmbeddingModel;
use weldbench::model::random::{bge_m3, write_random};
use weldbench::training::{Layout, MicroBatch, Trainer, TrainingConfig};

/// What a step is asked to do, besides the plain one.
const WAYS: [(&str, bool, Option<usize>); 3] =
    [("plain", false, None), ("recomputation", true, None), ("pieces of 1 text", true, Some(1))];

/// Queries, passages a query, tokens a passage, layers.
#[derive(Clone, Copy)]
struct Work {
    queries: usize,
    group: usize,
    tokens: usize,
    layers: usize,
}

struct Sweep {
    name: &'static str,
    what: &'static str,
    /// The power of time that the work itself grows with.
    powers: &'static str,
    at: &'static [usize],
    work: fn(usize) -> Work,
}

const SWEEPS: [Sweep; 3] = [
    Sweep {
        name: "tokens",
        what: "tokens a passage, 1 query with 2 passages, 2 layers",
        powers: "attention's part of the time grows with the square",
        at: &[256, 512, 1024, 2048, 4096, 8192],
        work: |tokens| Work { queries: 1, group: 2, tokens, layers: 2 },
    },
    Sweep {
        name: "group",
        what: "passages a query, 2 queries, 128 tokens, 2 layers",
        powers: "everything grows with the number",
        at: &[2, 4, 8, 16, 32, 64],
        work: |group| Work { queries: 2, group, tokens: 128, layers: 2 },
    },
    Sweep {
        name: "layers",
        what: "layers, 2 queries with 6 passages each, 128 tokens",
        powers: "everything grows with the number",
        at: &[1, 2, 4, 8, 16, 24],
        work: |layers| Work { queries: 2, group: 6, tokens: 128, layers },
    },
];

#[derive(Clone, Copy)]
struct Cost {
    /// Of the processor.
    seconds: f64,
    /// Above the peak of a step of next to nothing: model, gradients and the optimiser's means are in that. Bytes.
    working: f64,
    /// The whole process, bytes.
    peak: f64,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if let [flag, folder, task] = &words[..]
        && flag == "--measure"
    {
        let task: Value = serde_json::from_str(task).expect("JSON");
        println!("{}", measure(Path::new(folder), &task));
        return;
    }
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| word == name);
    let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("growth");
    let mut drawn = Vec::new();
    for sweep in SWEEPS.iter().filter(|sweep| wanted(sweep.name)) {
        drawn.push((sweep, grow(&root, sweep)));
    }
    if drawn.len() == SWEEPS.len() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures/growth.svg");
        std::fs::write(&path, draw(&drawn)).expect("a picture");
    }
    if wanted("bge_m3") {
        count_bge_m3(&root);
    }
    // Takes long, so only if it is named.
    if words.iter().any(|word| word == "bge_m3_whole") {
        count_whole_bge_m3(&root);
    }
}

/// One row of costs a way.
fn grow(root: &Path, sweep: &Sweep) -> Vec<Vec<Cost>> {
    println!("\nBy {} ({}).\n", sweep.what, sweep.powers);
    print!("| |");
    WAYS.iter().for_each(|(name, ..)| print!(" {name}: time | grows as | memory | grows as |"));
    println!("\n|---|{}", "---|".repeat(4 * WAYS.len()));
    let mut all: Vec<Vec<Cost>> = vec![Vec::new(); WAYS.len()];
    for (index, &at) in sweep.at.iter().enumerate() {
        let work = (sweep.work)(at);
        let folder = model(root, &format!("layers{}", work.layers), |config| {
            for (name, size) in [
                ("vocab_size", 40_000),
                ("hidden_size", 256),
                ("num_attention_heads", 4),
                ("intermediate_size", 1024),
                ("num_hidden_layers", work.layers),
            ] {
                config[name] = size.into();
            }
        });
        print!("| {at} |");
        for ((_, recompute, piece), costs) in WAYS.iter().zip(&mut all) {
            // Tables of a fixed size would hide what grows.
            let options = json!({
                "gradient_checkpointing": recompute, "sub_batch_size": piece,
                "fix_word_embedding": true, "fix_position_embedding": true
            });
            let cost = run(&folder, work, options);
            let power = |of: Part| match costs.last() {
                Some(last) => {
                    let steps = (at as f64 / sweep.at[index - 1] as f64).ln();
                    format!("n^{:.2}", (of(&cost) / of(last)).ln() / steps)
                }
                None => String::new(),
            };
            print!(
                " {:.2} s | {} | {:.0} MB | {} |",
                cost.seconds,
                power(|cost| cost.seconds),
                cost.working / 1e6,
                power(|cost| cost.working)
            );
            costs.push(cost);
        }
        println!();
    }
    all
}

/// Peaks of BGE-M3's shape with few layers, which together tell what one more trained or frozen layer takes.
fn count_bge_m3(root: &Path) {
    begin_bge_m3();
    let peak = |what: &str, layers: usize, options: Value| bge_m3_peak(root, what, layers, options);
    let (one, two) = (peak("everything trained", 1, json!({})), peak("everything trained", 2, json!({})));
    println!("| everything trained, by the two above | 24 | {:.2} GB | | |", one + 23.0 * (two - one));
    let lora = json!({"use_lora": true, "lora_rank": 16});
    let (one, two) = (peak("LoRA, rank 16", 1, lora.clone()), peak("LoRA, rank 16", 2, lora));
    println!("| LoRA, rank 16, by the two above | 24 | {:.2} GB | | |", one + 23.0 * (two - one));
    let one_of_two = peak("top layer", 2, json!({"trainable_layers": 1}));
    let one_of_three = peak("top layer", 3, json!({"trainable_layers": 1}));
    let two_of_three = peak("top 2 layers", 3, json!({"trainable_layers": 2}));
    let (frozen, trained) = (one_of_three - one_of_two, two_of_three - one_of_two);
    println!("| top 4 layers, by the three above | 24 | {:.2} GB | | |", one_of_two + 3.0 * trained + 19.0 * frozen);
}

fn count_whole_bge_m3(root: &Path) {
    begin_bge_m3();
    bge_m3_peak(root, "LoRA, rank 16", 24, json!({"use_lora": true, "lora_rank": 16}));
    bge_m3_peak(root, "top 4 layers", 24, json!({"trainable_layers": 4}));
    bge_m3_peak(root, "everything trained but the word table", 24, json!({"fix_word_embedding": true}));
    bge_m3_peak(root, "everything trained", 24, json!({}));
}

fn begin_bge_m3() {
    println!(
        "\n| BGE-M3's shape, 1 query, 6 × 2,048 tokens | layers | peak of the process | step's own | processor time |"
    );
    println!("|---|---|---|---|---|");
}

/// Gigabytes that a process takes at most in which such a model makes a step.
fn bge_m3_peak(root: &Path, what: &str, layers: usize, options: Value) -> f64 {
    let folder = model(root, &format!("bge{layers}"), |config| config["num_hidden_layers"] = layers.into());
    let mut all = json!({"gradient_checkpointing": true, "sub_batch_size": 1});
    for (name, value) in options.as_object().into_iter().flatten() {
        all[name] = value.clone();
    }
    let Cost { peak, working, seconds } = run(&folder, Work { queries: 1, group: 6, tokens: 2048, layers }, all);
    println!("| {what} | {layers} | {:.2} GB | {:.2} GB | {seconds:.0} s |", peak / 1e9, working / 1e9);
    peak / 1e9
}

/// A folder with a random model; made if it is not there.
fn model(root: &Path, name: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
    let folder = root.join(name);
    if !folder.join("colbert_linear.pt").is_file() {
        let mut config = bge_m3();
        change(&mut config);
        let starter = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/starter-model");
        write_random(&folder, &config, &starter, 1).expect("a model");
    }
    folder
}

/// A measurement in a process of its own.
fn run(folder: &Path, work: Work, options: Value) -> Cost {
    let Work { queries, group, tokens, .. } = work;
    let task = json!({"queries": queries, "group": group, "tokens": tokens, "options": options}).to_string();
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    let output = command.arg("--measure").arg(folder).arg(task).output().expect("a process");
    let text = String::from_utf8_lossy(&output.stdout);
    let found: Option<Value> = text.lines().last().and_then(|line| serde_json::from_str(line).ok());
    let Some(found) = found.filter(|_| output.status.success()) else {
        panic!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    };
    let number = |name: &str| found[name].as_f64().expect("a number");
    Cost { seconds: number("seconds"), working: number("working"), peak: number("peak") }
}

fn measure(folder: &Path, task: &Value) -> Value {
    let number = |name: &str| task[name].as_u64().expect("a number") as usize;
    let (queries, group, tokens) = (number("queries"), number("group"), number("tokens"));
    let mut options = json!({
        "unified_finetuning": true, "use_self_distill": true, "query_max_len": 64, "passage_max_len": tokens
    });
    for (name, value) in task["options"].as_object().into_iter().flatten() {
        options[name] = value.clone();
    }
    let config: TrainingConfig = serde_json::from_value(options).expect("options");
    let device = choose(DeviceChoice::Cpu).and_then(|device| device.open()).expect("the processor");
    let model = EmbeddingModel::load(folder, &device).expect("a model");
    let batch = |queries: usize, group: usize, config: &TrainingConfig| {
        let texts = texts(queries + queries * group, config.passage_max_len);
        let batch = MicroBatch {
            queries: texts[..queries].to_vec(),
            passages: texts[queries..].to_vec(),
            teacher: None,
            layout: Layout { queries, group, in_batch: true },
        };
        batch.tokenize(model.folder().tokenizer(), config, 8192).expect("tokens")
    };
    let small = batch(1, 2, &TrainingConfig { query_max_len: 8, passage_max_len: 8, ..config.clone() });
    let batch = batch(queries, group, &config);
    let mut trainer = Trainer::new(&config, model).expect("a trainer");
    // What loading took is not the step's: the peak is counted from here on.
    std::fs::write("/proc/self/clear_refs", "5").expect("Linux");
    for _ in 0..2 {
        trainer.micro_batch(&small, 1.0);
        trainer.step(1e-5).expect("a step");
    }
    let lasting = memory("VmHWM");
    let started = Instant::now();
    let mut seconds = Vec::new();
    while seconds.len() < 5 && (seconds.is_empty() || started.elapsed().as_secs_f64() < 2.0) {
        let before = processor_seconds();
        trainer.micro_batch(&batch, 1.0);
        trainer.step(1e-5).expect("a step");
        seconds.push(processor_seconds() - before);
    }
    let peak = memory("VmHWM");
    seconds.sort_by(f64::total_cmp);
    let working = (peak - lasting).max(1.0);
    json!({"seconds": seconds[seconds.len() / 2], "working": working, "peak": peak})
}

/// Passages of the welding corpus, each long enough for so many tokens.
fn texts(count: usize, tokens: usize) -> Vec<String> {
    let corpus = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("sample_data/corpus.jsonl"));
    let all: Vec<char> = (corpus.expect("the corpus").lines())
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .flat_map(|passage| passage["text"].as_str().unwrap_or_default().chars().collect::<Vec<_>>())
        .collect();
    (0..count).map(|index| all.iter().cycle().skip(index * 977 % all.len()).take(tokens * 4 + 64).collect()).collect()
}

fn memory(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok()).map_or(f64::NAN, |kib| kib * 1024.0)
}

/// What all threads together took, in Linux's hundredths of a second.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    let ticks = |place: usize| after_name.split(' ').nth(place).and_then(|ticks| ticks.parse::<f64>().ok());
    ticks(11).zip(ticks(12)).map_or(f64::NAN, |(user, system)| (user + system) / 100.0)
}

/// What of a cost is drawn.
type Part = fn(&Cost) -> f64;

/// Time above, memory below, a column a sweep; both axes logarithmic.
fn draw(sweeps: &[(&Sweep, Vec<Vec<Cost>>)]) -> String {
    const COLORS: [&str; 3] = ["#2563a8", "#c2571a", "#3c8d40"];
    const PLOT: (f64, f64) = (250.0, 200.0);
    let mut svg = String::from(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1010 590" font-family="sans-serif" font-size="12" fill="#333">
<rect width="1010" height="590" fill="#fff"/>
"##,
    );
    for (column, (sweep, costs)) in sweeps.iter().enumerate() {
        let rows: [(&str, Part); 2] =
            [("processor time of a step, s", |cost| cost.seconds), ("memory of a step, MB", |cost| cost.working / 1e6)];
        for (row, (title, of)) in rows.into_iter().enumerate() {
            let (left, top) = (60.0 + 325.0 * column as f64, 40.0 + 265.0 * row as f64);
            let values: Vec<f64> = costs.iter().flatten().map(of).map(|value| value.max(1e-3)).collect();
            let least = values.iter().copied().fold(f64::MAX, f64::min).log10().floor();
            let most = values.iter().copied().fold(0.0, f64::max).log10().ceil().max(least + 1.0);
            let (first, last) = (sweep.at[0] as f64, sweep.at[sweep.at.len() - 1] as f64);
            let x = |at: f64| left + (at / first).ln() / (last / first).ln() * PLOT.0;
            let y = |value: f64| top + PLOT.1 * (1.0 - (value.max(1e-3).log10() - least) / (most - least));
            let _ = writeln!(svg, r#"<text x="{left}" y="{}" font-weight="bold">{title}</text>"#, top - 10.0);
            for power in least as i32..=most as i32 {
                let at = y(10f64.powi(power));
                let label = if power < 0 {
                    format!("{:.*}", -power as usize, 10f64.powi(power))
                } else {
                    format!("{}", 10f64.powi(power))
                };
                let _ = writeln!(
                    svg,
                    r##"<path d="M{left} {at:.1}h{}" stroke="#ddd"/><text x="{}" y="{:.1}" text-anchor="end">{label}</text>"##,
                    PLOT.0,
                    left - 6.0,
                    at + 4.0
                );
            }
            for &at in sweep.at {
                let _ = writeln!(
                    svg,
                    r##"<path d="M{0:.1} {top}v{1}" stroke="#eee"/><text x="{0:.1}" y="{2}" text-anchor="middle">{at}</text>"##,
                    x(at as f64),
                    PLOT.1,
                    top + PLOT.1 + 16.0
                );
            }
            // How n and n² rise, from the first plain point on, as far as the plot goes.
            let start = of(&costs[0][0]).max(1e-3);
            for power in [1.0, 2.0] {
                let ceiling = 10f64.powf(most);
                let end = last.min(first * (ceiling / start).powf(1.0 / power));
                let reached = start * (end / first).powf(power);
                let _ = writeln!(
                    svg,
                    r##"<path d="M{:.1} {:.1}L{:.1} {:.1}" stroke="#999" stroke-dasharray="4 4"/><text x="{:.1}" y="{:.1}" fill="#777" text-anchor="end">n{}</text>"##,
                    x(first),
                    y(start),
                    x(end),
                    y(reached),
                    x(end) - 3.0,
                    (y(reached) + 12.0).max(top + 12.0),
                    if power == 2.0 { "²" } else { "" }
                );
            }
            for (costs, color) in costs.iter().zip(COLORS) {
                let points: Vec<(f64, f64)> =
                    costs.iter().zip(sweep.at).map(|(cost, at)| (x(*at as f64), y(of(cost)))).collect();
                let line: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
                let _ = writeln!(
                    svg,
                    r#"<polyline points="{}" fill="none" stroke="{color}" stroke-width="2"/>"#,
                    line.join(" ")
                );
                for (x, y) in points {
                    let _ = writeln!(svg, r#"<circle cx="{x:.1}" cy="{y:.1}" r="3" fill="{color}"/>"#);
                }
            }
            if row == 1 {
                let middle = left + PLOT.0 / 2.0;
                let (name, further) = sweep.what.split_once(", ").unwrap_or((sweep.what, ""));
                for (text, down) in [(name, 36.0), (further, 52.0)] {
                    let _ = writeln!(
                        svg,
                        r#"<text x="{middle}" y="{}" text-anchor="middle">{text}</text>"#,
                        top + PLOT.1 + down
                    );
                }
            }
        }
    }
    for (index, ((name, ..), color)) in WAYS.iter().zip(COLORS).enumerate() {
        let left = 60.0 + 150.0 * index as f64;
        let _ = writeln!(
            svg,
            r#"<path d="M{left} 578h24" stroke="{color}" stroke-width="2"/><text x="{}" y="582">{name}</text>"#,
            left + 30.0
        );
    }
    svg + "</svg>\n"
}
