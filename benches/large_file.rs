//! Opening a file of a million rows, and the memory that takes, beside Python's `json`.
//!
//! `cargo bench --profile release --bench large_file [-- ROWS]`: prints seconds until the first rows can be shown, until all
//! lines are checked, and the most memory, each with its ratio to Python's.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use weldbench::dataset::{Dataset, Edit, Expectations, Survey};

fn main() {
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    if words.next().as_deref() == Some("open") {
        return open(Path::new(&words.next().expect("a file")));
    }
    let rows = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(1_000_000);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("rows.jsonl");
    write(&path, rows);
    let size = std::fs::metadata(&path).expect("the file").len();
    println!("{rows} rows, {:.2} GB", size as f64 / 1e9);
    let ours = Command::new(std::env::current_exe().expect("this program")).arg("open").arg(&path).output();
    let ours = ours.expect("a second process");
    println!("Weldbench\n{}", String::from_utf8_lossy(&ours.stdout));
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

fn open(path: &Path) {
    let started = Instant::now();
    let mut dataset = Dataset::open(path).expect("the file opens");
    let shown = (0..40).filter_map(|at| dataset.lines().read(at).into_row()).count();
    println!("  {shown} rows to show after {:.2} s", started.elapsed().as_secs_f64());
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
