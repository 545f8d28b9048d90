//! Text into token ids, cut and padded as FlagEmbedding does.

use std::ops::Range;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Deserialize;
use serde_json::Value;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::{BertNormalizer, Lowercase, Sequence};
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::{AddedToken, Encoding, NormalizerWrapper, PostProcessor, TruncationDirection};

use super::ModelError;
use super::folder::{place, read_json};
use crate::files;
use crate::panics::caught;

/// How many times longer the rules of a tokenizer may make a text before it is cut: the spaces of SentencePiece take
/// three bytes for one, and nothing else comes near that. Rules one after another could double it until it fills the
/// memory.
const MOST_GROWTH: usize = 64;
/// Bytes of the longest table of characters that a tokenizer replaces; XLM-RoBERTa's has 300,000.
const LONGEST_TABLE: usize = 4 << 20;

/// A Hugging Face `tokenizer.json`, or BERT's `vocab.txt`.
#[derive(Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// One more than the largest token id.
    vocabulary: usize,
    padding_id: u32,
    special_ids: Vec<u32>,
}

/// The rules of a `tokenizer.json` that change a text before it is cut.
#[derive(Deserialize)]
struct Rules {
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
}

/// Texts of one length: every row is padded on the right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenBatch {
    pub rows: usize,
    /// Tokens in a row, padding included.
    pub length: usize,
    /// `[rows, length]`, row by row.
    pub ids: Vec<u32>,
    /// `[rows, length]`: whether a place holds a token of the text (specials included).
    pub mask: Vec<bool>,
}

/// A question and a passage as one row of tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pair {
    pub ids: Vec<u32>,
    /// For each id its token type: 0 for the question and 1 for the passage, or 0 for both.
    pub types: Vec<u32>,
}

impl Tokenizer {
    /// Reads `tokenizer.json` of a model folder; `padding_id` is the model's.
    pub fn read(folder: &Path, padding_id: usize) -> Result<Self, ModelError> {
        let path = place(folder, "tokenizer.json")?;
        let failed = |error: &dyn std::fmt::Display| {
            ModelError::file(&path, format!("{error}; fetch it again, or save the model's fast tokenizer there"))
        };
        let mut inner = if path.is_file() {
            let bytes = files::read(&path, files::WORDS).map_err(|error| failed(&error))?;
            let rules: Rules = serde_json::from_slice(&bytes).map_err(|error| failed(&error))?;
            check_growth(&[&rules.normalizer, &rules.pre_tokenizer]).map_err(|cause| failed(&cause))?;
            unharmed(|| tokenizers::Tokenizer::from_bytes(&bytes)).map_err(|cause| failed(&cause))?
        } else {
            word_pieces(folder)?.ok_or_else(|| {
                ModelError::file(
                    &path,
                    "the file is missing; save the model's fast tokenizer there: AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER) in Python",
                )
            })?
        };
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|error| failed(&error))?;
        let vocabulary = inner.get_vocab(true).into_values().max().map_or(0, |id| id as usize + 1);
        let id = |names: [&str; 2]| names.iter().find_map(|name| inner.token_to_id(name));
        let padding_id = id(["<pad>", "[PAD]"]).unwrap_or(padding_id as u32);
        // The tokens that carry no lexical weight in BGE-M3: cls, eos, pad and unk.
        let mut special_ids = vec![padding_id];
        special_ids.extend(id(["<s>", "[CLS]"]));
        special_ids.extend(id(["</s>", "[SEP]"]));
        special_ids.extend(id(["<unk>", "[UNK]"]));
        Ok(Self { inner, vocabulary, padding_id, special_ids })
    }

    /// The files of a folder that a tokenizer is read from.
    pub fn files(folder: &Path) -> Vec<PathBuf> {
        let names: &[&str] = match folder.join("tokenizer.json").is_file() {
            true => &["tokenizer.json"],
            false => &["vocab.txt", "tokenizer_config.json"],
        };
        names.iter().map(|name| folder.join(name)).filter(|path| path.is_file()).collect()
    }

    /// The same tokenizer, reading texts in small letters before all else it does to them.
    pub fn in_small_letters(mut self) -> Result<Self, ModelError> {
        let before = self.inner.get_normalizer().cloned();
        let all = [NormalizerWrapper::Lowercase(Lowercase)].into_iter().chain(before).collect();
        let result = self.inner.with_normalizer(Some(Sequence::new(all)));
        result.map_err(|error| ModelError::Tokenizer(error.to_string()))?;
        Ok(self)
    }

    /// All that it does, as JSON.
    pub fn content(&self) -> Result<String, ModelError> {
        self.inner.to_string(false).map_err(|error| ModelError::Tokenizer(error.to_string()))
    }

    /// One more than the largest token id.
    pub fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    /// What tokenizers makes of a text. A file that is broken shows only here, by a panic even, or by a token that the
    /// model has no vector for.
    fn checked(&self, encode: impl FnOnce() -> tokenizers::Result<Encoding>) -> Result<Encoding, ModelError> {
        let encoding = unharmed(encode).map_err(ModelError::Tokenizer)?;
        match encoding.get_ids().iter().find(|id| **id as usize >= self.vocabulary) {
            Some(id) => Err(ModelError::Tokenizer(format!(
                "tokenizer.json gives the token {id}, of {} that it has; fetch it again",
                self.vocabulary
            ))),
            None => Ok(encoding),
        }
    }

    /// Ids of a text with its special tokens. At most `max_length` of them: the first are kept, and
    /// the end token. `None` cuts nothing.
    pub fn ids(&self, text: &str, max_length: Option<usize>) -> Result<Vec<u32>, ModelError> {
        let encoding = self.checked(|| self.inner.encode_fast(text, true))?;
        let mut ids = encoding.get_ids().to_vec();
        if let (Some(longest), Some(&end)) = (max_length, ids.last())
            && ids.len() > longest
        {
            ids.truncate(longest.max(1));
            if let Some(last) = ids.last_mut() {
                *last = end;
            }
        }
        Ok(ids)
    }

    /// The tokens of a text as [`Self::ids`] makes them, each with the bytes of the text that it stands for; nothing for
    /// special tokens, and nothing for SentencePiece's sign of a word's beginning (`▁`) where no space was written.
    pub fn tokens(&self, text: &str, max_length: Option<usize>) -> Result<Vec<(u32, Range<usize>)>, ModelError> {
        let encoding = self.checked(|| self.inner.encode(text, true))?;
        let specials = encoding.get_special_tokens_mask();
        let offsets = encoding.get_offsets().iter().zip(specials).zip(encoding.get_tokens());
        let spans = offsets.map(|((&(start, end), special), token)| {
            // Before a text that begins with a Han character the sign is a token by itself, and tokenizers gives it that
            // character's place.
            let stands = |part: &str| token != "▁" || part.trim().is_empty();
            let own = *special == 0 && text.get(start..end).is_some_and(stands);
            if own { start..end } else { 0..0 }
        });
        let ids = self.ids(text, max_length)?;
        let mut tokens: Vec<(u32, Range<usize>)> = ids.into_iter().zip(spans).collect();
        if let Some((id, span)) = tokens.last_mut()
            && self.is_special(*id)
        {
            *span = 0..0;
        }
        Ok(tokens)
    }

    /// Ids of many texts, in their order.
    pub fn ids_of_all<T: AsRef<str> + Sync>(
        &self,
        texts: &[T],
        max_length: usize,
    ) -> Result<Vec<Vec<u32>>, ModelError> {
        texts.par_iter().map(|text| self.ids(text.as_ref(), Some(max_length))).collect()
    }

    /// Ids of a question and a passage, joined as the model's own template says, and the part that each belongs to.
    ///
    /// At most `max_length` of them, cut as FlagEmbedding's rerankers do: the question alone to three quarters of
    /// that, then the end of the passage.
    pub fn pair(&self, query: &str, passage: &str, max_length: usize) -> Result<Pair, ModelError> {
        let plain = |text: &str| self.checked(|| self.inner.encode_fast(text, false));
        let specials = self.inner.get_post_processor().map_or(0, |processor| processor.added_tokens(true));
        let (mut query, mut passage) = (plain(query)?, plain(passage)?);
        let room = max_length.saturating_sub(specials);
        query.truncate((max_length * 3 / 4).min(room), 0, TruncationDirection::Right);
        passage.truncate(room - query.len(), 0, TruncationDirection::Right);
        let joined = self.checked(|| self.inner.post_process(query, Some(passage), true))?;
        Ok(Pair { ids: joined.get_ids().to_vec(), types: joined.get_type_ids().to_vec() })
    }

    /// Pads rows to the longest of them, rounded up to a multiple of `multiple_of` (which may lie
    /// above the longest length allowed, as in FlagEmbedding).
    pub fn pad<T: AsRef<[u32]>>(&self, rows: &[T], multiple_of: Option<usize>) -> TokenBatch {
        let longest = rows.iter().map(|row| row.as_ref().len()).max().unwrap_or(0);
        let length = longest.next_multiple_of(multiple_of.unwrap_or(1).max(1));
        let mut ids = Vec::with_capacity(rows.len() * length);
        let mut mask = Vec::with_capacity(rows.len() * length);
        for row in rows {
            let row = row.as_ref();
            let padding = length - row.len();
            ids.extend_from_slice(row);
            ids.extend(std::iter::repeat_n(self.padding_id, padding));
            mask.extend(std::iter::repeat_n(true, row.len()));
            mask.extend(std::iter::repeat_n(false, padding));
        }
        TokenBatch { rows: rows.len(), length, ids, mask }
    }

    /// Whether a token carries no lexical weight: cls, eos, pad, unk.
    pub fn is_special(&self, id: u32) -> bool {
        self.special_ids.contains(&id)
    }

    /// The text that one token stands for.
    pub fn token(&self, id: u32) -> String {
        self.inner.id_to_token(id).unwrap_or_default()
    }
}

/// Runs tokenizers, which may panic where a file contradicts itself.
fn unharmed<T>(work: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, String> {
    match caught(work) {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(panic) => Err(format!("its parts contradict each other: {panic}")),
    }
}

/// Sees that rules one after another do not make a text too long.
fn check_growth(rules: &[&Value]) -> Result<(), String> {
    let mut growth = 1_usize;
    for rule in rules {
        growth = growth.saturating_mul(growth_by(rule)?);
    }
    match growth <= MOST_GROWTH {
        true => Ok(()),
        false => Err("its rules make texts too long".into()),
    }
}

/// How many times longer a rule may make a text.
fn growth_by(rule: &Value) -> Result<usize, String> {
    let text = |rule: &Value| rule.as_str().map_or(0, str::len);
    Ok(match rule["type"].as_str() {
        Some("Sequence") => {
            let steps = ["normalizers", "pretokenizers"].into_iter().flat_map(|key| rule[key].as_array());
            let steps: Vec<_> = steps.flatten().map(growth_by).collect::<Result<_, _>>()?;
            steps.into_iter().fold(1, usize::saturating_mul)
        }
        Some("Replace") => match &rule["pattern"] {
            Value::Object(pattern) if pattern.contains_key("String") => {
                text(&rule["content"]).div_ceil(text(&pattern["String"]).max(1)).max(1)
            }
            // It may match nothing, before every character.
            _ => text(&rule["content"]) + 1,
        },
        // Every byte becomes a character.
        Some("ByteLevel") => 2,
        Some("Metaspace") => 3,
        Some("Precompiled") if text(&rule["precompiled_charsmap"]) > LONGEST_TABLE => {
            return Err("its table of characters is too long".into());
        }
        _ => 1,
    })
}

/// BERT's tokenizer from `vocab.txt` and `tokenizer_config.json`, as older models have them and no `tokenizer.json`; it
/// does what transformers' `BertTokenizer` does. `None` without such a file.
fn word_pieces(folder: &Path) -> Result<Option<tokenizers::Tokenizer>, ModelError> {
    let path = place(folder, "vocab.txt")?;
    let Some(name) = path.to_str().filter(|_| path.is_file()) else { return Ok(None) };
    let failed = |error: tokenizers::Error| ModelError::file(&path, error);
    let config = read_json::<Value>(&place(folder, "tokenizer_config.json")?)?.unwrap_or_default();
    let is_on = |name: &str| config[name].as_bool().unwrap_or(true);
    let model = WordPiece::from_file(name).unk_token("[UNK]".into()).build().map_err(failed)?;
    let mut inner = tokenizers::Tokenizer::new(model);
    let accents = config["strip_accents"].as_bool();
    let normalizer = BertNormalizer::new(true, is_on("tokenize_chinese_chars"), accents, is_on("do_lower_case"));
    inner.with_normalizer(Some(normalizer)).map_err(failed)?;
    inner.with_pre_tokenizer(Some(BertPreTokenizer));
    let [cls, sep] = ["[CLS]", "[SEP]"].map(|name| inner.token_to_id(name).map(|id| (name.to_owned(), id)));
    let Some((cls, sep)) = cls.zip(sep) else {
        return Err(ModelError::file(&path, "it has no [CLS] and [SEP]; it is no vocabulary of BERT"));
    };
    inner.with_post_processor(Some(BertProcessing::new(sep, cls)));
    let specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
    let known = specials.into_iter().filter(|name| inner.token_to_id(name).is_some());
    let known: Vec<_> = known.map(|name| AddedToken::from(name, true)).collect();
    inner.add_special_tokens(known).map_err(failed)?;
    Ok(Some(inner))
}

impl TokenBatch {
    /// Tokens of the texts, padding not counted.
    pub fn tokens(&self) -> usize {
        self.mask.iter().filter(|kept| **kept).count()
    }

    /// Tokens of one row's text.
    pub fn length_of(&self, row: usize) -> usize {
        self.mask[row * self.length..(row + 1) * self.length].iter().filter(|kept| **kept).count()
    }

    /// Some rows, in the given order, padded no further than they need.
    pub fn select(&self, rows: &[usize]) -> Self {
        let length = rows.iter().map(|&row| self.length_of(row)).max().unwrap_or(0);
        let part = |row: usize| row * self.length..row * self.length + length;
        Self {
            rows: rows.len(),
            length,
            ids: rows.iter().flat_map(|&row| &self.ids[part(row)]).copied().collect(),
            mask: rows.iter().flat_map(|&row| &self.mask[part(row)]).copied().collect(),
        }
    }

    /// Ids of one row, padding included.
    pub fn row(&self, row: usize) -> &[u32] {
        &self.ids[row * self.length..(row + 1) * self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const FOLDER: &str = "tests/fixtures/flagembedding/model_safetensors";

    /// The fixture's tokenizer, changed.
    fn read(change: impl FnOnce(&mut Value)) -> Result<Tokenizer, ModelError> {
        let folder = tempfile::tempdir().unwrap();
        let text = std::fs::read_to_string(Path::new(FOLDER).join("tokenizer.json")).unwrap();
        let mut json: Value = serde_json::from_str(&text).unwrap();
        change(&mut json);
        std::fs::write(folder.path().join("tokenizer.json"), json.to_string()).unwrap();
        Tokenizer::read(folder.path(), 1)
    }

    #[test]
    fn rules_that_double_a_text_again_and_again_are_refused() {
        assert!(read(|_| ()).is_ok());
        let double = json!({ "type": "Replace", "pattern": { "String": "a" }, "content": "aa" });
        let some = |count: usize| json!({ "type": "Sequence", "normalizers": vec![double.clone(); count] });
        let without = |json: &mut Value| json["pre_tokenizer"] = Value::Null;
        assert!(read(|json| (without(json), json["normalizer"] = some(6)).1).is_ok());
        let nested = json!({ "type": "Sequence", "normalizers": [some(5), some(5)] });
        let bytes = json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true });
        let anywhere = json!({ "type": "Replace", "pattern": { "Regex": "" }, "content": "a".repeat(100) });
        for (key, rule) in [
            ("normalizer", some(40)),
            ("normalizer", nested),
            ("normalizer", anywhere),
            ("pre_tokenizer", json!({ "type": "Sequence", "pretokenizers": vec![bytes; 40] })),
        ] {
            let error = read(|json| json[key] = rule).err().unwrap().to_string();
            assert!(error.contains("tokenizer.json: its rules make texts too long"), "{error}");
        }
    }

    /// fancy-regex gives up after a million steps, and the text is cut there.
    #[test]
    fn a_pattern_that_never_comes_to_an_end_is_given_up() {
        let bomb =
            json!({ "type": "Split", "pattern": { "Regex": "((a*)*)\\2b" }, "behavior": "Isolated", "invert": false });
        let tokenizer = read(|json| json["pre_tokenizer"] = bomb).unwrap();
        let started = std::time::Instant::now();
        assert!(!tokenizer.ids(&"a".repeat(5000), Some(512)).unwrap().is_empty());
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
        let deep = format!("{}a{}", "(".repeat(100_000), ")".repeat(100_000));
        let error = read(|json| {
            json["pre_tokenizer"] =
                json!({ "type": "Split", "pattern": { "Regex": deep }, "behavior": "Isolated", "invert": false })
        });
        assert!(error.err().unwrap().to_string().contains("tokenizer.json"));
    }

    #[test]
    fn a_token_that_the_model_does_not_have_is_told_of() {
        let tokenizer = read(|json| {
            let specials = json["post_processor"]["special_tokens"].as_object_mut().unwrap();
            specials.values_mut().for_each(|special| special["ids"] = json!([4_000_000_000_u32]));
        })
        .unwrap();
        let error = tokenizer.ids("咬边", None).unwrap_err().to_string();
        assert!(error.contains("the token 4000000000") && error.contains("fetch it again"), "{error}");
        assert!(tokenizer.pair("咬边", "沟槽", 20).is_err() && tokenizer.tokens("咬边", None).is_err());
    }

    #[test]
    fn what_is_no_tokenizer_is_refused_with_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer.json");
        for bytes in [&b""[..], b"{}", b"[1]", b"\xff\xfe", b"{\"model\": {\"type\": \"BPE\"}}", &[b'['; 100_000]] {
            std::fs::write(&path, bytes).unwrap();
            let error = Tokenizer::read(folder.path(), 0).err().unwrap().to_string();
            assert!(error.contains("tokenizer.json: ") && error.contains("fetch it again"), "{error}");
        }
        // A file of holes takes no room on the disk.
        std::fs::File::options().write(true).open(&path).unwrap().set_len(files::WORDS + 1).unwrap();
        let error = Tokenizer::read(folder.path(), 0).err().unwrap().to_string();
        assert!(error.contains("at most 64 MiB"), "{error}");
    }
}
