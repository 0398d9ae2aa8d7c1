//! Hosts without the tool that restores.

use super::{DATA, HOSTS, destroyed, is_back, recovered};
use crate::support::lab::Lab;
use crate::support::runs::run_id;

/// etcd's tools are gone from these hosts: where they were.
pub fn take(lab: &Lab, hosts: &[&'static str]) -> Vec<(&'static str, String)> {
    let mut taken = Vec::new();
    for host in hosts {
        let found = lab.exec(host, "for tool in etcdutl etcdctl; do command -v $tool; done; true");
        assert_ne!(found, "", "{host} has the tools");
        for tool in found.split_whitespace() {
            lab.exec(host, &format!("mv {tool} {tool}.gone"));
            taken.push((*host, tool.to_owned()));
        }
    }
    taken
}

pub fn give_back(lab: &Lab, taken: &[(&str, String)]) {
    for (host, tool) in taken {
        lab.exec(host, &format!("mv {tool}.gone {tool}"));
    }
}

/// All data is gone, and etcd-1 and etcd-3 lack what restores: etcd-2 does it for them. Nothing of that is left behind.
pub fn come_back_through_another_host(lab: &Lab) {
    let taken = take(lab, &["etcd-1", "etcd-3"]);
    destroyed(lab, &HOSTS);
    let planned = lab.etcdops(&["recover", "--from-backup", "--plan"]).good();
    let flat = planned.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in ["etcd-1: etcd-2 restores for it", "for etcd-3, which lacks the tool"] {
        assert!(flat.contains(words), "{words}\n{planned}");
    }
    recovered(lab);
    is_back(lab);
    let run = run_id(lab.bastion());
    for host in HOSTS {
        let there = format!("https://{host}:2379");
        let values = lab.etcdctl(&["--endpoints", &there, "get", "--prefix", "ke", "--print-value-only"]);
        assert_eq!(values.split_whitespace().count(), 20, "{host}");
        let left = format!(
            "find /var/lib/etcdops/{run}/files {DATA}* -maxdepth 1 -name '*.etcdops-data.tar*' -o -maxdepth 1 -name '*.part'"
        );
        assert_eq!(lab.exec(host, &left), "", "{host}");
        let foreign = format!("find {DATA} ! -user etcd; find {DATA} -type d -perm /077");
        assert_eq!(
            lab.exec(host, &foreign),
            "",
            "{host}: all of it belongs to etcd, and to nobody else"
        );
    }
    give_back(lab, &taken);
}
