//! What the playground remembers: which etcd it runs, and which ports its hosts have.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::PlaygroundError;
use crate::base::files::write_private;
use crate::cluster::version::Version;

const SCHEMA: &str = "etcdops/playground/v1";
const FILE: &str = "playground.json";

/// One host: a folder with a process in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlayHost {
    pub name: String,
    pub client_port: u16,
    pub peer_port: u16,
    /// A host without a member at first, for `add-member`.
    pub spare: bool,
}

impl PlayHost {
    pub fn client_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.client_port)
    }

    pub fn peer_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.peer_port)
    }
}

/// The playground as it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pub schema: String,
    /// The program, by its absolute path.
    pub etcd: PathBuf,
    pub version: Version,
    pub created: Timestamp,
    /// Tells this cluster from one of an earlier playground on the same ports.
    pub token: String,
    pub hosts: Vec<PlayHost>,
}

impl State {
    /// `ports` holds two for each host.
    pub fn new(etcd: PathBuf, version: Version, created: Timestamp, ports: &[u16], members: usize) -> Self {
        let hosts = ports
            .chunks_exact(2)
            .enumerate()
            .map(|(index, pair)| PlayHost {
                name: format!("etcd-{}", index + 1),
                client_port: pair[0],
                peer_port: pair[1],
                spare: index >= members,
            })
            .collect();
        Self {
            schema: SCHEMA.to_owned(),
            etcd,
            version,
            token: format!("playground-{}", created.as_nanosecond()),
            created,
            hosts,
        }
    }

    /// The hosts that had a member from the start.
    pub fn members(&self) -> impl Iterator<Item = &PlayHost> {
        self.hosts.iter().filter(|host| !host.spare)
    }

    /// `None`: there is no playground in this folder.
    pub fn load(root: &Path) -> Result<Option<Self>, PlaygroundError> {
        let path = root.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(PlaygroundError::Io {
                    action: "read",
                    path,
                    source,
                });
            }
        };
        let broken = |why: String| PlaygroundError::BrokenState {
            path: path.clone(),
            why,
        };
        let state: Self = serde_json::from_str(&text).map_err(|error| broken(error.to_string()))?;
        if state.schema != SCHEMA {
            return Err(broken(format!("its schema is `{}`, not `{SCHEMA}`", state.schema)));
        }
        if state.hosts.is_empty() {
            return Err(broken("it names no host".to_owned()));
        }
        Ok(Some(state))
    }

    pub fn save(&self, root: &Path) -> Result<(), PlaygroundError> {
        let text = serde_json::to_string_pretty(self).expect("a state has only text keys");
        write_private(&root.join(FILE), text.as_bytes())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        let created = "2026-11-20T13:00:00Z".parse().unwrap();
        State::new(
            "/usr/bin/etcd".into(),
            Version::new(3, 5, 30),
            created,
            &[1, 2, 3, 4, 5, 6],
            2,
        )
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(State::load(root.path()).unwrap(), None);
        state().save(root.path()).unwrap();
        let loaded = State::load(root.path()).unwrap().unwrap();
        assert_eq!(loaded, state());
        assert_eq!(loaded.members().count(), 2);
        assert_eq!(loaded.hosts[2].client_url(), "http://127.0.0.1:5");
        assert!(loaded.hosts[2].spare);
    }

    #[test]
    fn a_broken_state_is_told_with_its_path() {
        let root = tempfile::tempdir().unwrap();
        for text in [
            "",
            "{}",
            &serde_json::to_string(&state()).unwrap().replace("/v1", "/v9"),
        ] {
            write_private(&root.path().join(FILE), text.as_bytes()).unwrap();
            let error = State::load(root.path()).unwrap_err().to_string();
            assert!(error.contains(FILE), "{error}");
        }
    }
}
