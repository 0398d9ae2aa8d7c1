//! From raw facts about the service to what is known of it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::frame::Frame;
use crate::base::systemd::{self, Argument, env_file};
use crate::call::configured::{self, Configured};
use crate::call::host::{ServiceSeen, Setting, SettingFrom};
use crate::cluster::host::{Host, ServiceKind};
use crate::cluster::version::Version;

/// Clock ticks per second in /proc, on every Linux that etcd runs on.
const TICKS: u64 = 100;

/// The service, and the texts that an override must edit.
#[derive(Clone, Debug, Default)]
pub(super) struct Inspected {
    pub(super) service: ServiceSeen,
    /// What the unit says, whatever the running process was started with.
    pub(super) configured: Configured,
    /// The last `ExecStart=` as written, continuations joined.
    pub(super) exec: Option<String>,
    /// Config files by path, as they are now.
    pub(super) configs: BTreeMap<String, String>,
}

/// Reads the records of `inspect.sh`.
pub(super) fn read(host: &Host, frame: &Frame) -> Inspected {
    let mut seen = Inspected {
        configs: frame.all("config").iter().map(|text| titled(text)).collect(),
        ..Inspected::default()
    };
    let mut problems = Vec::new();
    match host.service.kind {
        ServiceKind::Systemd => read_unit(&mut seen, frame, &mut problems),
        ServiceKind::Process => read_process_kind(&mut seen, frame),
    }
    let service = &mut seen.service;
    service.settings = match process_settings(frame, &seen.configs, &mut problems) {
        Some(running) if service.main_pid.is_some() => with_origins(running, &seen.configured.settings),
        _ => seen.configured.settings.clone(),
    };
    service.at_next_start = configured::changes(&service.settings, &seen.configured.settings);
    read_folders(host, service, frame);
    service.ports_open = open_ports(host, service, frame);
    read_versions(service, frame);
    service.overrides = frame
        .all("override")
        .iter()
        .map(|text| {
            let (name, lines) = titled(text);
            let settings = lines.lines().filter_map(|line| line.split_once('='));
            (
                name,
                settings
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .collect(),
            )
        })
        .collect();
    service.leases = leases(frame);
    if !problems.is_empty() {
        service.unreadable = Some(problems.join("; "));
    }
    seen
}

impl Inspected {
    /// Folders that matter and that the script was not told of and did not find by itself.
    pub(super) fn folders_not_seen(&self, frame: &Frame, asked: &[String]) -> Vec<String> {
        let looked: BTreeSet<String> = frame.all("dir").into_iter().chain(asked.iter().cloned()).collect();
        [&self.service.data_dir, &self.service.wal_dir]
            .into_iter()
            .flatten()
            .filter(|path| path.starts_with('/') && !looked.contains(*path))
            .cloned()
            .collect()
    }
}

/// Lease name → when.
pub(super) fn leases(frame: &Frame) -> BTreeMap<String, String> {
    let lines = frame.all("lease");
    let pairs = lines.iter().filter_map(|line| line.trim().split_once(' '));
    pairs.map(|(name, when)| (name.to_owned(), when.to_owned())).collect()
}

/// A record whose first line is its title.
fn titled(text: &str) -> (String, String) {
    let (title, rest) = text.split_once('\n').unwrap_or((text, ""));
    (title.to_owned(), rest.to_owned())
}

fn read_unit(seen: &mut Inspected, frame: &Frame, problems: &mut Vec<String>) {
    let shown = frame.text("show").unwrap_or_default();
    let property = |key: &str| {
        let found = shown
            .lines()
            .filter_map(|line| line.split_once('='))
            .find(|(name, _)| *name == key);
        found
            .map(|(_, value)| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    };
    let service = &mut seen.service;
    service.exists = property("LoadState").is_some_and(|state| state != "not-found");
    service.active = property("ActiveState").unwrap_or_default();
    service.sub = property("SubState").unwrap_or_default();
    service.invocation = property("InvocationID");
    service.main_pid = property("MainPID")
        .and_then(|pid| pid.parse().ok())
        .filter(|pid| *pid != 0);
    service.enabled = match property("UnitFileState").as_deref() {
        Some("enabled" | "enabled-runtime" | "alias") => Some(true),
        Some("disabled" | "masked" | "masked-runtime") => Some(false),
        _ => None,
    };
    service.unit_file = property("FragmentPath");
    service.drop_ins = property("DropInPaths")
        .map(|paths| paths.split_ascii_whitespace().map(str::to_owned).collect())
        .unwrap_or_default();
    service.user = property("User");
    service.started_at = started_at(frame);
    service.last_log = last_lines(frame);
    if !service.is_active() {
        service.exit_status = exit_status(&property);
    }
    let loaded =
        |path: &String| service.drop_ins.contains(path) && property("NeedDaemonReload").as_deref() != Some("yes");
    service.fenced = frame.text("fence").is_some() && frame.text("fence_conf").as_ref().is_some_and(loaded);
    let lines = systemd::section(&frame.text("cat").unwrap_or_default(), "Service");
    seen.exec = systemd::list(&lines, "ExecStart").pop();
    let mut environment = BTreeMap::new();
    for word in systemd::words(&property("Environment").unwrap_or_default()).unwrap_or_default() {
        if let Some((name, value)) = word.text.split_once('=') {
            environment.insert(name.to_owned(), (value.to_owned(), SettingFrom::UnitEnvironment));
        }
    }
    add_env_files(&mut environment, &mut service.env_files, frame, problems);
    let plain: BTreeMap<String, String> = environment
        .iter()
        .map(|(name, (value, _))| (name.clone(), value.clone()))
        .collect();
    let (command, expand) = systemd::command_of(seen.exec.as_deref().unwrap_or_default());
    let arguments = systemd::arguments(command, expand, &plain).unwrap_or_else(|| {
        problems.push(format!("ExecStart cannot be read: a quote never ends in `{command}`"));
        Vec::new()
    });
    service.exec_start = arguments.iter().map(|argument| argument.text.clone()).collect();
    let configured = configured::settings(environment, &arguments, &seen.configs, problems);
    let machine = frame.text("hostname").unwrap_or_default();
    let percent = configured.settings.iter().find(|(_, setting)| {
        setting.from == SettingFrom::Flag && setting.value.contains('%') && !setting.value.contains("%H")
    });
    if let Some((name, setting)) = percent {
        problems.push(format!(
            "--{name}={} holds a specifier of systemd that is not understood",
            setting.value
        ));
    }
    seen.configured = configured;
    for setting in seen.configured.settings.values_mut() {
        if setting.from == SettingFrom::Flag {
            setting.value = setting.value.replace("%H", machine.trim()).replace("%%", "%");
        }
    }
}

fn read_process_kind(seen: &mut Inspected, frame: &Frame) {
    let service = &mut seen.service;
    let argv = frame.text("argv");
    service.exists = argv.is_some();
    let pid = frame.text("pid");
    let (active, sub) = if pid.is_some() {
        ("active", "running")
    } else {
        ("inactive", "dead")
    };
    service.active = active.to_owned();
    service.sub = sub.to_owned();
    service.main_pid = pid.as_ref().and_then(|text| text.split(' ').next()?.parse().ok());
    service.invocation = pid
        .or_else(|| frame.text("ended"))
        .map(|text| text.trim().replace(' ', "-"));
    service.started_at = started_at(frame);
    service.last_log = last_lines(frame);
    service.fenced = frame.text("fence").is_some();
    let mut environment = BTreeMap::new();
    for text in frame.all("env_file") {
        let (path, lines) = titled(&text);
        for (name, value) in lines.lines().filter_map(|line| line.split_once('=')) {
            environment.insert(name.to_owned(), (value.to_owned(), SettingFrom::EnvFile(path.clone())));
        }
        service.env_files.push(path);
    }
    let added = frame.all("args").join("\n");
    let words: Vec<Argument> = argv
        .iter()
        .chain([&added])
        .flat_map(|text| text.lines())
        .filter(|line| !line.is_empty())
        .map(|line| Argument {
            text: line.to_owned(),
            variable: None,
        })
        .collect();
    service.exec_start = words.iter().map(|word| word.text.clone()).collect();
    seen.configured = configured::settings(environment, &words, &seen.configs, &mut Vec::new());
}

fn add_env_files(
    environment: &mut BTreeMap<String, (String, SettingFrom)>,
    names: &mut Vec<String>,
    frame: &Frame,
    problems: &mut Vec<String>,
) {
    for text in frame.all("env_file") {
        let (path, lines) = titled(&text);
        let file = env_file::read(&lines);
        problems.extend(file.doubtful.iter().map(|why| format!("{path}: {why}")));
        for one in file.values {
            environment.insert(one.name, (one.value, SettingFrom::EnvFile(path.clone())));
        }
        names.push(path);
    }
}

/// What the running process was started with.
fn process_settings(
    frame: &Frame,
    configs: &BTreeMap<String, String>,
    problems: &mut Vec<String>,
) -> Option<BTreeMap<String, Setting>> {
    let words = |key: &str| -> Option<Vec<String>> {
        let bytes = frame.bytes(key)?;
        let words = bytes.split(|byte| *byte == 0).filter(|word| !word.is_empty());
        Some(words.map(|word| String::from_utf8_lossy(word).into_owned()).collect())
    };
    let environment = words("environ")?
        .iter()
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), (value.to_owned(), SettingFrom::Process)))
        .collect();
    let arguments: Vec<Argument> = words("cmdline")?
        .into_iter()
        .map(|text| Argument { text, variable: None })
        .collect();
    let mut found = configured::settings(environment, &arguments, configs, problems).settings;
    for setting in found.values_mut().filter(|setting| setting.from == SettingFrom::Flag) {
        setting.from = SettingFrom::Process;
    }
    Some(found)
}

/// The origin of a running setting is the unit's where both agree.
fn with_origins(mut running: BTreeMap<String, Setting>, unit: &BTreeMap<String, Setting>) -> BTreeMap<String, Setting> {
    for (key, setting) in &mut running {
        if let Some(known) = unit.get(key).filter(|known| known.value == setting.value) {
            setting.from = known.from.clone();
        }
    }
    running
}

fn read_folders(host: &Host, service: &mut ServiceSeen, frame: &Frame) {
    let set = |key: &str| {
        service
            .settings
            .get(key)
            .map(|setting| setting.value.clone())
            .filter(|path| !path.is_empty())
    };
    service.data_dir = set("data-dir").or_else(|| host.data_dir.clone());
    service.wal_dir = set("wal-dir").or_else(|| host.wal_dir.clone());
    if let Some(path) = &service.data_dir {
        service.data_dir_exists = frame.all("dir").contains(path);
        service.data_dir_empty = frame.all("dir_empty").contains(path);
        service.data_dir_is_mount = frame.all("dir_mount").contains(path);
    }
    service.data_size = data_size(service, frame);
    if let Some(path) = &service.wal_dir {
        service.wal_dir_is_mount = frame.all("dir_mount").contains(path);
    }
    service.cannot_begin = cannot_begin(service, frame);
    let ours = [service.data_dir.as_ref(), service.wal_dir.as_ref()];
    let mut holders: Vec<String> = frame
        .all("holder")
        .iter()
        .map(|text| titled(text))
        .filter(|(path, _)| ours.contains(&Some(path)))
        .map(|(_, holder)| holder.trim().to_owned())
        .collect();
    holders.sort();
    holders.dedup();
    service.holders = holders;
}

/// Of its files in the data directory, and in the log's where that is elsewhere.
fn data_size(service: &ServiceSeen, frame: &Frame) -> Option<u64> {
    let sizes: BTreeMap<String, String> = frame.all("dir_size").iter().map(|text| titled(text)).collect();
    let kibibytes = |path: &String| sizes.get(path)?.trim().parse::<u64>().ok();
    let data = service.data_dir.as_ref().and_then(kibibytes)?;
    Some((data + service.wal_dir.as_ref().and_then(kibibytes).unwrap_or(0)) * 1024)
}

/// etcd makes its data directory where there is none, and a new log always beside its place, under another name first.
fn cannot_begin(service: &ServiceSeen, frame: &Frame) -> Option<String> {
    let user = service.user.as_deref().unwrap_or("root");
    let closed = |key: &str, path: &String| frame.all(key).contains(path);
    if let Some(path) = &service.data_dir {
        let kept = service.data_dir_exists && (service.data_dir_empty || service.data_dir_is_mount);
        if closed("closed", path) && (kept || closed("closed_around", path)) {
            return Some(if service.data_dir_exists {
                format!("{path} is there, and etcd, which runs as {user}, may not write in it")
            } else {
                format!("{path} is not there, and etcd, which runs as {user}, may not make it")
            });
        }
    }
    let path = service.wal_dir.as_ref()?;
    if service.wal_dir_is_mount {
        return Some(format!(
            "{path} is a mount point: etcd renames a new log to that name, which a mount point does not allow"
        ));
    }
    closed("closed_around", path).then(|| {
        format!("etcd makes a new log beside {path} and renames it, and {user}, as whom it runs, may not do so there")
    })
}

/// Client and peer ports that something on the host listens on.
fn open_ports(host: &Host, service: &ServiceSeen, frame: &Frame) -> Vec<u16> {
    let listening: BTreeSet<u16> = frame
        .text("listen")
        .unwrap_or_default()
        .lines()
        .filter_map(|port| u16::from_str_radix(port.trim(), 16).ok())
        .collect();
    let mut ports = BTreeSet::new();
    for (key, known, default) in [
        ("listen-client-urls", &host.client_url, 2379),
        ("listen-peer-urls", &host.peer_url, 2380),
    ] {
        let urls = service.settings.get(key).map(|setting| setting.value.clone());
        let urls = urls.or_else(|| known.clone()).unwrap_or_default();
        let of_urls: Vec<u16> = urls.split(',').filter_map(port_of).collect();
        if of_urls.is_empty() {
            ports.insert(default);
        }
        ports.extend(of_urls);
    }
    ports.intersection(&listening).copied().collect()
}

/// The port of a URL with a port.
pub(super) fn port_of(url: &str) -> Option<u16> {
    url::Url::parse(url.trim()).ok()?.port_or_known_default()
}

fn read_versions(service: &mut ServiceSeen, frame: &Frame) {
    service.programs = frame.all("program");
    for line in frame.text("versions").unwrap_or_default().lines() {
        let Some((program, version)) = line.split_once(':').and_then(|(title, version)| {
            let program = title.split_ascii_whitespace().next()?.to_ascii_lowercase();
            Some((program, version.trim().parse::<Version>().ok()?))
        }) else {
            continue;
        };
        if program == "etcd" {
            service.version = Some(version);
        } else {
            service.tools.insert(program, version);
        }
    }
}

/// Seconds since the epoch, from the process's start in ticks since boot.
fn started_at(frame: &Frame) -> Option<u64> {
    // Field 22 of /proc/PID/stat; the record begins with field 3.
    let ticks: u64 = frame.text("stat")?.split_ascii_whitespace().nth(19)?.parse().ok()?;
    let boot: u64 = frame.number("btime")?;
    Some(boot + ticks / TICKS)
}

fn last_lines(frame: &Frame) -> Vec<String> {
    let text = frame.text("log").unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// As a shell would give it: 128 and the signal's number for a process that a signal ended.
fn exit_status(property: &dyn Fn(&str) -> Option<String>) -> Option<i32> {
    let status: i32 = property("ExecMainStatus")?.parse().ok()?;
    match property("ExecMainCode").as_deref() {
        Some("1") => Some(status),
        Some("2" | "3") => Some(128 + status),
        _ => None,
    }
}
