//! Is the cluster still the one that this plan was made for?

use crate::call::host::ServiceSeen;
use crate::cluster::model::Model;
use crate::cluster::observed::Observed;

use super::known::Known;
use super::types::Baseline;

/// What a host's service is known by: the unit's files (not ours) and its data directory.
pub fn identity(service: &ServiceSeen) -> String {
    let ours = |path: &&String| !path.contains("etcdops");
    let drop_ins: Vec<&str> = service.drop_ins.iter().filter(ours).map(String::as_str).collect();
    format!(
        "{}|{}|{}",
        service.unit_file.as_deref().unwrap_or("no unit"),
        drop_ins.join(","),
        service.data_dir.as_deref().unwrap_or("no data directory")
    )
}

/// The baseline of what was seen.
pub fn baseline(observed: &Observed, known: &Known, hosts: &[String]) -> Baseline {
    let alarms = observed
        .members
        .iter()
        .filter_map(|seen| Some((seen.member.as_ref()?.id.to_string(), seen.alarms.clone()?)))
        .collect();
    let services = hosts
        .iter()
        .filter_map(|host| Some((host.clone(), identity(known.service(host)?.ok()?))))
        .collect();
    Baseline {
        cluster_id: observed.cluster_id,
        model: observed.model(),
        alarms,
        services,
    }
}

/// Differences that forbid to go on; leader, term, revision and sizes are none.
pub fn differences(then: &Baseline, now: &Baseline) -> Vec<String> {
    let mut found = Vec::new();
    if then.cluster_id != now.cluster_id {
        found.push("the cluster ID is another".to_owned());
    }
    found.extend(membership(&then.model, &now.model));
    if then.alarms != now.alarms {
        found.push("the alarms are others".to_owned());
    }
    for (host, was) in &then.services {
        match now.services.get(host) {
            Some(is) if is == was => {}
            Some(_) => found.push(format!("{host}: the unit or its data directory is another")),
            None => found.push(format!("{host}: can no longer be asked")),
        }
    }
    found
}

fn membership(then: &Model, now: &Model) -> Vec<String> {
    let mut found = Vec::new();
    for was in &then.members {
        match now.members.iter().find(|is| is.id == was.id) {
            None => found.push(format!("{} is no member any more", was.name)),
            Some(is) if is.peer_urls != was.peer_urls => found.push(format!("{} has other peer URLs", was.name)),
            Some(is) if is.learner != was.learner => {
                found.push(format!("{} changed between learner and voter", was.name));
            }
            Some(is) if is.version != was.version && is.version.is_some() && was.version.is_some() => {
                found.push(format!("{} runs another version", was.name));
            }
            Some(is) if is.up != was.up => {
                found.push(format!("{} was {}, now it is {}", was.name, up(was.up), up(is.up)));
            }
            Some(_) => {}
        }
    }
    let new = now
        .members
        .iter()
        .filter(|is| !then.members.iter().any(|was| was.id == is.id));
    found.extend(new.map(|is| format!("{} is a new member", is.name)));
    found
}

fn up(is_up: bool) -> &'static str {
    if is_up { "healthy" } else { "not healthy" }
}
