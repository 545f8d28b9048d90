//! What `compare` and `report` have in common: several models, one or two sets of questions.

use std::path::PathBuf;

use clap::Args;

use super::Ending;
use super::eval::{Questions, compare};
use super::models::MethodOptions;
use crate::compute::{DeviceChoice, choose};
use crate::report::{Compared, ComparedSet, Report, Words};

#[derive(Debug, Args)]
pub struct Comparing {
    /// Folder of a model, such as a tuned one; may be given several times.
    #[arg(long = "model", value_name = "FOLDER", required = true)]
    models: Vec<PathBuf>,
    /// Folder of the model that the others are compared with; the first --model if not given.
    #[arg(long, value_name = "FOLDER")]
    base: Option<PathBuf>,
    /// JSONL file with the passages that are searched.
    #[arg(long, value_name = "FILE")]
    corpus: PathBuf,
    /// JSONL file with questions and their positives, which are looked up in the corpus by `pos_ids` or text.
    #[arg(long, value_name = "FILE")]
    questions: PathBuf,
    /// Passages of a second, general set, which shows what was forgotten.
    #[arg(long, value_name = "FILE", requires = "general_questions")]
    general_corpus: Option<PathBuf>,
    /// Questions of the second set.
    #[arg(long, value_name = "FILE", requires = "general_corpus")]
    general_questions: Option<PathBuf>,
    /// Numbers of passages to look at.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 3, 6, 10])]
    k: Vec<usize>,
    #[command(flatten)]
    method: MethodOptions,
    /// Device: auto, cpu, wgpu, wgpu:N, cuda or cuda:N, as `weldbench devices` lists them.
    #[arg(long, default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,
}

impl Comparing {
    /// Compares, and gathers what there is to report.
    pub fn report(self, title: String, words: &Words) -> Result<Report, Ending> {
        let method = self.method.method()?;
        if self.k.is_empty() || self.k.contains(&0) {
            return Err(Ending::Usage("--k takes numbers from 1 on, such as 1,3,6,10".into()));
        }
        let mut sets = vec![Questions::read(&self.corpus, &self.questions)?];
        if let (Some(corpus), Some(questions)) = (&self.general_corpus, &self.general_questions) {
            sets.push(Questions::read(corpus, questions)?);
        }
        let models: Vec<PathBuf> = self.base.iter().chain(&self.models).cloned().collect();
        let comparisons = compare(&sets, choose(self.device)?, models.clone(), method, &self.k)?;
        let sets = sets.into_iter().zip(comparisons).map(|(questions, comparison)| ComparedSet {
            questions: questions.questions_path,
            corpus: questions.corpus_path,
            passages: questions.set.corpus.passages().len(),
            texts: questions.set.questions.iter().map(|question| question.text.clone()).collect(),
            comparison,
        });
        let method = words.method_name(method).to_owned();
        Ok(Report::gather(Compared { title, method, models, sets: sets.collect() })?)
    }
}
