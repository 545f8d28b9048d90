//! Results, line by line, on standard output.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

/// What a shell reports of a program whose reader went away (128 + SIGPIPE).
const READER_GONE: i32 = 141;

/// Writes a line at once. Where nobody reads any more (`… | head`), or nothing can be written, the program ends.
pub fn line(text: impl Display) {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(READER_GONE),
        Err(error) => {
            eprintln!("error: standard output: {error}");
            std::process::exit(1);
        }
    }
}
