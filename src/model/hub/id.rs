use std::fmt;
use std::str::FromStr;

use super::HubError;

/// A model's name on the hub, `OWNER/NAME`, or `NAME` for the few that have no owner.
///
/// The rules are those of `huggingface_hub` (`validate_repo_id`), so that a name is never more than one folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelId(String);

impl ModelId {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without its owner.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

impl FromStr for ModelId {
    type Err = HubError;

    fn from_str(text: &str) -> Result<Self, HubError> {
        let parts: Vec<&str> = text.split('/').collect();
        let is_part = |part: &&str| {
            !part.is_empty()
                && part.chars().all(|one| one.is_ascii_alphanumeric() || "-_.".contains(one))
                && !part.starts_with(['-', '.'])
                && !part.ends_with(['-', '.'])
                && !part.contains("--")
                && !part.contains("..")
        };
        if parts.len() > 2 || !parts.iter().all(is_part) || text.len() > 96 || text.ends_with(".git") {
            return Err(HubError::Name(text.into()));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A branch, a tag or a commit of a model's repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision(String);

impl Revision {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a commit's full hash, which always means the same files.
    pub fn is_commit(&self) -> bool {
        is_commit(&self.0)
    }
}

/// 40 hexadecimal digits in small letters.
pub(super) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

impl Default for Revision {
    fn default() -> Self {
        Self("main".into())
    }
}

impl FromStr for Revision {
    type Err = HubError;

    /// It becomes a file below `refs`, so a part of it may be no `..` and nothing that a file system takes apart.
    fn from_str(text: &str) -> Result<Self, HubError> {
        let is_part = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.chars().all(|one| one.is_alphanumeric() || "-_.+@".contains(one))
        };
        if text.len() > 200 || !text.split('/').all(is_part) {
            return Err(HubError::Revision(text.into()));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_hub_and_never_leave_a_folder() {
        for good in ["BAAI/bge-m3", "bert-base-uncased", "sentence-transformers/all-MiniLM-L6-v2", "a/b_c.d"] {
            assert_eq!(good.parse::<ModelId>().unwrap().as_str(), good);
        }
        let long = format!("a/{}", "b".repeat(100));
        for bad in [
            "", "/", "a/", "/a", "../x", "a/..", "a/b/c", "./a", "a\\b", "C:x", "a/.b", "a--b/c", "a b", "模型",
            "a/b.git", &long,
        ] {
            let error = bad.parse::<ModelId>().unwrap_err().to_string();
            assert!(error.contains("OWNER/NAME"), "{bad}: {error}");
        }
        assert_eq!("BAAI/bge-m3".parse::<ModelId>().unwrap().name(), "bge-m3");
    }

    #[test]
    fn revisions_are_branches_tags_and_commits() {
        for good in ["main", "v1.0", "refs/pr/3", "5617a9f61b028005a4858fdac845db406aefb181"] {
            assert_eq!(good.parse::<Revision>().unwrap().as_str(), good);
        }
        for bad in ["", "..", "a/../b", "/etc", "a\\b", "C:x", "a b", "a//b", ".hidden"] {
            assert!(bad.parse::<Revision>().is_err(), "{bad}");
        }
        assert!("5617a9f61b028005a4858fdac845db406aefb181".parse::<Revision>().unwrap().is_commit());
        assert!(!Revision::default().is_commit());
    }
}
