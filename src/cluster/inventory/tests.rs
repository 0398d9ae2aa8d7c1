use super::*;
use crate::cluster::host::{Become, Route, ServiceKind, Shell};

const FULL: &str = "\
clusters:
  tools-k8s:
    endpoints: [https://etcd-01:2379, 'https://[2001:db8::2]:2379']
    api: auto
    tls: {ca: pki/ca.pem, cert: ~/cert.pem, key: /k.pem}
    auth: {user: root, password_file: /etc/etcdops/password}
    ssh: {config: ~/.ssh/config, user: ops, become: sudo}
    service: {kind: systemd, unit: etcd.service, env_file: /etc/default/etcd}
    data_dir: /var/lib/etcd/tools-k8s/
    freeze: {on: \"puppet agent --disable 'etcdops ${{ run.id }}'\", off: puppet agent --enable}
    clients: {stop: a, start: b}
    backups: {store: /srv/backups/etcd, keep: {last: 3, hourly: 24, daily: 7}}
    timeout: 3s
    hosts:
      etcd-01: {ssh: etcd-01.example.org, peer_url: 'https://etcd-01:2380'}
      etcd-02:
        ssh: {destination: '2001:db8::2', user: root, port: 2222}
        client_url: https://etcd-02:2379
        data_dir: /srv/etcd
        tls: {cert: /other.pem}
        api: ssh
        service: {unit: etcd-main}
      etcd-03:
";

fn load(text: &str) -> Result<Inventory, Vec<Diagnostic>> {
    Inventory::load_with_home(
        &Source::new("/etc/etcdops/etcdops.yaml", text),
        Some("/home/ops".into()),
    )
}

fn problems(text: &str) -> Vec<Diagnostic> {
    load(text).expect_err(text)
}

/// A cluster with one more line.
fn with(line: &str) -> String {
    format!("clusters:\n  c:\n    endpoints: [http://a:2379]\n    {line}\n")
}

#[test]
fn every_key_is_read() {
    let inventory = load(FULL).unwrap();
    let entry = inventory.cluster("tools-k8s").unwrap();
    let config = &entry.config;
    assert_eq!(config.endpoints, ["https://etcd-01:2379", "https://[2001:db8::2]:2379"]);
    assert_eq!(config.route, Route::Auto);
    assert_eq!(config.tls.ca, Some("/etc/etcdops/pki/ca.pem".into()));
    assert_eq!(config.tls.cert, Some("/home/ops/cert.pem".into()));
    assert_eq!(config.auth.user.as_deref(), Some("root"));
    assert_eq!(config.backups.keep.daily, Some(7));
    assert_eq!(config.call_timeout, Span::seconds(3));
    let first = config.host("etcd-01").unwrap();
    assert_eq!(first.client_url.as_deref(), Some("https://etcd-01:2379"));
    assert_eq!(first.data_dir.as_deref(), Some("/var/lib/etcd/tools-k8s"));
    assert_eq!(first.service.unit, "etcd");
    assert_eq!(first.service.kind, ServiceKind::Systemd);
    assert_eq!((first.elevate, first.route, &first.tls), (Become::Sudo, None, &None));
    assert!(first.freeze.is_some());
    assert_eq!(
        first.shell,
        Shell::Ssh {
            destination: "etcd-01.example.org".into(),
            user: Some("ops".into()),
            port: None,
            config: Some("/home/ops/.ssh/config".into()),
        }
    );
}

#[test]
fn a_host_may_differ_in_every_shared_key() {
    let inventory = load(FULL).unwrap();
    let config = &inventory.clusters[0].config;
    let second = config.host("etcd-02").unwrap();
    assert_eq!(second.data_dir.as_deref(), Some("/srv/etcd"));
    assert_eq!(second.service.unit, "etcd-main");
    assert_eq!(second.service.env_file.as_deref(), Some("/etc/default/etcd"));
    assert_eq!(config.route_to(second), Route::Ssh);
    let tls = config.tls_for(second);
    assert_eq!(tls.cert, Some("/other.pem".into()));
    assert_eq!(tls.ca, config.tls.ca);
    assert!(
        matches!(&second.shell, Shell::Ssh { destination, port: Some(2222), user: Some(user), .. }
        if destination == "2001:db8::2" && user == "root")
    );
    let third = config.host("etcd-03").unwrap();
    assert!(matches!(&third.shell, Shell::Ssh { destination, .. } if destination == "etcd-03"));
    assert_eq!(third.client_url, None);
}

#[test]
fn each_value_knows_its_line() {
    let inventory = load(FULL).unwrap();
    let origins = &inventory.clusters[0].origins;
    let line = |path: &str| match origins.of(path) {
        Origin::File { line, .. } => line,
        other => panic!("{path}: {other}"),
    };
    assert_eq!(line("endpoints"), 3);
    assert_eq!(line("tls.ca"), 5);
    assert_eq!(line("hosts.etcd-01.data_dir"), 9);
    assert_eq!(line("hosts.etcd-02.data_dir"), 19);
    assert_eq!(
        origins.of("hosts.etcd-01.client_url").to_string(),
        "discovered: endpoints"
    );
    assert_eq!(origins.of("hosts.etcd-01.wal_dir"), Origin::Default);
    assert_eq!(origins.of("tls.key").to_string(), "/etc/etcdops/etcdops.yaml:5");
}

#[test]
fn hosts_are_made_of_the_endpoints_where_none_are_listed() {
    let text =
        "clusters:\n  c:\n    endpoints: [http://a:2379, 'http://[::1]:1', 'http://[::1]:2']\n    data_dir: /d\n";
    let config = load(text).unwrap().clusters.remove(0).config;
    let names: Vec<&str> = config.hosts.iter().map(|host| host.name.as_str()).collect();
    assert_eq!(names, ["a", "[::1]:1", "[::1]:2"]);
    assert_eq!(config.hosts[1].client_url.as_deref(), Some("http://[::1]:1"));
    assert_eq!(config.hosts[1].data_dir.as_deref(), Some("/d"));
    assert!(matches!(&config.hosts[1].shell, Shell::Ssh { destination, .. } if destination == "::1"));
}

#[test]
fn endpoints_are_made_of_the_hosts_where_none_are_listed() {
    let text = "clusters:\n  c:\n    hosts:\n      a: {client_url: 'http://a:2379', ssh: {local: true}}\n      b: {client_url: 'http://b:2379'}\n";
    let entry = load(text).unwrap().clusters.remove(0);
    assert_eq!(entry.config.endpoints, ["http://a:2379", "http://b:2379"]);
    assert_eq!(entry.config.hosts[0].shell, Shell::Local);
    assert_eq!(entry.config.hosts[0].elevate, Become::None);
}

#[test]
fn all_problems_come_at_once_with_their_places() {
    let text = "\
clusters:
  c:
    endpoint: [https://a:2379]
    endpoints: [https://a:2379, 'https://a', 7]
    api: directly
    tls: {ca: 5}
    tls: {crt: x}
    data_dir: relative
    hosts:
      a: {ssh: -oProxyCommand=x, data_dri: /x}
      -b: {}
";
    let told: Vec<(usize, usize, String)> = problems(text)
        .into_iter()
        .map(|one| {
            (
                one.line,
                one.column,
                format!("{} / {}", one.message, one.hint.unwrap_or_default()),
            )
        })
        .collect();
    let has = |line: usize, column: usize, part: &str| {
        told.iter()
            .any(|(l, c, message)| *l == line && *c == column && message.contains(part))
    };
    assert!(
        has(3, 5, "unknown key `endpoint` / did you mean `endpoints`?"),
        "{told:#?}"
    );
    assert!(has(4, 33, "has no port"), "{told:#?}");
    assert!(has(4, 46, "must be text, here stands a number"), "{told:#?}");
    assert!(
        has(5, 10, "`directly` is none of / did you mean `direct`?")
            || has(5, 10, "`directly` is none of direct, ssh, auto")
    );
    assert!(has(7, 5, "the key `tls` stands twice"), "{told:#?}");
    assert!(has(8, 15, "must be absolute"), "{told:#?}");
    assert!(has(10, 16, "begins with `-`"), "{told:#?}");
    assert!(
        has(10, 34, "unknown key `data_dri` / did you mean `data_dir`?"),
        "{told:#?}"
    );
    assert!(has(11, 7, "begins with `-`"), "{told:#?}");
    assert!(told.is_sorted_by_key(|(line, column, _)| (*line, *column)));
}

#[test]
fn each_bad_value_is_told() {
    for (line, message) in [
        (
            "hosts: {a: {peer_url: 'http://x:1'}, b: {peer_url: 'http://x:1'}}",
            "also the peer_url of `a`",
        ),
        (
            "hosts: {a: {client_url: 'http://x:1'}, b: {client_url: 'http://x:1'}}",
            "also the client_url of `a`",
        ),
        ("hosts: {a: {}, a: {}}", "stands twice"),
        ("hosts: {'a b': {}}", "white space"),
        ("hosts: {\"a\\nb\": {}}", "white space"),
        ("hosts: {a: {ssh: \"x\\ty\"}}", "white space"),
        ("hosts: {a: {ssh: 'u@-x'}}", "`-`"),
        ("hosts: {a: {endpoints: []}}", "belongs to a whole cluster"),
        ("hosts: {}", "no host is listed"),
        ("hosts: [a]", "must be a mapping"),
        ("ssh: {user: -oX}", "`-`"),
        ("ssh: {port: 0}", "from 1 to 65535"),
        ("ssh: {port: 70000}", "larger than"),
        ("ssh: host", "must be a mapping"),
        ("ssh: {local: maybe}", "must be true or false"),
        ("discovery_srv: a.example", "both given"),
        ("service: {kind: openrc}", "none of systemd, process"),
        ("service: {unit: '-x'}", "`-`"),
        ("service: {unit: 'a/b'}", "may not hold"),
        ("auth: {user: 'root:secret'}", "password"),
        ("auth: {password: secret}", "may not stand in the inventory"),
        ("data_dir: /", "root folder"),
        ("data_dir: /a/../b", "`.` or `..`"),
        ("data_dir: \"/a\\nb\"", "control"),
        ("freeze: {on: x}", "`off` is missing"),
        ("freeze: {on: '${{ run.id', off: x}", "never closed"),
        (
            "freeze: {on: '${{ steps.a.b }}', off: x}",
            "`steps.a.b` has no value here",
        ),
        ("tls: {cert: a.pem}", "belong together"),
        ("tls:", "nothing"),
        ("timeout: soon", "not a length of time"),
        ("timeout: 5", "must be text"),
        ("backups: {keep: {last: -1}}", "whole number"),
        ("discovery_srv: {name: x}", "`domain` is missing"),
        ("discovery_srv: {domain: 'a b'}", "white space"),
        ("discovery_srv: {domain: '-x'}", "`-`"),
        ("api: 'yes'", "none of direct"),
    ] {
        let found = problems(&with(line));
        assert!(
            found.iter().any(|one| one.message.contains(message)),
            "{line}: {found:#?}"
        );
        assert!(found.iter().all(|one| one.line >= 3), "{line}: {found:#?}");
    }
}

#[test]
fn a_secret_is_never_repeated() {
    for line in ["auth: {user: 'root:s3cret'}", "auth: {password: s3cret}"] {
        for one in problems(&with(line)) {
            assert!(!one.to_string().contains("s3cret"), "{one}");
        }
    }
}

#[test]
fn files_that_are_no_inventory_are_told() {
    for (text, message) in [
        ("", "the file is empty"),
        ("clusters:\n\tc: {}\n", "a tab stands"),
        ("cluster: {}", "unknown key `cluster`"),
        ("clusters: {}", "no cluster is listed"),
        ("clusters: [a]", "must be a mapping"),
        ("clusters: {c: }", "must be a mapping"),
        ("clusters: {c: {api: ssh}}", "has no endpoints"),
        ("clusters: {-x: {endpoints: ['http://a:1']}}", "`-`"),
        ("clusters: {c/d: {endpoints: ['http://a:1']}}", "may not hold"),
        ("clusters: {c: {endpoints: []}}", "list of endpoints is empty"),
        (
            "clusters: {c: {endpoints: ['http://a:1', 'http://a:1/']}}",
            "stands twice",
        ),
        ("- a", "must be a mapping"),
        ("just text", "must be a mapping"),
    ] {
        let found = problems(text);
        assert!(
            found.iter().any(|one| one.message.contains(message)),
            "{text:?}: {found:#?}"
        );
    }
}

#[test]
fn a_bare_endpoint_gets_the_scheme_of_the_certificates() {
    let plain = load("clusters: {c: {endpoints: ['a:2379']}}").unwrap();
    assert_eq!(plain.clusters[0].config.endpoints, ["http://a:2379"]);
    let tls = load("clusters: {c: {endpoints: ['a:2379'], tls: {ca: x}}}").unwrap();
    assert_eq!(tls.clusters[0].config.endpoints, ["https://a:2379"]);
}

#[test]
fn the_nearest_cluster_is_offered() {
    let inventory = load(FULL).unwrap();
    assert_eq!(inventory.nearest("tool-k8s"), Some("tools-k8s"));
    assert_eq!(inventory.nearest("zzz"), None);
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "(clusters|c|hosts|endpoints|tls|ssh|auth|: |:\n|\n|  |    |- |\\[|\\]|\\{|\\}|,|'|\"|http://a:1|é|5|~|null|&a |\\*a){0,50}") {
        let _ = load(&text);
    }
}
