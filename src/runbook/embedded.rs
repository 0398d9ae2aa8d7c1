//! The runbooks that the program carries; a test holds the list to the folder `runbooks/`.

/// Name and text.
pub static EMBEDDED: &[(&str, &str)] = &[
    ("add-member", include_str!("../../runbooks/add-member.yaml")),
    ("backup", include_str!("../../runbooks/backup.yaml")),
    ("backup-offline", include_str!("../../runbooks/backup-offline.yaml")),
    ("debug-log-off", include_str!("../../runbooks/debug-log-off.yaml")),
    ("debug-log-on", include_str!("../../runbooks/debug-log-on.yaml")),
    ("debug-log-status", include_str!("../../runbooks/debug-log-status.yaml")),
    ("join-member", include_str!("../../runbooks/join-member.yaml")),
    ("promote-member", include_str!("../../runbooks/promote-member.yaml")),
    (
        "recover-from-backup",
        include_str!("../../runbooks/recover-from-backup.yaml"),
    ),
    (
        "recover-from-survivor",
        include_str!("../../runbooks/recover-from-survivor.yaml"),
    ),
    (
        "recover-from-v2-backup",
        include_str!("../../runbooks/recover-from-v2-backup.yaml"),
    ),
    ("recover-start", include_str!("../../runbooks/recover-start.yaml")),
    ("remove-member", include_str!("../../runbooks/remove-member.yaml")),
    ("replace-member", include_str!("../../runbooks/replace-member.yaml")),
    ("restart", include_str!("../../runbooks/restart.yaml")),
    ("start", include_str!("../../runbooks/start.yaml")),
    ("stop", include_str!("../../runbooks/stop.yaml")),
    ("update-member", include_str!("../../runbooks/update-member.yaml")),
];
