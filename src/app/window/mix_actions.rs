//! What the mixing view asks for.

use std::path::PathBuf;
use std::sync::Arc;

use super::Window;
use crate::app::compare::MixAction;
use crate::app::files::Purpose;
use crate::jobs::compare::EvaluationSet;
use crate::jobs::mixing::{self, MixRequest, tenths};

impl Window {
    pub(super) fn apply_mix(&mut self, action: MixAction) {
        match action {
            MixAction::Measure => self.measure_mixes(),
            MixAction::Cancel => {
                if let Some(job) = &self.compare.mixing.job {
                    job.cancel();
                }
            }
            MixAction::SetAlpha(alpha) => self.compare.mixing.alpha = alpha,
            MixAction::SaveAs => {
                // Beside the tuned model, under a name of its own.
                let name = format!("mix-{:.2}", self.compare.mixing.alpha);
                let near = self.compare.tuned.as_ref().map(|tuned| tuned.with_file_name(name));
                self.ask_for_files(Purpose::SaveMix, near);
            }
        }
    }

    fn measure_mixes(&mut self) {
        let compare = &self.compare;
        let (Some(device), Some(base), Some(tuned), Some(corpus), Some(questions), Some(ks)) = (
            self.devices.chosen().cloned(),
            compare.base.clone(),
            compare.tuned.clone(),
            &compare.corpus,
            &compare.questions,
            compare.ks(),
        ) else {
            return;
        };
        let request = MixRequest {
            device,
            base: base.clone(),
            tuned: tuned.clone(),
            alphas: tenths(),
            domain: EvaluationSet { corpus: Arc::clone(corpus), questions: Arc::clone(questions) },
            general: compare.general.clone(),
            method: compare.method(),
            ks,
            cache: Some(self.workspace.cache()),
        };
        let job = mixing::start(&self.jobs, request);
        self.compare.mixing.begin(job, [base, tuned]);
    }

    pub(super) fn save_mix(&mut self, folder: PathBuf) {
        let (Some(device), Some(base), Some(tuned)) =
            (self.devices.chosen().cloned(), self.compare.base.clone(), self.compare.tuned.clone())
        else {
            return;
        };
        let job = mixing::start_saving(&self.jobs, &device, base, tuned, self.compare.mixing.alpha, folder.clone());
        self.compare.mixing.saving = Some((job, folder));
    }
}
