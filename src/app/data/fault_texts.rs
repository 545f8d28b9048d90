//! What is wrong with a line, in the window's language. The library says it in English.

use crate::app::sentences::sentence;
use crate::app::texts::{Language, Texts};
use crate::dataset::{Fault, Field, Problem};

/// A problem with its place and what to do about it.
pub fn problem(texts: Texts, problem: &Problem) -> String {
    let advice = texts.find(&format!("advice_{}", problem.fault.kind().key())).unwrap_or(problem.advice());
    let told = fault(texts, &problem.fault);
    match problem.column {
        Some(column) => texts.with("problem_at", &[("column", &column), ("fault", &told), ("advice", &advice)]),
        None => texts.with("problem", &[("fault", &told), ("advice", &advice)]),
    }
}

/// The fault alone.
pub fn fault(texts: Texts, fault: &Fault) -> String {
    if texts.language() == Language::English {
        return fault.to_string();
    }
    let kind = |kind: &str| {
        texts.find(&format!("kind_{}", kind.replace(' ', "_"))).map_or_else(|| kind.to_string(), str::to_string)
    };
    let field = |field: &Field| match field.item {
        None => texts.with("field", &[("key", &field.key)]),
        Some(item) => texts.with("field_item", &[("key", &field.key), ("item", &(item + 1))]),
    };
    let with = |values: &[(&str, &dyn std::fmt::Display)]| texts.with(&format!("fault_{}", fault.kind().key()), values);
    match fault {
        Fault::InvalidUtf8 | Fault::NoNegatives => with(&[]),
        Fault::LineTooLong { bytes } => with(&[("bytes", bytes)]),
        Fault::NotJson(cause) => with(&[("cause", &sentence(texts, cause))]),
        Fault::NotAnObject { found } => with(&[("found", &kind(found))]),
        Fault::DuplicateKey(key) => with(&[("key", key)]),
        Fault::Missing(at)
        | Fault::Empty(at)
        | Fault::EmptyNegative(at)
        | Fault::ControlCharacter(at)
        | Fault::Mojibake(at) => with(&[("field", &field(at))]),
        Fault::WrongType { field: at, wanted, found } | Fault::Ignored { field: at, wanted, found } => {
            with(&[("field", &field(at)), ("wanted", &kind(wanted)), ("found", &kind(found))])
        }
        Fault::WrongLength { field: at, wanted, found } => {
            with(&[("field", &field(at)), ("wanted", wanted), ("found", found)])
        }
        Fault::NegativeIsPositive { negative, positive } => {
            with(&[("negative", &field(negative)), ("positive", &field(positive))])
        }
        Fault::RepeatedId { id, first_line } => with(&[("id", id), ("line", first_line)]),
        Fault::RepeatedPassage { again, first } => with(&[("again", &field(again)), ("first", &field(first))]),
        Fault::DuplicateQuestion { first_line } => with(&[("line", first_line)]),
        Fault::TooFewNegatives { wanted, found } => with(&[("wanted", wanted), ("found", found)]),
        Fault::TooLong { field: at, tokens, limit } => {
            with(&[("field", &field(at)), ("tokens", tokens), ("limit", limit), ("cut", &(tokens - limit))])
        }
        Fault::InOtherFile { file } => with(&[("file", file)]),
        Fault::PassageInOtherFile { field: at, file } => with(&[("field", &field(at)), ("file", file)]),
    }
}
