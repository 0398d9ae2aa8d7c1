use super::*;
use crate::call::configured::{ConfigKind, ConfigText, assemble};

type Files = BTreeMap<&'static str, String>;

const UNIT: &str = "[Service]\nEnvironment=DAEMON_ARGS=\nEnvironment=ETCD_NAME=%H\nEnvironment=ETCD_DATA_DIR=/var/lib/etcd\nEnvironmentFile=-/etc/default/etcd\nExecStart=/usr/bin/etcd $DAEMON_ARGS\n";

fn text(files: &Files, path: &str, kind: ConfigKind) -> ConfigText {
    let text = files.get(path).cloned();
    ConfigText {
        path: path.to_owned(),
        target: path.to_owned(),
        kind,
        there: text.is_some(),
        text,
    }
}

fn seen(files: &Files) -> ConfigSeen {
    let is_unit = |path: &&str| path.ends_with(".service");
    let unit = files.keys().find(|path| is_unit(path)).expect("a unit");
    let mut parts = vec![text(files, unit, ConfigKind::Unit)];
    let drop_ins = files.keys().filter(|path| path.contains(".service.d/"));
    parts.extend(drop_ins.map(|path| text(files, path, ConfigKind::DropIn)));
    assemble("etcd-4", parts, &|path, kind| text(files, path, kind))
}

fn wanted(set: &[(&str, &str)], without: &[&str]) -> Wanted {
    Wanted {
        set: set
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        without: without.iter().map(|key| (*key).to_owned()).collect(),
    }
}

const CLUSTER: &str = "etcd-1=http://a:2380,etcd-4=http://[::1]:2380,x=http://b%c:1";

fn joining() -> Wanted {
    wanted(
        &[
            ("name", "etcd-4"),
            ("initial-cluster", CLUSTER),
            ("initial-cluster-state", "existing"),
            ("snapshot-count", "5000"),
        ],
        &["discovery-srv", "discovery-srv-name"],
    )
}

/// Edits, writes, reads again: everything is as wanted, and a second time changes nothing. The paths that changed.
fn configured(files: &mut Files) -> Vec<String> {
    let wanted = joining();
    let edits = edits("etcd", &seen(files), &wanted).unwrap();
    let mut paths = Vec::new();
    for edit in edits {
        paths.push(edit.path.clone());
        files.insert(Box::leak(edit.path.into_boxed_str()), edit.after);
    }
    let after = seen(files);
    for (key, value) in &wanted.set {
        assert_eq!(
            after.settings.get(key).map(|setting| &setting.value),
            Some(value),
            "{key} in {files:#?}"
        );
    }
    for key in &wanted.without {
        assert!(!after.settings.contains_key(key), "{key} in {files:#?}");
    }
    let both = after.settings.iter().find(|(key, setting)| {
        matches!(setting.from, SettingFrom::Flag | SettingFrom::ArgsVariable { .. })
            && after.variables.contains_key(&variable_of(key))
    });
    assert_eq!(both, None, "a flag and a variable for one setting");
    assert_eq!(super::edits("etcd", &after, &wanted).unwrap(), Vec::new());
    paths
}

#[test]
fn an_environment_file_takes_what_is_set_in_it_and_what_is_new() {
    let text = "# mine\nETCD_INITIAL_CLUSTER=\"old\"\nETCD_DISCOVERY_SRV=lab.example\nETCD_DISCOVERY_SRV_NAME=c1\n#end";
    let mut files = Files::from([
        ("/lib/systemd/system/etcd.service", UNIT.to_owned()),
        ("/etc/default/etcd", text.to_owned()),
    ]);
    assert_eq!(configured(&mut files), ["/etc/default/etcd"]);
    let expected = format!(
        "# mine\nETCD_INITIAL_CLUSTER=\"{CLUSTER}\"\nETCD_INITIAL_CLUSTER_STATE=\"existing\"\nETCD_SNAPSHOT_COUNT=\"5000\"\n# ETCD_DISCOVERY_SRV=lab.example\n# ETCD_DISCOVERY_SRV_NAME=c1\n#end"
    );
    let got = &files["/etc/default/etcd"];
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(got), sorted(&expected), "{got}");
}

#[test]
fn the_file_may_be_missing_where_the_unit_bears_it() {
    let mut files = Files::from([("/lib/systemd/system/etcd.service", UNIT.to_owned())]);
    assert_eq!(configured(&mut files), ["/etc/default/etcd"]);
}

#[test]
fn flags_in_a_variable_are_changed_and_added_there() {
    // As in the notes of an operator: quotes inside quotes, and a line that goes on.
    let text = "ETCD_DISCOVERY_SRV=\"lab.example\"\nETCD_PEER_AUTO_TLS=\"true\"\nDAEMON_ARGS=\"--initial-cluster-token 'tok' \\\n--initial-cluster-state 'new'\"\n";
    let mut files = Files::from([
        ("/lib/systemd/system/etcd.service", UNIT.to_owned()),
        ("/etc/default/etcd", text.to_owned()),
    ]);
    assert_eq!(configured(&mut files), ["/etc/default/etcd"]);
    let got = &files["/etc/default/etcd"];
    assert!(
        got.contains("DAEMON_ARGS=\"--initial-cluster-token 'tok' \\\n--initial-cluster-state 'existing' --"),
        "{got}"
    );
    assert!(
        got.starts_with("# ETCD_DISCOVERY_SRV=\"lab.example\"\nETCD_PEER_AUTO_TLS=\"true\"\n"),
        "{got}"
    );
}

#[test]
fn a_drop_in_of_the_administrator_is_changed_in_place() {
    let drop_in = "[Service]\n# ours\nEnvironment=\"ETCD_INITIAL_CLUSTER=old\" ETCD_DISCOVERY_SRV=x\nEnvironment=\"ETCD_NAME=other\"\n";
    let mut files = Files::from([
        ("/lib/systemd/system/etcd.service", UNIT.to_owned()),
        ("/etc/systemd/system/etcd.service.d/10-cluster.conf", drop_in.to_owned()),
    ]);
    assert_eq!(
        configured(&mut files),
        ["/etc/systemd/system/etcd.service.d/10-cluster.conf"]
    );
    let got = &files["/etc/systemd/system/etcd.service.d/10-cluster.conf"];
    assert!(
        got.starts_with(
            "[Service]\n# ours\n# Environment=ETCD_DISCOVERY_SRV=x\nEnvironment=\"ETCD_INITIAL_CLUSTER=etcd-1"
        ),
        "{got}"
    );
    assert!(
        got.contains("x=http://b%%c:1"),
        "a percent sign is a specifier there: {got}"
    );
}

#[test]
fn flags_of_a_unit_in_etc_are_changed_in_place() {
    let unit = "[Service]\nExecStart=-/usr/bin/etcd --name x \\\n  # why\n  --initial-cluster=\"old\" \\\n  --discovery-srv y --data-dir /d\nRestart=always\n";
    let mut files = Files::from([("/etc/systemd/system/etcd.service", unit.to_owned())]);
    assert_eq!(configured(&mut files), ["/etc/systemd/system/etcd.service"]);
    let got = &files["/etc/systemd/system/etcd.service"];
    assert!(
        got.contains("--name etcd-4 \\\n  # why\n  --initial-cluster=\"etcd-1="),
        "{got}"
    );
    assert!(
        got.contains("--data-dir /d --initial-cluster-state=existing --snapshot-count=5000\nRestart=always"),
        "{got}"
    );
}

#[test]
fn a_package_s_unit_stays_and_a_drop_in_says_otherwise() {
    let unit = "[Service]\nExecStart=/usr/bin/etcd --name=%H --initial-cluster=old --discovery-srv y\n";
    let mut files = Files::from([("/usr/lib/systemd/system/etcd.service", unit.to_owned())]);
    assert_eq!(
        configured(&mut files),
        ["/etc/systemd/system/etcd.service.d/zy-etcdops-settings.conf"]
    );
    assert_eq!(files["/usr/lib/systemd/system/etcd.service"], unit);
    let unit = "[Service]\nEnvironment=ETCD_NAME=x ETCD_INITIAL_CLUSTER=old\nExecStart=/usr/bin/etcd\n";
    let mut files = Files::from([("/usr/lib/systemd/system/etcd.service", unit.to_owned())]);
    assert_eq!(
        configured(&mut files),
        ["/etc/systemd/system/etcd.service.d/zy-etcdops-settings.conf"]
    );
}

#[test]
fn discovery_in_a_variable_of_the_unit_is_said_otherwise_where_a_package_says_it() {
    let unit = "[Service]\nEnvironment=\"DAEMON_ARGS=--initial-cluster=old --discovery-srv y\" ETCD_NAME=x ETCD_DISCOVERY_SRV_NAME=z\nExecStart=/usr/bin/etcd $DAEMON_ARGS\n";
    let own = "/etc/systemd/system/etcd.service.d/zy-etcdops-settings.conf";
    let mut files = Files::from([("/usr/lib/systemd/system/etcd.service", unit.to_owned())]);
    assert_eq!(configured(&mut files), [own]);
    assert_eq!(files["/usr/lib/systemd/system/etcd.service"], unit);
    assert!(!files[own].contains("discovery"), "{files:#?}");
    assert!(files[own].contains("\"ETCD_DISCOVERY_SRV_NAME=\"\n"), "{files:#?}");
    let mut files = Files::from([("/etc/systemd/system/etcd.service", unit.to_owned())]);
    assert_eq!(configured(&mut files), ["/etc/systemd/system/etcd.service"]);
    let got = &files["/etc/systemd/system/etcd.service"];
    assert!(
        got.contains("\n# Environment=\"DAEMON_ARGS=--initial-cluster=old --discovery-srv y\""),
        "{got}"
    );
}

#[test]
fn etcd_s_own_file_silences_everything_else() {
    let yaml = "# etcd\nname: other # mine\ninitial-cluster: \"old\"\ndiscovery-srv: y\npeer-transport-security:\n  auto-tls: true\n";
    let mut files = Files::from([
        ("/lib/systemd/system/etcd.service", UNIT.to_owned()),
        (
            "/etc/default/etcd",
            "ETCD_NAME=ignored\nDAEMON_ARGS=\"--config-file=/etc/etcd.yml\"\n".to_owned(),
        ),
        ("/etc/etcd.yml", yaml.to_owned()),
    ]);
    assert_eq!(configured(&mut files), ["/etc/etcd.yml"]);
    let got = &files["/etc/etcd.yml"];
    assert!(
        got.starts_with("# etcd\nname: 'etcd-4' # mine\ninitial-cluster: \"etcd-1="),
        "{got}"
    );
    assert!(
        got.contains("# discovery-srv: y\npeer-transport-security:\n  auto-tls: true\n"),
        "{got}"
    );
}

#[test]
fn what_cannot_be_edited_for_sure_is_refused_with_the_lines() {
    let refused = |files: Files| edits("etcd", &seen(&files), &joining()).unwrap_err();
    let lib = "/lib/systemd/system/etcd.service";
    let shell = "[Service]\nExecStart=/bin/sh -c \"GOMAXPROCS=2 /usr/bin/etcd --name x\"\n";
    let why = refused(Files::from([(lib, shell.to_owned())]));
    assert!(why.why.contains("/bin/sh"), "{why:?}");
    assert!(
        why.lines.contains(&format!("ETCD_INITIAL_CLUSTER=\"{CLUSTER}\"")),
        "{why:?}"
    );
    let torn = refused(Files::from([
        (lib, UNIT.to_owned()),
        ("/etc/default/etcd", "ETCD_NAME='a\n".to_owned()),
    ]));
    assert!(torn.why.contains("/etc/default/etcd"), "{torn:?}");
    let flow = Files::from([
        (
            lib,
            "[Service]\nExecStart=/usr/bin/etcd --config-file /etc/e.yml\n".to_owned(),
        ),
        ("/etc/e.yml", "{name: x}\n".to_owned()),
    ]);
    let why = refused(flow);
    assert!(why.why.contains("/etc/e.yml"), "{why:?}");
    assert!(why.lines.contains(&"name: 'etcd-4'".to_owned()), "{why:?}");
    let both = "[Service]\nEnvironment=ETCD_NAME=a\nExecStart=/usr/bin/etcd --name b\n";
    let why = refused(Files::from([(lib, both.to_owned())]));
    assert!(why.why.contains("both --name and ETCD_NAME"), "{why:?}");
}
