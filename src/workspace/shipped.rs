//! What comes with the program: the starter model and the sample data.

use std::path::PathBuf;

/// A file or folder that comes with the program, such as `assets/starter-model`: below `WELDBENCH_ASSETS`,
/// beside the program, in `../share/weldbench` from there (a package of Linux), or in the folder that it was built from.
pub fn shipped(name: &str) -> Option<PathBuf> {
    let named = std::env::var_os("WELDBENCH_ASSETS").map(PathBuf::from);
    let beside = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.to_path_buf()));
    let shared = beside.as_ref().and_then(|folder| Some(folder.parent()?.join("share").join("weldbench")));
    let built = Some(PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    [named, beside, shared, built].into_iter().flatten().map(|folder| folder.join(name)).find(|path| path.exists())
}
