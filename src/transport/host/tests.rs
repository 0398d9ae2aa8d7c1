//! Every operation with a real shell on this machine, on a host of process kind: no root, no systemd.

mod carry;
mod certificates;
mod record;
mod sharing;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::Hosts;
use crate::base::duration::Span;
use crate::call::host::{Command, DetachedState, HostAnswer, HostOp, Marker, RunOutput, StatSeen, Stood, Tag};
use crate::call::{CallError, Fault, Unwatched};
use crate::cluster::host::{
    AuthUser, Backups, Become, ClusterConfig, Freeze, Host, Route, Service, ServiceKind, Shell, TlsFiles,
};

const BOUND: Duration = Duration::from_secs(20);

fn write(path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
    std::fs::File::create(path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, content.as_ref()))
        .unwrap();
}

fn cluster(folder: &Path) -> Arc<ClusterConfig> {
    let host = Host {
        shell: Shell::Local,
        elevate: Become::None,
        service: Service {
            kind: ServiceKind::Process,
            unit: "etcd".to_owned(),
            env_file: None,
            process_dir: Some(folder.to_owned()),
        },
        freeze: Some(Freeze {
            on: format!("touch {}/frozen", folder.display()),
            off: format!("rm {}/frozen", folder.display()),
            check: Some(format!("test -e {}/frozen", folder.display())),
            busy: None,
        }),
        ..Host::named("h")
    };
    let other = Host {
        service: Service {
            process_dir: Some(folder.join("other")),
            ..host.service.clone()
        },
        name: "other".to_owned(),
        ..host.clone()
    };
    Arc::new(ClusterConfig {
        name: "c".to_owned(),
        endpoints: Vec::new(),
        route: Route::Direct,
        tls: TlsFiles::default(),
        auth: AuthUser::default(),
        clients: None,
        backups: Backups::default(),
        hosts: vec![host, other],
        discovery: None,
        call_timeout: Span(Duration::from_secs(5)),
    })
}

struct World {
    folder: tempfile::TempDir,
    hosts: Hosts,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("it's a $(x) ").tempdir().unwrap();
        let hosts = Hosts::new(cluster(folder.path()), None);
        Self { folder, hosts }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    async fn ask(&self, op: HostOp) -> Result<HostAnswer, CallError> {
        self.hosts.perform("h", &op, None, BOUND, &Unwatched).await
    }

    async fn change(&self, op: HostOp, key: &str) -> Result<HostAnswer, CallError> {
        self.hosts.perform("h", &op, Some(&tag(key)), BOUND, &Unwatched).await
    }

    async fn stat(&self, path: &str) -> StatSeen {
        match self.ask(HostOp::Stat { path: path.to_owned() }).await.unwrap() {
            HostAnswer::Stat(seen) => seen,
            other => panic!("{other:?}"),
        }
    }
}

fn tag(key: &str) -> Tag {
    Tag {
        run: "2026-11-20-1304-k3f9".parse().unwrap(),
        key: key.to_owned(),
    }
}

fn run(script: &str) -> HostOp {
    HostOp::Run {
        command: Command::Script(script.to_owned()),
        become_root: true,
        look: false,
    }
}

#[tokio::test]
async fn files_are_written_whole_and_the_old_one_is_kept() {
    let world = World::new();
    let path = world.path("sub/a 'b' $(c)\nd");
    let write = |content: &str| HostOp::WriteFile {
        path: path.clone(),
        content: content.to_owned(),
        mode: Some("640".to_owned()),
        owner: None,
        was: None,
    };
    assert_eq!(world.stat(&path).await.kind, None);
    for (key, content) in [("one", "first\n"), ("two", "second `x` ${Y} 'z'\n\n")] {
        assert_eq!(world.change(write(content), key).await.unwrap(), HostAnswer::Done);
        let seen = world.stat(&path).await;
        assert_eq!(seen.content.as_deref(), Some(content));
        assert_eq!((seen.kind.as_deref(), seen.mode.as_str()), (Some("file"), "640"));
    }
    let kept = std::fs::read_dir(world.folder.path().join("state/2026-11-20-1304-k3f9/replaced")).unwrap();
    let kept: Vec<_> = kept
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert_eq!(kept, ["first\n"]);
    // Without a tag it is done in place.
    assert_eq!(world.ask(write("third")).await.unwrap(), HostAnswer::Done);
    assert_eq!(world.stat(&path).await.content.as_deref(), Some("third"));
}

#[tokio::test]
async fn a_file_that_somebody_else_has_changed_is_not_written_over() {
    let world = World::new();
    let path = world.path("etcd.env");
    let write = |content: &str, was: Option<&str>| HostOp::WriteFile {
        path: path.clone(),
        content: content.to_owned(),
        mode: None,
        owner: None,
        was: Some(Stood::of(was)),
    };
    assert_eq!(world.change(write("a\n", None), "1").await.unwrap(), HostAnswer::Done);
    assert_eq!(
        world.change(write("b\n", Some("a\n")), "2").await.unwrap(),
        HostAnswer::Done
    );
    for (key, was) in [("3", Some("a\n")), ("4", None)] {
        let error = world.change(write("c\n", was), key).await.unwrap_err();
        assert_eq!(error.fault, Fault::Refused, "{error}");
        assert!(error.message.contains("changed by somebody else"), "{error}");
    }
    let names = std::fs::read_dir(world.folder.path()).unwrap().flatten();
    let left: Vec<_> = names.map(|entry| entry.file_name()).collect();
    assert!(
        !left.iter().any(|name| name.to_string_lossy().contains("etcdops-new")),
        "{left:?}"
    );
    assert_eq!(world.stat(&path).await.content.as_deref(), Some("b\n"));
}

#[tokio::test]
async fn a_file_arrives_only_with_its_digest() {
    let world = World::new();
    let local = world.path("local");
    let content = [0_u8, 255, 10, 39].repeat(300_000);
    write(&local, &content);
    let digest = crate::base::hash::sha256_hex(&content);
    let put = |sha256: &str| HostOp::PutFile {
        local: local.clone(),
        path: world.path("there"),
        sha256: sha256.to_owned(),
        mode: None,
        owner: None,
    };
    let error = world.change(put(&"0".repeat(64)), "bad").await.unwrap_err();
    assert_eq!(
        (error.fault, world.stat(&world.path("there")).await.kind),
        (Fault::Refused, None),
        "{error}"
    );
    assert_eq!(world.change(put(&digest), "good").await.unwrap(), HostAnswer::Done);
    let seen = world.stat(&world.path("there")).await;
    assert_eq!(
        (seen.sha256.as_deref(), seen.size),
        (Some(digest.as_str()), content.len() as u64)
    );
}

#[tokio::test]
async fn a_rename_never_overwrites() {
    let world = World::new();
    let rename = |from: &str, to: &str| HostOp::Rename {
        from: world.path(from),
        to: world.path(to),
    };
    std::fs::create_dir(world.folder.path().join("a")).unwrap();
    assert_eq!(world.change(rename("a", "b"), "1").await.unwrap(), HostAnswer::Done);
    std::fs::create_dir(world.folder.path().join("a")).unwrap();
    assert_eq!(
        world.change(rename("a", "b"), "2").await.unwrap_err().fault,
        Fault::Refused
    );
    assert_eq!(
        world.change(rename("none", "c"), "3").await.unwrap_err().fault,
        Fault::Missing
    );
    assert!(world.folder.path().join("a").exists() && world.folder.path().join("b").exists());
}

#[tokio::test]
async fn a_change_outlives_a_caller_that_gave_up_and_is_never_started_twice() {
    let world = World::new();
    let quoted = |name: &str| format!("'{}'", world.path(name).replace('\'', "'\\''"));
    let op = run(&format!(
        "until [ -e {} ]; do sleep 0.02; done; echo x >>{}; echo out; exit 0",
        quoted("go"),
        quoted("count")
    ));
    let tag = tag("slow@h");
    let error = world
        .hosts
        .perform("h", &op, Some(&tag), Duration::from_secs(3), &Unwatched)
        .await
        .unwrap_err();
    assert!(error.fault == Fault::Timeout && error.maybe_done, "{error:?}");
    let look = HostOp::Detached { tag: tag.clone() };
    let seen = world.ask(look.clone()).await.unwrap();
    assert!(
        matches!(seen, HostAnswer::Detached(DetachedState::Running { .. })),
        "{seen:?}"
    );
    std::fs::File::create(world.path("go")).unwrap();
    let (first, second) = tokio::join!(
        world.hosts.perform("h", &op, Some(&tag), BOUND, &Unwatched),
        world.hosts.perform("h", &op, Some(&tag), BOUND, &Unwatched),
    );
    let ran = HostAnswer::Ran(RunOutput {
        code: 0,
        stdout: "out\n".to_owned(),
        stderr: String::new(),
    });
    assert_eq!((first.unwrap(), second.unwrap()), (ran.clone(), ran));
    assert_eq!(std::fs::read_to_string(world.path("count")).unwrap(), "x\n");
    let Ok(HostAnswer::Detached(DetachedState::Ended { code, stdout, .. })) = world.ask(look).await else {
        panic!("it has ended");
    };
    assert_eq!((code, stdout.as_str()), (0, "out\n"));
    let absent = world
        .ask(HostOp::Detached {
            tag: Tag {
                key: "other".to_owned(),
                ..tag
            },
        })
        .await
        .unwrap();
    assert_eq!(absent, HostAnswer::Detached(DetachedState::Absent));
}

#[tokio::test]
async fn a_killed_change_has_vanished() {
    let world = World::new();
    let tag = tag("dies");
    let op = run("kill -KILL $(cut -d' ' -f4 /proc/$PPID/stat); sleep 0.2");
    let error = world
        .hosts
        .perform("h", &op, Some(&tag), BOUND, &Unwatched)
        .await
        .unwrap_err();
    assert!(error.fault == Fault::Lost && error.maybe_done, "{error:?}");
    let seen = world.ask(HostOp::Detached { tag }).await.unwrap();
    assert_eq!(seen, HostAnswer::Detached(DetachedState::Vanished));
}

#[tokio::test]
async fn a_command_tells_why_it_failed_whatever_its_status() {
    let world = World::new();
    for status in [1, 126, 127, 255] {
        let key = format!("s{status}");
        let Ok(HostAnswer::Ran(output)) = world.change(run(&format!("echo sad >&2; exit {status}")), &key).await else {
            panic!("a command ran");
        };
        assert_eq!((output.code, output.stderr.as_str()), (status, "sad\n"));
        let look = HostOp::Run {
            command: Command::Script(format!("echo out; echo err >&2; exit {status}")),
            become_root: true,
            look: true,
        };
        let HostAnswer::Ran(output) = world.ask(look).await.unwrap() else {
            panic!("a command ran");
        };
        assert_eq!(
            (output.code, output.stdout.as_str(), output.stderr.as_str()),
            (status, "out\n", "err\n")
        );
    }
}

#[tokio::test]
async fn a_look_that_hangs_ends_in_time_and_leaves_nothing() {
    let world = World::new();
    let mark = format!("sleep 61.{}", std::process::id());
    let look = HostOp::Run {
        command: Command::Script(mark.clone()),
        become_root: true,
        look: true,
    };
    let error = world
        .hosts
        .perform("h", &look, None, Duration::from_millis(400), &Unwatched)
        .await
        .unwrap_err();
    assert!(error.fault == Fault::Timeout && !error.maybe_done, "{error:?}");
    let lives = || {
        std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
            std::fs::read(entry.path().join("cmdline"))
                .is_ok_and(|line| String::from_utf8_lossy(&line).replace('\0', " ").trim() == mark)
        })
    };
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while lives() {
        assert!(std::time::Instant::now() < deadline, "the look still runs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn marker(run: &str) -> Marker {
    Marker {
        run: run.parse().unwrap(),
        who: "o'hara@bastion".to_owned(),
        machine: "m".to_owned(),
        pid: 1,
        pid_started: 2,
        since: "2026-11-20T13:04:05Z".to_owned(),
        doing: "x \"y\" $(z)".to_owned(),
    }
}

/// More than the host takes at a time: who waits for its turn has its whole bound left when it comes.
#[tokio::test]
async fn a_call_that_waits_for_its_turn_is_not_late() {
    let world = World::new();
    let slow = HostOp::Run {
        command: Command::Script("sleep 6".to_owned()),
        become_root: false,
        look: true,
    };
    let ask = || {
        world
            .hosts
            .perform("h", &slow, None, Duration::from_secs(10), &Unwatched)
    };
    let answers = futures_util::future::join_all((0..=super::AT_ONCE).map(|_| ask())).await;
    for answer in answers {
        assert!(
            matches!(answer, Ok(HostAnswer::Ran(RunOutput { code: 0, .. }))),
            "{answer:?}"
        );
    }
}
