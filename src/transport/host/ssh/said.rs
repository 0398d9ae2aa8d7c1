//! What ssh said: whole, and what it means.

use crate::call::Fault;

/// The error with all its causes, without repeating what says nothing.
pub(super) fn chain(error: &openssh::Error) -> String {
    let mut text = String::new();
    let mut next: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(cause) = next {
        let line = cause.to_string().trim().replace("\r\n", "; ").replace('\n', "; ");
        if !text.contains(&line) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&line);
        }
        next = cause.source();
    }
    if text.is_empty() { error.to_string() } else { text }
}

/// Of ssh's long warning of a changed key what names the two keys; anything else as it is.
pub(super) fn shortened(said: &str) -> String {
    if !said.contains("HOST IDENTIFICATION HAS CHANGED") {
        return said.to_owned();
    }
    let telling = |line: &&str| line.starts_with("SHA256:") || line.starts_with("Offending");
    let (mut sent, mut known) = (String::new(), String::new());
    for line in said.split("; ").filter(telling) {
        let line = line.trim_end_matches('.');
        match line.strip_prefix("Offending ") {
            Some(offending) => known = format!(", not the known {offending}"),
            None => sent = format!(" {line}"),
        }
    }
    format!("Host key verification failed: it sent the key{sent}{known}")
}

/// What ssh said, as a fault and what to do about it.
pub(super) fn classify(said: &str) -> (Fault, &'static str) {
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if has(&["HOST IDENTIFICATION HAS CHANGED", "Offending"]) {
        (Fault::HostKey, "; find out why it has another key before you connect")
    } else if has(&[
        "Host key verification failed",
        "No ED25519 host key is known",
        "host key is known",
    ]) {
        (
            Fault::HostKey,
            "; connect once with `ssh` and compare the key's fingerprint",
        )
    } else if has(&["Permission denied", "Too many authentication failures"]) {
        (
            Fault::Auth,
            "; only keys without a passphrase, or those in the agent, can be used (see `ssh-add -l`)",
        )
    } else if has(&["Could not resolve", "not known", "Name or service"]) {
        (Fault::Name, "")
    } else if has(&["timed out", "Timeout"]) {
        (Fault::Timeout, "")
    } else {
        (Fault::Connect, "")
    }
}
