use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::WorkspaceError;
use super::folders::write_whole;
use crate::files;
use crate::training::Pace;

/// Paces of runs remembered.
const PACES: usize = 30;

/// Data files remembered.
const RECENT: usize = 10;

/// Why the settings start anew.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SettingsFault {
    #[error("{}: the settings cannot be read: {cause}", path.display())]
    Unreadable { path: PathBuf, cause: String },
    #[error("{}: {cause}; it is kept as {}, and the settings start anew", path.display(), aside.display())]
    Broken { path: PathBuf, cause: String, aside: PathBuf },
    #[error("{}: {cause}; copy it before it is overwritten: it cannot be kept aside ({trouble})", path.display())]
    InTheWay { path: PathBuf, cause: String, trouble: String },
}

/// What the program remembers of its user. A missing key has its default; keys this version does not know are
/// kept, so that a newer one finds them again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The data files opened last, the latest first.
    pub recent_data: Vec<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corpus: Option<PathBuf>,
    /// The questions to compare on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<PathBuf>,
    /// The passages of the second set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub general_corpus: Option<PathBuf>,
    /// The questions of the second set, which shows what was forgotten.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub general_evaluation: Option<PathBuf>,
    /// The folder of the base model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<PathBuf>,
    /// The address of the hub or of a mirror, if one was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hub: Option<String>,
    /// As in `--device`; empty if never chosen.
    pub device: String,
    /// Empty if never chosen.
    pub language: String,
    /// Empty if never chosen.
    pub theme: String,
    /// The guide of a first start is not shown again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub guide_put_away: bool,
    /// The options of the last run, by name.
    pub training: toml::Table,
    /// How fast runs like these were, by [`pace_key`](crate::training::pace_key), the latest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paces: Vec<(String, Pace)>,
    #[serde(flatten)]
    other: toml::Table,
}

impl Settings {
    /// Reads the settings; those of a first start where there is no file.
    ///
    /// A file that cannot be understood is put aside under another name, and the fault says where.
    pub fn load(path: &Path) -> (Self, Option<SettingsFault>) {
        let file = path.to_path_buf();
        let text = match files::read(path, files::WORDS) {
            Ok(bytes) => String::from_utf8(bytes).map_err(|error| error.to_string()),
            Err(error) if error.kind() == ErrorKind::NotFound => return (Self::default(), None),
            Err(error) => {
                let fault = SettingsFault::Unreadable { path: file, cause: error.to_string() };
                return (Self::default(), Some(fault));
            }
        };
        match text.and_then(|text| toml::from_str(&text).map_err(|error| error.to_string())) {
            Ok(settings) => (settings, None),
            Err(cause) => {
                let cause = cause.trim_end().to_owned();
                let fault = match put_aside(path) {
                    Ok(aside) => SettingsFault::Broken { path: file, cause, aside },
                    Err(error) => SettingsFault::InTheWay { path: file, cause, trouble: error.to_string() },
                };
                (Self::default(), Some(fault))
            }
        }
    }

    /// Writes the settings in place of the old ones.
    pub fn save(&self, path: &Path) -> Result<(), WorkspaceError> {
        let text = toml::to_string_pretty(self).map_err(|error| WorkspaceError::Io {
            path: path.to_path_buf(),
            action: "write",
            cause: std::io::Error::new(ErrorKind::InvalidData, error),
        })?;
        write_whole(path, &text)
    }

    /// Puts a data file first among the recent ones.
    pub fn remember_data(&mut self, path: &Path) {
        self.recent_data.retain(|known| known != path);
        self.recent_data.insert(0, path.to_path_buf());
        self.recent_data.truncate(RECENT);
    }

    /// How fast the last run with this key was.
    pub fn pace(&self, key: &str) -> Option<Pace> {
        self.paces.iter().find(|(known, _)| known == key).map(|(_, pace)| *pace)
    }

    /// Puts a run's pace in place of what is known of such runs.
    pub fn remember_pace(&mut self, key: String, pace: Pace) {
        self.paces.retain(|(known, _)| *known != key);
        self.paces.insert(0, (key, pace));
        self.paces.truncate(PACES);
    }
}

/// Renames a file to the first free `<name>.broken-<n>`.
fn put_aside(path: &Path) -> std::io::Result<PathBuf> {
    let mut number = 1;
    loop {
        let mut name = path.as_os_str().to_os_string();
        name.push(format!(".broken-{number}"));
        let aside = PathBuf::from(name);
        if !aside.try_exists()? {
            fs::rename(path, &aside)?;
            return Ok(aside);
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_read_again_with_keys_of_other_versions() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.toml");
        assert_eq!(Settings::load(&path), (Settings::default(), None));
        fs::write(&path, "theme = \"dark\"\nfuture = 3\n[training]\nlearning_rate = 1e-5\n[panel]\nwidth = 2.5\n")
            .unwrap();
        let (mut settings, fault) = Settings::load(&path);
        assert_eq!(fault, None);
        assert_eq!((settings.theme.as_str(), settings.device.as_str()), ("dark", ""));
        settings.remember_data(Path::new("/数据/焊接.jsonl"));
        settings.model = Some("model \"quoted\"".into());
        for seconds in 0..40 {
            settings.remember_pace(format!("{}", seconds % 35), Pace { micro_batch: seconds as f64, update: 0.5 });
        }
        settings.save(&path).unwrap();
        assert_eq!((settings.paces.len(), settings.pace("4").unwrap().micro_batch), (PACES, 39.0));
        assert_eq!(Settings::load(&path), (settings, None));
        let saved: toml::Table = toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(saved["future"].as_integer(), Some(3));
        assert_eq!(saved["panel"]["width"].as_float(), Some(2.5));
        assert_eq!(saved["training"]["learning_rate"].as_float(), Some(1e-5));
    }

    #[test]
    fn a_broken_file_is_kept_aside_and_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.toml");
        for (number, broken) in [&b"theme = "[..], b"theme = 3", b"theme = \"\xff\""].into_iter().enumerate() {
            fs::write(&path, broken).unwrap();
            let (settings, fault) = Settings::load(&path);
            assert_eq!(settings, Settings::default());
            let aside = folder.path().join(format!("settings.toml.broken-{}", number + 1));
            let told = fault.unwrap().to_string();
            assert!(told.contains(&*aside.to_string_lossy()), "{told}");
            assert_eq!(fs::read(aside).unwrap(), broken);
            assert!(!path.exists());
        }
    }

    #[test]
    fn recent_files_are_few_and_named_once() {
        let mut settings = Settings::default();
        for number in (0..12).chain([5]) {
            settings.remember_data(Path::new(&format!("{number}.jsonl")));
        }
        assert_eq!(settings.recent_data.len(), RECENT);
        assert_eq!(settings.recent_data[..2], [Path::new("5.jsonl"), Path::new("11.jsonl")]);
    }
}
