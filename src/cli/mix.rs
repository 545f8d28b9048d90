use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};

use super::eval::Questions;
use super::follow::follow;
use super::models::MethodOptions;
use super::table::table;
use super::{Ending, out};
use crate::compute::{DeviceChoice, choose};
use crate::jobs::mixing::{self, MixEvent, MixRequest, tenths};
use crate::retrieval::Metrics;
use crate::workspace::Workspace;

/// Average a tuned model's weights with those of the model that it comes from.
///
/// With --output, saves the mix of one --alpha. With --corpus and --questions, measures mixes and lists how well each
/// finds; a second set, of general questions, shows what tuning made the model forget.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  weldbench mix --model TUNED --base MODEL --corpus corpus.jsonl --questions eval.jsonl
  weldbench mix --model TUNED --base MODEL --alpha 0.5 --output MIXED")]
pub struct Mix {
    /// Folder of the model that the tuned one comes from.
    #[arg(long, value_name = "FOLDER")]
    base: PathBuf,
    /// Folder of the tuned model.
    #[arg(long, value_name = "FOLDER")]
    model: PathBuf,
    /// Shares of the tuned model, from 0 (the base) to 1 (the tuned one); tenths if not given.
    #[arg(long, visible_alias = "alphas", value_name = "SHARE", value_delimiter = ',')]
    alpha: Vec<f32>,
    /// Save the mix here; a folder that is there is replaced.
    #[arg(long, value_name = "FOLDER", required_unless_present = "corpus")]
    output: Option<PathBuf>,
    /// JSONL file with the passages that are searched.
    #[arg(long, value_name = "FILE", requires = "questions")]
    corpus: Option<PathBuf>,
    /// JSONL file with questions and their positives in the corpus.
    #[arg(long, value_name = "FILE", requires = "corpus")]
    questions: Option<PathBuf>,
    /// Passages of a general set.
    #[arg(long, value_name = "FILE", requires_all = ["general_questions", "corpus"])]
    general_corpus: Option<PathBuf>,
    /// Questions of a general set.
    #[arg(long, value_name = "FILE", requires = "general_corpus")]
    general_questions: Option<PathBuf>,
    /// Numbers of passages to look at.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 3, 6])]
    k: Vec<usize>,
    #[command(flatten)]
    method: MethodOptions,
    /// Device: auto, cpu, wgpu, wgpu:N, cuda or cuda:N, as `weldbench devices` lists them.
    #[arg(long, default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,
    /// Write the metrics to standard output as a JSON array.
    #[arg(long)]
    json: bool,
}

impl Mix {
    pub(super) fn run(self) -> Result<(), Ending> {
        if self.alpha.iter().any(|alpha| !(0.0..=1.0).contains(alpha)) {
            return Err(Ending::Usage("--alpha takes shares from 0 to 1, such as 0.5".into()));
        }
        if self.k.is_empty() || self.k.contains(&0) {
            return Err(Ending::Usage("--k takes numbers from 1 on, such as 1,3,6".into()));
        }
        if self.output.is_some() && self.alpha.len() != 1 {
            return Err(Ending::Usage("--output saves one mix; say which with --alpha, such as --alpha 0.5".into()));
        }
        let jobs = super::jobs();
        if let (Some(corpus), Some(questions)) = (&self.corpus, &self.questions) {
            let general = match (&self.general_corpus, &self.general_questions) {
                (Some(corpus), Some(questions)) => Some(Questions::read(corpus, questions)?.set),
                _ => None,
            };
            let request = MixRequest {
                device: choose(self.device)?,
                base: self.base.clone(),
                tuned: self.model.clone(),
                alphas: if self.alpha.is_empty() { tenths() } else { self.alpha.clone() },
                domain: Questions::read(corpus, questions)?.set,
                general,
                method: self.method.method()?,
                ks: self.k.clone(),
                cache: Some(Workspace::open(None)?.cache()),
            };
            let mut events = Vec::new();
            follow(&mixing::start(&jobs, request), |event, _| events.push(event))?;
            if self.json {
                out::line(format_args!("{:#}", Value::from_iter(events.iter().map(as_json))));
            } else {
                out::line(as_table(&events).trim_end());
            }
        }
        if let (Some(output), Some(&alpha)) = (&self.output, self.alpha.first()) {
            let job = mixing::start_saving(
                &jobs,
                &choose(DeviceChoice::Cpu)?,
                self.base.clone(),
                self.model.clone(),
                alpha,
                output.clone(),
            );
            follow(&job, |(), _| ())?;
            eprintln!("saved {}", output.display());
        }
        Ok(())
    }
}

fn values(of: &Metrics) -> [(&'static str, f64); 3] {
    [("recall", of.recall), ("MRR", of.mrr), ("nDCG", of.ndcg)]
}

/// One line a share; the general set's columns begin with "general".
fn as_table(events: &[MixEvent]) -> String {
    let columns = |event: &MixEvent| -> Vec<(String, f64)> {
        let of = |prefix: &str, metrics: &[Metrics]| -> Vec<(String, f64)> {
            let at = |of: &Metrics| values(of).map(|(name, value)| (format!("{prefix}{name}@{}", of.k), value));
            metrics.iter().flat_map(at).collect()
        };
        let mut all = of("", &event.domain);
        all.extend(event.general.iter().flat_map(|general| of("general ", general)));
        all
    };
    let head = events.first().map(|event| columns(event).into_iter().map(|(name, _)| name).collect::<Vec<_>>());
    let mut rows = vec![[vec!["alpha".to_owned()], head.unwrap_or_default()].concat()];
    for event in events {
        let values = columns(event).into_iter().map(|(_, value)| format!("{value:.4}")).collect();
        rows.push([vec![event.alpha.to_string()], values].concat());
    }
    table(&rows, 0)
}

/// `{"alpha": 0.5, "domain": {"1": {"recall": 0.5, …}, …}, "general": …}`.
fn as_json(event: &MixEvent) -> Value {
    let of = |metrics: &[Metrics]| -> Value {
        let at = |of: &Metrics| {
            let values = values(of).map(|(name, value)| (name.to_lowercase(), json!(value)));
            (of.k.to_string(), Value::Object(Map::from_iter(values)))
        };
        Value::Object(metrics.iter().map(at).collect())
    };
    // A share is shown as it was typed, not as the nearest 32-bit float.
    let alpha: Value = event.alpha.to_string().parse().unwrap_or(Value::Null);
    let mut object = json!({ "alpha": alpha, "domain": of(&event.domain) });
    if let Some(general) = &event.general {
        object["general"] = of(general);
    }
    object
}
