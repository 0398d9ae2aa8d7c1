//! What the inventory should say when the members are others: a diff, written only when asked.

use std::path::Path;

use super::settings::Settings;
use super::{Context, Exit, Failure};
use crate::base::yaml::Source;
use crate::call::{Look, Sight};
use crate::cluster::host::ClusterConfig;
use crate::cluster::inventory::edit;
use crate::cluster::model::{Model, ModelMember};
use crate::look;
use crate::plan::types::Plan;
use crate::transport::Transport;

/// Client URLs that left the cluster and came into it, and the hosts whose peer URL is another.
#[derive(Debug, Default, PartialEq, Eq)]
struct Change {
    gone: Vec<String>,
    new: Vec<String>,
    peers: Vec<(String, String)>,
}

/// Whether the plan is about who is a member: one of the membership commands, or a runbook that says so to others at its end.
fn tells(plan: &Plan) -> bool {
    const OURS: [&str; 5] = [
        "add-member",
        "remove-member",
        "replace-member",
        "promote-member",
        "update-member",
    ];
    let mut calls = plan.steps.iter().flat_map(|step| &step.calls);
    OURS.contains(&plan.runbook.as_str()) || calls.any(|call| call.action.name == "members.tell")
}

/// After a run that ended well: shows what the inventory should say now; with `write`, writes it.
pub(super) async fn after(
    context: &Context,
    settings: &Settings,
    transport: &dyn Transport,
    plan: &Plan,
    write: bool,
) -> Result<(), Failure> {
    if tells(plan) {
        return tell(context, settings, transport, plan, write).await;
    }
    if write {
        context
            .ui
            .talk("The run changed no members: the inventory is as it was.");
    }
    Ok(())
}

/// Shows what the inventory should say now; with `write`, writes it.
pub(super) async fn tell(
    context: &Context,
    settings: &Settings,
    transport: &dyn Transport,
    plan: &Plan,
    write: bool,
) -> Result<(), Failure> {
    let Some(file) = &settings.file else {
        return if write {
            unknown(context, "the inventory", write, "there is no file of it".to_owned())
        } else {
            Ok(())
        };
    };
    let cluster = &plan.cluster;
    let seen = look::see(&Look::Cluster, cluster, transport, cluster.call_timeout).await;
    let after = match seen {
        Sight::Cluster(observed) if observed.member_list_known => observed.model(),
        Sight::Blind(error) => return unknown(context, file, write, error.to_string()),
        _ => return unknown(context, file, write, "no member gives the member list".to_owned()),
    };
    let change = change(cluster, &plan.baseline.model, &after);
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => return unknown(context, file, write, format!("{file} cannot be read: {error}")),
    };
    let by_hand = |why: String| {
        Failure::new(
            Exit::Failed,
            format!("the run is done, but {file} cannot be edited safely"),
        )
        .cause(why)
        .hint("change the list of endpoints there by hand")
    };
    let Some(edited) = edited(&Source::new(file, text), &cluster.name, &change).map_err(by_hand)? else {
        if write {
            context.ui.talk(&nothing_to_write(cluster, file));
        }
        return Ok(());
    };
    context.ui.talk(&edited.diff);
    if !write {
        context.ui.talk(&format!(
            "{file} is as it was: change it so by hand, or type: etcdops resume {} --write-inventory",
            plan.run
        ));
        return Ok(());
    }
    crate::base::files::replace(Path::new(file), edited.text.as_bytes())
        .map_err(|error| Failure::of(Exit::Failed, &error).hint("the run is done; change the file by hand as shown"))?;
    context.ui.talk(&format!("{file} is written."));
    Ok(())
}

/// Who asked for the file to be written is told why it is as it was.
fn nothing_to_write(cluster: &ClusterConfig, file: &str) -> String {
    match &cluster.discovery {
        None => format!("{file} is right as it is: nothing to write."),
        Some(_) => {
            format!(
                "{file} finds the members by DNS and lists no endpoints: the records above must change, not the file."
            )
        }
    }
}

/// What the inventory should say cannot be told. Who asked for it to be written must not take it for written.
fn unknown(context: &Context, file: &str, write: bool, why: String) -> Result<(), Failure> {
    const HINT: &str = "etcdops members shows the list; change the endpoints of the inventory by hand";
    if write {
        let what = format!("the run is done, but {file} is not written");
        return Err(Failure::new(Exit::Failed, what).cause(why).hint(HINT));
    }
    context
        .ui
        .talk(&format!("What {file} should say now cannot be told: {why}. {HINT}."));
    Ok(())
}

fn edited(source: &Source, cluster: &str, change: &Change) -> Result<Option<edit::Edited>, String> {
    let mut last = edit::endpoints(source, cluster, &change.gone, &change.new)?;
    for (host, url) in &change.peers {
        let now = Source::new(
            &source.name,
            last.as_ref().map_or(&source.text, |edited| &edited.text).clone(),
        );
        last = edit::peer_url(&now, cluster, host, url)?.or(last);
    }
    Ok(last)
}

/// Every URL by which clients may know a member: the inventory's, and those that it advertises.
fn urls(cluster: &ClusterConfig, member: &ModelMember) -> Vec<String> {
    let host = member.host.as_deref().and_then(|name| cluster.host(name));
    let written = host.and_then(|host| host.client_url.clone());
    written.into_iter().chain(member.client_urls.clone()).collect()
}

fn change(cluster: &ClusterConfig, before: &Model, after: &Model) -> Change {
    let all =
        |model: &Model| -> Vec<String> { model.members.iter().flat_map(|member| urls(cluster, member)).collect() };
    let (was, is) = (all(before), all(after));
    // A learner serves no clients: it comes in when it votes.
    let voted: Vec<String> = before.voters().flat_map(|member| urls(cluster, member)).collect();
    let new = after
        .voters()
        .map(|member| urls(cluster, member))
        .filter(|urls| !urls.iter().any(|url| voted.contains(url)))
        .filter_map(|urls| urls.into_iter().next());
    Change {
        new: new.collect(),
        gone: was.into_iter().filter(|url| !is.contains(url)).collect(),
        peers: after
            .members
            .iter()
            .filter_map(|member| peer(cluster, member))
            .collect(),
    }
}

/// The host's peer URL, where the inventory says another one than etcd.
fn peer(cluster: &ClusterConfig, member: &ModelMember) -> Option<(String, String)> {
    let host = cluster.host(member.host.as_deref()?)?;
    let written = host.peer_url.as_deref()?.trim_end_matches('/');
    let [only] = member.peer_urls.as_slice() else {
        return None;
    };
    (only != written).then(|| (host.name.clone(), only.clone()))
}

#[cfg(test)]
mod tests {
    use super::{Change, change, nothing_to_write};
    use crate::base::duration::Span;
    use crate::cluster::host::{AuthUser, Backups, ClusterConfig, Discovery, Host, Route, TlsFiles};
    use crate::cluster::model::{Model, ModelMember};

    fn cluster() -> ClusterConfig {
        let host = |number: u8| Host {
            client_url: Some(format!("http://etcd-{number}:2379")),
            peer_url: Some(format!("http://etcd-{number}:2380")),
            ..Host::named(&format!("etcd-{number}"))
        };
        ClusterConfig {
            name: "c".to_owned(),
            endpoints: Vec::new(),
            route: Route::Direct,
            tls: TlsFiles::default(),
            auth: AuthUser::default(),
            clients: None,
            backups: Backups::default(),
            hosts: (1..=4).map(host).collect(),
            discovery: None,
            call_timeout: Span::seconds(5),
        }
    }

    #[test]
    fn who_asked_for_it_to_be_written_hears_why_it_is_not() {
        let mut cluster = cluster();
        let said = |cluster: &ClusterConfig| nothing_to_write(cluster, "f.yaml");
        assert_eq!(said(&cluster), "f.yaml is right as it is: nothing to write.");
        cluster.discovery = Some(Discovery {
            domain: "example.org".to_owned(),
            name: None,
        });
        assert!(said(&cluster).contains("by DNS"), "{}", said(&cluster));
    }

    /// Members that advertise addresses where the inventory has names.
    fn model(numbers: &[u8]) -> Model {
        let member = |number: &u8| ModelMember {
            id: None,
            name: format!("etcd-{number}"),
            host: Some(format!("etcd-{number}")),
            peer_urls: vec![format!("http://etcd-{number}:2380")],
            client_urls: vec![format!("http://10.0.0.{number}:2379")],
            learner: false,
            up: true,
            version: None,
        };
        Model {
            members: numbers.iter().map(member).collect(),
            ..Model::default()
        }
    }

    #[test]
    fn who_left_goes_and_who_came_is_written_as_the_inventory_calls_it() {
        let found = change(&cluster(), &model(&[1, 2, 3]), &model(&[1, 2, 4]));
        assert_eq!(found.new, ["http://etcd-4:2379"]);
        assert_eq!(found.gone, ["http://etcd-3:2379", "http://10.0.0.3:2379"]);
        assert_eq!(change(&cluster(), &model(&[1, 2]), &model(&[1, 2])), Change::default());
        let mut learning = model(&[1, 2, 4]);
        learning.members[2].learner = true;
        assert_eq!(change(&cluster(), &model(&[1, 2]), &learning).new, [""; 0]);
        assert_eq!(
            change(&cluster(), &learning, &model(&[1, 2, 4])).new,
            ["http://etcd-4:2379"]
        );
        let mut moved = model(&[1, 2]);
        moved.members[1].peer_urls = vec!["http://etcd-2:2390".to_owned()];
        assert_eq!(
            change(&cluster(), &model(&[1, 2]), &moved).peers,
            [("etcd-2".to_owned(), "http://etcd-2:2390".to_owned())]
        );
    }
}
