//! `etcdops backups list|show|verify|prune|copy|add`: the library. It is on this machine; no member is asked for anything.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::settings::Settings;
use super::{Context, Exit, Failure};
use crate::base::duration::Span;
use crate::base::files::safe_name;
use crate::base::nearest::nearest;
use crate::call::library::Add;
use crate::call::{Call, CallError, LibraryAnswer, LibraryOp, Reply, To, Unwatched};
use crate::run::consent::{Answer, Ask, Question, QuestionKind};
use crate::snapshot::{Kept, Shelf, retention};
use crate::transport::Transport;
use crate::transport::real::RealTransport;
use crate::ui::prompt::Prompt;
use crate::ui::{backups_view, text};

/// Nothing here waits for a network.
const BOUND: Span = Span::seconds(60);

#[derive(Clone, Debug, clap::Args)]
pub struct BackupsArgs {
    #[command(subcommand)]
    pub what: BackupsCommand,
}

#[derive(Clone, Debug, clap::Subcommand)]
pub enum BackupsCommand {
    /// List the backups, newest first
    List,
    /// Show everything that is known about a backup
    Show {
        /// The backup (default: the newest)
        #[arg(value_name = "BACKUP")]
        backup: Option<String>,
    },
    /// Read every page of backups again, and record the proof
    Verify {
        /// The backups (default: the newest)
        #[arg(value_name = "BACKUP")]
        backups: Vec<String>,
        /// All of them
        #[arg(long, conflicts_with = "backups")]
        all: bool,
        /// Prove them also by starting a throw-away etcd from them
        #[arg(long)]
        boot: bool,
    },
    /// Remove the backups that the inventory's rules no longer keep
    Prune {
        /// Say what would go and what would stay, and why; remove nothing
        #[arg(long)]
        plan: bool,
        /// Agree without being asked
        #[arg(long, short = 'y')]
        yes: bool,
    },
    /// Copy a backup with its manifest to a folder
    Copy {
        /// The backup
        #[arg(value_name = "BACKUP")]
        backup: String,
        /// The folder
        #[arg(value_name = "FOLDER", value_hint = clap::ValueHint::DirPath)]
        folder: PathBuf,
    },
    /// Take in what others made: a snapshot of etcdctl, the `db` file or the whole data directory of a stopped member
    Add(AddArgs),
}

#[derive(Clone, Debug, clap::Args)]
pub struct AddArgs {
    /// The file, or the data directory (or its `member`); it is copied
    #[arg(value_name = "FILE|FOLDER", value_hint = clap::ValueHint::AnyPath)]
    pub file: PathBuf,
    /// What it is called in the library (default: its own name)
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Of a data directory: where its log is, if it is not in there
    #[arg(long, value_name = "FOLDER", value_hint = clap::ValueHint::DirPath)]
    pub wal_dir: Option<PathBuf>,
    /// The folder is what `etcdctl backup` made, for v2 data
    #[arg(long)]
    pub v2_backup: bool,
}

/// The library of the chosen cluster.
struct Desk<'a> {
    context: &'a Context,
    settings: Settings,
    transport: RealTransport,
}

pub async fn run(context: &Context, args: &BackupsArgs) -> Result<Exit, Failure> {
    let settings = context.settings().await?;
    let transport =
        RealTransport::of_cluster(&settings.cluster, None, None).map_err(|error| Failure::of(Exit::Usage, &error))?;
    let desk = Desk {
        context,
        settings,
        transport,
    };
    match &args.what {
        BackupsCommand::List => desk.list().await,
        BackupsCommand::Show { backup } => desk.show(backup.as_deref()).await,
        BackupsCommand::Verify { backups, all, boot } => desk.verify(backups, *all, *boot).await,
        BackupsCommand::Prune { plan, yes } => desk.prune(*plan, *yes).await,
        BackupsCommand::Copy { backup, folder } => desk.copy(backup, folder).await,
        BackupsCommand::Add(args) => desk.add(args).await,
    }
}

impl Desk<'_> {
    async fn perform(&self, op: LibraryOp) -> Result<LibraryAnswer, CallError> {
        let call = Call {
            to: To::Library(op),
            timeout: BOUND,
        };
        match self.transport.perform(&call, &Unwatched).await? {
            Reply::Library(answer) => Ok(answer),
            _ => Ok(LibraryAnswer::Done),
        }
    }

    async fn shelf(&self) -> Result<Shelf, Failure> {
        match self.perform(LibraryOp::List).await {
            Ok(LibraryAnswer::Shelf(found)) => Ok(found),
            Ok(_) => Ok(Shelf::default()),
            Err(error) => Err(Failure::of(Exit::Refused, &error)),
        }
    }

    /// The backup of this name, or of no other beginning; the newest where none is named.
    fn find<'s>(&self, library: &'s Shelf, name: Option<&str>) -> Result<&'s Kept, Failure> {
        let Some(name) = name else {
            return library.backups.first().ok_or_else(|| self.none());
        };
        if let Some(kept) = library.find(name) {
            return Ok(kept);
        }
        let mut begin = library
            .backups
            .iter()
            .filter(|kept| kept.manifest.name.starts_with(name));
        if let (Some(only), None) = (begin.next(), begin.next()) {
            return Ok(only);
        }
        let failure = Failure::usage(format!("there is no backup `{name}` of {}", self.settings.cluster.name));
        let names = library.backups.iter().map(|kept| kept.manifest.name.as_str());
        Err(match nearest(name, names) {
            Some(close) => failure.hint(format!("did you mean `{close}`?")),
            None => failure.hint("`etcdops backups list` shows what there is"),
        })
    }

    fn none(&self) -> Failure {
        Failure::usage(format!("the library has no backup of {}", self.settings.cluster.name))
            .hint("`etcdops backup` takes one, `etcdops backups add FILE` takes in what others made")
    }

    async fn list(&self) -> Result<Exit, Failure> {
        let found = self.shelf().await?;
        let ui = &self.context.ui;
        let cluster = &self.settings.cluster;
        if ui.is_json() {
            ui.json(&backups_view::list_json(cluster, &found));
        } else if found.backups.is_empty() {
            ui.say(&format!("The library has no backup of {}.", cluster.name));
            ui.hint("`etcdops backup` takes one");
        } else {
            let table = backups_view::table(&found.backups, self.context.now());
            ui.data(&table.render(ui.paint(), ui.screen.data_columns));
        }
        for (name, why) in &found.broken {
            ui.warn(&format!("backup {name} cannot be used: {why}"));
        }
        Ok(Exit::Done)
    }

    async fn show(&self, name: Option<&str>) -> Result<Exit, Failure> {
        let found = self.shelf().await?;
        let kept = self.find(&found, name)?;
        let ui = &self.context.ui;
        if ui.is_json() {
            ui.json(&backups_view::one_json(kept));
        } else {
            ui.data(&backups_view::one(kept));
        }
        Ok(Exit::Done)
    }

    async fn verify(&self, names: &[String], all: bool, boot: bool) -> Result<Exit, Failure> {
        let found = self.shelf().await?;
        let chosen: Vec<&Kept> = if all {
            found.backups.iter().collect()
        } else if names.is_empty() {
            vec![self.find(&found, None)?]
        } else {
            let chosen = names.iter().map(|name| self.find(&found, Some(name)));
            chosen.collect::<Result<_, _>>()?
        };
        if chosen.is_empty() {
            return Err(self.none());
        }
        let mut rows = Vec::new();
        for kept in chosen {
            let name = kept.manifest.name.clone();
            self.context.ui.status(Some(&format!("reads {name}")));
            let op = LibraryOp::Verify {
                name: name.clone(),
                boot,
                run: None,
            };
            let ended = self.perform(op).await;
            self.context.ui.status(None);
            rows.push((name, ended.err()));
        }
        self.tell_verified(&rows).await
    }

    async fn tell_verified(&self, rows: &[(String, Option<CallError>)]) -> Result<Exit, Failure> {
        let ui = &self.context.ui;
        let after = self.shelf().await?;
        let told = rows.iter().filter_map(|(name, _)| after.find(name));
        if ui.is_json() {
            ui.json(&json!({
                "schema": backups_view::LIST,
                "cluster": self.settings.cluster.name,
                "backups": told.map(backups_view::one_json).collect::<Vec<_>>(),
            }));
        } else {
            told.filter(|kept| kept.manifest.damage.is_none())
                .for_each(|kept| ui.say(&backups_view::proved(kept)));
        }
        let failed = rows.iter().filter_map(|(name, error)| Some((name, error.as_ref()?)));
        let is_damaged = |name: &str| after.find(name).is_none_or(|kept| kept.manifest.damage.is_some());
        let (damaged, unchecked): (Vec<_>, Vec<_>) = failed.partition(|(name, _)| is_damaged(name));
        let (what, hint) = match (damaged.len(), unchecked.len()) {
            (0, 0) => return Ok(Exit::Done),
            (0, open) => (
                format!("{} could not be checked", text::count(open, "backup")),
                "this says nothing about it, and nothing is recorded: put right what is in the way, then etcdops backups verify",
            ),
            (damaged, _) => (
                format!("{} cannot be trusted", text::count(damaged, "backup")),
                "take another one: etcdops backup",
            ),
        };
        let causes = damaged.into_iter().chain(unchecked);
        let failure = causes
            .map(|(name, error)| format!("{name}: {}", error.message))
            .fold(Failure::new(Exit::Failed, what), Failure::cause);
        Err(failure.hint(hint))
    }

    async fn prune(&self, plan: bool, yes: bool) -> Result<Exit, Failure> {
        let found = self.shelf().await?;
        let fates = retention::decide(&found.backups, &self.settings.cluster.backups.keep);
        let leaving: Vec<String> = fates
            .iter()
            .filter(|fate| !fate.keep)
            .map(|fate| fate.name.clone())
            .collect();
        let ui = &self.context.ui;
        if ui.is_json() {
            ui.json(&backups_view::fates_json(&self.settings.cluster, &fates));
        } else if fates.is_empty() {
            ui.say("There is nothing to prune.");
        } else {
            ui.data(&backups_view::fates(&fates).render(ui.paint(), ui.screen.data_columns));
        }
        if plan || leaving.is_empty() {
            return Ok(Exit::Done);
        }
        if !yes {
            self.agree(&leaving).await?;
        }
        self.perform(LibraryOp::Remove { names: leaving.clone() })
            .await
            .map_err(|error| Failure::of(Exit::Failed, &error))?;
        ui.say(&format!("{} removed.", text::count(leaving.len(), "backup")));
        Ok(Exit::Done)
    }

    async fn agree(&self, leaving: &[String]) -> Result<(), Failure> {
        let question = Question {
            text: format!("Remove {} for good?", text::count(leaving.len(), "backup")),
            detail: leaving.to_vec(),
            kind: QuestionKind::YesNo,
        };
        match Prompt::new(&self.context.ui).ask(&question).await {
            Answer::Yes => Ok(()),
            Answer::No | Answer::Unanswered => Err(Failure::new(Exit::Declined, "declined; nothing was removed")),
            Answer::NoTerminal => Err(
                Failure::refused("this needs consent, and there is no terminal to ask at")
                    .cause("nothing was removed")
                    .hint("`--yes` agrees without being asked"),
            ),
        }
    }

    async fn copy(&self, name: &str, folder: &Path) -> Result<Exit, Failure> {
        let found = self.shelf().await?;
        let kept = self.find(&found, Some(name))?;
        let op = LibraryOp::Copy {
            name: kept.manifest.name.clone(),
            to: folder.display().to_string(),
        };
        self.perform(op)
            .await
            .map_err(|error| Failure::of(Exit::Refused, &error))?;
        let copy = folder.join(&kept.manifest.name);
        self.context
            .ui
            .say(&format!("Copied to {}, its SHA-256 is right.", copy.display()));
        Ok(Exit::Done)
    }

    async fn add(&self, args: &AddArgs) -> Result<Exit, Failure> {
        let name = args.name.clone().unwrap_or_else(|| own_name(&args.file));
        let add = Add {
            name: name.clone(),
            from: args.file.display().to_string(),
            wal_dir: args.wal_dir.as_ref().map(|folder| folder.display().to_string()),
            v2_backup: args.v2_backup,
        };
        self.perform(LibraryOp::Add(add)).await.map_err(|error| {
            Failure::of(Exit::Refused, &error).hint("nothing was added; `etcdops backups list` shows what there is")
        })?;
        let found = self.shelf().await?;
        if let Some(kept) = found.find(&name) {
            self.context.ui.say(&backups_view::proved(kept));
            let from_a_member = kept.manifest.form == crate::snapshot::Form::Database;
            if from_a_member {
                self.context.ui.warn(
                    "a bare database: if it was copied while etcd ran, its last changes may be missing; a restore skips its hash check",
                );
            }
        }
        Ok(Exit::Done)
    }
}

/// What a file is called in the library; of a `member` folder the data directory counts.
pub(super) fn own_name(file: &Path) -> String {
    let whole = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let named = match whole.file_name() {
        Some(name) if name == "member" && file.is_dir() => whole.parent().unwrap_or(&whole),
        _ => &whole,
    };
    safe_name(&named.file_stem().unwrap_or_default().to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_becomes_a_name() {
        for (file, name) in [
            ("/x/snap-1.db", "snap-1"),
            ("a b.db", "a_b"),
            ("db", "db"),
            (".hidden", "_.hidden"),
        ] {
            assert_eq!(own_name(Path::new(file)), name);
        }
    }
}
