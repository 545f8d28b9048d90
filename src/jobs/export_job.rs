//! A run as a folder for FlagEmbedding on other machines: data, command, DeepSpeed's file, and a note of what differs.
//!
//! [`import_run`](super::import_run) takes what comes back.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Failure, Job, JobContext, JobError, Jobs};
use crate::compute::{DeviceChoice, choose};
use crate::dataset::Row;
use crate::model::{EmbeddingModel, ModelError, ModelFolder, TextKind, Weights};
use crate::training::card::BaseModel;
use crate::training::{DEEPSPEED_FILE, KdLossType, Launch, Note, TrainingConfig, TrainingFile, fingerprint};

/// The options with this machine's paths, which an import takes.
pub(super) const OPTIONS_FILE: &str = "options.toml";
/// A [`JobRecord`].
pub(super) const JOB_FILE: &str = "job.json";
/// Where the command writes to.
pub(super) const OUTPUT: &str = "output";
const COMMAND_FILE: &str = "run.sh";

/// Versions that the command was tried with.
const REQUIREMENTS: &str = "torch==2.6.0\ntransformers==4.57.6\nFlagEmbedding==1.3.5\ntensorboard\n";
const DEEPSPEED_REQUIREMENT: &str = "deepspeed==0.16.9\n";

/// What is to be exported, and where to.
pub struct ExportRequest {
    pub config: TrainingConfig,
    pub files: Vec<TrainingFile>,
    pub launch: Launch,
    /// Not there yet, or empty.
    pub folder: PathBuf,
    /// Copy the base model into the folder instead of naming it.
    pub include_model: bool,
}

/// What was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    pub folder: PathBuf,
    /// What has no equivalent in FlagEmbedding.
    pub notes: Vec<Note>,
}

/// What an import has to know of the job beside its options.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct JobRecord {
    pub weldbench: String,
    pub rows: usize,
    pub data_fingerprint: String,
    pub nodes: usize,
    pub gpus: usize,
}

/// Begins to write the folder; one event when it is whole.
pub fn start(jobs: &Jobs, request: ExportRequest) -> Job<Exported> {
    jobs.start_beside("Export a job".into(), move |context| {
        context.send(export(&request, context)?);
        Ok(())
    })
}

fn export(request: &ExportRequest, context: &JobContext<Exported>) -> Result<Exported, Failure> {
    let ExportRequest { config, files, launch, folder, .. } = request;
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) || folder.is_file() {
        return Err(JobError::NotEmpty(folder.clone()).into());
    }
    let model = ModelFolder::open(&config.model_name_or_path)?;
    for file in files {
        file.check(config)?;
    }
    let full = full(config, &model);
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(JobError::write(parent))?;
    let new = tempfile::Builder::new().prefix(".job-").tempdir_in(parent).map_err(JobError::write(parent))?;

    context.stage("writing rows", "rows");
    let train_data = write_data(&new.path().join("data"), files, &full, context)?;
    let base = BaseModel::of(model.path());
    // Transformers reads no 8-bit matrices without further packages.
    let include = request.include_model || model.is_quantized();
    let model_name_or_path = if include {
        context.stage("copying the model", "");
        EmbeddingModel::load_folder(model.clone(), &choose(DeviceChoice::Cpu)?.open()?)?
            .save(&new.path().join("model"))?;
        "model".into()
    } else {
        base.hub_id.clone().map_or_else(|| absolute(model.path()), PathBuf::from)
    };
    if context.ask().is_break() {
        return Err(ModelError::Stopped.into());
    }
    let there = TrainingConfig {
        model_name_or_path,
        train_data,
        output_dir: Some(OUTPUT.into()),
        overwrite_output_dir: false,
        cache_dir: None,
        cache_path: None,
        ..full.clone()
    };
    let command = launch.write(&there);
    let script = format!(
        "#!/usr/bin/env bash\n{}cd \"$(dirname \"$0\")\" || exit 1\n{} \"$@\"\n",
        if launch.nodes > 1 {
            "# On every machine, with NODE_RANK (0, 1, …) and the first one's MASTER_ADDR set.\n"
        } else {
            ""
        },
        command.text
    );
    let here = TrainingConfig {
        model_name_or_path: absolute(&config.model_name_or_path),
        train_data: config.train_data.iter().map(|path| absolute(path)).collect(),
        ..full
    };
    let rows = files.iter().map(|file| file.rows.len()).sum();
    let record = JobRecord {
        weldbench: env!("CARGO_PKG_VERSION").into(),
        rows,
        data_fingerprint: fingerprint(files),
        nodes: launch.nodes,
        gpus: launch.gpus,
    };
    let deepspeed = launch.deepspeed_config(config);
    let requirements =
        if deepspeed.is_some() { format!("{REQUIREMENTS}{DEEPSPEED_REQUIREMENT}") } else { REQUIREMENTS.into() };
    let mut texts = vec![
        (COMMAND_FILE, script),
        ("requirements.txt", requirements),
        (OPTIONS_FILE, toml::to_string(&here)?),
        (JOB_FILE, format!("{:#}\n", serde_json::to_value(&record)?)),
        ("README.md", readme(&there, launch, &command.notes, files, rows)),
    ];
    texts.extend(deepspeed.map(|content| (DEEPSPEED_FILE, format!("{content:#}\n"))));
    for (name, text) in texts {
        let path = new.path().join(name);
        fs::write(&path, text).map_err(JobError::write(&path))?;
    }
    make_executable(&new.path().join(COMMAND_FILE)).map_err(JobError::write(folder))?;
    // An empty folder may be there.
    let _ = fs::remove_dir(folder);
    let new = new.keep();
    fs::rename(&new, folder).map_err(|error| {
        let _ = fs::remove_dir_all(&new);
        JobError::write(folder)(error)
    })?;
    Ok(Exported { folder: folder.clone(), notes: command.notes })
}

/// The options with what the model folder says written out, since FlagEmbedding does not ask it.
fn full(config: &TrainingConfig, model: &ModelFolder) -> TrainingConfig {
    let prefix = |own: &Option<String>, kind| {
        Some(own.clone().unwrap_or_else(|| model.prefix(kind).to_owned())).filter(|prefix| !prefix.is_empty())
    };
    TrainingConfig {
        sentence_pooling_method: Some(config.sentence_pooling_method.unwrap_or(model.pooling())),
        query_instruction_for_retrieval: prefix(&config.query_instruction_for_retrieval, TextKind::Query),
        passage_instruction_for_retrieval: prefix(&config.passage_instruction_for_retrieval, TextKind::Passage),
        colbert_dim: config.colbert_dim.or_else(|| colbert_width(model).filter(|width| *width != model.hidden_size())),
        query_max_len: config.query_max_len.min(model.max_length()),
        passage_max_len: config.passage_max_len.min(model.max_length()),
        ..config.clone()
    }
}

/// The size of the vectors that the model's ColBERT head makes, if it has one.
fn colbert_width(model: &ModelFolder) -> Option<usize> {
    let head = Weights::open_file(&model.path().join("colbert_linear.pt")).ok()?;
    head.shape("weight").ok()?.first().copied()
}

/// Writes the rows; files of a folder stay together in one. Gives back what `train_data` is in the job's folder.
fn write_data(
    folder: &Path,
    files: &[TrainingFile],
    config: &TrainingConfig,
    context: &JobContext<Exported>,
) -> Result<Vec<PathBuf>, Failure> {
    // One row with an instruction gives all rows the column, in which nothing would become the word "None".
    let prompts = files.iter().flat_map(|file| &file.rows).any(|row| row.prompt.is_some());
    let instruction = config.query_instruction_for_retrieval.as_deref().unwrap_or_default();
    let total: usize = files.iter().map(|file| file.rows.len()).sum();
    let (mut paths, mut folders, mut done) = (Vec::new(), BTreeMap::<PathBuf, String>::new(), 0);
    for file in files {
        let stem = name(file.path.file_stem());
        let inside = if file.in_folder {
            let parent = file.path.parent().unwrap_or(Path::new("")).to_path_buf();
            let number = paths.len() + 1;
            let folder = folders.entry(parent.clone()).or_insert_with(|| {
                let folder = format!("{number}-{}", name(parent.file_name()));
                paths.push(Path::new("data").join(&folder));
                folder
            });
            Path::new(folder).join(format!("{stem}.jsonl"))
        } else {
            let name = format!("{}-{stem}.jsonl", paths.len() + 1);
            paths.push(Path::new("data").join(&name));
            name.into()
        };
        let path = folder.join(inside);
        let failed = JobError::write(&path);
        fs::create_dir_all(path.parent().unwrap_or(folder)).map_err(&failed)?;
        let mut out = BufWriter::new(File::create(&path).map_err(&failed)?);
        for row in &file.rows {
            writeln!(out, "{}", line(row, prompts.then_some(instruction))).map_err(&failed)?;
            done += 1;
            if done % 1000 == 0 {
                context.progress(done, total);
                if context.ask().is_break() {
                    return Err(ModelError::Stopped.into());
                }
            }
        }
        out.flush().map_err(&failed)?;
    }
    Ok(paths)
}

/// A row with the fields that FlagEmbedding reads: others may have another type in each line, which its reader refuses.
fn line(row: &Arc<Row>, instruction: Option<&str>) -> Value {
    let mut line = json!({ "query": row.query, "pos": row.pos, "neg": row.neg });
    for (name, scores) in [("pos_scores", &row.pos_scores), ("neg_scores", &row.neg_scores)] {
        if let Some(scores) = scores {
            line[name] = json!(scores);
        }
    }
    if let Some(instruction) = instruction {
        line["prompt"] = row.prompt.as_deref().unwrap_or(instruction).into();
    }
    if let Some(kind) = &row.kind {
        line["type"] = kind.as_str().into();
    }
    for name in ["batch_size", "train_group_size"] {
        if let Some(number) = row.other.get(name).filter(|value| value.is_u64()) {
            line[name] = number.clone();
        }
    }
    line
}

/// A part of a path as a name that needs no quotes anywhere; its end, which may mean something, stays.
fn name(part: Option<&std::ffi::OsStr>) -> String {
    let name = part.unwrap_or_default().to_string_lossy();
    let kept = name.chars().map(|letter| if letter.is_alphanumeric() || letter == '_' { letter } else { '-' });
    kept.collect()
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

#[cfg(unix)]
fn make_executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> std::io::Result<()> {
    Ok(())
}

fn readme(config: &TrainingConfig, launch: &Launch, notes: &[Note], files: &[TrainingFile], rows: usize) -> String {
    let one = config.per_device_train_batch_size * config.gradient_accumulation_steps;
    let (processes, deepspeed) = (launch.processes(), launch.zero_stage);
    let mut text = format!(
        "# A training job for FlagEmbedding\n\n{rows} rows, {} machine(s) with {} card(s) each. Written by Weldbench {}.\n\n    pip install -r requirements.txt\n    bash run.sh\n\n",
        launch.nodes,
        launch.gpus,
        env!("CARGO_PKG_VERSION")
    );
    if launch.nodes > 1 {
        text.push_str("Start `run.sh` on every machine, with this folder in the same place, `NODE_RANK` set to 0 on the first machine, 1 on the second and so on, and `MASTER_ADDR` to the first one's address (`MASTER_PORT`, 29500 if not set, must be free there).\n\n");
    }
    text.push_str(&format!("Words behind `run.sh` are added to the command. The tuned model and its checkpoints go to `{OUTPUT}/`. Bring this folder back and read it with\n\n    weldbench import-run THIS_FOLDER\n\nwhich puts its curves and its model among the other runs.\n\n## What is where\n\n- `run.sh`: the command. Its options are those of the window, with what the model's folder says (pooling, prefixes, longest text) written out.\n- `data/`: the rows, with the fields that FlagEmbedding reads.\n"));
    if deepspeed.is_some() {
        text.push_str(&format!(
            "- `{DEEPSPEED_FILE}`: DeepSpeed's configuration; what it says `auto` of comes from the command.\n"
        ));
    }
    text.push_str(&format!("- `requirements.txt`: versions that the command was tried with.\n- `{OPTIONS_FILE}`, `{JOB_FILE}`: for the import.\n"));
    let model = config.model_name_or_path.display();
    if config.model_name_or_path == Path::new("model") {
        text.push_str("- `model/`: the base model.\n");
    } else if config.model_name_or_path.is_absolute() {
        text.push_str(&format!("\nThe base model is named by its path here, `{model}`. If it lies elsewhere there, change `--model_name_or_path` in `run.sh`.\n"));
    } else {
        text.push_str(&format!("\nThe base model is fetched from the hub as `{model}`.\n"));
    }
    text.push_str(&format!(
        "\n## What differs\n\n- A step there reads {} questions: {} of each of {processes} process(es). Here it would be {one}, and an epoch {processes} times as many steps; the learning rate is the same.\n- Rows, positives and negatives are drawn by another generator: the same in number and kind, in another order.\n",
        one * processes,
        one
    ));
    if config.negatives_cross_device && processes > 1 {
        text.push_str("- `negatives_cross_device`: dense vectors see the negatives of all cards, but each card's gradient counts for its own part alone, so the dense gradient is that of one card divided by their number.\n");
    }
    if config.knowledge_distillation
        && config.kd_loss_type == KdLossType::M3KdLoss
        && files.iter().any(TrainingFile::is_without_in_batch_negatives)
    {
        text.push_str("- FlagEmbedding fails with `m3_kd_loss` on files whose name ends in `no_in_batch_neg`, unless `per_device_train_batch_size` is 1.\n");
    }
    text.push_str("- A run of FlagEmbedding without DeepSpeed cannot be resumed from a checkpoint.\n");
    for Note { option, value, why } in notes {
        let value = if value.is_empty() { "empty" } else { value };
        text.push_str(&format!("- `{option}` ({}): {why}.\n", value.replace('\n', ", ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jobs::Status;
    use crate::model::Pooling;
    use crate::training::{read_command, read_files};

    const BASE: &str = "tests/fixtures/flagembedding/model_safetensors";

    fn request(folder: &Path, rows: &str, change: impl FnOnce(&mut TrainingConfig)) -> ExportRequest {
        let data = folder.join("焊接 rows,1.jsonl");
        fs::write(&data, rows).unwrap();
        let mut config = TrainingConfig {
            model_name_or_path: BASE.into(),
            train_data: vec![data],
            query_max_len: 4096,
            ..TrainingConfig::default()
        };
        change(&mut config);
        let (files, _) = read_files(&config.train_data).unwrap();
        let launch = Launch { nodes: 2, gpus: 4, zero_stage: Some(0) };
        ExportRequest { config, files, launch, folder: folder.join("job"), include_model: false }
    }

    fn exported(request: ExportRequest) -> Result<Exported, Status> {
        let jobs = Jobs::new(|| ());
        let job = start(&jobs, request);
        match job.wait() {
            Status::Done => Ok(job.poll().remove(0)),
            other => Err(other),
        }
    }

    const ROWS: &str = concat!(
        "{\"query\":\"气孔\",\"pos\":[\"a\"],\"neg\":[\"b\"],\"topic\":7,\"prompt\":\"find: \"}\n",
        "{\"query\":\"crack\",\"pos\":[\"c\"],\"neg\":[\"d\",\"e\"],\"topic\":\"x\"}\n"
    );

    #[test]
    fn a_job_has_all_that_the_other_machine_needs() {
        let place = tempfile::tempdir().unwrap();
        let made = exported(request(place.path(), ROWS, |config| config.use_lora = true)).unwrap();
        let read = |name: &str| fs::read_to_string(made.folder.join(name)).unwrap();
        let command = read_command(&read("run.sh"), &TrainingConfig::default());
        assert!(command.flags.iter().all(|flag| !matches!(flag.fate, crate::training::Fate::Unknown)), "{command:?}");
        let config = command.config;
        // What the model's folder says is written out.
        assert_eq!(config.sentence_pooling_method, Some(Pooling::Cls));
        assert_eq!((config.query_max_len, config.passage_max_len, config.colbert_dim), (128, 128, None));
        assert_eq!(config.output_dir.as_deref(), Some(Path::new("output")));
        let [data] = &config.train_data[..] else { panic!("{config:?}") };
        let rows: Vec<Value> =
            read(data.to_str().unwrap()).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(rows[0]["prompt"], "find: ");
        assert_eq!(rows[1], json!({ "query": "crack", "pos": ["c"], "neg": ["d", "e"], "prompt": "" }));
        assert!(read("README.md").contains("64 questions: 8 of each of 8 process(es)"), "{}", read("README.md"));
        assert!(read("README.md").contains("- `use_lora` (true): ") && made.notes.len() == 1);
        assert!(read("requirements.txt").contains("deepspeed==") && read(DEEPSPEED_FILE).contains("\"stage\": 0"));
        let options: TrainingConfig = toml::from_str(&read(OPTIONS_FILE)).unwrap();
        assert!(options.use_lora && options.train_data[0].is_absolute());
        let record: JobRecord = serde_json::from_str(&read(JOB_FILE)).unwrap();
        assert_eq!((record.rows, record.nodes, record.gpus), (2, 2, 4));
        assert!(!made.folder.join("model").exists());
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 2, "something was left behind");
    }

    #[test]
    fn files_of_a_folder_stay_in_one_and_names_keep_their_meaning() {
        let place = tempfile::tempdir().unwrap();
        let inside = place.path().join("set_no_in_batch_neg");
        fs::create_dir(&inside).unwrap();
        for name in ["a.jsonl", "b.jsonl"] {
            fs::write(inside.join(name), ROWS).unwrap();
        }
        let made = exported(request(place.path(), ROWS, |config| config.train_data.push(inside))).unwrap();
        let text = fs::read_to_string(made.folder.join("run.sh")).unwrap();
        let config = read_command(&text, &TrainingConfig::default()).config;
        let paths: Vec<PathBuf> = config.train_data.iter().map(|path| made.folder.join(path)).collect();
        let (files, _) = read_files(&paths).unwrap();
        assert_eq!(files.iter().map(|file| file.in_folder).collect::<Vec<_>>(), [false, true, true]);
        assert!(files[1].is_without_in_batch_negatives() && !files[0].is_without_in_batch_negatives());
    }

    #[test]
    fn the_model_comes_along_if_it_should() {
        let place = tempfile::tempdir().unwrap();
        let mut request = request(place.path(), ROWS, |_| ());
        (request.include_model, request.launch.zero_stage) = (true, None);
        let made = exported(request).unwrap();
        assert!(ModelFolder::open(&made.folder.join("model")).unwrap().has_heads());
        let text = fs::read_to_string(made.folder.join("run.sh")).unwrap();
        assert!(text.contains("--model_name_or_path model ") && !text.contains("deepspeed"), "{text}");
        assert!(!made.folder.join(DEEPSPEED_FILE).exists());
    }

    #[test]
    fn a_folder_that_holds_something_and_rows_without_negatives_are_refused() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("job")).unwrap();
        exported(request(place.path(), ROWS, |_| ())).unwrap();
        let Err(Status::Failed(failure)) = exported(request(place.path(), ROWS, |_| ())) else { panic!() };
        assert!(failure.why.contains("not empty"), "{failure}");
        let other = tempfile::tempdir().unwrap();
        let rows = "{\"query\":\"q\",\"pos\":[\"a\"],\"neg\":[]}\n";
        assert!(matches!(exported(request(other.path(), rows, |_| ())), Err(Status::Failed(_))));
        assert!(!other.path().join("job").exists());
    }
}
