//! Where the starter model and the sample data lie.

use std::path::PathBuf;

use super::Ending;
use crate::jobs::Failure;
use crate::workspace::shipped;

/// A file or folder that comes with the program.
pub fn find(name: &str) -> Result<PathBuf, Ending> {
    shipped(name).ok_or_else(|| {
        let what_to_do = format!(
            "put the folder of `{name}` beside the program, or name the folder that holds it in WELDBENCH_ASSETS"
        );
        Ending::Failed(Failure::new(format!("`{name}` was not found"), what_to_do))
    })
}
