//! etcd's own restore: a data directory of a new cluster from a snapshot.

use super::boot::{founder, initial_cluster};
use super::disk::Trouble;
use super::state::{Change, Entry, FileEntry, State};
use crate::call::Fault;
use crate::call::host::Restore;

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
        let writes = snapshot.writes.into_iter().map(Change::Write);
        let bump = snapshot.bumped + restore.bump;
        for change in writes.chain((bump > 0).then_some(Change::Bump(bump))) {
            copy.entries.push(Entry { term: 1, change });
        }
        copy.commit_to(copy.entries.len());
        self.copies.push(copy);
        let place = self.copies.len() - 1;
        self.alarms.extend(snapshot.alarms);
        let mut entry = FileEntry::dir("etcd:etcd");
        entry.copy = Some(place);
        let files = &mut self.hosts[host].files;
        files.insert(marker, FileEntry::file(&format!("{}\n", restore.stamp()), "root:root"));
        files.insert(restore.into.clone(), entry);
        Ok(())
    }
}
