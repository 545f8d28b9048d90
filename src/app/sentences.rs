//! Sentences that the layers below hand over as text, causes within errors above all, and that a run's folder keeps. One
//! that is not known stays as it is: what the system or another library says.

use std::collections::BTreeMap;
use std::io;
use std::sync::LazyLock;

use super::error_texts;
use super::texts::{Language, Texts};

const CHINESE: &str = include_str!("../../assets/translations/sentences.zh.toml");

static SENTENCES: LazyLock<Vec<Sentence>> = LazyLock::new(|| {
    let table: BTreeMap<String, String> = toml::from_str(CHINESE).unwrap_or_else(|error| {
        tracing::error!("a translation file is broken: {error}");
        BTreeMap::new()
    });
    table.into_iter().map(|(english, chinese)| Sentence::new(&english, chinese)).collect()
});

/// An English sentence, parted where something is filled in, and the Chinese one.
struct Sentence {
    pieces: Vec<String>,
    names: Vec<String>,
    chinese: String,
}

impl Sentence {
    fn new(english: &str, chinese: String) -> Self {
        let (mut pieces, mut names, mut rest) = (Vec::new(), Vec::new(), english);
        while let Some((piece, after)) = rest.split_once('{')
            && let Some((name, after)) = after.split_once('}')
        {
            pieces.push(piece.to_owned());
            names.push(name.to_owned());
            rest = after;
        }
        pieces.push(rest.to_owned());
        Self { pieces, names, chinese }
    }

    /// What is filled in, if a text is this sentence.
    fn filled<'a>(&self, text: &'a str) -> Option<Vec<&'a str>> {
        let [first, between @ .., last] = &self.pieces[..] else {
            return (self.pieces[0] == text).then(Vec::new);
        };
        let mut rest = text.strip_prefix(first.as_str())?.strip_suffix(last.as_str())?;
        let mut filled = Vec::new();
        for piece in between {
            let (value, after) = rest.split_once(piece.as_str())?;
            filled.push(value);
            rest = after;
        }
        filled.push(rest);
        Some(filled)
    }

    /// Of two that a text may be, the one with more letters of its own says more of it.
    fn letters(&self) -> usize {
        self.pieces.iter().map(String::len).sum()
    }
}

/// A sentence of the program in the window's language.
pub fn sentence(texts: Texts, english: &str) -> String {
    let told = if texts.language() == Language::Chinese { chinese(texts, english) } else { None };
    told.unwrap_or_else(|| english.to_owned())
}

fn chinese(texts: Texts, english: &str) -> Option<String> {
    let fits = SENTENCES.iter().filter_map(|sentence| Some((sentence, sentence.filled(english)?)));
    if let Some((found, filled)) = fits.max_by_key(|(sentence, _)| sentence.letters()) {
        let values = found.names.iter().zip(filled);
        return Some(values.fold(found.chinese.clone(), |text, (name, value)| {
            text.replace(&format!("{{{name}}}"), &sentence(texts, value))
        }));
    }
    // A place may stand before it.
    if let Some((place, rest)) = english.split_once(": ")
        && let Some(rest) = chinese(texts, rest)
    {
        return Some(format!("{place}：{rest}"));
    }
    of_system(texts, english)
}

/// What the system says, known by its number.
fn of_system(texts: Texts, english: &str) -> Option<String> {
    let number = english.strip_suffix(')')?.rsplit_once("(os error ")?.1.parse().ok()?;
    let error = io::Error::from_raw_os_error(number);
    if error.to_string() == english { error_texts::of_kind(texts, error.kind()).map(str::to_owned) } else { None }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn told(english: &str) -> String {
        sentence(Texts::new(Language::Chinese), english)
    }

    /// All code but this file, with texts that go over several lines put together.
    fn sources() -> String {
        fn collect(folder: &Path, all: &mut String) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    collect(&path, all);
                } else if path.file_name().is_some_and(|name| name != "sentences.rs") {
                    for line in std::fs::read_to_string(&path).unwrap().lines() {
                        let line = line.trim_start();
                        all.push_str(line.strip_suffix('\\').unwrap_or(line));
                    }
                }
            }
        }
        let mut all = String::new();
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
        all
    }

    #[test]
    fn every_sentence_is_one_that_the_code_says() {
        let sources = sources();
        assert!(!SENTENCES.is_empty());
        for sentence in SENTENCES.iter() {
            for piece in &sentence.pieces {
                assert!(sources.contains(piece.trim()), "nothing says `{piece}`");
            }
            let names = sentence.chinese.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
            let names: BTreeSet<&str> = names.map(|(name, _)| name).collect();
            let said = sentence.names.iter().map(String::as_str).collect();
            assert!(names.is_subset(&said), "{}", sentence.chinese);
        }
    }

    #[test]
    fn sentences_are_told_with_what_they_are_about() {
        for (english, chinese) in [
            ("CPU, 2 threads", "处理器，2 线程"),
            ("llvmpipe (LLVM 15) (Vulkan, software: slow)", "llvmpipe (LLVM 15) (Vulkan，软件渲染，较慢)"),
            ("it is a pipe, not a file; choose a file", "这是管道，不是文件；请选择文件"),
            ("not a PyTorch weight file (it is odd); fetch it again", "不是 PyTorch 权重文件（it is odd）；请重新下载"),
            ("/model: their tokenizers differ", "/model：两者的分词器不同"),
            ("expected value", "expected value"),
        ] {
            assert_eq!(told(english), chinese);
            assert_eq!(sentence(Texts::new(Language::English), english), english);
        }
    }

    #[test]
    #[cfg(unix)]
    fn what_the_system_says_is_told_where_it_is_common() {
        let full = io::Error::from_raw_os_error(28);
        assert_eq!(told(&full.to_string()), "磁盘已满");
        let checkpoint =
            format!("the checkpoint /a/step-00000002 cannot be written: {full}; is there room on the disk?");
        assert_eq!(told(&checkpoint), "无法写入检查点 /a/step-00000002：磁盘已满；请检查磁盘空间");
        assert_eq!(told("odd (os error 28)"), "odd (os error 28)");
    }
}
