#![no_main]

#[path = "../../tests/hostile/read.rs"]
#[allow(dead_code)]
mod read;

libfuzzer_sys::fuzz_target!(
    // What reads workbooks may panic, and the program goes on; the fuzzer would end at every panic.
    init: std::panic::set_hook(Box::new(|_| {})),
    |bytes: &[u8]| read::workbook(bytes)
);
