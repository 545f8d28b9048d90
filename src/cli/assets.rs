//! Where the starter model and the sample data lie.

use std::path::PathBuf;

use super::Ending;
use crate::jobs::Failure;

/// A file or folder that comes with the program, such as `assets/starter-model`: below
/// `WELDBENCH_ASSETS`, beside the program, or in the folder that it was built from.
pub fn find(name: &str) -> Result<PathBuf, Ending> {
    let named = std::env::var_os("WELDBENCH_ASSETS").map(PathBuf::from);
    let beside = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.to_path_buf()));
    let built = Some(PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    let found = [named, beside, built].into_iter().flatten().map(|folder| folder.join(name)).find(|path| path.exists());
    found.ok_or_else(|| {
        let what_to_do = format!(
            "put the folder of `{name}` beside the program, or name the folder that holds it in WELDBENCH_ASSETS"
        );
        Ending::Failed(Failure::new(format!("`{name}` was not found"), what_to_do))
    })
}
