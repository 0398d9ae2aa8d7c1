//! etcd's own restore: a data directory of a new cluster from a snapshot.

use super::boot::{founder, initial_cluster};
use super::data::{Applied, Change, DataCopy, Entry};
use super::disk::Trouble;
use super::library::forced_ids;
use super::state::{FileEntry, State};
use crate::base::hash::sha256_hex;
use crate::call::Fault;
use crate::call::host::Restore;
use crate::cluster::member::Member;

impl State {
    pub(super) fn restore(&mut self, host: usize, restore: &Restore) -> Result<(), Trouble> {
        let target = &self.hosts[host];
        let fail = |fault, text: String| Err((fault, text));
        let marker = Restore::marker(&restore.into);
        if target.files.contains_key(&restore.into) {
            let whole = target
                .files
                .get(&marker)
                .is_some_and(|entry| entry.content.trim() == restore.stamp());
            if whole {
                return Ok(());
            }
            let text = format!("{} is there already, and no restore of this run made it", restore.into);
            return fail(Fault::Refused, text);
        }
        target.space_for(&restore.into)?;
        let Some(file) = target.files.get(&restore.file) else {
            return fail(Fault::Missing, format!("{} is not there", restore.file));
        };
        if restore.inside.as_deref() == Some("./v2/member") {
            return self.unpack(host, restore);
        }
        if restore.inside.is_some() {
            let packed = self.packed.get(&restore.sha256).cloned();
            let Some(copy) = packed.filter(|_| file.content.contains(&restore.sha256)) else {
                return fail(Fault::Refused, "./member: Not found in archive".to_owned());
            };
            self.made(host, restore, copy);
            return Ok(());
        }
        if target.bare {
            return fail(Fault::Missing, format!("there is no {} on this host", restore.tool));
        }
        let snapshot = self.snapshots.get(&restore.sha256).cloned();
        let (Some(snapshot), true) = (snapshot, file.content.contains(&restore.sha256)) else {
            return fail(Fault::Refused, "expected sha256 of another file".to_owned());
        };
        let listed = initial_cluster(&restore.initial_cluster);
        let Some(mine) = listed.get(&restore.name) else {
            let text = format!(
                "couldn't find local name \"{}\" in the initial cluster configuration",
                restore.name
            );
            return fail(Fault::Refused, text);
        };
        let mut copy = founder(&listed, mine, &restore.token, snapshot.version);
        let writes = snapshot.writes.iter().copied().map(Change::Write);
        let bump = snapshot.bumped + restore.bump;
        for change in writes.chain((bump > 0).then_some(Change::Bump(bump))) {
            copy.entries.push(Entry { term: 1, change });
        }
        copy.commit_to(copy.entries.len());
        self.alarms.extend(snapshot.alarms);
        self.made(host, restore, copy);
        Ok(())
    }

    /// What `etcdctl backup` made: IDs of its own, one member that is only at home, everything that was written.
    fn unpack(&mut self, host: usize, restore: &Restore) -> Result<(), Trouble> {
        let archive = self.archives.get(&restore.sha256).map(|copy| &self.copies[*copy]);
        let uploaded = &self.hosts[host].files[&restore.file].content;
        let Some(archive) = archive.filter(|_| uploaded.contains(&restore.sha256)) else {
            return Err((Fault::Refused, "./v2/member: Not found in archive".to_owned()));
        };
        let ids = forced_ids(archive);
        let alone = Member {
            id: ids.member_id,
            name: restore.name.clone(),
            peer_urls: vec!["http://localhost:2380".to_owned()],
            client_urls: Vec::new(),
            learner: false,
        };
        let writes = archive.applied.writes.iter().map(|number| Change::Write(*number));
        let changes = std::iter::once(Change::Add(Box::new(alone))).chain(writes);
        let mut copy = DataCopy {
            cluster: ids.cluster_id.0,
            member: ids.member_id.0,
            term: 1,
            entries: changes
                .map(|change| Entry { term: 1, change })
                .collect::<Vec<_>>()
                .into(),
            commit: 0,
            applied: Applied::default(),
            version: archive.version,
            ahead: false,
            snapped: false,
        };
        copy.commit_to(copy.entries.len());
        self.made(host, restore, copy);
        Ok(())
    }

    fn made(&mut self, host: usize, restore: &Restore, copy: DataCopy) {
        let entry = if restore.pack {
            let digest = sha256_hex(restore.stamp().as_bytes());
            self.packed.insert(digest.clone(), copy);
            FileEntry::file(&format!("sha256:{digest}"), "root:root")
        } else {
            self.copies.push(copy);
            let mut entry = FileEntry::dir("etcd:etcd");
            entry.copy = Some(self.copies.len() - 1);
            entry
        };
        let files = &mut self.hosts[host].files;
        let marker = Restore::marker(&restore.into);
        files.insert(marker, FileEntry::file(&format!("{}\n", restore.stamp()), "root:root"));
        files.insert(restore.into.clone(), entry);
    }
}
