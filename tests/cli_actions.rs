//! Actions that write files and speak HTTP, on a real host and a real etcd.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use serde_json::Value;

use crate::cli_questions::World;

const BOOK: &str = "\
title: Files, and what a member answers
parameters:
  folder: {type: path}
  member: {type: url}
requires:
  - http: {url: '${{ member }}/health', contains: '\"health\":\"true\"'}
steps:
  - {id: ask, do: {http.request: {url: '${{ member }}/version'}}}
  - {id: write, hosts: etcd-1, do: {file.write: {path: '${{ folder }}/a b', content: \"it's\\n$(x) `y`\\n\", mode: '640'}}}
  - {id: told, hosts: etcd-1, do: {file.write: {path: '${{ folder }}/told', content: '${{ steps.ask.body }}'}}}
  - {id: move, hosts: etcd-1, do: {file.move: {from: '${{ steps.write.path }}', to: '${{ folder }}/c'}}}
  - {id: aside, hosts: etcd-1, do: {file.move_aside: {path: '${{ folder }}/old'}}}
";

fn client_url(world: &World) -> String {
    let members = world.0.run(["members", "-o", "json"]).code(0);
    let members: Value = serde_json::from_str(&members.stdout).unwrap();
    members["members"][0]["endpoint"].as_str().unwrap().to_owned()
}

fn arguments(folder: &Path, member: &str) -> Vec<String> {
    let folder = format!("folder={}", folder.display());
    let member = format!("member={member}");
    ["run", "book.yaml", "--yes", "--set", &folder, "--set", &member]
        .map(str::to_owned)
        .into()
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn files_are_written_moved_and_put_aside_and_a_member_is_asked_over_http() {
    let world = World::new();
    world.0.write("book.yaml", BOOK);
    world.0.write("files/old/data", "kept\n");
    let folder = world.0.work().join("files");
    let member = client_url(&world);

    // Nobody answers there: nothing is changed.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = world.0.run(arguments(&folder, &format!("http://{nobody}"))).code(3);
    let _ = refused.says(&["connection refused", "nothing was changed"]);
    assert!(!folder.join("told").exists() && folder.join("old").exists());

    let _ = world.0.run(arguments(&folder, &member)).code(0);
    assert_eq!(text(&folder.join("c")), "it's\n$(x) `y`\n");
    assert!(!folder.join("a b").exists(), "it was moved");
    let told: Value = serde_json::from_str(&text(&folder.join("told"))).unwrap();
    assert!(told["etcdserver"].is_string(), "{told}");
    let run = world.runs()[0]["id"].as_str().unwrap().to_owned();
    assert!(!folder.join("old").exists());
    assert_eq!(text(&folder.join(format!("old.etcdops-{run}.old/data"))), "kept\n");

    // What stands at the destination is not written over.
    fs::rename(folder.join("c"), folder.join("d")).unwrap();
    world.0.write("files/c", "somebody else's\n");
    let failed = world.0.run(arguments(&folder, &member)).code(1);
    let _ = failed.shows(&["are both there"]);
    assert_eq!(text(&folder.join("c")), "somebody else's\n");
    assert_eq!(text(&folder.join("a b")), "it's\n$(x) `y`\n");
}

/// The client port of the member with this name.
fn port_of(world: &World, host: &str) -> u16 {
    let members = world.0.run(["members", "-o", "json"]).code(0);
    let members: Value = serde_json::from_str(&members.stdout).unwrap();
    let all = members["members"].as_array().unwrap();
    let member = all.iter().find(|member| member["name"] == host).unwrap();
    let url = member["endpoint"].as_str().unwrap();
    url.rsplit(':').next().unwrap().parse().unwrap()
}

#[test]
fn an_etcd_that_ends_at_its_start_is_told_at_once_and_started_at_resume() {
    let world = World::new();
    let port = port_of(&world, "etcd-3");
    let _ = world.0.run(["stop", "etcd-3", "--yes"]).code(0);
    let guest = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let begun = std::time::Instant::now();
    let failed = world.0.run(["start", "etcd-3", "--yes"]).code(1);
    // A step waits two minutes for what may still come; this cannot.
    assert!(
        begun.elapsed() < std::time::Duration::from_secs(60),
        "{:?}",
        begun.elapsed()
    );
    let shown = failed.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "etcd started and ended again: one of its ports is used by another process",
        "etcd said: discovery failed: listen tcp",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let _ = failed.says(&["etcdops resume"]);
    drop(guest);
    let _ = world.0.run(["resume", "--yes"]).code(0);
    let _ = world.0.run(["health"]).code(0);
}
