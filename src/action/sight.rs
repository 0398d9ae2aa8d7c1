//! Reading what looks saw.

use crate::base::duration::Span;
use crate::call::host::{HostAnswer, HostOp, ServiceSeen, StatSeen};
use crate::call::{Call, LibraryAnswer, Sight, To};
use crate::cluster::called::{self, Ambiguous};
use crate::cluster::member::Member;
use crate::cluster::observed::{MemberSeen, Observed};
use crate::snapshot::Kept;

use super::Site;

/// The unit of a host, or why it could not be seen.
pub fn service(seen: &[Sight]) -> Result<&ServiceSeen, String> {
    pick(seen, "the service was not looked at", |sight| match sight {
        Sight::Host(HostAnswer::Service(service)) => Some(service.as_ref()),
        _ => None,
    })
}

/// The cluster, or why it could not be seen.
pub fn cluster(seen: &[Sight]) -> Result<&Observed, String> {
    pick(seen, "the cluster was not looked at", |sight| match sight {
        Sight::Cluster(observed) => Some(observed.as_ref()),
        _ => None,
    })
}

/// The `nth` path that was looked at.
pub fn stat(seen: &[Sight], nth: usize) -> Result<&StatSeen, String> {
    let stats: Vec<&Sight> = seen
        .iter()
        .filter(|sight| matches!(sight, Sight::Host(HostAnswer::Stat(_)) | Sight::Blind(_)))
        .collect();
    match stats.get(nth) {
        Some(Sight::Host(HostAnswer::Stat(stat))) => Ok(stat),
        Some(Sight::Blind(error)) => Err(error.to_string()),
        _ => Err("the path was not looked at".to_owned()),
    }
}

/// The backup that was looked for; `None`: the library has none of this name.
pub fn backup(seen: &[Sight]) -> Result<Option<&Kept>, String> {
    pick(seen, "the library was not looked at", |sight| match sight {
        Sight::Library(LibraryAnswer::Found(found)) => Some(found),
        _ => None,
    })
    .map(Option::as_deref)
}

/// The first sight of one sort; the first blind one explains why it is missing.
pub fn pick<'a, T: ?Sized>(
    seen: &'a [Sight],
    missing: &str,
    take: impl Fn(&'a Sight) -> Option<&'a T>,
) -> Result<&'a T, String> {
    if let Some(found) = seen.iter().find_map(take) {
        return Ok(found);
    }
    let blind = seen.iter().find_map(|sight| match sight {
        Sight::Blind(error) => Some(error.to_string()),
        _ => None,
    });
    Err(blind.unwrap_or_else(|| missing.to_owned()))
}

/// The member that a word names: hex ID, host or name. A word that may stand for a host means the member there.
pub fn member<'a>(observed: &'a Observed, word: &str) -> Result<Option<&'a MemberSeen>, Ambiguous> {
    called::find_at(&observed.members, word)
}

/// The one member that is meant to change: hex ID, name or host, and nobody else is called so.
pub fn meant<'a>(observed: &'a Observed, word: &str) -> Result<Option<&'a Member>, Ambiguous> {
    let found = called::find(&observed.members, word)?;
    Ok(found.and_then(|seen| seen.member.as_ref()))
}

/// A call on the site's host with the site's bound.
pub fn on_host(site: &Site<'_>, op: HostOp) -> Call {
    Call {
        to: To::Host {
            host: site.host_name().to_owned(),
            op,
            tag: None,
        },
        timeout: site.timeout,
    }
}

/// A call on the site's host with a bound of its own.
pub fn on_host_within(site: &Site<'_>, op: HostOp, bound: Span) -> Call {
    Call {
        timeout: bound,
        ..on_host(site, op)
    }
}
