//! Rows into micro-batches: which rows come together, which positive and negatives each shows.
//!
//! Order and choices depend on the seed and the epoch alone, so that a run can be taken up anywhere.

use std::sync::Arc;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::TrainingError;
use super::config::TrainingConfig;
use super::files::TrainingFile;
use super::losses::Layout;
use crate::dataset::Row;
use crate::model::encoder::mix;
use crate::model::{ModelError, ModelFolder, TextKind, TokenBatch, Tokenizer};

/// The texts of one micro-batch, with their instructions before them.
#[derive(Clone, Debug, PartialEq)]
pub struct MicroBatch {
    pub queries: Vec<String>,
    /// Group by group, the positive first.
    pub passages: Vec<String>,
    /// Teacher scores of the passages, in their order.
    pub teacher: Option<Vec<f32>>,
    pub layout: Layout,
}

/// A micro-batch as the model reads it.
#[derive(Clone, Debug)]
pub struct TokenizedBatch {
    pub queries: TokenBatch,
    pub passages: TokenBatch,
    pub teacher: Option<Vec<f32>>,
    pub layout: Layout,
}

/// All rows of a run, and how they come together.
pub struct Batches {
    config: TrainingConfig,
    sources: Vec<Source>,
    query_prefix: String,
    passage_prefix: String,
    shuffled: bool,
}

/// Rows that may share a micro-batch.
struct Source {
    rows: Vec<Arc<Row>>,
    batch_size: usize,
    in_batch: bool,
}

/// Which rows form a micro-batch.
type Chunk = (usize, Vec<usize>);

impl Batches {
    /// Sorts the files' rows into sources, as FlagEmbedding does with and without `same_dataset_within_batch`.
    pub fn new(config: &TrainingConfig, files: Vec<TrainingFile>, model: &ModelFolder) -> Result<Self, TrainingError> {
        for file in &files {
            file.check(config)?;
        }
        let sources = if config.same_dataset_within_batch { by_file(config, files) } else { together(config, files) };
        let batches = Self {
            config: config.clone(),
            sources,
            query_prefix: config
                .query_instruction_for_retrieval
                .clone()
                .unwrap_or_else(|| model.prefix(TextKind::Query).to_owned()),
            passage_prefix: config
                .passage_instruction_for_retrieval
                .clone()
                .unwrap_or_else(|| model.prefix(TextKind::Passage).to_owned()),
            shuffled: true,
        };
        if batches.per_epoch() == 0 {
            let rows: usize = batches.sources.iter().map(|source| source.rows.len()).sum();
            return Err(TrainingError::NoBatches { rows, batch_size: config.per_device_train_batch_size });
        }
        Ok(batches)
    }

    /// Rows, positives and negatives in the order of the files instead of drawn.
    pub fn in_file_order(mut self) -> Self {
        self.shuffled = false;
        self
    }

    /// Rows of all sources.
    pub fn rows(&self) -> usize {
        self.sources.iter().map(|source| source.rows.len()).sum()
    }

    /// Micro-batches of an epoch.
    pub fn per_epoch(&self) -> usize {
        self.sources
            .iter()
            .map(|source| {
                if self.drops_last() {
                    source.rows.len() / source.batch_size
                } else {
                    source.rows.len().div_ceil(source.batch_size)
                }
            })
            .sum()
    }

    fn drops_last(&self) -> bool {
        self.config.same_dataset_within_batch || self.config.dataloader_drop_last
    }

    /// The rows of an epoch's micro-batches.
    fn chunks(&self, epoch: usize) -> Vec<Chunk> {
        let mut rng = ChaCha8Rng::seed_from_u64(mix(self.config.seed, epoch as u64));
        let mut order: Vec<usize> = (0..self.sources.len()).collect();
        if self.shuffled {
            order.shuffle(&mut rng);
        }
        let mut chunks = Vec::new();
        for source in order {
            let Source { rows, batch_size, .. } = &self.sources[source];
            let mut rows: Vec<usize> = (0..rows.len()).collect();
            if self.shuffled {
                rows.shuffle(&mut rng);
            }
            let whole = rows.chunks(*batch_size).filter(|chunk| !self.drops_last() || chunk.len() == *batch_size);
            chunks.extend(whole.map(|chunk| (source, chunk.to_vec())));
        }
        if self.shuffled && self.config.same_dataset_within_batch {
            chunks.shuffle(&mut rng);
        }
        chunks
    }

    /// The micro-batches of an epoch, one by one.
    pub fn epoch(&self, epoch: usize) -> impl ExactSizeIterator<Item = MicroBatch> + '_ {
        self.epoch_from(epoch, 0)
    }

    /// The micro-batches of an epoch from one of them on.
    pub fn epoch_from(&self, epoch: usize, first: usize) -> impl ExactSizeIterator<Item = MicroBatch> + '_ {
        let seed = mix(mix(self.config.seed, epoch as u64), 1);
        let chunks = self.chunks(epoch).into_iter().enumerate();
        chunks.skip(first).map(move |(index, (source, rows))| {
            let mut rng = ChaCha8Rng::seed_from_u64(mix(seed, index as u64));
            self.micro_batch(&self.sources[source], &rows, &mut rng)
        })
    }

    fn micro_batch(&self, source: &Source, rows: &[usize], rng: &mut ChaCha8Rng) -> MicroBatch {
        let config = &self.config;
        let rows: Vec<&Row> = rows.iter().map(|&row| source.rows[row].as_ref()).collect();
        let first = rows[0];
        let kind = first.kind.as_deref().filter(|_| config.same_dataset_within_batch);
        let group = match kind {
            Some("only_1neg") => 2,
            Some("symmetric_class") => (first.neg.len() + 1).min(config.train_group_size),
            Some(_) => config.train_group_size,
            None if config.same_dataset_within_batch => {
                number(first, "train_group_size").filter(|&size| size >= 2).unwrap_or(config.train_group_size)
            }
            None => config.train_group_size,
        };
        let symmetric = matches!(kind, Some("symmetric_sts" | "symmetric_clustering"));
        let mut batch = MicroBatch {
            queries: Vec::with_capacity(rows.len()),
            passages: Vec::with_capacity(rows.len() * group),
            teacher: None,
            layout: Layout { queries: rows.len(), group, in_batch: source.in_batch },
        };
        let mut teacher = Vec::new();
        for row in rows {
            let instruction = row.prompt.as_deref().unwrap_or(&self.query_prefix);
            let query = fill(&config.query_instruction_format, instruction, &row.query);
            batch.queries.push(query);
            let positive = if self.shuffled { rng.random_range(0..row.pos.len()) } else { 0 };
            let negatives = self.negatives(row.neg.len(), group - 1, rng);
            let positive_text = shuffle_text(&row.pos[positive], config.shuffle_ratio, rng);
            let texts =
                std::iter::once(positive_text.as_str()).chain(negatives.iter().map(|&index| row.neg[index].as_str()));
            batch.passages.extend(texts.map(|text| {
                if symmetric {
                    fill(&config.query_instruction_format, instruction, text)
                } else {
                    fill(&config.passage_instruction_format, &self.passage_prefix, text)
                }
            }));
            if let (true, Some(pos), Some(neg)) = (config.knowledge_distillation, &row.pos_scores, &row.neg_scores) {
                teacher.push(pos[positive] as f32);
                teacher.extend(negatives.iter().map(|&index| neg[index] as f32));
            }
        }
        if teacher.len() == batch.passages.len() {
            batch.teacher = Some(teacher);
        }
        batch
    }

    /// `wanted` of `count` negatives, each at most as often as needed to have enough.
    fn negatives(&self, count: usize, wanted: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
        let mut all: Vec<usize> = (0..count * wanted.div_ceil(count)).map(|index| index % count).collect();
        if self.shuffled {
            all.shuffle(rng);
        }
        all.truncate(wanted);
        all
    }
}

impl MicroBatch {
    /// Cuts and pads the texts: queries and passages apart, each side to its own longest.
    pub fn tokenize(
        &self,
        tokenizer: &Tokenizer,
        config: &TrainingConfig,
        longest: usize,
    ) -> Result<TokenizedBatch, ModelError> {
        let side = |texts: &[String], max_length: usize| -> Result<TokenBatch, ModelError> {
            let ids = tokenizer.ids_of_all(texts, max_length.min(longest))?;
            Ok(tokenizer.pad(&ids, config.pad_to_multiple_of))
        };
        Ok(TokenizedBatch {
            queries: side(&self.queries, config.query_max_len)?,
            passages: side(&self.passages, config.passage_max_len)?,
            teacher: self.teacher.clone(),
            layout: self.layout,
        })
    }
}

impl TokenizedBatch {
    /// Tokens of all texts, padding not counted.
    pub fn tokens(&self) -> usize {
        self.queries.tokens() + self.passages.tokens()
    }
}

/// Instruction and text as the format joins them: each of its two `{}` stands for one.
pub(crate) fn fill(format: &str, instruction: &str, text: &str) -> String {
    match format.split("{}").collect::<Vec<_>>()[..] {
        [before, between, after] => [before, instruction, between, text, after].concat(),
        _ => [instruction, text].concat(),
    }
}

/// With the given chance, the three thirds of a text of more than 100 characters in another order.
fn shuffle_text(text: &str, chance: f64, rng: &mut ChaCha8Rng) -> String {
    if chance <= 0.0 || !rng.random_bool(chance) {
        return text.to_owned();
    }
    let characters: Vec<char> = text.chars().collect();
    if characters.len() <= 100 {
        return text.to_owned();
    }
    let mut parts: Vec<String> =
        characters.chunks(characters.len() / 3 + 1).map(|part| part.iter().collect()).collect();
    parts.shuffle(rng);
    parts.join(" ")
}

fn together(config: &TrainingConfig, files: Vec<TrainingFile>) -> Vec<Source> {
    let rows = files.into_iter().flat_map(|file| sample(config, file.rows)).collect();
    vec![Source { rows, batch_size: config.per_device_train_batch_size, in_batch: true }]
}

fn by_file(config: &TrainingConfig, files: Vec<TrainingFile>) -> Vec<Source> {
    let mut sources = Vec::new();
    // Small files of a folder become one source, by the folder.
    let mut merged: Vec<(std::path::PathBuf, Source)> = Vec::new();
    for file in files {
        if file.rows.is_empty() {
            continue;
        }
        let in_batch = !file.is_without_in_batch_negatives();
        let small = file.rows.len() < config.small_threshold;
        let folder = file.path.parent().map(ToOwned::to_owned).unwrap_or_default();
        let rows = sample(config, file.rows);
        let source = Source { batch_size: batch_size(config, &rows[0]), rows, in_batch };
        if !small {
            sources.push(source);
        } else if file.in_folder {
            match merged.iter_mut().find(|(known, _)| *known == folder) {
                Some((_, known)) => {
                    known.rows.extend(source.rows);
                    known.batch_size = known.batch_size.min(source.batch_size);
                }
                None => merged.push((folder, source)),
            }
        }
    }
    sources.extend(
        merged.into_iter().map(|(_, source)| source).filter(|source| source.rows.len() >= config.drop_threshold),
    );
    sources
}

fn batch_size(config: &TrainingConfig, first: &Row) -> usize {
    let default = config.per_device_train_batch_size;
    match number(first, "batch_size") {
        Some(size) if size > 0 => size,
        _ if first.kind.as_deref().is_some_and(|kind| kind.contains("symmetric")) => (default / 2).max(1),
        _ => default,
    }
}

fn sample(config: &TrainingConfig, mut rows: Vec<Arc<Row>>) -> Vec<Arc<Row>> {
    if rows.len() > config.max_example_num_per_dataset {
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        rows.shuffle(&mut rng);
        rows.truncate(config.max_example_num_per_dataset.max(1));
    }
    rows
}

/// A number among the fields that rows do not name.
fn number(row: &Row, name: &str) -> Option<usize> {
    row.other.get(name)?.as_u64().and_then(|number| usize::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::{Path, PathBuf};

    use serde_json::Value;

    use super::*;
    use crate::dataset::Dataset;

    fn fixture(name: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/flagembedding").join(name)
    }

    fn file(path: &str, rows: &Value) -> TrainingFile {
        let text: String = rows.as_array().unwrap().iter().map(|row| format!("{row}\n")).collect();
        let dataset = Dataset::from_bytes(text.into_bytes());
        let (lines, rows) = dataset.rows().into_iter().unzip();
        TrainingFile {
            path: path.into(),
            in_folder: Path::new(path).parent() != Some(Path::new("")),
            rows,
            lines,
            unsaved: false,
        }
    }

    fn base() -> TrainingConfig {
        TrainingConfig {
            train_group_size: 6,
            per_device_train_batch_size: 2,
            same_dataset_within_batch: true,
            knowledge_distillation: true,
            query_instruction_for_retrieval: Some(String::new()),
            ..Default::default()
        }
    }

    fn batches(config: &TrainingConfig, files: Vec<TrainingFile>) -> Result<Batches, TrainingError> {
        Batches::new(config, files, &ModelFolder::open(&fixture("model_bin")).unwrap())
    }

    /// The row (`q3`) and the letter (`p3a`) of a text of the reference.
    fn name(text: &str) -> (&str, usize, &str) {
        let digit = text.find(|c: char| c.is_ascii_digit()).unwrap();
        (&text[..digit], text[digit..digit + 1].parse().unwrap(), &text[digit + 1..])
    }

    #[test]
    fn groups_and_batches_are_made_as_the_reference_makes_them() {
        let cases: BTreeMap<String, Value> =
            serde_json::from_str(&std::fs::read_to_string(fixture("dataset_semantics.json")).unwrap()).unwrap();
        for (case_name, case) in &cases {
            let mut config = base();
            config.per_device_train_batch_size = case["default_batch_size"].as_u64().unwrap() as usize;
            for (option, value) in case["args"].as_object().unwrap() {
                config
                    .set(option, &value.as_str().map_or_else(|| value.to_string().replace("null", ""), str::to_owned))
                    .unwrap();
            }
            let made = batches(&config, vec![file(case["file_name"].as_str().unwrap(), &case["rows"])]);
            if case.get("error").is_some() {
                assert!(made.is_err(), "{case_name}: the reference fails: {}", case["error"]);
                continue;
            }
            let made = made.unwrap();
            assert_eq!(made.per_epoch() as u64, case["batches_per_epoch"].as_u64().unwrap(), "{case_name}");
            let list = |key: &str| -> Vec<&str> {
                case[key].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
            };
            let (queries, passages) = (list("first_batch_queries"), list("first_batch_passages"));
            for batch in made.epoch(0) {
                assert_eq!(batch.queries.len(), queries.len(), "{case_name}");
                assert_eq!(batch.passages.len(), passages.len(), "{case_name}");
                assert_eq!(batch.layout.in_batch, !case["no_in_batch_neg_flag"].as_bool().unwrap(), "{case_name}");
                let scored = case["first_batch_teacher_scores"].as_array().is_some_and(|scores| !scores.is_empty());
                assert_eq!(batch.teacher.is_some(), scored, "{case_name}");
                // Texts begin as the reference's do; "None" is the instruction that was never given.
                let prefix = name(queries[0]).0.replace("None", "");
                assert!(batch.queries.iter().all(|query| name(query).0 == prefix), "{case_name}: {:?}", batch.queries);
                for (place, passage) in batch.passages.iter().enumerate() {
                    let (kind, row, letter) = name(passage);
                    assert_eq!(kind, name(passages[place]).0, "{case_name}");
                    assert_eq!(row, name(&batch.queries[place / batch.layout.group]).1, "{case_name}");
                    if let Some(teacher) = &batch.teacher {
                        let key = if kind.ends_with('p') { "pos_scores" } else { "neg_scores" };
                        let index = (letter.as_bytes()[0] - b'a') as usize;
                        assert_eq!(
                            f64::from(teacher[place]),
                            case["rows"][row][key][index].as_f64().unwrap() as f32 as f64
                        );
                    }
                }
                for group in batch.passages.chunks(batch.layout.group) {
                    // A negative comes again only when all have come.
                    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
                    group[1..].iter().for_each(|text| *times.entry(text).or_default() += 1);
                    assert!(
                        times.values().all(|&times| times <= (batch.layout.group - 1).div_ceil(4)),
                        "{case_name}: {group:?}"
                    );
                }
            }
        }
    }

    fn rows(prefix: &str, count: usize) -> Value {
        (0..count)
            .map(|row| serde_json::json!({ "query": format!("{prefix}q{row}"), "pos": ["p"], "neg": ["n"] }))
            .collect()
    }

    #[test]
    fn every_whole_batch_of_a_file_comes_once_an_epoch_and_files_do_not_mix() {
        let files = vec![file("a.jsonl", &rows("a", 7)), file("b.jsonl", &rows("b", 5))];
        let config = TrainingConfig { knowledge_distillation: false, per_device_train_batch_size: 3, ..base() };
        let made = batches(&config, files).unwrap();
        assert_eq!(made.per_epoch(), 3);
        let epochs: Vec<Vec<Vec<String>>> =
            (0..2).map(|epoch| made.epoch(epoch).map(|batch| batch.queries).collect()).collect();
        assert_ne!(epochs[0], epochs[1]);
        for epoch in epochs {
            let mut all: Vec<&String> = epoch.iter().flatten().collect();
            all.sort();
            all.dedup();
            assert_eq!(all.len(), 9);
            assert!(epoch.iter().all(|batch| batch.iter().all(|query| query[..1] == batch[0][..1])));
        }
    }

    #[test]
    fn small_files_of_a_folder_are_merged_and_small_files_alone_are_left_out() {
        let config = TrainingConfig { knowledge_distillation: false, small_threshold: 4, drop_threshold: 5, ..base() };
        let in_folder = || {
            vec![
                file("data/a.jsonl", &rows("a", 3)),
                file("data/b.jsonl", &rows("b", 3)),
                file("alone.jsonl", &rows("c", 3)),
            ]
        };
        assert_eq!(batches(&config, in_folder()).unwrap().rows(), 6);
        assert!(batches(&TrainingConfig { drop_threshold: 7, ..config }, in_folder()).is_err());
    }

    #[test]
    fn without_the_same_dataset_rule_files_mix_and_the_last_batch_may_be_short() {
        let config = TrainingConfig {
            knowledge_distillation: false,
            same_dataset_within_batch: false,
            per_device_train_batch_size: 4,
            ..base()
        };
        let files = || vec![file("a.jsonl", &rows("a", 5)), file("b.jsonl", &rows("b", 5))];
        assert_eq!(
            batches(&config, files()).unwrap().epoch(0).map(|batch| batch.queries.len()).collect::<Vec<_>>(),
            [4, 4, 2]
        );
        let dropped = TrainingConfig { dataloader_drop_last: true, ..config };
        assert_eq!(batches(&dropped, files()).unwrap().per_epoch(), 2);
    }

    #[test]
    fn in_file_order_nothing_is_drawn() {
        let config = TrainingConfig { knowledge_distillation: false, ..base() };
        let made = batches(&config, vec![file("a.jsonl", &rows("a", 5))]).unwrap().in_file_order();
        assert_eq!(made.epoch(1).next().unwrap().queries, ["aq0", "aq1"]);
    }
}
