//! What runs out: space, certificates; and the alarms that etcd raises itself.

use jiff::{Timestamp, ToSpan};

use super::{critical, name, on, warning, word};
use crate::base::clock::rfc3339;
use crate::cluster::observed::MemberSeen;
use crate::cluster::version::Version;
use crate::look::Evidence;
use crate::look::verdict::Problem;

/// Certificates that end sooner are told.
const CERTIFICATE_DAYS: i64 = 30;

/// etcd's quota where nothing else is configured.
const DEFAULT_QUOTA: u64 = 2 << 30;

pub(super) fn alarms(seen: &MemberSeen) -> Vec<Problem> {
    let alarms = seen.alarms.iter().flatten();
    alarms
        .map(|alarm| match alarm.as_str() {
            "NOSPACE" => critical(
                format!("{} raised NOSPACE: its database reached the quota, the cluster refuses all writes", name(seen)),
                "compact and defragment (`etcdctl compact REVISION`, `etcdctl defrag --cluster`), then: etcdctl alarm disarm",
            ),
            "CORRUPT" => critical(
                format!("{} raised CORRUPT: its data differs from the others'", name(seen)),
                format!("etcdops replace-member {}", word(seen)),
            ),
            other => critical(
                format!("{} raised the alarm {other}", name(seen)),
                format!("etcdops logs {}", on(seen)),
            ),
        })
        .collect()
}

/// The quota that holds for this member, and whether it is only assumed.
fn quota(evidence: &Evidence, seen: &MemberSeen) -> (u64, bool) {
    if let Some(quota) = seen.db_quota {
        return (quota, false);
    }
    let service = seen.host.as_ref().and_then(|host| evidence.services.get(host));
    let configured = service.and_then(|service| {
        let setting = service.as_ref().ok()?.settings.get("quota-backend-bytes")?;
        setting.value.trim().parse::<u64>().ok().filter(|quota| *quota > 0)
    });
    match (configured, service) {
        (Some(quota), _) => (quota, false),
        // The unit is known and sets none.
        (None, Some(Ok(_))) => (DEFAULT_QUOTA, false),
        _ => (DEFAULT_QUOTA, true),
    }
}

pub(super) fn space(evidence: &Evidence, seen: &MemberSeen) -> Option<Problem> {
    let size = seen.db_size?;
    let (quota, assumed) = quota(evidence, seen);
    let percent = u128::from(size) * 100 / u128::from(quota.max(1));
    if percent <= 80 {
        return None;
    }
    let version_tells = seen.version.is_some_and(|version| version >= Version::new(3, 6, 0));
    let of = if assumed && !version_tells {
        format!("{quota} bytes, assuming etcd's default quota: this version does not tell it")
    } else {
        format!("its quota of {quota} bytes")
    };
    Some(warning(
        format!("{}: the database ({size} bytes) fills {percent} % of {of}", name(seen)),
        "compact and defragment before NOSPACE stops all writes: etcdctl compact REVISION, etcdctl defrag --cluster",
    ))
}

pub(super) fn certificate(seen: &MemberSeen, now: Timestamp) -> Option<Problem> {
    let end = seen.certificate_not_after?;
    let soon = now.checked_add((24 * CERTIFICATE_DAYS).hours()).ok()?;
    if end > soon {
        return None;
    }
    let days = end.duration_since(now).as_hours().max(0) / 24;
    Some(warning(
        format!("{}: its certificate ends in {days} days ({})", name(seen), rfc3339(end)),
        format!(
            "put new certificates on {}; etcd reads them at the next connection, without a restart, and etcdops health tells their end",
            on(seen)
        ),
    ))
}
