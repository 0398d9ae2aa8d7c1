//! A whole snapshot file: its form, its digests and its content, in one go.

use std::fs::File;
use std::io;

use super::archive;
use super::bolt::Database;
use super::content;
use super::damage::Damage;
use super::data_dir::{self, DATABASE};
use super::digests::{self, Sha, Wanted};
use super::manifest::{Content, Forced, Form};
use super::source::{FileSource, Part, ReadAt};
use crate::cluster::member::Id;

/// Of what this module checks in a file and tells of it. Raised with every change: what an earlier one read is then read anew.
pub const READER: u32 = 1;

/// Bytes of the digest that ends a snapshot.
pub const TRAILER: u64 = 32;

/// Where an archive has what `etcdctl backup` made.
pub const V2_FOLDER: &str = "v2/";

/// What was found in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    pub form: Form,
    /// Bytes of the file.
    pub size: u64,
    /// Of the whole file, hex; `None`: it was not asked for.
    pub sha256: Option<String>,
    /// Of the whole file, hex.
    pub blake3: String,
    pub content: Content,
    /// Member and cluster, as a log beside the database tells them.
    pub identity: Option<(Id, Id)>,
    /// Keys of the v2 API are in it.
    pub v2_data: bool,
    /// What a start with `force-new-cluster` of its `etcdctl backup` comes to.
    pub forced: Option<Forced>,
}

/// The form that a file of this size has. A database has whole pages; a snapshot 32 bytes more.
pub fn form_of(size: u64) -> Result<Form, Damage> {
    match size % 512 {
        0 if size > 0 => Ok(Form::Database),
        TRAILER => Ok(Form::Snapshot),
        _ => Err(Damage::file(format!(
            "{size} bytes are neither a snapshot nor a database: it is cut off, or something else"
        ))),
    }
}

/// Reads a file in whichever form it is, with both digests.
pub fn inspect_any(file: File) -> Result<Inspected, Damage> {
    let unreadable = |error: &io::Error| Damage::reading(None, error);
    let copy = file.try_clone().map_err(|error| unreadable(&error))?;
    let source = FileSource::new(copy).map_err(|error| unreadable(&error))?;
    if archive::is_archive(&source) {
        inspect_archive(file, Wanted::Both)
    } else {
        inspect(file, Wanted::Both)
    }
}

/// Reads everything and checks it; the digests on other threads, the pages on this one. Files are never written to.
pub fn inspect(file: File, wanted: Wanted) -> Result<Inspected, Damage> {
    let unreadable = |error: &io::Error| Damage::reading(None, error);
    let copy = file.try_clone().map_err(|error| unreadable(&error))?;
    let source = FileSource::new(file).map_err(|error| unreadable(&error))?;
    let size = source.size();
    let form = form_of(size)?;
    let body = if form == Form::Snapshot { size - TRAILER } else { size };
    let read = || content_of(&Part::new(&source, 0, body));
    let (digests, content) = digests::beside(&copy, (body, size), wanted, read).map_err(|error| unreadable(&error))?;
    // Pages tell more than a digest: where.
    let content = content?;
    let trailer_is_wrong = |sha: &Sha| form == Form::Snapshot && !sha.ends_with_its_own;
    if digests.sha256.as_ref().is_some_and(trailer_is_wrong) {
        return Err(Damage::file(
            "the digest at its end does not match: a byte was changed outside of the pages in use",
        ));
    }
    Ok(Inspected {
        form,
        size,
        sha256: digests.sha256.map(|sha| sha.whole),
        blake3: digests.blake3,
        content,
        identity: None,
        v2_data: false,
        forced: None,
    })
}

/// The BLAKE3 of a file, hex, and nothing else of it: by as many threads as help.
pub fn blake3_of(file: &File) -> Result<String, Damage> {
    let made = file.metadata().and_then(|metadata| {
        let size = metadata.len();
        digests::beside(file, (size, size), Wanted::Blake3, || ())
    });
    let (digests, ()) = made.map_err(|error| Damage::reading(None, &error))?;
    Ok(digests.blake3)
}

/// Data directories in an archive: the digests, and everything in them.
pub fn inspect_archive(file: File, wanted: Wanted) -> Result<Inspected, Damage> {
    let unreadable = |error: &io::Error| Damage::reading(None, error);
    let copy = file.try_clone().map_err(|error| unreadable(&error))?;
    let source = FileSource::new(file).map_err(|error| unreadable(&error))?;
    let size = source.size();
    let (digests, found) =
        digests::beside(&copy, (size, size), wanted, || archived(&source)).map_err(|error| unreadable(&error))?;
    Ok(Inspected {
        sha256: digests.sha256.map(|sha| sha.whole),
        blake3: digests.blake3,
        ..found?
    })
}

/// A data directory, what `etcdctl backup` made of one under `v2/`, or both.
fn archived(source: &FileSource) -> Result<Inspected, Damage> {
    let entries = archive::entries(source)?;
    let holds = |folder: &str| entries.iter().any(|entry| entry.path.starts_with(folder));
    let own = if holds("member/") {
        Some(data_dir::read(source, &entries, "")?)
    } else {
        None
    };
    let v2 = if holds(V2_FOLDER) {
        Some(data_dir::read(source, &entries, V2_FOLDER)?)
    } else {
        None
    };
    let Some(main) = own.as_ref().or(v2.as_ref()).cloned() else {
        return Err(Damage::file(format!("the archive has no {DATABASE}")));
    };
    if v2.is_none() && main.content.is_none() {
        return Err(Damage::file(format!("the archive has no {DATABASE}")));
    }
    let mut content = main.content.unwrap_or_default();
    content.term = content.term.or(main.term);
    let forced = v2.as_ref().and_then(|found| {
        Some(Forced {
            member_id: found.member?,
            cluster_id: found.cluster?,
        })
    });
    Ok(Inspected {
        form: if v2.is_some() { Form::V2Backup } else { Form::DataDir },
        size: source.size(),
        sha256: None,
        blake3: String::new(),
        content,
        // What `etcdctl backup` makes has IDs of its own.
        identity: own.and_then(|found| found.member.zip(found.cluster)),
        v2_data: main.v2_data || v2.is_some_and(|found| found.v2_data),
        forced,
    })
}

/// The content of a database anywhere.
pub fn content_of<S: ReadAt + ?Sized>(source: &S) -> Result<Content, Damage> {
    content::read(&Database::open(source)?)
}
