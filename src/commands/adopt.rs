//! The record of a run on this bastion against the copies that hosts have: which one counts.

use super::{Context, Exit, Failure};
use crate::base::id::RunId;
use crate::call::host::HostAnswer;
use crate::call::{Call, HostOp, Reply, To, Unwatched};
use crate::cluster::host::ClusterConfig;
use crate::run::copies::{self, Relation};
use crate::run::operator;
use crate::run::store::{Store, Stored};
use crate::transport::Transport;

/// A run that may be carried on here once that is agreed to. Until then nothing is written.
pub(super) struct Adopted {
    pub(super) stored: Stored,
    /// The record as it will stand here, where it is not this bastion's own.
    copy: Option<String>,
}

impl Adopted {
    /// A run of this bastion.
    pub(super) fn own(stored: Stored) -> Self {
        Self { stored, copy: None }
    }

    /// What was agreed to becomes this bastion's record.
    pub(super) fn keep(&self, store: &Store) -> Result<(), Failure> {
        match &self.copy {
            Some(text) => store
                .keep(&self.stored.id, text)
                .map_err(|error| Failure::of(Exit::Refused, &error)),
            None => Ok(()),
        }
    }
}

/// The record that a host has of a run, or a longer one of the same history: another host's, or this bastion's own.
pub(super) async fn adopted(
    context: &Context,
    (name, host): (&str, &str),
    cluster: &ClusterConfig,
    transport: &dyn Transport,
) -> Result<Adopted, Failure> {
    let run: RunId = name.parse().map_err(|_| {
        Failure::usage(format!("`{name}` is no whole name of a run"))
            .hint("its marker on the host names it: etcdops health")
    })?;
    let store = context.runs();
    let local = store.text(&run).map_err(|error| Failure::of(Exit::Refused, &error))?;
    if local.is_some()
        && let Ok(stored) = store.load(&run)
    {
        refuse_living(&stored)?;
    }
    // What the named host says is needed; what others say is welcome.
    let named = copy_on(host, &run, transport).await?;
    let Some(named) = named else {
        return Err(Failure::usage(format!("{host} has no record of run {name}")).cause("nothing was changed"));
    };
    let mut found = copies_on(cluster, &run, Some(host), transport).await;
    found.push((host.to_owned(), named));
    let wrong = |error| Failure::of(Exit::Refused, &error);
    let Some((best, others)) = copies::longest(host, &found) else {
        return Err(Failure::bug("the copy that was just read is gone"));
    };
    if !others.is_empty() {
        context.ui.warn(&format!(
            "the copies of the record on {} tell another story than that on {host}, which is taken",
            others.join(", ")
        ));
    }
    match local.as_deref().map(|local| copies::relation(local, best)) {
        None | Some(Relation::Lags) => Ok(Adopted {
            stored: Store::parsed(best).map_err(wrong)?,
            copy: Some(best.to_owned()),
        }),
        Some(Relation::Same | Relation::Leads) => Ok(Adopted::own(store.load(&run).map_err(wrong)?)),
        Some(Relation::Forks(common)) => Err(forked(&store, &run, host, common)),
    }
}

/// The hosts' copies go on where this record ends, or go another way: somebody else carries the run on, or has done so.
pub(super) async fn refuse_what_went_on_elsewhere(
    store: &Store,
    run: &Adopted,
    transport: &dyn Transport,
) -> Result<(), Failure> {
    let stored = &run.stored;
    let own = match &run.copy {
        Some(text) => Some(text.clone()),
        None => store
            .text(&stored.id)
            .map_err(|error| Failure::of(Exit::Refused, &error))?,
    };
    let own = own.unwrap_or_default();
    for (host, copy) in copies_on(&stored.plan.cluster, &stored.id, None, transport).await {
        match copies::relation(&own, &copy) {
            Relation::Same | Relation::Leads => {}
            Relation::Lags => {
                return Err(Failure::refused(format!(
                    "run {} went on from another bastion: the copy of its record on {host} is longer than the one here",
                    stored.id
                ))
                .cause("nothing was changed; two must not work on one run")
                .hint(format!(
                    "when nobody works on it any more: etcdops resume {} --from {host}",
                    stored.id
                )));
            }
            Relation::Forks(common) => return Err(forked(store, &stored.id, &host, common)),
        }
    }
    Ok(())
}

fn forked(store: &Store, run: &RunId, host: &str, common: usize) -> Failure {
    let own = store.journal_of(run);
    let own = own.display();
    Failure::refused(format!(
        "the record of run {run} here and its copy on {host} tell two stories after record {common}"
    ))
    .cause("it went on from another bastion while this one had not ended; nothing was changed")
    .hint(format!(
        "to go by the host's, set the one here aside: `mv {own} {own}.aside`, then `etcdops resume {run} --from {host}`"
    ))
}

/// The process that carries the run out on this machine must end first.
pub(super) fn refuse_living(stored: &Stored) -> Result<(), Failure> {
    let Some(by) = &stored.state.operator else {
        return Ok(());
    };
    if stored.state.ended.is_none() && operator::lives(by) == Some(true) {
        return Err(Failure::refused(format!(
            "run {} is under way: process {} of {}",
            stored.id, by.pid, by.who
        ))
        .cause("nothing was changed")
        .hint("wait for it, or interrupt it there with Ctrl-C"));
    }
    Ok(())
}

/// What each host that can be asked has of the run, but for one.
async fn copies_on(
    cluster: &ClusterConfig,
    run: &RunId,
    but: Option<&str>,
    transport: &dyn Transport,
) -> Vec<(String, String)> {
    let hosts = cluster.hosts.iter().filter(|host| Some(host.name.as_str()) != but);
    let asked = hosts.map(|host| async move { (host.name.clone(), copy_on(&host.name, run, transport).await) });
    let answers = futures_util::future::join_all(asked).await;
    let found = answers.into_iter().filter_map(|(host, copy)| Some((host, copy.ok()??)));
    found.collect()
}

async fn copy_on(host: &str, run: &RunId, transport: &dyn Transport) -> Result<Option<String>, Failure> {
    let call = Call {
        to: To::Host {
            host: host.to_owned(),
            op: HostOp::ReadJournal { run: run.clone() },
            tag: None,
        },
        timeout: crate::call::look::HOST_LOOK_BOUND,
    };
    match transport.perform(&call, &Unwatched).await? {
        Reply::Host(HostAnswer::Journal(text)) => Ok(text),
        _ => Ok(None),
    }
}
