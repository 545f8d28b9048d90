//! Why one passage scores what it scores for a question, in one or several models, as a job.

use std::path::PathBuf;

use super::vectors::{self, Texts};
use super::{Failure, Job, JobContext, Jobs, Room};
use crate::compute::DeviceInfo;
use crate::model::{EncodeOptions, ModelFolder, SparseVector, TextKind};
use crate::retrieval::{Interaction, Method, colbert_score, dense_score, lexical_score};

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
    /// Absent between tokens.
    pub token: Option<u32>,
    /// The lexical weight of its token in this text and in the other one; 0 where it has none.
    pub weights: [f32; 2],
}

impl Piece {
    /// What its token adds to the sparse score, however often it is in the texts.
    pub fn adds(&self) -> f32 {
        self.weights[0] * self.weights[1]
    }
}

/// The tokens that both texts have, each once, what adds most to the sparse score first.
pub fn common(pieces: &[Piece]) -> Vec<&Piece> {
    let mut common: Vec<&Piece> = pieces.iter().filter(|piece| piece.adds() > 0.0).collect();
    common.sort_by(|one, other| other.adds().total_cmp(&one.adds()).then(one.token.cmp(&other.token)));
    common.dedup_by_key(|piece| piece.token);
    common
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
        let tokens = |text: &str, kind| Tokens::new(&folder, text, kind, options.longest(&folder));
        let asked = tokens(&request.question, TextKind::Query)?;
        let found = tokens(&request.passage, TextKind::Passage)?;
        let interaction = Interaction::new(&question, &passage);
        let pair = question.colbert.first().zip(passage.colbert.first()).filter(|_| interaction.is_some());
        let colbert = pair.map(|(question, passage)| colbert_score(question, passage));
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
    fn new(folder: &ModelFolder, text: &str, kind: TextKind, longest: usize) -> Result<Self, Failure> {
        let text = format!("{}{text}", folder.prefix(kind));
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
        let weight = |of: &SparseVector, id: &u32| of.ids.binary_search(id).map_or(0.0, |place| of.weights[place]);
        let mut push = |text: &str, token: Option<u32>| {
            if !text.is_empty() {
                let weights = token.map_or([0.0; 2], |id| [weight(own, &id), weight(other, &id)]);
                pieces.push(Piece { text: text.to_owned(), token, weights });
            }
        };
        for (id, span, _) in &self.tokens {
            // Tokens may overlap where one letter makes several.
            let start = span.start.max(at);
            if span.end <= at {
                continue;
            }
            push(&self.text[at..start], None);
            push(&self.text[start..span.end], Some(*id));
            at = span.end;
        }
        push(&self.text[at..], None);
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
        assert!(why.passage.iter().any(|piece| piece.weights[0] > 0.0));
        // What the common tokens add makes up the sparse score, seen from either side, however often they are there.
        let why = explain(&[MODEL], &format!("{passage} {passage}"), passage).remove(0);
        for pieces in [&why.question, &why.passage] {
            let sum: f32 = common(pieces).iter().map(|piece| piece.adds()).sum();
            assert!((sum - why.sparse.unwrap()).abs() < 1e-6 && sum > 0.0, "{sum} {why:?}");
        }
    }

    #[test]
    fn a_text_that_begins_with_a_han_character_keeps_its_first_word_whole() {
        let why = explain(&[MODEL], "气孔是什么", "气孔").remove(0);
        let names = |pieces: &[Piece]| pieces.iter().map(|piece| piece.text.clone()).collect::<Vec<_>>();
        let (_, [asked, found]) = why.interaction.unwrap();
        assert_eq!(found, [vec!["▁".to_owned()], names(&why.passage), vec!["</s>".to_owned()]].concat());
        assert_eq!(asked, [vec!["▁".to_owned()], names(&why.question), vec!["</s>".to_owned()]].concat());
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
