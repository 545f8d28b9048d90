use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::client::Client;
use super::download::{Download, is_there};
use super::layout::Layout;
use super::listing::{Listing, RemoteFile};
use super::{HubError, HubSettings, ModelId, Revision, find, needed};

/// What is to be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRequest {
    pub id: ModelId,
    pub revision: Revision,
}

/// Who watches over a fetch.
pub trait FetchHost {
    fn tell(&mut self, event: FetchEvent);

    /// Bytes that are there, and those that are needed.
    fn moved(&mut self, done: u64, total: u64);

    /// `Break` ends it with [`HubError::Stopped`]; what has come is kept.
    fn ask(&mut self) -> ControlFlow<()>;
}

/// What becomes of a fetch.
#[derive(Clone, Debug)]
pub enum FetchEvent {
    /// The hub told which files there are; the bytes of those needed, and how many of them the cache has already.
    Listed {
        commit: String,
        files: usize,
        bytes: u64,
        there: u64,
    },
    /// This file is next.
    File {
        name: String,
        bytes: u64,
    },
    /// The server gives no parts of files, or what was left of last time is wrong.
    StartsOver {
        name: String,
    },
    /// There is trouble that may pass; another attempt follows.
    Waiting {
        why: Arc<HubError>,
        wait: Duration,
    },
    Fetched(Fetched),
}

/// A model that is now in the cache, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    pub id: ModelId,
    pub revision: Revision,
    pub commit: String,
    /// A model folder.
    pub folder: PathBuf,
    /// Bytes of its files.
    pub bytes: u64,
    /// Bytes of these that the cache did not have.
    pub downloaded: u64,
}

/// Fetches a model's files into the cache, as far as they are not there. Its revision points to the new files only once
/// all of them are whole.
pub fn fetch(settings: &HubSettings, request: &FetchRequest, host: &mut dyn FetchHost) -> Result<Fetched, HubError> {
    if settings.offline {
        return match find(&settings.cache, &request.id, &request.revision) {
            Some(folder) => {
                let commit = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let FetchRequest { id, revision } = request.clone();
                Ok(Fetched { id, revision, commit, folder, bytes: 0, downloaded: 0 })
            }
            None => Err(HubError::Offline(request.id.to_string())),
        };
    }
    let client = Client::new(settings)?;
    let layout = Layout::new(&settings.cache, &request.id);
    let listing = Listing::ask(&client, &request.id, &request.revision, host)?;
    let folder = layout.snapshot(&listing.commit);
    let mut downloaded = 0;
    let mut bring = |files: &[RemoteFile], host: &mut dyn FetchHost| -> Result<(), HubError> {
        let total = files.iter().map(|file| file.size).sum();
        let mut before = 0;
        for file in files {
            if !is_there(&layout, &listing.commit, file) {
                host.tell(FetchEvent::File { name: file.name.clone(), bytes: file.size });
                downloaded += file.size;
            }
            Download { client: &client, layout: &layout, listing: &listing, file, before, total }.run(host)?;
            before += file.size;
            host.moved(before, total);
        }
        Ok(())
    };
    let mut first = Vec::new();
    for name in needed::first(&listing)? {
        first.push(listing.file(&client, name, host)?);
    }
    bring(&first, host)?;
    let mut all = first;
    for name in needed::all(&listing, &folder)? {
        if all.iter().all(|file| file.name != name) {
            all.push(listing.file(&client, &name, host)?);
        }
    }
    // Small ones first, so that whatever is wrong with them shows before the weights come.
    all.sort_by_key(|file| file.size);
    let there = all.iter().filter(|file| is_there(&layout, &listing.commit, file)).map(|file| file.size).sum();
    let bytes = all.iter().map(|file| file.size).sum();
    host.tell(FetchEvent::Listed { commit: listing.commit.clone(), files: all.len(), bytes, there });
    bring(&all, host)?;
    if !request.revision.is_commit() {
        layout.refer(&request.revision, &listing.commit)?;
    }
    let FetchRequest { id, revision } = request.clone();
    Ok(Fetched { id, revision, commit: listing.commit.clone(), folder, bytes, downloaded })
}
