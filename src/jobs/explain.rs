//! Why one passage scores what it scores for a question, in one or several models, as a job.

use std::path::PathBuf;

use super::vectors::{self, Texts};
use super::{Failure, Job, JobContext, Jobs, Room};
use crate::compute::DeviceInfo;
use crate::model::{EncodeOptions, ModelFolder, SparseVector, TextKind};
use crate::retrieval::{Interaction, Method, dense_score, lexical_score};

/// What is to be explained.
pub struct ExplainRequest {
    pub device: DeviceInfo,
    /// Folders of the models, the base model's first.
    pub models: Vec<PathBuf>,
    pub question: String,
    pub passage: String,
}

/// What one model makes of the two texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    pub model: PathBuf,
    pub question: Vec<Piece>,
    pub passage: Vec<Piece>,
    pub dense: f32,
    /// Absent where the model has no heads.
    pub sparse: Option<f32>,
    /// The mean of each question token's best similarity, as ColBERT scores.
    pub colbert: Option<f32>,
    /// Tokens of question and passage as ColBERT compares them; the last one ends the text.
    pub interaction: Option<(Interaction, [Vec<String>; 2])>,
}

/// A piece of a text: one token, or what lies between two.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    pub text: String,
    /// The lexical weight of its token; 0 where it has none.
    pub weight: f32,
    /// Whether the other text has the token, too, so that it counts in the sparse score.
    pub shared: bool,
}

/// Puts it into the queue of its device; one event a model, in the order of the models.
pub fn start(jobs: &Jobs, request: ExplainRequest) -> Job<Explanation> {
    let device = request.device.clone();
    jobs.start(&device, "Explain".into(), move |room, context| work(room, context, &request))
}

fn work(room: &mut Room, context: &JobContext<Explanation>, request: &ExplainRequest) -> Result<(), Failure> {
    for model in &request.models {
        vectors::check(room, model, &vectors::options(Method::Dense))?;
        let folder = room.folder(model)?;
        let (sparse, colbert) = (folder.has_heads(), folder.has_heads());
        let options = EncodeOptions { sparse, colbert, ..EncodeOptions::default() };
        let mut texts = Texts { room, context, model, options, cache: None };
        let question = texts.encode(&[&request.question], TextKind::Query)?;
        let passage = texts.encode(&[&request.passage], TextKind::Passage)?;
        let weights = (question.sparse.first().cloned(), passage.sparse.first().cloned());
        let (of_question, of_passage) = (weights.0.unwrap_or_default(), weights.1.unwrap_or_default());
        let tokens = |text: &str, kind| Tokens::new(&folder, text, kind, options.max_length);
        let asked = tokens(&request.question, TextKind::Query)?;
        let found = tokens(&request.passage, TextKind::Passage)?;
        let interaction = Interaction::new(&question, &passage);
        let colbert = interaction.as_ref().map(|interaction| {
            let best = interaction.best.iter().enumerate();
            let sum: f32 =
                best.map(|(row, best)| best.map_or(0.0, |best| interaction.similarities.row(row)[best])).sum();
            sum / interaction.best.len().max(1) as f32
        });
        context.send(Explanation {
            model: model.clone(),
            question: asked.pieces(&of_question, &of_passage),
            passage: found.pieces(&of_passage, &of_question),
            dense: dense_score(question.dense.row(0), passage.dense.row(0)),
            sparse: sparse.then(|| lexical_score(&of_question, &of_passage)),
            colbert,
            interaction: interaction.map(|interaction| (interaction, [asked.compared(), found.compared()])),
        });
    }
    Ok(())
}

/// A text after the model's prefix, and its tokens.
struct Tokens {
    text: String,
    tokens: Vec<(u32, std::ops::Range<usize>, String)>,
}

impl Tokens {
    fn new(folder: &ModelFolder, text: &str, kind: TextKind, max_length: usize) -> Result<Self, Failure> {
        let text = format!("{}{text}", folder.prefix(kind));
        let longest = max_length.min(folder.max_length());
        let tokens = folder.tokenizer().tokens(&text, Some(longest))?;
        let named = tokens.into_iter().map(|(id, span)| {
            let name =
                if span.is_empty() { folder.tokenizer().token(id) } else { text[span.clone()].trim().to_owned() };
            (id, span, name)
        });
        Ok(Self { tokens: named.collect(), text })
    }

    /// Without the first token, which stands for the whole text and is not compared.
    fn compared(&self) -> Vec<String> {
        self.tokens.iter().skip(1).map(|(_, _, name)| name.clone()).collect()
    }

    fn pieces(&self, own: &SparseVector, other: &SparseVector) -> Vec<Piece> {
        let (mut pieces, mut at) = (Vec::new(), 0);
        let mut push = |text: &str, weight: f32, shared: bool| {
            if !text.is_empty() {
                pieces.push(Piece { text: text.to_owned(), weight, shared });
            }
        };
        for (id, span, _) in &self.tokens {
            // Tokens may overlap where one letter makes several.
            let start = span.start.max(at);
            if span.end <= at {
                continue;
            }
            push(&self.text[at..start], 0.0, false);
            let weight = own.ids.binary_search(id).map_or(0.0, |place| own.weights[place]);
            push(&self.text[start..span.end], weight, weight > 0.0 && other.ids.binary_search(id).is_ok());
            at = span.end;
        }
        push(&self.text[at..], 0.0, false);
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::{DeviceChoice, choose};
    use crate::jobs::Status;

    const MODEL: &str = "tests/fixtures/flagembedding/model_safetensors";

    fn explain(models: &[&str], question: &str, passage: &str) -> Vec<Explanation> {
        let request = ExplainRequest {
            device: choose(DeviceChoice::Cpu).unwrap(),
            models: models.iter().map(PathBuf::from).collect(),
            question: question.into(),
            passage: passage.into(),
        };
        let jobs = Jobs::new(|| ());
        let job = start(&jobs, request);
        assert_eq!(job.wait(), Status::Done);
        job.poll()
    }

    #[test]
    fn pieces_make_up_the_text_and_shared_tokens_the_sparse_score() {
        let (question, passage) = ("什么是焊接 porosity 气孔？", "气孔 (porosity) 是焊接时留下的孔。\n第二行");
        let why = explain(&[MODEL], question, passage).remove(0);
        let whole = |pieces: &[Piece]| pieces.iter().map(|piece| piece.text.as_str()).collect::<String>();
        assert_eq!((whole(&why.question).as_str(), whole(&why.passage).as_str()), (question, passage));
        let (interaction, [asked, found]) = why.interaction.as_ref().unwrap();
        assert_eq!((interaction.similarities.rows, interaction.similarities.cols), (asked.len(), found.len()));
        assert_eq!(interaction.best.len(), asked.len());
        assert!(why.question.iter().any(|piece| piece.shared) == (why.sparse.unwrap() > 0.0), "{why:?}");
        assert!(why.passage.iter().any(|piece| piece.weight > 0.0));
    }

    #[test]
    fn the_same_text_twice_is_as_like_as_can_be() {
        let why = explain(&[MODEL], "未熔合", "未熔合").remove(0);
        assert!((why.dense - 1.0).abs() < 1e-5 && (why.colbert.unwrap() - 1.0).abs() < 1e-5, "{why:?}");
        let (interaction, _) = why.interaction.unwrap();
        for (row, best) in interaction.best.iter().enumerate() {
            let row = interaction.similarities.row(row);
            assert!((row[best.unwrap()] - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn a_model_without_heads_explains_its_dense_score_alone() {
        let why = explain(&["assets/starter-model", MODEL], "crater pipe", "a pipe in the crater");
        assert_eq!((why[0].sparse, why[0].colbert, why[0].interaction.is_none()), (None, None, true));
        assert!(why[0].dense > 0.3 && why[1].colbert.is_some());
    }
}
