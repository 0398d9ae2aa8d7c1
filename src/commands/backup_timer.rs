//! `etcdops backup --install-timer TIME` and `--remove-timer`: backups that nobody has to remember, by this machine's systemd.

mod units;

use std::path::{Path, PathBuf};
use std::time::Duration;

use etcetera::BaseStrategy;
use serde_json::json;

use super::act::ActOptions;
use super::settings::{PasswordSource, Settings};
use super::{Context, Exit, Failure};
use crate::base::duration::Span;
use crate::base::files;
use crate::base::quote::{join, quote};
use crate::run::consent::{Answer, Ask, Question, QuestionKind};
use crate::transport::process;
use crate::ui::prompt::Prompt;
use units::Job;

/// Names the form of `-o json`.
const SCHEMA: &str = "etcdops/backup-timer/v1";
const BOUND: Duration = Duration::from_secs(60);
/// Where systemd says that it runs this machine.
const BOOTED: &str = "/run/systemd/system";
const FOLDER: &str = "/etc/systemd/system";
/// What tells etcdops where its things are.
const FOLDERS: [&str; 5] = [
    "HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
];

/// What is to be done on this machine.
struct Work {
    /// The units' name, without its ending.
    name: String,
    of_user: bool,
    files: Vec<UnitFile>,
    commands: Vec<Vec<String>>,
}

struct UnitFile {
    path: PathBuf,
    now: Option<String>,
    /// `None`: it goes.
    wanted: Option<String>,
}

impl UnitFile {
    fn at(path: PathBuf, wanted: Option<String>) -> Self {
        let now = std::fs::read_to_string(&path).ok();
        Self { path, now, wanted }
    }

    fn fate(&self) -> &'static str {
        match (&self.now, &self.wanted) {
            (None, Some(_)) => "write",
            (Some(now), Some(wanted)) if now == wanted => "keep",
            (Some(_), Some(_)) => "change",
            (Some(_), None) => "remove",
            (None, None) => "none",
        }
    }
}

pub async fn install(context: &Context, every: Span, boot: bool, options: &ActOptions) -> Result<Exit, Failure> {
    let settings = context.settings().await?;
    unattended(&settings)?;
    let of_user = !rustix::process::geteuid().is_root();
    let job = job(context, &settings, (every, boot), of_user)?;
    let units = job
        .units()
        .map_err(|why| Failure::usage(why).cause("nothing was changed"))?;
    let name = units::name(&settings.cluster.name);
    let timer = format!("{name}.timer");
    let work = Work {
        files: files(&name, of_user, [Some(units.service), Some(units.timer)])?,
        commands: vec![
            systemctl(of_user, &["daemon-reload"]),
            systemctl(of_user, &["enable", "--quiet", &timer]),
            systemctl(of_user, &["restart", &timer]),
        ],
        name,
        of_user,
    };
    let question = format!("Back up {} every {every} by this timer?", settings.cluster.name);
    if !agreed(context, &work, options, &question).await? {
        return Ok(Exit::Done);
    }
    work.carry_out().await?;
    work.tell_installed(context, every, &settings.cluster.name).await;
    Ok(Exit::Done)
}

pub async fn remove(context: &Context, options: &ActOptions) -> Result<Exit, Failure> {
    let settings = context.settings().await?;
    let of_user = !rustix::process::geteuid().is_root();
    let name = units::name(&settings.cluster.name);
    let files = files(&name, of_user, [None, None])?;
    let timer = format!("{name}.timer");
    // systemd knows nothing of a timer whose file is gone already.
    let words: &[&str] = if files.iter().all(|file| file.now.is_some()) {
        &["disable", "--quiet", "--now", &timer]
    } else {
        &["daemon-reload"]
    };
    let work = Work {
        commands: vec![systemctl(of_user, words), systemctl(of_user, &["daemon-reload"])],
        files,
        name,
        of_user,
    };
    if work.files.iter().all(|file| file.now.is_none()) {
        context
            .ui
            .say(&format!("There is no timer for backups of {}.", settings.cluster.name));
        return Ok(Exit::Done);
    }
    let question = format!("Take the timer for backups of {} away?", settings.cluster.name);
    if !agreed(context, &work, options, &question).await? {
        return Ok(Exit::Done);
    }
    work.carry_out().await?;
    context.ui.say(&format!(
        "{}.timer is gone; backups of {} are taken by hand again.",
        work.name, settings.cluster.name
    ));
    Ok(Exit::Done)
}

/// Whether a backup needs nobody to ask and nothing that only this shell has.
fn unattended(settings: &Settings) -> Result<(), Failure> {
    let refused = |what: String| Failure::usage(what).cause("a timer has nobody to ask; nothing was changed");
    match &settings.password {
        PasswordSource::NotNeeded => {}
        PasswordSource::File(path, _) => {
            files::read_private_secret(path).map_err(|error| Failure::of(Exit::Usage, &error))?;
        }
        PasswordSource::Known(_, origin) => {
            let what = format!("the password stands in {origin}, which the timer will not have");
            return Err(refused(what).hint("put it into a file of mode 600, and give `--password-file FILE`"));
        }
        PasswordSource::Ask => {
            let user = settings.cluster.auth.user.as_deref().unwrap_or_default();
            let what = format!("the password of the etcd user {user} would have to be asked for");
            return Err(refused(what).hint("put it into a file of mode 600, and give `--password-file FILE`"));
        }
    }
    match settings.origins.variables().next() {
        None => Ok(()),
        Some((path, variable)) => Err(refused(format!(
            "`{path}` comes from ${variable}, which the timer will not have"
        ))
        .hint("put it into the inventory, or give it as a flag")),
    }
}

/// The same words as these, less what only concerns the timer; paths so that they hold from everywhere.
fn job(context: &Context, settings: &Settings, (every, boot): (Span, bool), of_user: bool) -> Result<Job, Failure> {
    let here = |path: &Path| {
        let whole = std::path::absolute(path)
            .map_err(|error| Failure::usage(format!("where is {}?", path.display())).cause(error.to_string()))?;
        whole
            .to_str()
            .map(str::to_owned)
            .ok_or_else(|| Failure::usage(format!("{} is not UTF-8, which no unit can say", whole.display())))
    };
    let program = std::env::current_exe()
        .map_err(|error| Failure::refused("where is etcdops itself?").cause(error.to_string()))?;
    let mut argv = vec![here(&program)?];
    let mut say = |flag: &str, value: String| argv.extend([flag.to_owned(), value]);
    let global = &context.global;
    if let Some(file) = &settings.file {
        say("--config", here(Path::new(file))?);
        say("--cluster", settings.cluster.name.clone());
    }
    let files = [
        ("--cacert", &global.cacert),
        ("--cert", &global.cert),
        ("--key", &global.key),
        ("--password-file", &global.password_file),
    ];
    for (flag, path) in files {
        if let Some(path) = path {
            say(flag, here(path)?);
        }
    }
    let endpoints = (!global.endpoints.is_empty()).then(|| global.endpoints.join(","));
    let words = [
        ("--endpoints", endpoints),
        ("--discovery-srv", global.discovery_srv.clone()),
        ("--discovery-srv-name", global.discovery_srv_name.clone()),
        ("--user", global.user.clone()),
        ("--timeout", global.timeout.map(|span| span.to_string())),
    ];
    for (flag, word) in words {
        if let Some(word) = word {
            say(flag, word);
        }
    }
    argv.extend(["backup", "--yes"].map(str::to_owned));
    let around = context.surroundings().environment;
    let mut kept = FOLDERS.to_vec();
    if boot {
        argv.push("--boot".to_owned());
        kept.push("PATH");
    }
    let environment = kept
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), around.get(name)?.to_owned())));
    Ok(Job {
        cluster: settings.cluster.name.clone(),
        every,
        argv,
        environment: environment.collect(),
        of_user,
    })
}

/// Service and timer, as they are and as they shall be.
fn files(name: &str, of_user: bool, wanted: [Option<String>; 2]) -> Result<Vec<UnitFile>, Failure> {
    let folder = if of_user {
        etcetera::choose_base_strategy()
            .map_err(|error| Failure::refused("where is your home folder?").cause(error.to_string()))?
            .config_dir()
            .join("systemd/user")
    } else {
        PathBuf::from(FOLDER)
    };
    let endings = ["service", "timer"].into_iter().zip(wanted);
    Ok(endings
        .map(|(ending, wanted)| UnitFile::at(folder.join(format!("{name}.{ending}")), wanted))
        .collect())
}

fn systemctl(of_user: bool, words: &[&str]) -> Vec<String> {
    let user = if of_user { &["--user"][..] } else { &[] };
    [&["systemctl"], user, words]
        .concat()
        .into_iter()
        .map(str::to_owned)
        .collect()
}

/// Shows what is to be done; `false`: that was all that was asked.
async fn agreed(context: &Context, work: &Work, options: &ActOptions, question: &str) -> Result<bool, Failure> {
    if options.plan_out.is_some() || !options.accept.is_empty() || !options.dead.is_empty() {
        return Err(Failure::usage("a timer takes of these flags only --plan and --yes"));
    }
    let ui = &context.ui;
    let only = options.plan || options.manual;
    if ui.is_json() {
        ui.json(&work.json());
    } else if only {
        ui.data(&work.text());
    } else {
        ui.talk(&work.text());
    }
    if only {
        return Ok(false);
    }
    if !Path::new(BOOTED).exists() {
        return Err(
            Failure::refused("systemd does not run this machine; nothing was changed")
                .hint("let cron call `etcdops backup --yes`: its exit code and its output tell how it ended"),
        );
    }
    if options.yes {
        return Ok(true);
    }
    let question = Question {
        text: question.to_owned(),
        detail: Vec::new(),
        kind: QuestionKind::YesNo,
    };
    match Prompt::new(ui).ask(&question).await {
        Answer::Yes => Ok(true),
        Answer::No | Answer::Unanswered => Err(Failure::new(Exit::Declined, "declined; nothing was changed")),
        Answer::NoTerminal => Err(
            Failure::refused("this needs consent, and there is no terminal to ask at")
                .cause("nothing was changed")
                .hint("read it with --plan, then give --yes"),
        ),
    }
}

impl Work {
    fn text(&self) -> String {
        let mut text = String::new();
        for file in &self.files {
            let path = file.path.display();
            match (file.fate(), &file.wanted) {
                ("keep", _) => text.push_str(&format!("{path} is as it shall be.\n\n")),
                (fate, Some(wanted)) => {
                    let body: Vec<String> = wanted
                        .lines()
                        .map(|line| format!("    {line}").trim_end().to_owned())
                        .collect();
                    text.push_str(&format!("{fate} {path}:\n{}\n\n", body.join("\n")));
                }
                (_, None) => text.push_str(&format!("remove {path}\n")),
            }
        }
        text.push_str("then:\n");
        for command in &self.commands {
            text.push_str(&format!("    {}\n", join(command)));
        }
        text.trim_end().to_owned()
    }

    fn json(&self) -> serde_json::Value {
        let files = self
            .files
            .iter()
            .map(|file| json!({ "path": file.path.display().to_string(), "do": file.fate(), "content": file.wanted }));
        json!({
            "schema": SCHEMA,
            "name": self.name,
            "files": files.collect::<Vec<_>>(),
            "commands": self.commands,
        })
    }

    /// Files that shall be are there before systemd is told; those that shall go, go when their timer no longer runs.
    async fn carry_out(&self) -> Result<(), Failure> {
        let written = |error: files::FileError| {
            Failure::of(Exit::Failed, &error).hint("the same command again goes on from here")
        };
        for file in &self.files {
            if let (Some(wanted), true) = (&file.wanted, matches!(file.fate(), "write" | "change")) {
                files::write_public(&file.path, wanted.as_bytes()).map_err(written)?;
            }
        }
        for (nth, command) in self.commands.iter().enumerate() {
            let argv: Vec<&str> = command.iter().map(String::as_str).collect();
            let failed = |why: String| {
                Failure::new(Exit::Failed, format!("`{}` did not work", join(command)))
                    .cause(why)
                    .hint(if self.of_user {
                        "is this a session of systemd? `loginctl enable-linger` makes one that stays"
                    } else {
                        "the same command again goes on from here"
                    })
            };
            let ended = process::run(&argv, &[], BOUND)
                .await
                .map_err(|error| failed(error.to_string()))?;
            if ended.code != Some(0) {
                return Err(failed(ended.stderr.trim().to_owned()));
            }
            if nth == 0 {
                for file in self
                    .files
                    .iter()
                    .filter(|file| file.wanted.is_none() && file.now.is_some())
                {
                    files::remove(&file.path).map_err(written)?;
                }
            }
        }
        Ok(())
    }

    async fn tell_installed(&self, context: &Context, every: Span, cluster: &str) {
        let ui = &context.ui;
        ui.say(&format!("{cluster} is backed up every {every} by {}.timer.", self.name));
        let user = if self.of_user { "--user " } else { "" };
        let service = quote(&format!("{}.service", self.name));
        ui.say(&format!("  begin one now:    systemctl {user}start {service}"));
        ui.say(&format!("  how it went:      journalctl {user}-u {service}"));
        ui.say(&format!(
            "  when it is next:  systemctl {user}list-timers {}",
            quote(&format!("{}.timer", self.name))
        ));
        let asked = ["loginctl", "show-user", "--property=Linger", "--value"];
        let uid = rustix::process::geteuid().as_raw().to_string();
        let asked = [&asked[..], &[uid.as_str()]].concat();
        let lingers = async {
            let said = process::run(&asked, &[], BOUND).await.ok()?;
            Some(said.stdout.trim() == "yes")
        };
        if self.of_user && lingers.await != Some(true) {
            ui.warn("your timers run only while you are logged in");
            ui.hint("loginctl enable-linger");
        }
    }
}
