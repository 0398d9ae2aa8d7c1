//! Files and directories of a host.

use super::state::{FileEntry, SimHost, State};
use crate::base::hash::sha256_hex;
use crate::call::Fault;
use crate::call::host::{HostAnswer, Restore, StatSeen, Stood};

/// Bytes that a data directory weighs.
const DATA_BYTES: u64 = 20 << 20;

/// What went wrong, before the place is known.
pub(super) type Trouble = (Fault, String);

impl SimHost {
    pub(super) fn stat(&self, path: &str) -> StatSeen {
        let Some(entry) = self.files.get(path) else {
            return StatSeen::default();
        };
        let inside = format!("{path}/");
        let children = self
            .files
            .range(inside.clone()..)
            .take_while(|(name, _)| name.starts_with(&inside));
        let size = if entry.dir {
            entry.copy.map_or(0, |_| DATA_BYTES)
                + children
                    .clone()
                    .map(|(_, child)| child.content.len() as u64)
                    .sum::<u64>()
        } else {
            entry.content.len() as u64
        };
        StatSeen {
            kind: Some(if entry.dir { "dir" } else { "file" }.to_owned()),
            size,
            mode: entry.mode.clone(),
            owner: entry.owner.clone(),
            is_mount: self.mounts.contains(path),
            empty: if entry.dir {
                entry.copy.is_none() && children.clone().next().is_none()
            } else {
                entry.content.is_empty()
            },
            // An uploaded file stands there by its digest.
            sha256: (!entry.dir).then(|| {
                let uploaded = entry.content.strip_prefix("sha256:").map(str::to_owned);
                uploaded.unwrap_or_else(|| sha256_hex(entry.content.as_bytes()))
            }),
            content: (!entry.dir).then(|| entry.content.clone()),
        }
    }

    /// Folders that are not modelled are there when something is in them, or when every system has them.
    fn has_folder(&self, path: &str) -> bool {
        let inside = format!("{path}/");
        ["/var/lib", "/etc", "/run", "/srv", "/tmp"].contains(&path)
            || self.files.get(path).is_some_and(|entry| entry.dir)
            || self.files.keys().any(|name| name.starts_with(&inside))
    }

    /// The folder around a path belongs to somebody else, who alone may make something there.
    pub(super) fn closed_around(&self, path: &str, owner: &str) -> bool {
        let around = path.rsplit_once('/').and_then(|(around, _)| self.files.get(around));
        around.is_some_and(|around| around.dir && around.owner != owner)
    }

    /// A folder with a disk of its own, or the one that everything else shares.
    pub(super) fn space(&self, path: &str) -> HostAnswer {
        let own = self.disks.iter().find(|(folder, _)| path.starts_with(folder.as_str()));
        HostAnswer::Disk {
            free: own.map_or(self.disk_free, |(_, free)| *free),
            total: self.disk_total,
            device: Some(own.map_or_else(|| "/".to_owned(), |(folder, _)| folder.clone())),
        }
    }

    pub(super) fn space_for(&self, path: &str) -> Result<(), Trouble> {
        if self.disk_free == 0 {
            return Err((Fault::DiskFull, format!("{path}: No space left on device")));
        }
        Ok(())
    }

    /// A file that somebody else has changed since the look is not written over.
    pub(super) fn as_it_was(&self, path: &str, was: Option<&Stood>) -> Result<(), Trouble> {
        let text = self.files.get(path).map(|entry| entry.content.as_str());
        match was {
            Some(was) if *was != Stood::of(text) => Err((
                Fault::Refused,
                format!("{path} has been changed by somebody else since it was looked at; it is as they left it"),
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn write_file(
        &mut self,
        path: &str,
        content: &str,
        mode: Option<&str>,
        owner: Option<&str>,
    ) -> Result<(), Trouble> {
        self.space_for(path)?;
        if self.files.get(path).is_some_and(|entry| entry.dir) {
            return Err((Fault::Refused, format!("{path} is a folder")));
        }
        let old = self.files.get(path);
        let owner = owner.map_or_else(
            || old.map_or("root:root".to_owned(), |entry| entry.owner.clone()),
            str::to_owned,
        );
        let mode = mode.map_or_else(
            || old.map_or("644".to_owned(), |entry| entry.mode.clone()),
            str::to_owned,
        );
        let mut entry = FileEntry::file(content, &owner);
        entry.mode = mode;
        self.files.insert(path.to_owned(), entry);
        Ok(())
    }

    /// A file of a run, with what stands beside it. Data is never removed.
    pub(super) fn discard(&mut self, path: &str) -> Result<(), Trouble> {
        if !path.starts_with("/var/lib/etcdops/") || self.files.get(path).is_some_and(|entry| entry.dir) {
            return Err((Fault::Refused, format!("{path} is not a file of this run")));
        }
        self.files.remove(path);
        self.files.remove(&Restore::marker(path));
        Ok(())
    }

    /// rename(2), never onto something that is there.
    pub(super) fn rename(&mut self, from: &str, to: &str) -> Result<(), Trouble> {
        if !self.files.contains_key(from) {
            return Err((Fault::Missing, format!("{from} is not there")));
        }
        if self.files.contains_key(to) {
            return Err((Fault::Refused, format!("{to} is there already")));
        }
        if let Some((parent, _)) = to.rsplit_once('/')
            && !parent.is_empty()
            && !self.has_folder(parent)
        {
            return Err((Fault::Missing, format!("the folder {parent} is not there")));
        }
        if self.mounts.contains(from) {
            return Err((
                Fault::Unsupported,
                format!("{from} is a mount point and cannot be renamed"),
            ));
        }
        let inside = format!("{from}/");
        let moved: Vec<String> = self
            .files
            .keys()
            .filter(|name| *name == from || name.starts_with(&inside))
            .cloned()
            .collect();
        for name in moved {
            if let Some(entry) = self.files.remove(&name) {
                let place = format!("{to}{}", &name[from.len()..]);
                self.files.insert(place, entry);
            }
        }
        Ok(())
    }

    /// A mount point stays; what is in it goes into a folder inside.
    pub(super) fn move_aside(&mut self, path: &str, to: &str) -> Result<(), Trouble> {
        if !self.mounts.contains(path) {
            let closed = self
                .files
                .get(path)
                .filter(|entry| entry.dir && self.closed_around(path, &entry.owner));
            let empty = closed.map(|entry| FileEntry {
                mode: entry.mode.clone(),
                ..FileEntry::dir(&entry.owner)
            });
            self.rename(path, to)?;
            self.files.extend(empty.map(|empty| (path.to_owned(), empty)));
            return Ok(());
        }
        let name = to.rsplit('/').next().unwrap_or(to);
        let inside = format!("{path}/{name}");
        let Some(entry) = self.files.get_mut(path) else {
            return Err((Fault::Missing, format!("{path} is not there")));
        };
        let (owner, copy) = (entry.owner.clone(), entry.copy.take());
        let aside = self.files.entry(inside).or_insert_with(|| FileEntry::dir(&owner));
        aside.copy = aside.copy.or(copy);
        Ok(())
    }

    /// What is at `path` goes to `old`, and `new` takes its place; of a mount point the contents.
    pub(super) fn swap(&mut self, path: &str, new: &str, old: &str) -> Result<(), Trouble> {
        if !self.files.contains_key(new) {
            if self.files.contains_key(path) {
                return Ok(());
            }
            return Err((Fault::Missing, format!("neither {new} nor {path} is there")));
        }
        if !self.mounts.contains(path) {
            if self.files.contains_key(path) {
                self.rename(path, old)?;
            }
            return self.rename(new, path);
        }
        self.move_aside(path, old)?;
        let Some(restored) = self.files.remove(new) else {
            return Ok(());
        };
        if let Some(entry) = self.files.get_mut(path) {
            entry.copy = restored.copy;
            entry.owner = restored.owner;
        }
        Ok(())
    }

    pub(super) fn own(&mut self, path: &str, owner: &str, mode: Option<&str>) -> Result<(), Trouble> {
        let inside = format!("{path}/");
        let mut found = false;
        for (name, entry) in self.files.iter_mut() {
            if name == path || name.starts_with(&inside) {
                found = true;
                owner.clone_into(&mut entry.owner);
                if let Some(mode) = mode
                    && name == path
                {
                    mode.clone_into(&mut entry.mode);
                }
            }
        }
        if found {
            Ok(())
        } else {
            Err((Fault::Missing, format!("{path} is not there")))
        }
    }
}

impl State {
    /// A file of another host; `to`: its path here, and the digest that it must have.
    pub(super) fn carry(&mut self, host: usize, from: &str, file: &str, to: (&str, &str)) -> Result<(), Trouble> {
        let (path, sha256) = to;
        let Some(source) = self.find(from) else {
            return Err((Fault::Name, format!("there is no host {from}")));
        };
        if let Some(trouble) = self.shell_trouble(source, "read a file") {
            return Err((trouble.fault, format!("{from}: {}", trouble.message)));
        }
        let there = self.hosts[source].stat(file);
        match there.sha256 {
            None => Err((Fault::Missing, format!("{file} is not there on {from}"))),
            Some(found) if found != sha256 => {
                let why = format!("the file that arrived has SHA-256 {found}, not {sha256}");
                Err((Fault::Refused, why))
            }
            Some(_) => self.hosts[host].write_file(path, &format!("sha256:{sha256}"), Some("600"), None),
        }
    }

    /// The content of the host's data directory, with which its unit would start.
    pub(super) fn copy_in_place(&self, host: usize) -> Option<usize> {
        let path = self.unit_setting(host, "data-dir")?;
        self.hosts[host].files.get(&path)?.copy
    }

    /// Host and path of a data directory's content, wherever it is now.
    pub(super) fn where_is(&self, copy: usize) -> Option<(usize, String)> {
        self.hosts.iter().enumerate().find_map(|(place, host)| {
            let found = host.files.iter().find(|(_, entry)| entry.copy == Some(copy));
            found.map(|(path, _)| (place, path.clone()))
        })
    }
}
