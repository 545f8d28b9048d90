//! Rows into micro-batches: which rows come together, which positive and negatives each shows.
//!
//! Order and choices depend on the seed and the epoch alone, so that a run can be taken up anywhere.

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
    rows: Vec<Row>,
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
        if self.shuffled {
            chunks.shuffle(&mut rng);
        }
        chunks
    }

    /// The micro-batches of an epoch, one by one.
    pub fn epoch(&self, epoch: usize) -> impl ExactSizeIterator<Item = MicroBatch> + '_ {
        let seed = mix(mix(self.config.seed, epoch as u64), 1);
        self.chunks(epoch).into_iter().enumerate().map(move |(index, (source, rows))| {
            let mut rng = ChaCha8Rng::seed_from_u64(mix(seed, index as u64));
            self.micro_batch(&self.sources[source], &rows, &mut rng)
        })
    }

    fn micro_batch(&self, source: &Source, rows: &[usize], rng: &mut ChaCha8Rng) -> MicroBatch {
        let config = &self.config;
        let rows: Vec<&Row> = rows.iter().map(|&row| &source.rows[row]).collect();
        let first = rows[0];
        let kind = first.kind().filter(|_| config.same_dataset_within_batch);
        let group = match kind {
            Some("only_1neg") => 2,
            Some("symmetric_class") => (first.neg.len() + 1).min(config.train_group_size),
            Some(_) => config.train_group_size,
            None if config.same_dataset_within_batch => {
                first.number("train_group_size").filter(|&size| size >= 2).unwrap_or(config.train_group_size)
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
            let instruction = row.prompt().unwrap_or(&self.query_prefix);
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

fn fill(format: &str, instruction: &str, text: &str) -> String {
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
        let in_batch = file.in_batch_negatives();
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
    match first.number("batch_size") {
        Some(size) if size > 0 => size,
        _ if first.kind().is_some_and(|kind| kind.contains("symmetric")) => (default / 2).max(1),
        _ => default,
    }
}

fn sample(config: &TrainingConfig, mut rows: Vec<Row>) -> Vec<Row> {
    if rows.len() > config.max_example_num_per_dataset {
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        rows.shuffle(&mut rng);
        rows.truncate(config.max_example_num_per_dataset.max(1));
    }
    rows
}
