//! What stands on a host besides etcd: the marker, the journal, the freeze, and what is left.

use super::*;

#[tokio::test]
async fn exactly_one_of_two_operators_gets_the_marker() {
    let world = World::new();
    let cluster = "c".to_owned();
    let ours = marker("2026-11-20-1304-aaaa");
    let theirs = marker("2026-11-20-1304-bbbb");
    let write = |marker: &Marker| HostOp::WriteMarker {
        cluster: cluster.clone(),
        marker: marker.clone(),
    };
    let (one, two) = tokio::join!(world.ask(write(&ours)), world.ask(write(&theirs)));
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    let (winner, loser) = if one.is_ok() {
        (&ours, &theirs)
    } else {
        (&theirs, &ours)
    };
    let refused = if one.is_ok() { two } else { one }.unwrap_err();
    assert!(
        refused.fault == Fault::Refused && refused.message.contains(winner.run.as_str()),
        "{refused}"
    );
    let clear = |run: &Marker| HostOp::ClearMarker {
        cluster: cluster.clone(),
        run: run.run.clone(),
        life: None,
    };
    assert_eq!(world.ask(clear(loser)).await.unwrap(), HostAnswer::Done);
    let read = HostOp::ReadMarker {
        cluster: cluster.clone(),
    };
    let seen = world.ask(read).await.unwrap();
    assert_eq!(
        seen,
        HostAnswer::Marker(Some(winner.clone())),
        "only its own run clears it"
    );
    assert_eq!(world.ask(write(winner)).await.unwrap(), HostAnswer::Done);
    assert_eq!(world.ask(clear(winner)).await.unwrap(), HostAnswer::Done);
    assert_eq!(world.ask(clear(winner)).await.unwrap(), HostAnswer::Done);
    assert_eq!(
        world.ask(HostOp::ReadMarker { cluster }).await.unwrap(),
        HostAnswer::Marker(None)
    );
}

#[tokio::test]
async fn a_process_touches_neither_marker_nor_record_of_the_one_that_took_its_run_over() {
    let world = World::new();
    let cluster = "c".to_owned();
    let first = marker("2026-11-20-1304-aaaa");
    // A number that begins with the other's.
    let second = Marker {
        pid_started: first.pid_started * 10 + 1,
        ..first.clone()
    };
    let write = |marker: &Marker| HostOp::WriteMarker {
        cluster: cluster.clone(),
        marker: marker.clone(),
    };
    let append = |by: &Marker, from_seq: u64| HostOp::AppendJournal {
        run: by.run.clone(),
        life: Some(by.life()),
        held: from_seq < 3,
        from_seq,
        text: format!("{{\"seq\":{from_seq}}}\n"),
    };
    world.ask(write(&first)).await.unwrap();
    world.ask(append(&first, 1)).await.unwrap();
    world
        .ask(write(&second))
        .await
        .expect("the same run: that is how it is adopted");
    world.ask(append(&second, 2)).await.unwrap();

    let refused = world.ask(append(&first, 2)).await.unwrap_err();
    assert_eq!(refused.fault, Fault::Refused);
    assert!(refused.message.contains(&second.who), "{refused}");
    let clear = |by: &Marker| HostOp::ClearMarker {
        cluster: cluster.clone(),
        run: by.run.clone(),
        life: Some(by.life()),
    };
    world.ask(clear(&first)).await.unwrap();
    let read = || HostOp::ReadMarker {
        cluster: cluster.clone(),
    };
    assert_eq!(
        world.ask(read()).await.unwrap(),
        HostAnswer::Marker(Some(second.clone()))
    );
    world.ask(clear(&second)).await.unwrap();
    assert_eq!(world.ask(read()).await.unwrap(), HostAnswer::Marker(None));
    let refused = world.ask(append(&second, 2)).await.unwrap_err();
    assert_eq!(refused.fault, Fault::Refused, "no change without the marker");
    world
        .ask(append(&second, 3))
        .await
        .expect("the end is recorded when the marker is gone");
}

#[tokio::test]
async fn the_copy_of_the_journal_has_each_record_once() {
    let world = World::new();
    let run = tag("x").run;
    let append = |from_seq: u64, text: &str| HostOp::AppendJournal {
        run: run.clone(),
        life: None,
        held: false,
        from_seq,
        text: text.to_owned(),
    };
    world.ask(append(1, "{\"seq\":1}\n{\"seq\":2}\n")).await.unwrap();
    world.ask(append(2, "{\"seq\":2}\n{\"seq\":3}\n")).await.unwrap();
    world.ask(append(4, "{\"seq\":4}")).await.unwrap();
    assert_eq!(world.ask(append(9, "x")).await.unwrap_err().fault, Fault::Refused);
    let path = world.path("state/2026-11-20-1304-k3f9/journal");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let expected = "{\"seq\":1}\n{\"seq\":2}\n{\"seq\":3}\n{\"seq\":4}\n".to_owned();
    assert_eq!(
        world.ask(HostOp::ReadJournal { run }).await.unwrap(),
        HostAnswer::Journal(Some(expected))
    );
}

#[tokio::test]
async fn freeze_disk_clock_and_what_is_left() {
    let world = World::new();
    // The folder's name is not quoted in the commands of this inventory, so they fail, and say so.
    assert!(world.change(HostOp::Freeze { at_most: None }, "f").await.is_err());
    assert_eq!(world.ask(HostOp::FreezeCheck).await.unwrap(), HostAnswer::Frozen(false));
    let HostAnswer::Disk { free, total, device } = world
        .ask(HostOp::Disk {
            path: world.path("no/such"),
        })
        .await
        .unwrap()
    else {
        panic!("no disk");
    };
    assert!(0 < free && free <= total && device.is_some());
    let HostAnswer::Clock {
        unix_nanos,
        round_trip_ms,
        offset_ms,
    } = world.ask(HostOp::Clock).await.unwrap()
    else {
        panic!("no clock");
    };
    let here = crate::base::clock::now().as_nanosecond();
    assert!((here - unix_nanos).abs() < 5_000_000_000 && round_trip_ms > 0.0 && offset_ms.abs() < 1000.0);
    let left = world
        .ask(HostOp::Leftovers {
            cluster: "c".to_owned(),
        })
        .await
        .unwrap();
    let HostAnswer::Leftovers(left) = left else {
        panic!("no leftovers")
    };
    assert_eq!((left.fenced, left.frozen, left.marker), (false, Some(false), None));
}

#[tokio::test]
async fn a_key_that_is_no_file_name_is_refused() {
    let world = World::new();
    for key in ["", "../x", "a/b", ".a", "a b", "a\nb"] {
        let error = world.change(run("true"), key).await.unwrap_err();
        assert_eq!((error.fault, error.maybe_done), (Fault::Unsupported, false), "{key}");
    }
}
