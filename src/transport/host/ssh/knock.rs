//! Whether anything answers where ssh connects to: a host whose port answers is alive, however long its login takes.

use std::time::Duration;

use tokio::net::TcpStream;

use super::Target;
use crate::transport::process;

/// TCP has knocked once more when this is over.
const PATIENCE: Duration = Duration::from_millis(1100);
/// `ssh -G` only reads files, unless the user's configuration has it run a command.
const READING: Duration = Duration::from_secs(1);

/// Connects to where ssh would. Also true where that cannot be tried: ssh goes through another host or a command, or does not say where.
pub(super) async fn is_alive(target: &Target) -> bool {
    let Some((name, port)) = destination(target).await else {
        return true;
    };
    // Who refuses answers.
    tokio::time::timeout(PATIENCE, TcpStream::connect((name.as_str(), port)))
        .await
        .is_ok()
}

async fn destination(target: &Target) -> Option<(String, u16)> {
    let mut argv = vec!["ssh".to_owned(), "-G".to_owned()];
    if let Some(config) = &target.config {
        argv.extend(["-F".to_owned(), config.to_str()?.to_owned()]);
    }
    if let Some(user) = &target.user {
        argv.extend(["-l".to_owned(), user.clone()]);
    }
    if let Some(port) = target.port {
        argv.extend(["-p".to_owned(), port.to_string()]);
    }
    argv.extend(["--".to_owned(), target.destination.clone()]);
    let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
    let told = process::run(&argv, &[], READING).await.ok()?;
    (told.code == Some(0)).then(|| read(&told.stdout)).flatten()
}

/// Where `ssh -G` says that it connects to by itself.
fn read(told: &str) -> Option<(String, u16)> {
    let value = |key: &str| {
        let pairs = told.lines().filter_map(|line| line.split_once(' '));
        pairs.filter(|(name, _)| *name == key).map(|(_, value)| value).next()
    };
    let through = |key: &str| value(key).is_some_and(|way| way != "none");
    if through("proxyjump") || through("proxycommand") {
        return None;
    }
    Some((value("hostname")?.to_owned(), value("port")?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_ssh_connects_to_by_itself_is_knocked_at() {
        let told = "user ops\nhostname 10.0.0.7\nport 2222\nproxyusefdpass no\n";
        assert_eq!(read(told), Some(("10.0.0.7".to_owned(), 2222)));
        for way in ["proxyjump bastion", "proxycommand nc %h %p"] {
            assert_eq!(read(&format!("{told}{way}\n")), None, "{way}");
        }
        assert_eq!(
            read(&format!("{told}proxyjump none\n")),
            Some(("10.0.0.7".to_owned(), 2222))
        );
        for text in ["", "hostname x\n", "hostname x\nport many\n"] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[tokio::test]
    async fn who_listens_and_who_refuses_is_alive() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let target = Target {
            destination: "127.0.0.1".to_owned(),
            user: None,
            port: Some(listener.local_addr().unwrap().port()),
            config: Some("/dev/null".into()),
        };
        assert!(is_alive(&target).await);
        drop(listener);
        assert!(is_alive(&target).await);
    }
}
