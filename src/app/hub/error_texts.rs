//! Why a model of the hub cannot be had, in the window's language.

use crate::app::error_texts::io;
use crate::app::sentences::sentence;
use crate::app::texts::{Language, Texts};
use crate::model::hub::HubError;

pub fn hub(texts: Texts, error: &HubError) -> String {
    use HubError as E;
    if texts.language() == Language::English {
        return error.to_string();
    }
    let say = |key, values: &[(&str, &dyn std::fmt::Display)]| texts.with(key, values);
    match error {
        E::Name(name) => say("error_hub_name", &[("name", name)]),
        E::Revision(revision) => say("error_hub_revision", &[("revision", revision)]),
        E::NoHome => say("error_hub_no_home", &[]),
        E::Endpoint(address) => say("error_hub_endpoint", &[("address", address)]),
        E::Certificates { path, cause } => {
            say("error_hub_certificates", &[("file", &path.display()), ("cause", &sentence(texts, cause))])
        }
        E::NotCached(id) => say("error_hub_not_cached", &[("id", id)]),
        E::Offline(id) => say("error_hub_offline", &[("id", id)]),
        E::Unreachable { host, cause } => {
            say("error_hub_unreachable", &[("host", host), ("cause", &sentence(texts, cause))])
        }
        E::Untrusted { host, cause } => say("error_hub_untrusted", &[("host", host), ("cause", cause)]),
        E::Broken { host, cause } => say("error_hub_broken", &[("host", host), ("cause", &sentence(texts, cause))]),
        E::NoToken { host, id } => say("error_hub_no_token", &[("host", host), ("id", id)]),
        E::BadToken { host, id, place, status } => {
            say("error_hub_bad_token", &[("host", host), ("id", id), ("place", place), ("status", status)])
        }
        E::Gated { id, page } => say("error_hub_gated", &[("id", id), ("page", page)]),
        E::MissingModel { host, id, revision } => {
            say("error_hub_missing_model", &[("host", host), ("id", id), ("revision", revision)])
        }
        E::MissingFile { host, id, name } => {
            say("error_hub_missing_file", &[("host", host), ("id", id), ("file", name)])
        }
        E::Busy { host, wait: Some(seconds) } => say("error_hub_busy_for", &[("host", host), ("seconds", seconds)]),
        E::Busy { host, wait: None } => say("error_hub_busy", &[("host", host)]),
        E::Trouble { host, status } => say("error_hub_trouble", &[("host", host), ("status", status)]),
        E::Answer { host, cause } => say("error_hub_answer", &[("host", host), ("cause", &sentence(texts, cause))]),
        E::Unusable { id, cause } => say("error_hub_unusable", &[("id", id), ("cause", &sentence(texts, cause))]),
        E::Outside { id, name } => say("error_hub_outside", &[("id", id), ("file", name)]),
        E::NoChecksum { host, name } => say("error_hub_no_checksum", &[("host", host), ("file", name)]),
        E::Size { host, name, told, wanted } => {
            say("error_hub_size", &[("host", host), ("file", name), ("told", told), ("wanted", wanted)])
        }
        E::Checksum { host, name } => say("error_hub_checksum", &[("host", host), ("file", name)]),
        E::DiskFull { folder, missing } => {
            say("error_hub_disk_full", &[("folder", &folder.display()), ("missing", &format!("{missing:.1}"))])
        }
        E::Io { path, cause, .. } => say("error_hub_io", &[("file", &path.display()), ("cause", &io(texts, cause))]),
        E::Stopped => say("error_hub_stopped", &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_is_told_in_chinese_with_what_it_is_about() {
        let [host, id, name, cause] = ["h.com", "a/b", "f.bin", "why"].map(String::from);
        let io = || std::io::Error::other("why");
        for (error, keeps) in [
            (HubError::Name(id.clone()), &["a/b", "BAAI/bge-m3"][..]),
            (HubError::Revision("r".into()), &["r"]),
            (HubError::NoHome, &["HF_HOME"]),
            (HubError::Endpoint("x".into()), &["x", "https://hf-mirror.com"]),
            (HubError::Certificates { path: "c.pem".into(), cause: cause.clone() }, &["c.pem", "why"]),
            (HubError::NotCached(id.clone()), &["a/b"]),
            (HubError::Offline(id.clone()), &["a/b", "HF_HUB_OFFLINE"]),
            (HubError::Unreachable { host: host.clone(), cause: cause.clone() }, &["h.com", "why", "镜像"]),
            (HubError::Untrusted { host: host.clone(), cause: cause.clone() }, &["h.com", "SSL_CERT_FILE"]),
            (HubError::Broken { host: host.clone(), cause: cause.clone() }, &["h.com", "why"]),
            (HubError::NoToken { host: host.clone(), id: id.clone() }, &["h.com", "a/b", "HF_TOKEN"]),
            (
                HubError::BadToken { host: host.clone(), id: id.clone(), place: "P".into(), status: 403 },
                &["h.com", "a/b", "P", "403"],
            ),
            (HubError::Gated { id: id.clone(), page: "page".into() }, &["a/b", "page"]),
            (
                HubError::MissingModel { host: host.clone(), id: id.clone(), revision: "r".into() },
                &["h.com", "a/b", "r"],
            ),
            (HubError::MissingFile { host: host.clone(), id: id.clone(), name: name.clone() }, &["h.com", "f.bin"]),
            (HubError::Busy { host: host.clone(), wait: Some(7) }, &["h.com", "7"]),
            (HubError::Busy { host: host.clone(), wait: None }, &["h.com"]),
            (HubError::Trouble { host: host.clone(), status: 502 }, &["h.com", "502"]),
            (HubError::Answer { host: host.clone(), cause: cause.clone() }, &["h.com", "why"]),
            (HubError::Unusable { id: id.clone(), cause: cause.clone() }, &["a/b", "why"]),
            (HubError::Outside { id: id.clone(), name: name.clone() }, &["a/b", "f.bin"]),
            (HubError::NoChecksum { host: host.clone(), name: name.clone() }, &["h.com", "f.bin"]),
            (
                HubError::Size { host: host.clone(), name: name.clone(), told: 5, wanted: 6 },
                &["h.com", "f.bin", "5", "6"],
            ),
            (HubError::Checksum { host, name }, &["h.com", "f.bin"]),
            (HubError::DiskFull { folder: "d".into(), missing: 1.25 }, &["d", "1.2"]),
            (HubError::Io { path: "p".into(), action: "write", cause: io() }, &["p", "why"]),
            (HubError::Stopped, &[]),
        ] {
            let chinese = hub(Texts::new(Language::Chinese), &error);
            assert!(chinese != "…" && chinese != error.to_string() && !chinese.contains('{'), "{chinese}");
            assert!(keeps.iter().all(|keep| chinese.contains(keep)), "{chinese}");
            assert_eq!(hub(Texts::new(Language::English), &error), error.to_string());
        }
    }
}
