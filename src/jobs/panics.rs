//! A panic of a job, as the job's failure with a report of it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Failure, JobError};
use crate::compute::ComputeError;
use crate::panics::{Panic, caught};
use crate::workspace::Utc;

/// Runs a job's work; a panic in it becomes a [`Failure`], with a report among `reports` if it is the program's mistake
/// and not a trouble of the device, which its words tell or else `explain`.
pub(super) fn catch<T>(
    title: &str,
    reports: Option<&Path>,
    explain: impl FnOnce(&Panic) -> Option<ComputeError>,
    work: impl FnOnce() -> Result<T, Failure>,
) -> Result<T, Failure> {
    caught(work).unwrap_or_else(|panic| {
        // burn and wgpu know no other way to say that a device has no memory left, or is gone.
        if let Some(error) = ComputeError::in_words(&panic.message).or_else(|| explain(&panic)) {
            return Err(error.into());
        }
        let report = reports.and_then(|folder| report(folder, title, &panic));
        Err(JobError::Mistake { cause: panic.to_string(), report }.into())
    })
}

/// Writes what is known of a panic; `None` where that cannot be written either.
fn report(folder: &Path, title: &str, panic: &Panic) -> Option<PathBuf> {
    crate::files::plain(folder).ok()?;
    fs::create_dir_all(folder).ok()?;
    let now = Utc::now();
    let name = |number: usize| match number {
        1 => format!("{}.txt", now.compact()),
        _ => format!("{}-{number}.txt", now.compact()),
    };
    let (path, mut file) = (1..1000).find_map(|number| {
        let path = folder.join(name(number));
        Some((path.clone(), fs::File::create_new(&path).ok()?))
    })?;
    let Panic { message, place, backtrace } = panic;
    let text = format!(
        "Weldbench {} on {} {}, {}\nwork: {title}\nmessage: {message}\nplace: {place}\n\n{backtrace}\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
        now.rfc3339(),
    );
    file.write_all(text.as_bytes()).ok().map(|()| path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_reported_and_troubles_of_devices_are_explained() {
        let folder = tempfile::tempdir().unwrap();
        let reports = folder.path().join("reports");
        let fail =
            |message: &'static str| catch::<()>("Count", Some(&reports), |_| None, || panic!("{message}")).unwrap_err();
        let memory = fail("wgpu error: Out of Memory");
        assert!(memory.what_to_do.contains("sub_batch_size") && !reports.exists(), "{memory}");
        for (number, message) in ["row 7 is upside down", "row 8 is, too"].into_iter().enumerate() {
            let failure = fail(message);
            assert!(failure.why.contains(message), "{failure}");
            let mut files: Vec<_> = fs::read_dir(&reports).unwrap().map(|entry| entry.unwrap().path()).collect();
            files.sort();
            assert_eq!(files.len(), number + 1);
            let path = files.iter().find(|path| failure.what_to_do.contains(&*path.to_string_lossy())).unwrap();
            let text = fs::read_to_string(path).unwrap();
            assert!(text.contains(message) && text.contains("work: Count") && text.contains("panics"), "{text}");
        }
        let nowhere = folder.path().join("file");
        fs::write(&nowhere, "").unwrap();
        let failure = catch::<()>("Count", Some(&nowhere), |_| None, || panic!("no room")).unwrap_err();
        assert!(failure.why.contains("no room"), "{failure}");
    }
}
