//! What all that was seen amounts to: pure. Safety 1 to 4 settle the verdict.

use jiff::Timestamp;
use serde::Serialize;

use super::Evidence;
use super::problems;
use crate::cluster::host::ClusterConfig;
use crate::cluster::model::needed;
use crate::cluster::observed::{CauseKind, MemberSeen, Role, Standing};

/// The state of the cluster as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything works; there may be warnings.
    Healthy,
    /// It works, but a member or an alarm reduces service or tolerance.
    Degraded,
    /// No linearizable read was answered, and the members say why.
    NoQuorum,
    /// Nothing could be asked.
    Unknown,
}

impl Verdict {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::NoQuorum => "no-quorum",
            Self::Unknown => "unknown",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Service or data is lost now.
    Critical,
    /// It is worse than it should be, or will be.
    Warning,
    /// All is well, and it matters for a change to come: nobody is woken by it.
    #[serde(rename = "warning")]
    Notice,
}

/// Something that is not as it should be, and what to type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub severity: Severity,
    pub text: String,
    /// The exact command, or what to do.
    pub hint: String,
}

/// Voters, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Quorum {
    pub voters: usize,
    pub healthy: usize,
    pub needed: usize,
    /// How many more may fail; 0 also when quorum is lost.
    pub tolerates: usize,
}

/// Verdict, quorum and everything that is wrong, the gravest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    pub verdict: Verdict,
    pub quorum: Quorum,
    pub problems: Vec<Problem>,
}

impl Health {
    /// More that should be known, told in its place.
    pub fn add(&mut self, problems: Vec<Problem>) {
        self.problems.extend(problems);
        self.problems.sort_by_key(|problem| problem.severity);
    }
}

/// What a verdict depends on besides what was seen.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    pub now: Timestamp,
    /// The hosts come from an inventory; otherwise they are only guessed from endpoints.
    pub inventory: bool,
}

/// Judges what was seen.
pub fn verdict(evidence: &Evidence, cluster: &ClusterConfig, around: Circumstances) -> Health {
    let quorum = count(evidence, cluster);
    let verdict = decide(evidence, quorum);
    let mut problems = problems::all(evidence, cluster, (verdict, quorum), around);
    problems.sort_by_key(|problem| problem.severity);
    Health {
        verdict,
        quorum,
        problems,
    }
}

/// A row that takes part in quorum: a member that is no learner; without a member list, whatever was asked.
pub(super) fn voters(evidence: &Evidence) -> impl Iterator<Item = &MemberSeen> {
    let known = evidence.observed.member_list_known;
    evidence
        .observed
        .members
        .iter()
        .filter(move |seen| !known || seen.member.as_ref().is_some_and(|member| !member.learner))
}

fn count(evidence: &Evidence, cluster: &ClusterConfig) -> Quorum {
    let rows = voters(evidence).count();
    // Without a list the inventory's hosts are the best guess at how many there are.
    let voters_count = if evidence.observed.member_list_known {
        rows
    } else {
        let hosts = cluster.hosts.iter().filter(|host| host.client_url.is_some()).count();
        rows.max(hosts)
    };
    let healthy = voters(evidence)
        .filter(|seen| seen.standing == Standing::Healthy)
        .count();
    let needed = if voters_count == 0 { 0 } else { needed(voters_count) };
    Quorum {
        voters: voters_count,
        healthy,
        needed,
        tolerates: healthy.saturating_sub(needed),
    }
}

fn decide(evidence: &Evidence, quorum: Quorum) -> Verdict {
    let observed = &evidence.observed;
    let enough_claim = quorum.voters > 0 && quorum.healthy >= quorum.needed;
    if observed.quorum_proved || enough_claim && reads_were_denied(evidence) {
        return if impaired(evidence, quorum) {
            Verdict::Degraded
        } else {
            Verdict::Healthy
        };
    }
    let stopped = proved_stopped(evidence);
    // So many units are proved stopped that the rest is no majority, whoever still believes in a leader.
    let too_few_run = stopped > 0 && quorum.voters.saturating_sub(stopped) < quorum.needed;
    if !too_few_run && voters(evidence).any(|seen| seen.leader.is_some()) {
        // Some member follows a leader, though no read came through from here: never a reason to recover (safety 1).
        return Verdict::Degraded;
    }
    if too_few_run || voters(evidence).any(|seen| answers_without_leader(evidence, seen)) {
        return Verdict::NoQuorum;
    }
    Verdict::Unknown
}

/// All members agree on a leader, and only our lack of rights keeps the proof from us.
fn reads_were_denied(evidence: &Evidence) -> bool {
    evidence.read_denied && evidence.observed.leader.is_some()
}

/// It answered, and says by itself that it has no quorum: no leader known, or mute since its start (safety 2).
pub(super) fn answers_without_leader(evidence: &Evidence, seen: &MemberSeen) -> bool {
    let told = seen.raft_term.is_some() && seen.leader.is_none();
    told || evidence.mute.contains(&seen.endpoint) || evidence.not_ready.contains(&seen.endpoint)
}

/// Voters whose unit is proved stopped by their host.
pub(super) fn proved_stopped(evidence: &Evidence) -> usize {
    voters(evidence)
        .filter(|seen| {
            let service = seen.host.as_ref().and_then(|host| evidence.services.get(host));
            matches!(service, Some(Ok(service)) if service.proved_stopped())
        })
        .count()
}

fn impaired(evidence: &Evidence, quorum: Quorum) -> bool {
    let observed = &evidence.observed;
    let alarmed = observed
        .members
        .iter()
        .any(|seen| seen.alarms.as_ref().is_some_and(|alarms| !alarms.is_empty()));
    let behind = voters(evidence).any(|seen| problems::lag(evidence, seen).is_some());
    // Without a member list, endpoints that only say "who are you?" are no sick members.
    let known_sick = voters(evidence).any(|seen| {
        seen.standing != Standing::Healthy
            && (observed.member_list_known || seen.cause.as_ref().is_none_or(|cause| cause.kind != CauseKind::Auth))
    });
    let unstarted = voters(evidence).any(|seen| seen.role == Some(Role::Unstarted));
    alarmed || behind || known_sick || unstarted || quorum.healthy < quorum.voters && observed.member_list_known
}

#[cfg(test)]
mod tests;
