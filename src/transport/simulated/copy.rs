//! What a look at a data directory tells of its content.

use super::state::State;
use crate::call::copy::{CopySeen, Part};
use crate::cluster::member::Id;

impl State {
    /// Each kind once, as the database tells them.
    pub(super) fn alarm_names(&self) -> Vec<String> {
        let kinds: std::collections::BTreeSet<&String> = self.alarms.iter().map(|(_, alarm)| alarm).collect();
        kinds.into_iter().cloned().collect()
    }

    pub(super) fn read_copy(&self, host: usize) -> CopySeen {
        let service = self.inspect(host);
        let target = &self.hosts[host];
        let mut seen = CopySeen {
            running: target.process.is_some(),
            unit: service.exists,
            wal_dir: service.wal_dir,
            fenced: service.fenced,
            version: service.version,
            ..CopySeen::default()
        };
        let path = service.data_dir.or_else(|| Some(super::build::DATA_DIR.to_owned()));
        let place = path.as_ref().and_then(|path| target.files.get(path)?.copy);
        seen.data_dir = path;
        let Some(place) = place else { return seen };
        let copy = &self.copies[place];
        let applied = &copy.applied;
        let own = applied.members.get(&copy.member);
        seen.there = true;
        seen.member = Some(Id(copy.member));
        seen.cluster = Some(Id(copy.cluster));
        seen.term = copy.term;
        seen.commit = copy.commit as u64;
        seen.consistent_index = applied.index as u64;
        seen.last_term = copy.last_term();
        seen.last_index = copy.entries.len() as u64;
        seen.revision = applied.revision();
        seen.voters = applied.voters().map(|member| member.id).collect();
        seen.members = applied.members.values().cloned().collect();
        seen.db_size = 20 << 10;
        seen.v2_data = self.v2_data;
        seen.alarms = self.alarm_names();
        seen.part = match own {
            Some(member) if member.learner => Part::Learner,
            Some(_) => Part::Voter,
            None if applied.removed.contains(&copy.member) => Part::Removed,
            None => Part::Unknown,
        };
        seen
    }
}
