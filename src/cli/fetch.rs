use clap::Args;
use serde_json::{Value, json};

use super::follow::{follow, time};
use super::{Ending, out};
use crate::jobs::Jobs;
use crate::jobs::fetching::{self, size};
use crate::model::hub::{FetchEvent, FetchRequest, Fetched, HubError, HubSettings, ModelId, Revision};

/// Download a model of the Hugging Face hub or of a mirror into the cache that Python uses, too.
///
/// Only what a model needs is fetched: configuration, tokenizer, the weights in one form (safetensors before PyTorch's),
/// and the files of sentence-transformers and BGE-M3. Every file is checked by its size and checksum, and a model has its
/// name in the cache only once it is whole. Ctrl-C keeps what has come, and the next fetch goes on from there. The folder
/// is written to standard output; afterwards the name can stand wherever a model folder is asked for.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  weldbench fetch BAAI/bge-m3
  HF_ENDPOINT=https://hf-mirror.com weldbench fetch BAAI/bge-small-zh-v1.5
  weldbench fetch intfloat/multilingual-e5-small --revision main
  weldbench train --model_name_or_path BAAI/bge-m3 --train_data rows.jsonl

Environment, as huggingface_hub reads it:
  HF_ENDPOINT       the hub's address, or a mirror's
  HF_HOME           folder of the cache (hub) and of the token; HF_HUB_CACHE names the cache alone
  HF_TOKEN          a token, for models that are not for everybody
  HF_HUB_OFFLINE=1  nothing is downloaded
  HTTPS_PROXY       a proxy; SSL_CERT_FILE: its certificates

Ends with 75 where the network or the hub failed in a way that may pass: the same command goes on.")]
pub struct Fetch {
    /// The model's name on the hub.
    #[arg(value_name = "OWNER/NAME")]
    id: ModelId,
    /// A branch, a tag or a commit.
    #[arg(long, default_value_t = Revision::default())]
    revision: Revision,
    /// Write what happens to standard output as lines of JSON.
    #[arg(long)]
    json: bool,
}

impl Fetch {
    pub(super) fn run(self) -> Result<(), Ending> {
        let settings = HubSettings::from_env()?;
        let jobs = Jobs::new(|| ());
        let job = fetching::start(&jobs, settings, FetchRequest { id: self.id, revision: self.revision });
        let mut folder = None;
        let ended = follow(&job, |event, bar| {
            if self.json {
                out::line(as_json(&event));
            } else if let Some(text) = remark(&event) {
                bar.say(&text);
            }
            if let FetchEvent::Fetched(Fetched { folder: place, .. }) = event {
                folder = Some(place);
            }
        });
        ended.map_err(may_pass)?;
        if let Some(folder) = folder.filter(|_| !self.json) {
            out::line(folder.display());
        }
        Ok(())
    }
}

/// A failure after which the same command may do better has a code of its own.
fn may_pass(ending: Ending) -> Ending {
    match ending {
        Ending::Failed(failure) => {
            let error = failure.error.as_ref().and_then(|error| error.downcast_ref::<HubError>());
            if error.is_some_and(HubError::is_passing) { Ending::TryAgain(failure) } else { Ending::Failed(failure) }
        }
        other => other,
    }
}

fn remark(event: &FetchEvent) -> Option<String> {
    Some(match event {
        FetchEvent::Listed { commit, files, bytes, there } => {
            let there = if *there > 0 { format!(", {} of it are here", size(*there)) } else { String::new() };
            format!("commit {commit}: {files} files, {}{there}", size(*bytes))
        }
        FetchEvent::File { name, bytes } => format!("{name}, {}", size(*bytes)),
        FetchEvent::StartsOver { name } => format!("{name} begins anew"),
        FetchEvent::Waiting { why, wait } => format!("{why}. Another attempt in {}.", time(*wait)),
        FetchEvent::Fetched(_) => return None,
    })
}

fn as_json(event: &FetchEvent) -> Value {
    match event {
        FetchEvent::Listed { commit, files, bytes, there } => {
            json!({ "event": "listed", "commit": commit, "files": files, "bytes": bytes, "there": there })
        }
        FetchEvent::File { name, bytes } => json!({ "event": "file", "name": name, "bytes": bytes }),
        FetchEvent::StartsOver { name } => json!({ "event": "starts_over", "name": name }),
        FetchEvent::Waiting { why, wait } => {
            json!({ "event": "waiting", "why": why.to_string(), "seconds": wait.as_secs_f64() })
        }
        FetchEvent::Fetched(fetched) => json!({
            "event": "fetched",
            "id": fetched.id.as_str(),
            "revision": fetched.revision.as_str(),
            "commit": fetched.commit,
            "folder": fetched.folder,
            "bytes": fetched.bytes,
            "downloaded": fetched.downloaded,
        }),
    }
}
