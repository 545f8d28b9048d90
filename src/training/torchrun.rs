//! The text of a training command, as it stands in a shell script or on a web page, read into options.
//!
//! Web pages turn `--` into long dashes, quotes into curly ones, and authors put remarks behind values. Nothing of
//! that stops the reading: every flag ends with a [`Fate`], and a text that makes no sense gives unknown flags.

use std::iter::Peekable;
use std::vec::IntoIter;

use super::config::TrainingConfig;
use super::idle::{Idle, idle_option};
use super::options::{OptionError, takes_paths};

/// A command, read.
#[derive(Clone, Debug, PartialEq)]
pub struct PastedCommand {
    /// What the options were before, with what the command sets.
    pub config: TrainingConfig,
    /// Every flag, and every word that belongs to none, in the order of the text.
    pub flags: Vec<Flag>,
}

/// A flag of a command.
#[derive(Clone, Debug, PartialEq)]
pub struct Flag {
    /// Without dashes before it, with underscores within.
    pub name: String,
    /// As it was written, quotes and remarks taken off; several values with spaces between.
    pub value: String,
    pub fate: Fate,
}

/// What became of a flag.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    Applied,
    /// It changes nothing here.
    NotNeeded(&'static Idle),
    /// There is no such option.
    Unknown,
    /// The option cannot have this value.
    Refused(OptionError),
}

const ENVIRONMENT: Idle = Idle { name: "environment", why: "the device is chosen in the window or with --device" };
const MODULE: Idle = Idle { name: "module", why: "this program trains; unified_finetuning says which vectors" };
const LAUNCHER: Idle = Idle { name: "launcher", why: "one process trains on one device" };
const REPEATED: Idle = Idle { name: "repeated", why: "it is given again further on, and the last one counts" };

/// What a flag that is no option of a run may end with.
pub const ASIDE: [&Idle; 4] = [&ENVIRONMENT, &MODULE, &LAUNCHER, &REPEATED];

/// Characters of the longest command that is read; the longest that anybody wrote has a tenth of it.
const LONGEST: usize = 32 << 10;

/// Reads the text of a command and sets its options on top of `base`. What follows after [`LONGEST`] characters is told of
/// as one unknown flag.
pub fn read_command(text: &str, base: &TrainingConfig) -> PastedCommand {
    let end = text.char_indices().nth(LONGEST).map(|(end, _)| end);
    let (text, rest) = text.split_at(end.unwrap_or(text.len()));
    let mut reader = Reader { words: words(text).into_iter().peekable(), config: base.clone(), flags: Vec::new() };
    reader.read();
    let Reader { config, mut flags, .. } = reader;
    for at in 0..flags.len() {
        let again = flags[at + 1..].iter().any(|later| later.name == flags[at].name && later.fate == Fate::Applied);
        if again && flags[at].fate == Fate::Applied {
            flags[at].fate = Fate::NotNeeded(&REPEATED);
        }
    }
    if !rest.is_empty() {
        let value = rest.chars().take(40).chain(['…']).collect();
        flags.push(Flag { name: "…".into(), value, fate: Fate::Unknown });
    }
    PastedCommand { config, flags }
}

#[derive(Clone, Debug, PartialEq)]
struct Word {
    text: String,
    /// A part of it stood in quotes: it is a value, whatever it looks like.
    quoted: bool,
    line: usize,
}

impl Word {
    /// What a flag is called, and what stands behind it in the same word; `None` if this is no flag.
    fn as_flag(&self) -> Option<(String, String)> {
        let bare = self.text.trim_start_matches(is_dash);
        if self.quoted && !self.text.contains(['=', '＝'])
            || bare.len() == self.text.len()
            || !bare.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        {
            return None;
        }
        let is_of_name = |part: char| part.is_ascii_alphanumeric() || is_dash(part) || part == '_' || part == '.';
        let end = bare.find(|part| !is_of_name(part)).unwrap_or(bare.len());
        let (name, rest) = bare.split_at(end);
        let name = name.trim_end_matches(['.', '-']).replace(is_dash, "_");
        Some((name, rest.to_owned()))
    }

    /// Whether a person wrote it for persons, behind a value.
    fn is_remark(&self) -> bool {
        !self.quoted
            && (self.text.starts_with(['／', '（', '(', '；', ';', '，', '【', '←'])
                || self.text == "/"
                || self.text.starts_with("//")
                // A path has more parts, or an end such as `.jsonl`.
                || self.text.strip_prefix('/').is_some_and(|rest| {
                    !rest.is_ascii() && !rest.contains('/') && !rest.contains(".json")
                }))
    }
}

fn is_dash(part: char) -> bool {
    matches!(part, '-' | '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' | '－' | '﹣' | '﹘')
}

struct Reader {
    words: Peekable<IntoIter<Word>>,
    config: TrainingConfig,
    flags: Vec<Flag>,
}

impl Reader {
    fn read(&mut self) {
        // Words before the first flag are the program's name.
        let mut begun = false;
        let mut remark = None;
        while let Some(word) = self.words.next() {
            let word = self.joined_dash(word);
            if let Some((name, rest)) = word.as_flag() {
                begun = true;
                self.flag(name, rest);
            } else if !begun && is_assignment(&word.text) {
                self.tell(word.text, String::new(), Fate::NotNeeded(&ENVIRONMENT));
            } else if word.is_remark() {
                remark = Some(word.line);
            } else if matches!(word.text.as_str(), ">" | ">>" | "<") {
                // What follows is a file that the shell writes or reads.
                self.words.next_if(|next| next.as_flag().is_none());
            } else if begun && word.text.ends_with(".py") {
                self.tell(word.text, String::new(), Fate::NotNeeded(&MODULE));
            } else if begun && remark != Some(word.line) && !is_shell(&word.text) {
                self.tell(word.text, String::new(), Fate::Unknown);
            }
        }
    }

    /// A dash that a space has torn from its flag, with the word behind it.
    fn joined_dash(&mut self, word: Word) -> Word {
        let is_torn = !word.quoted && word.text.chars().all(is_dash);
        let known = |next: &Word| {
            let name = next.text.replace(is_dash, "_");
            self.config.get(&name).is_some() || idle_option(&name).is_some()
        };
        match self.words.peek() {
            Some(next) if is_torn && known(next) => {
                let text = word.text + &next.text;
                self.words.next();
                Word { text, ..word }
            }
            _ => word,
        }
    }

    fn tell(&mut self, name: String, value: String, fate: Fate) {
        self.flags.push(Flag { name, value, fate });
    }

    fn flag(&mut self, name: String, rest: String) {
        let given = rest.strip_prefix(['=', '＝']).map(str::to_owned);
        let values = match given {
            Some(value) => vec![value],
            // Something else is stuck to the name: a remark.
            None => self.values(&name),
        };
        let value = values.join(" ");
        let fate = self.fate(&name, &values);
        self.tell(name, value, fate);
    }

    /// The words behind a flag that are its value.
    fn values(&mut self, name: &str) -> Vec<String> {
        let is_switch = self.config.is_switch(name);
        let is_list = takes_paths(name) || name == "target_modules";
        let is_known = self.config.get(name).is_some();
        let mut values = Vec::new();
        while let Some(word) = self.words.peek() {
            let takes = if word.as_flag().is_some() || !word.quoted && is_shell(&word.text) {
                false
            } else if is_switch {
                is_switch_value(&word.text)
            } else if values.is_empty() {
                // A path of an option of ours may look like a remark.
                is_known || !word.is_remark()
            } else {
                is_list && !word.is_remark()
            };
            if !takes {
                break;
            }
            values.extend(self.words.next().map(|word| word.text));
            if !is_list {
                break;
            }
        }
        values
    }

    fn fate(&mut self, name: &str, values: &[String]) -> Fate {
        if name == "m" || name == "module" {
            return module_fate(&values.join(" "));
        }
        if let Some(idle) = idle_option(name) {
            // Kept where there is a place for it; it changes nothing.
            let _ = self.set(name, values);
            return Fate::NotNeeded(idle);
        }
        match self.set(name, values) {
            Ok(()) => Fate::Applied,
            Err(OptionError::Unknown(_)) => Fate::Unknown,
            Err(error) => Fate::Refused(error),
        }
    }

    fn set(&mut self, name: &str, values: &[String]) -> Result<(), OptionError> {
        if takes_paths(name) && values.len() > 1 {
            return self.config.set_list(name, &values.iter().map(String::as_str).collect::<Vec<_>>());
        }
        let value = values.join(" ");
        if values.is_empty() {
            return match self.config.get(name) {
                None => Err(OptionError::Unknown(name.into())),
                Some(_) if self.config.is_switch(name) => self.config.set(name, "true"),
                Some(_) => Err(OptionError::Invalid { name: name.into(), value, cause: "its value is missing".into() }),
            };
        }
        let error = match self.config.set(name, &value) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        // A remark may be stuck to the value: `6/训练样本组大小`.
        let end = value.find(|part: char| !part.is_ascii()).unwrap_or(value.len());
        let without = value[..end].trim_end_matches(['/', '#', '(', ',', ';', ' ']);
        if without.is_empty() || without.len() == value.len() {
            return Err(error);
        }
        self.config.set(name, without).map_err(|_| error)
    }
}

/// `-m`: which program of Python's is started.
fn module_fate(module: &str) -> Fate {
    if module.starts_with("torch.distributed") || module.starts_with("accelerate") {
        return Fate::NotNeeded(&LAUNCHER);
    }
    if ["decoder_only", "reranker"].iter().any(|other| module.contains(other)) {
        return Fate::Refused(OptionError::Invalid {
            name: "m".into(),
            value: module.into(),
            cause: "only encoders that make vectors are trained here".into(),
        });
    }
    if module.starts_with("FlagEmbedding") { Fate::NotNeeded(&MODULE) } else { Fate::Unknown }
}

fn is_switch_value(text: &str) -> bool {
    let mut config = TrainingConfig::default();
    !text.is_empty() && config.set("fp16", text).is_ok()
}

/// `CUDA_VISIBLE_DEVICES=0`.
fn is_assignment(text: &str) -> bool {
    text.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|part| part.is_ascii_uppercase() || part.is_ascii_digit() || part == b'_')
    })
}

/// What a shell joins commands and files with.
fn is_shell(text: &str) -> bool {
    matches!(text, "&" | "&&" | ";" | "|" | "||" | "\\" | "^" | "$@")
        || text.contains('>')
        || text.trim_matches('`').is_empty()
}

/// The words of a text as a shell parts them, with curly quotes too, and quotes that never close taken as they are.
fn words(text: &str) -> Vec<Word> {
    let text: Vec<char> = text
        .chars()
        .filter(|part| !matches!(part, '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}' | '\u{AD}' | '\r'))
        .collect();
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let (mut at, mut line) = (0, 0);
    while let Some(&part) = text.get(at) {
        at += 1;
        let at_start = word.as_ref().is_none_or(|word| word.text.ends_with(['=', '＝']) && !word.quoted);
        if part == '\n' {
            line += 1;
        }
        if part.is_whitespace() {
            words.extend(word.take());
        } else if part == '#' && word.is_none() {
            at = line_end(&text, at);
        } else if let (true, Some(end)) = (at_start, quote_end(&text, at - 1)) {
            let word = word.get_or_insert(Word { text: String::new(), quoted: true, line });
            word.quoted = true;
            word.text.push_str(&unquoted(&text[at..end], part));
            line += text[at..end].iter().filter(|part| **part == '\n').count();
            at = end + 1;
        } else if matches!(part, '\\' | '^' | '`') && is_line_end(&text, at) {
            // The line goes on; the line break parts the words.
        } else {
            let escaped = text.get(at).filter(|next| part == '\\' && "\\\"'$ &;|()*?[]{}#!<>".contains(**next));
            let word = word.get_or_insert(Word { text: String::new(), quoted: false, line });
            word.text.push(*escaped.unwrap_or(&part));
            at += usize::from(escaped.is_some());
        }
    }
    words.extend(word);
    words
}

fn line_end(text: &[char], from: usize) -> usize {
    text[from..].iter().position(|part| *part == '\n').map_or(text.len(), |end| from + end)
}

/// Whether only blanks come before the end of the line or text.
fn is_line_end(text: &[char], from: usize) -> bool {
    text[from..line_end(text, from)].iter().all(|part| part.is_whitespace())
}

/// Where the quote that opens at `at` closes; `None` if none opens there, or it does not close before a flag that begins
/// a line.
fn quote_end(text: &[char], at: usize) -> Option<usize> {
    let closing: &[char] = match text[at] {
        '"' | '“' | '”' | '„' | '＂' => &['"', '“', '”', '＂'],
        '\'' | '‘' | '’' | '＇' => &['\'', '‘', '’', '＇'],
        _ => return None,
    };
    // Straight quotes close straight ones only.
    let closing = if closing.contains(&text[at]) && text[at].is_ascii() { &closing[..1] } else { closing };
    let mut escaped = false;
    for (index, part) in text.iter().enumerate().skip(at + 1) {
        if escaped {
            escaped = false;
        } else if *part == '\\' && text[at] != '\'' {
            escaped = true;
        } else if closing.contains(part) {
            return Some(index);
        } else if *part == '\n' && begins_with_flag(&text[index..]) {
            return None;
        }
    }
    None
}

fn begins_with_flag(text: &[char]) -> bool {
    let mut rest = text.iter().skip_while(|part| part.is_whitespace());
    rest.next().is_some_and(|part| is_dash(*part)) && rest.next().is_some_and(|part| !part.is_whitespace())
}

/// The text between quotes: in double ones, a backslash before a quote or another backslash goes.
fn unquoted(text: &[char], quote: char) -> String {
    let mut plain = String::new();
    let mut parts = text.iter().peekable();
    while let Some(part) = parts.next() {
        let escaped = parts.next_if(|next| *part == '\\' && quote != '\'' && "\\\"$`".contains(**next));
        plain.push(*escaped.unwrap_or(part));
    }
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::training::OPTIONS;

    fn read(text: &str) -> PastedCommand {
        read_command(text, &TrainingConfig::default())
    }

    fn fate<'a>(command: &'a PastedCommand, name: &str) -> &'a Fate {
        &command.flags.iter().find(|flag| flag.name == name).unwrap_or_else(|| panic!("no {name}: {command:#?}")).fate
    }

    fn is_not_needed(fate: &Fate) -> bool {
        matches!(fate, Fate::NotNeeded(_))
    }

    #[test]
    fn the_published_command_is_read_from_the_web_page() {
        let command = read(include_str!("../../tests/fixtures/commands/weld-command.txt"));
        let mut not_needed: Vec<&str> =
            command.flags.iter().filter(|flag| is_not_needed(&flag.fate)).map(|flag| flag.name.as_str()).collect();
        not_needed.sort_unstable();
        assert_eq!(
            not_needed,
            [
                "cache_dir",
                "cache_path",
                "deepspeed",
                "logging_strategy",
                "m",
                "negatives_cross_device",
                "nproc_per_node",
                "report_to"
            ]
        );
        let applied = command.flags.iter().filter(|flag| flag.fate == Fate::Applied).count();
        assert_eq!((command.flags.len(), applied), (39, 31), "{:#?}", command.flags);
        let deepspeed = command.flags.iter().find(|flag| flag.name == "deepspeed").unwrap();
        assert_eq!(deepspeed.value, "…/ds_stage0.json");
        let config = &command.config;
        assert_eq!(config.model_name_or_path.to_str(), Some("model/BAAI/bge-m3"));
        assert_eq!(config.train_data, [std::path::PathBuf::from("./weld_train.jsonl")]);
        assert_eq!(config.output_dir.as_deref(), Some(std::path::Path::new("./weld_imperfection")));
        assert_eq!((config.train_group_size, config.query_max_len, config.passage_max_len), (6, 512, 2048));
        assert_eq!((config.learning_rate, config.num_train_epochs, config.warmup_ratio), (1e-5, 5.0, 0.1));
        assert_eq!((config.save_steps, config.pad_to_multiple_of), (Some(1000), Some(8)));
        assert!(config.fp16 && config.gradient_checkpointing && config.knowledge_distillation);
        assert!(config.unified_finetuning && config.use_self_distill && !config.fix_encoder);
        assert_eq!(config.query_instruction_for_retrieval, None);
        assert_eq!(config.problems(), []);
    }

    #[test]
    fn shell_text_is_read_as_a_shell_would() {
        let command = read(concat!(
            "#!/bin/bash\n# train it --seed 9\n",
            "CUDA_VISIBLE_DEVICES=0 python -m torch.distributed.run --nproc-per-node=2 \\\n",
            "  -m FlagEmbedding.finetune.embedder.encoder_only.base \\  \n",
            "  --model_name_or_path \"my models/bge m3\" \\\n",
            "  --train_data a.jsonl '/data/b c.jsonl' /数据/d.jsonl \\\n",
            "  --learning_rate=2e-5 --fp16 True --bf16=false \\\n",
            "  --query_instruction_format 'Instruct: {}\\nQuery: {}' --self_distill_start_step -1 \\\n",
            "  --query_instruction_for_retrieval=\"search: \" --max_steps -1 2>&1 | tee > log.txt\n",
        ));
        let config = &command.config;
        assert_eq!(config.model_name_or_path.to_str(), Some("my models/bge m3"));
        let data: Vec<&str> = config.train_data.iter().filter_map(|path| path.to_str()).collect();
        assert_eq!(data, ["a.jsonl", "/data/b c.jsonl", "/数据/d.jsonl"]);
        assert_eq!((config.learning_rate, config.fp16, config.bf16, config.seed), (2e-5, true, false, 42));
        assert_eq!(config.query_instruction_format, "Instruct: {}\nQuery: {}");
        assert_eq!((config.self_distill_start_step, config.max_steps), (-1, None));
        assert_eq!(config.query_instruction_for_retrieval.as_deref(), Some("search: "));
        assert_eq!(fate(&command, "CUDA_VISIBLE_DEVICES=0"), &Fate::NotNeeded(&ENVIRONMENT));
        assert_eq!(fate(&command, "nproc_per_node"), &Fate::NotNeeded(idle_option("nproc_per_node").unwrap()));
        let unknown: Vec<&Flag> = command.flags.iter().filter(|flag| flag.fate == Fate::Unknown).collect();
        assert_eq!(unknown.iter().map(|flag| flag.name.as_str()).collect::<Vec<_>>(), ["tee"]);
    }

    #[test]
    fn dashes_and_remarks_of_every_kind_are_seen_through() {
        for text in [
            "-train_group_size 6",
            "—train_group_size 6",
            "−−train_group_size 6",
            "--train–group–size 6",
            "－－train_group_size＝6",
            "– train_group_size 6",
            "-- train_group_size 6",
            "--train_group_size “6”",
            "--train_group_size\u{a0}6",
            "\u{feff}--train_group_size 6/训练样本组大小",
            "--train_group_size 6 ／组大小 每个问题",
            "--train_group_size 6 /",
            "--train_group_size 6 # as in the paper",
            "--train_group_size 6 ^\r\n",
        ] {
            let command = read(text);
            assert_eq!(command.config.train_group_size, 6, "{text}: {command:?}");
            assert_eq!(command.flags.len(), 1, "{text}: {command:?}");
        }
        let command = read("--fp16 /半精度 混合\n--train_data ./a.jsonl /训练数据\n--seed 3");
        assert!(command.config.fp16 && command.config.seed == 3 && command.config.train_data.len() == 1);
        assert_eq!(command.flags.len(), 3, "{command:?}");
    }

    #[test]
    fn what_cannot_be_used_says_so() {
        let command = read(
            "torchrun -m FlagEmbedding.finetune.reranker.encoder_only.base --learning_rate fast --seed --use_mrl True --seed 1 --seed 2 stray",
        );
        assert!(matches!(fate(&command, "m"), Fate::Refused(_)));
        let cause = |name| match fate(&command, name) {
            Fate::Refused(error) => error.to_string(),
            other => panic!("{other:?}"),
        };
        assert!(cause("learning_rate").contains("`fast`"));
        assert!(cause("seed").contains("missing"));
        assert_eq!(fate(&command, "use_mrl"), &Fate::Unknown);
        assert_eq!(fate(&command, "stray"), &Fate::Unknown);
        let seeds: Vec<&Fate> =
            command.flags.iter().filter(|flag| flag.name == "seed").map(|flag| &flag.fate).collect();
        assert_eq!(seeds[1..], [&Fate::NotNeeded(&REPEATED), &Fate::Applied]);
        assert_eq!((command.config.seed, command.config.learning_rate), (2, 5e-5));
    }

    #[test]
    fn an_unclosed_quote_swallows_no_flag() {
        let command =
            read("--query_instruction_for_retrieval “\n--fp16\n--passage_instruction_for_retrieval \"\n--seed 7");
        assert!(command.config.fp16 && command.config.seed == 7, "{command:?}");
    }

    /// Names that may stand in a command, with and without a meaning here.
    fn name() -> impl Strategy<Value = String> {
        let known: Vec<String> = OPTIONS.iter().map(|option| option.name.to_owned()).collect();
        prop_oneof![proptest::sample::select(known), "[a-z][a-z0-9_]{0,12}[a-z]"]
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(text in any::<String>()) {
            read(&text);
        }

        #[test]
        fn no_mixture_of_marks_is_too_odd(text in "[-–—=＝/\\\\\"'“”‘’#>|&^` \n\ta1.中m]{0,60}") {
            read(&text);
        }

        #[test]
        fn every_flag_of_a_text_has_a_fate(
            flags in proptest::collection::vec(
                (name(), "[0-9a-z./:]{0,8}", "( /[训练样本大小]{1,4})?", 0..5_usize), 0..20
            )
        ) {
            let mut text = String::from("torchrun ");
            for (name, value, remark, dash) in &flags {
                let dash = ["-", "--", "–", "—", "－－"][*dash];
                text.push_str(&format!("{dash}{name} {value}{remark}\n"));
            }
            let command = read(&text);
            let mut told = command.flags.iter().map(|flag| flag.name.as_str());
            for (name, ..) in &flags {
                prop_assert!(told.any(|told| told == name), "{name} of {text}: {:?}", command.flags);
            }
        }
    }
}
