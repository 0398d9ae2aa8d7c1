use super::*;
use crate::ui::sample;
use crate::ui::screen::Screen;
use crate::ui::{Captured, Manner};

fn lines(manner: Manner) -> (Lines, Captured) {
    let (ui, captured) = Ui::captured(manner, Screen::plain(80));
    (Lines::new(&ui), captured)
}

#[test]
fn a_run_reads_from_top_to_bottom() {
    let (lines, captured) = lines(Manner::default());
    let mut lines = lines.from_record();
    for event in sample::events() {
        lines.show(&event);
    }
    assert_eq!(
        captured.data(),
        "\
13:04:00  run 2026-11-20-1304-k3f9: Restart etcd-2 (cluster tools-k8s, by
          ada@bastion-1, 2026-11-20 UTC)
13:04:01  agreed: typed y
13:04:02  locked: etcd-1, etcd-2, etcd-3
13:04:03  1/4 move leadership away from etcd-2
13:04:04    ✓ was so already
13:04:05  2/4 etcd-2: stop etcd
13:04:07    ✓ etcd-2: done in 2.0s
13:04:08  3/4 etcd-2: start etcd
13:04:19    … etcd-2: the unit is activating; waits for quorum
13:04:29    ✗ etcd-2: failed: the unit ended with status 1: listen tcp
            10.0.0.2:2380: bind: address already in use
            hint: `ss -ltnp` on etcd-2 shows who listens
13:04:30  failed: 1 of 4 steps failed; `etcdops resume k3f9` carries on
"
    );
}

#[test]
fn a_step_on_several_hosts_is_told_by_what_they_have_in_common() {
    let mut step = sample::plan().steps[0].clone();
    step.title = None;
    step.calls = ["etcd-1", "etcd-2"]
        .map(|host| {
            sample::call(
                Some(host),
                "etcd.restore",
                &format!("restore a.db into /srv/{host} with a token"),
            )
        })
        .to_vec();
    assert_eq!(headline(&step), "etcd-1, etcd-2: restore a.db into … with a token");
    step.calls[1].describe = "nothing to do".to_owned();
    assert_eq!(
        headline(&step),
        "etcd-1, etcd-2: restore a.db into /srv/etcd-1 with a token"
    );
}

#[test]
fn quiet_tells_only_what_went_wrong_and_the_end() {
    let quiet = Manner {
        quiet: true,
        ..Manner::default()
    };
    let (mut lines, captured) = lines(quiet);
    for event in sample::events() {
        lines.show(&event);
    }
    let shown = captured.data();
    let starts: Vec<&str> = shown.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(starts, ["13:04:29", "", "", "13:04:30"], "{shown}");
}
