//! The configuration of a run, from wherever the command line says.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::train_options::TrainOptions;
use super::{Ending, out};
use crate::files;
use crate::jobs::Failure;
use crate::training::{Fate, Flag, Preset, TrainingConfig, read_command};

/// Where options come from; what is below goes before what is above.
#[derive(Debug, Args)]
pub struct Configuration {
    /// Options that belong together: welding (the published recipe), quick-look, lora-8gb or heads-only.
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(Preset::ALL.map(Preset::name)))]
    preset: Option<String>,
    /// TOML file with options of the same names; what is on the command line goes before it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Text of a `torchrun -m FlagEmbedding…` command, as in a script or copied from a web page; `-` for standard input.
    #[arg(long, visible_alias = "from_command", value_name = "FILE")]
    from_command: Option<PathBuf>,
    /// Write all options to a TOML file for --config, and train nothing.
    #[arg(long, visible_alias = "save_config", value_name = "FILE")]
    save_config: Option<PathBuf>,
    #[command(flatten)]
    options: TrainOptions,
}

impl Configuration {
    /// Sets the single options that were given, in a configuration from elsewhere.
    pub(super) fn change(&self, config: &mut TrainingConfig) -> Result<(), Ending> {
        self.options.apply(config)
    }

    /// The options of the run; `None` if they were only to be written down.
    pub(super) fn read(&self) -> Result<Option<TrainingConfig>, Ending> {
        let mut config = TrainingConfig::default();
        if let Some(preset) = self.preset.as_deref().and_then(Preset::of_name) {
            preset.put_into(&mut config);
        }
        if let Some(path) = &self.config {
            config.set_from_file(path)?;
        }
        if let Some(path) = &self.from_command {
            config = read_pasted(path, &config)?;
        }
        self.options.apply(&mut config)?;
        for remark in self.options.remarks() {
            eprintln!("{remark}");
        }
        if let Some(path) = &self.save_config {
            config.save_to_file(path)?;
            out::line(path.display());
            return Ok(None);
        }
        match config.problems().first() {
            Some(problem) => Err(Ending::Usage(problem.to_string())),
            None => Ok(Some(config)),
        }
    }
}

/// Reads a command's text, says what becomes of each flag, and refuses values that cannot be.
fn read_pasted(path: &Path, base: &TrainingConfig) -> Result<TrainingConfig, Ending> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().take(files::WORDS).read_to_string(&mut text).map(|_| text)
    } else {
        let no_text = |error| std::io::Error::new(std::io::ErrorKind::InvalidData, error);
        files::read_or_pipe(path, files::WORDS).and_then(|bytes| String::from_utf8(bytes).map_err(no_text))
    };
    let text = text.map_err(|error| {
        Failure::new(format!("the command in {} cannot be read: {error}", path.display()), "give a file in UTF-8")
    });
    let command = read_command(&text.map_err(Ending::Failed)?, base);
    for flag in &command.flags {
        eprintln!("{}", told(flag));
    }
    let refused = command.flags.iter().find_map(|flag| match &flag.fate {
        Fate::Refused(error) => Some(error.to_string()),
        _ => None,
    });
    match refused {
        Some(why) => Err(Ending::Usage(format!("the command in {} cannot be used: {why}", path.display()))),
        None => Ok(command.config),
    }
}

fn told(flag: &Flag) -> String {
    let Flag { name, value, fate } = flag;
    match fate {
        Fate::Applied => format!("applied     --{name} {value}"),
        Fate::NotNeeded(idle) => format!("not needed  --{name} {value} ({})", idle.why),
        Fate::Unknown => format!("unknown     --{name} {value}"),
        Fate::Refused(error) => format!("refused     --{name} {value} ({error})"),
    }
}
