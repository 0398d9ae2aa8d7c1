use super::*;
use crate::base::files::write_private;
use crate::base::secret::Secret;
use crate::cluster::host::{ServiceKind, Shell};
use crate::commands::Exit;
use clap::Parser;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

#[derive(Parser)]
struct Words {
    #[command(flatten)]
    global: GlobalOptions,
}

/// A folder with an inventory, variables and no user files.
struct World {
    folder: tempfile::TempDir,
    around: Surroundings,
}

impl World {
    fn new(inventory: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let around = Surroundings {
            environment: Environment::default(),
            home: Some(folder.path().to_owned()),
            places: vec![folder.path().join("none.yaml"), folder.path().join("etcdops.yaml")],
            playground: Some(folder.path().join("playground/inventory.yaml")),
            backups: folder.path().join("backups"),
            colour: false,
            columns: None,
        };
        let world = Self { folder, around };
        if !inventory.is_empty() {
            world.write("etcdops.yaml", inventory);
        }
        world
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        crate::base::files::create_private_dir(path.parent().unwrap()).unwrap();
        write_private(&path, text.as_bytes()).unwrap();
        path
    }

    fn with(mut self, variables: &[(&str, &str)]) -> Self {
        let pairs = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.around.environment = Environment::from_pairs(pairs);
        self
    }

    fn resolve(&self, words: &[&str]) -> Result<Settings, Failure> {
        let words = ["etcdops"].into_iter().chain(words.iter().copied());
        let global = Words::try_parse_from(words).unwrap().global;
        wait(resolve(&global, &self.around))
    }

    fn fail(&self, words: &[&str]) -> (Exit, String) {
        let failure = self.resolve(words).unwrap_err();
        let exhibit = failure.exhibit.unwrap_or_default();
        let causes = failure.causes.join(" / ");
        let hint = failure.hint.unwrap_or_default();
        (failure.exit, format!("{exhibit}{} / {causes} / {hint}", failure.what))
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(future)
}

const ONE: &str = "\
clusters:
  one:
    endpoints: [https://a:2379, https://b:2379]
    tls: {ca: /file-ca}
    auth: {user: root, password_file: secret}
    data_dir: /var/lib/etcd/one
";
const TWO: &str = "\
clusters:
  tools-k8s: {endpoints: [https://a:2379]}
  toolsbeta: {endpoints: [https://b:2379]}
";

#[test]
fn the_only_cluster_is_taken_and_else_one_must_be_named() {
    assert_eq!(World::new(ONE).resolve(&[]).unwrap().cluster.name, "one");
    let two = World::new(TWO);
    assert_eq!(
        two.resolve(&["--cluster", "toolsbeta"]).unwrap().cluster.name,
        "toolsbeta"
    );
    let (exit, text) = two.fail(&[]);
    assert_eq!(exit, Exit::Usage);
    assert!(
        text.contains("tools-k8s, toolsbeta") && text.contains("--cluster"),
        "{text}"
    );
    let (exit, text) = two.fail(&["--cluster", "tool-k8s"]);
    assert_eq!(exit, Exit::Usage);
    assert!(text.contains("did you mean `--cluster tools-k8s`?"), "{text}");
    let (_, text) = World::new("").fail(&[]);
    assert!(text.contains("--endpoints") && text.contains("etcdops.yaml"), "{text}");
    let (_, text) = World::new("").fail(&["--cluster", "x"]);
    assert!(text.contains("no cluster `x`"), "{text}");
    let by_variable = World::new(TWO).with(&[("ETCDOPS_CLUSTER", "toolsbeta")]);
    assert_eq!(by_variable.resolve(&[]).unwrap().cluster.name, "toolsbeta");
}

#[test]
fn endpoints_alone_are_enough() {
    let settings = World::new("")
        .resolve(&["--endpoints", "etcd-1:2379,http://[::1]:2379"])
        .unwrap();
    assert_eq!(settings.cluster.endpoints, ["http://etcd-1:2379", "http://[::1]:2379"]);
    assert_eq!(settings.cluster.name, "etcd-1");
    assert_eq!(settings.cluster.hosts.len(), 2);
    assert!(matches!(&settings.cluster.hosts[1].shell, Shell::Ssh { destination, .. } if destination == "::1"));
    let settings = World::new("")
        .resolve(&["--endpoints", "etcd-1:2379", "--cacert", "ca.pem"])
        .unwrap();
    assert_eq!(settings.cluster.endpoints, ["https://etcd-1:2379"]);
    let world = World::new("").with(&[("ETCDCTL_ENDPOINTS", "http://c:1, http://d:1")]);
    assert_eq!(
        world.resolve(&[]).unwrap().cluster.endpoints,
        ["http://c:1", "http://d:1"]
    );
}

#[test]
fn flags_win_over_our_variables_over_etcdctls_over_the_file() {
    let variables = [
        ("ETCDOPS_CACERT", "/ops-ca"),
        ("ETCDCTL_CACERT", "/ctl-ca"),
        ("ETCDCTL_CERT", "/ctl-cert"),
        ("ETCDCTL_KEY", "/ctl-key"),
        ("ETCDOPS_TIMEOUT", "7s"),
        ("ETCDOPS_USER", ""),
    ];
    let world = World::new(ONE).with(&variables);
    let settings = world.resolve(&["--cert", "/flag-cert"]).unwrap();
    let tls = &settings.cluster.tls;
    let shown = |path: &Option<PathBuf>| path.as_ref().unwrap().display().to_string();
    assert_eq!(
        [shown(&tls.ca), shown(&tls.cert), shown(&tls.key)],
        ["/ops-ca", "/flag-cert", "/ctl-key"]
    );
    let origin = |key: &str| settings.origins.of(key).to_string();
    assert_eq!(origin("tls.ca"), "$ETCDOPS_CACERT");
    assert_eq!(origin("tls.cert"), "--cert");
    assert_eq!(origin("tls.key"), "$ETCDCTL_KEY");
    assert!(
        origin("auth.user").ends_with("etcdops.yaml:5"),
        "{}",
        origin("auth.user")
    );
    assert_eq!(
        (settings.look_timeout(), settings.cluster.call_timeout),
        (Span::seconds(7), Span::seconds(7))
    );
    let settings = world.resolve(&["--timeout", "3s"]).unwrap();
    assert_eq!(settings.look_timeout(), Span::seconds(3));
    let plain = World::new(ONE).resolve(&[]).unwrap();
    assert_eq!(
        (plain.look_timeout(), plain.cluster.call_timeout),
        (DEFAULT_LOOK, Span::seconds(5))
    );
}

#[test]
fn endpoints_choose_the_cluster_that_they_belong_to_and_no_other() {
    let world = World::new(TWO);
    assert_eq!(
        world.resolve(&["--endpoints", "b:2379"]).unwrap().cluster.name,
        "toolsbeta"
    );
    let other = World::new(ONE)
        .resolve(&["--endpoints", "https://elsewhere:2379"])
        .unwrap();
    assert_eq!((other.cluster.name.as_str(), other.cluster.tls.ca), ("elsewhere", None));
    let named = World::new(ONE)
        .resolve(&["--cluster", "one", "--endpoints", "c:2379"])
        .unwrap();
    assert_eq!(named.cluster.endpoints, ["https://c:2379"]);
    assert_eq!(named.cluster.hosts[0].data_dir.as_deref(), Some("/var/lib/etcd/one"));
    let world = World::new(ONE).with(&[("ETCDCTL_ENDPOINTS", "http://elsewhere:1")]);
    let settings = world.resolve(&[]).unwrap();
    assert_eq!(settings.cluster.name, "elsewhere");
    assert!(settings.notes[0].contains("$ETCDCTL_ENDPOINTS"), "{:?}", settings.notes);
}

#[test]
fn malformed_flags_and_variables_say_which() {
    for (words, variables, part) in [
        (
            &["--endpoints", "https://a"][..],
            &[][..],
            "--endpoints: `https://a` has no port",
        ),
        (&["--endpoints=-oProxyCommand=x:1"], &[], "`-`"),
        (&[], &[("ETCDCTL_ENDPOINTS", "http://a b:1")], "$ETCDCTL_ENDPOINTS"),
        (&["--endpoints", "a:1", "--discovery-srv", "x"], &[], "both given"),
        (
            &["--endpoints", "a:1", "--discovery-srv-name", "x"],
            &[],
            "without a domain",
        ),
        (&["--cert", "/x"], &[], "--key FILE"),
        (&["--key", "/x"], &[], "--cert FILE"),
        (&["--timeout", "0s"], &[], "--timeout is zero"),
        (&[], &[("ETCDOPS_TIMEOUT", "soon")], "$ETCDOPS_TIMEOUT"),
        (&["--discovery-srv", "a b"], &[], "white space"),
        (
            &["--discovery-srv", "x.test"],
            &[("ETCDOPS_RESOLVER", "nowhere")],
            "$ETCDOPS_RESOLVER",
        ),
        (&["--config", "/nonexistent/etcdops.yaml"], &[], "--config names it"),
    ] {
        let (exit, text) = World::new(ONE).with(variables).fail(words);
        assert_eq!(exit, Exit::Usage, "{text}");
        assert!(text.contains(part), "{words:?}: {text}");
    }
}

#[test]
fn a_broken_inventory_is_shown_whole() {
    let (exit, text) = World::new("clusters:\n  c: {endpoint: [x], api: dirct}\n").fail(&[]);
    assert_eq!(exit, Exit::Usage);
    assert!(
        text.contains("has 3 mistakes") || text.contains("has 2 mistakes"),
        "{text}"
    );
    assert!(
        text.contains("did you mean `endpoints`?") && text.contains("did you mean `direct`?"),
        "{text}"
    );
    assert!(text.contains("etcdops.yaml:2:"), "{text}");
    let world = World::new("");
    let path = world.write("latin", "");
    write_private(&path, b"clusters: \xe9").unwrap();
    let (_, text) = world.fail(&["--config", path.to_str().unwrap()]);
    assert!(text.contains("UTF-8"), "{text}");
}

fn password(settings: &Settings) -> Result<String, String> {
    let asked = async |_: &str| Some(Secret::new("typed".to_owned()));
    match wait(settings.credentials(asked)) {
        Ok(Some(found)) => Ok(format!("{}:{}", found.user, found.password.expose())),
        Ok(None) => Ok(String::new()),
        Err(failure) => Err(format!("{} {}", failure.what, failure.hint.unwrap_or_default())),
    }
}

#[test]
fn passwords_come_from_files_variables_or_a_question() {
    let world = World::new(ONE);
    world.write("secret", "from-file\n");
    assert_eq!(password(&world.resolve(&[]).unwrap()).unwrap(), "root:from-file");
    let other = world.resolve(&["--user", "bob"]).unwrap();
    assert_eq!(password(&other).unwrap(), "bob:typed");
    let given = world.write("given", "given\n");
    let given = world
        .resolve(&["--user", "bob", "--password-file", given.to_str().unwrap()])
        .unwrap();
    assert_eq!(password(&given).unwrap(), "bob:given");
    for (variables, expected) in [
        (&[("ETCDCTL_USER", "u:p:q")][..], "u:p:q"),
        (&[("ETCDCTL_USER", "u"), ("ETCDCTL_PASSWORD", "pw")], "u:pw"),
        (&[("ETCDOPS_PASSWORD", "ops"), ("ETCDCTL_PASSWORD", "ctl")], "root:ops"),
        (&[("ETCDOPS_USER", "v"), ("ETCDCTL_USER", "u:p")], "v:typed"),
    ] {
        let world = World::new(ONE).with(variables);
        assert_eq!(password(&world.resolve(&[]).unwrap()).unwrap(), expected);
    }
    let nobody = World::new(TWO).resolve(&["--cluster", "toolsbeta"]).unwrap();
    assert_eq!(password(&nobody).unwrap(), "");
}

#[test]
fn a_password_on_the_command_line_is_refused_and_not_repeated() {
    let (exit, text) = World::new(ONE).fail(&["--user", "root:hunter2"]);
    assert_eq!(exit, Exit::Usage);
    assert!(
        text.contains("--password-file") && text.contains("ETCDOPS_PASSWORD"),
        "{text}"
    );
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn an_open_password_file_is_refused_and_no_terminal_is_told() {
    let world = World::new(ONE);
    let path = world.write("secret", "x\n");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = password(&world.resolve(&[]).unwrap()).unwrap_err();
    assert!(error.contains("chmod 600"), "{error}");
    let settings = world.resolve(&["--user", "bob"]).unwrap();
    let failure = wait(settings.credentials(async |_: &str| None)).unwrap_err();
    assert_eq!(failure.exit, Exit::Refused);
    assert!(failure.hint.unwrap().contains("--password-file"));
}

#[test]
fn settings_never_print_a_secret() {
    let world = World::new(ONE).with(&[("ETCDCTL_USER", "u:hunter2"), ("ETCDOPS_PASSWORD", "hunter3")]);
    let text = format!("{:?}", world.resolve(&[]).unwrap());
    assert!(!text.contains("hunter"), "{text}");
}

#[test]
fn a_playground_is_one_more_cluster_looked_at_last() {
    let text = "\
clusters:
  playground:
    endpoints: [http://127.0.0.1:21]
    service: {kind: process, unit: etcd}
    ssh: {local: true, become: none}
    hosts:
      etcd-1: {client_url: http://127.0.0.1:21, data_dir: /p/data, service: {process_dir: /p}}
";
    let world = World::new("");
    world.write("playground/inventory.yaml", text);
    let settings = world.resolve(&[]).unwrap();
    assert_eq!(settings.cluster.name, "playground");
    let host = &settings.cluster.hosts[0];
    assert_eq!((&host.shell, host.service.kind), (&Shell::Local, ServiceKind::Process));
    assert_eq!(host.service.process_dir.as_deref(), Some(Path::new("/p")));
    assert_eq!(host.service.env_file.as_deref(), Some("/p/env"));
    world.write("etcdops.yaml", ONE);
    assert_eq!(world.resolve(&[]).unwrap().cluster.name, "one");
    assert_eq!(
        world.resolve(&["--cluster", "playground"]).unwrap().cluster.name,
        "playground"
    );
    world.write("playground/inventory.yaml", "nonsense: 1\n");
    let settings = world.resolve(&[]).unwrap();
    assert!(
        settings.notes[0].contains("playground is left out"),
        "{:?}",
        settings.notes
    );
}

#[test]
fn skipping_verification_is_not_honoured_and_said() {
    let world = World::new(ONE).with(&[("ETCDCTL_INSECURE_SKIP_TLS_VERIFY", "true")]);
    assert!(world.resolve(&[]).unwrap().notes[0].contains("not honoured"));
}

#[test]
fn the_playgrounds_own_inventory_reads_as_what_it_runs() {
    use crate::playground::{layout, state::State};
    let root = tempfile::tempdir().unwrap();
    let version = crate::cluster::version::Version::new(3, 5, 30);
    let created = "2026-11-20T13:00:00Z".parse().unwrap();
    let state = State::new("/opt/etcd".into(), version, created, &[21, 22, 23, 24, 25, 26], 2);
    layout::write_inventory(root.path(), &state).unwrap();
    let bytes = std::fs::read(layout::inventory_path(root.path())).unwrap();
    let name = layout::inventory_path(root.path()).display().to_string();
    let source = crate::base::yaml::Source::from_bytes(&name, &bytes).unwrap();
    let inventory = Inventory::load(&source).unwrap();
    let read = &inventory.cluster(layout::CLUSTER).unwrap().config;
    assert_eq!(*read, layout::cluster_config(root.path(), &state));
}

#[test]
fn a_run_of_another_bastion_is_carried_on_with_the_files_of_this_one() {
    let inventory = |folder: &str, host: &str| {
        let text = format!(
            "clusters:\n  c:\n    endpoints: [https://{host}:2379]\n    tls: {{ca: {folder}/ca, cert: {folder}/c, key: {folder}/k}}\n    ssh: {{config: {folder}/ssh}}\n    hosts: {{{host}: {{}}}}\n"
        );
        let source = crate::base::yaml::Source::new("inventory", text);
        let inventory = crate::cluster::inventory::Inventory::load(&source).unwrap();
        inventory.cluster("c").unwrap().config.clone()
    };
    let (theirs, ours) = (inventory("/theirs", "etcd-1"), inventory("/ours", "etcd-1"));
    assert_ne!(theirs, ours);
    assert_eq!(here(&theirs, &ours), ours);
    let moved = here(&theirs, &inventory("/ours", "etcd-9"));
    assert_eq!(moved.endpoints, theirs.endpoints, "what was agreed to stays");
    let other = ClusterConfig {
        name: "other".to_owned(),
        ..ours
    };
    assert_eq!(here(&theirs, &other), theirs);
}
