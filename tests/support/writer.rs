//! A client that puts numbered keys, one after another, and remembers which were acknowledged.

#![expect(clippy::disallowed_methods, reason = "tests start processes of their own")]

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use super::lab::Lab;
use super::wait_until;

/// Puts `writer/N` with a bound of two seconds each, some in a second: an etcdctl that is started again and again leaves no time to the
/// hosts. A line `N seconds` for each that was acknowledged.
const SCRIPT: &str = r#"
number=0
while [ -e "$1" ]; do
    number=$((number + 1))
    if timeout 3 "$ETCDCTL" --command-timeout=2s put "writer/$number" "$number" >/dev/null 2>&1; then
        echo "$number $EPOCHREALTIME"
    fi
    sleep 0.4
done
"#;

/// Writes until it is told to end.
pub struct Writer {
    child: Child,
    go: PathBuf,
    acknowledged: PathBuf,
}

impl Writer {
    /// Starts; returns when the first key is acknowledged. `version` is the lab's, exactly.
    pub fn start(lab: &Lab, version: &str, hosts: &[&str]) -> Self {
        let home = lab.bastion().home();
        let (go, acknowledged) = (home.join("writer.go"), home.join("writer.log"));
        fs::write(&go, "").unwrap();
        let pki = lab.folder().join("pki");
        let scheme = if pki.exists() { "https" } else { "http" };
        let urls: Vec<String> = hosts.iter().map(|host| format!("{scheme}://{host}:2379")).collect();
        let cache = std::env::var("ETCDOPS_CACHE").unwrap_or_else(|_| "/var/cache/etcdops".to_owned());
        let mut environment = vec![
            format!("ETCDCTL={cache}/etcd/{version}/etcdctl"),
            "ETCDCTL_API=3".to_owned(),
            format!("ETCDCTL_ENDPOINTS={}", urls.join(",")),
        ];
        if pki.exists() {
            for (name, file) in [("CACERT", "ca.crt"), ("CERT", "client.crt"), ("KEY", "client.key")] {
                environment.push(format!("ETCDCTL_{name}={}", pki.join(file).display()));
            }
        }
        if let Ok(password) = fs::read_to_string(lab.folder().join("password")) {
            environment.push(format!("ETCDCTL_USER=root:{}", password.trim()));
        }
        let mut words: Vec<&str> = environment.iter().map(String::as_str).collect();
        let flag = go.display().to_string();
        words.extend(["bash", "-c", SCRIPT, "writer", &flag]);
        let child = lab
            .bastion()
            .command("env", &words)
            .stdin(Stdio::null())
            .stdout(fs::File::create(&acknowledged).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let writer = Self {
            child,
            go,
            acknowledged,
        };
        wait_until("the first key is acknowledged", Duration::from_secs(30), || {
            !writer.lines().is_empty()
        });
        writer
    }

    fn lines(&self) -> Vec<(u64, f64)> {
        let text = fs::read_to_string(&self.acknowledged).unwrap_or_default();
        let parsed = text.lines().filter_map(|line| {
            let (number, at) = line.split_once(' ')?;
            Some((number.parse().ok()?, at.parse().ok()?))
        });
        parsed.collect()
    }

    /// Ends it, once a write has been acknowledged after all that was done: each acknowledged key must be there. How many, and the longest
    /// time without an acknowledged write.
    #[track_caller]
    pub fn end(mut self, lab: &Lab) -> (usize, Duration) {
        let done = self.lines().len();
        wait_until("one more write is acknowledged", Duration::from_secs(30), || {
            self.lines().len() > done
        });
        fs::remove_file(&self.go).unwrap();
        self.child.wait().unwrap();
        let lines = self.lines();
        let held = lab.etcdctl(&["get", "--prefix", "--keys-only", "writer/"]);
        let held: std::collections::BTreeSet<&str> = held.lines().collect();
        let lost: Vec<u64> = lines
            .iter()
            .map(|(number, _)| *number)
            .filter(|number| !held.contains(format!("writer/{number}").as_str()))
            .collect();
        assert!(lost.is_empty(), "{} acknowledged writes are lost: {lost:?}", lost.len());
        let gaps = lines.windows(2).map(|pair| pair[1].1 - pair[0].1);
        (lines.len(), Duration::from_secs_f64(gaps.fold(0.0, f64::max)))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // A test that failed leaves the loop to end by itself.
        let _gone = fs::remove_file(&self.go);
    }
}
