//! Cross-encoders of the bge-reranker family: a question and a passage in, read together, one score out.

use std::ops::ControlFlow;
use std::path::Path;

use burn::tensor::{Device, Tensor};
use rayon::prelude::*;

use super::encoder::Encoder;
use super::folder::ModelFolder;
use super::layers::{Linear, Loader};
use super::texts::TokenTensors;
use super::tokenizer::Pair;
use super::weights::Weights;
use super::{ModelError, read};
use crate::compute::largest_tensor;

/// An encoder with a head for one score: `XLMRobertaForSequenceClassification` (also RoBERTa's) or
/// `BertForSequenceClassification` with a single label.
pub struct Reranker {
    folder: ModelFolder,
    encoder: Encoder,
    /// `[hidden, hidden]`, followed by tanh; reads the first token.
    dense: Linear,
    /// `[1, hidden]`.
    output: Linear,
}

impl Reranker {
    /// Loads a model folder onto a device, tensor by tensor.
    pub fn load(path: &Path, device: &Device) -> Result<Self, ModelError> {
        Self::load_folder(ModelFolder::open(path)?, device)
    }

    /// Loads the weights of a folder that is open already.
    pub fn load_folder(folder: ModelFolder, device: &Device) -> Result<Self, ModelError> {
        if !folder.is_reranker() {
            return Err(ModelError::file(
                folder.path().join("config.json"),
                "it is not a reranker's; choose a folder whose `architectures` name a …ForSequenceClassification",
            ));
        }
        let weights = Weights::open(folder.path())?;
        let mut loader = Loader { weights: &weights, device, largest: largest_tensor(device), names: Vec::new() };
        let encoder = Encoder::load(folder.config(), &mut loader)?;
        let size = folder.hidden_size();
        let [dense, output] = match folder.config().model_type.as_str() {
            "bert" => ["pooler.dense", "classifier"],
            _ => ["classifier.dense", "classifier.out_proj"],
        };
        let (dense, output) = (loader.linear(dense, size, size)?, loader.linear(output, size, 1)?);
        Ok(Self { folder, encoder, dense, output })
    }

    pub fn folder(&self) -> &ModelFolder {
        &self.folder
    }

    /// The model's device.
    pub fn device(&self) -> Device {
        self.encoder.embeddings.norm.weight.val().device()
    }

    /// Scores of (question, passage) pairs in their order, as raw logits (FlagEmbedding's `FlagReranker` without
    /// `normalize`); [`sigmoid`](Self::sigmoid) puts them between 0 and 1.
    ///
    /// A pair has at most `max_length` tokens and never more than the model takes. `progress` gets the pairs done and
    /// their number after every batch of `batch_size`; `Break` ends with [`ModelError::Stopped`].
    pub fn score(
        &self,
        pairs: &[(&str, &str)],
        max_length: usize,
        batch_size: usize,
        progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<Vec<f32>, ModelError> {
        let tokenizer = self.folder.tokenizer();
        let longest = max_length.min(self.folder.max_length());
        let rows: Vec<Pair> = pairs
            .par_iter()
            .map(|(query, passage)| tokenizer.pair(query, passage, longest))
            .collect::<Result<_, _>>()?;
        // Pairs of like length together: little padding. The longest first: too large a batch shows at once.
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|&row| std::cmp::Reverse(rows[row].ids.len()));
        let mut scores = vec![0.0; rows.len()];
        let mut done = 0;
        for places in order.chunks(batch_size.max(1)) {
            let batch: Vec<&Pair> = places.iter().map(|&place| &rows[place]).collect();
            for (score, &place) in read(self.forward(&batch))?.into_iter().zip(places) {
                scores[place] = score;
            }
            done += places.len();
            if progress(done, rows.len()).is_break() && done < rows.len() {
                return Err(ModelError::Stopped);
            }
        }
        Ok(scores)
    }

    /// A logit as a number between 0 and 1 (`normalize=True`).
    pub fn sigmoid(logit: f32) -> f32 {
        1.0 / (1.0 + (-logit).exp())
    }

    /// Logits `[batch, 1]`.
    fn forward(&self, pairs: &[&Pair]) -> Tensor<2> {
        let ids: Vec<&[u32]> = pairs.iter().map(|pair| pair.ids.as_slice()).collect();
        let batch = self.folder.tokenizer().pad(&ids, None);
        let mut tokens = TokenTensors::new(&batch, &self.encoder.embeddings, &self.device());
        // Only BERT tells the two texts apart by type; of the others, transformers ignores what a template says.
        if self.folder.config().model_type == "bert" {
            let last = self.folder.config().type_vocab_size as u32 - 1;
            let mut types = Vec::with_capacity(batch.ids.len());
            for pair in pairs {
                types.extend(pair.types.iter().map(|kind| (*kind).min(last)));
                types.resize(types.len() + batch.length - pair.types.len(), 0);
            }
            tokens = tokens.with_types(&types);
        }
        let hidden = tokens.padded(self.encoder.forward(&tokens));
        let [rows, _, size] = hidden.dims();
        let first = hidden.slice([0..rows, 0..1]).reshape([rows, size]);
        self.output.graph(self.dense.graph(first).tanh())
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::compute::{DeviceChoice, choose};

    const FOLDER: &str = "tests/fixtures/reranker";

    /// What transformers computed for the pairs.
    #[derive(Deserialize)]
    struct Reference {
        pairs: Vec<(String, String)>,
        xlm_roberta: Vec<Case>,
        bert: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        max_length: usize,
        input_ids: Vec<Vec<u32>>,
        token_type_ids: Option<Vec<Vec<u32>>>,
        scores: Vec<f32>,
    }

    fn load(path: &str) -> Result<Reranker, ModelError> {
        Reranker::load(Path::new(path), &choose(DeviceChoice::Cpu).unwrap().open().unwrap())
    }

    #[test]
    fn tokens_and_scores_are_those_of_transformers() {
        let reference: Reference =
            serde_json::from_str(&std::fs::read_to_string(format!("{FOLDER}/scores.json")).unwrap()).unwrap();
        let pairs: Vec<(&str, &str)> = reference.pairs.iter().map(|(q, p)| (q.as_str(), p.as_str())).collect();
        for (kind, cases) in [("xlm_roberta", &reference.xlm_roberta), ("bert", &reference.bert)] {
            let model = load(&format!("{FOLDER}/{kind}")).unwrap();
            assert_eq!(cases.len(), 2);
            for case in cases {
                for (number, (query, passage)) in pairs.iter().enumerate() {
                    let pair = model.folder.tokenizer().pair(query, passage, case.max_length).unwrap();
                    assert_eq!(pair.ids, case.input_ids[number], "{kind} {query} {passage}");
                    if let Some(types) = &case.token_type_ids {
                        assert_eq!(pair.types, types[number]);
                    }
                }
                for batch_size in [1, 3, 256] {
                    let mut seen = Vec::new();
                    let scores = model
                        .score(&pairs, case.max_length, batch_size, &mut |done, total| {
                            seen.push((done, total));
                            ControlFlow::Continue(())
                        })
                        .unwrap();
                    assert_eq!(seen.len(), pairs.len().div_ceil(batch_size));
                    assert_eq!(seen.last(), Some(&(pairs.len(), pairs.len())));
                    for (score, expected) in scores.iter().zip(&case.scores) {
                        assert!((score - expected).abs() < 1e-4, "{kind}: {scores:?}, not {:?}", case.scores);
                    }
                }
            }
        }
    }

    #[test]
    fn a_model_takes_no_longer_pair_than_it_has_positions_for() {
        let model = load(&format!("{FOLDER}/xlm_roberta")).unwrap();
        let long = "很长".repeat(300);
        let mut go_on = |_: usize, _: usize| ControlFlow::Continue(());
        let scores = model.score(&[(&long, &long)], 512, 1, &mut go_on).unwrap();
        assert_eq!(scores, model.score(&[(&long, &long)], 96, 1, &mut go_on).unwrap());
        assert!(model.score(&[], 512, 1, &mut go_on).unwrap().is_empty());
        // There is no room for any text; still every special token is there.
        assert_eq!(model.folder.tokenizer().pair(&long, &long, 2).unwrap().ids, [0, 2, 2, 2]);
    }

    #[test]
    fn scoring_stops_when_it_is_told_to() {
        let model = load(&format!("{FOLDER}/bert")).unwrap();
        let stopped = model.score(&[("a", "b"); 3], 64, 1, &mut |_, _| ControlFlow::Break(()));
        assert!(matches!(stopped, Err(ModelError::Stopped)), "{stopped:?}");
        assert!((Reranker::sigmoid(0.0), Reranker::sigmoid(-200.0), Reranker::sigmoid(200.0)) == (0.5, 0.0, 1.0));
        assert!((Reranker::sigmoid(2.0) - 0.880_797).abs() < 1e-6);
    }

    #[test]
    fn an_embedding_model_is_refused_by_name() {
        let error = load("tests/fixtures/flagembedding/model_safetensors").err().unwrap().to_string();
        assert!(error.contains("model_safetensors") && error.contains("ForSequenceClassification"), "{error}");
    }
}
