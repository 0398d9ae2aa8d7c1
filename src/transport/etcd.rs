//! etcd's own API: one lazily connected, pinned channel per endpoint, never a fail-over, every call within its bound.

mod convert;
mod errors;
mod link;
mod plain;
mod snapshot;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use etcd_client::{
    AlarmAction, AlarmOptions, AlarmType, Client, Compare, CompareOp, GetOptions, MemberAddOptions, Txn, TxnOp,
};

pub(super) use self::errors::foreign;
use self::link::Link;
use super::dial::{Dialer, Target, out_of_time};
use crate::call::{CallError, EtcdAnswer, EtcdOp, Fault, Watch};
pub use crate::cluster::host::Credentials;

/// The key of the linearizable read: the one that etcdctl reads, so that its permissions are the familiar ones.
const PROBE_KEY: &str = "health";

/// The etcd API of one cluster's endpoints.
pub struct Etcd {
    dialer: Arc<Dialer>,
    credentials: Option<Credentials>,
    links: Mutex<HashMap<String, Arc<Link>>>,
}

impl Etcd {
    pub fn new(dialer: Arc<Dialer>, credentials: Option<Credentials>) -> Self {
        Self {
            dialer,
            credentials,
            links: Mutex::default(),
        }
    }

    /// One RPC to one endpoint. Ends within `bound`; a log-in that it needs counts too.
    pub async fn perform(
        &self,
        endpoint: &str,
        op: &EtcdOp,
        bound: Duration,
        watch: &dyn Watch,
    ) -> Result<EtcdAnswer, CallError> {
        let what = name(op);
        let link = self
            .link(endpoint)
            .await
            .map_err(|error| CallError::new(error.fault, what, endpoint, error.message))?;
        let mut unanswered = Unanswered {
            links: &self.links,
            endpoint,
            armed: self.credentials.is_some(),
        };
        let call = async {
            let ended = self.as_user(&link, op, watch).await;
            let Err(error) = &ended else { return ended };
            if error.fault == Fault::Lost
                && let Some(why) = self.dialer.refusal(&link.target, &link.notes).await
            {
                return Err(CallError::new(why.fault, what, endpoint, why.message));
            }
            ended
        };
        // A stream may take as long as it moves; that it does is seen to where it is read.
        let bound = if matches!(op, EtcdOp::Snapshot { .. }) {
            Duration::MAX
        } else {
            bound
        };
        let Ok(ended) = tokio::time::timeout(bound, call).await else {
            let late = out_of_time(&link.notes, bound);
            return Err(CallError::new(late.fault, what, endpoint, late.message));
        };
        unanswered.armed = false;
        ended
    }

    async fn link(&self, endpoint: &str) -> Result<Arc<Link>, super::dial::DialError> {
        let known = self
            .links
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(endpoint)
            .cloned();
        if let Some(link) = known {
            return Ok(link);
        }
        let link = Arc::new(Link::open(endpoint, self.dialer.clone()).await?);
        Ok(self
            .links
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(endpoint.to_owned())
            .or_insert(link)
            .clone())
    }

    /// The link to this port, if there is one.
    fn known(&self, target: &Target) -> Option<Arc<Link>> {
        let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        links.values().find(|link| link.target == *target).cloned()
    }

    /// Logs in where that is needed, once more when the token is no longer accepted (they live five minutes).
    async fn as_user(&self, link: &Link, op: &EtcdOp, watch: &dyn Watch) -> Result<EtcdAnswer, CallError> {
        let Some(credentials) = &self.credentials else {
            return carry_out(link, op, watch).await;
        };
        // A log-in goes through raft, so without quorum nobody gets in: what older versions tell anyone is asked without.
        if !link.logged_in().await && matches!(op, EtcdOp::Status | EtcdOp::MemberList) {
            match carry_out(link, op, watch).await {
                Err(error) if error.fault == Fault::Auth => {}
                ended => return ended,
            }
        }
        let token = match link.log_in(credentials, name(op)).await {
            Err(error) if errors::of_learner(&error) => self.log_in_elsewhere(link, credentials, op, error).await?,
            ended => ended?,
        };
        match carry_out(link, op, watch).await {
            Err(error) if errors::token_expired(&error) => {
                link.forget(token).await;
                link.log_in(credentials, name(op)).await?;
                carry_out(link, op, watch).await
            }
            ended => ended,
        }
    }
}

impl Etcd {
    /// A learner takes no log-in, but knows the tokens that voters give.
    async fn log_in_elsewhere(
        &self,
        link: &Link,
        credentials: &Credentials,
        op: &EtcdOp,
        mut error: CallError,
    ) -> Result<u64, CallError> {
        let others: Vec<Arc<Link>> = {
            let links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
            links
                .values()
                .filter(|other| other.endpoint != link.endpoint)
                .cloned()
                .collect()
        };
        for other in others {
            if !other.logged_in().await {
                continue;
            }
            link.log_in_at(&other);
            match link.log_in(credentials, name(op)).await {
                Err(again) => error = again,
                ended => return ended,
            }
        }
        Err(error)
    }
}

/// A call that got no answer, or that nobody waited for, takes its connection and its log-in along: after a restore etcd does not refuse a
/// token of the old cluster, it waits for the log to reach the index that the token names (run 3.5.35).
struct Unanswered<'a> {
    links: &'a Mutex<HashMap<String, Arc<Link>>>,
    endpoint: &'a str,
    armed: bool,
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.links
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(self.endpoint);
        }
    }
}

/// What is tried, for errors.
fn name(op: &EtcdOp) -> &'static str {
    match op {
        EtcdOp::Status => "ask for the status",
        EtcdOp::MemberList => "list the members",
        EtcdOp::LinearizableRead => "read through the quorum",
        EtcdOp::HashKv { .. } => "hash the keys",
        EtcdOp::CountKeys { .. } => "count the keys",
        EtcdOp::Prove => "write and read",
        EtcdOp::MemberAdd { .. } => "add a member",
        EtcdOp::MemberRemove { .. } => "remove a member",
        EtcdOp::MemberUpdate { .. } => "change a member's peer URLs",
        EtcdOp::MemberPromote { .. } => "promote a learner",
        EtcdOp::MoveLeader { .. } => "move the leadership",
        EtcdOp::AlarmDisarm { .. } => "disarm an alarm",
        EtcdOp::Snapshot { .. } => "take a snapshot",
    }
}

async fn carry_out(link: &Link, op: &EtcdOp, watch: &dyn Watch) -> Result<EtcdAnswer, CallError> {
    let mut client = link.client.clone();
    let ended = match op {
        EtcdOp::Snapshot { path } => return snapshot::take(link, std::path::Path::new(path), watch).await,
        EtcdOp::AlarmDisarm { alarm, .. } if alarm_type(alarm).is_none() => {
            return Err(CallError::new(
                Fault::Unsupported,
                name(op),
                &link.endpoint,
                format!("`{alarm}` is no alarm of etcd (NOSPACE, CORRUPT)"),
            ));
        }
        EtcdOp::Status
        | EtcdOp::MemberList
        | EtcdOp::LinearizableRead
        | EtcdOp::HashKv { .. }
        | EtcdOp::CountKeys { .. } => look(&mut client, op, link).await,
        _ => change(&mut client, op).await,
    };
    ended.or_else(|error| errors::classify(&error, op, name(op), link))
}

async fn look(client: &mut Client, op: &EtcdOp, link: &Link) -> Result<EtcdAnswer, etcd_client::Error> {
    Ok(match op {
        EtcdOp::Status => convert::status(&client.status().await?, &link.notes),
        EtcdOp::MemberList => convert::members(&client.member_list().await?),
        EtcdOp::HashKv { revision } => {
            let revision = i64::try_from(*revision).unwrap_or(i64::MAX);
            convert::hash(&client.hash_kv(revision).await?)
        }
        EtcdOp::CountKeys { revision } => {
            let revision = i64::try_from(*revision).unwrap_or(i64::MAX);
            let options = GetOptions::new()
                .with_all_keys()
                .with_count_only()
                .with_serializable()
                .with_revision(revision);
            convert::count(&client.get(vec![], Some(options)).await?)
        }
        _ => {
            let options = GetOptions::new().with_limit(1).with_keys_only();
            convert::read(&client.get(PROBE_KEY, Some(options)).await?)
        }
    })
}

async fn change(client: &mut Client, op: &EtcdOp) -> Result<EtcdAnswer, etcd_client::Error> {
    match op {
        EtcdOp::MemberAdd { peer_urls, learner } => {
            let mut options = MemberAddOptions::new();
            if *learner {
                options = options.with_is_learner();
            }
            return Ok(convert::added(&client.member_add(peer_urls, Some(options)).await?));
        }
        EtcdOp::MemberRemove { id } => {
            client.member_remove(id.0).await?;
        }
        EtcdOp::MemberUpdate { id, peer_urls } => {
            client.member_update(id.0, peer_urls.as_slice()).await?;
        }
        EtcdOp::MemberPromote { id } => {
            client.member_promote(id.0).await?;
        }
        EtcdOp::MoveLeader { to } => {
            client.move_leader(to.0).await?;
        }
        EtcdOp::AlarmDisarm { member, alarm } => {
            let alarm = alarm_type(alarm).unwrap_or(AlarmType::None);
            let raised = client.alarm(AlarmAction::Get, AlarmType::None, None).await?;
            let mut by: Vec<u64> = raised
                .alarms()
                .iter()
                .filter(|one| one.alarm() == alarm)
                .map(etcd_client::AlarmMember::member_id)
                .collect();
            by.retain(|id| member.is_none_or(|wanted| wanted.0 == *id));
            for id in by {
                let mut options = AlarmOptions::new();
                options.with_member(id);
                client.alarm(AlarmAction::Deactivate, alarm, Some(options)).await?;
            }
        }
        EtcdOp::Prove => {
            // No key has a negative version.
            let never = Compare::version(PROBE_KEY, CompareOp::Less, 0);
            let write = TxnOp::put(PROBE_KEY, "", None);
            client.txn(Txn::new().when([never]).and_then([write])).await?;
            client.get(PROBE_KEY, None).await?;
        }
        EtcdOp::Status
        | EtcdOp::MemberList
        | EtcdOp::LinearizableRead
        | EtcdOp::HashKv { .. }
        | EtcdOp::CountKeys { .. }
        | EtcdOp::Snapshot { .. } => {}
    }
    Ok(EtcdAnswer::Done)
}

fn alarm_type(alarm: &str) -> Option<AlarmType> {
    match alarm {
        "NOSPACE" => Some(AlarmType::Nospace),
        "CORRUPT" => Some(AlarmType::Corrupt),
        _ => None,
    }
}
