//! Model folders that lie: about their sizes, their places, their values, or about being weights at all.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use serde_json::{Value, json};
use weldbench::compute::{DeviceChoice, choose};
use weldbench::model::{EmbeddingModel, ModelFolder, Weights};
use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{CompressionMethod, ZipArchive};

const MODEL: &str = "tests/fixtures/flagembedding/model_safetensors";
const BIN: &str = "tests/fixtures/flagembedding/model_bin";

/// A copy of a model's folder, without those of its files that are named.
fn copy(model: &str, without: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(model).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if entry.path().is_file() && !without.iter().any(|without| name == *without) {
            fs::copy(entry.path(), folder.path().join(name)).unwrap();
        }
    }
    folder
}

fn load(folder: &Path) -> Result<(), String> {
    let device = choose(DeviceChoice::Cpu).unwrap().open().unwrap();
    EmbeddingModel::load(folder, &device).map(drop).map_err(|error| error.to_string())
}

fn open(name: &str, bytes: &[u8]) -> Result<Weights, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    Weights::open_file(&path).map_err(|error| {
        assert!(error.to_string().contains(name), "the place is not told: {error}");
        error.to_string()
    })
}

fn refused(name: &str, bytes: &[u8], cause: &str) {
    let error = open(name, bytes).err().unwrap_or_else(|| panic!("a file was read: {cause}"));
    assert!(error.contains(cause), "{error}\ndoes not say: {cause}");
}

/// A safetensors file with this header and so many bytes of values.
fn with_header(header: &Value, values: usize) -> Vec<u8> {
    let header = header.to_string();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + values, 0);
    bytes
}

fn tensor(kind: &str, shape: &[u64], start: u64, end: u64) -> Value {
    json!({ "dtype": kind, "shape": shape, "data_offsets": [start, end] })
}

#[test]
fn a_header_that_lies_is_refused_before_memory_is_taken() {
    let name = "model.safetensors";
    let sound = with_header(&json!({ "a": tensor("F32", &[2], 0, 8), "b": tensor("F32", &[1], 8, 12) }), 12);
    assert!(open(name, &sound).is_ok());
    refused(name, b"", "it has 0 bytes");
    refused(name, &sound[..7], "it has 7 bytes");
    for length in [u64::MAX, 1 << 40, 99_999_999, sound.len() as u64] {
        let mut bytes = sound.clone();
        bytes[..8].copy_from_slice(&length.to_le_bytes());
        refused(name, &bytes, &format!("its header is said to have {length} bytes, of {} in the file", sound.len()));
    }
    for end in [9, 20, sound.len() - 1] {
        refused(name, &sound[..end], "not a safetensors file");
    }
    refused(name, &[sound.clone(), vec![0; 4]].concat(), "its tensors end at byte");
    refused(name, &with_header(&json!([]), 0), "not a safetensors file");
    let mut garbage = sound;
    garbage[9..].fill(0xff);
    refused(name, &garbage, "not a safetensors file");
}

#[test]
fn tensors_that_overlap_or_contradict_their_shape_are_refused() {
    let name = "model.safetensors";
    let size = u64::MAX;
    for (header, values, cause) in [
        (json!({ "a": tensor("F32", &[2], 0, 8), "b": tensor("F32", &[2], 4, 12) }), 12, "invalid offset"),
        (json!({ "a": tensor("F32", &[2], 0, 8), "b": tensor("F32", &[2], 0, 8) }), 8, "invalid offset"),
        (json!({ "a": tensor("F32", &[2], 4, 12) }), 12, "invalid offset"),
        (json!({ "a": tensor("F32", &[2], 0, 8), "b": tensor("F32", &[1], 12, 16) }), 16, "invalid offset"),
        (json!({ "a": tensor("F32", &[2], 8, 0) }), 8, "invalid offset"),
        (json!({ "a": tensor("F32", &[3], 0, 8) }), 8, "invalid shape"),
        (json!({ "a": tensor("F32", &[size, size, 3], 0, 8) }), 8, "overflow"),
        (json!({ "a": tensor("F32", &[1 << 40], 0, 1 << 42) }), 8, "its tensors end at byte"),
        (json!({ "a": tensor("F12", &[2], 0, 8) }), 8, "unknown variant"),
        (json!({ "a": { "dtype": "F32", "shape": [-1], "data_offsets": [0, 8] } }), 8, "invalid value"),
        (
            json!({ "bert.encoder.x": tensor("F32", &[1], 0, 4), "encoder.x": tensor("F32", &[1], 4, 8) }),
            8,
            "there twice",
        ),
    ] {
        refused(name, &with_header(&header, values), cause);
    }
    // A type that no weights have is told of when the tensor is asked for.
    let weights = open(name, &with_header(&json!({ "a": tensor("I64", &[1], 0, 8) }), 8)).unwrap();
    let error = weights.any_shape("a").unwrap_err().to_string();
    assert!(error.contains("`a` holds I64") && error.contains("weights are F32"), "{error}");
}

/// The fixture's weights by name: type, shape and bytes.
type Tensors = BTreeMap<String, (Value, Vec<u8>)>;

/// The fixture's model with its tensors changed, whole to look at.
fn changed(change: impl FnOnce(&mut Tensors)) -> tempfile::TempDir {
    let bytes = fs::read(Path::new(MODEL).join("model.safetensors")).unwrap();
    let start = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: BTreeMap<String, Value> = serde_json::from_slice(&bytes[8..start]).unwrap();
    let mut tensors: Tensors = header
        .into_iter()
        .filter(|(name, _)| name != "__metadata__")
        .map(|(name, info)| {
            let place = |at: usize| start + info["data_offsets"][at].as_u64().unwrap() as usize;
            (name, (info.clone(), bytes[place(0)..place(1)].to_vec()))
        })
        .collect();
    change(&mut tensors);
    let (mut header, mut values) = (json!({}), Vec::new());
    for (name, (mut info, bytes)) in tensors {
        info["data_offsets"] = json!([values.len(), values.len() + bytes.len()]);
        header[name] = info;
        values.extend(bytes);
    }
    let folder = copy(MODEL, &["model.safetensors"]);
    let mut file = with_header(&header, 0);
    file.extend(values);
    fs::write(folder.path().join("model.safetensors"), file).unwrap();
    folder
}

#[test]
fn a_model_that_is_not_what_its_configuration_says_is_refused_with_the_tensor() {
    const NAME: &str = "encoder.layer.0.attention.self.query.weight";
    let missing = changed(|tensors| drop(tensors.remove(NAME)));
    let wrong = changed(|tensors| {
        let (info, bytes) = tensors.get_mut(NAME).unwrap();
        let rows = info["shape"][0].as_u64().unwrap();
        info["shape"] = json!([rows / 2, rows * 2]);
        assert!(!bytes.is_empty());
    });
    let whole = changed(|_| ());
    assert_eq!(load(whole.path()), Ok(()));
    for (folder, cause) in
        [(missing, "is missing; the file is not a model of the shape"), (wrong, "but config.json asks for")]
    {
        let error = load(folder.path()).unwrap_err();
        assert!(error.contains(NAME) && error.contains(cause), "{error}");
    }
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let broken = changed(|tensors| tensors.get_mut(NAME).unwrap().1[40..44].copy_from_slice(&value.to_le_bytes()));
        let error = load(broken.path()).unwrap_err();
        let told = format!("the tensor `{NAME}` holds {value} at place 10, which is no finite number");
        assert!(error.contains(&told) && error.contains("take another one"), "{error}");
    }
}

#[test]
fn truncated_files_of_both_kinds_are_refused() {
    for (model, name) in [(MODEL, "model.safetensors"), (BIN, "pytorch_model.bin")] {
        let bytes = fs::read(Path::new(model).join(name)).unwrap();
        for end in [0, 1, 100, bytes.len() / 2, bytes.len() - 1] {
            let error = open(name, &bytes[..end]).err().unwrap();
            assert!(error.contains("fetch") || error.contains("state_dict"), "{error}");
        }
    }
}

#[test]
fn an_index_names_files_beside_it_and_no_others() {
    let secret = tempfile::tempdir().unwrap();
    let place = secret.path().join("model.safetensors");
    fs::copy(Path::new(MODEL).join("model.safetensors"), &place).unwrap();
    for name in [
        "../model.safetensors",
        "/etc/passwd",
        "a/b.safetensors",
        "..",
        "",
        "C:\\a.safetensors",
        &place.to_string_lossy(),
    ] {
        let folder = copy(MODEL, &["model.safetensors"]);
        let index = json!({ "weight_map": { "embeddings.word_embeddings.weight": name } });
        fs::write(folder.path().join("model.safetensors.index.json"), index.to_string()).unwrap();
        let error = load(folder.path()).unwrap_err();
        assert!(error.contains("index.json") || error.contains("leads out of the folder"), "{name}: {error}");
    }
    for index in ["", "[]", "{\"weight_map\": 3}", "{\"weight_map\": {}}"] {
        let folder = copy(MODEL, &["model.safetensors"]);
        fs::write(folder.path().join("model.safetensors.index.json"), index).unwrap();
        assert!(load(folder.path()).is_err(), "{index}");
    }
    // The same of the folder that holds the pooling.
    let folder = copy(MODEL, &[]);
    let modules = json!([{ "path": "../../etc", "type": "sentence_transformers.models.Pooling" }]);
    fs::write(folder.path().join("modules.json"), modules.to_string()).unwrap();
    let error = load(folder.path()).unwrap_err();
    assert!(error.contains("`../../etc/config.json` leads out of the folder"), "{error}");
}

#[cfg(unix)]
#[test]
fn links_out_of_a_model_s_folder_are_not_followed() {
    let other = tempfile::tempdir().unwrap();
    for name in ["config.json", "tokenizer.json", "model.safetensors", "sparse_linear.pt"] {
        let target = other.path().join(name);
        fs::copy(Path::new(MODEL).join(name), &target).unwrap();
        let folder = copy(MODEL, &[name]);
        std::os::unix::fs::symlink(&target, folder.path().join(name)).unwrap();
        let error = load(folder.path()).unwrap_err();
        assert!(error.contains(name) && error.contains("is a link out of the folder, to"), "{error}");
    }
    // What a tuned model would carry on with it.
    fs::write(other.path().join("id_rsa"), "secret").unwrap();
    let folder = copy(MODEL, &["vocab.txt"]);
    std::os::unix::fs::symlink(other.path().join("id_rsa"), folder.path().join("vocab.txt")).unwrap();
    let device = choose(DeviceChoice::Cpu).unwrap().open().unwrap();
    let model = EmbeddingModel::load(folder.path(), &device).unwrap();
    let error = model.save(&other.path().join("saved")).unwrap_err().to_string();
    assert!(error.contains("vocab.txt") && !other.path().join("saved").exists(), "{error}");
    // As `huggingface_hub` keeps a model.
    let cache = tempfile::tempdir().unwrap();
    let snapshot = cache.path().join("models--a--b/snapshots/abc");
    let blobs = cache.path().join("models--a--b/blobs");
    fs::create_dir_all(&snapshot).unwrap();
    fs::create_dir_all(&blobs).unwrap();
    for entry in fs::read_dir(MODEL).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), blobs.join(entry.file_name())).unwrap();
        let target = Path::new("../../blobs").join(entry.file_name());
        std::os::unix::fs::symlink(target, snapshot.join(entry.file_name())).unwrap();
    }
    assert_eq!(load(&snapshot), Ok(()));
    assert!(ModelFolder::open(&snapshot).unwrap().fingerprint().is_ok());
}

/// The parts of an archive, changed and packed anew.
fn repacked(bytes: &[u8], method: CompressionMethod, change: impl Fn(&str, Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut out = ZipWriter::new(Cursor::new(Vec::new()));
    for at in 0..archive.len() {
        let mut part = archive.by_index(at).unwrap();
        let name = part.name().unwrap().into_owned();
        let mut content = Vec::new();
        std::io::copy(&mut part, &mut content).unwrap();
        out.start_file(name.as_str(), SimpleFileOptions::default().compression_method(method)).unwrap();
        out.write_all(&change(&name, content)).unwrap();
    }
    out.finish().unwrap().into_inner()
}

#[test]
fn a_pickle_with_code_is_refused_and_nothing_of_it_is_run() {
    let place = tempfile::tempdir().unwrap();
    let trace = place.path().join("trace");
    let sound = fs::read(Path::new(BIN).join("sparse_linear.pt")).unwrap();
    let code = |call: &str| format!("cposix\nsystem\n(V{call}\ntR0").into_bytes();
    let with_code = repacked(&sound, CompressionMethod::Stored, |name, content| match name.ends_with("data.pkl") {
        // The call stands before the tensors, its result thrown away: all else is a sound file.
        true => [&content[..2], &code(&format!("touch {}", trace.display())), &content[2..]].concat(),
        false => content,
    });
    refused("sparse_linear.pt", &with_code, "it holds code, and none of it was run: it names `posix.system`");
    // A whole module, as `torch.save(model)` writes it, needs Python's classes to be read.
    let pickle = b"\x80\x02ctorch.nn.modules.linear\nLinear\n)\x81.";
    let whole = repacked(&sound, CompressionMethod::Stored, |name, content| match name.ends_with("data.pkl") {
        true => pickle.to_vec(),
        false => content,
    });
    refused("pytorch_model.bin", &whole, "it names `torch.nn.modules.linear.Linear`");
    refused("pytorch_model.bin", b"\x80\x02cposix\nsystem\nX\x02\0\0\0id\x85R.", "save its state_dict() anew");
    assert!(!trace.exists());
    assert!(open("sparse_linear.pt", &sound).is_ok());
}

#[test]
fn memory_stays_in_proportion_to_the_file() {
    let sound = fs::read(Path::new(BIN).join("colbert_linear.pt")).unwrap();
    let before = most_memory();
    // Values packed: a few kilobytes unpack to as much as one likes.
    let packed = repacked(&sound, CompressionMethod::Deflated, |name, content| match name.contains("/data/") {
        true => vec![0; 256 << 20],
        false => content,
    });
    assert!(packed.len() < 1 << 20);
    refused("colbert_linear.pt", &packed, "is compressed, which torch.save does not do");
    // One value that is to be a tensor of ten thousand million: strides of 0.
    let pickle = [
        &b"\x80\x02}X\x01\0\0\0actorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n"[..],
        b"X\x01\0\0\x000X\x03\0\0\0cpuJ\x01\0\0\0tQK\0J\0\0\0\x60\x85K\0\x85\x89NtRs.",
    ]
    .concat();
    let spread = repacked(&sound, CompressionMethod::Stored, |name, content| match name.ends_with("data.pkl") {
        true => pickle.clone(),
        false => content,
    });
    refused("colbert_linear.pt", &spread, "its tensors would take 6442450944 bytes of memory");
    // A pickle that unpacks to more than any has.
    let long = repacked(&sound, CompressionMethod::Deflated, |name, content| match name.ends_with("data.pkl") {
        true => vec![b'N'; 101 << 20],
        false if name.contains("/data/") => Vec::new(),
        false => content,
    });
    assert!(open("colbert_linear.pt", &long).is_err());
    if let (Some(before), Some(after)) = (before, most_memory()) {
        // The test itself makes 256 MiB of zeros, twice.
        assert!(after - before < 1 << 20, "{} MiB more", (after - before) >> 10);
    }
}

/// KiB that this program had at most, where the system tells.
fn most_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// A file of a million tensors takes a header, not a thousand times that.
#[test]
fn a_file_of_very_many_tensors_is_soon_read() {
    let header: serde_json::Map<String, Value> =
        (0..200_000).map(|number| (format!("t{number}"), tensor("F32", &[], number * 4, number * 4 + 4))).collect();
    let started = std::time::Instant::now();
    let weights = open("model.safetensors", &with_header(&Value::Object(header), 800_000)).unwrap();
    for number in 0..200 {
        assert_eq!(weights.any_shape(&format!("t{number}")).unwrap().values, [0.0]);
    }
    assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
}
