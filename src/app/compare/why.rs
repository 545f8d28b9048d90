//! What the models say about one question and one passage.

use std::sync::Arc;

use super::score_map::ScoreMap;
use crate::jobs::Job;
use crate::jobs::explain::Explanation;

/// One question and one passage in every model.
pub struct Why {
    pub job: Job<Explanation>,
    /// As many as have come; the base model's first. With each the map of its tokens, where it compares tokens.
    pub explained: Vec<(Explanation, Option<Arc<ScoreMap>>)>,
}

impl Why {
    pub fn new(job: Job<Explanation>) -> Self {
        Self { job, explained: Vec::new() }
    }

    /// Takes what the job has sent since the last frame.
    pub fn drain(&mut self) {
        for explanation in self.job.poll() {
            let map = explanation.interaction.as_ref().and_then(|(interaction, _)| {
                let best: Vec<Vec<usize>> =
                    interaction.best.iter().map(|best| best.iter().copied().collect()).collect();
                let similarities = &interaction.similarities;
                ScoreMap::new(similarities.cols, similarities.values.clone(), &best).map(Arc::new)
            });
            self.explained.push((explanation, map));
        }
    }
}

impl Drop for Why {
    /// What nobody looks at any more need not go on.
    fn drop(&mut self) {
        self.job.cancel();
    }
}
