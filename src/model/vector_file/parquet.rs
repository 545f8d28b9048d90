//! Vectors as a Parquet file: a row a text, a row group a part.

use std::fs::File;
use std::io;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, FloatType, Int64Type};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};

use crate::dataset::TextLine;
use crate::model::embeddings::Embeddings;

/// The writer begins with the first part, which tells the columns.
pub struct ParquetSink {
    file: Option<File>,
    writer: Option<SerializedFileWriter<File>>,
}

impl ParquetSink {
    pub fn new(file: File) -> Self {
        Self { file: Some(file), writer: None }
    }

    pub fn write(&mut self, texts: &[TextLine], vectors: &Embeddings) -> io::Result<()> {
        let writer = self.writer(!vectors.sparse.is_empty(), !vectors.colbert.is_empty())?;
        let mut group = writer.next_row_group().map_err(io::Error::other)?;
        let column = |of: fn(&TextLine) -> &String| -> Vec<ByteArray> {
            texts.iter().map(|text| ByteArray::from(of(text).as_str())).collect()
        };
        put::<ByteArrayType>(&mut group, &column(|text| &text.id), None)?;
        put::<ByteArrayType>(&mut group, &column(|text| &text.text), None)?;
        lists::<FloatType>(&mut group, vectors.dense.values.chunks(vectors.dense.cols.max(1)).map(<[f32]>::to_vec))?;
        if !vectors.sparse.is_empty() {
            let indices = vectors.sparse.iter().map(|vector| vector.ids.iter().map(|id| i64::from(*id)).collect());
            lists::<Int64Type>(&mut group, indices)?;
            lists::<FloatType>(&mut group, vectors.sparse.iter().map(|vector| vector.weights.clone()))?;
        }
        if !vectors.colbert.is_empty() {
            lists::<FloatType>(&mut group, vectors.colbert.iter().map(|matrix| matrix.values.clone()))?;
        }
        group.close().map_err(io::Error::other)?;
        Ok(())
    }

    pub fn finish(mut self) -> io::Result<()> {
        self.writer(false, false)?;
        self.writer.map_or(Ok(()), |writer| writer.close().map(|_| ()).map_err(io::Error::other))
    }

    fn writer(&mut self, sparse: bool, colbert: bool) -> io::Result<&mut SerializedFileWriter<File>> {
        if let Some(file) = self.file.take() {
            let properties = WriterProperties::builder()
                .set_compression(Compression::SNAPPY)
                // Floats hardly ever come twice, and nobody asks for the least of them.
                .set_dictionary_enabled(false)
                .set_statistics_enabled(EnabledStatistics::None)
                .set_created_by(format!("weldbench {}", env!("CARGO_PKG_VERSION")))
                .build();
            let schema = schema(sparse, colbert).map_err(io::Error::other)?;
            let writer = SerializedFileWriter::new(file, schema, Arc::new(properties)).map_err(io::Error::other)?;
            self.writer = Some(writer);
        }
        self.writer.as_mut().ok_or_else(|| io::Error::other("the file could not be begun"))
    }
}

fn schema(sparse: bool, colbert: bool) -> parquet::errors::Result<TypePtr> {
    let text = |name: &str| {
        let column = Type::primitive_type_builder(name, Physical::BYTE_ARRAY).with_repetition(Repetition::REQUIRED);
        Ok(Arc::new(column.with_logical_type(Some(LogicalType::String)).build()?))
    };
    let list = |name: &str, kind| {
        let element = Type::primitive_type_builder("element", kind).with_repetition(Repetition::REQUIRED).build()?;
        let items = Type::group_type_builder("list").with_repetition(Repetition::REPEATED);
        let items = items.with_fields(vec![Arc::new(element)]).build()?;
        let list = Type::group_type_builder(name).with_repetition(Repetition::REQUIRED);
        Ok(Arc::new(list.with_logical_type(Some(LogicalType::List)).with_fields(vec![Arc::new(items)]).build()?))
    };
    let mut fields: Vec<parquet::errors::Result<TypePtr>> =
        vec![text("id"), text("text"), list("embedding", Physical::FLOAT)];
    if sparse {
        fields.extend([list("sparse_indices", Physical::INT64), list("sparse_values", Physical::FLOAT)]);
    }
    if colbert {
        fields.push(list("colbert", Physical::FLOAT));
    }
    let fields = fields.into_iter().collect::<parquet::errors::Result<_>>()?;
    Ok(Arc::new(Type::group_type_builder("embeddings").with_fields(fields).build()?))
}

/// A column with one list a row. A value's first level tells that there is one; its second, that it is not the list's
/// first (Melnik et al. 2010, "Dremel").
fn lists<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    rows: impl Iterator<Item = Vec<T::T>>,
) -> io::Result<()> {
    let (mut values, mut present, mut follows) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let length = row.len();
        values.extend(row);
        present.extend(std::iter::repeat_n(i16::from(length > 0), length.max(1)));
        follows.push(0);
        follows.extend(std::iter::repeat_n(1, length.max(1) - 1));
    }
    put::<T>(group, &values, Some((&present, &follows)))
}

fn put<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    values: &[T::T],
    levels: Option<(&[i16], &[i16])>,
) -> io::Result<()> {
    let column = group.next_column().map_err(io::Error::other)?;
    let mut column = column.ok_or_else(|| io::Error::other("there is no such column"))?;
    let (present, follows) = levels.unzip();
    column.typed::<T>().write_batch(values, present, follows).map_err(io::Error::other)?;
    column.close().map_err(io::Error::other)
}
