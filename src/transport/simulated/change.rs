//! Changes on a host: its unit, its files, what a run leaves there.

use std::sync::Arc;

use super::hostops::{no_freeze, what};
use super::state::{FileEntry, Later, Lease, State};
use crate::call::Fault;
use crate::call::host::{HostAnswer, HostOp, Marker};

impl State {
    pub(super) fn change(&mut self, host: usize, op: &HostOp) -> Result<HostAnswer, (Fault, String)> {
        match op {
            HostOp::Start { .. }
            | HostOp::Stop { .. }
            | HostOp::ColdCopy { .. }
            | HostOp::Restart
            | HostOp::Fence { .. }
            | HostOp::Unfence { .. } => {
                self.change_unit(host, op)?;
            }
            HostOp::Override { name, settings } => {
                self.hosts[host].overrides.insert(name.clone(), settings.clone());
            }
            HostOp::Reload => self.hosts[host].unit.stale = false,
            HostOp::DropOverride { name } => {
                self.hosts[host].overrides.remove(name);
            }
            HostOp::ArmLease {
                name,
                after,
                stagger,
                cluster,
            } => {
                let length = super::milliseconds(after.0) + super::milliseconds(stagger.0);
                let lease = Lease {
                    at: self.now + length,
                    cluster: cluster.clone(),
                };
                self.hosts[host].leases.insert(name.clone(), lease);
                self.later(length, Later::Lease(host, name.clone()));
            }
            HostOp::DisarmLease { name } => {
                self.hosts[host].leases.remove(name);
            }
            HostOp::Freeze { .. } | HostOp::Thaw => {
                if !self.hosts[host].agent {
                    return Err(no_freeze());
                }
                self.hosts[host].frozen = matches!(op, HostOp::Freeze { .. });
            }
            HostOp::Run { command, .. } => return Ok(HostAnswer::Ran(self.run_command(host, command))),
            HostOp::WriteMarker { cluster, marker } => self.write_marker(host, cluster, marker)?,
            HostOp::ClearMarker { cluster, run, life } => {
                let markers = &mut self.hosts[host].markers;
                let own = |marker: &Marker| life.as_ref().is_none_or(|life| marker.life() == *life);
                if markers
                    .get(cluster)
                    .is_some_and(|marker| marker.run == *run && own(marker))
                {
                    markers.remove(cluster);
                }
            }
            HostOp::AppendJournal { .. } => self.append_journal(host, op)?,
            files => self.change_files(host, files)?,
        }
        Ok(HostAnswer::Done)
    }

    fn append_journal(&mut self, host: usize, op: &HostOp) -> Result<(), (Fault, String)> {
        let HostOp::AppendJournal {
            run,
            life,
            held,
            from_seq,
            text,
        } = op
        else {
            return Ok(());
        };
        let marker = self.hosts[host].markers.get(&self.cluster);
        if *held && marker.is_none() {
            return Err((Fault::Refused, "the run's marker is gone".to_owned()));
        }
        if let Some(marker) = marker.filter(|marker| life.as_ref().is_some_and(|life| marker.life() != *life)) {
            return Err((Fault::Refused, held_by(marker)));
        }
        self.hosts[host].space_for("/var/lib/etcdops")?;
        let lines = self.hosts[host].journals.entry(run.as_str().to_owned()).or_default();
        let before = usize::try_from(from_seq.saturating_sub(1)).unwrap_or(usize::MAX);
        if lines.len() < before {
            let why = format!(
                "the copy of the journal ends at record {}, before {from_seq}",
                lines.len()
            );
            return Err((Fault::Refused, why));
        }
        let mut old = lines.split_off(before).into_iter();
        lines.extend(text.lines().map(|line| match old.next() {
            Some(same) if *same == *line => same,
            _ => Arc::from(line),
        }));
        Ok(())
    }

    fn change_unit(&mut self, host: usize, op: &HostOp) -> Result<(), (Fault, String)> {
        if !self.hosts[host].unit.exists {
            let unit = &self.hosts[host].unit.name;
            return Err((Fault::Missing, format!("Unit {unit}.service could not be found.")));
        }
        match op {
            HostOp::Start { .. } if self.hosts[host].unit.fenced => {
                let fence = "/etc/systemd/system/etcd.service.d/zz-etcdops-fence.conf";
                return Err((Fault::Refused, format!("etcd is fenced on this host: {fence}")));
            }
            HostOp::Start { enable } => {
                self.hosts[host].start_again = None;
                self.hosts[host].unit.enabled |= *enable;
                self.start_unit(host);
            }
            HostOp::ColdCopy { data_dir, to, .. } => self.cold_copy(host, data_dir, to)?,
            HostOp::Stop { disable, start_again } => {
                if let Some(after) = start_again {
                    let after = super::milliseconds(after.0);
                    self.hosts[host].start_again = Some(self.now + after);
                    self.later(after, Later::StartAgain(host));
                }
                self.stop_process(host);
                if *disable {
                    self.hosts[host].unit.enabled = false;
                }
            }
            HostOp::Restart => {
                self.stop_process(host);
                self.start_unit(host);
            }
            HostOp::Fence { .. } => {
                self.hosts[host].space_for("/etc/systemd/system")?;
                self.hosts[host].unit.fenced = true;
                self.stop_process(host);
            }
            _ => self.hosts[host].unit.fenced = false,
        }
        Ok(())
    }

    fn change_files(&mut self, host: usize, op: &HostOp) -> Result<(), (Fault, String)> {
        let target = &mut self.hosts[host];
        match op {
            HostOp::WriteFile {
                path,
                content,
                mode,
                owner,
                was,
            } => {
                target.as_it_was(path, was.as_ref())?;
                if let Some(old) = target.files.get(path).filter(|old| !old.dir).cloned() {
                    let kept = format!("/var/lib/etcdops/kept{path}");
                    target.files.entry(kept).or_insert(old);
                }
                target.write_file(path, content, mode.as_deref(), owner.as_deref())?;
                target.unit.stale |= path.contains("/systemd/system/");
                Ok(())
            }
            HostOp::PutFile {
                sha256,
                path,
                mode,
                owner,
                ..
            } => {
                // Content stands for itself by its digest.
                target.write_file(path, &format!("sha256:{sha256}"), mode.as_deref(), owner.as_deref())
            }
            HostOp::Carry {
                from,
                file,
                path,
                sha256,
            } => self.carry(host, from, file, (path, sha256)),
            HostOp::Discard { path } => target.discard(path),
            HostOp::Rename { from, to } => target.rename(from, to),
            HostOp::MoveAside { path, to } => target.move_aside(path, to),
            HostOp::Own { path, owner, mode } => target.own(path, owner, mode.as_deref()),
            HostOp::Restore(restore) => self.restore(host, restore),
            HostOp::Swap { path, new, old } => target.swap(path, new, old),
            other => Err((Fault::Unsupported, format!("{} is not simulated", what(other)))),
        }
    }

    fn write_marker(&mut self, host: usize, cluster: &str, marker: &Marker) -> Result<(), (Fault, String)> {
        self.hosts[host].space_for("/var/lib/etcdops")?;
        let markers = &mut self.hosts[host].markers;
        if let Some(other) = markers.get(cluster)
            && other.run != marker.run
        {
            return Err((Fault::Refused, held_by(other)));
        }
        markers.insert(cluster.to_owned(), marker.clone());
        Ok(())
    }

    /// Puts a directory or file there, as an operator would beforehand.
    pub(super) fn place(&mut self, host: usize, path: &str, entry: FileEntry) {
        self.hosts[host].files.insert(path.to_owned(), entry);
    }
}

fn held_by(marker: &Marker) -> String {
    format!(
        "run {} of {} holds this host since {} ({})",
        marker.run, marker.who, marker.since, marker.doing
    )
}
