//! Vectors of a file of texts, of any length, written to a file for other programs.

use std::path::PathBuf;

use super::{Failure, Job, JobContext, Jobs, Room, vectors};
use crate::compute::DeviceInfo;
use crate::dataset::{TextLine, TextLines};
use crate::model::{EncodeOptions, TextKind, VectorFile, VectorFormat};

/// Texts that are encoded and written together.
const TOGETHER: usize = 2048;

/// Which texts become which vectors, and where they go.
pub struct EncodeRequest {
    pub device: DeviceInfo,
    pub model: PathBuf,
    pub input: PathBuf,
    /// The field that holds the text, where a line is a JSON object.
    pub field: String,
    pub kind: TextKind,
    pub options: EncodeOptions,
    pub output: PathBuf,
    pub format: VectorFormat,
}

/// How many texts were encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoded {
    pub texts: usize,
}

/// Puts the work into the queue of its device; one event when the file is there.
pub fn start(jobs: &Jobs, request: EncodeRequest) -> Job<Encoded> {
    let device = request.device.clone();
    jobs.start(&device, "Encode".into(), move |room, context| work(room, context, &request))
}

fn work(room: &mut Room, context: &JobContext<Encoded>, request: &EncodeRequest) -> Result<(), Failure> {
    vectors::check(room, &request.model, &request.options)?;
    // Looked through first: a line that cannot be used is told before hours of work, and progress has a total.
    context.stage("reading", "");
    let mut total = 0;
    for line in TextLines::open(&request.input, &request.field)? {
        line?;
        total += 1;
        if context.ask().is_break() {
            return Ok(());
        }
    }
    let mut file = VectorFile::create(&request.output, request.format)?;
    context.stage("loading the model", "");
    let model = room.model(&request.model)?;
    context.stage("encoding", "texts");
    let mut lines = TextLines::open(&request.input, &request.field)?;
    let mut done = 0;
    loop {
        let part: Vec<TextLine> = lines.by_ref().take(TOGETHER).collect::<Result<_, _>>()?;
        if part.is_empty() {
            break;
        }
        let texts: Vec<&str> = part.iter().map(|line| line.text.as_str()).collect();
        let made = model.encode(&texts, request.kind, &request.options, &mut |of_part, _| {
            context.progress(done + of_part, total);
            context.ask()
        })?;
        file.write(&part, &made)?;
        done += part.len();
        if context.ask().is_break() {
            return Ok(());
        }
    }
    file.finish()?;
    context.send(Encoded { texts: done });
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::compute::{DeviceChoice, choose};
    use crate::jobs::Status;

    fn request(folder: &Path, texts: usize) -> EncodeRequest {
        let input = folder.join("texts.txt");
        fs::write(&input, (0..texts).map(|text| format!("text {text}\n")).collect::<String>()).unwrap();
        EncodeRequest {
            device: choose(DeviceChoice::Cpu).unwrap(),
            model: "tests/fixtures/flagembedding/model_safetensors".into(),
            input,
            field: "text".into(),
            kind: TextKind::Passage,
            options: EncodeOptions { batch_size: 64, ..EncodeOptions::default() },
            output: folder.join("vectors.npy"),
            format: VectorFormat::Npy,
        }
    }

    #[test]
    fn texts_of_several_parts_are_in_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let jobs = Jobs::new(|| ());
        let request = request(folder.path(), TOGETHER + 3);
        let output = request.output.clone();
        let job = start(&jobs, request);
        assert_eq!(job.wait(), Status::Done);
        assert_eq!(job.poll(), [Encoded { texts: TOGETHER + 3 }]);
        let array = npyz::NpyFile::new(fs::File::open(output).unwrap()).unwrap();
        assert_eq!(array.shape(), [TOGETHER as u64 + 3, 64]);
    }

    #[test]
    fn cancelled_work_leaves_no_file_and_what_cannot_be_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let jobs = Jobs::new(|| ());
        let job = start(&jobs, request(folder.path(), 100_000));
        while job.progress().stage != "encoding" {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        job.cancel();
        assert_eq!(job.wait(), Status::Cancelled);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

        let mut wrong = request(folder.path(), 1);
        wrong.model = "assets/starter-model".into();
        wrong.options.sparse = true;
        assert!(matches!(start(&jobs, wrong).wait(), Status::Failed(failure) if failure.why.contains("no sparse")));
        let mut wrong = request(folder.path(), 1);
        fs::write(&wrong.input, "fine\n{\"query\": \"a\"}\n").unwrap();
        wrong.output = folder.path().join("other.npy");
        assert!(matches!(start(&jobs, wrong).wait(), Status::Failed(failure) if failure.why.contains("line 2")));
        assert!(!folder.path().join("other.npy").exists());
    }
}
