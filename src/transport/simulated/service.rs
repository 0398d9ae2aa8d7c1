//! The unit: what it would start with, starting, stopping, looking at it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::etcd::DB_SIZE;
use super::state::{Process, SimHost, State, time_at};
use crate::base::clock::rfc3339;
use crate::call::configured::{self, ConfigKind, ConfigSeen, ConfigText};
use crate::call::host::{ServiceSeen, Setting, SettingFrom};

/// Where Debian's unit keeps its settings.
pub(super) const ENV_FILE: &str = "/etc/default/etcd";

type Settings = BTreeMap<String, (String, SettingFrom)>;

impl SimHost {
    fn config_text(&self, path: &str, kind: ConfigKind) -> ConfigText {
        let entry = self.files.get(path);
        ConfigText {
            path: path.to_owned(),
            target: path.to_owned(),
            kind,
            text: entry.filter(|entry| !entry.dir).map(|entry| entry.content.clone()),
            there: entry.is_some(),
        }
    }
}

impl State {
    /// The settings with which the unit would start now: unit, drop-ins, environment files, our overrides, in systemd's order.
    pub(super) fn unit_settings(&self, host: usize) -> Settings {
        let target = &self.hosts[host];
        let configured = self.configured(host).settings.iter();
        let mut found: Settings = configured
            .map(|(key, setting)| (key.clone(), (setting.value.clone(), setting.from.clone())))
            .collect();
        for (name, settings) in &target.overrides {
            let from = SettingFrom::EnvFile(format!("/run/etcdops/{}.{name}.env", target.unit.name));
            for (key, value) in settings {
                found.insert(key.clone(), (value.clone(), from.clone()));
            }
        }
        found
    }

    /// One of them.
    pub(super) fn unit_setting(&self, host: usize, key: &str) -> Option<String> {
        let mut overridden = self.hosts[host]
            .overrides
            .values()
            .filter_map(|settings| settings.get(key));
        let configured = || Some(&self.configured(host).settings.get(key)?.value);
        overridden.next_back().or_else(configured).cloned()
    }

    /// The files of the unit, and what etcd would read from them.
    pub(super) fn read_config(&self, host: usize) -> ConfigSeen {
        let unit = &self.hosts[host].unit;
        ConfigSeen {
            exists: unit.exists,
            stale: unit.stale,
            ..ConfigSeen::clone(self.configured(host))
        }
    }

    fn configured(&self, host: usize) -> &Arc<ConfigSeen> {
        self.hosts[host].files.read(|| self.assemble(host))
    }

    fn assemble(&self, host: usize) -> ConfigSeen {
        let target = &self.hosts[host];
        let mut parts = Vec::new();
        for path in self.unit_parts(host) {
            let kind = if parts.is_empty() {
                ConfigKind::Unit
            } else {
                ConfigKind::DropIn
            };
            parts.push(target.config_text(&path, kind));
        }
        configured::assemble(&target.name, parts, &|path, kind| target.config_text(path, kind))
    }

    /// The unit file and its drop-ins, in the order in which they are read.
    fn unit_parts(&self, host: usize) -> Vec<String> {
        let target = &self.hosts[host];
        let folder = format!("/etc/systemd/system/{}.service.d/", target.unit.name);
        let drop_ins = target.files.iter().filter(|(path, entry)| {
            !entry.dir && path.starts_with(&folder) && path.to_ascii_lowercase().ends_with(".conf")
        });
        std::iter::once(target.unit.file.clone())
            .chain(drop_ins.map(|(path, _)| path.clone()))
            .collect()
    }

    /// What systemd does when asked to start; a fence makes its assertion fail.
    pub(super) fn start_unit(&mut self, host: usize) {
        if self.hosts[host].unit.fenced {
            self.say(host, "systemd: etcd.service: Starting requested but asserts failed.");
            return;
        }
        self.start_process(host);
    }

    /// SIGTERM and the wait for it; a leader hands over first.
    pub(super) fn stop_process(&mut self, host: usize) {
        if self.hosts[host].process.is_none() {
            self.hosts[host].unit.failed = false;
            return;
        }
        self.transfer(host, None);
        self.exit(host, 0, "received signal: terminated; shutting down");
        self.settle();
    }

    /// The process is killed from outside; systemd starts it again (`Restart=on-abnormal`) after a moment.
    pub(super) fn kill_process(&mut self, host: usize) {
        if let Some(process) = &self.hosts[host].process {
            self.copies[process.copy].ahead = true;
        }
        self.exit(host, 137, "main process exited, code=killed, status=9/KILL");
        self.settle();
        self.start_unit(host);
    }

    pub(super) fn inspect(&self, host: usize) -> ServiceSeen {
        let target = &self.hosts[host];
        if !target.unit.exists {
            return ServiceSeen {
                active: "inactive".to_owned(),
                sub: "dead".to_owned(),
                ..ServiceSeen::default()
            };
        }
        let configured = told(&self.unit_settings(host));
        let settings = match &target.process {
            Some(process) => told(&process.settings),
            None => configured.clone(),
        };
        let value = |name: &str| settings.get(name).map(|setting| setting.value.clone());
        let data_dir = value("data-dir");
        let entry = data_dir.as_ref().and_then(|path| target.files.get(path));
        let empty = entry.is_some_and(|entry| entry.copy.is_none());
        let (active, sub) = states(target);
        let process = target.process.as_ref();
        let installed = |tool: &str| !target.bare && (tool == "etcdctl" || target.version.minor >= 5);
        let tools = ["etcdctl", "etcdutl"].into_iter().filter(|tool| installed(tool));
        let tools = tools.map(|tool| (tool.to_owned(), target.version)).collect();
        ServiceSeen {
            exists: true,
            active: active.to_owned(),
            sub: sub.to_owned(),
            enabled: Some(target.unit.enabled),
            invocation: target.unit.invocation.clone(),
            main_pid: process.map(|process| process.pid),
            started_at: target.unit.started.and_then(|at| {
                let second = time_at(at, target.skew).as_second();
                u64::try_from(second).ok()
            }),
            unit_file: Some(target.unit.file.clone()),
            drop_ins: self.unit_parts(host).into_iter().skip(1).collect(),
            user: Some("etcd".to_owned()),
            env_files: vec![ENV_FILE.to_owned()],
            exec_start: vec!["/usr/bin/etcd".to_owned()],
            wal_dir_is_mount: value("wal-dir").is_some_and(|path| target.mounts.contains(&path)),
            wal_dir: value("wal-dir"),
            cannot_begin: data_dir.as_ref().and_then(|path| {
                let closed = entry.is_none() && target.closed_around(path, "etcd:etcd");
                closed.then(|| format!("{path} is not there, and etcd, which runs as etcd, may not make it"))
            }),
            data_dir_exists: entry.is_some(),
            data_dir_empty: empty,
            data_size: entry.and_then(|entry| entry.copy).map(|_| self.received(process)),
            data_dir_is_mount: data_dir.as_ref().is_some_and(|path| target.mounts.contains(path)),
            data_dir,
            holders: process
                .map(|process| format!("{} etcd", process.pid))
                .into_iter()
                .collect(),
            ports_open: if process.is_some() {
                vec![2379, 2380]
            } else {
                Vec::new()
            },
            version: Some(target.version),
            tools,
            programs: vec!["curl".to_owned()],
            fenced: target.unit.fenced,
            overrides: target.overrides.clone(),
            leases: self.leases(host),
            last_log: self.last_lines(host),
            exit_status: if process.is_some() {
                None
            } else {
                target.unit.exit_status
            },
            at_next_start: configured::changes(&settings, &configured),
            settings,
            ..ServiceSeen::default()
        }
    }

    /// Bytes of its database that a member has by now, running or not.
    fn received(&self, process: Option<&Process>) -> u64 {
        match process.and_then(|process| process.sync) {
            Some((0, since, until)) if until > since => DB_SIZE * (self.now.min(until) - since) / (until - since),
            _ => DB_SIZE,
        }
    }

    pub(super) fn leases(&self, host: usize) -> BTreeMap<String, String> {
        let leases = &self.hosts[host].leases;
        leases
            .iter()
            .map(|(name, lease)| (name.clone(), rfc3339(time_at(lease.at, self.hosts[host].skew))))
            .collect()
    }

    fn last_lines(&self, host: usize) -> Vec<String> {
        let target = &self.hosts[host];
        if target.process.as_ref().is_some_and(|process| process.joined) {
            return Vec::new();
        }
        let from = target.log.len().saturating_sub(5);
        target.log[from..].iter().map(|(_, line)| line.clone()).collect()
    }

    /// Lines of the unit's log; a process that logs at debug level has always just said something at it.
    pub(super) fn read_log(&self, host: usize, since: Option<u64>, lines: u32, contains: Option<&str>) -> Vec<String> {
        let target = &self.hosts[host];
        let after = since.map_or(0, |length| self.now.saturating_sub(length));
        let pid = target.process.as_ref().map_or(1, |process| process.pid);
        let capnslog = !target.version.log_level_needs_restart();
        let shape = |at: u64, level: &str, letter: &str, text: &str| {
            let time = time_at(at, target.skew);
            if capnslog {
                format!("{time} etcd[{pid}]: {letter} | etcdserver: {text}")
            } else {
                format!("{time} etcd[{pid}]: {{\"level\":\"{level}\",\"msg\":\"{text}\"}}")
            }
        };
        let mut found: Vec<String> = target
            .log
            .iter()
            .filter(|(at, _)| *at >= after)
            .map(|(at, text)| shape(*at, "info", "I", text))
            .collect();
        if target.process.as_ref().is_some_and(|process| process.debug) {
            found.push(shape(self.now, "debug", "D", "applied an entry"));
        }
        found.retain(|line| contains.is_none_or(|text| line.contains(text)));
        let skip = found.len().saturating_sub(lines as usize);
        found.split_off(skip)
    }
}

fn told(settings: &Settings) -> BTreeMap<String, Setting> {
    let setting = |(value, from): &(String, SettingFrom)| Setting {
        value: value.clone(),
        from: from.clone(),
    };
    settings
        .iter()
        .map(|(name, set)| (name.clone(), setting(set)))
        .collect()
}

/// What systemd says of the unit.
fn states(host: &SimHost) -> (&'static str, &'static str) {
    match &host.process {
        Some(process) if process.joined => ("active", "running"),
        Some(_) => ("activating", "start"),
        None if host.unit.failed => ("failed", "failed"),
        None => ("inactive", "dead"),
    }
}
