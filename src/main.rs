//! Arguments in; a window or a command out.

use std::process::ExitCode;

use weldbench::cli;

fn main() -> ExitCode {
    cli::log::start();
    let result = cli::read(std::env::args_os()).run();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(ending) => {
            if let Some(message) = ending.message() {
                eprintln!("{message}");
            }
            ExitCode::from(ending.exit_code())
        }
    }
}
