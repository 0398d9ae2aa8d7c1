//! etcd's settings on real hosts, in each of the places where people put them.

use std::fs;

use crate::support::lab::Lab;

/// Adds the spare as an operator would, and reads what etcd was then started with.
fn joins(lab: &Lab) -> String {
    let done = lab.etcdops(&["add-member", "etcd-2", "--no-backup", "--yes"]);
    assert_eq!(done.code, Some(0), "{done:#?}");
    let members = lab.etcdctl(&["member", "list"]);
    assert_eq!(
        members.lines().filter(|line| line.contains("started")).count(),
        2,
        "{members}"
    );
    done.stdout
}

/// Shell text that shows a file and what it was before.
fn before_and_after(lab: &Lab, path: &str) -> (String, String) {
    let kept = format!(
        "cat /var/lib/etcdops/*/replaced/{} 2>/dev/null; true",
        path.replace('/', "+")
    );
    (lab.exec("etcd-2", &kept), lab.exec("etcd-2", &format!("cat {path}")))
}

fn lines_gone(before: &str, after: &str) -> Vec<String> {
    let gone = before.lines().filter(|line| !after.lines().any(|other| other == *line));
    gone.map(str::to_owned).collect()
}

#[test]
fn a_unit_of_another_name_in_etc_with_arguments_as_an_operator_writes_them() {
    let options = [
        "--members",
        "1",
        "--spare",
        "1",
        "--config",
        "args",
        "--unit",
        "etcd-main",
        "--unit-in-etc",
    ];
    let Some(lab) = Lab::up(&options) else { return };
    let refused = |script: &str, words: &[&str]| {
        lab.exec("etcd-2", script);
        let done = lab.etcdops(&["add-member", "etcd-2", "--no-backup", "--yes"]);
        assert_eq!(done.code, Some(3), "{done:#?}");
        let said = format!("{}{}", done.stdout, done.stderr)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        for word in words {
            assert!(said.contains(word), "{word}: {said}");
        }
        assert_eq!(lab.etcdctl(&["member", "list"]).lines().count(), 1);
        assert_eq!(
            lab.exec("etcd-2", "ls /var/lib/etcdops 2>/dev/null; true"),
            "",
            "nothing was changed"
        );
    };
    let unit = "/etc/systemd/system/etcd-main.service";
    lab.exec(
        "etcd-2",
        &format!("cp {unit} /root/unit; cp /etc/default/etcd-main /root/env"),
    );
    refused(
        &format!(
            "sed -i 's|^ExecStart=.*|ExecStart=/bin/sh -c \"exec /usr/bin/etcd $DAEMON_ARGS\"|' {unit}; systemctl daemon-reload"
        ),
        &[
            "/bin/sh",
            "ETCD_INITIAL_CLUSTER=\"etcd-1=http://etcd-1:2380,etcd-2=http",
            "Change by hand on etcd-2",
            "nothing was changed",
        ],
    );
    refused(
        &format!("cp /root/unit {unit}; systemctl daemon-reload; echo \"BROKEN='x\" >>/etc/default/etcd-main"),
        &["/etc/default/etcd-main", "BROKEN", "never ends"],
    );
    // Quotes inside quotes, a line that goes on, a comment, and discovery.
    lab.exec(
        "etcd-2",
        r#"{ echo '# mine'; sed 's/^DAEMON_ARGS="\(.*\)"$/DAEMON_ARGS="\1 \\/' /root/env; echo "--discovery-srv 'lab.example' \\"; echo "--initial-cluster-state 'new'\""; echo '# end'; } >/etc/default/etcd-main"#,
    );
    joins(&lab);
    let (before, after) = before_and_after(&lab, "/etc/default/etcd-main");
    assert!(after.starts_with("# mine\n") && after.ends_with("# end\n"), "{after}");
    assert!(
        after.contains("# DAEMON_ARGS had --discovery-srv 'lab.example'\n"),
        "{after}"
    );
    assert!(after.contains("\\\n--initial-cluster-state 'existing'"), "{after}");
    assert_eq!(lines_gone(&before, &after).len(), 2, "{before}\n{after}");
    let mode = lab.exec("etcd-2", "stat -c '%a %U' /etc/default/etcd-main");
    assert_eq!(mode, "644 root\n");
}

#[test]
fn a_drop_in_of_the_administrator() {
    let Some(lab) = Lab::up(&["--members", "1", "--spare", "1", "--config", "dropin"]) else {
        return;
    };
    let path = "/etc/systemd/system/etcd.service.d/10-cluster.conf";
    lab.exec("etcd-2", &format!("chmod 640 {path}"));
    joins(&lab);
    let (before, after) = before_and_after(&lab, path);
    assert!(lines_gone(&before, &after).is_empty(), "{before}\n{after}");
    assert!(after.contains("Environment=\"ETCD_INITIAL_CLUSTER=etcd-1="), "{after}");
    assert_eq!(lab.exec("etcd-2", &format!("stat -c %a {path}")), "640\n");
}

#[test]
fn etcd_s_own_file() {
    let Some(lab) = Lab::up(&["--members", "1", "--spare", "1", "--config", "file", "--etcd", "3.6.16"]) else {
        return;
    };
    let path = "/etc/etcd/etcd.yml";
    lab.exec("etcd-2", &format!("sed -i 's/^name:.*/name: \"other\" # mine/' {path}"));
    joins(&lab);
    let (before, after) = before_and_after(&lab, path);
    assert_eq!(
        lines_gone(&before, &after),
        ["name: \"other\" # mine"],
        "{before}\n{after}"
    );
    assert!(after.contains("name: \"etcd-2\" # mine\n"), "{after}");
    let text = fs::read_to_string(lab.folder().join("etcdops.yaml")).unwrap_or_default();
    assert!(!text.contains("initial-cluster"), "the inventory knows nothing of it");
}

#[test]
fn a_package_s_unit_with_flags_gets_a_drop_in() {
    let Some(lab) = Lab::up(&["--members", "1", "--spare", "1"]) else {
        return;
    };
    lab.exec(
        "etcd-2",
        r#"u=$(systemctl show -P FragmentPath etcd)
        { printf '[Service]\nType=notify\nUser=etcd\nExecStart=/usr/bin/etcd'
          sed -n 's/^ETCD_//p' /etc/default/etcd | while IFS='=' read -r k v; do
            printf ' \\\n  --%s=%s' "$(echo "$k" | tr 'A-Z_' 'a-z-')" "$v"
          done
          printf '\n[Install]\nWantedBy=multi-user.target\n'
        } >"$u"
        rm /etc/default/etcd; systemctl daemon-reload; sha256sum "$u" >/root/sum"#,
    );
    joins(&lab);
    lab.exec("etcd-2", "sha256sum -c /root/sum");
    let own = lab.exec(
        "etcd-2",
        "cat /etc/systemd/system/etcd.service.d/zy-etcdops-settings.conf",
    );
    assert!(
        own.starts_with("[Service]\nExecStart=\nExecStart=/usr/bin/etcd "),
        "{own}"
    );
}
