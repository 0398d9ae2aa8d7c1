//! The document of `health -o json`, word for word: what could not be learned is null, neither left out nor zero.

use etcdops::cluster::observed::Role;
use serde_json::Value;

use super::{all_healthy, cluster_of, until};
use crate::support::cli::Cli;
use crate::support::etcd::{Etcds, Port, USUAL};

/// Of a document as it is printed, what differs each time, by its field. Null, zero and nothing at all stay to be seen.
fn normalised(document: &str, etcds: &Etcds) -> String {
    let lines = document.lines().map(|line| {
        let Some((field, value)) = line.split_once(": ") else {
            return line.to_owned();
        };
        let (value, comma) = value.strip_suffix(',').map_or((value, ""), |value| (value, ","));
        let what = match field.trim().trim_matches('"') {
            "id" | "leader" if value.starts_with('"') => "<id>",
            "latency_ms" if value.parse().is_ok_and(|took: f64| took > 0.0) => "<time>",
            "db_size" | "db_size_in_use" if value.parse().is_ok_and(|size: u64| size > 0) => "<size>",
            "raft_term" | "raft_index" | "raft_applied_index" if value.parse().is_ok_and(|at: u64| at > 0) => {
                "<number>"
            }
            _ => value,
        };
        format!("{field}: {what}{comma}")
    });
    let mut text = lines.collect::<Vec<_>>().join("\n");
    for (index, node) in etcds.nodes.iter().enumerate() {
        text = text.replace(&etcds.url(index), &format!("<{}>", node.name));
        text = text.replace(
            &format!("127.0.0.1:{}", node.client.number),
            &format!("<at {}>", node.name),
        );
    }
    text
}

/// One member's part of the document.
fn member<'a>(document: &'a str, field: &str) -> &'a str {
    let mut members = document.split("\n    {\n").skip(1);
    let found = members.find(|member| member.contains(field));
    let found = found.unwrap_or_else(|| panic!("no {field} in {document}"));
    found.split("\n    }").next().unwrap()
}

const LEADER: &str = r#"      "id": <id>,
      "name": "LEADER",
      "role": "leader",
      "status": "healthy",
      "endpoint": "<LEADER>",
      "version": "3.5.35",
      "latency_ms": <time>,
      "db_size": <size>,
      "db_size_in_use": <size>,
      "raft_term": <number>,
      "raft_index": <number>,
      "raft_applied_index": <number>,
      "alarms": [],
      "cause": null"#;

const UNREACHABLE: &str = r#"      "id": <id>,
      "name": "e3",
      "role": null,
      "status": "unreachable",
      "endpoint": "<e3>",
      "version": null,
      "latency_ms": null,
      "db_size": null,
      "db_size_in_use": null,
      "raft_term": null,
      "raft_index": null,
      "raft_applied_index": null,
      "alarms": null,
      "cause": {
        "kind": "connect",
        "message": "connection refused (<at e3>): nothing listens there"
      }"#;

/// A healthy member, one that has fallen silent, and an address at which nobody ever was.
#[tokio::test]
async fn what_could_not_be_learned_is_null() {
    let mut etcds = Etcds::start(USUAL, 3, false, &[]);
    let cluster = cluster_of(&etcds);
    until(&cluster, "healthy", all_healthy).await;
    etcds.kill(2);
    let two = |seen: &etcdops::cluster::observed::Observed| seen.quorum_proved && seen.leader.is_some();
    let observed = until(&cluster, "two go on", two).await;
    let leading = observed.members.iter().find(|seen| seen.role == Some(Role::Leader));
    let leader = leading.unwrap().member.as_ref().unwrap().name.clone();

    let nobody = Port::take();
    let stranger = format!("http://127.0.0.1:{}", nobody.number);
    let endpoints = format!("{},{stranger}", etcds.urls().join(","));
    let ran = Cli::new()
        .run(["health", "-o", "json", "--endpoints", &endpoints])
        .code(10);
    let document = normalised(&ran.stdout, &etcds);
    assert_eq!(
        member(&document, &format!("\"name\": \"{leader}\"")),
        LEADER.replace("LEADER", &leader)
    );
    assert_eq!(member(&document, "\"name\": \"e3\""), UNREACHABLE);
    let unknown = UNREACHABLE
        .replace("\"id\": <id>", "\"id\": null")
        .replace("\"name\": \"e3\"", "\"name\": null")
        .replace("<e3>", &stranger)
        .replace("<at e3>", &stranger["http://".len()..]);
    assert_eq!(member(&document, &format!("\"endpoint\": \"{stranger}\"")), unknown);

    let whole: Value = serde_json::from_str(&ran.stdout).unwrap();
    let fields: Vec<&String> = whole.as_object().unwrap().keys().collect();
    assert_eq!(
        fields,
        [
            "schema", "cluster", "verdict", "quorum", "leader", "members", "problems"
        ]
    );
    assert_eq!(
        whole["quorum"].to_string(),
        r#"{"voters":3,"healthy":2,"needed":2,"tolerates":0}"#
    );
    for problem in whole["problems"].as_array().unwrap() {
        let fields: Vec<&String> = problem.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["severity", "text", "hint"]);
    }
}
