//! A file's rows parted into some to train on and some to evaluate with.

use super::error::DatasetError;
use super::line::Lines;
use super::row::Row;
use super::save::Draft;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// How rows are parted.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitOptions {
    /// Share of the rows to evaluate with, above 0 and below 1.
    pub share: f64,
    /// The same seed parts the same rows in the same way.
    pub seed: u64,
    /// Whether a passage that is a negative may be on both sides. Questions and positives never are.
    pub shared_negatives: bool,
}

impl Default for SplitOptions {
    fn default() -> Self {
        Self { share: 0.1, seed: 42, shared_negatives: false }
    }
}

/// Places of lines (0-based), ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    pub train: Vec<usize>,
    pub eval: Vec<usize>,
    /// Lines that are no usable row and are on neither side.
    pub left_out: usize,
}

/// Parts the usable rows. Rows that share a question or a passage stay together, and so do those that hang
/// together through others.
///
/// # Errors
/// If the share is not between 0 and 1, or the rows hang together so much that no part comes near it.
pub fn split(lines: &Lines, options: &SplitOptions) -> Result<Split, DatasetError> {
    if !(options.share > 0.0 && options.share < 1.0) {
        return Err(DatasetError::WrongShare { share: options.share });
    }
    let rows: Vec<(usize, Arc<Row>)> = lines.rows().into_iter().map(|(line, row)| (line - 1, row)).collect();
    let mut groups = groups(&rows, options.shared_negatives);
    groups.shuffle(&mut ChaCha8Rng::seed_from_u64(options.seed));
    let wanted = ((rows.len() as f64 * options.share).round() as usize).max(1);
    let mut taken = vec![false; rows.len()];
    let mut count = 0;
    for group in &groups {
        if count + group.len() <= wanted {
            count += group.len();
            group.iter().for_each(|&at| taken[at] = true);
        }
    }
    // A tenth off is near enough; far off, the sides would not be what was asked for.
    if count == 0 || count == rows.len() || (count as f64) < 0.9 * wanted as f64 - 1.0 {
        let largest = groups.iter().map(Vec::len).max().unwrap_or(0);
        return Err(DatasetError::Inseparable { rows: rows.len(), groups: groups.len(), largest });
    }
    let side = |eval: bool| {
        let rows = rows.iter().zip(&taken).filter(|(_, taken)| **taken == eval);
        rows.map(|((at, _), _)| *at).collect()
    };
    let blank = (0..lines.len()).filter(|at| lines.bytes_at(*at).iter().all(u8::is_ascii_whitespace)).count();
    Ok(Split { train: side(false), eval: side(true), left_out: lines.len() - rows.len() - blank })
}

/// Rows that must stay together, as places among `rows`.
fn groups(rows: &[(usize, Arc<Row>)], shared_negatives: bool) -> Vec<Vec<usize>> {
    let mut leader: Vec<usize> = (0..rows.len()).collect();
    fn find(leader: &mut [usize], mut at: usize) -> usize {
        while leader[at] != at {
            leader[at] = leader[leader[at]];
            at = leader[at];
        }
        at
    }
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (at, (_, row)) in rows.iter().enumerate() {
        let negatives = row.neg.iter().filter(|_| !shared_negatives);
        for text in std::iter::once(&row.query).chain(&row.pos).chain(negatives) {
            let other = *first.entry(text.trim()).or_insert(at);
            let (a, b) = (find(&mut leader, at), find(&mut leader, other));
            leader[a.max(b)] = a.min(b);
        }
    }
    let mut groups: Vec<Vec<usize>> = vec![Vec::new(); rows.len()];
    for at in 0..rows.len() {
        groups[find(&mut leader, at)].push(at);
    }
    groups.retain(|group| !group.is_empty());
    groups
}

/// Writes some lines, byte for byte, to a file of their own: all of them or nothing.
///
/// # Errors
/// If the file cannot be written.
pub fn export(lines: &Lines, places: &[usize], path: &Path) -> Result<(), DatasetError> {
    let failed = |source| DatasetError::Write { path: path.to_owned(), source };
    let parts = places.iter().flat_map(|at| [lines.bytes_at(*at), b"\n"]);
    Draft::write(path, parts).map_err(failed)?.publish().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Dataset;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn texts(dataset: &Dataset, places: &[usize], negatives: bool) -> HashSet<String> {
        let rows = places.iter().filter_map(|at| dataset.lines().read(*at).into_row());
        rows.flat_map(|row| {
            let mut texts = [vec![row.query.clone()], row.pos.clone()].concat();
            texts.extend(row.neg.iter().filter(|_| negatives).cloned());
            texts
        })
        .collect()
    }

    proptest! {
        #[test]
        fn nothing_is_on_both_sides_and_nothing_is_lost(
            rows in prop::collection::vec((0..40u8, 0..40u8, 0..40u8), 1..40),
            share in 0.05..0.95f64,
            seed: u64,
            shared_negatives: bool,
        ) {
            let file: String = rows.iter().map(|(query, pos, neg)| {
                format!("{{\"query\": \"q{query}\", \"pos\": [\"p{pos}\"], \"neg\": [\"p{neg}\"]}}\n")
            }).collect();
            let dataset = Dataset::from_bytes(file.into());
            let options = SplitOptions { share, seed, shared_negatives };
            if let Ok(parts) = split(dataset.lines(), &options) {
                let mut all = [parts.train.clone(), parts.eval.clone()].concat();
                all.sort_unstable();
                prop_assert_eq!(all, (0..rows.len()).collect::<Vec<_>>());
                prop_assert!(!parts.train.is_empty() && !parts.eval.is_empty());
                let of = |places: &[usize]| texts(&dataset, places, !shared_negatives);
                prop_assert!(of(&parts.train).is_disjoint(&of(&parts.eval)));
                prop_assert_eq!(split(dataset.lines(), &options).unwrap(), parts);
            }
        }
    }

    #[test]
    fn rows_apart_are_parted_exactly_and_written_as_they_were() {
        let file: String = (0..50).map(|n| format!("{{\"query\":\"q{n}\",  \"pos\": [\"p{n}\"]}}\r\n")).collect();
        let dataset = Dataset::from_bytes((file + "broken\n\n").into());
        let parts = split(dataset.lines(), &SplitOptions::default()).unwrap();
        assert_eq!((parts.train.len(), parts.eval.len(), parts.left_out), (45, 5, 1));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("eval.jsonl");
        export(dataset.lines(), &parts.eval, &path).unwrap();
        let written = std::fs::read_to_string(&path).unwrap();
        let line = |at: &usize| format!("{{\"query\":\"q{at}\",  \"pos\": [\"p{at}\"]}}\n");
        assert_eq!(written, parts.eval.iter().map(line).collect::<String>());
    }

    #[test]
    fn rows_that_hang_together_are_not_torn_apart() {
        let file: String =
            (0..9).map(|n| format!("{{\"query\":\"q{n}\",\"pos\":[\"p{n}\"],\"neg\":[\"n\"]}}\n")).collect();
        let dataset = Dataset::from_bytes(file.into());
        let error = split(dataset.lines(), &SplitOptions { share: 0.3, ..Default::default() }).unwrap_err();
        assert!(matches!(error, DatasetError::Inseparable { rows: 9, groups: 1, largest: 9 }), "{error}");
        let options = SplitOptions { share: 0.3, shared_negatives: true, ..Default::default() };
        assert_eq!(split(dataset.lines(), &options).unwrap().eval.len(), 3);
        assert!(split(dataset.lines(), &SplitOptions { share: 1.0, ..Default::default() }).is_err());
    }
}
