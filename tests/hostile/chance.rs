//! Sound files with something changed by chance, read by all that reads such files. The fuzz targets in `fuzz/` do the same
//! for as long as one lets them, and what they found stands here.

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::seeds::{Kind, kinds};

/// Files tried of each kind, always the same ones; `WELDBENCH_CASES` says another number, and tries others each time.
const CASES: u32 = 300;

/// A change somewhere in a file.
#[derive(Clone, Debug)]
enum Change {
    Byte(Index, u8),
    Cut(Index),
    Remove(Index, usize),
    Insert(Index, Vec<u8>),
    Repeat(Index, usize, usize),
}

/// What breaks readers: ends and beginnings of things, numbers beyond every type, paths that lead out.
const WORDS: [&[u8]; 28] = [
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\"",
    b"'",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"[[[[[[[[",
    b"{\"",
    b"}}",
    b"<![CDATA[",
    b"&amp;",
    b"-1",
    b"1e999",
    b"NaN",
    b"null",
    b"18446744073709551616",
    b"9223372036854775807",
    b"4294967295",
    b"\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"../../../../etc/passwd",
    b"\n\n",
    b"\r",
    b",,,,,,,,",
    "焊".as_bytes(),
    "𠮷\u{301}".as_bytes(),
    b"--",
];

fn change() -> impl Strategy<Value = Change> {
    let place = any::<Index>;
    let word = prop::sample::select(WORDS.map(<[u8]>::to_vec).to_vec());
    let bytes = prop::collection::vec(any::<u8>(), 1..12);
    prop_oneof![
        4 => (place(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        1 => place().prop_map(Change::Cut),
        2 => (place(), 1..40_usize).prop_map(|(at, count)| Change::Remove(at, count)),
        4 => (place(), word).prop_map(|(at, word)| Change::Insert(at, word)),
        1 => (place(), bytes).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        1 => (place(), 1..60_usize, 2..20_usize).prop_map(|(at, count, times)| Change::Repeat(at, count, times)),
    ]
}

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let end = bytes.len();
        let place = |at: &Index| at.index(end + 1);
        match change {
            Change::Byte(at, byte) if end > 0 => bytes[at.index(end)] = *byte,
            Change::Byte(..) => {}
            Change::Cut(at) => bytes.truncate(place(at)),
            Change::Remove(at, count) => drop(bytes.drain(place(at)..(place(at) + count).min(end))),
            Change::Insert(at, word) => drop(bytes.splice(place(at)..place(at), word.iter().copied())),
            Change::Repeat(at, count, times) => {
                let part = bytes[place(at)..(place(at) + count).min(end)].repeat(*times);
                drop(bytes.splice(place(at)..place(at), part));
            }
        }
    }
    bytes
}

fn try_all(name: &str) {
    let Kind { read, seeds, .. } = kinds().into_iter().find(|kind| kind.name == name).unwrap();
    let asked = std::env::var("WELDBENCH_CASES").ok().and_then(|cases| cases.parse().ok());
    let config = Config { cases: asked.unwrap_or(CASES), failure_persistence: None, ..Config::default() };
    let mut runner = match asked {
        Some(_) => TestRunner::new(config),
        None => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
    };
    let files = (prop::sample::select(seeds), prop::collection::vec(change(), 1..6));
    let files = files.prop_map(|(seed, changes)| changed(seed, &changes));
    let tried = runner.run(&files, |bytes| {
        read(&bytes);
        Ok(())
    });
    if let Err(error) = tried {
        panic!("{error}");
    }
}

macro_rules! every_kind {
    ($($name:ident),*) => {
        $(
            #[test]
            fn $name() {
                try_all(stringify!($name));
            }
        )*

        #[test]
        fn none_is_left_out() {
            assert_eq!(kinds().iter().map(|kind| kind.name).collect::<Vec<_>>(), [$(stringify!($name)),*]);
        }
    };
}

every_kind!(jsonl, command, settings, run_folder, journal, safetensors, pytorch, tokenizer, table, workbook);
