//! What the program notes of its work, on standard error: as much as `RUST_LOG` asks for.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Begins to write notes, also those of other crates that use `log`. Errors alone unless `RUST_LOG` says otherwise, such
/// as `weldbench=info,wgpu=warn`; in colours on a terminal unless `NO_COLOR` is set.
pub fn start() {
    let mut filter = EnvFilter::builder().with_default_directive(LevelFilter::ERROR.into()).from_env_lossy();
    // Below that, ureq notes whole requests, and with them the hub's token.
    for quiet in ["ureq=info", "ureq_proto=info"] {
        filter = filter.add_directive(quiet.parse().expect("a directive"));
    }
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    // Another one may have begun, as in tests.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(colours).try_init();
}
