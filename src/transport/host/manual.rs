//! Calls as commands that a person could type. Never a secret: only where it lies.

mod library;
mod overriding;

use super::answer::what;
use super::shell::{cluster_word, command_text};
use crate::base::quote::{join, quote};
use crate::call::etcd::EtcdOp;
use crate::call::host::{HostOp, Restore, ServiceSeen};
use crate::call::http::HttpRequest;
use crate::call::{Call, To};
use crate::cluster::host::{Become, ClusterConfig, Host, ServiceKind, Shell, TlsFiles};

/// The call as shell commands, one per line; a line with `#` says what has no short command. `seen`: the unit on the host, where it was
/// looked at; an override is written where its setting lives.
pub fn manual(call: &Call, cluster: &ClusterConfig, seen: Option<&ServiceSeen>) -> String {
    if let (To::Host { host, op, .. }, Some(seen)) = (&call.to, seen)
        && let (Some(host), HostOp::Override { name, settings }) = (cluster.host(host), op)
    {
        return typed(host, overriding::commands(host, name, settings, seen));
    }
    match &call.to {
        To::Host { host, op, .. } => match cluster.host(host) {
            Some(host) => on_host(host, cluster, op),
            None => format!("# {} on {}", what(op), quote(host)),
        },
        To::Etcd { endpoint, op } => etcdctl(cluster, endpoint, op),
        To::Http(request) => curl(cluster, request),
        To::Bastion { command, .. } => command.clone(),
        To::Library(op) => library::manual(cluster, op),
    }
}

fn on_host(host: &Host, cluster: &ClusterConfig, op: &HostOp) -> String {
    if let HostOp::PutFile { local, path, .. } = op
        && let Shell::Ssh { destination, .. } = &host.shell
    {
        let put = as_root(host, &join(["tee", path]));
        let ssh = ssh_words(host).unwrap_or_else(|| quote(destination));
        return format!("{ssh} {} <{} >/dev/null", quote(&put), quote(local));
    }
    if let HostOp::Carry { from, file, path, .. } = op
        && let Some(source) = cluster.host(from)
    {
        let read = typed(source, vec![join(["cat", file])]);
        return format!(
            "{read} | {}",
            typed(host, vec![format!("tee {} >/dev/null", quote(path))])
        );
    }
    typed(host, commands(host, cluster, op))
}

/// Each line as it is typed on the bastion.
fn typed(host: &Host, lines: Vec<String>) -> String {
    let lines: Vec<String> = lines
        .into_iter()
        .map(|line| match ssh_words(host) {
            _ if line.starts_with('#') => format!("{line} (on {})", host.name),
            Some(ssh) => format!("{ssh} {}", quote(&as_root(host, &line))),
            None => line,
        })
        .collect();
    lines.join("\n")
}

/// `ssh …` up to the command; `None`: this machine.
fn ssh_words(host: &Host) -> Option<String> {
    let Shell::Ssh {
        destination,
        user,
        port,
        config,
    } = &host.shell
    else {
        return None;
    };
    let mut words = vec!["ssh".to_owned()];
    if let Some(config) = config {
        words.extend(["-F".to_owned(), config.display().to_string()]);
    }
    if let Some(port) = port {
        words.extend(["-p".to_owned(), port.to_string()]);
    }
    if let Some(user) = user {
        words.extend(["-l".to_owned(), user.clone()]);
    }
    words.extend([destination.clone(), "--".to_owned()]);
    Some(join(words))
}

fn as_root(host: &Host, line: &str) -> String {
    let simple = !line.contains(['|', ';', '>', '<', '&']);
    match host.elevate {
        Become::None => line.to_owned(),
        Become::Sudo if simple => format!("sudo {line}"),
        Become::Sudo => format!("sudo sh -c {}", quote(line)),
    }
}

#[expect(clippy::too_many_lines, reason = "a table: one arm for each operation")]
fn commands(host: &Host, cluster: &ClusterConfig, op: &HostOp) -> Vec<String> {
    if host.service.kind == ServiceKind::Process
        && matches!(
            op,
            HostOp::Start { .. }
                | HostOp::Stop { .. }
                | HostOp::Restart
                | HostOp::Reload
                | HostOp::Fence { .. }
                | HostOp::Unfence { .. }
        )
    {
        return vec![format!("# {} (a process of the playground)", what(op))];
    }
    let unit = host.service.unit.as_str();
    let drop_in = |name: &str| format!("/run/systemd/system/{unit}.service.d/zz-etcdops-{name}.conf");
    let fence = format!("{}/{}.fenced", host.state_root(), cluster_word(&cluster.name));
    let fence_conf = format!("/etc/systemd/system/{unit}.service.d/zz-etcdops-fence.conf");
    let reload = || "systemctl daemon-reload".to_owned();
    match op {
        HostOp::InspectService => vec![join(["systemctl", "status", unit])],
        HostOp::ReadConfig => vec![join(["systemctl", "cat", unit])],
        HostOp::Stat { path } => vec![join(["stat", path])],
        HostOp::Disk { path } => vec![join(["df", "-h", path])],
        HostOp::Clock | HostOp::Certificates => vec!["date".to_owned()],
        HostOp::Log { lines, .. } => vec![join(["journalctl", "-u", unit, "-n", &lines.to_string()])],
        HostOp::Start { enable } => {
            let mut lines = Vec::new();
            if *enable {
                lines.push(join(["systemctl", "enable", unit]));
            }
            lines.push(join(["systemctl", "start", "--no-block", unit]));
            lines
        }
        HostOp::ColdCopy {
            data_dir, wal_dir, to, ..
        } => {
            let mut lines = vec![join(["tar", "-C", data_dir, "-cf", to, "."])];
            let log = wal_dir.iter();
            lines.extend(log.map(|log| join(["tar", "-C", log, "--transform=s,^[.],./member/wal,", "-rf", to, "."])));
            lines
        }
        HostOp::Stop { disable, .. } => {
            let mut lines = vec![join(["systemctl", "stop", unit])];
            if *disable {
                lines.push(join(["systemctl", "disable", unit]));
            }
            lines
        }
        HostOp::Restart => vec![join(["systemctl", "restart", "--no-block", unit])],
        HostOp::Reload => vec![reload()],
        HostOp::Fence { .. } => vec![
            format!(
                "mkdir -p {} {}",
                quote(&host.state_root()),
                quote(&format!("/etc/systemd/system/{unit}.service.d"))
            ),
            join(["touch", &fence]),
            format!(
                "printf '[Unit]\\nAssertPathExists=!%s\\n' {} >{}",
                quote(&fence),
                quote(&fence_conf)
            ),
            reload(),
        ],
        HostOp::Unfence { .. } => vec![join(["rm", "-f", &fence_conf, &fence]), reload()],
        HostOp::Override { name, settings } => {
            let variables = settings.iter().map(|(key, value)| {
                quote(&format!(
                    "Environment=ETCD_{}={value}",
                    key.to_ascii_uppercase().replace('-', "_")
                ))
            });
            let variables: Vec<String> = variables.collect();
            vec![
                format!("mkdir -p {}", quote(&format!("/run/systemd/system/{unit}.service.d"))),
                format!(
                    "printf '%s\\n' '[Service]' {} >{}",
                    variables.join(" "),
                    quote(&drop_in(name))
                ),
                reload(),
                "# where the unit sets it by a flag, an EnvironmentFile= or a config file, change it there instead"
                    .to_owned(),
            ]
        }
        HostOp::DropOverride { name } => vec![join(["rm", "-f", &drop_in(name)]), reload()],
        HostOp::Freeze { .. } => vec![
            host.freeze
                .as_ref()
                .map_or_else(String::new, |freeze| freeze.on.clone()),
        ],
        HostOp::Thaw => vec![
            host.freeze
                .as_ref()
                .map_or_else(String::new, |freeze| freeze.off.clone()),
        ],
        HostOp::WriteFile {
            path,
            content,
            mode,
            owner,
            ..
        } => {
            let mut lines = vec![format!("printf %s {} >{}", quote(content), quote(path))];
            lines.extend(mode.iter().map(|mode| join(["chmod", mode, path])));
            lines.extend(owner.iter().map(|owner| join(["chown", owner, path])));
            lines
        }
        HostOp::Discard { path } => vec![join(["rm", path])],
        HostOp::Rename { from, to } => vec![join(["mv", "-n", "-T", from, to])],
        HostOp::MoveAside { path, to } => vec![join(["mv", "-n", "-T", path, to])],
        HostOp::Restore(restore) => restore_by_hand(restore),
        HostOp::Swap { path, new, old } => {
            vec![join(["mv", "-n", "-T", path, old]), join(["mv", "-n", "-T", new, path])]
        }
        HostOp::Own { path, owner, mode } => {
            let mut lines = vec![join(["chown", "-R", owner, path])];
            lines.extend(mode.iter().map(|mode| join(["chmod", mode, path])));
            lines
        }
        HostOp::Run { command, .. } => vec![command_text(command)],
        _ => vec![format!("# {}", what(op))],
    }
}

fn restore_by_hand(restore: &Restore) -> Vec<String> {
    let owner = restore.user.as_deref().unwrap_or("root");
    let dressed = std::iter::once(&restore.into)
        .chain(&restore.wal_into)
        .map(|path| join(["chown", "-R", &format!("{owner}:"), path]));
    if let Some(inside) = &restore.inside {
        let strip = format!("--strip-components={}", inside.matches('/').count());
        let mut lines = vec![
            join(["mkdir", "-m", "700", &restore.into]),
            join(["tar", "-C", &restore.into, &strip, "-xf", &restore.file, inside]),
        ];
        let log = format!("{}/member/wal", restore.into);
        lines.extend(restore.wal_into.iter().map(|path| join(["mv", "-T", &log, path])));
        lines.extend(dressed);
        return lines;
    }
    let made = if restore.pack {
        format!("{}.part", restore.into)
    } else {
        restore.into.clone()
    };
    let mut words = vec![
        restore.tool.clone(),
        "snapshot".to_owned(),
        "restore".to_owned(),
        restore.file.clone(),
        format!("--data-dir={made}"),
        format!("--name={}", restore.name),
        format!("--initial-cluster={}", restore.initial_cluster),
        format!("--initial-cluster-token={}", restore.token),
        format!("--initial-advertise-peer-urls={}", restore.peer_urls),
    ];
    words.extend(restore.wal_into.iter().map(|path| format!("--wal-dir={path}")));
    if restore.bump > 0 {
        words.extend([
            format!("--bump-revision={}", restore.bump),
            "--mark-compacted".to_owned(),
        ]);
    }
    if restore.pack {
        let packed = join(["tar", "-C", &made, "-cf", &restore.into, "./member"]);
        return vec![join(words), packed, join(["rm", "-r", &made])];
    }
    std::iter::once(join(words)).chain(dressed).collect()
}

fn tls_words(tls: &TlsFiles) -> Vec<String> {
    [("--cacert", &tls.ca), ("--cert", &tls.cert), ("--key", &tls.key)]
        .into_iter()
        .filter_map(|(flag, path)| path.as_ref().map(|path| format!("{flag}={}", path.display())))
        .collect()
}

/// etcdctl up to 3.3 speaks the old API unless told; from 3.6 on the variable is warned about and has no effect.
fn etcdctl(cluster: &ClusterConfig, endpoint: &str, op: &EtcdOp) -> String {
    let verb: Vec<String> = match op {
        EtcdOp::Status => vec!["endpoint".into(), "status".into()],
        EtcdOp::MemberList => vec!["member".into(), "list".into()],
        EtcdOp::LinearizableRead | EtcdOp::Prove => vec!["endpoint".into(), "health".into()],
        EtcdOp::HashKv { revision } => vec!["endpoint".into(), "hashkv".into(), format!("--rev={revision}")],
        EtcdOp::CountKeys { .. } => ["get", "", "--from-key", "--count-only", "--write-out=fields"]
            .map(str::to_owned)
            .into(),
        EtcdOp::MemberAdd { peer_urls, learner } => {
            let mut add = vec!["member".to_owned(), "add".to_owned(), "NAME".to_owned()];
            add.push(format!("--peer-urls={}", peer_urls.join(",")));
            if *learner {
                add.push("--learner".to_owned());
            }
            add
        }
        EtcdOp::MemberRemove { id } => vec!["member".into(), "remove".into(), id.to_string()],
        EtcdOp::MemberUpdate { id, peer_urls } => vec![
            "member".into(),
            "update".into(),
            id.to_string(),
            format!("--peer-urls={}", peer_urls.join(",")),
        ],
        EtcdOp::MemberPromote { id } => vec!["member".into(), "promote".into(), id.to_string()],
        EtcdOp::MoveLeader { to } => vec!["move-leader".into(), to.to_string()],
        EtcdOp::AlarmDisarm { .. } => vec!["alarm".into(), "disarm".into()],
        EtcdOp::Snapshot { path } => vec!["snapshot".into(), "save".into(), path.clone()],
    };
    etcdctl_words(cluster, endpoint, &verb)
}

fn etcdctl_words(cluster: &ClusterConfig, endpoint: &str, verb: &[String]) -> String {
    let tls = cluster
        .host_of_url(endpoint)
        .map_or(&cluster.tls, |host| cluster.tls_for(host));
    let mut words = vec!["etcdctl".to_owned(), format!("--endpoints={endpoint}")];
    words.extend(tls_words(tls));
    words.extend(cluster.auth.user.iter().map(|user| format!("--user={user}")));
    words.extend_from_slice(verb);
    let old = "  # etcdctl 3.3: with ETCDCTL_API=3";
    let password = if cluster.auth.user.is_some() {
        ", asks for the password"
    } else {
        ""
    };
    format!("{}{old}{password}", join(words))
}

fn curl(cluster: &ClusterConfig, request: &HttpRequest) -> String {
    let mut words = vec!["curl".to_owned(), "-X".to_owned(), request.method.clone()];
    if request.cluster_tls {
        for word in tls_words(&cluster.tls) {
            words.extend(word.splitn(2, '=').map(str::to_owned));
        }
    }
    if let Some(body) = &request.body {
        words.extend(["-d".to_owned(), body.clone()]);
    }
    words.push(request.url.clone());
    join(words)
}
