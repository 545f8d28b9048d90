//! A tuned model's `README.md`: the header that the Hugging Face hub and ModelScope read, and what people ask of a model.
//!
//! The header's names: <https://huggingface.co/docs/hub/model-cards#model-card-metadata>. No text of the data and no path
//! of the machine is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

use super::config::{EVALUATION_METRICS, TrainingConfig};
use super::files::TrainingFile;
use super::options::OPTIONS;
use crate::dataset::Script;
use crate::model::{ModelFolder, Pooling, TextKind, sealed};

/// What a base model is called, as far as strangers may know.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BaseModel {
    /// The last part of its folder's path, or of its name on the hub.
    pub name: String,
    /// `OWNER/NAME` on the hub, where that is known.
    pub hub_id: Option<String>,
    /// As its own card says, such as `mit`.
    pub license: Option<String>,
}

impl BaseModel {
    /// Looks at a model folder: a folder of the hub's cache (`models--OWNER--NAME/snapshots/…`), the name that
    /// transformers left in `config.json`, and the card.
    pub fn of(folder: &Path) -> Self {
        let config = std::fs::read_to_string(folder.join("config.json")).unwrap_or_default();
        let config: Value = serde_json::from_str(&config).unwrap_or_default();
        let in_cache = folder.iter().find_map(|part| part.to_str()?.strip_prefix("models--")?.split_once("--"));
        let hub_id = in_cache
            .map(|(owner, name)| format!("{owner}/{name}"))
            .or_else(|| Some(config["_name_or_path"].as_str()?.to_owned()))
            .filter(|id| is_hub_id(id));
        let last = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let name = match &hub_id {
            Some(id) => id.rsplit('/').next().unwrap_or(id).to_owned(),
            None if last == "model" => {
                let run = folder.parent().and_then(Path::file_name);
                run.map_or(last, |run| run.to_string_lossy().into_owned())
            }
            None => last,
        };
        let card = std::fs::read_to_string(folder.join("README.md")).unwrap_or_default();
        Self { name, hub_id, license: license(&card) }
    }
}

/// `OWNER/NAME` of letters, digits, `.`, `_` and `-`: what the hub calls models, and no path.
fn is_hub_id(text: &str) -> bool {
    let is_name = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphanumeric())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    text.split_once('/').is_some_and(|(owner, name)| is_name(owner) && is_name(name))
}

/// The licence in a card's header.
fn license(card: &str) -> Option<String> {
    let mut lines = card.trim_start_matches('\u{feff}').lines();
    lines.next().filter(|line| line.trim_end() == "---")?;
    let mut header = lines.take_while(|line| line.trim_end() != "---");
    let license = header.find_map(|line| line.strip_prefix("license:"))?.trim().trim_matches(['"', '\'']);
    let is_identifier =
        !license.is_empty() && license.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    is_identifier.then(|| license.to_owned())
}

/// What rows are written in, as the hub names languages: `zh` and `en`, those that a twentieth of the questions have.
pub fn languages(files: &[TrainingFile]) -> Vec<&'static str> {
    let (mut chinese, mut latin, mut all) = (0, 0, 0);
    for row in files.iter().flat_map(|file| &file.rows) {
        let script = Script::of(&row.query);
        chinese += usize::from(matches!(script, Script::Chinese | Script::Mixed));
        latin += usize::from(matches!(script, Script::Latin | Script::Mixed));
        all += 1;
    }
    let counts = [("zh", chinese), ("en", latin)];
    counts.into_iter().filter(|(_, count)| *count > 0 && count * 20 >= all).map(|(name, _)| name).collect()
}

/// What a card tells.
pub struct ModelCard<'a> {
    pub name: &'a str,
    pub base: &'a BaseModel,
    /// The tuned model.
    pub folder: &'a ModelFolder,
    pub languages: &'a [&'static str],
    /// Rows that were trained on, and their hash; `None` and empty where they are not known.
    pub rows: Option<usize>,
    pub fingerprint: &'a str,
    pub config: &'a TrainingConfig,
    pub steps: usize,
    /// Metrics by their names, of the base model and of the tuned one.
    pub before: Option<&'a BTreeMap<String, f64>>,
    pub after: Option<&'a BTreeMap<String, f64>>,
    pub questions: usize,
}

impl ModelCard<'_> {
    /// The whole file, sealed, so that a change by a person is seen.
    pub fn markdown(&self) -> String {
        let mut text = format!("---\n{}---\n\n# {}\n\n", self.header(), escaped(self.name));
        text.push_str(&self.introduction());
        text.push_str(&self.metrics());
        text.push_str(&self.usage());
        text.push_str(&self.training());
        sealed(text)
    }

    fn header(&self) -> String {
        let mut tags = vec!["sentence-transformers", "sentence-similarity", "feature-extraction", "dense"];
        if self.folder.has_heads() {
            tags.extend(["sparse", "colbert", "FlagEmbedding"]);
        }
        let mut lines = vec![list("language", self.languages)];
        lines.extend(self.base.license.as_ref().map(|license| format!("license: {}", json!(license))));
        lines.extend(
            self.base.hub_id.as_ref().map(|id| format!("base_model: {}\nbase_model_relation: finetune", json!(id))),
        );
        lines.push("pipeline_tag: sentence-similarity\nlibrary_name: sentence-transformers".into());
        lines.push(list("tags", &tags));
        let after = self.after.into_iter().flat_map(measured);
        let metrics: Vec<String> = after
            .map(|(name, value)| {
                format!(
                    "    - type: {}\n      name: {}\n      value: {value:.4}",
                    json!(format!("cosine_{name}")),
                    json!(title(name))
                )
            })
            .collect();
        if !metrics.is_empty() {
            let kinds: BTreeSet<&str> =
                self.after.into_iter().flat_map(measured).filter_map(|(name, _)| name.split('@').next()).collect();
            lines.push(list("metrics", &kinds.into_iter().collect::<Vec<_>>()));
            lines.push(format!(
                "model-index:\n- name: {}\n  results:\n  - task:\n      type: information-retrieval\n      name: Information Retrieval\n    dataset:\n      name: {}\n      type: unknown\n    metrics:\n{}",
                json!(self.name),
                json!(format!("{} questions of the field", self.questions)),
                metrics.join("\n")
            ));
        }
        lines.retain(|line| !line.is_empty());
        lines.join("\n") + "\n"
    }

    fn introduction(&self) -> String {
        let base = match &self.base.hub_id {
            Some(id) => format!("[{id}](https://huggingface.co/{id})"),
            None => escaped(&self.base.name),
        };
        let folder = self.folder;
        let vectors = if folder.has_heads() {
            format!("dense vectors of {} values, lexical weights and ColBERT vectors", folder.hidden_size())
        } else {
            format!("dense vectors of {} values", folder.hidden_size())
        };
        let pooling = match folder.pooling() {
            Pooling::Cls => "of the first token",
            Pooling::Mean => "as the mean of all tokens",
            Pooling::LastToken => "of the last token",
        };
        let scaled = if folder.normalize() { ", scaled to length 1" } else { "" };
        format!(
            "A text embedding model for search: {base}, fine-tuned on questions and passages of a field. It makes {vectors}; dense ones are taken {pooling}{scaled}. The longest text has {} tokens.\n\n",
            folder.max_length()
        )
    }

    fn metrics(&self) -> String {
        let Some(after) = self.after.filter(|after| !after.is_empty()) else {
            return "It was not evaluated while it was trained.\n\n".into();
        };
        let value = |of: Option<&BTreeMap<String, f64>>, name: &str| {
            of.and_then(|of| of.get(name)).map_or("–".into(), |value| format!("{value:.4}"))
        };
        let rows: Vec<String> = measured(after)
            .map(|(name, _)| {
                format!("| {} | {} | {} |\n", title(name), value(self.before, name), value(self.after, name))
            })
            .collect();
        format!(
            "## Evaluation\n\nDense search for the answers to {} questions with known answers:\n\n| | base | tuned |\n|---|---|---|\n{}\n",
            self.questions,
            rows.concat()
        )
    }

    fn usage(&self) -> String {
        let folder = self.folder;
        let prefix = |own: &Option<String>, kind| own.clone().unwrap_or_else(|| folder.prefix(kind).to_owned());
        let query = prefix(&self.config.query_instruction_for_retrieval, TextKind::Query);
        let passage = prefix(&self.config.passage_instruction_for_retrieval, TextKind::Passage);
        let before = if query.is_empty() && passage.is_empty() {
            String::new()
        } else {
            format!("Before every question stands {}, before every passage {}.\n\n", code(&query), code(&passage))
        };
        // Texts of JSON are texts of Python, too.
        let prompt = |prefix: &str| match prefix {
            "" => String::new(),
            prefix => format!(", prompt={}", Value::from(prefix)),
        };
        let texts = |prefix: &str| match prefix {
            "" => "[\"…\"]".into(),
            prefix => format!("[{} + text for text in [\"…\"]]", Value::from(prefix)),
        };
        let (ask, tell) = (prompt(&query), prompt(&passage));
        let sentence = format!(
            "```python\nfrom sentence_transformers import SentenceTransformer\n\nmodel = SentenceTransformer(\"PATH_OR_ID\")\nquestions = model.encode([\"…\"]{ask})\npassages = model.encode([\"…\"]{tell})\nprint(model.similarity(questions, passages))\n```\n\n"
        );
        let pooling = match folder.pooling() {
            Pooling::Cls => "cls",
            Pooling::Mean => "mean",
            Pooling::LastToken => "last_token",
        };
        let normalize = if folder.normalize() { "True" } else { "False" };
        let (class, more) = if folder.has_heads() {
            ("BGEM3FlagModel", ", return_sparse=True, return_colbert_vecs=True")
        } else {
            ("FlagModel", "")
        };
        let (ask, tell) = (texts(&query), texts(&passage));
        let flag = format!(
            "```python\nfrom FlagEmbedding import {class}\n\nmodel = {class}(\"PATH_OR_ID\", pooling_method=\"{pooling}\", normalize_embeddings={normalize})\nquestions = model.encode({ask}{more})\npassages = model.encode({tell}{more})\n```\n\n"
        );
        let own = "```sh\nweldbench encode --model PATH --input passages.jsonl --output vectors.safetensors\nweldbench search --model PATH --corpus passages.jsonl \"…\"\n```\n\n";
        format!(
            "## How to use it\n\n{before}With sentence-transformers:\n\n{sentence}With FlagEmbedding:\n\n{flag}With Weldbench:\n\n{own}"
        )
    }

    fn training(&self) -> String {
        let defaults = TrainingConfig::default();
        let mut options = String::new();
        for option in OPTIONS.iter().filter(|option| !is_private(option.name)) {
            let value = self.config.get(option.name).unwrap_or_default();
            if Some(&value) != defaults.get(option.name).as_ref() {
                options.push_str(&format!("| `{}` | {} |\n", option.name, code(&value)));
            }
        }
        let options = if options.is_empty() {
            "All options had FlagEmbedding's defaults.\n".into()
        } else {
            format!("Options that are not FlagEmbedding's defaults:\n\n| option | value |\n|---|---|\n{options}")
        };
        let rows = self.rows.map_or(String::new(), |rows| {
            format!("{rows} rows of a question, positives and negatives; their hash is `{}`. ", self.fingerprint)
        });
        format!(
            "## Training\n\n{rows}Steps: {}; the card is by Weldbench {}.\n\n{options}",
            self.steps,
            env!("CARGO_PKG_VERSION")
        )
    }
}

/// Options that name files and folders of the machine.
fn is_private(name: &str) -> bool {
    let own = ["model_name_or_path", "output_dir", "overwrite_output_dir", "cache_dir", "cache_path"];
    own.contains(&name) || ["train_data", "eval_data", "eval_corpus"].contains(&name)
}

/// Metrics in their usual order.
fn measured(of: &BTreeMap<String, f64>) -> impl Iterator<Item = (&'static str, f64)> {
    EVALUATION_METRICS.iter().filter_map(|name| Some((*name, *of.get(*name)?)))
}

fn title(metric: &str) -> String {
    metric.replace("ndcg", "nDCG").replace("mrr", "MRR").replace("recall", "Recall")
}

/// A list of the header; empty for no items.
fn list(name: &str, items: &[&str]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let items = items.iter().map(|item| format!("\n- {item}"));
    format!("{name}:{}", items.collect::<String>())
}

/// Text in which nothing is Markdown or HTML, on one line.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\r' | '\n' | '\t' => escaped.push(' '),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' => escaped.extend(['\\', letter]),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// Text as code that stays within a cell of a table, blanks at its ends included.
fn code(text: &str) -> String {
    if text.is_empty() {
        return "nothing".into();
    }
    format!("<code>{}</code>", escaped(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TINY: &str = "tests/fixtures/flagembedding/model_safetensors";

    fn metrics(value: f64) -> BTreeMap<String, f64> {
        EVALUATION_METRICS.iter().map(|name| (name.to_string(), value)).collect()
    }

    fn card(name: &str, base: &BaseModel, config: &TrainingConfig, evaluated: bool) -> String {
        let folder = ModelFolder::open(Path::new(TINY)).unwrap();
        let (before, after) = (metrics(0.25), metrics(0.5));
        ModelCard {
            name,
            base,
            folder: &folder,
            languages: &["zh", "en"],
            rows: Some(24),
            fingerprint: "0123abcd",
            config,
            steps: 5,
            before: evaluated.then_some(&before),
            after: evaluated.then_some(&after),
            questions: 12,
        }
        .markdown()
    }

    #[test]
    fn a_card_tells_what_a_hub_and_people_want_to_know() {
        let base = BaseModel { name: "bge-m3".into(), hub_id: Some("BAAI/bge-m3".into()), license: Some("mit".into()) };
        let config = TrainingConfig {
            model_name_or_path: "/home/li/secret/bge-m3".into(),
            train_data: vec!["/home/li/secret/rows.jsonl".into()],
            output_dir: Some("/home/li/secret/out".into()),
            learning_rate: 1e-5,
            unified_finetuning: true,
            query_instruction_for_retrieval: Some("q | `: ".into()),
            ..TrainingConfig::default()
        };
        let card = card("weld*ing", &base, &config, true);
        let header = card.split("---\n").nth(1).unwrap();
        for line in [
            "language:\n- zh\n- en\n",
            "license: \"mit\"\n",
            "base_model: \"BAAI/bge-m3\"\n",
            "pipeline_tag: sentence-similarity\n",
            "library_name: sentence-transformers\n",
            "- sentence-similarity\n",
            "metrics:\n- mrr\n- ndcg\n- recall\n",
            "model-index:\n- name: \"weld*ing\"\n",
            "    - type: \"cosine_ndcg@10\"\n      name: \"nDCG@10\"\n      value: 0.5000\n",
        ] {
            assert!(header.contains(line), "{line} in {header}");
        }
        for part in [
            "# weld\\*ing\n",
            "| nDCG@10 | 0.2500 | 0.5000 |\n",
            "24 rows",
            "`0123abcd`",
            "| `learning_rate` | <code>0.00001</code> |\n",
            "<code>q \\| \\`: </code>",
            "SentenceTransformer(",
            "BGEM3FlagModel(",
            "weldbench encode",
            "encode([\"…\"], prompt=\"q | `: \")",
            "[\"q | `: \" + text for text in [\"…\"]]",
        ] {
            assert!(card.contains(part), "{part} in {card}");
        }
        assert!(!card.contains("secret"), "{card}");
    }

    #[test]
    fn a_card_without_an_evaluation_or_a_hub_claims_neither() {
        let base = BaseModel { name: "<b>model</b>".into(), ..BaseModel::default() };
        let card = card("model", &base, &TrainingConfig::default(), false);
        assert!(!card.contains("base_model") && !card.contains("model-index") && !card.contains("<b>"), "{card}");
        assert!(card.contains("not evaluated") && card.contains("&lt;b&gt;model"), "{card}");
    }

    #[test]
    fn a_base_model_is_called_as_the_hub_calls_it() {
        let folder = tempfile::tempdir().unwrap();
        let cached = folder.path().join("models--BAAI--bge-m3/snapshots/abc");
        std::fs::create_dir_all(&cached).unwrap();
        std::fs::write(cached.join("README.md"), "---\ntags: []\nlicense: mit\n---\n").unwrap();
        let expected =
            BaseModel { name: "bge-m3".into(), hub_id: Some("BAAI/bge-m3".into()), license: Some("mit".into()) };
        assert_eq!(BaseModel::of(&cached), expected);
        let named = folder.path().join("here");
        std::fs::create_dir_all(&named).unwrap();
        for (name, known) in [("intfloat/e5-small", true), ("/home/li/model", false), ("../model", false)] {
            std::fs::write(named.join("config.json"), json!({ "_name_or_path": name }).to_string()).unwrap();
            let base = BaseModel::of(&named);
            assert_eq!(base.hub_id.is_some(), known, "{name}");
            assert_eq!(base.name, if known { "e5-small" } else { "here" });
        }
        assert_eq!(license("license: mit\n"), None, "no header");
    }

    #[test]
    fn languages_are_those_of_the_questions() {
        let rows = |text: &str| {
            let row = crate::dataset::Row { query: text.into(), ..Default::default() };
            vec![std::sync::Arc::new(row)]
        };
        let file = |text| TrainingFile {
            path: "a".into(),
            in_folder: false,
            rows: rows(text),
            lines: vec![1],
            unsaved: false,
        };
        assert_eq!(languages(&[file("焊接气孔"), file("lack of fusion")]), ["zh", "en"]);
        assert_eq!(languages(&[file("焊接气孔")]), ["zh"]);
        assert!(languages(&[]).is_empty());
    }
}
