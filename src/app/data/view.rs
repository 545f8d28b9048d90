//! Which rows the table shows, and in which order.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rayon::prelude::*;
use regex::RegexBuilder;

use crate::dataset::{Digest, FaultKind, LineId, LineKind, Lines, Reviews, Row, Script, Survey, Verdict};

/// What a row must have to be shown; empty lets every row through.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    pub text: String,
    /// The text is a regular expression.
    pub is_regex: bool,
    pub finding: Option<Finding>,
    pub review: Option<Reviewed>,
    pub script: Option<Script>,
    /// The row's `type`; empty for rows without one.
    pub kind: Option<String>,
    /// The question or one of the passages is one of these texts.
    pub among: Option<Arc<HashSet<String>>>,
}

/// What is found out about rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    Any,
    Kind(FaultKind),
    /// A negative scores as high as the best positive.
    Suspected,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reviewed {
    As(Verdict),
    NotYet,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Column {
    #[default]
    Line,
    Question,
    Positives,
    Negatives,
    Type,
    Review,
    /// By how much the best negative is above the best positive.
    Margin,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sort {
    pub by: Column,
    pub descending: bool,
}

/// What the rows are looked up in.
#[derive(Clone)]
pub struct Material {
    pub lines: Lines,
    pub survey: Survey,
    pub reviews: Reviews,
    /// Margins of the rows that a model has scored.
    pub margins: HashMap<LineId, f32>,
}

/// A regular expression that cannot be read, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct BadPattern(pub String);

impl Filter {
    pub fn is_empty(&self) -> bool {
        *self == Self { is_regex: self.is_regex, ..Self::default() }
    }

    /// The text as a regular expression, in either case of letters.
    ///
    /// # Errors
    /// If it is none.
    fn pattern(&self) -> Result<Option<regex::Regex>, BadPattern> {
        let text = self.text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let pattern = if self.is_regex { text.to_owned() } else { regex::escape(text) };
        let built = RegexBuilder::new(&pattern).case_insensitive(true).build();
        built.map(Some).map_err(|error| BadPattern(error.to_string()))
    }

    fn fits(&self, material: &Material, digest: &Digest) -> bool {
        let finding = match self.finding {
            None => true,
            Some(Finding::Any) => digest.has_faults(),
            Some(Finding::Kind(kind)) => digest.has(kind),
            Some(Finding::Suspected) => material.margins.get(&digest.id).is_some_and(|margin| *margin >= 0.0),
        };
        finding
            && self.script.is_none_or(|script| script == digest.script)
            && self.kind.as_ref().is_none_or(|kind| material.survey.type_of(digest) == kind)
    }

    fn fits_review(&self, reviews: &Reviews, query: &str) -> bool {
        let verdict = || reviews.get(query).and_then(|review| review.verdict);
        match self.review {
            None => true,
            Some(Reviewed::NotYet) => verdict().is_none(),
            Some(Reviewed::As(wanted)) => verdict() == Some(wanted),
        }
    }
}

/// The places (0-based) of the rows to show, in order.
///
/// # Errors
/// If the filter's regular expression cannot be read.
pub fn visible(material: &Material, filter: &Filter, sort: Sort) -> Result<Vec<usize>, BadPattern> {
    let pattern = filter.pattern()?;
    let survey = &material.survey;
    let reads = pattern.is_some() || filter.review.is_some() || filter.among.is_some();
    let shown = |at: &usize| {
        let Some(digest) = survey.digest(*at) else {
            return false;
        };
        if digest.kind != LineKind::Row || !filter.fits(material, digest) {
            return false;
        }
        if !reads {
            return true;
        }
        let Some(row) = material.lines.read(*at).into_row() else {
            return false;
        };
        filter.among.as_ref().is_none_or(|among| texts(&row).any(|text| among.contains(text)))
            && filter.fits_review(&material.reviews, &row.query)
            && pattern.as_ref().is_none_or(|pattern| holds(&row, pattern))
    };
    let mut places: Vec<usize> = (0..survey.len()).into_par_iter().filter(shown).collect();
    order(material, &mut places, sort);
    Ok(places)
}

fn holds(row: &Row, pattern: &regex::Regex) -> bool {
    texts(row).any(|text| pattern.is_match(text))
}

fn texts(row: &Row) -> impl Iterator<Item = &String> {
    std::iter::once(&row.query).chain(&row.pos).chain(&row.neg)
}

fn order(material: &Material, places: &mut [usize], sort: Sort) {
    let digest = |at: &usize| material.survey.digest(*at);
    let query = |at: &usize| material.lines.read(*at).into_row().map(|row| row.query.clone()).unwrap_or_default();
    match sort.by {
        Column::Line => {}
        Column::Question => places.par_sort_by_cached_key(query),
        Column::Positives => places.par_sort_by_cached_key(|at| digest(at).map(|digest| digest.positives)),
        Column::Negatives => places.par_sort_by_cached_key(|at| digest(at).map(|digest| digest.negatives)),
        Column::Type => {
            places.par_sort_by_cached_key(|at| digest(at).map(|digest| material.survey.type_of(digest).to_owned()));
        }
        Column::Review => places.par_sort_by_cached_key(|at| {
            let verdict = material.reviews.get(&query(at)).and_then(|review| review.verdict);
            Verdict::ALL.iter().position(|known| Some(*known) == verdict).unwrap_or(Verdict::ALL.len())
        }),
        // Rows without a score come last in either direction.
        Column::Margin => {
            let margin = |at: &usize| material.margins.get(&digest(at)?.id).copied();
            let sign = if sort.descending { -1.0 } else { 1.0 };
            let key = |at: &usize| margin(at).map_or(f32::INFINITY, |margin| sign * margin);
            places.par_sort_by(|a, b| key(a).total_cmp(&key(b)));
            return;
        }
    }
    if sort.descending {
        places.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Dataset, Expectations, Review};

    const FILE: &str = concat!(
        "{\"query\": \"咬边\", \"pos\": [\"a\"], \"neg\": [\"b\", \"c\"], \"type\": \"normal\"}\n",
        "{broken\n",
        "{\"query\": \"porosity (gas)\", \"pos\": [\"d\", \"e\"]}\n",
        "{\"query\": \"Arc\", \"pos\": [\"f\"], \"neg\": [\"g\", \"g\", \"h\"]}\n",
    );

    fn material() -> Material {
        let dataset = Dataset::from_bytes(FILE.into());
        let mut reviews = Reviews::default();
        reviews.set("Arc", Review { verdict: Some(Verdict::Rejected), note: String::new() });
        let id = |at| dataset.lines().id(at).unwrap();
        Material {
            survey: Survey::of(dataset.lines(), Expectations::default()),
            lines: dataset.lines().clone(),
            reviews,
            margins: [(id(0), 0.2), (id(2), -0.4)].into(),
        }
    }

    #[test]
    fn filters_let_through_what_fits() {
        let material = material();
        let all = Filter::default;
        for (filter, places) in [
            (all(), vec![0, 2, 3]),
            (Filter { text: "PORO".into(), ..all() }, vec![2]),
            (Filter { text: "(gas)".into(), ..all() }, vec![2]),
            (Filter { text: "^(咬|arc$)".into(), is_regex: true, ..all() }, vec![0, 3]),
            (Filter { finding: Some(Finding::Any), ..all() }, vec![3]),
            (Filter { finding: Some(Finding::Kind(FaultKind::RepeatedPassage)), ..all() }, vec![3]),
            (Filter { finding: Some(Finding::Suspected), ..all() }, vec![0]),
            (Filter { review: Some(Reviewed::As(Verdict::Rejected)), ..all() }, vec![3]),
            (Filter { review: Some(Reviewed::NotYet), ..all() }, vec![0, 2]),
            (Filter { script: Some(Script::Chinese), ..all() }, vec![0]),
            (Filter { kind: Some("normal".into()), ..all() }, vec![0]),
            (Filter { kind: Some(String::new()), ..all() }, vec![2, 3]),
            (Filter { among: Some(Arc::new(["c", "Arc"].map(str::to_owned).into())), ..all() }, vec![0, 3]),
        ] {
            assert_eq!(visible(&material, &filter, Sort::default()).unwrap(), places, "{filter:?}");
        }
        let wrong = Filter { text: "(".into(), is_regex: true, ..all() };
        assert!(visible(&material, &wrong, Sort::default()).is_err());
    }

    #[test]
    fn columns_sort() {
        let material = material();
        for (by, descending, places) in [
            (Column::Line, true, [3, 2, 0]),
            (Column::Question, false, [3, 2, 0]),
            (Column::Positives, true, [2, 3, 0]),
            (Column::Negatives, false, [2, 0, 3]),
            (Column::Review, false, [3, 0, 2]),
            (Column::Margin, true, [0, 2, 3]),
            (Column::Margin, false, [2, 0, 3]),
        ] {
            assert_eq!(visible(&material, &Filter::default(), Sort { by, descending }).unwrap(), places, "{by:?}");
        }
    }
}
