//! Vectors on the host: what a model makes of texts, and what search reads.

/// Rows of equal length, one after another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    pub rows: usize,
    pub cols: usize,
    /// `rows · cols` values, row-major.
    pub values: Vec<f32>,
}

impl Matrix {
    /// The `cols` values of a row. Panics past the last row.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.cols..(row + 1) * self.cols]
    }

    /// Adds the rows of `other`. Panics if they have another length, unless there were no rows yet.
    pub fn append(&mut self, other: Self) {
        if self.rows == 0 {
            *self = other;
        } else if other.rows > 0 {
            assert_eq!(self.cols, other.cols, "rows of one matrix have one length");
            self.rows += other.rows;
            self.values.extend(other.values);
        }
    }

    /// The given rows in the given order. Panics past the last row.
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut values = Vec::with_capacity(rows.len() * self.cols);
        for &row in rows {
            values.extend_from_slice(self.row(row));
        }
        Self { rows: rows.len(), cols: self.cols, values }
    }
}

/// A text's lexical weights: the tokens that matter and how much.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SparseVector {
    /// Token ids, ascending, without special tokens.
    pub ids: Vec<u32>,
    /// One weight above 0 an id.
    pub weights: Vec<f32>,
}

/// The vectors of texts, in the texts' order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embeddings {
    /// `[texts, hidden]`; rows of length 1 where the model normalises.
    pub dense: Matrix,
    /// One a text, or none at all where the model has no sparse head or was not asked.
    pub sparse: Vec<SparseVector>,
    /// One `[tokens - 1, hidden]` a text, or none at all where the model has no ColBERT head or was not asked.
    pub colbert: Vec<Matrix>,
}

impl Embeddings {
    /// The number of texts.
    pub fn len(&self) -> usize {
        self.dense.rows
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds the vectors of further texts of the same model and options. Panics if the hidden size differs,
    /// or if only one of the two has sparse or ColBERT vectors.
    pub fn append(&mut self, other: Self) {
        if self.is_empty() {
            *self = other;
        } else if !other.is_empty() {
            assert_eq!(self.sparse.is_empty(), other.sparse.is_empty(), "all texts have sparse vectors, or none");
            assert_eq!(self.colbert.is_empty(), other.colbert.is_empty(), "all texts have ColBERT vectors, or none");
            self.dense.append(other.dense);
            self.sparse.extend(other.sparse);
            self.colbert.extend(other.colbert);
        }
    }

    /// The vectors of the given texts in the given order; a text may be named twice. Panics past the last text.
    pub fn select(&self, texts: &[usize]) -> Self {
        fn pick<T: Clone>(all: &[T], texts: &[usize]) -> Vec<T> {
            if all.is_empty() { Vec::new() } else { texts.iter().map(|&text| all[text].clone()).collect() }
        }
        Self { dense: self.dense.select(texts), sparse: pick(&self.sparse, texts), colbert: pick(&self.colbert, texts) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embeddings(first: usize, texts: usize, heads: bool) -> Embeddings {
        let value = |text: usize| (first + text) as f32;
        Embeddings {
            dense: Matrix {
                rows: texts,
                cols: 2,
                values: (0..texts).flat_map(|text| [value(text), -value(text)]).collect(),
            },
            sparse: (0..if heads { texts } else { 0 })
                .map(|text| SparseVector { ids: vec![(first + text) as u32], weights: vec![value(text)] })
                .collect(),
            colbert: (0..if heads { texts } else { 0 })
                .map(|text| Matrix { rows: 1, cols: 1, values: vec![value(text)] })
                .collect(),
        }
    }

    #[test]
    fn appending_to_nothing_and_to_texts_keeps_the_order() {
        for heads in [false, true] {
            let mut all = Embeddings::default();
            all.append(embeddings(0, 3, heads));
            all.append(Embeddings::default());
            all.append(embeddings(3, 2, heads));
            assert_eq!(all, embeddings(0, 5, heads));
            assert_eq!(all.dense.row(4), [4.0, -4.0]);
        }
    }

    #[test]
    fn select_reorders_and_repeats_every_kind_of_vector() {
        let picked = embeddings(0, 4, true).select(&[3, 0, 3]);
        assert_eq!(picked.dense.values, [3.0, -3.0, 0.0, 0.0, 3.0, -3.0]);
        assert_eq!(picked.sparse.iter().map(|vector| vector.ids[0]).collect::<Vec<_>>(), [3, 0, 3]);
        assert_eq!(picked.colbert.iter().map(|matrix| matrix.values[0]).collect::<Vec<_>>(), [3.0, 0.0, 3.0]);
        assert_eq!(embeddings(0, 4, false).select(&[1, 2]), embeddings(1, 2, false));
    }

    #[test]
    #[should_panic(expected = "one length")]
    fn rows_of_another_length_are_not_mixed_in() {
        let mut matrix = Matrix { rows: 1, cols: 2, values: vec![1.0, 2.0] };
        matrix.append(Matrix { rows: 1, cols: 3, values: vec![1.0, 2.0, 3.0] });
    }
}
