use std::path::PathBuf;

use clap::Args;

use super::{Ending, out};
use crate::jobs::Failure;
use crate::model::ModelFolder;

const SCRIPT: &str = include_str!("../../assets/export_onnx.py");
const NAME: &str = "export_onnx.py";

/// Put a script beside a model that writes it as ONNX, heads included, and checks it with ONNX Runtime.
///
/// The script needs Python with torch, transformers, onnx and onnxruntime; no Rust library writes such models.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  weldbench export-onnx TUNED
  weldbench export-onnx TUNED --overwrite")]
pub struct ExportOnnx {
    /// Folder of the model.
    #[arg(value_name = "FOLDER")]
    model: PathBuf,
    /// Replace a script there that was changed.
    #[arg(long)]
    overwrite: bool,
}

impl ExportOnnx {
    pub(super) fn run(self) -> Result<(), Ending> {
        let model = ModelFolder::open(&self.model)?;
        if model.is_quantized() {
            let why =
                format!("{} holds 8-bit weights, which transformers does not read by itself", self.model.display());
            let what_to_do = "export a model that was tuned from it, whose weights are 32-bit floats";
            return Err(Failure::new(why, what_to_do).into());
        }
        let path = self.model.join(NAME);
        let known = std::fs::read(&path).ok();
        if !self.overwrite && known.is_some_and(|known| known != SCRIPT.as_bytes()) {
            let why = format!("{} is there and is another script", path.display());
            return Err(Failure::new(why, "rename it, or add --overwrite").into());
        }
        std::fs::write(&path, SCRIPT).map_err(|error| {
            Failure::new(
                format!("{}: cannot be written: {error}", path.display()),
                "choose a folder that may be written",
            )
        })?;
        eprintln!("pip install torch transformers onnx onnxruntime\npython {}", path.display());
        out::line(path.display());
        Ok(())
    }
}
