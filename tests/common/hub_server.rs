//! A small hub on this computer: lists of files, files by name, large ones from another port; and whatever may go wrong.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256};

pub const COMMIT: &str = "5617a9f61b028005a4858fdac845db406aefb181";
/// Files from this size on lie on the other port.
const LARGE: usize = 20_000;

/// What goes wrong with a file; where a number stands, so many times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// The connection is cut after so many bytes of each answer.
    Cut { after: usize, times: u32 },
    /// The last byte of the file is another.
    WrongByte { times: u32 },
    /// Ranges are ignored.
    NoRange,
    /// So many bytes at a time, and so long between them.
    Slow { bytes: usize, pause: Duration },
    /// So many bytes come, and then nothing.
    Silent { after: usize },
    /// Another status, with the header `Retry-After`.
    Status { status: u16, retry_after: Option<u64>, times: u32 },
    /// The file is announced and sent with a byte more.
    Longer,
}

/// A question that was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
    /// Whether the hub itself was asked, and not the computer with its large files.
    pub at_home: bool,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    faults: BTreeMap<String, Fault>,
    asked: Vec<Asked>,
    /// Bytes of files sent, by name.
    sent: BTreeMap<String, usize>,
    /// The list of files has no sizes and checksums, as with some mirrors.
    bare_list: bool,
    /// A status, and the header `X-Error-Code`, instead of the list of files.
    list_status: Option<(u16, &'static str)>,
    /// Names in the list for which there are no files.
    more_names: Vec<String>,
    commit: String,
    large_port: u16,
}

pub struct HubServer {
    pub endpoint: String,
    state: Arc<Mutex<State>>,
}

impl HubServer {
    /// A hub that has one model under whatever name it is asked for, of the files of a folder.
    pub fn with_folder(folder: &Path) -> Self {
        let server = Self::empty();
        let mut folders = vec![folder.to_path_buf()];
        while let Some(next) = folders.pop() {
            for path in std::fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(folder).unwrap().to_str().unwrap().replace('\\', "/");
                    server.put(&name, &std::fs::read(&path).unwrap());
                }
            }
        }
        server
    }

    pub fn empty() -> Self {
        let state = Arc::new(Mutex::new(State { commit: COMMIT.into(), ..State::default() }));
        let large = listen(Arc::clone(&state), false);
        state.lock().unwrap().large_port = large;
        let home = listen(Arc::clone(&state), true);
        Self { endpoint: format!("http://127.0.0.1:{home}"), state }
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }

    pub fn put(&self, name: &str, content: &[u8]) {
        self.change(|state| state.files.insert(name.into(), content.to_vec()));
    }

    pub fn remove(&self, name: &str) {
        self.change(|state| state.files.remove(name));
    }

    pub fn list_also(&self, name: &str) {
        self.change(|state| state.more_names.push(name.into()));
    }

    pub fn set_commit(&self, commit: &str) {
        self.change(|state| state.commit = commit.into());
    }

    pub fn list_without_sizes(&self) {
        self.change(|state| state.bare_list = true);
    }

    pub fn refuse_list(&self, status: u16, code: &'static str) {
        self.change(|state| state.list_status = Some((status, code)));
    }

    pub fn fail(&self, name: &str, fault: Fault) {
        self.change(|state| state.faults.insert(name.into(), fault));
    }

    pub fn mend(&self) {
        self.change(|state| {
            state.faults.clear();
            state.list_status = None;
        });
    }

    pub fn size(&self, name: &str) -> usize {
        self.change(|state| state.files[name].len())
    }

    /// What was asked since the last time.
    pub fn asked(&self) -> Vec<Asked> {
        self.change(|state| std::mem::take(&mut state.asked))
    }

    /// Bytes of a file sent since the last time.
    pub fn sent(&self, name: &str) -> usize {
        self.change(|state| state.sent.remove(name).unwrap_or(0))
    }
}

/// Names of the files that were asked for with GET.
pub fn names(asked: &[Asked]) -> Vec<String> {
    let of = |asked: &Asked| Some(asked.path.split_once(&format!("/resolve/{COMMIT}/"))?.1.to_owned());
    let mut names: Vec<String> = asked.iter().filter(|asked| asked.method == "GET").filter_map(of).collect();
    names.sort();
    names.dedup();
    names
}

fn listen(state: Arc<Mutex<State>>, at_home: bool) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let state = Arc::clone(&state);
            // Whoever asked may have gone away.
            thread::spawn(move || drop(answer(&state, stream, at_home)));
        }
    });
    port
}

fn answer(state: &Mutex<State>, mut stream: TcpStream, at_home: bool) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = BTreeMap::new();
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let asked = Asked { method: method.clone(), path: path.clone(), headers: headers.clone(), at_home };
    state.lock().unwrap().asked.push(asked);
    let wants_content = method == "GET";
    if path.starts_with("/api/models/") {
        let (status, headers, body) = list(&state.lock().unwrap());
        return respond(&mut stream, status, &headers, &body);
    }
    let name = match path.split_once("/resolve/") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, name)| name),
        None => path.trim_start_matches("/large/"),
    };
    let (content, fault, large_port) = {
        let state = &mut *state.lock().unwrap();
        let Some(content) = state.files.get(name).cloned() else {
            return respond(&mut stream, 404, &["X-Error-Code: EntryNotFound".into()], b"Entry not found");
        };
        let fault = state.faults.get(name).copied();
        // What is left of the fault for the next answer.
        if at_home == (content.len() < LARGE) && wants_content {
            let left = fault.and_then(|fault| match fault {
                Fault::Cut { after, times } => (times > 1).then(|| Fault::Cut { after, times: times - 1 }),
                Fault::WrongByte { times } => (times > 1).then(|| Fault::WrongByte { times: times - 1 }),
                Fault::Status { status, retry_after, times } => {
                    (times > 1).then(|| Fault::Status { status, retry_after, times: times - 1 })
                }
                other => Some(other),
            });
            match left {
                Some(left) => state.faults.insert(name.into(), left),
                None => state.faults.remove(name),
            };
        }
        (content, fault, state.large_port)
    };
    if at_home && content.len() >= LARGE {
        let sum = hex(&Sha256::digest(&content));
        let headers = [
            format!("X-Repo-Commit: {COMMIT}"),
            format!("X-Linked-Etag: \"{sum}\""),
            format!("X-Linked-Size: {}", content.len()),
            format!("Location: http://127.0.0.1:{large_port}/large/{name}"),
        ];
        return respond(&mut stream, 302, &headers, b"Found");
    }
    if let Some(Fault::Status { status, retry_after, .. }) = fault {
        let headers: Vec<String> = retry_after.map(|seconds| format!("Retry-After: {seconds}")).into_iter().collect();
        return respond(&mut stream, status, &headers, b"no");
    }
    send(state, &mut stream, name, content, fault, &headers, wants_content)
}

fn send(
    state: &Mutex<State>,
    stream: &mut TcpStream,
    name: &str,
    mut content: Vec<u8>,
    fault: Option<Fault>,
    headers: &BTreeMap<String, String>,
    wants_content: bool,
) -> std::io::Result<()> {
    let etag = hex(&Sha1::new_with_prefix(format!("blob {}\0", content.len())).chain_update(&content).finalize());
    match fault {
        Some(Fault::WrongByte { .. }) => *content.last_mut().unwrap() ^= 1,
        Some(Fault::Longer) => content.push(0),
        _ => {}
    }
    let from = headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
    let from: Option<usize> = from.filter(|_| fault != Some(Fault::NoRange));
    let part = content.get(from.unwrap_or(0)..).unwrap_or_default();
    let mut head = String::from(if from.is_some() { "HTTP/1.1 206 Partial\r\n" } else { "HTTP/1.1 200 OK\r\n" });
    if let Some(from) = from {
        head += &format!("Content-Range: bytes {from}-{}/{}\r\n", content.len() - 1, content.len());
    }
    head += &format!(
        "Content-Length: {}\r\nETag: \"{etag}\"\r\nX-Repo-Commit: {COMMIT}\r\nConnection: close\r\n\r\n",
        part.len()
    );
    stream.write_all(head.as_bytes())?;
    if !wants_content {
        return Ok(());
    }
    let most = match fault {
        Some(Fault::Cut { after, .. } | Fault::Silent { after }) => after.min(part.len()),
        _ => part.len(),
    };
    let (bytes, pause) = match fault {
        Some(Fault::Slow { bytes, pause }) => (bytes, pause),
        _ => (1 << 16, Duration::ZERO),
    };
    for piece in part[..most].chunks(bytes) {
        stream.write_all(piece)?;
        *state.lock().unwrap().sent.entry(name.into()).or_default() += piece.len();
        thread::sleep(pause);
    }
    if matches!(fault, Some(Fault::Silent { .. })) {
        thread::sleep(Duration::from_secs(60));
    }
    stream.flush()
}

fn list(state: &State) -> (u16, Vec<String>, Vec<u8>) {
    if let Some((status, code)) = state.list_status {
        return (status, vec![format!("X-Error-Code: {code}")], b"{\"error\": \"no\"}".to_vec());
    }
    let of = |(name, content): (&String, &Vec<u8>)| -> Value {
        if state.bare_list {
            return json!({ "rfilename": name });
        }
        let git = Sha1::new_with_prefix(format!("blob {}\0", content.len())).chain_update(content).finalize();
        let mut entry = json!({ "rfilename": name, "size": content.len(), "blobId": hex(&git) });
        if content.len() >= LARGE {
            let sum = hex(&Sha256::digest(content));
            entry["lfs"] = json!({ "sha256": sum, "size": content.len(), "pointerSize": 134 });
        }
        entry
    };
    let named = state.more_names.iter().map(|name| json!({ "rfilename": name }));
    let siblings: Vec<Value> = state.files.iter().map(of).chain(named).collect();
    (200, Vec::new(), json!({ "sha": state.commit, "siblings": siblings }).to_string().into_bytes())
}

fn respond(stream: &mut TcpStream, status: u16, headers: &[String], body: &[u8]) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {status} Status\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
    headers.iter().for_each(|header| head += &format!("{header}\r\n"));
    stream.write_all(head.as_bytes())?;
    stream.write_all(b"\r\n")?;
    stream.write_all(body)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
