//! Whether anything answers where ssh connects to: a host whose port answers is alive, however long its login takes.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Target;
use crate::transport::process;

/// TCP by itself knocks again after a second only: a lost packet shall not make a host look dead.
const BETWEEN: Duration = Duration::from_millis(150);
/// `ssh -G` only reads files, unless the user's configuration has it run a command.
const READING: Duration = Duration::from_secs(1);

/// Where a host's port for ssh is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Door {
    At(String, u16),
    /// ssh goes through another host or a command, or does not say where.
    Elsewhere,
}

/// Whether anything answers at the door, knocked at again and again. Also true where that cannot be tried.
pub(super) async fn is_answered(door: &Door, within: Duration) -> bool {
    let Door::At(name, port) = door else {
        return true;
    };
    let knocks = async {
        let mut knocks = FuturesUnordered::new();
        loop {
            knocks.push(TcpStream::connect((name.as_str(), *port)));
            // Who refuses answers.
            if timeout(BETWEEN, knocks.next()).await.is_ok() {
                return;
            }
        }
    };
    timeout(within, knocks).await.is_ok()
}

/// Where ssh would connect to.
pub(super) async fn door(target: &Target) -> Door {
    let door = destination(target).await;
    door.map_or(Door::Elsewhere, |(name, port)| Door::At(name, port))
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
    async fn who_listens_and_who_refuses_answers() {
        let within = Duration::from_secs(10);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let target = Target {
            destination: "127.0.0.1".to_owned(),
            user: None,
            port: Some(listener.local_addr().unwrap().port()),
            config: Some("/dev/null".into()),
        };
        let door = door(&target).await;
        assert_eq!(
            door,
            Door::At("127.0.0.1".to_owned(), listener.local_addr().unwrap().port())
        );
        assert!(is_answered(&door, within).await);
        drop(listener);
        assert!(is_answered(&door, within).await);
        assert!(is_answered(&Door::Elsewhere, Duration::ZERO).await);
    }

    #[tokio::test]
    async fn a_port_that_drops_everything_answers_nothing() {
        // A listener whose queue is full: further packets are dropped.
        let socket = socket_with_a_queue_of_one();
        let address = socket.local_addr().unwrap();
        let queued: Vec<_> = (0..3).map(|_| TcpStream::connect(address)).collect();
        let queued = futures_util::future::join_all(queued.into_iter().map(|one| timeout(BETWEEN, one))).await;
        assert!(queued.iter().any(Result::is_err), "the queue is full");
        let door = Door::At("127.0.0.1".to_owned(), address.port());
        assert!(!is_answered(&door, BETWEEN * 2).await);
    }

    fn socket_with_a_queue_of_one() -> std::net::TcpListener {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        socket.listen(0).unwrap().into_std().unwrap()
    }
}
