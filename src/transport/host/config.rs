//! From the records of `config.sh` to the configuration of etcd. Pure.

use super::frame::Frame;
use super::inspect;
use crate::call::configured::{ConfigKind, ConfigSeen, ConfigText};
use crate::cluster::host::Host;

/// Longer files, in bytes, are not taken for configuration.
const LONGEST: usize = 1024 * 1024;

pub(super) fn read(host: &Host, frame: &Frame) -> ConfigSeen {
    let seen = inspect::read(host, frame);
    let in_force = seen.configured.settings.get("config-file");
    let files = frame.every("source").iter().filter_map(|bytes| file(bytes));
    let files = files
        .filter(|file| file.kind != ConfigKind::EtcdFile || in_force.is_some_and(|named| named.value == file.path))
        .collect();
    let wrapper = frame
        .text("wrapper")
        .map(|path| format!("the unit starts the script {path}, which decides by itself what etcd is started with"));
    ConfigSeen {
        exists: seen.service.exists,
        files,
        settings: seen.configured.settings,
        variables: seen
            .configured
            .environment
            .into_iter()
            .map(|(name, (value, _))| (name, value))
            .collect(),
        command: seen.exec,
        unreadable: wrapper.or(seen.service.unreadable),
        user: seen.service.user,
        stale: frame
            .text("show")
            .is_some_and(|shown| shown.lines().any(|line| line == "NeedDaemonReload=yes")),
    }
}

/// Four lines (kind, whether it is there, path, where links lead to), then the file.
fn file(bytes: &[u8]) -> Option<ConfigText> {
    let mut parts = bytes.splitn(5, |byte| *byte == b'\n');
    let mut line = || parts.next().and_then(|part| std::str::from_utf8(part).ok());
    let kind = match line()? {
        "unit" => ConfigKind::Unit,
        "drop-in" => ConfigKind::DropIn,
        "env-file" => ConfigKind::EnvFile,
        _ => ConfigKind::EtcdFile,
    };
    let there = line()? == "yes";
    let (path, target) = (line()?.to_owned(), line()?.to_owned());
    let text = parts.next().filter(|text| there && text.len() <= LONGEST);
    Some(ConfigText {
        target: if target.is_empty() { path.clone() } else { target },
        path,
        kind,
        text: text.and_then(|text| String::from_utf8(text.to_vec()).ok()),
        there,
    })
}
