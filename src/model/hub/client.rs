//! Requests to the hub. The token goes to the hub's own address and nowhere else, and whoever waits for an answer can
//! stop at any time: the connection is served by a thread of its own.

use std::io::Read;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use ureq::http::header::{ACCEPT_ENCODING, AUTHORIZATION, LOCATION, RANGE, RETRY_AFTER};
use ureq::http::{HeaderMap, StatusCode, Uri};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, Timeout};

use super::{FetchEvent, FetchHost, HubError, HubSettings, ModelId, Patience};

/// Asked again and again while something is waited for; `Break` stops it.
pub type Ask<'a> = dyn FnMut() -> ControlFlow<()> + 'a;

/// Time between two questions whether to go on.
const BETWEEN_ASKS: Duration = Duration::from_millis(100);
const REDIRECTS: usize = 10;
/// Bytes read at a time, and pieces that may wait to be taken.
const PIECE: usize = 128 << 10;
const PIECES: usize = 8;
/// The largest answer that is read as a whole.
const LARGEST_TEXT: usize = 32 << 20;
/// A longer wait than this is not sat out.
const LONGEST_WAIT: u64 = 120;

#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    settings: HubSettings,
    agent: Agent,
    home: Option<Origin>,
}

/// Scheme, host and port.
type Origin = (String, String, u16);

/// The beginning of an answer.
pub struct Head {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// Who gave it, after all redirects.
    pub host: String,
    /// Whether that is the hub itself and no other computer that it named.
    pub is_home: bool,
}

impl Head {
    pub fn text(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.trim().parse().ok()
    }
}

enum Message {
    Head(Box<Head>),
    Bytes(Vec<u8>),
    End,
    Failed(HubError),
}

/// An answer whose content is still coming.
pub struct Answer {
    pub head: Head,
    messages: Receiver<Message>,
}

impl Answer {
    /// The next piece of the content; `None` at its end.
    pub fn next(&self, ask: &mut Ask) -> Result<Option<Vec<u8>>, HubError> {
        match receive(&self.messages, &self.head.host, ask)? {
            Message::Bytes(bytes) => Ok(Some(bytes)),
            Message::Failed(error) => Err(error),
            Message::End | Message::Head(_) => Ok(None),
        }
    }
}

fn receive(messages: &Receiver<Message>, host: &str, ask: &mut Ask) -> Result<Message, HubError> {
    loop {
        if ask().is_break() {
            return Err(HubError::Stopped);
        }
        match messages.recv_timeout(BETWEEN_ASKS) {
            Ok(message) => return Ok(message),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(HubError::Broken { host: host.into(), cause: "the system gave no thread for it".into() });
            }
        }
    }
}

impl Client {
    pub fn new(settings: &HubSettings) -> Result<Self, HubError> {
        let home = settings.endpoint.parse().ok().as_ref().and_then(origin);
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("weldbench/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(settings.patience.silence))
            .timeout_connect(Some(settings.patience.silence))
            .timeout_per_read(Some(settings.patience.silence));
        if let Some(path) = &settings.certificates {
            config = config.tls_config(TlsConfig::builder().root_certs(certificates(path)?).build());
        }
        // No proxy reaches this computer better than it does itself.
        if home.as_ref().is_some_and(|(_, host, _)| matches!(host.as_str(), "127.0.0.1" | "localhost" | "[::1]")) {
            config = config.proxy(None);
        }
        Ok(Self(Arc::new(Inner { settings: settings.clone(), agent: config.build().into(), home })))
    }

    pub fn settings(&self) -> &HubSettings {
        &self.0.settings
    }

    /// Begins to read what lies at an address, from a byte on.
    pub fn get(&self, address: &str, from: u64, ask: &mut Ask) -> Result<Answer, HubError> {
        let messages = self.start(address, Some(from));
        match receive(&messages, &self.0.settings.host(), ask)? {
            Message::Head(head) => Ok(Answer { head: *head, messages }),
            Message::Failed(error) => Err(error),
            Message::Bytes(_) | Message::End => Err(self.answer("it has no beginning")),
        }
    }

    /// What the hub itself says of an address, without its content and without asking another computer.
    pub fn head(&self, address: &str, ask: &mut Ask) -> Result<Head, HubError> {
        match receive(&self.start(address, None), &self.0.settings.host(), ask)? {
            Message::Head(head) => Ok(*head),
            Message::Failed(error) => Err(error),
            Message::Bytes(_) | Message::End => Err(self.answer("it has no beginning")),
        }
    }

    /// A small answer as JSON; `refused` says what any other status than 200 means.
    pub fn json<T: DeserializeOwned>(
        &self,
        address: &str,
        ask: &mut Ask,
        refused: impl FnOnce(&Head) -> HubError,
    ) -> Result<T, HubError> {
        let answer = self.get(address, 0, ask)?;
        if answer.head.status != StatusCode::OK {
            return Err(refused(&answer.head));
        }
        let mut text = Vec::new();
        while let Some(bytes) = answer.next(ask)? {
            text.extend(bytes);
            if text.len() > LARGEST_TEXT {
                return Err(self.answer("the list of files is too long"));
            }
        }
        serde_json::from_slice(&text).map_err(|error| self.answer(&format!("no list of files ({error})")))
    }

    fn answer(&self, cause: &str) -> HubError {
        HubError::Answer { host: self.0.settings.host(), cause: cause.into() }
    }

    fn start(&self, address: &str, from: Option<u64>) -> Receiver<Message> {
        let (sender, messages) = sync_channel(PIECES);
        let (inner, address) = (Arc::clone(&self.0), address.to_owned());
        // Without a thread the sender is dropped, which the receiver notices.
        if let Err(error) = thread::Builder::new().name("hub".into()).spawn(move || inner.run(&address, from, &sender))
        {
            tracing::error!("no thread: {error}");
        }
        messages
    }

    /// What a status other than 200 or 206 means for a model, or for a file of it.
    pub fn refusal(&self, head: &Head, id: &ModelId, revision: &str, file: Option<&str>) -> HubError {
        let settings = self.settings();
        let (host, id_text) = (settings.host(), id.to_string());
        let is_gated = head.text("x-error-code") == Some("GatedRepo");
        match head.status.as_u16() {
            401 | 403 if is_gated => HubError::Gated { page: format!("{}/{id}", settings.endpoint), id: id_text },
            // A link to another computer that has run out; the hub gives a new one.
            401 | 403 if !head.is_home => HubError::Trouble { host: head.host.clone(), status: head.status.as_u16() },
            status @ (401 | 403) => match &settings.token {
                None => HubError::NoToken { host, id: id_text },
                Some(token) => HubError::BadToken { host, id: id_text, place: token.place().into(), status },
            },
            404 | 410 => match file {
                Some(name) => HubError::MissingFile { host, id: id_text, name: name.into() },
                None => HubError::MissingModel { host, id: id_text, revision: revision.into() },
            },
            429 => HubError::Busy { host: head.host.clone(), wait: head.number(RETRY_AFTER.as_str()) },
            status @ (408 | 500..) => HubError::Trouble { host: head.host.clone(), status },
            status => HubError::Answer { host: head.host.clone(), cause: format!("status {status}") },
        }
    }
}

impl Inner {
    fn run(&self, address: &str, from: Option<u64>, out: &SyncSender<Message>) {
        let result = self.ask(address, from).and_then(|(head, body)| {
            let host = head.host.clone();
            let goes_on = out.send(Message::Head(Box::new(head))).is_ok();
            if goes_on && from.is_some() { read(body, &host, out) } else { Ok(()) }
        });
        // Nobody may be listening any more.
        let _ = out.send(result.map_or_else(Message::Failed, |()| Message::End));
    }

    /// Follows redirects, to other computers only for content.
    fn ask(&self, address: &str, from: Option<u64>) -> Result<(Head, Body), HubError> {
        let host = |uri: &Uri| uri.authority().map_or_else(String::new, ToString::to_string);
        let mut address: Uri = address.parse().map_err(|_| self.unusable("the address of a file is none"))?;
        for _ in 0..REDIRECTS {
            let is_home = origin(&address).is_some() && origin(&address) == self.home;
            let mut request = if from.is_some() { self.agent.get(&address) } else { self.agent.head(&address) };
            // Sizes and ranges are of the files themselves.
            request = request.header(ACCEPT_ENCODING, "identity");
            if let Some(from) = from.filter(|from| *from > 0) {
                request = request.header(RANGE, format!("bytes={from}-"));
            }
            if let Some(token) = self.settings.token.as_ref().and_then(|token| token.header()).filter(|_| is_home) {
                request = request.header(AUTHORIZATION, token);
            }
            let (parts, body) = request.call().map_err(|error| trouble(&host(&address), error))?.into_parts();
            let head = Head { status: parts.status, headers: parts.headers, host: host(&address), is_home };
            let next = head.text(LOCATION.as_str()).filter(|_| head.status.is_redirection());
            let Some(next) = next else { return Ok((head, body)) };
            let next = follow(&address, next).ok_or_else(|| self.unusable("it names a place that is no address"))?;
            if from.is_none() && origin(&next) != self.home {
                return Ok((head, body));
            }
            address = next;
        }
        Err(self.unusable("it leads from one address to the next without end"))
    }

    fn unusable(&self, cause: &str) -> HubError {
        HubError::Answer { host: self.settings.host(), cause: cause.into() }
    }
}

fn read(body: Body, host: &str, out: &SyncSender<Message>) -> Result<(), HubError> {
    let mut body = body.into_reader();
    loop {
        let mut piece = vec![0; PIECE];
        let length = body.read(&mut piece).map_err(|error| broken(host, ureq::Error::from(error)))?;
        piece.truncate(length);
        if length == 0 || out.send(Message::Bytes(piece)).is_err() {
            return Ok(());
        }
    }
}

/// Scheme, host and port of an address.
fn origin(uri: &Uri) -> Option<Origin> {
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let usual = if scheme == "https" { 443 } else { 80 };
    Some((scheme, uri.host()?.to_ascii_lowercase(), uri.port_u16().unwrap_or(usual)))
}

/// The address that a redirect names.
fn follow(from: &Uri, location: &str) -> Option<Uri> {
    let (scheme, authority) = (from.scheme_str()?, from.authority()?);
    let address = if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else {
        location.to_owned()
    };
    address
        .parse()
        .ok()
        .filter(|uri| origin(uri).is_some_and(|(scheme, ..)| matches!(scheme.as_str(), "http" | "https")))
}

/// Why nothing came of a request.
fn trouble(host: &str, error: ureq::Error) -> HubError {
    let (host, cause) = (host.to_owned(), cause(&error));
    match error {
        ureq::Error::Rustls(_) | ureq::Error::Tls(_) => HubError::Untrusted { host, cause },
        ureq::Error::Timeout(Timeout::PerRead | Timeout::RecvResponse | Timeout::RecvBody) => {
            HubError::Broken { host, cause }
        }
        _ => HubError::Unreachable { host, cause },
    }
}

fn broken(host: &str, error: ureq::Error) -> HubError {
    HubError::Broken { host: host.into(), cause: cause(&error) }
}

fn cause(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::Timeout(Timeout::PerRead) => "nothing came for too long".into(),
        other => other.to_string(),
    }
}

fn certificates(path: &std::path::Path) -> Result<RootCerts, HubError> {
    let failed = |cause: String| HubError::Certificates { path: path.to_path_buf(), cause };
    let text = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    let found: Vec<Certificate<'static>> = parse_pem(&text)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() {
        return Err(failed("there is no certificate in it".into()));
    }
    Ok(RootCerts::new_with_certs(&found))
}

/// Attempts at one thing.
pub struct Attempts {
    patience: Patience,
    failed: u32,
}

impl Attempts {
    pub fn new(patience: Patience) -> Self {
        Self { patience, failed: 0 }
    }

    /// Something came: the next failure is the first again.
    pub fn progressed(&mut self) {
        self.failed = 0;
    }

    /// Waits until it is worth another attempt; the error itself where none is.
    pub fn again(&mut self, error: HubError, host: &mut dyn FetchHost) -> Result<(), HubError> {
        self.failed += 1;
        if !error.is_passing() || self.failed >= self.patience.attempts {
            return Err(error);
        }
        let wait = match &error {
            HubError::Busy { wait: Some(seconds), .. } if *seconds > LONGEST_WAIT => return Err(error),
            HubError::Busy { wait: Some(seconds), .. } => Duration::from_secs(*seconds),
            _ => self.patience.pause * 2u32.saturating_pow(self.failed - 1),
        };
        tracing::info!("{error}; another attempt in {wait:?}");
        host.tell(FetchEvent::Waiting { why: Arc::new(error), wait });
        let end = Instant::now() + wait;
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            if host.ask().is_break() {
                return Err(HubError::Stopped);
            }
            thread::sleep(left.min(BETWEEN_ASKS));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_followed_and_only_the_same_scheme_host_and_port_is_home() {
        let from: Uri = "https://hf-mirror.com/a/b".parse().unwrap();
        let to = |location| follow(&from, location).map(|uri| uri.to_string());
        assert_eq!(to("/c?d=1").as_deref(), Some("https://hf-mirror.com/c?d=1"));
        assert_eq!(to("//cdn.com/c").as_deref(), Some("https://cdn.com/c"));
        assert_eq!(to("http://cdn.com/c").as_deref(), Some("http://cdn.com/c"));
        assert_eq!((to("file:///etc/passwd"), to("c")), (None, None));
        let home = origin(&from);
        for (other, is_home) in [
            ("https://HF-mirror.com:443/x", true),
            ("http://hf-mirror.com/x", false),
            ("https://hf-mirror.com:8443/x", false),
            ("https://hf-mirror.com.evil.com/x", false),
        ] {
            assert_eq!(origin(&other.parse().unwrap()) == home, is_home, "{other}");
        }
    }

    struct Watched(Vec<u128>, ControlFlow<()>);

    impl FetchHost for Watched {
        fn tell(&mut self, event: FetchEvent) {
            if let FetchEvent::Waiting { wait, .. } = event {
                self.0.push(wait.as_millis());
            }
        }

        fn moved(&mut self, _: u64, _: u64) {}

        fn ask(&mut self) -> ControlFlow<()> {
            self.1
        }
    }

    #[test]
    fn attempts_end_and_begin_anew_once_something_came() {
        let patience = Patience { attempts: 3, pause: Duration::from_millis(1), silence: Duration::from_secs(1) };
        let passing = || HubError::Trouble { host: "h".into(), status: 503 };
        let mut host = Watched(Vec::new(), ControlFlow::Continue(()));
        let mut attempts = Attempts::new(patience);
        assert!(attempts.again(passing(), &mut host).is_ok() && attempts.again(passing(), &mut host).is_ok());
        attempts.progressed();
        assert!(attempts.again(passing(), &mut host).is_ok() && attempts.again(passing(), &mut host).is_ok());
        assert!(matches!(attempts.again(passing(), &mut host), Err(HubError::Trouble { .. })));
        assert!(Attempts::new(patience).again(HubError::NoHome, &mut host).is_err());
        let long = HubError::Busy { host: "h".into(), wait: Some(3600) };
        assert!(Attempts::new(patience).again(long, &mut host).is_err());
        assert_eq!(host.0, [1, 2, 1, 2]);
        let slow = Patience { pause: Duration::from_secs(60), ..patience };
        let stopped = Attempts::new(slow).again(passing(), &mut Watched(Vec::new(), ControlFlow::Break(())));
        assert!(matches!(stopped, Err(HubError::Stopped)));
    }
}
