//! Checksums as the hub names them: SHA-256 of large files, git's SHA-1 of small ones.

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// What a file must be. Its text, in small hexadecimal digits, names the file in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checksum {
    Sha256(String),
    /// Of a git blob: `blob SIZE\0` and the content.
    GitSha1(String),
}

impl Checksum {
    /// From an ETag or a field of an answer: 64 hexadecimal digits or 40. `None` for whatever else stands there.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches("W/").trim_matches('"').to_ascii_lowercase();
        let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match (is_hex, text.len()) {
            (true, 64) => Some(Self::Sha256(text)),
            (true, 40) => Some(Self::GitSha1(text)),
            _ => None,
        }
    }

    pub fn as_str(&self) -> &str {
        match self {
            Self::Sha256(text) | Self::GitSha1(text) => text,
        }
    }

    /// To be fed with a file of this size.
    pub fn start(&self, size: u64) -> Running {
        match self {
            Self::Sha256(_) => Running::Sha256(Sha256::new()),
            Self::GitSha1(_) => Running::Sha1(Sha1::new_with_prefix(format!("blob {size}\0"))),
        }
    }

    pub fn is(&self, computed: Running) -> bool {
        let bytes = match computed {
            Running::Sha256(hash) => hash.finalize().to_vec(),
            Running::Sha1(hash) => hash.finalize().to_vec(),
        };
        self.as_str() == bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    }
}

/// A checksum that is being computed.
#[derive(Clone)]
pub enum Running {
    Sha256(Sha256),
    Sha1(Sha1),
}

impl Running {
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(bytes),
            Self::Sha1(hash) => hash.update(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_git_and_of_sha256sum() {
        // printf 'hello\n' | git hash-object --stdin; printf 'hello\n' | sha256sum
        let git = "ce013625030ba8dba906f756967f9e9ca394464a";
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        for text in [git, sha256] {
            let wanted = Checksum::parse(&format!("W/\"{text}\"")).unwrap();
            let mut sum = wanted.start(6);
            sum.update(b"hel");
            sum.update(b"lo\n");
            assert!(wanted.is(sum.clone()), "{text}");
            sum.update(b"!");
            assert!(!wanted.is(sum));
        }
        for other in ["", "../../etc/passwd", "5891b5b522d5df086d0ff0b110fbd9d2-17", "ce01"] {
            assert_eq!(Checksum::parse(other), None);
        }
    }
}
