//! Names, URLs and ssh destinations as people write them, checked before anything uses them.
//!
//! What begins with `-` could be taken for an option, and what holds white space or control characters could break a
//! line or a question: both are refused wherever a name comes from.

use std::net::Ipv6Addr;

/// Why a text is no name, URL or destination.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AddressError {
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl AddressError {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The parts of a URL of etcd: nothing but scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub is_https: bool,
    /// A name or an IP address; IPv6 without brackets.
    pub host: String,
    pub port: u16,
}

impl Address {
    /// The URL, without trailing slash, with IPv6 in brackets.
    pub fn url(&self) -> String {
        let scheme = if self.is_https { "https" } else { "http" };
        format!("{scheme}://{}", self.host_and_port())
    }

    /// `host:port`, with IPv6 in brackets.
    pub fn host_and_port(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// Reads `http://host:port` or `https://host:port`; for a bare `host:port` the scheme is https where `bare_is_https`.
pub fn address(text: &str, bare_is_https: bool) -> Result<Address, AddressError> {
    plain_word("URL", text)?;
    let (is_https, rest) = match text.split_once("://") {
        Some(("http", rest)) => (false, rest),
        Some(("https", rest)) => (true, rest),
        Some((scheme, _)) => {
            let message = format!("`{text}` has the scheme `{scheme}`, etcd has http and https");
            return Err(AddressError::new(message));
        }
        None => (bare_is_https, text),
    };
    let example = format!("write for example `https://{}:2379`", example_host(rest));
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains('@') {
        return Err(AddressError::new("a URL may not hold a user or password")
            .hint("use `auth: {user: …, password_file: …}` or `--user`"));
    }
    if rest.contains(['/', '?', '#']) {
        return Err(AddressError::new(format!("`{text}` has more than scheme, host and port")).hint(example));
    }
    let (host, port) = split_port(rest).ok_or_else(|| {
        let message = format!("`{text}` has no port, or an IPv6 address without brackets");
        AddressError::new(message).hint(example.clone())
    })?;
    host_name(host)?;
    let port = port.parse::<u16>().ok().filter(|number| *number > 0);
    let port =
        port.ok_or_else(|| AddressError::new(format!("`{text}` has no port from 1 to 65535")).hint(example.clone()))?;
    Ok(Address {
        is_https,
        host: host.to_owned(),
        port,
    })
}

/// The place that a URL of etcd leads to. Also of one that was read and written by others, who leave out the port that its
/// scheme has anyway.
pub fn located(url: &str) -> Option<Address> {
    let url = url::Url::parse(url.trim()).ok()?;
    let is_https = match url.scheme() {
        "https" => true,
        "http" => false,
        _ => return None,
    };
    Some(Address {
        is_https,
        host: url.host_str()?.trim_matches(['[', ']']).to_owned(),
        port: url.port_or_known_default()?,
    })
}

/// `host:port` or `[address]:port`; the host without brackets.
fn split_port(text: &str) -> Option<(&str, &str)> {
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split_once("]:");
    }
    let (host, port) = text.rsplit_once(':')?;
    (!host.contains(':')).then_some((host, port))
}

fn example_host(rest: &str) -> String {
    let bare = rest.split('/').next().unwrap_or_default();
    let bare = bare.trim_matches(['[', ']']);
    if bare.parse::<Ipv6Addr>().is_ok() {
        return format!("[{bare}]");
    }
    let host = bare.split(':').next().unwrap_or_default();
    if host_name(host).is_ok() {
        host.to_owned()
    } else {
        "etcd-1".to_owned()
    }
}

/// A DNS name or an IP address (IPv6 without brackets).
pub fn host_name(text: &str) -> Result<(), AddressError> {
    plain_word("host", text)?;
    if text.contains(':') {
        return match text.parse::<Ipv6Addr>() {
            Ok(_) => Ok(()),
            Err(_) => Err(AddressError::new(format!("`{text}` is no IPv6 address"))),
        };
    }
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_');
    match text.chars().find(|letter| !fits(*letter)) {
        Some(wrong) => Err(AddressError::new(format!(
            "`{text}` is no host name: it holds `{wrong}`"
        ))),
        None => Ok(()),
    }
}

/// A name for a cluster, host or user: it may stand in questions, file names and command lines.
pub fn name(what: &str, text: &str) -> Result<(), AddressError> {
    plain_word(what, text)?;
    if matches!(text, "." | "..") {
        return Err(AddressError::new(format!("the {what} may not be called `{text}`")));
    }
    let is_wrong = |letter: &char| {
        matches!(
            letter,
            '/' | '\\' | '\'' | '"' | '`' | '$' | ';' | '&' | '|' | '<' | '>'
        )
    };
    match text.chars().find(is_wrong) {
        Some(wrong) => Err(AddressError::new(format!("the {what} `{text}` may not hold `{wrong}`"))),
        None => Ok(()),
    }
}

/// Where ssh goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// A name (perhaps only the user's ssh configuration knows it) or an address; IPv6 without brackets.
    pub host: String,
    pub user: Option<String>,
    pub port: Option<u16>,
}

/// Reads `host`, `user@host`, `[address]` or `ssh://user@host:port`.
pub fn destination(text: &str) -> Result<Destination, AddressError> {
    plain_word("ssh destination", text)?;
    let (rest, is_url) = match text.split_once("://") {
        Some(("ssh", rest)) => (rest.strip_suffix('/').unwrap_or(rest), true),
        Some((scheme, _)) => {
            let message = format!("`{text}` has the scheme `{scheme}`, ssh has ssh");
            return Err(AddressError::new(message));
        }
        None => (text, false),
    };
    let (user, host) = match rest.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, rest),
    };
    if let Some(user) = user {
        name("ssh user", user)?;
        if user.contains(':') {
            return Err(AddressError::new("an ssh destination may not hold a password"));
        }
    }
    let (host, port) = match split_port(host) {
        Some((host, port)) if is_url => (host, Some(port)),
        _ => (
            host.strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
                .unwrap_or(host),
            None,
        ),
    };
    name("ssh destination", host)?;
    if host.contains(':') && host.parse::<Ipv6Addr>().is_err() {
        let message = format!("`{text}` is no ssh destination: `{host}` is no IPv6 address");
        return Err(AddressError::new(message).hint("give the port as `ssh: {destination: …, port: 22}`"));
    }
    let port = match port.map(str::parse::<u16>) {
        None => None,
        Some(Ok(port)) if port > 0 => Some(port),
        Some(_) => return Err(AddressError::new(format!("`{text}` has no port from 1 to 65535"))),
    };
    Ok(Destination {
        host: host.to_owned(),
        user: user.map(str::to_owned),
        port,
    })
}

/// A word without white space and control characters that cannot be taken for an option.
pub fn plain_word(what: &str, text: &str) -> Result<(), AddressError> {
    if text.is_empty() {
        return Err(AddressError::new(format!("the {what} is empty")));
    }
    if text.starts_with('-') {
        let message = format!(
            "the {what} `{}` begins with `-`, which programs take for an option",
            text.escape_debug()
        );
        return Err(AddressError::new(message));
    }
    if text.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
        let message = format!(
            "the {what} `{}` holds white space or control characters",
            text.escape_debug()
        );
        return Err(AddressError::new(message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read() {
        for (text, url) in [
            ("https://etcd-1:2379", "https://etcd-1:2379"),
            ("http://etcd-1:2379/", "http://etcd-1:2379"),
            ("https://[2001:db8::1]:2379", "https://[2001:db8::1]:2379"),
            ("[::1]:2379", "http://[::1]:2379"),
            ("10.0.0.1:2379", "http://10.0.0.1:2379"),
        ] {
            assert_eq!(address(text, false).unwrap().url(), url);
        }
        assert_eq!(address("a:1", true).unwrap().url(), "https://a:1");
    }

    #[test]
    fn malformed_urls_teach() {
        for (text, part) in [
            ("", "empty"),
            ("https://etcd-1", "no port"),
            ("https://::1:2379", "brackets"),
            ("https://[::1]", "no port"),
            ("https://[::g]:2379", "IPv6"),
            ("ftp://a:1", "scheme"),
            ("unix:///run/etcd", "scheme"),
            ("https://a:0", "65535"),
            ("https://a:99999", "65535"),
            ("https://a:2379/v3", "more than"),
            ("https://u:p@a:2379", "user or password"),
            ("https://a b:1", "white space"),
            ("https://a\n:1", "white space"),
            ("https://-x:1", "`-`"),
            ("-oProxyCommand=x:1", "`-`"),
            ("https://é:1", "host name"),
            ("https://a$(x):1", "host name"),
        ] {
            let error = address(text, true).unwrap_err();
            assert!(error.message.contains(part), "{text}: {error}");
        }
        let error = address("https://2001:db8::1", true).unwrap_err();
        assert_eq!(error.hint.unwrap(), "write for example `https://[2001:db8::1]:2379`");
    }

    #[test]
    fn destinations_are_read() {
        let read = |text: &str| destination(text).unwrap();
        let parts = |text: &str| (read(text).user, read(text).host, read(text).port);
        assert_eq!(parts("etcd-1"), (None, "etcd-1".into(), None));
        assert_eq!(parts("ops@etcd-1"), (Some("ops".into()), "etcd-1".into(), None));
        assert_eq!(
            parts("ssh://ops@etcd-1:2222"),
            (Some("ops".into()), "etcd-1".into(), Some(2222))
        );
        assert_eq!(parts("2001:db8::1"), (None, "2001:db8::1".into(), None));
        assert_eq!(parts("root@[::1]"), (Some("root".into()), "::1".into(), None));
        assert_eq!(parts("ssh://[::1]:22"), (None, "::1".into(), Some(22)));
    }

    #[test]
    fn destinations_that_are_options_or_lines_are_refused() {
        for text in [
            "",
            "-oProxyCommand=x",
            "ops@-oProxyCommand=x",
            "-l@x",
            "a b",
            "a\nb",
            "a\u{1b}[2Jb",
            "a:22",
            "u:p@a",
            "https://a",
            "ssh://a:0",
            "ssh://a:x",
            "a;reboot",
            "$(reboot)",
            "@",
            "a@",
            "@a",
        ] {
            assert!(destination(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn names_that_could_do_harm_are_refused() {
        for text in ["", "-x", "a b", "a\tb", "a/b", "..", "a'b", "$x", "a\u{0}"] {
            assert!(name("host", text).is_err(), "{text:?}");
        }
        for text in ["etcd-1", "a.b.c", "été", "::1", "c1_x"] {
            assert!(name("host", text).is_ok(), "{text:?}");
        }
    }
}
