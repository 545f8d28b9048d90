//! Questions that have something in common, so that a change can be seen where it happens.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::dataset::Script;

/// What the questions of a group have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupName {
    Topic(String),
    Language(Script),
    /// Characters of the question: from the first on, up to the second where there is one.
    Length(usize, Option<usize>),
}

impl GroupName {
    /// `topic`, `language` or `length`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Topic(_) => "topic",
            Self::Language(_) => "language",
            Self::Length(..) => "length",
        }
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(topic) => f.write_str(topic),
            Self::Language(Script::Chinese) => f.write_str("Chinese"),
            Self::Language(Script::Latin) => f.write_str("Latin script"),
            Self::Language(Script::Mixed) => f.write_str("mixed"),
            Self::Language(Script::Other) => f.write_str("other"),
            Self::Length(from, Some(to)) => write!(f, "{from} to {to} characters"),
            Self::Length(from, None) => write!(f, "from {from} characters on"),
        }
    }
}

impl Serialize for GroupName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Groups of questions by topic, language and length (thirds of the questions), with the places of their questions.
/// Each question gives its text and its topic, of which the part before the first `.` or `/` counts; questions
/// without a topic are in none. Of each kind there are two groups at least, or none.
pub fn groups(questions: &[(&str, Option<&str>)]) -> Vec<(GroupName, Vec<usize>)> {
    let topics = collect(questions.iter().map(|(_, topic)| {
        let topic = topic.as_ref()?.split(['.', '/']).next()?.trim();
        (!topic.is_empty()).then(|| GroupName::Topic(topic.to_owned()))
    }));
    let languages = collect(questions.iter().map(|(text, _)| Some(GroupName::Language(Script::of(text)))));
    let kinds = [topics, languages, lengths(questions)];
    kinds.into_iter().filter(|groups| groups.len() > 1).flatten().collect()
}

fn lengths(questions: &[(&str, Option<&str>)]) -> Vec<(GroupName, Vec<usize>)> {
    let lengths: Vec<usize> = questions.iter().map(|(text, _)| text.chars().count()).collect();
    let mut sorted = lengths.clone();
    sorted.sort_unstable();
    let (Some(&first), Some(&second)) = (sorted.get(sorted.len() / 3), sorted.get(sorted.len() * 2 / 3)) else {
        return Vec::new();
    };
    let third = |length: usize| match length {
        length if length < first => GroupName::Length(0, Some(first - 1)),
        length if length < second => GroupName::Length(first, Some(second - 1)),
        _ => GroupName::Length(second, None),
    };
    collect(lengths.into_iter().map(|length| Some(third(length))))
}

/// Places by name, in the names' order.
fn collect(names: impl Iterator<Item = Option<GroupName>>) -> Vec<(GroupName, Vec<usize>)> {
    let mut groups: BTreeMap<GroupName, Vec<usize>> = BTreeMap::new();
    for (place, name) in names.enumerate() {
        if let Some(name) = name {
            groups.entry(name).or_default().push(place);
        }
    }
    groups.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_grouped_by_topic_language_and_length() {
        let questions = [
            ("什么是咬边", Some("shape.undercut")),
            ("what is a crater pipe", Some("cavity/pipe")),
            ("冷裂纹为什么会延迟出现", Some("crack.cold")),
            ("why do cracks appear late", Some("crack.hot")),
            ("?", None),
            ("夹渣", Some(" ")),
        ];
        let named = groups(&questions);
        let named: Vec<(&str, String, &[usize])> =
            named.iter().map(|(name, places)| (name.kind(), name.to_string(), places.as_slice())).collect();
        let expected: [(&str, &str, &[usize]); 9] = [
            ("topic", "cavity", &[1]),
            ("topic", "crack", &[2, 3]),
            ("topic", "shape", &[0]),
            ("language", "Chinese", &[0, 2, 5]),
            ("language", "Latin script", &[1, 3]),
            ("language", "other", &[4]),
            ("length", "0 to 4 characters", &[4, 5]),
            ("length", "5 to 20 characters", &[0, 2]),
            ("length", "from 21 characters on", &[1, 3]),
        ];
        assert_eq!(named, expected.map(|(kind, name, places)| (kind, name.to_owned(), places)));
    }

    #[test]
    fn one_group_alone_says_nothing() {
        assert_eq!(groups(&[("咬边", Some("a.b")), ("夹渣", Some("a.c"))]), []);
        assert_eq!(groups(&[]), []);
    }
}
