use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a model of the hub cannot be had.
#[derive(Debug, Error)]
pub enum HubError {
    #[error("`{0}` is no name of a model; give OWNER/NAME as the hub writes it, such as BAAI/bge-m3")]
    Name(String),
    #[error("`{0}` is no revision; give a branch, a tag or a commit of the model, such as main")]
    Revision(String),
    #[error("there is no home folder for the hub's cache; set HF_HOME to a folder that you may write to")]
    NoHome,
    #[error("the hub's address (HF_ENDPOINT) is `{0}`, which is none; give one such as https://hf-mirror.com")]
    Endpoint(String),
    #[error("{}: {cause}; give a file of certificates in PEM in SSL_CERT_FILE, or unset it", path.display())]
    Certificates { path: PathBuf, cause: String },
    #[error(
        "there is no folder {0}, and the hub's cache has no model of this name; `weldbench fetch {0}` downloads it"
    )]
    NotCached(String),
    #[error("HF_HUB_OFFLINE is set, so nothing is downloaded; unset it to fetch {0}")]
    Offline(String),
    #[error(
        "{host} cannot be reached ({cause}); check the network and HTTPS_PROXY, or set HF_ENDPOINT to a mirror such as https://hf-mirror.com"
    )]
    Unreachable { host: String, cause: String },
    #[error(
        "{host} does not prove who it is ({cause}); where the network looks into what is encrypted, give its certificates in SSL_CERT_FILE"
    )]
    Untrusted { host: String, cause: String },
    #[error(
        "the connection to {host} broke again and again ({cause}); what has come is kept, so fetch again and it goes on from there"
    )]
    Broken { host: String, cause: String },
    #[error(
        "{host} shows {id} to nobody without a token, or has no such model; check the name, or put a token of yours into HF_TOKEN"
    )]
    NoToken { host: String, id: String },
    #[error(
        "{host} refuses the token that was found in {place} ({status}) for {id}; put one into HF_TOKEN that may read it"
    )]
    BadToken { host: String, id: String, place: String, status: u16 },
    #[error(
        "{id} is given only to those who agreed to its terms; agree at {page}, then put a token of yours into HF_TOKEN"
    )]
    Gated { id: String, page: String },
    #[error("{host} has no {id} with the revision {revision}; check the name and the revision")]
    MissingModel { host: String, id: String, revision: String },
    #[error("{host} has no {name} of {id}, though it lists it; fetch again, or use another mirror")]
    MissingFile { host: String, id: String, name: String },
    #[error("{host} is asked too much at the moment{}; wait, or put a token of yours into HF_TOKEN, and fetch again", after(*wait))]
    Busy { host: String, wait: Option<u64> },
    #[error(
        "{host} has trouble of its own (status {status}); fetch again later, or set HF_ENDPOINT to a mirror such as https://hf-mirror.com"
    )]
    Trouble { host: String, status: u16 },
    #[error("{host} gives an answer that cannot be used: {cause}; check that HF_ENDPOINT names a hub")]
    Answer { host: String, cause: String },
    #[error("{id} cannot be used: {cause}; choose another model")]
    Unusable { id: String, cause: String },
    #[error(
        "{id} names the file `{name}`, which would lie outside its folder; nothing of it was taken, choose another model"
    )]
    Outside { id: String, name: String },
    #[error("{host} tells no checksum of {name}; use another mirror, or https://huggingface.co")]
    NoChecksum { host: String, name: String },
    #[error(
        "{name} has {told} bytes at {host}, not {wanted} as announced; nothing of it is kept, fetch again or use another mirror"
    )]
    Size { host: String, name: String, told: u64, wanted: u64 },
    #[error(
        "{name} did not come from {host} as it is on the hub: its checksum is wrong; nothing of it is kept, fetch again or use another mirror"
    )]
    Checksum { host: String, name: String },
    #[error(
        "the disk is full: {missing:.1} GB are still to come to {}; make room, or set HF_HOME to a folder on another disk, and fetch again: it goes on where it stopped",
        folder.display()
    )]
    DiskFull { folder: PathBuf, missing: f64 },
    #[error("{}: cannot {action} ({cause}); set HF_HOME to a folder that you may write to", path.display())]
    Io { path: PathBuf, action: &'static str, cause: io::Error },
    #[error("the download was stopped; what has come is kept, and the next one goes on from there")]
    Stopped,
}

fn after(wait: Option<u64>) -> String {
    wait.map_or_else(String::new, |seconds| format!(", for {seconds} s"))
}

impl HubError {
    /// For `map_err`.
    pub(super) fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |cause| Self::Io { path, action, cause }
    }

    /// Whether the same request may do better after a while.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Broken { .. } | Self::Busy { .. } | Self::Trouble { .. })
    }
}
