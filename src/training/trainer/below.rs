//! What the frozen layers below the trained ones make of a text: computed once, since nothing below changes.

use std::collections::HashMap;

use burn::tensor::{Tensor, TensorData};

use super::pieces::Piece;
use super::{TrainedModel, Trainer};
use crate::model::texts::TokenTensors;

/// Hidden states of texts in the host's memory, as many as fit.
pub struct Below {
    /// By the text's token ids, `[tokens, hidden]` each.
    pub(super) known: HashMap<Vec<u32>, Vec<f32>>,
    /// Values that may still be kept.
    pub(super) room: usize,
}

/// 2 GiB of 32-bit floats.
const ROOM: usize = 1 << 29;

impl Default for Below {
    fn default() -> Self {
        Self { known: HashMap::new(), room: ROOM }
    }
}

impl Trainer {
    /// The input of the lowest trained layer, `[tokens, hidden]`.
    ///
    /// With frozen layers below, those of them whose outputs are known are not computed again. What cannot be read
    /// from the device is computed each time; the error shows at the step.
    pub(super) fn below(&mut self, model: &TrainedModel, piece: &Piece) -> Tensor<2> {
        let first = self.first_trained;
        let dropout = self.dropout_below(piece.dropout);
        if first == 0 || dropout.is_some() {
            return model.encoder.below(first, &piece.tokens, dropout);
        }
        let texts: Vec<Vec<u32>> = (0..piece.tokens.texts).map(|text| piece.tokens.ids_of(text)).collect();
        let missing: Vec<usize> =
            (0..texts.len()).filter(|text| !self.below.known.contains_key(&texts[*text])).collect();
        let whole = missing.len() == texts.len();
        if !missing.is_empty() {
            // A piece of which nothing is known goes through as it is, and is the answer.
            let part = (!whole)
                .then(|| TokenTensors::new(&piece.tokens.batch(&missing), &model.encoder.embeddings, &self.device));
            let tokens = part.as_ref().unwrap_or(&piece.tokens);
            let hidden = model.encoder.below(first, tokens, None);
            let fits = tokens.own_tokens() * hidden.dims()[1] <= self.below.room;
            let read = if fits { tokens.rows_of_texts(hidden.clone()) } else { None };
            match read {
                Some(rows) => {
                    for (text, rows) in missing.iter().zip(rows) {
                        self.below.room = self.below.room.saturating_sub(rows.len());
                        self.below.known.insert(texts[*text].clone(), rows);
                    }
                }
                None if whole => return hidden,
                None => return model.encoder.below(first, &piece.tokens, None),
            }
            if whole {
                return hidden;
            }
        }
        let size = self.folder.hidden_size();
        let known = texts.iter().map(|text| self.below.known.get(text).map_or(&[][..], Vec::as_slice));
        let values = piece.tokens.laid_out(known, size);
        let rows = values.len() / size;
        self.precision.narrow(Tensor::from_data(TensorData::new(values, [rows, size]), &self.device))
    }
}
