//! What the window says, in each language. Texts live in `assets/translations`, one file a language.

use std::collections::HashMap;
use std::sync::LazyLock;

/// A language of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    Chinese,
    English,
}

type Table = HashMap<String, String>;

const CHINESE: &str = include_str!("../../assets/translations/zh.toml");
const ENGLISH: &str = include_str!("../../assets/translations/en.toml");

static TABLES: LazyLock<[Table; 2]> = LazyLock::new(|| [CHINESE, ENGLISH].map(read));

fn read(file: &str) -> Table {
    toml::from_str(file).unwrap_or_else(|error| {
        log::error!("a translation file is broken: {error}");
        Table::new()
    })
}

impl Language {
    pub const ALL: [Self; 2] = [Self::Chinese, Self::English];

    /// The language's own name.
    pub fn name(self) -> &'static str {
        Texts::new(self).get("language_name")
    }

    /// As in settings and locales: `zh`, `en`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Chinese => "zh",
            Self::English => "en",
        }
    }

    /// The language of a code or locale such as `zh_CN.UTF-8`; `None` if it is neither of ours.
    pub fn of_locale(locale: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| locale.to_ascii_lowercase().starts_with(language.code()))
    }

    /// The system's language; Chinese, which most users speak, where the system does not tell.
    pub fn of_system() -> Self {
        let told = ["LC_ALL", "LC_MESSAGES", "LANG"].iter().filter_map(|name| std::env::var(name).ok());
        match told.into_iter().find(|locale| !matches!(locale.as_str(), "" | "C" | "POSIX" | "C.UTF-8")) {
            Some(locale) => Self::of_locale(&locale).unwrap_or(Self::English),
            None => Self::Chinese,
        }
    }
}

/// The texts of one language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Texts {
    language: Language,
}

impl Texts {
    pub fn new(language: Language) -> Self {
        Self { language }
    }

    pub fn language(self) -> Language {
        self.language
    }

    /// The text of a key; the key itself if no file has it.
    pub fn get(self, key: &str) -> &'static str {
        self.find(key).unwrap_or_else(|| {
            log::error!("there is no text `{key}`");
            "…"
        })
    }

    /// The text of a key that may be absent.
    pub fn find(self, key: &str) -> Option<&'static str> {
        TABLES[self.language as usize].get(key).map(String::as_str)
    }

    /// A text with `{name}`s filled in.
    pub fn with(self, key: &str, values: &[(&str, &dyn std::fmt::Display)]) -> String {
        let mut text = self.get(key).to_string();
        for (name, value) in values {
            text = text.replace(&format!("{{{name}}}"), &value.to_string());
        }
        text
    }
}
