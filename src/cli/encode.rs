use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::follow::follow;
use super::{Ending, out};
use crate::compute::{DeviceChoice, choose};
use crate::dataset::TextLines;
use crate::jobs::encoding::{self, EncodeRequest};
use crate::model::{EncodeOptions, ModelFolder, TextKind, VectorFormat};

/// Write the vectors of texts with their ids to a file: safetensors, NumPy's npz and npy, or Parquet.
///
/// docs/VECTOR_DATABASES.md shows how they go into Milvus, Qdrant, FAISS and LanceDB.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  weldbench encode --model MODEL --input texts.txt --output vectors.safetensors
  weldbench encode --model MODEL --input rows.jsonl --query --output questions.safetensors")]
pub struct Encode {
    /// Folder of the model.
    #[arg(long, value_name = "FOLDER")]
    model: PathBuf,
    /// One text a line, or JSON objects with `text` (with `query` for questions) and, where there is, `id`.
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// File to write, whose name ends in .safetensors, .npz, .npy (dense vectors alone) or .parquet.
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Which vectors; all that the model and the file can have if not given.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KIND")]
    vectors: Vec<VectorKind>,
    /// The texts are questions, not passages.
    #[arg(long)]
    query: bool,
    /// Longest text in tokens; the rest is cut off. What the model reads if not given.
    #[arg(long, value_name = "TOKENS")]
    max_length: Option<usize>,
    /// Texts computed at a time.
    #[arg(long, default_value_t = EncodeOptions::default().batch_size)]
    batch_size: usize,
    /// Device: auto, cpu, wgpu, wgpu:N, cuda or cuda:N, as `weldbench devices` lists them.
    #[arg(long, default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum VectorKind {
    Dense,
    Sparse,
    Colbert,
}

impl Encode {
    pub(super) fn run(self) -> Result<(), Ending> {
        let Some(format) = VectorFormat::of(&self.output) else {
            let endings = VectorFormat::ALL.map(|format| format!(".{}", format.ending())).join(", ");
            return Err(Ending::Usage(format!(
                "--output {}: its name must end in one of {endings}",
                self.output.display()
            )));
        };
        let wants_heads = self.vectors.iter().any(|kind| *kind != VectorKind::Dense);
        if format.is_dense_only() && wants_heads {
            return Err(Ending::Usage("a .npy file holds dense vectors alone; write .npz for the others".into()));
        }
        let all = self.vectors.is_empty() && !format.is_dense_only() && ModelFolder::open(&self.model)?.has_heads();
        let request = EncodeRequest {
            device: choose(self.device)?,
            model: self.model,
            input: self.input,
            field: if self.query { "query" } else { "text" }.into(),
            kind: if self.query { TextKind::Query } else { TextKind::Passage },
            options: EncodeOptions {
                max_length: self.max_length,
                batch_size: self.batch_size,
                sparse: all || self.vectors.contains(&VectorKind::Sparse),
                colbert: all || self.vectors.contains(&VectorKind::Colbert),
            },
            output: self.output.clone(),
            format,
        };
        let jobs = super::jobs();
        follow(&encoding::start(&jobs, request), |encoded, bar| {
            bar.say(&format!("{} texts; their vectors are in:", encoded.texts));
            out::line(self.output.display());
        })
    }
}

/// Texts of a file, one a line: plain, or the field `name` of a JSON object. Blank lines are left out.
pub fn read_texts(path: &Path, name: &str) -> Result<Vec<String>, Ending> {
    TextLines::open(path, name)?.map(|line| Ok(line?.text)).collect()
}
