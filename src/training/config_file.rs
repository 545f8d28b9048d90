//! Options of a run in a TOML file, by the same names as on the command line.

use std::io::Write;
use std::path::{Path, PathBuf};

use thiserror::Error;
use toml::{Table, Value};

use super::config::TrainingConfig;
use super::options::OptionError;
use crate::files;

/// A file of options that cannot be read or written.
#[derive(Debug, Error)]
pub enum ConfigFileError {
    #[error("{} cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{} cannot be written: {source}; choose another place", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("{} is no TOML file: {cause}; correct it", path.display())]
    Toml { path: PathBuf, cause: String },
    #[error(
        "{}: {}; correct the file, `weldbench train --help` lists all options", path.display(),
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    )]
    Options { path: PathBuf, problems: Vec<OptionError> },
}

impl TrainingConfig {
    /// Sets every option that a file names; none if one of them cannot be used. Paths in it count from the folder that
    /// the program was started in.
    pub fn set_from_file(&mut self, path: &Path) -> Result<(), ConfigFileError> {
        let text = files::read_text(path, files::WORDS)
            .map_err(|source| ConfigFileError::Read { path: path.to_path_buf(), source })?;
        let table: Table = text.parse().map_err(|error: toml::de::Error| ConfigFileError::Toml {
            path: path.to_path_buf(),
            cause: error.to_string().trim_end().replace('\n', " "),
        })?;
        let mut changed = self.clone();
        let problems: Vec<OptionError> = (table.iter())
            .filter_map(|(name, value)| {
                let set = match value {
                    Value::String(text) => changed.set(name, text),
                    Value::Integer(number) => changed.set(name, &number.to_string()),
                    Value::Float(number) => changed.set(name, &number.to_string()),
                    Value::Boolean(switch) => changed.set(name, &switch.to_string()),
                    Value::Array(items) => match items.iter().map(Value::as_str).collect::<Option<Vec<_>>>() {
                        Some(items) => changed.set_list(name, &items),
                        None => Err(no_value(name, value)),
                    },
                    Value::Datetime(_) | Value::Table(_) => Err(no_value(name, value)),
                };
                set.err()
            })
            .collect();
        if !problems.is_empty() {
            return Err(ConfigFileError::Options { path: path.to_path_buf(), problems });
        }
        *self = changed;
        Ok(())
    }

    /// Writes all options that are not empty in place of what the file had.
    pub fn save_to_file(&self, path: &Path) -> Result<(), ConfigFileError> {
        let write = || -> std::io::Result<()> {
            let text = toml::to_string(self).map_err(std::io::Error::other)?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(path)?;
            Ok(())
        };
        write().map_err(|source| ConfigFileError::Write { path: path.to_path_buf(), source })
    }
}

fn no_value(name: &str, value: &Value) -> OptionError {
    OptionError::Invalid {
        name: name.into(),
        value: value.to_string(),
        cause: "it must be a text, a number, true, false or a list of texts".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::Preset;

    fn read(text: &str) -> Result<TrainingConfig, ConfigFileError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.toml");
        std::fs::write(&path, text).unwrap();
        let mut config = TrainingConfig::default();
        config.set_from_file(&path).map(|()| config)
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let text = "train_data = [\"a.jsonl\", \"b.jsonl\"]\nlearning_rate = 1e-5\ntrain-group-size = 4\nfp16 = true\nkd_loss_type = \"m3_kd_loss\"";
        let config = read(text).unwrap();
        assert_eq!(config.train_data.len(), 2);
        assert_eq!((config.learning_rate, config.train_group_size, config.fp16), (1e-5, 4, true));
    }

    #[test]
    fn what_is_saved_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("焊接.toml");
        for preset in Preset::ALL {
            let config = TrainingConfig {
                train_data: vec!["a.jsonl".into(), "b \"c\", d.jsonl".into()],
                query_instruction_format: "Instruct: {}\nQuery: {}".into(),
                ..preset.config()
            };
            config.save_to_file(&path).unwrap();
            let mut read = TrainingConfig::default();
            read.set_from_file(&path).unwrap();
            assert_eq!(read, config);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn mistakes_are_told_with_file_and_option_and_change_nothing() {
        for (text, parts) in [
            ("learning_rate = 1\ntempreature = 1\nfp16 = \"sometimes\"", &["`tempreature`", "`fp16`"][..]),
            ("seed = 1979-05-27", &["`seed`", "1979"]),
            ("a = [", &["no TOML"]),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(parts.iter().all(|part| error.contains(part)) && error.contains("run.toml"), "{error}");
        }
        let mut config = TrainingConfig::default();
        assert!(config.set_from_file(Path::new("no/such.toml")).unwrap_err().to_string().contains("such.toml"));
        assert_eq!(config, TrainingConfig::default());
    }
}
