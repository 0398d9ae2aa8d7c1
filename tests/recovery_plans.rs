//! What a recovery from a backup would do, refuses and says, on the simulated world: only planned.

use std::collections::BTreeMap;

use etcdops::base::id::RunId;
use etcdops::cluster::host::ClusterConfig;
use etcdops::cluster::member::{Id, Member};
use etcdops::cluster::observed::Remembered;
use etcdops::cluster::version::Version;
use etcdops::plan::build::{Refusal, Request};
use etcdops::plan::types::Plan;
use etcdops::run::consent::questions;
use etcdops::run::prepare::prepare;
use etcdops::run::state::State;
use etcdops::runbook::catalogue::Catalogue;
use etcdops::transport::simulated::World;
use serde_json::{Value, json};

const V34: Version = Version::new(3, 4, 23);
const V35: Version = Version::new(3, 5, 35);
const FROM_BACKUP: &str = "recover-from-backup";

/// What the operator asks for.
struct Asked<'a> {
    runbook: &'a str,
    parameters: Value,
    dead: &'a [&'a str],
    accept: &'a [&'a str],
    remembered: Remembered,
}

impl Default for Asked<'_> {
    fn default() -> Self {
        Self {
            runbook: FROM_BACKUP,
            parameters: json!({}),
            dead: &[],
            accept: &[],
            remembered: Remembered::default(),
        }
    }
}

impl Asked<'_> {
    fn plan(&self, world: &World, cluster: &ClusterConfig) -> Result<Plan, Vec<Refusal>> {
        let nowhere = std::path::Path::new("/nonexistent/etcdops/runbooks");
        let catalogue = Catalogue::open(nowhere).unwrap();
        let document = catalogue.load(self.runbook).unwrap();
        let includes = |name: &str| {
            let found = catalogue.load(name).map(|found| found.runbook.clone());
            found.map_err(|error| error.to_string())
        };
        let owned = |words: &[&str]| -> Vec<String> { words.iter().map(ToString::to_string).collect() };
        let parameters: BTreeMap<String, Value> = serde_json::from_value(self.parameters.clone()).unwrap();
        let run = RunId::from_parts(jiff::Timestamp::UNIX_EPOCH, 1);
        let request = Request {
            name: self.runbook,
            runbook: &document.runbook,
            includes: &includes,
            cluster,
            parameters: &parameters,
            run: &run,
            dead: &owned(self.dead),
            remembered: &self.remembered,
            accept: &owned(self.accept),
        };
        let prepared = world.drive(prepare(&request, world)).expect("planning ends");
        prepared.map(|plan| *plan)
    }

    #[track_caller]
    fn planned(&self, world: &World, cluster: &ClusterConfig) -> Plan {
        self.plan(world, cluster)
            .unwrap_or_else(|refusals| panic!("{refusals:#?}"))
    }

    /// The refusal that says this.
    #[track_caller]
    fn refused(&self, world: &World, cluster: &ClusterConfig, words: &str) -> Refusal {
        let refusals = self.plan(world, cluster).map(|plan| plan.title).unwrap_err();
        let found = refusals.iter().find(|refusal| refusal.why.contains(words));
        found.unwrap_or_else(|| panic!("{words}: {refusals:#?}")).clone()
    }
}

/// Three members with a backup `own` of them.
fn backed_up(version: Version) -> (World, ClusterConfig) {
    let (world, cluster) = World::of(version, 3).build();
    world.allow_quorum_loss();
    world.take_backup("own");
    (world, cluster)
}

/// The question about what is lost.
fn loss(plan: &Plan) -> String {
    questions(plan, &State::default())[1].text.clone()
}

/// What is noted at the end.
fn afterwards(plan: &Plan) -> String {
    plan.steps.last().unwrap().calls[0].action.with["text"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// What the condition found.
fn saw(plan: &Plan, condition: &str) -> String {
    let of = |checked: &&etcdops::plan::types::Checked| checked.condition.name == condition;
    plan.requires.iter().find(of).unwrap().saw.clone()
}

const RISING: &str = "If they return together they form the old quorum";

#[test]
fn the_dead_are_left_out_of_themselves_and_a_refusal_says_that_they_can_be() {
    let (world, cluster) = backed_up(V35);
    world.scrap("etcd-3");
    let refusal = Asked::default().refused(&world, &cluster, "etcd-3");
    let hint = refusal.hint.unwrap();
    for words in ["--dead etcd-3", "checked", "--host-map etcd-3=NEW"] {
        assert!(hint.contains(words), "{words}: {hint}");
    }
    let one = Asked {
        dead: &["etcd-3"],
        ..Asked::default()
    };
    let plan = one.planned(&world, &cluster);
    assert_eq!(plan.parameters["members"], json!(["etcd-1", "etcd-2"]));
    assert_eq!(saw(&plan, "dead"), "no answer; given up and NOT fenced: etcd-3");
    assert!(!afterwards(&plan).contains(RISING));
    // Asked for by name all the same.
    let both = Asked {
        dead: &["etcd-3"],
        parameters: json!({"members": "etcd-2,etcd-3"}),
        ..Asked::default()
    };
    let hint = both.refused(&world, &cluster, "could not be found out").hint.unwrap();
    assert!(hint.contains("etcd-3 is declared dead"), "{hint}");

    world.scrap("etcd-2");
    let refusal = one.refused(&world, &cluster, "etcd-2");
    assert!(refusal.hint.unwrap().contains("--dead etcd-2"));
    let two = Asked {
        dead: &["etcd-2", "etcd-3"],
        ..Asked::default()
    };
    let plan = two.planned(&world, &cluster);
    assert_eq!(plan.parameters["members"], json!(["etcd-1"]));
    assert!(saw(&plan, "dead").contains(RISING), "{}", saw(&plan, "dead"));
    let note = afterwards(&plan);
    assert!(
        note.contains(RISING) && note.starts_with("Lost: what was written after"),
        "{note}"
    );

    // Nothing tells the membership any more but the backup, or what was seen before.
    world.stop_etcd("etcd-1");
    world.wipe_data("etcd-1");
    assert!(saw(&two.planned(&world, &cluster), "dead").contains(RISING));
}

#[test]
fn a_v2_backup_goes_without_the_dead_and_says_what_they_could_do() {
    let (world, cluster) = World::of(V34, 3).build();
    world.allow_quorum_loss();
    world.copy_offline("cold", "etcd-3");
    world.scrap("etcd-1");
    world.scrap("etcd-2");
    let asked = |dead| Asked {
        runbook: "recover-from-v2-backup",
        parameters: json!({"backup": "cold"}),
        dead,
        ..Asked::default()
    };
    let refusal = asked(&[]).refused(&world, &cluster, "etcd-");
    assert!(refusal.hint.unwrap().contains("--dead etcd-1 --dead etcd-2"));
    let plan = asked(&["etcd-1", "etcd-2"]).planned(&world, &cluster);
    assert_eq!(plan.parameters["host"], "etcd-3");
    assert!(saw(&plan, "dead").contains(RISING) && afterwards(&plan).contains(RISING));
}

#[test]
fn a_snapshot_does_not_take_the_place_of_v2_data_without_typed_consent() {
    let (world, cluster) = backed_up(V34);
    let _ = Asked::default().planned(&world, &cluster);
    world.hold_v2_data();
    let words = "data of the v2 API on etcd-1, etcd-2, etcd-3";
    let refusal = Asked::default().refused(&world, &cluster, words);
    assert_eq!(refusal.accept.as_deref(), Some("v2_data"));
    let accepted = Asked {
        accept: &["v2_data"],
        ..Asked::default()
    };
    let plan = accepted.planned(&world, &cluster);
    let typed = questions(&plan, &State::default()).pop().unwrap();
    assert!(typed.detail.iter().any(|line| line.contains(words)), "{typed:?}");
}

#[test]
fn whose_a_backup_is_is_not_guessed_when_no_member_answers() {
    let (world, cluster) = backed_up(V35);
    let mut id = None;
    world.change_backups(|all| {
        id = all[0].manifest.source.cluster_id;
        let mut other = all[0].clone();
        other.manifest.name = "other".to_owned();
        other.manifest.source.cluster_id = Some(Id(0xf00d));
        let mut strange = all[0].clone();
        strange.manifest.name = "strange".to_owned();
        strange.manifest.source.cluster_id = None;
        for member in &mut strange.manifest.content.members {
            member.name = format!("elsewhere-{}", member.name);
            member.peer_urls = vec![format!("http://{}:2380", member.name)];
        }
        all.extend([other, strange]);
    });
    for host in ["etcd-1", "etcd-2", "etcd-3"] {
        world.stop_etcd(host);
        world.wipe_data(host);
    }
    let remembered = || Remembered {
        cluster_id: id,
        ..Remembered::default()
    };
    let asked = |parameters| Asked {
        parameters,
        remembered: remembered(),
        ..Asked::default()
    };
    let plan = asked(json!({})).planned(&world, &cluster);
    assert_eq!(
        plan.parameters["backup"], "own",
        "what was seen before tells whose it is"
    );
    let refusal = asked(json!({"backup": "other"})).refused(&world, &cluster, "is of cluster f00d");
    assert_eq!(refusal.accept.as_deref(), Some("backup"));
    let words = "backup strange does not tell of which cluster it is";
    let refusal = asked(json!({"backup": "strange"})).refused(&world, &cluster, words);
    assert_eq!(refusal.accept.as_deref(), Some("backup"));
    let named = Asked {
        parameters: json!({"backup": "strange", "members": "etcd-1,etcd-2,etcd-3"}),
        accept: &["backup"],
        ..Asked::default()
    };
    let plan = named.planned(&world, &cluster);
    assert!(plan.requires.iter().any(|checked| checked.accepted));
    // One of its members was seen before: it is ours.
    let moved = Asked {
        parameters: json!({"backup": "strange", "members": "etcd-1,etcd-2,etcd-3"}),
        remembered: Remembered {
            members: vec![Member {
                id: Id(1),
                name: "etcd-1".to_owned(),
                peer_urls: vec!["http://elsewhere-etcd-1:2380".to_owned()],
                client_urls: Vec::new(),
                learner: false,
            }],
            ..remembered()
        },
        ..Asked::default()
    };
    assert!(
        !moved
            .planned(&world, &cluster)
            .requires
            .iter()
            .any(|checked| checked.accepted)
    );
}

#[test]
fn the_question_tells_of_passwords_and_of_keys_that_are_gone() {
    let (world, mut cluster) = backed_up(V35);
    let plain = loss(&Asked::default().planned(&world, &cluster));
    assert!(!plain.contains("passwords") && !plain.contains("Beware"), "{plain}");
    world.change_backups(|all| {
        let mut before = all[0].clone();
        before.manifest.name = "before".to_owned();
        before.manifest.taken -= jiff::SignedDuration::from_hours(1);
        before.manifest.content.keys = 1000;
        all[0].manifest.content.keys = 10;
        all[0].manifest.content.auth = true;
        all.insert(0, before);
    });
    let told = loss(&Asked::default().planned(&world, &cluster));
    for words in [
        "users and passwords are those of the backup again: etcdops will go without a log-in",
        "Beware: it holds 10 keys, and backup before before it",
        "1,000 keys: more than a fifth is gone",
    ] {
        assert!(told.contains(words), "{words}\n{told}");
    }
    cluster.auth.user = Some("root".to_owned());
    let told = loss(&Asked::default().planned(&world, &cluster));
    let words = "users and passwords are those of the backup again: etcdops will log in as root";
    assert!(told.contains(words), "{told}");
}
