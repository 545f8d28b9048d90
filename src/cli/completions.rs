use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{CommandLine, Ending, out};

/// Write the script with which a shell completes commands and options.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  weldbench completions bash > ~/.local/share/bash-completion/completions/weldbench
  weldbench completions zsh > ~/.zfunc/_weldbench
  weldbench completions fish > ~/.config/fish/completions/weldbench.fish
  weldbench completions powershell >> $PROFILE")]
pub struct Completions {
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> Result<(), Ending> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut CommandLine::command(), "weldbench", &mut script);
        out::line(String::from_utf8_lossy(&script).trim_end());
        Ok(())
    }
}
