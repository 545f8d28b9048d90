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
        tracing::error!("a translation file is broken: {error}");
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
            tracing::error!("there is no text `{key}`");
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::training::OPTIONS;

    /// Keys that are put together from a name that the library gives.
    const MADE: [&str; 12] = [
        "option_", "help_", "problem_", "fault_", "advice_", "error_", "warning_", "kind_", "stage_", "unit_", "idle_",
        "preset_",
    ];
    /// Of these the library itself has the English text.
    const CHINESE_ONLY: [&str; 9] =
        ["help_", "problem_", "fault_", "advice_", "error_", "warning_", "kind_", "idle_", "preset_help_"];

    fn keys(file: &str) -> BTreeSet<String> {
        read(file).into_keys().collect()
    }

    fn begins(key: &str, prefixes: &[&str]) -> bool {
        key != "problem_at" && prefixes.iter().any(|prefix| key.starts_with(prefix))
    }

    /// The window's code, without its tests.
    fn sources() -> String {
        fn collect(folder: &Path, all: &mut String) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    collect(&path, all);
                } else {
                    let text = std::fs::read_to_string(&path).unwrap();
                    all.push_str(text.split("#[cfg(test)]").next().unwrap_or_default());
                }
            }
        }
        let mut all = String::new();
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/app"), &mut all);
        all
    }

    #[test]
    fn both_languages_have_the_same_keys() {
        let chinese: BTreeSet<_> = keys(CHINESE).into_iter().filter(|key| !begins(key, &CHINESE_ONLY)).collect();
        assert_eq!(chinese, keys(ENGLISH));
        assert!(!chinese.is_empty());
    }

    #[test]
    fn both_languages_fill_in_the_same_names() {
        let names = |text: &str| -> BTreeSet<String> {
            text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0.to_string())).collect()
        };
        let (chinese, english) = (read(CHINESE), read(ENGLISH));
        for (key, text) in &english {
            assert_eq!(names(text), names(&chinese[key]), "{key}");
        }
    }

    #[test]
    fn every_key_that_the_code_names_is_there() {
        let all = keys(ENGLISH);
        let sources = sources();
        for call in ["texts.get(", "texts.with("] {
            for rest in sources.split(call).skip(1) {
                if let Some((key, _)) = rest.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"'))
                    && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
                {
                    assert!(all.contains(key), "`{key}` is no text");
                }
            }
        }
    }

    #[test]
    fn every_text_is_used() {
        let sources = sources();
        for key in keys(ENGLISH).into_iter().filter(|key| !begins(key, &MADE) && !key.starts_with("job_")) {
            assert!(sources.contains(&format!("\"{key}\"")), "nothing says `{key}`");
        }
    }

    #[test]
    fn every_error_that_is_told_in_chinese_is_one_that_the_code_tells() {
        let (sources, chinese) = (sources(), keys(CHINESE));
        for kind in ["error_", "warning_"] {
            for key in chinese.iter().filter(|key| key.starts_with(kind)) {
                assert!(sources.contains(&format!("\"{key}\"")), "nothing says `{key}`");
            }
            for rest in sources.split(&format!("\"{kind}")).skip(1) {
                let key = format!("{kind}{}", rest.split('"').next().unwrap_or_default());
                assert!(chinese.contains(&key), "`{key}` is no text");
            }
        }
    }

    #[test]
    fn every_option_has_a_name_and_help_in_chinese() {
        for option in OPTIONS {
            for language in Language::ALL {
                assert!(Texts::new(language).find(&format!("option_{}", option.name)).is_some(), "{}", option.name);
            }
            assert!(Texts::new(Language::Chinese).find(&format!("help_{}", option.name)).is_some(), "{}", option.name);
            let unit = format!("unit_{}", option.unit.replace('-', "_"));
            assert!(option.unit.is_empty() || Texts::new(Language::Chinese).find(&unit).is_some(), "{unit}");
        }
    }

    #[test]
    fn a_locale_chooses_its_language() {
        assert_eq!(Language::of_locale("zh_CN.UTF-8"), Some(Language::Chinese));
        assert_eq!(Language::of_locale("en"), Some(Language::English));
        assert_eq!(Language::of_locale("de_DE"), None);
    }

    #[test]
    fn names_are_filled_in() {
        assert_eq!(Texts::new(Language::English).with("rows_shown", &[("shown", &3), ("rows", &7)]), "3 of 7 rows");
    }
}
