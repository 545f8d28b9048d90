//! Models of the hub: fetched from a small hub on this computer, whatever befalls the network, and found again.

#[allow(dead_code, reason = "other tests use the rest")]
mod common;
#[path = "common/hub_server.rs"]
mod hub_server;
mod window {
    #[allow(dead_code, reason = "other tests use the rest")]
    pub mod bench;
}

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use assert_cmd::Command;
use common::{MODEL, weldbench};
use eframe::egui::accesskit::Role;
use egui_kittest::kittest::{NodeT, Queryable};
use hub_server::{COMMIT, Fault, HubServer, names};
use serde_json::{Value, json};
use tempfile::TempDir;
use weldbench::compute::{DeviceChoice, choose};
use weldbench::model::hub::{
    CachedKind, FetchEvent, FetchHost, FetchRequest, Fetched, HubError, HubSettings, Patience, Revision, Token, cached,
    fetch, find,
};
use weldbench::model::{EmbeddingModel, ModelFolder};
use window::bench::Bench;

const ID: &str = "toy/bge-m3";
const WEIGHTS: &str = "model.safetensors";
/// What is fetched of the toy model.
const NEEDED: [&str; 9] = [
    "1_Pooling/config.json",
    "colbert_linear.pt",
    "config.json",
    "model.safetensors",
    "modules.json",
    "sparse_linear.pt",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
];

/// The toy model with what a repository has beside.
fn server() -> HubServer {
    let server = HubServer::with_folder(Path::new(MODEL));
    server.remove("heads.safetensors");
    for more in ["onnx/model.onnx", "pytorch_model.bin", "flax_model.msgpack", "README.md", "imgs/a b.png"] {
        server.put(more, &vec![7; 30_000]);
    }
    server.put("1_Pooling/config.json", br#"{"pooling_mode_cls_token": true}"#);
    let modules = json!([
        { "path": "", "type": "sentence_transformers.models.Transformer" },
        { "path": "1_Pooling", "type": "sentence_transformers.models.Pooling" },
        { "path": "2_Normalize", "type": "sentence_transformers.models.Normalize" },
    ]);
    server.put("modules.json", modules.to_string().as_bytes());
    server
}

fn settings(server: &HubServer, home: &TempDir) -> HubSettings {
    HubSettings {
        endpoint: server.endpoint.clone(),
        cache: home.path().join("hub"),
        token: None,
        offline: false,
        certificates: None,
        patience: Patience { attempts: 3, pause: Duration::from_millis(10), silence: Duration::from_secs(2) },
    }
}

fn request() -> FetchRequest {
    FetchRequest { id: ID.parse().unwrap(), revision: Revision::default() }
}

/// Notes what it is told, and stops once so many bytes are there.
#[derive(Default)]
struct Watching {
    events: Vec<FetchEvent>,
    moved: Vec<(u64, u64)>,
    stop_at: Option<u64>,
}

impl FetchHost for Watching {
    fn tell(&mut self, event: FetchEvent) {
        self.events.push(event);
    }

    fn moved(&mut self, done: u64, total: u64) {
        self.moved.push((done, total));
    }

    fn ask(&mut self) -> ControlFlow<()> {
        match (self.stop_at, self.moved.last()) {
            (Some(stop), Some((done, _))) if *done >= stop => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}

fn try_fetch(settings: &HubSettings) -> (Result<Fetched, HubError>, Watching) {
    let mut watching = Watching::default();
    (fetch(settings, &request(), &mut watching), watching)
}

/// All files below a folder, by their names from there.
fn files(folder: &Path) -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(next) = folders.pop() {
        for path in fs::read_dir(next).into_iter().flatten().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

fn repository(home: &TempDir) -> PathBuf {
    home.path().join("hub/models--toy--bge-m3")
}

/// Bytes that come before the weights, which are the largest file.
fn before_weights(server: &HubServer) -> u64 {
    NEEDED.iter().filter(|name| **name != WEIGHTS).map(|name| server.size(name) as u64).sum()
}

/// The bytes of the one file that has begun to come.
fn partial(home: &TempDir) -> Option<u64> {
    let blobs = repository(home).join("blobs");
    let name = files(&blobs).into_iter().find(|name| name.ends_with(".incomplete"))?;
    Some(fs::metadata(blobs.join(name)).unwrap().len())
}

#[test]
fn a_model_is_fetched_with_what_it_needs_and_no_more() {
    let (server, home) = (server(), tempfile::tempdir().unwrap());
    let settings = settings(&server, &home);
    let (fetched, watching) = try_fetch(&settings);
    let fetched = fetched.unwrap();
    assert_eq!(names(&server.asked()), NEEDED);
    assert_eq!(files(&fetched.folder), NEEDED);
    assert_eq!(fetched.folder, repository(&home).join("snapshots").join(COMMIT));
    assert_eq!(fs::read_to_string(repository(&home).join("refs/main")).unwrap(), COMMIT);
    let bytes: usize = NEEDED.iter().map(|name| server.size(name)).sum();
    assert_eq!((fetched.bytes, fetched.downloaded), (bytes as u64, bytes as u64));
    assert_eq!(watching.moved.last(), Some(&(bytes as u64, bytes as u64)));
    assert!(partial(&home).is_none());
    for name in NEEDED {
        let served = fs::read(fetched.folder.join(name)).unwrap();
        assert_eq!(served.len(), server.size(name), "{name}");
        #[cfg(unix)]
        {
            let link = fs::read_link(fetched.folder.join(name)).unwrap();
            assert!(link.starts_with(if name.contains('/') { "../../../blobs" } else { "../../blobs" }), "{link:?}");
        }
    }
    let device = choose(DeviceChoice::Cpu).unwrap().open().unwrap();
    let model = EmbeddingModel::load(&fetched.folder, &device).unwrap();
    assert!(model.has_heads());
    assert_eq!(ModelFolder::open(&fetched.folder).unwrap().name(), "bge-m3");

    // It is known now, and nothing comes twice.
    let listed = cached(&settings.cache).unwrap();
    assert_eq!((listed.len(), &listed[0].kind), (1, &CachedKind::Embedding));
    assert_eq!(find(&settings.cache, &ID.parse().unwrap(), &Revision::default()), Some(fetched.folder));
    let (again, _) = try_fetch(&settings);
    assert_eq!(again.unwrap().downloaded, 0);
    assert!(names(&server.asked()).is_empty());
}

#[test]
fn a_cut_download_goes_on_where_it_stopped() {
    let (server, home) = (server(), tempfile::tempdir().unwrap());
    let settings = settings(&server, &home);
    let size = server.size(WEIGHTS);
    // More cuts than attempts: what brought something is no failure.
    server.fail(WEIGHTS, Fault::Cut { after: size / 8, times: 6 });
    let (fetched, watching) = try_fetch(&settings);
    fetched.unwrap();
    assert_eq!(server.sent(WEIGHTS), size, "each byte came once");
    let waits = watching.events.iter().filter(|event| matches!(event, FetchEvent::Waiting { .. })).count();
    assert_eq!(waits, 6);
    let ranges: Vec<String> = (server.asked().into_iter())
        .filter(|asked| asked.path.ends_with(WEIGHTS) && !asked.at_home)
        .filter_map(|asked| asked.headers.get("range").cloned())
        .collect();
    let steps: Vec<String> = (1..=6).map(|cut| format!("bytes={}-", cut * (size / 8))).collect();
    assert_eq!(ranges, steps);
}

#[test]
fn a_stopped_download_is_kept_and_the_next_one_goes_on() {
    let (server, home) = (server(), tempfile::tempdir().unwrap());
    let settings = settings(&server, &home);
    server.fail(WEIGHTS, Fault::Slow { bytes: 4096, pause: Duration::from_millis(50) });
    let mut watching = Watching { stop_at: Some(before_weights(&server) + 20_000), ..Watching::default() };
    let began = Instant::now();
    let stopped = fetch(&settings, &request(), &mut watching);
    assert!(matches!(stopped, Err(HubError::Stopped)), "{stopped:?}");
    assert!(began.elapsed() < Duration::from_secs(5));
    let kept = partial(&home).expect("what came is kept");
    assert!(kept > 0 && (kept as usize) < server.size(WEIGHTS));
    assert!(find(&settings.cache, &ID.parse().unwrap(), &Revision::default()).is_none(), "it is not whole");
    assert!(!repository(&home).join("refs").exists());

    server.mend();
    // The old connection has time to end.
    std::thread::sleep(Duration::from_millis(500));
    server.sent(WEIGHTS);
    let (fetched, _) = try_fetch(&settings);
    assert_eq!(server.sent(WEIGHTS), server.size(WEIGHTS) - kept as usize);
    ModelFolder::open(&fetched.unwrap().folder).unwrap();
}

#[test]
fn wrong_bytes_are_never_taken() {
    let (server, home) = (server(), tempfile::tempdir().unwrap());
    let settings = settings(&server, &home);
    for name in ["special_tokens_map.json", WEIGHTS] {
        server.fail(name, Fault::WrongByte { times: 9 });
        let (result, _) = try_fetch(&settings);
        let error = result.unwrap_err();
        assert!(matches!(&error, HubError::Checksum { name: told, .. } if told == name), "{error}");
        assert!(partial(&home).is_none() && !repository(&home).join("refs").exists());
        assert!(!repository(&home).join("snapshots").join(COMMIT).join(name).exists());
        server.mend();
    }
    // A beginning that is none of this file, as after a crash, is thrown away once.
    server.fail(WEIGHTS, Fault::Cut { after: 1000, times: 99 });
    let mut impatient = settings.clone();
    impatient.patience.attempts = 1;
    assert!(fetch(&impatient, &request(), &mut Watching::default()).unwrap_err().is_passing());
    let blobs = repository(&home).join("blobs");
    let name = files(&blobs).into_iter().find(|name| name.ends_with(".incomplete")).unwrap();
    fs::write(blobs.join(&name), vec![0; 5000]).unwrap();
    server.mend();
    let (fetched, watching) = try_fetch(&settings);
    fetched.unwrap();
    assert!(watching.events.iter().any(|event| matches!(event, FetchEvent::StartsOver { .. })));
    // One that is too long as well.
    fs::remove_dir_all(repository(&home)).unwrap();
    fs::create_dir_all(&blobs).unwrap();
    fs::write(blobs.join(&name), vec![0; server.size(WEIGHTS) + 1]).unwrap();
    try_fetch(&settings).0.unwrap();
}

#[test]
fn a_mirror_without_ranges_begins_anew() {
    let (server, home) = (server(), tempfile::tempdir().unwrap());
    let settings = settings(&server, &home);
    let mut impatient = settings.clone();
    impatient.patience.attempts = 1;
    server.fail(WEIGHTS, Fault::Cut { after: 30_000, times: 1 });
    assert!(fetch(&impatient, &request(), &mut Watching::default()).unwrap_err().is_passing());
    assert_eq!(partial(&home), Some(30_000));
    server.fail(WEIGHTS, Fault::NoRange);
    server.sent(WEIGHTS);
    let (fetched, watching) = try_fetch(&settings);
    fetched.unwrap();
    assert_eq!(server.sent(WEIGHTS), server.size(WEIGHTS));
    assert!(watching.events.iter().any(|event| matches!(event, FetchEvent::StartsOver { name } if name == WEIGHTS)));
}

#[test]
fn the_token_goes_to_the_hub_and_to_nobody_else() {
    let (server, home) = (server(), tempfile::tempdir().unwrap());
    let mut settings = settings(&server, &home);
    settings.token = Some(Token::new("hf_very_secret", "HF_TOKEN"));
    try_fetch(&settings).0.unwrap();
    let asked = server.asked();
    assert!(asked.iter().any(|asked| !asked.at_home), "nothing came from the other port");
    for asked in &asked {
        let sent = asked.headers.get("authorization").map(String::as_str);
        assert_eq!(sent, asked.at_home.then_some("Bearer hf_very_secret"), "{asked:?}");
        assert_eq!(asked.headers.get("accept-encoding").map(String::as_str), Some("identity"));
    }
    assert!(!format!("{settings:?}").contains("hf_very_secret"));
}

#[test]
fn trouble_that_passes_is_waited_for_and_other_trouble_is_told() {
    let (server, home) = (server(), tempfile::tempdir().unwrap());
    let settings = settings(&server, &home);
    server.fail(WEIGHTS, Fault::Status { status: 503, retry_after: None, times: 2 });
    server.fail("config.json", Fault::Status { status: 429, retry_after: Some(1), times: 1 });
    let began = Instant::now();
    try_fetch(&settings).0.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1), "the hub's wish was not followed");

    fs::remove_dir_all(home.path().join("hub")).unwrap();
    server.fail(WEIGHTS, Fault::Status { status: 502, retry_after: None, times: 99 });
    let error = try_fetch(&settings).0.unwrap_err();
    assert!(matches!(error, HubError::Trouble { status: 502, .. }) && error.is_passing(), "{error}");
    server.fail(WEIGHTS, Fault::Status { status: 429, retry_after: Some(3600), times: 99 });
    let error = try_fetch(&settings).0.unwrap_err();
    assert!(matches!(error, HubError::Busy { wait: Some(3600), .. }), "{error}");
    // A link that has run out is no matter of the token.
    server.fail(WEIGHTS, Fault::Status { status: 403, retry_after: None, times: 2 });
    try_fetch(&settings).0.unwrap();
}

#[test]
fn refusals_say_what_to_do() {
    let (server, home) = (server(), tempfile::tempdir().unwrap());
    let without = settings(&server, &home);
    let with = HubSettings { token: Some(Token::new("hf_very_secret", "HF_TOKEN")), ..without.clone() };
    for (settings, status, code, told) in [
        (&without, 401, "RepoNotFound", "put a token of yours into HF_TOKEN"),
        (&with, 401, "", "refuses the token that was found in HF_TOKEN"),
        (&with, 403, "", "refuses the token"),
        (&without, 401, "GatedRepo", "agree at http://127.0.0.1"),
        (&with, 403, "GatedRepo", "agree at "),
        (&without, 404, "RevisionNotFound", "toy/bge-m3 with the revision main; check the name"),
    ] {
        server.refuse_list(status, code);
        let error = try_fetch(settings).0.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(told) && !text.contains("hf_very_secret") && !error.is_passing(), "{text}");
    }
    server.mend();
    let gone = HubSettings { endpoint: "http://127.0.0.1:9".into(), ..without.clone() };
    let error = try_fetch(&gone).0.unwrap_err();
    assert!(error.is_passing() && error.to_string().contains("HF_ENDPOINT"), "{error}");
    let offline = HubSettings { offline: true, ..without.clone() };
    assert!(matches!(try_fetch(&offline).0, Err(HubError::Offline(_))));
    server.asked();
    let fetched = try_fetch(&without).0.unwrap();
    server.asked();
    assert_eq!(try_fetch(&offline).0.unwrap().folder, fetched.folder, "it is here already");
    assert!(server.asked().is_empty());
}

#[test]
fn sizes_that_differ_from_what_was_announced_are_refused() {
    let (server, home) = (server(), tempfile::tempdir().unwrap());
    server.fail(WEIGHTS, Fault::Longer);
    let error = try_fetch(&settings(&server, &home)).0.unwrap_err();
    let size = server.size(WEIGHTS) as u64;
    assert!(matches!(error, HubError::Size { told, wanted, .. } if (told, wanted) == (size + 1, size)), "{error}");
    assert!(partial(&home).is_none());
}

#[test]
fn names_that_would_leave_the_folder_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let outside = |server: &HubServer| {
        let error = try_fetch(&settings(server, &home)).0.unwrap_err();
        assert!(!home.path().join("evil").exists() && !repository(&home).join("evil").exists());
        error
    };
    for name in ["../../evil", "/tmp/evil", "..\\evil"] {
        let server = server();
        server.list_also(name);
        assert!(matches!(outside(&server), HubError::Outside { .. }), "{name}");
    }
    let server = server();
    server.set_commit("../../../evil");
    assert!(matches!(outside(&server), HubError::Answer { .. }));
    let sharded = self::server();
    sharded.remove(WEIGHTS);
    sharded.put("model.safetensors.index.json", br#"{"weight_map": {"a": "../../../evil"}}"#);
    assert!(matches!(outside(&sharded), HubError::Outside { name, .. } if name == "../../../evil"));
}

#[test]
fn shards_are_fetched_as_their_index_names_them() {
    let home = tempfile::tempdir().unwrap();
    let server = HubServer::with_folder(Path::new("tests/fixtures/sentence_transformers/bge_zh"));
    server.put("model-00009-of-00009.safetensors", b"of an older time");
    let fetched = try_fetch(&settings(&server, &home)).0.unwrap();
    let shards: Vec<String> =
        files(&fetched.folder).into_iter().filter(|name| name.ends_with(".safetensors")).collect();
    assert_eq!(shards.len(), 3, "{shards:?}");
    let device = choose(DeviceChoice::Cpu).unwrap().open().unwrap();
    EmbeddingModel::load(&fetched.folder, &device).unwrap();
}

#[test]
fn what_is_no_encoder_is_refused_before_its_weights_come() {
    let home = tempfile::tempdir().unwrap();
    let told = |change: &dyn Fn(&HubServer)| {
        let server = server();
        change(&server);
        let error = try_fetch(&settings(&server, &home)).0.unwrap_err().to_string();
        assert!(!names(&server.asked()).contains(&WEIGHTS.to_owned()));
        fs::remove_dir_all(home.path().join("hub")).ok();
        error
    };
    let llama = told(&|server| server.put("config.json", br#"{"model_type": "llama"}"#));
    assert!(llama.contains(ID) && llama.contains("choose another model"), "{llama}");
    let onnx = told(&|server| {
        server.remove(WEIGHTS);
        server.remove("pytorch_model.bin");
    });
    assert!(onnx.contains("no weights"), "{onnx}");
    assert!(told(&|server| server.remove("tokenizer.json")).contains("tokenizer.json"));
    assert!(told(&|server| server.remove("config.json")).contains("config.json"));
}

#[test]
fn a_mirror_that_lists_no_sizes_is_asked_for_each_file() {
    let (server, home) = (server(), tempfile::tempdir().unwrap());
    server.list_without_sizes();
    let settings = settings(&server, &home);
    let fetched = try_fetch(&settings).0.unwrap();
    ModelFolder::open(&fetched.folder).unwrap();
    let asked = server.asked();
    assert!(asked.iter().filter(|asked| asked.method == "HEAD").all(|asked| asked.at_home), "HEAD went elsewhere");
    // The checksums are the same, however they were learnt.
    server.fail(WEIGHTS, Fault::WrongByte { times: 9 });
    fs::remove_dir_all(home.path().join("hub")).unwrap();
    assert!(matches!(try_fetch(&settings).0, Err(HubError::Checksum { .. })));
}

#[test]
fn a_silent_connection_is_given_up_and_can_be_stopped_at_once() {
    let (server, home) = (server(), tempfile::tempdir().unwrap());
    let mut settings = settings(&server, &home);
    settings.patience = Patience { attempts: 2, silence: Duration::from_millis(300), ..settings.patience };
    let began = Instant::now();
    server.fail("tokenizer_config.json", Fault::Silent { after: 0 });
    let error = try_fetch(&settings).0.unwrap_err();
    assert!(matches!(error, HubError::Broken { .. }) && error.is_passing(), "{error}");
    assert!(began.elapsed() < Duration::from_secs(10));

    server.mend();
    server.fail(WEIGHTS, Fault::Silent { after: 1000 });
    settings.patience.silence = Duration::from_secs(60);
    let began = Instant::now();
    let mut watching = Watching { stop_at: Some(before_weights(&server) + 1000), ..Watching::default() };
    let stopped = fetch(&settings, &request(), &mut watching);
    assert!(matches!(stopped, Err(HubError::Stopped)));
    assert!(began.elapsed() < Duration::from_secs(5));
}

/// The program with this hub and a cache of its own.
fn program(server: &HubServer, home: &TempDir) -> Command {
    let mut command = weldbench();
    command.envs(environment(server, home));
    for name in ["HF_HUB_CACHE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY"] {
        command.env_remove(name);
    }
    command
}

fn environment(server: &HubServer, home: &TempDir) -> [(&'static str, String); 3] {
    [
        ("HF_HOME", home.path().to_str().unwrap().to_owned()),
        ("HF_ENDPOINT", server.endpoint.clone()),
        ("HF_TOKEN", "hf_very_secret".to_owned()),
    ]
}

#[test]
fn the_command_fetches_lists_and_uses_a_model_by_name() {
    let (server, home) = (server(), tempfile::tempdir().unwrap());
    let texts = home.path().join("texts.txt");
    fs::write(&texts, "什么是气孔\nporosity\n").unwrap();
    let encode = |expected: i32| {
        let mut command = program(&server, &home);
        command.args(["encode", "--device", "cpu", "--model", ID]).arg("--input").arg(&texts);
        command.arg("--output").arg(home.path().join("vectors.safetensors")).assert().code(expected)
    };
    let told = String::from_utf8(encode(1).get_output().stderr.clone()).unwrap();
    assert!(told.contains("`weldbench fetch toy/bge-m3` downloads it"), "{told}");
    assert!(server.asked().is_empty(), "nothing is fetched that nobody asked for");

    let done = program(&server, &home).args(["fetch", ID]).env("RUST_LOG", "trace").assert().success();
    let output = done.get_output();
    let folder = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(Path::new(folder.trim()).join("config.json").is_file(), "{folder}");
    let notes = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(!notes.is_empty() && !notes.contains("hf_very_secret"), "the token is in the log");

    let done = program(&server, &home).args(["models", "--json"]).assert().success();
    let line: Value = serde_json::from_slice(&done.get_output().stdout).unwrap();
    assert_eq!((&line["id"], &line["kind"], &line["revisions"]), (&json!(ID), &json!("embedding"), &json!(["main"])));
    assert_eq!(line["folder"], folder.trim());
    let done = program(&server, &home).arg("models").assert().success();
    let table = String::from_utf8(done.get_output().stdout.clone()).unwrap();
    assert!(table.lines().any(|line| line.starts_with("toy/bge-m3") && line.contains("embedding model")), "{table}");
    encode(0);

    let train =
        ["train", "--device", "cpu", "--model_name_or_path", ID, "--train_data", common::DATA, "--max_steps", "1"];
    let done = program(&server, &home).args(train).assert().success();
    let run = PathBuf::from(String::from_utf8(done.get_output().stdout.clone()).unwrap().trim());
    let record = fs::read_to_string(run.parent().unwrap().join("run.json")).unwrap();
    assert!(record.contains(COMMIT) && !record.contains("hf_very_secret"), "{record}");
}

#[test]
fn the_command_s_codes_tell_what_went_wrong() {
    let (server, home) = (server(), tempfile::tempdir().unwrap());
    program(&server, &home).args(["fetch", "../evil"]).assert().code(2);
    program(&server, &home).args(["fetch", ID, "--revision", "a/../b"]).assert().code(2);
    let offline = program(&server, &home).args(["fetch", ID]).env("HF_HUB_OFFLINE", "1").assert().code(1);
    assert!(String::from_utf8(offline.get_output().stderr.clone()).unwrap().contains("unset it to fetch toy/bge-m3"));
    server.refuse_list(404, "RepoNotFound");
    program(&server, &home).args(["fetch", ID]).assert().code(1);
    let gone = program(&server, &home).args(["fetch", ID]).env("HF_ENDPOINT", "http://127.0.0.1:9").assert().code(75);
    assert!(String::from_utf8(gone.get_output().stderr.clone()).unwrap().contains("what to do: check the network"));
    server.mend();
    let done = program(&server, &home).args(["fetch", ID, "--json"]).assert().success();
    let events = String::from_utf8(done.get_output().stdout.clone()).unwrap();
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.last().unwrap()["event"], "fetched");
    assert_eq!(events.last().unwrap()["commit"], COMMIT);
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_told_and_what_came_is_kept() {
    let (server, home) = (server(), tempfile::tempdir().unwrap());
    let run = |script: &str| {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_weldbench"), "fetch", ID]);
        command.env("WELDBENCH_HOME", home.path().join("home"));
        command.envs(environment(&server, &home));
        command.output().unwrap()
    };
    // The signal is ignored, so that writing fails as it does on a full disk: 120 kB hold all but the weights.
    let full = run("trap '' XFSZ; ulimit -f 240; exec \"$@\"");
    let told = String::from_utf8_lossy(&full.stderr).into_owned();
    assert_eq!(full.status.code(), Some(1), "{told}");
    assert!(told.contains("the disk is full") && told.contains("set HF_HOME to a folder on another disk"), "{told}");
    let kept = partial(&home).unwrap();
    assert!(kept > 50_000, "{kept}");
    server.sent(WEIGHTS);
    let done = run("exec \"$@\"");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(server.sent(WEIGHTS), server.size(WEIGHTS) - kept as usize);
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_has_come() {
    let (server, home) = (server(), tempfile::tempdir().unwrap());
    server.fail(WEIGHTS, Fault::Slow { bytes: 2048, pause: Duration::from_millis(40) });
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_weldbench"));
    command.args(["fetch", ID]).stderr(std::process::Stdio::piped());
    command.envs(environment(&server, &home));
    let child = command.spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    while partial(&home).is_none_or(|bytes| bytes < 10_000) {
        assert!(Instant::now() < end, "nothing came");
        std::thread::sleep(Duration::from_millis(20));
    }
    let killed = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(partial(&home).is_some());
}

/// The dialog, opened to choose the model to train.
fn open_dialog(bench: &mut Bench) {
    bench.until("the device", |window| window.query_by_label("the processor").is_some());
    bench.get_by_label("Train").click();
    bench.run_steps(3);
    bench.get_by_label("Choose: Model to fine-tune").click();
    bench.run_steps(3);
    bench.get_by_label("A model of the hub…").click();
    bench.run_steps(3);
}

fn type_into(bench: &mut Bench, field: &str, text: &str) {
    bench.get_by_role_and_label(Role::TextInput, field).focus();
    bench.run_steps(2);
    bench.get_by_role_and_label(Role::TextInput, field).type_text(text);
    bench.run_steps(3);
}

#[test]
fn the_window_downloads_a_model_shows_how_it_goes_and_uses_it() {
    let server = server();
    server.fail(WEIGHTS, Fault::Slow { bytes: 4096, pause: Duration::from_millis(20) });
    let mut bench = Bench::with_hub(&server.endpoint, false);
    open_dialog(&mut bench);
    bench.until("an empty cache", |window| window.query_by_label("None yet.").is_some());
    assert!(bench.get_by_label("Download").accesskit_node().is_disabled(), "no name is typed");
    assert!(server.asked().is_empty(), "nothing is asked that nobody asked for");

    type_into(&mut bench, "Name of the model", "a b");
    bench.get_by_label("Download").click();
    bench.run_steps(3);
    assert!(bench.query_by_label_contains("`a b` is no name of a model").is_some());
    let field = bench.get_by_role_and_label(Role::TextInput, "Name of the model");
    field.focus();
    bench.run_steps(2);
    bench.key_press_modifiers(eframe::egui::Modifiers::COMMAND, eframe::egui::Key::A);
    bench.run_steps(2);
    type_into(&mut bench, "Name of the model", ID);
    bench.get_by_label("Download").click();
    bench.until("how fast it comes", |window| window.query_by_label_contains("kB/s").is_some());
    assert!(bench.query_by_label_contains("model.safetensors · 630 kB").is_some());
    bench.get_by_label("Cancel: toy/bge-m3").click();
    bench.until("the end", |window| window.query_by_label("Cancel: toy/bge-m3").is_none());
    bench.until("what is missing", |window| window.query_by_label("not whole: model.safetensors is missing").is_some());

    server.mend();
    bench.get_by_label("Download").click();
    bench.until("the model here", |window| window.query_by_label("Use: toy/bge-m3").is_some());
    bench.get_by_label("Use: toy/bge-m3").click();
    bench.run_steps(4);
    assert!(bench.query_by_label("Name of the model").is_none(), "the dialog is gone");
    assert!(bench.query_by_label("toy/bge-m3").is_some(), "the form names the model");
}

/// A cache with models of every kind.
fn fill(cache: &Path) {
    let snapshot = |name: &str, from: &str, without: &str| {
        let to = cache.join(name).join("snapshots").join(COMMIT);
        fs::create_dir_all(&to).unwrap();
        for path in fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
            if path.file_name().unwrap() != without {
                fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
            }
        }
        fs::create_dir_all(cache.join(name).join("refs")).unwrap();
        fs::write(cache.join(name).join("refs/main"), COMMIT).unwrap();
    };
    snapshot("models--BAAI--bge-m3", MODEL, "");
    snapshot("models--BAAI--bge-reranker-base", "tests/fixtures/reranker/xlm_roberta", "");
    snapshot("models--intfloat--multilingual-e5-small", MODEL, WEIGHTS);
    snapshot("models--Qwen--Qwen3-0.6B", MODEL, "");
    let config = cache.join("models--Qwen--Qwen3-0.6B/snapshots").join(COMMIT).join("config.json");
    fs::write(config, r#"{"model_type": "qwen3"}"#).unwrap();
}

#[test]
fn pictures_of_the_hub_s_models() {
    let mut bench = Bench::with_hub("https://huggingface.co", true);
    fill(&bench.folder().join("hub"));
    open_dialog(&mut bench);
    bench.until("the forecast", |window| window.query_by_label_contains(" steps, ").is_some());
    bench.until("the models", |window| window.query_by_label("Use: BAAI/bge-m3").is_some());
    assert!(bench.get_by_label("Use: BAAI/bge-reranker-base").accesskit_node().is_disabled());
    bench.get_by_label("BAAI/bge-small-zh-v1.5").click();
    bench.run_steps(3);
    bench.picture("hub");
    bench.get_by_label("Close").click();
    bench.run_steps(3);
    bench.get_by_label("Language · 语言").click();
    bench.run_steps(3);
    bench.get_by_label("中文").click();
    bench.run_steps(3);
    bench.get_by_label("选择：要微调的模型").click();
    bench.run_steps(3);
    bench.get_by_label("模型库中的模型…").click();
    bench.until("the models", |window| window.query_by_label("使用：BAAI/bge-m3").is_some());
    bench.until("the forecast", |window| window.query_by_label_contains("内存约").is_some());
    bench.picture("hub_chinese");
}
