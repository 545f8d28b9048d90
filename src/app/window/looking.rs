//! A second window on the same workspace: it looks, and changes nothing.

use super::Window;
use crate::app::error_texts;
use crate::app::train::{Action, ListAction, WatchAction};
use crate::app::widgets::Severity;
use crate::workspace::{Claim, WorkspaceError};

impl Window {
    /// What came of the claim to the workspace. A file system without locks cannot tell windows apart; then this one looks
    /// only, too, and says why.
    pub(super) fn take_claim(&mut self, claim: Result<Option<Claim>, WorkspaceError>) {
        match claim {
            Ok(claim) => self.claim = claim,
            Err(error) => self.messages.error(error_texts::workspace(self.texts, &error)),
        }
        if self.claim.is_none() {
            self.only_looks();
        }
    }

    pub(super) fn only_looks(&mut self) {
        let folder = self.workspace.root().display().to_string();
        self.messages.say(Severity::Warning, self.texts.with("window_looks", &[("folder", &folder)]));
    }
}

/// Whether something that is asked for at the train bench writes into the workspace.
pub(super) fn writes(action: &Action) -> bool {
    match action {
        Action::Start => true,
        Action::Watch(WatchAction::List(action)) => {
            matches!(action, ListAction::Describe(_) | ListAction::GoOn(_) | ListAction::Trash(_))
        }
        _ => false,
    }
}
