use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Why a job failed, and what a person can do about it.
#[derive(Clone, Debug)]
pub struct Failure {
    pub why: String,
    /// Empty if there is nothing to advise.
    pub what_to_do: String,
    /// The error that it was made of, for those who say it in other words.
    pub error: Option<Arc<dyn Error + Send + Sync>>,
}

/// Failures are alike if they say the same.
impl PartialEq for Failure {
    fn eq(&self, other: &Self) -> bool {
        (&self.why, &self.what_to_do) == (&other.why, &other.what_to_do)
    }
}

impl Eq for Failure {}

impl Failure {
    pub fn new(why: impl Into<String>, what_to_do: impl Into<String>) -> Self {
        Self { why: why.into(), what_to_do: what_to_do.into(), error: None }
    }
}

/// The errors of this crate say `cause; what to do` or `cause. What to do`.
impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let text = error.to_string();
        let end = [text.find("; "), text.find(". ")].into_iter().flatten().min();
        let failure = match end {
            Some(end) => Self::new(&text[..end], &text[end + 2..]),
            None => Self::new(text, ""),
        };
        Self { error: Some(Arc::new(error)), ..failure }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)?;
        if !self.what_to_do.is_empty() {
            write!(f, "; {}", self.what_to_do)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_parted_into_cause_and_advice() {
        let failure = Failure::from(std::io::Error::other("the disk is full; make room"));
        assert_eq!(failure, Failure::new("the disk is full", "make room"));
        assert_eq!(failure.to_string(), "the disk is full; make room");
        let failure = Failure::from(std::io::Error::other("cannot read a.jsonl: gone. Look for it; ask"));
        assert_eq!(failure, Failure::new("cannot read a.jsonl: gone", "Look for it; ask"));
        assert_eq!(Failure::from(std::io::Error::other("no")).to_string(), "no");
    }
}
