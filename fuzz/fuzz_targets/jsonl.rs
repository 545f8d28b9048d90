#![no_main]

#[path = "../../tests/hostile/read.rs"]
#[allow(dead_code)]
mod read;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| read::jsonl(bytes));
