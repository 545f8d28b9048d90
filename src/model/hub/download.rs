//! One file into the cache: from where it stopped last time, and under its name only when it is whole and right.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use ureq::http::StatusCode;
use ureq::http::header::{CONTENT_LENGTH, CONTENT_RANGE};

use super::client::{Answer, Attempts, Client};
use super::digest::Running;
use super::layout::Layout;
use super::listing::{Listing, RemoteFile};
use super::{FetchEvent, FetchHost, HubError};

/// Brings one file; `before` and `total` are bytes of the whole fetch that are done and that there are.
pub struct Download<'a> {
    pub client: &'a Client,
    pub layout: &'a Layout,
    pub listing: &'a Listing,
    pub file: &'a RemoteFile,
    pub before: u64,
    pub total: u64,
}

/// A file that is growing.
struct Partial {
    path: PathBuf,
    file: File,
    length: u64,
    sum: Running,
}

/// Whether a file of the hub is in the cache, whole, perhaps under another model's name.
pub fn is_there(layout: &Layout, commit: &str, file: &RemoteFile) -> bool {
    let is_whole = |path: &Path| path.metadata().is_ok_and(|found| found.is_file() && found.len() == file.size);
    is_whole(&layout.snapshot(commit).join(&file.name)) || is_whole(&layout.blob(&file.sum))
}

impl Download<'_> {
    pub fn run(&self, host: &mut dyn FetchHost) -> Result<(), HubError> {
        let blob = self.layout.blob(&self.file.sum);
        self.layout.make_folder_of(&blob)?;
        let _lock = self.layout.lock(&self.file.sum, &mut || host.ask())?;
        // Another program may have been quicker.
        if !is_there(self.layout, &self.listing.commit, self.file) {
            let mut partial = self.open(host)?;
            let had_some = partial.length > 0;
            let mut is_right = self.fill(&mut partial, host)?;
            if !is_right && had_some {
                // What was left of an earlier time is no beginning of this file.
                self.start_over(&mut partial, host)?;
                is_right = self.fill(&mut partial, host)?;
            }
            if !is_right {
                let _ = fs::remove_file(&partial.path);
                return Err(HubError::Checksum { host: self.client.settings().host(), name: self.file.name.clone() });
            }
            partial.file.sync_all().map_err(|error| self.disk(&partial, error))?;
            fs::rename(&partial.path, &blob).map_err(HubError::io(&blob, "write"))?;
        }
        self.layout.link(&self.listing.commit, &self.file.name, &self.file.sum)
    }

    /// What is there of the file, with its checksum so far.
    fn open(&self, host: &mut dyn FetchHost) -> Result<Partial, HubError> {
        let path = self.layout.incomplete(&self.file.sum);
        let file = File::options().read(true).create(true).append(true).open(&path);
        let file = file.map_err(HubError::io(&path, "write"))?;
        let mut partial = Partial { file, length: 0, sum: self.file.sum.start(self.file.size), path };
        let mut piece = vec![0; 1 << 20];
        partial.file.seek(SeekFrom::Start(0)).map_err(HubError::io(&partial.path, "read"))?;
        loop {
            if host.ask().is_break() {
                return Err(HubError::Stopped);
            }
            let count = partial.file.read(&mut piece).map_err(HubError::io(&partial.path, "read"))?;
            if count == 0 {
                break;
            }
            partial.sum.update(&piece[..count]);
            partial.length += count as u64;
        }
        if partial.length > self.file.size {
            self.start_over(&mut partial, host)?;
        }
        host.moved(self.before + partial.length, self.total);
        Ok(partial)
    }

    fn start_over(&self, partial: &mut Partial, host: &mut dyn FetchHost) -> Result<(), HubError> {
        partial.file.set_len(0).map_err(HubError::io(&partial.path, "write"))?;
        (partial.length, partial.sum) = (0, self.file.sum.start(self.file.size));
        host.tell(FetchEvent::StartsOver { name: self.file.name.clone() });
        host.moved(self.before, self.total);
        Ok(())
    }

    /// Fetches what is missing. Whether the whole has the right checksum.
    fn fill(&self, partial: &mut Partial, host: &mut dyn FetchHost) -> Result<bool, HubError> {
        let mut attempts = Attempts::new(self.client.settings().patience);
        let address = self.listing.address(self.client, &self.file.name);
        while partial.length < self.file.size {
            let before = partial.length;
            let answer = self.client.get(&address, partial.length, &mut || host.ask());
            let result = answer.and_then(|answer| self.take(partial, &answer, host));
            if partial.length > before {
                attempts.progressed();
            }
            if let Err(error) = result {
                if matches!(error, HubError::Size { .. }) {
                    let _ = fs::remove_file(&partial.path);
                }
                attempts.again(error, host)?;
            }
        }
        Ok(self.file.sum.is(partial.sum.clone()))
    }

    fn take(&self, partial: &mut Partial, answer: &Answer, host: &mut dyn FetchHost) -> Result<(), HubError> {
        let head = &answer.head;
        let announced = match head.status {
            StatusCode::OK => {
                if partial.length > 0 {
                    // It does not give parts of files.
                    self.start_over(partial, host)?;
                }
                head.number(CONTENT_LENGTH.as_str())
            }
            StatusCode::PARTIAL_CONTENT => {
                let range = head.text(CONTENT_RANGE.as_str()).and_then(range);
                match range {
                    Some((start, whole)) if start == partial.length => whole,
                    _ => return Err(self.answer("it gives another part of the file than was asked for")),
                }
            }
            StatusCode::RANGE_NOT_SATISFIABLE if partial.length > 0 => return self.start_over(partial, host),
            _ => {
                let file = Some(self.file.name.as_str());
                return Err(self.client.refusal(head, &self.listing.id, &self.listing.commit, file));
            }
        };
        if let Some(told) = announced.filter(|told| *told != self.file.size) {
            return Err(self.size(told));
        }
        while let Some(bytes) = answer.next(&mut || host.ask())? {
            let length = partial.length + bytes.len() as u64;
            if length > self.file.size {
                return Err(self.size(length));
            }
            partial.file.write_all(&bytes).map_err(|error| self.disk(partial, error))?;
            partial.sum.update(&bytes);
            partial.length = length;
            host.moved(self.before + length, self.total);
        }
        if partial.length < self.file.size {
            let cause = format!("{} of {} bytes came", partial.length, self.file.size);
            return Err(HubError::Broken { host: head.host.clone(), cause });
        }
        Ok(())
    }

    fn size(&self, told: u64) -> HubError {
        let (host, name) = (self.client.settings().host(), self.file.name.clone());
        HubError::Size { host, name, told, wanted: self.file.size }
    }

    fn answer(&self, cause: &str) -> HubError {
        HubError::Answer { host: self.client.settings().host(), cause: cause.into() }
    }

    fn disk(&self, partial: &Partial, error: io::Error) -> HubError {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        if matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge) {
            let missing = self.total.saturating_sub(self.before + partial.length);
            let folder = partial.path.parent().unwrap_or(&partial.path).to_path_buf();
            return HubError::DiskFull { folder, missing: missing as f64 / 1e9 };
        }
        HubError::Io { path: partial.path.clone(), action: "write", cause: error }
    }
}

/// `bytes 5-9/10`: the first byte, and the size of the whole unless it is `*`.
fn range(text: &str) -> Option<(u64, Option<u64>)> {
    let (part, whole) = text.trim().strip_prefix("bytes")?.trim_start().split_once('/')?;
    Some((part.split('-').next()?.trim().parse().ok()?, whole.trim().parse().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        assert_eq!(range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(range("bytes 0-9/*"), Some((0, None)));
        assert_eq!(range("bytes */10"), None);
        assert_eq!(range("items 5-9/10"), None);
    }
}
