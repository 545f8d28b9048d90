//! What commands that search and score have in common: models, corpus, device, method.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Ending;
use crate::compute::{DeviceChoice, DeviceInfo, choose};
use crate::jobs::Instruction;
use crate::report::Words;
use crate::retrieval::{Method, Weights};

#[derive(Debug, Args)]
pub struct Models {
    /// Folder of the model, such as a tuned one.
    #[arg(long, value_name = "FOLDER")]
    pub model: PathBuf,
    /// Folder of the model that it is compared with.
    #[arg(long, value_name = "FOLDER")]
    pub base: Option<PathBuf>,
    /// JSONL file with the passages that are searched.
    #[arg(long, value_name = "FILE")]
    pub corpus: PathBuf,
    #[command(flatten)]
    method: MethodOptions,
    /// Device: auto, cpu, wgpu, wgpu:N, cuda or cuda:N, as `weldbench devices` lists them.
    #[arg(long, default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,
}

#[derive(Debug, Args)]
pub struct MethodOptions {
    /// How passages are scored; sparse, colbert and hybrid need a model with heads.
    #[arg(long, value_enum, default_value_t = MethodName::Dense)]
    method: MethodName,
    /// Weights of dense, sparse and ColBERT scores in hybrid search.
    #[arg(long, value_name = "D,S,C", value_delimiter = ',', default_values_t = [0.4, 0.2, 0.4])]
    weights: Vec<f32>,
}

/// What stands before questions that a model encodes.
#[derive(Debug, Args)]
pub struct InstructionOptions {
    /// Text put before every question that an embedding model reads; its own prefix if not given. A row's `prompt`
    /// takes its place.
    #[arg(
        long = "query_instruction_for_retrieval",
        alias = "query-instruction-for-retrieval",
        value_name = "TEXT",
        allow_hyphen_values = true
    )]
    text: Option<String>,
    /// How instruction and question are joined; {} stands for each, \n for a line break.
    #[arg(
        long = "query_instruction_format_for_retrieval",
        visible_alias = "query_instruction_format",
        alias = "query-instruction-format-for-retrieval",
        value_name = "FORMAT",
        default_value = "{}{}"
    )]
    format: String,
}

impl InstructionOptions {
    pub fn instruction(&self) -> Result<Instruction, Ending> {
        if self.format.matches("{}").count() != 2 {
            return Err(Ending::Usage("--query_instruction_format_for_retrieval needs two {}".into()));
        }
        Ok(Instruction { text: self.text.clone(), format: self.format.replace("\\n", "\n") })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum MethodName {
    Dense,
    Sparse,
    Colbert,
    Hybrid,
}

impl Models {
    pub fn device(&self) -> Result<DeviceInfo, Ending> {
        Ok(choose(self.device)?)
    }

    pub fn method_name(&self) -> &'static str {
        self.method.method().map_or("", |method| Words::ENGLISH.method_name(method))
    }

    pub fn method(&self) -> Result<Method, Ending> {
        self.method.method()
    }
}

impl MethodOptions {
    pub fn method(&self) -> Result<Method, Ending> {
        let &[dense, sparse, colbert] = self.weights.as_slice() else {
            return Err(Ending::Usage("--weights takes three numbers: dense, sparse, ColBERT".into()));
        };
        let weights = Weights { dense, sparse, colbert };
        match self.method {
            MethodName::Dense => Ok(Method::Dense),
            MethodName::Sparse => Ok(Method::Sparse),
            MethodName::Colbert => Ok(Method::Colbert),
            MethodName::Hybrid if weights.are_valid() => Ok(Method::Hybrid(weights)),
            MethodName::Hybrid => Err(Ending::Usage("--weights must not be negative, and one must be above 0".into())),
        }
    }
}
