//! Search by words, for where no model is loaded: BM25 (Robertson and Zaragoza 2009) with Lucene's idf.

use std::collections::HashMap;

use super::best::best;
use super::index::Hit;

/// How fast a word's further occurrences count less.
const K1: f32 = 1.2;

/// How much a long passage's words count less, from 0 to 1.
const B: f32 = 0.75;

/// The words of a corpus.
#[derive(Clone, Debug, Default)]
pub struct Bm25 {
    /// For each word the passages that hold it, ascending, and how often.
    postings: HashMap<String, Vec<(u32, u32)>>,
    /// `K1 · (1 − B + B · length / mean length)` of each passage, lengths in words.
    dampings: Vec<f32>,
}

impl Bm25 {
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut postings: HashMap<String, Vec<(u32, u32)>> = HashMap::new();
        let mut lengths = Vec::new();
        for (passage, text) in (0u32..).zip(texts) {
            let words = words(text);
            lengths.push(words.len() as f32);
            for word in words {
                let list = postings.entry(word).or_default();
                match list.last_mut() {
                    Some((last, count)) if *last == passage => *count += 1,
                    _ => list.push((passage, 1)),
                }
            }
        }
        // Without any word nothing is found, whatever the mean.
        let mean = (lengths.iter().sum::<f32>() / lengths.len().max(1) as f32).max(f32::MIN_POSITIVE);
        let dampings = lengths.into_iter().map(|length| K1 * (1.0 - B + B * length / mean)).collect();
        Self { postings, dampings }
    }

    /// The number of passages.
    pub fn len(&self) -> usize {
        self.dampings.len()
    }

    pub fn is_empty(&self) -> bool {
        self.dampings.is_empty()
    }

    /// The best `k` passages that hold a word of the query, best first; of equal scores the earlier passage first.
    ///
    /// The score is the sum over the query's words, each as often as it occurs there, of
    /// `ln(1 + (N − n + 0.5) / (n + 0.5)) · f · (K1 + 1) / (f + damping)`, with `n` of `N` passages holding the
    /// word, and this one `f` times.
    pub fn search(&self, query: &str, k: usize) -> Vec<Hit> {
        let mut scores = vec![0.0; self.len()];
        for word in words(query) {
            let Some(list) = self.postings.get(&word) else { continue };
            let (all, holding) = (self.len() as f32, list.len() as f32);
            let idf = (1.0 + (all - holding + 0.5) / (holding + 0.5)).ln();
            for &(passage, count) in list {
                let (passage, count) = (passage as usize, count as f32);
                scores[passage] += idf * count * (K1 + 1.0) / (count + self.dampings[passage]);
            }
        }
        let mut hits = best(&scores, k);
        hits.retain(|hit| hit.score > 0.0);
        hits
    }
}

/// The words of a text, lower-cased: letters and digits in a row, and of scripts that part no words every character
/// and every two neighbours.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut before: Option<char> = None;
    for character in text.chars() {
        let unparted = is_unparted(character);
        if unparted || !character.is_alphanumeric() {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
        } else {
            word.extend(character.to_lowercase());
        }
        if unparted {
            words.push(character.into());
            words.extend(before.map(|before| String::from_iter([before, character])));
        }
        before = unparted.then_some(character);
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Chinese characters, kana, and Hangul.
fn is_unparted(character: char) -> bool {
    matches!(character,
        '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30FF}' | '\u{31F0}'..='\u{31FF}' | '\u{3400}'..='\u{4DBF}'
        | '\u{4E00}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7AF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
        && character.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Corpus;

    #[test]
    fn words_are_those_of_either_script() {
        assert_eq!(words("Hot-crack TEST 316L,Ö"), ["hot", "crack", "test", "316l", "ö"]);
        assert_eq!(words("焊接缝 t8/5。预热"), ["焊", "接", "焊接", "缝", "接缝", "t8", "5", "预", "热", "预热"]);
        assert_eq!(words("Q345钢板"), ["q345", "钢", "板", "钢板"]);
        assert!(words(" 。,!\n").is_empty());
    }

    #[test]
    fn scores_are_those_of_the_formula() {
        // Lengths 3, 2, 4; mean 3. "weld" is in two passages, "crack" in one.
        let search = Bm25::new(["weld weld pool", "hot crack", "weld in the gap"]);
        let idf = |holding: f64| (1.0 + (3.0 - holding + 0.5) / (holding + 0.5)).ln();
        let part = |count: f64, length: f64| count * 2.2 / (count + 1.2 * (0.25 + 0.75 * length / 3.0));
        let close = |hits: Vec<Hit>, expected: &[(usize, f64)]| {
            assert_eq!(
                hits.iter().map(|hit| hit.passage).collect::<Vec<_>>(),
                expected.iter().map(|one| one.0).collect::<Vec<_>>()
            );
            for (hit, (_, score)) in hits.iter().zip(expected) {
                assert!((f64::from(hit.score) - score).abs() < 1e-6, "{hits:?}");
            }
        };
        // 0.4700 · 1.375 = 0.6463, and 0.4700 · 2.2 / 2.5 = 0.4136.
        let two = [(0, idf(2.0) * part(2.0, 3.0)), (2, idf(2.0) * part(1.0, 4.0))];
        assert!((two[0].1 - 0.646255).abs() < 1e-6 && (two[1].1 - 0.413603).abs() < 1e-6);
        close(search.search("Weld?", 9), &two);
        close(search.search("weld", 1), &two[..1]);
        let three = [(1, idf(1.0) * part(1.0, 2.0)), two[0], two[1]];
        close(search.search("CRACK weld", 9), &three);
        close(search.search("weld weld", 9), &[(0, 2.0 * two[0].1), (2, 2.0 * two[1].1)]);
        close(search.search("气孔", 9), &[]);
        close(Bm25::new([]).search("weld", 9), &[]);
    }

    #[test]
    fn a_passage_finds_itself() {
        let corpus = Corpus::open("sample_data/corpus.jsonl").unwrap();
        let texts: Vec<&str> = corpus.passages().iter().map(|passage| passage.text.as_str()).collect();
        let search = Bm25::new(texts.iter().copied());
        assert!(texts.len() > 600);
        for text in &texts {
            let hits = search.search(text, 1);
            assert_eq!(texts[hits[0].passage], *text);
        }
    }
}
