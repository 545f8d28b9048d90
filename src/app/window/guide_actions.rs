//! What the guide of a first start asks for, and which of its steps are done.

use super::Window;
use crate::app::background::Background;
use crate::app::data;
use crate::app::shell::{Bench, Guide, GuideAction, Step};
use crate::app::widgets::Severity;
use crate::dataset::{LineId, Lines};
use crate::workspace::{RunState, shipped};

/// A negative that does answer its question.
pub(super) struct BadNegative {
    row: LineId,
    /// From 1.
    line: usize,
    /// From 1.
    number: usize,
}

/// A short run on the sample data has some 70 steps.
const SAMPLE_EVAL_STEPS: usize = 25;

impl Window {
    pub(super) fn begin_guide(&mut self) {
        self.guide = Some(Guide::default());
        self.settings.guide_put_away = false;
        self.settings_changed = true;
    }

    pub(super) fn apply_guide(&mut self, action: GuideAction) {
        match action {
            GuideAction::PutAway => {
                self.guide = None;
                self.settings.guide_put_away = true;
                self.settings_changed = true;
            }
            GuideAction::Begin(step) => {
                self.go_to(step.bench());
                match step {
                    Step::Look => {
                        let lines = self.data.lines();
                        self.finding_bad = Some(Background::start(&self.context, move || bad_negative(&lines)));
                    }
                    Step::Train => self.evaluate_on_sample(),
                    Step::Compare => {
                        let newest = self.train.watching.runs.iter().find_map(|run| run.model.clone());
                        self.compare.tuned = self.compare.tuned.take().or(newest);
                    }
                }
            }
        }
    }

    /// Right passages can only be seen to climb where there are questions to ask.
    fn evaluate_on_sample(&mut self) {
        let sample = self.workspace.sample("train.jsonl");
        let config = &mut self.train.form.config;
        if sample.as_deref() == self.data.path() && config.eval_data.is_empty() {
            config.eval_data = self.workspace.sample("eval.jsonl").into_iter().collect();
            config.eval_corpus = self.workspace.sample("corpus.jsonl");
            config.eval_steps = Some(SAMPLE_EVAL_STEPS);
        }
    }

    pub(super) fn drain_guide(&mut self) {
        if let Some(found) = self.finding_bad.as_ref().and_then(Background::poll) {
            self.finding_bad = None;
            self.show_bad(found.ok().flatten());
        }
        let trained = self.train.watching.runs.iter().any(|run| run.record.state == RunState::Done);
        let compared = self.compare.result.as_ref().is_some_and(|result| result.models.len() > 1);
        if let Some(guide) = &mut self.guide {
            guide.done[Step::Train as usize] |= trained;
            guide.done[Step::Compare as usize] |= compared;
        }
    }

    fn show_bad(&mut self, found: Option<BadNegative>) {
        let Some(BadNegative { row, line, number }) = found else {
            // Of a file of one's own only a model can say it.
            return self.messages.say(Severity::Information, self.texts.get("guide_score"));
        };
        if self.bench == Bench::Data {
            self.apply_data(data::Action::SelectAndShow(data::Selected::Line(row)));
        }
        let text = self.texts.with("guide_bad", &[("line", &line), ("number", &number)]);
        self.messages.say(Severity::Information, text);
        if let Some(guide) = &mut self.guide {
            guide.done[Step::Look as usize] = true;
        }
    }
}

/// The first row of the sample data that has one of the passages planted among its negatives although they answer.
fn bad_negative(lines: &Lines) -> Option<BadNegative> {
    let planted = std::fs::read_to_string(shipped("sample_data/false_negatives.jsonl")?).ok()?;
    let planted: Vec<serde_json::Value> = planted.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    lines.rows().into_iter().find_map(|(line, row)| {
        let text = planted.iter().find(|planted| planted["query"] == row.query.as_str())?["text"].as_str()?;
        let number = row.neg.iter().position(|negative| negative == text)? + 1;
        let at = line.checked_sub(1)?;
        Some(BadNegative { row: lines.id(at)?, line, number })
    })
}
