//! How the vectors of tokens become a text's, and what stands before a text, as the files of sentence-transformers say.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::folder::{place, read_json};
use super::heads::Pooling;
use super::{ModelError, TextKind};

/// What `modules.json`, `1_Pooling/config.json`, `config_sentence_transformers.json` and `sentence_bert_config.json` say
/// of a model, or what FlagEmbedding does where they are missing.
#[derive(Clone, Debug, PartialEq)]
pub struct SentenceConfig {
    pub pooling: Pooling,
    /// Whether vectors are scaled to length 1.
    pub normalize: bool,
    /// The longest text in tokens, if the files say it.
    pub max_length: Option<usize>,
    /// Whether texts are read in small letters, whatever the tokenizer does.
    pub lower_case: bool,
    pub query_prefix: String,
    pub passage_prefix: String,
}

#[derive(Deserialize)]
struct Module {
    #[serde(default)]
    path: String,
    /// A Python class, such as `sentence_transformers.models.Pooling`.
    #[serde(rename = "type")]
    kind: String,
}

impl Module {
    fn class(&self) -> &str {
        self.kind.rsplit('.').next().unwrap_or(&self.kind)
    }
}

/// The names that the file has had, in the order in which sentence-transformers looks for them.
const LENGTH_FILES: [&str; 7] = [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
];

/// Pooling by its name, and by the switch that older files have for it.
const MODES: [(&str, &str, Option<Pooling>); 6] = [
    ("cls", "pooling_mode_cls_token", Some(Pooling::Cls)),
    ("mean", "pooling_mode_mean_tokens", Some(Pooling::Mean)),
    ("lasttoken", "pooling_mode_lasttoken", Some(Pooling::LastToken)),
    ("max", "pooling_mode_max_tokens", None),
    ("mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens", None),
    ("weightedmean", "pooling_mode_weightedmean_tokens", None),
];

impl SentenceConfig {
    pub fn read(folder: &Path) -> Result<Self, ModelError> {
        let path = place(folder, "modules.json")?;
        let modules = read_json::<Vec<Module>>(&path)?;
        for module in modules.iter().flatten() {
            let refused = |why: String| Err(ModelError::file(&path, why));
            match module.class() {
                "Transformer" if !matches!(module.path.as_str(), "" | ".") => {
                    return refused(format!(
                        "the encoder lies in the folder `{}`; load and save the model once with a present sentence-transformers, which puts it into the model's own folder",
                        module.path
                    ));
                }
                // Dropout does nothing to a text that is encoded.
                "Transformer" | "Pooling" | "Normalize" | "Dropout" => {}
                "Dense" => {
                    return refused(
                        "a Dense module follows the pooling, which is not supported; choose a model that ends with Pooling or Normalize".into(),
                    );
                }
                other => {
                    return refused(format!(
                        "the module `{other}` is not supported; models made of Transformer, Pooling and Normalize are"
                    ));
                }
            }
        }
        let pooling_module = modules.iter().flatten().find(|module| module.class() == "Pooling");
        let pooling = match pooling_module {
            Some(module) => {
                let path = match module.path.as_str() {
                    "" | "." => place(folder, "config.json")?,
                    within => place(folder, &format!("{within}/config.json"))?,
                };
                let config = read_json::<Value>(&path)?.ok_or_else(|| {
                    ModelError::file(
                        &path,
                        "the file is missing, which says how the model pools; fetch the whole model",
                    )
                })?;
                Some((path, config))
            }
            None => {
                let path = place(folder, "1_Pooling/config.json")?;
                read_json::<Value>(&path)?.map(|config| (path, config))
            }
        };
        // A folder without a word of it is one that FlagEmbedding would take with its defaults.
        let normalize = match (&modules, pooling_module) {
            (Some(modules), Some(_)) => modules.iter().any(|module| module.class() == "Normalize"),
            _ => true,
        };
        let (query_prefix, passage_prefix) = prefixes(folder)?;
        let mode = match &pooling {
            Some((path, config)) => pooling_of(config).map_err(|why| ModelError::file(path, why))?,
            None => Pooling::Cls,
        };
        if let Some((path, config)) = &pooling
            && config["include_prompt"] == json!(false)
            && mode == Pooling::Mean
            && !(query_prefix.is_empty() && passage_prefix.is_empty())
        {
            return Err(ModelError::file(
                path,
                "include_prompt is false: the prefixes' tokens do not count for the mean, which is not supported; choose another model",
            ));
        }
        let (max_length, lower_case) = lengths(folder)?;
        Ok(Self { pooling: mode, normalize, max_length, lower_case, query_prefix, passage_prefix })
    }

    /// What the model expects before a text of this kind.
    pub fn prefix(&self, kind: TextKind) -> &str {
        match kind {
            TextKind::Query => &self.query_prefix,
            TextKind::Passage => &self.passage_prefix,
            TextKind::InstructedQuery => "",
        }
    }

    /// The files that let sentence-transformers do the same with a model whose vectors have this many numbers, and
    /// whose texts have at most so many tokens: (name, content).
    pub fn files(&self, hidden: usize, max_length: usize) -> [(&'static str, Value); 3] {
        let mut modules = vec![module(0, "", "Transformer"), module(1, "1_Pooling", "Pooling")];
        if self.normalize {
            modules.push(module(2, "2_Normalize", "Normalize"));
        }
        let mut pooling = json!({ "word_embedding_dimension": hidden });
        for (_, switch, mode) in MODES {
            pooling[switch] = (mode == Some(self.pooling)).into();
        }
        pooling["include_prompt"] = true.into();
        let sentence = json!({ "max_seq_length": max_length, "do_lower_case": self.lower_case });
        [
            ("modules.json", Value::Array(modules)),
            ("1_Pooling/config.json", pooling),
            ("sentence_bert_config.json", sentence),
        ]
    }
}

fn module(index: usize, path: &str, kind: &str) -> Value {
    json!({ "idx": index, "name": index.to_string(), "path": path, "type": format!("sentence_transformers.models.{kind}") })
}

/// The one mode that a pooling module's file names; the mean if it names none, as in sentence-transformers.
fn pooling_of(config: &Value) -> Result<Pooling, String> {
    let named: Vec<&str> = match &config["pooling_mode"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => MODES.iter().filter(|(_, switch, _)| config[*switch] == json!(true)).map(|(name, ..)| *name).collect(),
    };
    match named[..] {
        [] => Ok(Pooling::Mean),
        [name] => {
            let known = MODES.iter().find(|(known, ..)| *known == name).and_then(|(.., mode)| *mode);
            known.ok_or_else(|| format!("the pooling `{name}` is not supported; cls, mean and lasttoken are"))
        }
        _ => Err(format!(
            "it joins the vectors of several poolings ({}), which is not supported; cls, mean or lasttoken alone is",
            named.join(", ")
        )),
    }
}

/// What stands before questions and before passages: the first prompt with a name that sentence-transformers'
/// `encode_query` and `encode_document` look for, else the default one, which its `encode` puts before every text.
fn prefixes(folder: &Path) -> Result<(String, String), ModelError> {
    let config = read_json::<Value>(&place(folder, "config_sentence_transformers.json")?)?.unwrap_or_default();
    let prompt = |name: &str| config["prompts"][name].as_str().filter(|prompt| !prompt.is_empty());
    let default = config["default_prompt_name"].as_str().and_then(prompt);
    let first = |names: &[&str]| names.iter().find_map(|name| prompt(name)).or(default).unwrap_or_default().to_owned();
    Ok((first(&["query"]), first(&["document", "passage", "corpus"])))
}

/// The longest text in tokens, and whether texts are read in small letters.
fn lengths(folder: &Path) -> Result<(Option<usize>, bool), ModelError> {
    let mut found = Value::Null;
    for name in LENGTH_FILES {
        if let Some(config) = read_json::<Value>(&place(folder, name)?)? {
            found = config;
            break;
        }
    }
    let told = match found["max_seq_length"].as_u64() {
        Some(length) => Some(length),
        // Where nobody has set it, the tokenizer's is a number of 30 digits, which is no u64.
        None => read_json::<Value>(&place(folder, "tokenizer_config.json")?)?
            .and_then(|tokenizer| tokenizer["model_max_length"].as_u64()),
    };
    let told = told.filter(|length| *length > 0).map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    Ok((told, found["do_lower_case"].as_bool().unwrap_or(false)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::ops::ControlFlow;

    use super::*;
    use crate::compute::{DeviceChoice, choose};
    use crate::model::{EmbeddingModel, EncodeOptions};

    const MODELS: &str = "tests/fixtures/sentence_transformers";

    /// What sentence-transformers made of texts.
    #[derive(Deserialize)]
    struct Reference {
        texts: Vec<String>,
        models: BTreeMap<String, Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        max_length: usize,
        ids: Vec<Vec<u32>>,
        query: Vec<Vec<f32>>,
        document: Vec<Vec<f32>>,
    }

    /// A model of the fixtures with its tokenizer, which the XLM-RoBERTa ones borrow.
    fn model(name: &str, folder: &Path) -> EmbeddingModel {
        let mut folders = vec![Path::new(MODELS).join(name)];
        while let Some(from) = folders.pop() {
            for entry in fs::read_dir(&from).unwrap().map(|entry| entry.unwrap().path()) {
                let to = folder.join(entry.strip_prefix(Path::new(MODELS).join(name)).unwrap());
                if entry.is_dir() {
                    fs::create_dir_all(&to).unwrap();
                    folders.push(entry);
                } else {
                    fs::copy(&entry, &to).unwrap();
                }
            }
        }
        if !["tokenizer.json", "vocab.txt"].iter().any(|name| folder.join(name).exists()) {
            let tokenizer = "tests/fixtures/flagembedding/model_safetensors/tokenizer.json";
            fs::copy(tokenizer, folder.join("tokenizer.json")).unwrap();
        }
        EmbeddingModel::load(folder, &choose(DeviceChoice::Cpu).unwrap().open().unwrap()).unwrap()
    }

    fn assert_encodes(model: &EmbeddingModel, texts: &[&str], case: &Case, name: &str) {
        let options = EncodeOptions { batch_size: 2, ..Default::default() };
        for (kind, expected) in [(TextKind::Query, &case.query), (TextKind::Passage, &case.document)] {
            let vectors = model.encode(texts, kind, &options, &mut |_, _| ControlFlow::Continue(())).unwrap();
            for (text, expected) in expected.iter().enumerate() {
                let vector = &vectors.dense.values[text * expected.len()..][..expected.len()];
                let differs = vector.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(differs < 2e-5, "{name}, {kind:?} of text {text}: {vector:?}, not {expected:?}");
            }
        }
    }

    #[test]
    fn models_of_every_layout_encode_as_in_sentence_transformers() {
        let reference = fs::read_to_string(Path::new(MODELS).join("vectors.json")).unwrap();
        let reference: Reference = serde_json::from_str(&reference).unwrap();
        let texts: Vec<&str> = reference.texts.iter().map(String::as_str).collect();
        assert_eq!(reference.models.len(), 5);
        for (name, case) in &reference.models {
            let folder = tempfile::tempdir().unwrap();
            let loaded = model(name, folder.path());
            assert_eq!(loaded.folder().max_length(), case.max_length, "{name}");
            for (text, ids) in texts.iter().zip(&case.ids) {
                let made = loaded.folder().tokenizer().ids(text, Some(case.max_length)).unwrap();
                assert_eq!(&made, ids, "{name}: {text}");
            }
            assert_encodes(&loaded, &texts, case, name);

            // Saved, and from there again.
            let saved = folder.path().join("saved");
            loaded.save(&saved).unwrap();
            let again = EmbeddingModel::load(&saved, &loaded.device()).unwrap();
            assert_encodes(&again, &texts, case, name);
        }
    }

    #[test]
    fn an_index_names_only_files_beside_it() {
        for index in ["model.safetensors.index.json", "pytorch_model.bin.index.json"] {
            for outside in ["../e5/pytorch_model-00001-of-00002.bin", "/etc/passwd", "..", "pool/config.json", ""] {
                let folder = tempfile::tempdir().unwrap();
                let content = json!({ "weight_map": { "embeddings.word_embeddings.weight": outside } });
                fs::write(folder.path().join(index), content.to_string()).unwrap();
                for error in [
                    crate::model::Weights::open(folder.path()).err().unwrap(),
                    crate::model::Weights::files(folder.path()).err().unwrap(),
                ] {
                    assert!(error.to_string().contains("is not a file name"), "{outside}: {error}");
                }
            }
        }
    }

    /// What is read of a folder with these files.
    fn read(files: &[(&str, &str)]) -> Result<SentenceConfig, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        SentenceConfig::read(folder.path()).map_err(|error| error.to_string())
    }

    const MODULES: &str = r#"[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "pool", "type": "sentence_transformers.models.Pooling"}]"#;

    fn pooled(config: &str) -> Result<Pooling, String> {
        read(&[("modules.json", MODULES), ("pool/config.json", config)]).map(|config| config.pooling)
    }

    #[test]
    fn a_folder_without_these_files_is_taken_as_flagembedding_takes_it() {
        let config = read(&[]).unwrap();
        assert_eq!((config.pooling, config.normalize, config.max_length), (Pooling::Cls, true, None));
        let config = read(&[("1_Pooling/config.json", r#"{"pooling_mode_mean_tokens": true}"#)]).unwrap();
        assert_eq!((config.pooling, config.normalize), (Pooling::Mean, true));
        let only_encoder = r#"[{"path": "", "type": "sentence_transformers.models.Transformer"}]"#;
        let config = read(&[("modules.json", only_encoder)]).unwrap();
        assert_eq!((config.pooling, config.normalize), (Pooling::Cls, true));
    }

    #[test]
    fn pooling_is_read_wherever_it_lies_in_old_and_new_words() {
        assert_eq!(pooled(r#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}"#), Ok(Pooling::Cls));
        assert_eq!(pooled(r#"{"pooling_mode_lasttoken": true}"#), Ok(Pooling::LastToken));
        assert_eq!(pooled(r#"{"embedding_dimension": 8, "pooling_mode": "lasttoken"}"#), Ok(Pooling::LastToken));
        assert_eq!(pooled(r#"{"pooling_mode": ["mean"]}"#), Ok(Pooling::Mean));
        assert_eq!(pooled(r#"{"word_embedding_dimension": 8}"#), Ok(Pooling::Mean));
        let named = [
            (r#"{"pooling_mode_weightedmean_tokens": true}"#, "weightedmean"),
            (r#"{"pooling_mode": "max"}"#, "max"),
            (r#"{"pooling_mode_mean_sqrt_len_tokens": true}"#, "mean_sqrt_len_tokens"),
            (r#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true}"#, "cls, mean"),
            (r#"{"pooling_mode": "new"}"#, "new"),
        ];
        for (config, name) in named {
            let error = pooled(config).unwrap_err();
            assert!(error.contains(name) && error.contains("not supported; ") && error.contains("pool"), "{error}");
        }
        let error = read(&[("modules.json", MODULES)]).unwrap_err();
        assert!(error.contains("pool") && error.contains("missing") && error.contains("fetch"), "{error}");
    }

    #[test]
    fn modules_that_would_change_the_vectors_are_refused_by_name() {
        for (kind, path, told) in [
            ("Dense", "2_Dense", "Dense"),
            ("WeightedLayerPooling", "1_Weighted", "WeightedLayerPooling"),
            ("Transformer", "0_Transformer", "`0_Transformer`"),
        ] {
            let modules = format!(r#"[{{"path": "{path}", "type": "sentence_transformers.models.{kind}"}}]"#);
            let error = read(&[("modules.json", &modules)]).unwrap_err();
            assert!(error.contains(told) && error.contains("; "), "{error}");
        }
    }

    #[test]
    fn prefixes_are_the_prompts_by_name_else_the_default_one() {
        let prefixes = |config: &str| {
            let config = read(&[("config_sentence_transformers.json", config)]).unwrap();
            (config.query_prefix, config.passage_prefix)
        };
        let pair = |query: &str, passage: &str| (query.to_owned(), passage.to_owned());
        assert_eq!(prefixes(r#"{"prompts": {"query": "q: ", "passage": "p: "}}"#), pair("q: ", "p: "));
        assert_eq!(
            prefixes(r#"{"prompts": {"query": "q: ", "document": "d: ", "corpus": "c: "}}"#),
            pair("q: ", "d: ")
        );
        assert_eq!(
            prefixes(r#"{"prompts": {"query": "q: ", "document": ""}, "default_prompt_name": null}"#),
            pair("q: ", "")
        );
        let default = r#"{"prompts": {"x": "x: ", "query": "q: "}, "default_prompt_name": "x"}"#;
        assert_eq!(prefixes(default), pair("q: ", "x: "));
    }

    #[test]
    fn prefixes_that_do_not_count_for_the_mean_are_refused() {
        let modules = ("modules.json", MODULES);
        let prompts = ("config_sentence_transformers.json", r#"{"prompts": {"query": "q: "}}"#);
        let pooling = |mode: &str| format!(r#"{{"pooling_mode": "{mode}", "include_prompt": false}}"#);
        let error = read(&[modules, prompts, ("pool/config.json", &pooling("mean"))]).unwrap_err();
        assert!(error.contains("include_prompt"), "{error}");
        assert!(read(&[modules, prompts, ("pool/config.json", &pooling("cls"))]).is_ok());
        assert!(read(&[modules, ("pool/config.json", &pooling("mean"))]).is_ok());
    }

    #[test]
    fn the_longest_text_is_the_model_s_or_the_tokenizer_s() {
        let length = |files: &[(&str, &str)]| read(files).unwrap().max_length;
        let tokenizer = ("tokenizer_config.json", r#"{"model_max_length": 512}"#);
        assert_eq!(length(&[tokenizer]), Some(512));
        assert_eq!(length(&[tokenizer, ("sentence_bert_config.json", r#"{"max_seq_length": 256}"#)]), Some(256));
        assert_eq!(length(&[tokenizer, ("sentence_bert_config.json", r#"{"max_seq_length": null}"#)]), Some(512));
        assert_eq!(length(&[("sentence_xlm-roberta_config.json", r#"{"max_seq_length": 128}"#)]), Some(128));
        assert_eq!(
            length(&[("tokenizer_config.json", r#"{"model_max_length": 1000000000000000019884624838656}"#)]),
            None
        );
        assert!(read(&[("sentence_bert_config.json", r#"{"do_lower_case": true}"#)]).unwrap().lower_case);
    }

    #[test]
    fn what_is_written_is_read_again_as_it_was() {
        for (pooling, normalize, lower_case) in
            [(Pooling::Cls, true, false), (Pooling::Mean, false, true), (Pooling::LastToken, true, false)]
        {
            let empty = String::new();
            let written = SentenceConfig {
                pooling,
                normalize,
                lower_case,
                max_length: Some(77),
                query_prefix: empty.clone(),
                passage_prefix: empty,
            };
            let files = written.files(8, 77).map(|(name, content)| (name, content.to_string()));
            let files: Vec<(&str, &str)> = files.iter().map(|(name, content)| (*name, content.as_str())).collect();
            assert_eq!(read(&files), Ok(written));
        }
    }
}
