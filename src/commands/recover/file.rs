//! A backup that is given as a file: found in the library, taken into it, or only looked at.

use std::fs::File;
use std::path::Path;

use super::super::act::ActOptions;
use super::super::backups::own_name;
use super::super::{Context, Exit, Failure};
use super::ADDING;
use crate::base::hash::sha256_reader;
use crate::base::quote::quote;
use crate::call::library::Add;
use crate::call::{Call, LibraryOp, To, Unwatched};
use crate::cluster::host::ClusterConfig;
use crate::snapshot::{Kept, Shelf};
use crate::transport::Transport;
use crate::transport::library::preview as described;

/// The name of the backup that has the content of this file, if the library has it.
pub(super) fn known(shelf: &Shelf, file: &Path) -> Result<Option<String>, Failure> {
    let name = own_name(file);
    let whole = std::fs::metadata(file).ok().filter(std::fs::Metadata::is_file);
    let taken = shelf.find(&name).is_some();
    let Some(whole) = whole else {
        return if taken { Err(another(file, &name)) } else { Ok(None) };
    };
    let alike: Vec<&Kept> = shelf
        .backups
        .iter()
        .filter(|kept| kept.manifest.size == whole.len())
        .collect();
    let mut found = None;
    if !alike.is_empty() {
        let digest = File::open(file).and_then(sha256_reader).map_err(|error| {
            let text = format!("{} cannot be read: {error}", file.display());
            Failure::refused(text).cause("nothing was changed")
        })?;
        let same = |kept: &&&Kept| kept.manifest.sha256 == digest.0;
        let own = |kept: &&&Kept| kept.manifest.name == name;
        found = alike.iter().filter(same).find(own).or_else(|| alike.iter().find(same));
    }
    match found {
        Some(kept) => Ok(Some(kept.manifest.name.clone())),
        None if taken => Err(another(file, &name)),
        None => Ok(None),
    }
}

fn another(file: &Path, name: &str) -> Failure {
    let shown = quote(&file.display().to_string());
    Failure::refused(format!("the library has another backup that is called {name}"))
        .cause("nothing was changed")
        .hint(format!(
            "etcdops backups add {shown} --name OTHER, then etcdops recover --from-backup OTHER"
        ))
}

/// It comes into the library, where it is read and verified. Its name there.
pub(super) async fn taken_in(context: &Context, transport: &dyn Transport, file: &Path) -> Result<String, Failure> {
    let name = own_name(file);
    let add = Add {
        name: name.clone(),
        from: file.display().to_string(),
        ..Add::default()
    };
    let call = Call {
        to: To::Library(LibraryOp::Add(add)),
        timeout: ADDING,
    };
    let added = transport.perform(&call, &Unwatched).await;
    added.map_err(|error| {
        Failure::of(Exit::Refused, &error).hint("nothing was changed; `etcdops backups list` shows what there is")
    })?;
    context
        .ui
        .say(&format!("{} is in the library as {name}.", file.display()));
    Ok(name)
}

/// What the library would have of it. Nothing is written; a plan that is kept in a file needs the backup in the library.
pub(super) fn preview(
    context: &Context,
    cluster: &ClusterConfig,
    options: &ActOptions,
    file: &Path,
) -> Result<Kept, Failure> {
    let shown = quote(&file.display().to_string());
    let name = own_name(file);
    if options.plan_out.is_some() {
        return Err(Failure::refused(format!(
            "{} is not in the library, and a plan that is kept needs it there",
            file.display()
        ))
        .cause("nothing was changed")
        .hint(format!(
            "etcdops backups add {shown}, then the same with --from-backup {name}"
        )));
    }
    let kept = described(file, &name, &cluster.name)
        .map_err(|error| Failure::of(Exit::Refused, &error).hint("nothing was changed"))?;
    context.ui.say(&format!(
        "{} is not in the library yet: without --plan it is added first, as {name}.",
        file.display()
    ));
    Ok(kept)
}
