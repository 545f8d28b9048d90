//! What burn and wgpu say when a device has no memory left, or is gone. They say it in words only: in the text of a panic,
//! or of the error that comes with the next read.

use super::ComputeError;

/// wgpu 30 and CubeCL 0.11, in lower case.
const OUT_OF_MEMORY: [&str; 5] =
    ["out of memory", "out of device memory", "out-of-memory", "outofmemory", "not enough memory left"];
const LOST: [&str; 5] = ["device was lost", "device is lost", "device lost", "devicelost", "poisoned"];

/// They say it; what follows are addresses of functions.
fn first_lines(message: &str) -> String {
    message.lines().map(str::trim).filter(|line| !line.is_empty()).take(2).collect::<Vec<_>>().join(" ")
}

impl ComputeError {
    /// That a device is gone, as a message tells that may speak of something else.
    pub fn lost(message: &str) -> Self {
        Self::Lost(first_lines(message))
    }

    /// What befell the device, if a message tells of that.
    pub fn in_words(message: &str) -> Option<Self> {
        let lower = message.to_lowercase();
        let tells = |words: &[&str]| words.iter().any(|words| lower.contains(words));
        if tells(&LOST) {
            Some(Self::lost(message))
        } else if tells(&OUT_OF_MEMORY) {
            Some(Self::OutOfMemory(first_lines(message)))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_wgpu_and_cubecl_are_understood() {
        for text in [
            "wgpu error: Out of Memory",
            "out of device memory allocating 4096 bytes\n   0: main",
            "An out-of-memory error happened during launch\nCaused by:\n  no page",
        ] {
            assert!(matches!(ComputeError::in_words(text), Some(ComputeError::OutOfMemory(_))), "{text}");
        }
        for text in ["The device was poisoned during launch\nCaused by:\n  Unknown: gone", "Parent device is lost"] {
            assert!(matches!(ComputeError::in_words(text), Some(ComputeError::Lost(_))), "{text}");
        }
        assert_eq!(ComputeError::in_words("index out of bounds: the len is 3"), None);
    }
}
