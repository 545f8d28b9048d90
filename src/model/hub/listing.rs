//! What the hub says of a model: its commit and its files.

use std::path::{Component, Path};

use hf_hub::{Repo, RepoType};
use serde::Deserialize;

use super::client::{Attempts, Client};
use super::digest::Checksum;
use super::id::is_commit;
use super::{FetchHost, HubError, ModelId, Patience, Revision};

/// A file of a model on the hub.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteFile {
    pub name: String,
    /// In bytes.
    pub size: u64,
    pub sum: Checksum,
}

/// A model's files at one commit.
#[derive(Clone, Debug)]
pub struct Listing {
    pub id: ModelId,
    pub commit: String,
    /// Names with what the list says of each; mirrors may leave the rest out.
    files: Vec<(String, Option<(u64, Checksum)>)>,
}

/// The answer to `/api/models/ID/revision/REVISION?blobs=true`.
#[derive(Deserialize)]
struct Info {
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sibling {
    rfilename: String,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    blob_id: Option<String>,
    #[serde(default)]
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: String,
    size: u64,
}

impl Listing {
    pub fn ask(client: &Client, id: &ModelId, revision: &Revision, host: &mut dyn FetchHost) -> Result<Self, HubError> {
        let repo = Repo::with_revision(id.to_string(), RepoType::Model, revision.to_string());
        let address = format!("{}/api/{}?blobs=true", client.settings().endpoint, repo.api_url());
        // Whoever waits here has seen nothing yet.
        let patience = client.settings().patience;
        let mut attempts = Attempts::new(Patience { attempts: patience.attempts.min(3), ..patience });
        let info: Info = loop {
            let refused = |head: &_| client.refusal(head, id, revision.as_str(), None);
            match client.json(&address, &mut || host.ask(), refused) {
                Ok(info) => break info,
                Err(error) => attempts.again(error, host)?,
            }
        };
        Self::of(id, info, client.settings().host())
    }

    fn of(id: &ModelId, info: Info, host: String) -> Result<Self, HubError> {
        if !is_commit(&info.sha) {
            return Err(HubError::Answer { host, cause: "it names no commit".into() });
        }
        if let Some(outside) = info.siblings.iter().find(|file| !is_inside(&file.rfilename)) {
            return Err(HubError::Outside { id: id.to_string(), name: outside.rfilename.clone() });
        }
        let files = info.siblings.into_iter().map(|file| {
            let large = file.lfs.and_then(|lfs| Some((lfs.size, Checksum::parse(&lfs.sha256)?)));
            let small = || Some((file.size?, Checksum::parse(file.blob_id.as_deref()?)?));
            let known = large.or_else(small);
            (file.rfilename, known)
        });
        Ok(Self { id: id.clone(), commit: info.sha, files: files.collect() })
    }

    pub fn has(&self, name: &str) -> bool {
        self.files.iter().any(|(known, _)| known == name)
    }

    pub fn address(&self, client: &Client, name: &str) -> String {
        let name: Vec<String> = name.split('/').map(escaped).collect();
        format!("{}/{}/resolve/{}/{}", client.settings().endpoint, self.id, self.commit, name.join("/"))
    }

    /// A file with its size and checksum, which the hub is asked for where the list does not have them.
    pub fn file(&self, client: &Client, name: &str, host: &mut dyn FetchHost) -> Result<RemoteFile, HubError> {
        let known = self.files.iter().find(|(known, _)| known == name).and_then(|(_, known)| known.clone());
        if let Some((size, sum)) = known {
            return Ok(RemoteFile { name: name.into(), size, sum });
        }
        let mut attempts = Attempts::new(client.settings().patience);
        let head = loop {
            match client.head(&self.address(client, name), &mut || host.ask()) {
                Ok(head) if head.status.is_success() || head.status.is_redirection() => break head,
                Ok(head) => {
                    attempts.again(client.refusal(&head, &self.id, &self.commit, Some(name)), host)?;
                }
                Err(error) => attempts.again(error, host)?,
            }
        };
        let sum = head.text("x-linked-etag").or(head.text("etag")).and_then(Checksum::parse);
        // The length of an answer that leads elsewhere is not the file's.
        let own_length = head.number("content-length").filter(|_| head.status.is_success());
        let size = head.number("x-linked-size").or(own_length);
        let (Some(size), Some(sum)) = (size, sum) else {
            return Err(HubError::NoChecksum { host: client.settings().host(), name: name.into() });
        };
        Ok(RemoteFile { name: name.into(), size, sum })
    }
}

/// Whether a name stays in the folder that it is put into, on every system.
pub fn is_inside(name: &str) -> bool {
    let is_plain =
        |name: &str| !name.is_empty() && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    is_plain(name) && !name.starts_with('/') && is_plain(&name.replace('\\', "/")) && !name.contains(['\0', ':'])
}

/// A part of an address in which only unreserved characters (RFC 3986) stand for themselves.
fn escaped(part: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    part.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(files: &str) -> Result<Listing, HubError> {
        let text = format!(r#"{{"sha": "5617a9f61b028005a4858fdac845db406aefb181", "siblings": [{files}]}}"#);
        Listing::of(&"a/b".parse().unwrap(), serde_json::from_str(&text).unwrap(), "hub".into())
    }

    #[test]
    fn sizes_and_checksums_are_taken_from_the_list() {
        let sum = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        let files = format!(
            r#"{{"rfilename": "config.json", "size": 6, "blobId": "ce013625030ba8dba906f756967f9e9ca394464a"}},
               {{"rfilename": "model.safetensors", "size": 9, "blobId": "ce013625030ba8dba906f756967f9e9ca394464a",
                 "lfs": {{"sha256": "{sum}", "size": 2271, "pointerSize": 134}}}},
               {{"rfilename": "1_Pooling/config.json"}}"#
        );
        let listing = listing(&files).unwrap();
        let known = |name: &str| listing.files.iter().find(|(known, _)| known == name).unwrap().1.clone();
        assert!(matches!(known("config.json"), Some((6, Checksum::GitSha1(_)))));
        assert_eq!(known("model.safetensors"), Some((2271, Checksum::Sha256(sum.into()))));
        assert_eq!(known("1_Pooling/config.json"), None);
    }

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        for name in ["../evil", "a/../../evil", "/etc/passwd", "..\\\\evil", "C:\\\\evil", "C:evil", ""] {
            let error = listing(&format!(r#"{{"rfilename": "{name}"}}"#)).unwrap_err();
            assert!(matches!(error, HubError::Outside { .. }), "{name}: {error}");
        }
        assert!(listing(r#"{"rfilename": "onnx/模型 1.onnx"}"#).is_ok());
        assert_eq!(escaped("模 1.bin"), "%E6%A8%A1%201.bin");
        let no_commit: Info = serde_json::from_str(r#"{"sha": "../../x"}"#).unwrap();
        assert!(Listing::of(&"a/b".parse().unwrap(), no_commit, "hub".into()).is_err());
    }
}
