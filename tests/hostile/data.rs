//! Data files and tables that nobody could have meant.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use weldbench::dataset::import::{CorpusFile, Mapping, Table, rows};
use weldbench::dataset::{Corpus, Dataset, Expectations, FaultKind, Survey, Watch};
use weldbench::training::{TrainingConfig, read_command};
use weldbench::workspace::Settings;

const GOOD: &str = "{\"query\": \"q\", \"pos\": [\"p\"], \"neg\": [\"n\"]}\n";

/// What is wrong with the lines of a file, as it is told, the good line after each still read.
fn problems(bytes: &[u8]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.jsonl");
    fs::write(&path, [bytes, b"\n", GOOD.as_bytes()].concat()).unwrap();
    let dataset = Dataset::open(&path).unwrap();
    let rows = dataset.rows();
    assert_eq!(rows.last().map(|(line, row)| (*line, row.query.as_str())), Some((2, "q")), "the good line is lost");
    let survey = Survey::of(dataset.lines(), Expectations::default());
    assert_eq!(survey.rows(), rows.len());
    dataset.problems().iter().map(ToString::to_string).collect()
}

#[test]
fn every_broken_line_is_told_with_its_place_and_the_cause() {
    let deep = "[".repeat(100_000);
    let deep_object = "{\"a\":".repeat(100_000);
    for (line, told) in [
        (deep.as_bytes(), "line 1, column 128: the line is not JSON: recursion limit exceeded"),
        (deep_object.as_bytes(), "the line is not JSON: recursion limit exceeded"),
        (b"{\"query\": \"\xff\xfe\", \"pos\": [\"p\"]}", "line 1, column 12: the line is not valid UTF-8"),
        (b"{\"query\": \"q\0\", \"pos\": [\"p\"]}", "control character"),
        (b"\0\0\0", "line 1, column 1: the line is not JSON: expected value"),
        (b"{\"query\": \"q\", \"pos\": [\"p\"], \"pos_scores\": [1e999]}", "number out of range"),
        (b"{\"query\": \"q\", \"pos\": [\"p\"], \"n\": -1e400}", "number out of range"),
        (b"{\"query\": \"q\", \"pos\": [\"p\"], \"n\": NaN}", "NaN and Infinity are not JSON numbers"),
        (b"{\"query\": \"q\", \"pos\": [\"p\"", "it ends too early"),
    ] {
        let found = problems(line);
        assert!(found.len() == 1 && found[0].contains(told) && found[0].contains(". "), "{found:?}\nlacks: {told}");
    }
    // Usable, but for the score.
    let found = problems(b"{\"query\": \"q\\u0000\", \"pos\": [\"p\"], \"pos_scores\": [1e300]}");
    assert!(found.iter().any(|told| told.contains("not a number of 32 bits")), "{found:?}");
    assert!(found.iter().any(|told| told.contains("control characters")), "{found:?}");
}

/// A line of so many bytes, written without its having to be in memory. `None` if there is no room for it.
fn long_line(path: &Path, bytes: u64) -> Option<()> {
    let mut file = File::create(path).unwrap();
    let piece = vec![b'a'; 1 << 20];
    file.write_all(b"{\"query\": \"").unwrap();
    for _ in 0..bytes >> 20 {
        file.write_all(&piece).ok()?;
    }
    file.write_all(b"\", \"pos\": [\"p\"]}\n").and_then(|()| file.write_all(GOOD.as_bytes())).ok()
}

fn read_long_line(bytes: u64, within: Duration) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.jsonl");
    let Some(()) = long_line(&path, bytes) else {
        eprintln!("there is no room for a file of {bytes} bytes");
        return;
    };
    let started = Instant::now();
    let dataset = Dataset::open(&path).unwrap();
    let survey = Survey::of(dataset.lines(), Expectations::default());
    assert_eq!((survey.rows(), survey.counts()), (1, &[(FaultKind::LineTooLong, 1)][..]));
    let told = dataset.problems()[0].to_string();
    assert!(told.starts_with("line 1: the line has ") && told.contains("a row has at most 16777216"), "{told}");
    // The table asks for a line whenever it draws it.
    for _ in 0..1000 {
        assert!(dataset.lines().read(0).is_bad());
    }
    assert!(started.elapsed() < within, "{:?}", started.elapsed());
}

#[test]
fn a_line_of_very_many_bytes_is_one_bad_line() {
    read_long_line(64 << 20, Duration::from_secs(10));
}

/// 2 GiB on the disk and in memory.
#[test]
#[ignore = "takes 2 GiB of disk and memory"]
fn a_line_of_two_gibibytes_is_one_bad_line() {
    read_long_line(2 << 30, Duration::from_secs(120));
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_refused_by_everything_that_reads_one() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (path, what) in [(Path::new("/dev/zero"), "a device"), (folder.path(), "a folder")] {
        let told = [
            Dataset::open(path).unwrap_err().to_string(),
            Corpus::open(path).unwrap_err().to_string(),
            Table::open(path, None).unwrap_err().to_string(),
            CorpusFile::open(path).unwrap_err().to_string(),
            TrainingConfig::default().set_from_file(path).unwrap_err().to_string(),
            Settings::load(path).1.unwrap().to_string(),
        ];
        for told in told {
            assert!(told.contains(&format!("it is {what}")) && told.contains(&*path.to_string_lossy()), "{told}");
        }
    }
    // These are no data that somebody may hand over as it comes.
    let told = [
        TrainingConfig::default().set_from_file(&pipe).unwrap_err().to_string(),
        Settings::load(&pipe).1.unwrap().to_string(),
    ];
    assert!(told.iter().all(|told| told.contains("it is a pipe")), "{told:?}");
    // A pipe without an end, as the window reads it, which can give up at any time.
    let writer = std::process::Command::new("sh").arg("-c").arg("exec yes >\"$0\"").arg(&pipe).spawn();
    let mut writer = writer.unwrap();
    let watch = Watch::default();
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| Dataset::open_watched(&pipe, &watch));
        while watch.done() < 8 << 20 {
            std::thread::sleep(Duration::from_millis(2));
        }
        watch.cancel();
        assert!(reading.join().unwrap().is_err());
    });
    writer.wait().unwrap();
}

#[test]
fn tables_that_nobody_made_are_read_in_time_or_refused() {
    let started = Instant::now();
    let read = |text: &str| Table::from_bytes(text.as_bytes(), None);
    // One cell of 100 MB, quoted and not.
    let cell = "焊".repeat(35_000_000);
    for text in [format!("question,answer\nq,{cell}\n"), format!("question,answer\nq,\"{cell}\"\n")] {
        let table = read(&text).unwrap();
        let (rows, skipped) = rows(&table, &Mapping::guess(&table)).unwrap();
        assert_eq!((rows.len(), skipped.len(), rows[0].pos[0].len()), (1, 0, cell.len()));
    }
    // Quotation marks that never close, each looked for to the end.
    for text in ["\"".repeat(2_000_000), ",\"a\"\"".repeat(500_000), "\"a\n".repeat(500_000), "\",\"\"".repeat(500_000)]
    {
        let _ = read(&text);
    }
    let error = read(&format!("a{}\nb\n", ",a".repeat(20_000))).unwrap_err().to_string();
    assert!(error.contains("more than 16384 columns"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

/// Found by changing a sound file by chance: a chain of sectors that leads back into itself filled the memory.
#[test]
fn a_workbook_of_excel_97_whose_parts_have_no_end_is_refused() {
    let sound = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tables/questions.xls")).unwrap();
    assert!(Table::from_bytes(&sound, None).is_ok());
    let started = Instant::now();
    // Each entry of the table of sectors in its turn leads to the first, to itself, and beyond the end.
    let table = (u32::from_le_bytes(sound[76..80].try_into().unwrap()) as usize + 1) * 512;
    for (number, place) in (0..128_u32).zip((table..).step_by(4)) {
        for next in [0, number, 0x7fff_ffff] {
            let mut broken = sound.clone();
            broken[place..place + 4].copy_from_slice(&next.to_le_bytes());
            if let Err(error) = Table::from_bytes(&broken, None) {
                assert!(error.to_string().contains("the workbook is"), "{error}");
            }
        }
    }
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}

/// Found by the fuzzer: what reads workbooks panics at these, and the program says that they are damaged.
#[test]
fn workbooks_at_which_their_reader_panics_are_refused() {
    let found = |name: &str| fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/fuzzing").join(name));
    crate::read::workbook(&found("sheet.xml").unwrap());
    let error = Table::from_bytes(&found("book.xls").unwrap(), None).unwrap_err().to_string();
    assert!(error.contains("the workbook is damaged"), "{error}");
}

#[test]
fn settings_and_commands_without_end_are_put_aside_or_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.toml");
    for text in
        ["a = ".to_owned() + &"[".repeat(200_000), format!("{} = 1", "a.".repeat(50_000) + "a"), "[[".repeat(100_000)]
    {
        fs::write(&path, &text).unwrap();
        let (settings, _) = Settings::load(&path);
        assert_eq!(settings.recent_data.len(), 0);
        assert!(TrainingConfig::default().set_from_file(&path).is_err() || !path.exists());
    }
    File::create(&path).unwrap().set_len((64 << 20) + 1).unwrap();
    assert!(Settings::load(&path).1.unwrap().to_string().contains("at most 64 MiB"));
    let started = Instant::now();
    for text in [
        "\"".repeat(300_000),
        "--a ".repeat(100_000),
        "'".repeat(100_000) + &"\"'".repeat(100_000),
        "„ ".repeat(200_000),
    ] {
        let pasted = read_command(&text, &TrainingConfig::default());
        assert!(pasted.flags.len() < 20_000);
        assert_eq!(pasted.flags.last().map(|flag| flag.name.as_str()), Some("…"), "the rest is not told of");
    }
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}
