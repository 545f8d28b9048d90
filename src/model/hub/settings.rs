use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use directories::BaseDirs;
use ureq::http::{HeaderValue, Uri};

use super::HubError;

/// Where the hub is and where its models lie, by the environment variables that `huggingface_hub` reads.
#[derive(Clone, Debug)]
pub struct HubSettings {
    /// The hub's or a mirror's address, without a slash at its end (`HF_ENDPOINT`).
    pub endpoint: String,
    /// The folder of the shared cache (`HF_HUB_CACHE`, or `hub` in `HF_HOME`).
    pub cache: PathBuf,
    /// `HF_TOKEN`, or the file that `hf auth login` writes.
    pub token: Option<Token>,
    /// Whether nothing may be downloaded (`HF_HUB_OFFLINE`).
    pub offline: bool,
    /// A file of certificates that are trusted in place of Mozilla's (`SSL_CERT_FILE`, `REQUESTS_CA_BUNDLE`), as
    /// networks need that look into what is encrypted.
    pub certificates: Option<PathBuf>,
    pub patience: Patience,
}

/// How long a download bears with a bad network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Attempts in a row that brought nothing, after which it is given up.
    pub attempts: u32,
    /// Wait before the second of them; doubled for each one more.
    pub pause: Duration,
    /// Time without a byte after which a connection counts as broken.
    pub silence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { attempts: 5, pause: Duration::from_secs(1), silence: Duration::from_secs(30) }
    }
}

/// A secret that says who asks. It is never shown.
#[derive(Clone)]
pub struct Token {
    secret: String,
    /// Where it was found.
    place: String,
}

impl Token {
    pub fn new(secret: &str, place: &str) -> Self {
        Self { secret: secret.into(), place: place.into() }
    }

    pub fn place(&self) -> &str {
        &self.place
    }

    /// The value of the header `Authorization`, which ureq does not log; none if the secret is no text for one.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.secret)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token(from {})", self.place)
    }
}

const ENDPOINT: &str = "https://huggingface.co";

impl HubSettings {
    pub fn from_env() -> Result<Self, HubError> {
        let home = BaseDirs::new().map(|dirs| dirs.home_dir().to_path_buf());
        Self::read(|name| std::env::var(name).ok(), home)
    }

    /// The cache's folder alone, which stands whatever else is set wrongly.
    pub(super) fn cache_from_env() -> Result<PathBuf, HubError> {
        let home = BaseDirs::new().map(|dirs| dirs.home_dir().to_path_buf());
        Ok(Places::read(&|name| std::env::var(name).ok(), home)?.cache)
    }

    fn read(variable: impl Fn(&str) -> Option<String>, home: Option<PathBuf>) -> Result<Self, HubError> {
        let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let is_on = |name: &str| set(name).is_some_and(|value| is_true(&value));
        let Places { cache, token_file } = Places::read(&variable, home)?;
        let endpoint = checked(&set("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.into()))?;
        let from_variable = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]
            .into_iter()
            .find_map(|name| Some(Token::new(set(name)?.trim(), name)));
        let from_file = || {
            let secret = std::fs::read_to_string(&token_file).ok()?;
            let secret = secret.trim();
            (!secret.is_empty()).then(|| Token::new(secret, &token_file.display().to_string()))
        };
        let token = from_variable.or_else(from_file).filter(|_| !is_on("HF_HUB_DISABLE_IMPLICIT_TOKEN"));
        Ok(Self {
            endpoint,
            cache,
            token,
            offline: is_on("HF_HUB_OFFLINE") || is_on("TRANSFORMERS_OFFLINE"),
            certificates: ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]
                .into_iter()
                .find_map(set)
                .map(PathBuf::from),
            patience: Patience::default(),
        })
    }

    /// The same with another address of the hub.
    pub fn with_endpoint(self, endpoint: &str) -> Result<Self, HubError> {
        Ok(Self { endpoint: checked(endpoint)?, ..self })
    }

    /// The name of the computer that is asked, with its port.
    pub fn host(&self) -> String {
        let address: Option<Uri> = self.endpoint.parse().ok();
        address.and_then(|uri| Some(uri.authority()?.to_string())).unwrap_or_else(|| self.endpoint.clone())
    }
}

/// An address, without a slash at its end.
fn checked(endpoint: &str) -> Result<String, HubError> {
    let endpoint = endpoint.trim().trim_end_matches('/');
    let address: Option<Uri> = endpoint.parse().ok();
    let is_address = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    if !address.as_ref().is_some_and(is_address) {
        return Err(HubError::Endpoint(endpoint.into()));
    }
    Ok(endpoint.into())
}

struct Places {
    cache: PathBuf,
    token_file: PathBuf,
}

impl Places {
    fn read(variable: &dyn Fn(&str) -> Option<String>, home: Option<PathBuf>) -> Result<Self, HubError> {
        let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let path = |name: &str| {
            set(name).map(|value| match (value.strip_prefix("~/"), &home) {
                (Some(rest), Some(home)) => home.join(rest),
                _ => PathBuf::from(value),
            })
        };
        let root = path("HF_HOME")
            .or_else(|| path("XDG_CACHE_HOME").map(|cache| cache.join("huggingface")))
            .or_else(|| home.as_ref().map(|home| home.join(".cache").join("huggingface")));
        let below = |name: &str| root.as_ref().map(|root| root.join(name));
        let cache = path("HF_HUB_CACHE").or_else(|| path("HUGGINGFACE_HUB_CACHE")).or_else(|| below("hub"));
        let token_file = path("HF_TOKEN_PATH").or_else(|| below("token"));
        Ok(Self { cache: cache.ok_or(HubError::NoHome)?, token_file: token_file.ok_or(HubError::NoHome)? })
    }
}

/// What `huggingface_hub` takes for yes.
fn is_true(value: &str) -> bool {
    matches!(value.trim().to_ascii_uppercase().as_str(), "1" | "ON" | "YES" | "TRUE")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<HubSettings, HubError> {
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_string());
        HubSettings::read(find, Some("/home/li".into()))
    }

    #[test]
    fn the_cache_lies_where_python_looks_for_it() {
        let cache = |variables: &[(&str, &str)]| read(variables).unwrap().cache;
        assert_eq!(cache(&[]), Path::new("/home/li/.cache/huggingface/hub"));
        assert_eq!(cache(&[("XDG_CACHE_HOME", "/c")]), Path::new("/c/huggingface/hub"));
        assert_eq!(cache(&[("XDG_CACHE_HOME", "/c"), ("HF_HOME", "/hf")]), Path::new("/hf/hub"));
        assert_eq!(cache(&[("HF_HOME", "~/hf")]), Path::new("/home/li/hf/hub"));
        assert_eq!(cache(&[("HF_HOME", "/hf"), ("HF_HUB_CACHE", "/elsewhere")]), Path::new("/elsewhere"));
        let find = |_: &str| None;
        assert!(matches!(HubSettings::read(find, None), Err(HubError::NoHome)));
    }

    #[test]
    fn mirrors_are_taken_and_what_is_no_address_is_refused() {
        let settings = read(&[("HF_ENDPOINT", "https://hf-mirror.com/")]).unwrap();
        assert_eq!((settings.endpoint.as_str(), settings.host().as_str()), ("https://hf-mirror.com", "hf-mirror.com"));
        assert_eq!(read(&[("HF_ENDPOINT", " ")]).unwrap().endpoint, "https://huggingface.co");
        for wrong in ["hf-mirror.com", "ftp://x", "https://"] {
            let error = read(&[("HF_ENDPOINT", wrong)]).unwrap_err().to_string();
            assert!(error.contains("HF_ENDPOINT") && error.contains("https://hf-mirror.com"), "{error}");
        }
        assert!(read(&[("HF_HUB_OFFLINE", "yes")]).unwrap().offline);
        assert!(!read(&[("HF_HUB_OFFLINE", "0")]).unwrap().offline);
    }

    #[test]
    fn a_token_comes_from_variable_or_file_and_is_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "hf_from_file\n").unwrap();
        let home = folder.path().to_str().unwrap();
        let of_file = read(&[("HF_HOME", home)]).unwrap();
        assert_eq!(of_file.token.as_ref().unwrap().header().unwrap(), "Bearer hf_from_file");
        let of_variable = read(&[("HF_HOME", home), ("HF_TOKEN", "hf_secret")]).unwrap();
        assert_eq!(of_variable.token.as_ref().unwrap().header().unwrap(), "Bearer hf_secret");
        let shown = format!("{of_variable:?} {:?}", of_variable.token.as_ref().unwrap().header());
        assert!(!shown.contains("hf_secret") && shown.contains("HF_TOKEN"), "{shown}");
        assert!(read(&[("HF_HOME", home), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]).unwrap().token.is_none());
        assert!(read(&[("HF_HOME", "/nowhere")]).unwrap().token.is_none());
    }
}
