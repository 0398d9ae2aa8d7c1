//! The backup library of the bastion, held as values.

use super::disk::Trouble;
use super::machine::refused;
use super::state::{FileEntry, State};
use crate::call::library::{Fetch, Take};
use crate::call::{CallError, EtcdOp, Fault, LibraryAnswer, LibraryOp};
use crate::cluster::member::Id;
use crate::cluster::version::Version;
use crate::snapshot::{Content, Forced, Form, How, Kept, Manifest, Proof, Shelf, Source, Verified, manifest};

/// Where this library would lie.
const FOLDER: &str = "/library";

/// Bytes of a small snapshot.
const SIZE: u64 = 20_512;

impl State {
    pub(super) fn library(&mut self, op: &LibraryOp) -> Result<LibraryAnswer, CallError> {
        match op {
            LibraryOp::List => {
                let backups = self.backups.iter().rev().cloned().collect();
                return Ok(LibraryAnswer::Shelf(Shelf {
                    backups,
                    broken: Vec::new(),
                }));
            }
            LibraryOp::Find { name } => {
                let found = self.backups.iter().find(|kept| kept.manifest.name == *name);
                return Ok(LibraryAnswer::Found(found.cloned().map(Box::new)));
            }
            LibraryOp::Take(take) => self.take_backup(take)?,
            LibraryOp::Fetch(fetch) => self.fetch_backup(fetch)?,
            LibraryOp::Verify { name, boot, run } => {
                let at = self.bastion_time();
                let boot = boot.then(|| Proof::NotTried("no etcd here".to_owned()));
                let manifest = self.kept(name, &op.what())?;
                manifest.verified = Some(Verified {
                    at,
                    run: run.clone(),
                    digest: None,
                    boot,
                });
            }
            LibraryOp::Add(add) => {
                let manifest = self.manifest(&add.name, How::Added);
                self.keep(manifest);
            }
            LibraryOp::Copy { name, .. } => {
                self.kept(name, &op.what())?;
            }
            LibraryOp::Remove { names } => self.remove_backups(names),
        }
        Ok(LibraryAnswer::Done)
    }

    fn kept(&mut self, name: &str, what: &str) -> Result<&mut Manifest, CallError> {
        let found = self.backups.iter_mut().find(|kept| kept.manifest.name == name);
        found
            .map(|kept| &mut kept.manifest)
            .ok_or_else(|| refused(Fault::Missing, what, "the library", "there is no such backup"))
    }

    fn remove_backups(&mut self, names: &[String]) {
        let newest = self.backups.iter().rev().find(|kept| kept.manifest.is_good());
        let newest = newest.map(|kept| kept.manifest.clone());
        // What a run has just taken and verified is the only leave to remove others.
        match newest {
            Some(newest) if names.contains(&newest.name) => {
                self.violate(format!("the newest verified backup, {}, was removed", newest.name));
            }
            Some(newest) if newest.run.is_some() => {}
            _ => self.violate(format!("{names:?} were removed, and no backup was taken before")),
        }
        self.backups.retain(|kept| !names.contains(&kept.manifest.name));
    }

    fn manifest(&self, name: &str, how: How) -> Manifest {
        Manifest {
            schema: manifest::SCHEMA.to_owned(),
            name: name.to_owned(),
            cluster: self.cluster.clone(),
            taken: self.bastion_time(),
            how,
            form: Form::Snapshot,
            run: None,
            step: None,
            file: "snapshot.db".to_owned(),
            size: SIZE,
            sha256: String::new(),
            blake3: None,
            reader: None,
            source: Source::default(),
            content: Content::default(),
            v2_data: false,
            forced: None,
            verified: None,
            damage: None,
        }
    }

    /// Alarms stand in the database of every member.
    fn with_alarms(&self, content: Content) -> Content {
        Content {
            alarms: self.alarm_names(),
            ..content
        }
    }

    /// One name, one backup: the same one again replaces it.
    fn keep(&mut self, manifest: Manifest) {
        self.backups.retain(|kept| kept.manifest.name != manifest.name);
        let path = format!("{FOLDER}/{}/{}", manifest.name, manifest.file);
        self.backups.push(Kept { manifest, path });
    }

    fn take_backup(&mut self, take: &Take) -> Result<(), CallError> {
        self.rpc(&take.endpoint, &EtcdOp::LinearizableRead)?;
        let what = "take a snapshot";
        let host = self.serving_host(&take.endpoint, what)?;
        let frozen = self.freeze_content(host);
        let (Some(process), Some(sha256)) = (&self.hosts[host].process, frozen) else {
            return Err(refused(Fault::Refused, what, &take.endpoint, "no process"));
        };
        let copy = &self.copies[process.copy];
        let source = Source {
            cluster_id: Some(Id(process.cluster)),
            member_id: Some(Id(process.member)),
            host: take.host.clone(),
            version: Some(process.version),
        };
        let manifest = Manifest {
            run: take.run.clone(),
            step: take.step.clone(),
            sha256,
            source,
            content: self.with_alarms(content(copy)),
            verified: Some(Verified {
                at: self.bastion_time(),
                run: take.run.clone(),
                digest: None,
                boot: None,
            }),
            ..self.manifest(&take.name, How::Live)
        };
        self.keep(manifest);
        Ok(())
    }

    fn fetch_backup(&mut self, fetch: &Fetch) -> Result<(), CallError> {
        let what = format!("fetch {}", fetch.path);
        let host = self
            .find(&fetch.host)
            .filter(|host| self.hosts[*host].up && self.bastion_reaches(*host))
            .ok_or_else(|| refused(Fault::Connect, &what, &fetch.host, "No route to host (os error 113)"))?;
        let Some(file) = self.hosts[host].files.get(&fetch.path) else {
            return Err(refused(Fault::Missing, &what, &fetch.host, "No such file or directory"));
        };
        let archived = file.copy;
        let content = archived.map(|copy| content(&self.copies[copy])).unwrap_or_default();
        let content = self.with_alarms(content);
        // Up to 3.4 the host's etcdctl makes a backup with IDs of its own beside it.
        let old = fetch
            .source
            .version
            .is_some_and(|version| version < Version::new(3, 5, 0));
        let forced = archived.filter(|_| old).map(|copy| forced_ids(&self.copies[copy]));
        let manifest = Manifest {
            run: fetch.run.clone(),
            step: fetch.step.clone(),
            form: if forced.is_some() { Form::V2Backup } else { fetch.form },
            file: "data.tar".to_owned(),
            sha256: fetch.sha256.clone(),
            source: fetch.source.clone(),
            content,
            forced,
            ..self.manifest(&fetch.name, How::Cold)
        };
        self.archives.extend(archived.map(|copy| (fetch.sha256.clone(), copy)));
        self.keep(manifest);
        Ok(())
    }
}

impl State {
    /// The content as it stands, in a file of its own.
    pub(super) fn cold_copy(&mut self, host: usize, data_dir: &str, to: &str) -> Result<(), Trouble> {
        if self.hosts[host].process.is_some() {
            return Err((Fault::Refused, "etcd runs: a copy of it would be torn".to_owned()));
        }
        self.hosts[host].space_for(to)?;
        let found = self.hosts[host].files.get(data_dir).and_then(|entry| entry.copy);
        let Some(copy) = found else {
            return Err((Fault::Missing, format!("{data_dir} is not there")));
        };
        let copy = self.copies[copy].clone();
        let text = format!("{:x}:{:?}", copy.member, copy.applied.writes);
        self.copies.push(copy);
        let mut file = FileEntry::file(&text, "root:root");
        file.copy = Some(self.copies.len() - 1);
        self.place(host, to, file);
        Ok(())
    }
}

/// As `etcdctl backup` gives them: others than any that a cluster had.
pub(super) fn forced_ids(copy: &super::data::DataCopy) -> Forced {
    Forced {
        member_id: Id(copy.member ^ 0x5a5a),
        cluster_id: Id(copy.cluster ^ 0x5a5a),
    }
}

fn content(copy: &super::data::DataCopy) -> Content {
    Content {
        revision: copy.applied.revision(),
        term: Some(copy.last_term()),
        applied_index: copy.applied.index as u64,
        keys: copy.applied.writes.len() as u64,
        entries: copy.applied.writes.len() as u64,
        database_size: SIZE - 32,
        members: copy.applied.members.values().cloned().collect(),
        ..Content::default()
    }
}
