//! A batch of texts on a device: where each text's tokens lie, and what the encoder reads of them.

use burn::tensor::{Bool, Device, Tensor, TensorData};

use super::encoder::{Embeddings, mix};
use super::ops::{Grouping, RowKeys, Span, cpu, hash};
use super::tokenizer::TokenBatch;

/// A batch on a device. The processor computes the texts' own tokens only; on other devices padding goes along.
#[derive(Clone, Debug)]
pub struct TokenTensors {
    pub texts: usize,
    /// Tokens of the padded batch's rows.
    pub longest: usize,
    /// `[texts, longest]`; 1 for the text's tokens, 0 for padding.
    pub mask: Tensor<2>,
    pub grouping: Grouping,
    /// What stands at each computed token.
    tokens: Vec<Token>,
    /// Each text's own tokens.
    lengths: Vec<usize>,
    padding_id: u32,
    /// For each text its number, which dropout draws with.
    numbers: Vec<u32>,
    device: Device,
}

#[derive(Clone, Copy, Debug)]
struct Token {
    text: u32,
    place: u32,
    id: u32,
    position: u32,
    kind: u32,
}

impl TokenTensors {
    pub fn new(batch: &TokenBatch, embeddings: &Embeddings, device: &Device) -> Self {
        let padding_id = embeddings.padding_id as u32;
        let packed = *device == Device::flex();
        let mut tokens = Vec::with_capacity(batch.ids.len());
        let mut spans = Vec::with_capacity(batch.rows);
        let lengths: Vec<usize> = (0..batch.rows).map(|text| batch.length_of(text)).collect();
        for (text, ids) in batch.ids.chunks(batch.length.max(1)).enumerate() {
            let own = lengths[text];
            spans.push(Span { start: tokens.len(), len: own });
            let mut count = 0;
            for (place, &id) in ids.iter().enumerate().take(if packed { own } else { batch.length }) {
                count += u32::from(id != padding_id);
                let position = match (embeddings.counts_from_padding, id == padding_id) {
                    (false, _) => place as u32,
                    // RoBERTa counts the tokens that are not padding, by id.
                    (true, true) => padding_id,
                    (true, false) => count + padding_id,
                };
                tokens.push(Token { text: text as u32, place: place as u32, id, position, kind: 0 });
            }
        }
        let grouping = if packed {
            Grouping::Packed(spans)
        } else {
            let padding = batch.mask.contains(&false).then(|| {
                let padded: Vec<bool> = batch.mask.iter().map(|kept| !kept).collect();
                Box::new(Tensor::<4, Bool>::from_data(
                    TensorData::new(padded, [batch.rows, 1, 1, batch.length]),
                    device,
                ))
            });
            Grouping::Padded { texts: batch.rows, longest: batch.length, padding }
        };
        let mask: Vec<f32> = batch.mask.iter().map(|&kept| f32::from(u8::from(kept))).collect();
        Self {
            texts: batch.rows,
            longest: batch.length,
            mask: Tensor::from_data(TensorData::new(mask, [batch.rows, batch.length]), device),
            grouping,
            tokens,
            lengths,
            padding_id,
            numbers: (0..batch.rows as u32).collect(),
            device: device.clone(),
        }
    }

    /// The same batch with token types, `[texts, longest]` row by row.
    pub fn with_types(mut self, types: &[u32]) -> Self {
        for token in &mut self.tokens {
            token.kind = types[token.text as usize * self.longest + token.place as usize];
        }
        self
    }

    /// The same batch, its texts numbered so; a text with the same number loses the same values to dropout.
    pub fn with_numbers(self, numbers: Vec<u32>) -> Self {
        Self { numbers, ..self }
    }

    fn column(&self, of: impl Fn(&Token) -> u32) -> Vec<u32> {
        self.tokens.iter().map(of).collect()
    }

    /// For each token its row of the word table.
    pub fn ids(&self) -> Vec<u32> {
        self.column(|token| token.id)
    }

    /// For each token its row of the position table.
    pub fn positions(&self) -> Vec<u32> {
        self.column(|token| token.position)
    }

    /// For each token its row of the token type table.
    pub fn types(&self) -> Vec<u32> {
        self.column(|token| token.kind)
    }

    /// `[tokens, 1]`: 0 where the padding token stands, which has no gradient; none if it stands nowhere.
    pub fn trained(&self, padding_id: usize) -> Option<Tensor<2>> {
        let is_padding = |token: &Token| token.id as usize == padding_id;
        self.tokens.iter().any(is_padding).then(|| {
            let trained: Vec<f32> = self.tokens.iter().map(|token| f32::from(u8::from(!is_padding(token)))).collect();
            Tensor::from_data(TensorData::new(trained, [self.tokens.len(), 1]), &self.device)
        })
    }

    /// Tokens of all texts, padding not counted.
    pub fn own_tokens(&self) -> usize {
        self.lengths.iter().sum()
    }

    /// Ids of one text's own tokens.
    pub fn ids_of(&self, text: usize) -> Vec<u32> {
        let first = self.tokens.partition_point(|token| (token.text as usize) < text);
        self.tokens[first..].iter().take(self.lengths[text]).map(|token| token.id).collect()
    }

    /// Some of the texts as a batch of their own.
    pub fn batch(&self, texts: &[usize]) -> TokenBatch {
        let length = texts.iter().map(|&text| self.lengths[text]).max().unwrap_or(0);
        let mut batch = TokenBatch { rows: texts.len(), length, ids: Vec::new(), mask: Vec::new() };
        for &text in texts {
            let own = self.ids_of(text);
            batch.mask.extend((0..length).map(|place| place < own.len()));
            batch.ids.extend(own);
            batch.ids.resize(batch.mask.len(), self.padding_id);
        }
        batch
    }

    /// Values `[tokens, hidden]` text by text, padding left out; `None` if the device does not give them.
    pub fn rows_of_texts(&self, hidden: Tensor<2>) -> Option<Vec<Vec<f32>>> {
        let size = hidden.dims()[1];
        let values = super::read(hidden).ok()?;
        let mut rows = vec![Vec::new(); self.texts];
        for (token, values) in self.tokens.iter().zip(values.chunks_exact(size)) {
            if (token.place as usize) < self.lengths[token.text as usize] {
                rows[token.text as usize].extend_from_slice(values);
            }
        }
        Some(rows)
    }

    /// The reverse: values of texts as `[tokens, hidden]`, padding 0.
    pub fn laid_out<'a>(&self, texts: impl Iterator<Item = &'a [f32]>, size: usize) -> Vec<f32> {
        let mut values = Vec::with_capacity(self.tokens.len() * size);
        for (text, own) in texts.enumerate() {
            values.extend_from_slice(own);
            if let Grouping::Padded { longest, .. } = &self.grouping {
                values.resize((text + 1) * longest * size, 0.0);
            }
        }
        values
    }

    /// What dropout draws with in the place of a network that `key` stands for.
    pub fn row_keys(&self, key: u64) -> RowKeys {
        let place = mix(key, 0) as u32;
        let key = |token: &Token| hash(hash(hash(self.numbers[token.text as usize]).wrapping_add(token.place)) ^ place);
        RowKeys::new(self.tokens.iter().map(key).collect(), self.device.clone())
    }

    /// `[tokens, hidden]` to `[texts, longest, hidden]`.
    pub fn padded(&self, hidden: Tensor<2>) -> Tensor<3> {
        let [_, size] = hidden.dims();
        let shape = [self.texts, self.longest, size];
        match (&self.grouping, cpu::Values::of(&hidden)) {
            (Grouping::Packed(spans), Some(values)) if self.tokens.len() < self.texts * self.longest => {
                let mut padded = vec![0.0; self.texts * self.longest * size];
                for (text, span) in spans.iter().enumerate() {
                    padded[text * self.longest * size..][..span.len * size]
                        .copy_from_slice(&values.slice()[span.start * size..][..span.len * size]);
                }
                cpu::tensor(padded, shape)
            }
            _ => hidden.reshape(shape),
        }
    }

    /// `[texts, longest, hidden]` to `[tokens, hidden]`.
    pub fn unpadded(&self, padded: Tensor<3>) -> Tensor<2> {
        let [_, _, size] = padded.dims();
        let shape = [self.tokens.len(), size];
        match (&self.grouping, cpu::Values::of(&padded)) {
            (Grouping::Packed(spans), Some(values)) if self.tokens.len() < self.texts * self.longest => {
                let mut packed = Vec::with_capacity(self.tokens.len() * size);
                for (text, span) in spans.iter().enumerate() {
                    packed.extend_from_slice(&values.slice()[text * self.longest * size..][..span.len * size]);
                }
                cpu::tensor(packed, shape)
            }
            _ => padded.reshape(shape),
        }
    }
}
