//! The bytes of a file in memory, read and looked through by all cores at once.

use super::error::DatasetError;
use super::watch::Watch;
use crate::files::{self, Kind};
use memmap2::MmapMut;
use rayon::prelude::*;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Deref;
use std::path::Path;

/// Bytes that one core takes at a time: few enough to stay in its cache from reading to looking through.
const PART: usize = 1 << 20;
/// From so many bytes on, reading with several cores is worth it, and so is showing the first rows before the rest.
pub(super) const LARGE: u64 = 16 << 20;

/// Bytes that stay as they are.
#[derive(Debug)]
pub(super) enum Source {
    Plain(Vec<u8>),
    /// Memory of the system's own, in huge pages where it has them: a tenth of the page faults' time.
    Pages(MmapMut),
}

impl Default for Source {
    fn default() -> Self {
        Self::Plain(Vec::new())
    }
}

impl Deref for Source {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Plain(bytes) => bytes,
            Self::Pages(bytes) => bytes,
        }
    }
}

/// What was seen of bytes on the way.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Seen {
    pub is_utf8: bool,
    pub has_zeros: bool,
    /// Where the line breaks (`\n`) are.
    pub breaks: Vec<usize>,
}

impl Source {
    /// Reads a file and looks through it; the watch counts bytes.
    pub fn read(path: &Path, watch: &Watch) -> Result<(Self, Seen), DatasetError> {
        if let Some(read) = read_large(path, watch) {
            return Ok(read);
        }
        let bytes = read_plain(path, watch, files::PIPE).map_err(|source| match source.kind() {
            io::ErrorKind::Interrupted => DatasetError::Cancelled,
            _ => DatasetError::Read { path: path.to_owned(), source },
        })?;
        let seen = Seen::of(&bytes);
        Ok((Self::Plain(bytes), seen))
    }
}

/// Reads to the end, which a pipe may never come to: after `from_pipe` bytes it is refused.
/// [`io::ErrorKind::Interrupted`] once it was cancelled.
fn read_plain(path: &Path, watch: &Watch, from_pipe: u64) -> io::Result<Vec<u8>> {
    let mut file = files::open(path, Kind::FileOrPipe)?;
    let found = file.metadata()?;
    let size = usize::try_from(found.len()).unwrap_or_default();
    watch.begin(size);
    let mut bytes = Vec::with_capacity(size);
    loop {
        let read = file.by_ref().take(PART as u64).read_to_end(&mut bytes)?;
        if !watch.go_on(read) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if read == 0 {
            return Ok(bytes);
        }
        let limit = if found.is_file() { files::WHOLE.max(found.len().saturating_mul(2)) } else { from_pipe };
        if bytes.len() as u64 > limit {
            return Err(files::too_large(bytes.len() as u64, limit));
        }
    }
}

/// Reads a large file, each part looked through by the core that read it. `None` if the file is no large one, or
/// if anything is in the way, such as another program that writes it or a user who cancels: then plain reading tells.
fn read_large(path: &Path, watch: &Watch) -> Option<(Source, Seen)> {
    // Opening a pipe and closing it again would end its writer.
    std::fs::metadata(path).ok().filter(|found| found.is_file() && found.len() >= LARGE)?;
    let file = File::open(path).ok()?;
    let found = file.metadata().ok()?;
    let size = usize::try_from(found.len()).ok()?;
    watch.begin(size);
    let mut bytes = MmapMut::map_anon(size).ok()?;
    #[cfg(target_os = "linux")]
    if let Err(error) = bytes.advise(memmap2::Advice::HugePage) {
        tracing::debug!("no huge pages: {error}");
    }
    // In the order of the file, which disks are quick with: each core takes the part that comes next.
    let parts = bytes.chunks_mut(PART).enumerate().par_bridge().map(|(number, part)| {
        read_exact_at(&file, part, (number * PART) as u64)?;
        if !watch.go_on(part.len()) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok((number, Part::of(part, number * PART)))
    });
    let mut parts = parts.collect::<io::Result<Vec<_>>>().ok()?;
    parts.sort_unstable_by_key(|(number, _)| *number);
    let parts = parts.into_iter().map(|(_, part)| part).collect();
    if file.metadata().ok()?.len() != found.len() {
        return None;
    }
    let seen = Seen::join(parts, &bytes);
    Some((Source::Pages(bytes), seen))
}

#[cfg(unix)]
fn read_exact_at(file: &File, part: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, part, at)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut part: &mut [u8], mut at: u64) -> io::Result<()> {
    while !part.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, part, at)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => (part, at) = (&mut part[read..], at + read as u64),
        }
    }
    Ok(())
}

impl Seen {
    pub fn of(bytes: &[u8]) -> Self {
        Self::in_parts(bytes, PART)
    }

    fn in_parts(bytes: &[u8], size: usize) -> Self {
        let parts = bytes.par_chunks(size).enumerate().map(|(number, part)| Part::of(part, number * size));
        Self::join(parts.collect(), bytes)
    }

    fn join(parts: Vec<Part>, bytes: &[u8]) -> Self {
        // A character may lie across the border of two parts.
        let ends = std::iter::once(0).chain(parts.iter().filter_map(|part| part.whole.as_ref().map(|whole| whole.end)));
        let starts = parts.iter().filter_map(|part| part.whole.as_ref().map(|whole| whole.start));
        let mut across = ends.zip(starts.chain([bytes.len()]));
        let is_utf8 = parts.iter().all(|part| part.whole.is_some())
            && across.all(|(end, start)| std::str::from_utf8(&bytes[end..start]).is_ok());
        let mut breaks = Vec::with_capacity(parts.iter().map(|part| part.breaks.len()).sum());
        let has_zeros = parts.iter().any(|part| part.has_zeros);
        parts.into_iter().for_each(|part| breaks.extend(part.breaks));
        Self { is_utf8, has_zeros, breaks }
    }
}

/// What was seen of a part of the bytes.
struct Part {
    /// The whole characters in it, all but a few bytes at either end; `None` if it cannot be UTF-8.
    whole: Option<std::ops::Range<usize>>,
    has_zeros: bool,
    breaks: Vec<usize>,
}

impl Part {
    fn of(part: &[u8], start: usize) -> Self {
        // No character has more bytes after its first one.
        const AFTER_FIRST: usize = 3;
        let is_continued = |byte: &&u8| matches!(**byte, 0x80..=0xbf);
        let before = part.iter().take(AFTER_FIRST).take_while(is_continued).count();
        let end = before + encoding_rs::Encoding::utf8_valid_up_to(&part[before..]);
        Self {
            whole: (part.len() - end <= AFTER_FIRST).then_some(start + before..start + end),
            has_zeros: memchr::memchr(0, part).is_some(),
            breaks: memchr::memchr_iter(b'\n', part).map(|at| start + at).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    proptest! {
        #[test]
        fn parts_see_what_is_seen_at_once(
            text in "[焊a\n\0é𠮷\r]{0,40}",
            damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
            size in 4..20usize
        ) {
            let mut bytes = text.into_bytes();
            if let (Some((at, byte)), false) = (damage, bytes.is_empty()) {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let expected = Seen {
                is_utf8: std::str::from_utf8(&bytes).is_ok(),
                has_zeros: bytes.contains(&0),
                breaks: memchr::memchr_iter(b'\n', &bytes).collect(),
            };
            prop_assert_eq!(Seen::in_parts(&bytes, size), expected);
        }
    }

    /// `yes` writes until nobody reads any more.
    #[test]
    #[cfg(unix)]
    fn a_pipe_without_an_end_is_read_up_to_a_limit_and_a_device_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let mut writer = std::process::Command::new("sh").arg("-c").arg("yes >\"$0\"").arg(&pipe).spawn().unwrap();
        let error = read_plain(&pipe, &Watch::default(), 3 << 20).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert!(error.to_string().contains("it has 4 MiB or more; at most 3 MiB"), "{error}");
        writer.wait().unwrap();
        let mut writer = std::process::Command::new("sh").arg("-c").arg("echo q >\"$0\"").arg(&pipe).spawn().unwrap();
        assert_eq!(read_plain(&pipe, &Watch::default(), 3 << 20).unwrap(), b"q\n");
        writer.wait().unwrap();
        for (path, what) in [(Path::new("/dev/zero"), "a device"), (folder.path(), "a folder")] {
            let error = Source::read(path, &Watch::default()).unwrap_err().to_string();
            assert!(error.contains(&format!("it is {what}, not a file")) && error.contains("cannot read /"), "{error}");
        }
    }

    #[test]
    fn a_large_file_is_read_as_it_is() {
        let bytes: Vec<u8> = "什么是咬边？\n".bytes().cycle().take((17 << 20) + 5).collect();
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &bytes).unwrap();
        let (source, seen) = Source::read(file.path(), &Watch::default()).unwrap();
        assert!(*source == *bytes && seen == Seen::of(&bytes));
        assert!(matches!(source, Source::Pages(_)) == cfg!(unix));
        assert!(Source::read(&file.path().join("none"), &Watch::default()).is_err());
    }
}
