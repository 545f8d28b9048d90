//! A model folder's `README.md`: telling one that was written by us from one that a person has changed.

pub const CARD: &str = "README.md";

const SEAL: &str = "\n<!-- Written by Weldbench; a card that is changed is never overwritten. ";

/// A card with a last line by which [`is_untouched`] knows it again.
pub fn sealed(text: String) -> String {
    let seal = seal(&text);
    text + &seal
}

fn seal(text: &str) -> String {
    format!("{SEAL}{} -->\n", &blake3::hash(text.as_bytes()).to_hex()[..16])
}

/// Whether a card is one of ours, as it was written.
pub fn is_untouched(card: &[u8]) -> bool {
    let Ok(card) = std::str::from_utf8(card) else { return false };
    // Git and editors on Windows may have changed the line ends.
    let card = card.replace("\r\n", "\n");
    card.rfind(SEAL).is_some_and(|at| card[at..] == seal(&card[..at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_knows_whether_somebody_changed_it() {
        let card = sealed("---\n---\n# 焊接\n".into());
        for same in [card.clone(), card.replace('\n', "\r\n")] {
            assert!(is_untouched(same.as_bytes()), "{same}");
        }
        for changed in [card.replacen("焊", "悍", 1), format!("{card}more"), String::new(), "# mine\n".into()] {
            assert!(!is_untouched(changed.as_bytes()), "{changed}");
        }
        assert!(!is_untouched(&[0xff, 0xfe]));
    }
}
