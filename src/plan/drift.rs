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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::member::Id;
    use crate::cluster::model::ModelMember;
    use crate::cluster::version::Version;

    fn before() -> Baseline {
        let member = |number: u64| ModelMember {
            id: Some(Id(number)),
            name: format!("etcd-{number}"),
            host: Some(format!("etcd-{number}")),
            peer_urls: vec![format!("http://etcd-{number}:2380")],
            client_urls: vec![format!("http://etcd-{number}:2379")],
            learner: false,
            up: true,
            version: Some(Version::new(3, 5, 30)),
        };
        Baseline {
            cluster_id: Some(Id(7)),
            model: Model {
                cluster_id: Some(Id(7)),
                members: (1..=3).map(member).collect(),
                ..Model::default()
            },
            alarms: [("1".to_owned(), Vec::new())].into(),
            services: [("etcd-1".to_owned(), "/lib/etcd.service||/var/lib/etcd".to_owned())].into(),
        }
    }

    /// What is told after this change.
    fn after(change: impl FnOnce(&mut Baseline)) -> String {
        let mut now = before();
        change(&mut now);
        differences(&before(), &now).join("; ")
    }

    #[test]
    fn each_kind_of_drift_is_refused() {
        let service = |is: &str| {
            let is = is.to_owned();
            after(move |now| {
                now.services.insert("etcd-1".to_owned(), is);
            })
        };
        for (told, expected) in [
            (after(|now| now.cluster_id = Some(Id(8))), "the cluster ID is another"),
            (
                after(|now| drop(now.model.members.pop())),
                "etcd-3 is no member any more",
            ),
            (
                after(|now| {
                    let mut new = now.model.members[0].clone();
                    (new.id, new.name) = (Some(Id(4)), "etcd-4".to_owned());
                    now.model.members.push(new);
                }),
                "etcd-4 is a new member",
            ),
            (
                // The same name and URLs under another ID.
                after(|now| now.model.members[0].id = Some(Id(9))),
                "etcd-1 is no member any more; etcd-1 is a new member",
            ),
            (
                after(|now| now.model.members[0].peer_urls = vec!["http://other:2380".to_owned()]),
                "etcd-1 has other peer URLs",
            ),
            (
                after(|now| now.model.members[1].learner = true),
                "etcd-2 changed between learner and voter",
            ),
            (
                after(|now| now.model.members[1].version = Some(Version::new(3, 5, 35))),
                "etcd-2 runs another version",
            ),
            (
                after(|now| now.model.members[2].up = false),
                "etcd-3 was healthy, now it is not healthy",
            ),
            (
                after(|now| drop(now.alarms.insert("1".to_owned(), vec!["NOSPACE".to_owned()]))),
                "the alarms are others",
            ),
            (
                service("/etc/etcd.service||/var/lib/etcd"),
                "etcd-1: the unit or its data directory is another",
            ),
            (after(|now| now.services.clear()), "etcd-1: can no longer be asked"),
        ] {
            assert_eq!(told, expected);
        }
        assert_eq!(after(|_| {}), "");
    }

    #[test]
    fn who_leads_at_which_term_and_how_much_there_is_are_no_drift() {
        use crate::cluster::member::Member;
        use crate::cluster::observed::{MemberSeen, Role, Standing};

        let seen = |leads: bool, term: u64, size: u64| {
            let member = Member {
                id: Id(1),
                name: "etcd-1".to_owned(),
                peer_urls: vec!["http://etcd-1:2380".to_owned()],
                client_urls: Vec::new(),
                learner: false,
            };
            let found = MemberSeen {
                member: Some(member),
                standing: Standing::Healthy,
                role: Some(if leads { Role::Leader } else { Role::Follower }),
                raft_term: Some(term),
                raft_index: Some(term * 100),
                raft_applied_index: Some(term * 100),
                db_size: Some(size),
                db_size_in_use: Some(size),
                ..MemberSeen::unheard("http://etcd-1:2379")
            };
            let observed = Observed {
                members: vec![found],
                member_list_known: true,
                ..Observed::default()
            };
            baseline(&observed, &Known::default(), &[])
        };
        assert_eq!(
            differences(&seen(true, 2, 20_480), &seen(false, 5, 4_096_000)),
            Vec::<String>::new()
        );
    }
}
