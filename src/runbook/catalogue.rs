//! Where runbooks come from: the embedded ones, the user's folder, a path. Everything is read once, so that plans are made without files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::embedded::EMBEDDED;
use super::parse::parse;
use super::place::Document;
use crate::base::nearest::nearest;
use crate::base::yaml::{Diagnostic, Source, render};

/// Where a runbook was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Within the program.
    Embedded,
    /// In the user's folder; wins over an embedded one of the same name.
    User(PathBuf),
    /// Named by its path.
    Path(PathBuf),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Embedded => out.write_str("built in"),
            Self::User(path) | Self::Path(path) => write!(out, "{}", path.display()),
        }
    }
}

/// One runbook of the catalogue.
#[derive(Clone, Debug)]
pub struct Entry {
    pub name: String,
    pub origin: Origin,
    /// It stands before an embedded one of the same name.
    pub shadows: bool,
    pub source: Source,
    /// The runbook, or what is wrong with its shape.
    pub document: Result<Document, Vec<Diagnostic>>,
}

/// Why a runbook cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    #[error("there is no runbook `{name}`{}", near.as_ref().map_or_else(|| "; `etcdops runbooks list` shows them".to_owned(), |near| format!("; did you mean `{near}`?")))]
    Unknown { name: String, near: Option<String> },
    /// The text is made for people, with the place of each mistake.
    #[error("the runbook `{name}` cannot be read:\n{text}")]
    Broken { name: String, text: String },
    #[error("cannot read {}: {why}", path.display())]
    Unreadable { path: PathBuf, why: String },
}

/// All runbooks by name.
#[derive(Clone, Debug)]
pub struct Catalogue {
    entries: BTreeMap<String, Entry>,
}

impl Catalogue {
    /// The embedded runbooks alone.
    pub fn embedded() -> Self {
        let entries = EMBEDDED
            .iter()
            .map(|(name, text)| {
                let source = Source::new(format!("{name}.yaml"), *text);
                ((*name).to_owned(), Entry::new(name, Origin::Embedded, source))
            })
            .collect();
        Self { entries }
    }

    /// The embedded runbooks and those of the user's folder, which need not exist. A file there that cannot be read as a runbook is an entry
    /// that says so.
    pub fn open(folder: &Path) -> Result<Self, CatalogueError> {
        let mut catalogue = Self::embedded();
        let files = match std::fs::read_dir(folder) {
            Ok(files) => files,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(catalogue),
            Err(error) => return Err(unreadable(folder, &error)),
        };
        for file in files {
            let path = file.map_err(|error| unreadable(folder, &error))?.path();
            if !is_yaml(&path) {
                continue;
            }
            catalogue.add(&path, Origin::User(path.clone()))?;
        }
        Ok(catalogue)
    }

    /// Finds a runbook by name or, where the word looks like a path, by its path.
    pub fn find(&mut self, word: &str) -> Result<&Entry, CatalogueError> {
        let path = PathBuf::from(word);
        if word.contains('/') || is_yaml(&path) {
            let name = self.add(&path, Origin::Path(path.clone()))?;
            return self.entry(&name);
        }
        self.entry(word)
    }

    /// The runbook of a name. A path is found only after [`Catalogue::find`] has read it.
    pub fn load(&self, name: &str) -> Result<&Document, CatalogueError> {
        let entry = self.entry(name)?;
        entry.document.as_ref().map_err(|found| CatalogueError::Broken {
            name: name.to_owned(),
            text: render(found, &entry.source, false, None),
        })
    }

    /// The entry of a name, also of a broken runbook.
    pub fn entry(&self, name: &str) -> Result<&Entry, CatalogueError> {
        self.entries.get(name).ok_or_else(|| CatalogueError::Unknown {
            name: name.to_owned(),
            near: nearest(name, self.names()).map(str::to_owned),
        })
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// All entries by name.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// Reads one file; gives its name in the catalogue: of a file of the user's folder its stem, of another its path.
    fn add(&mut self, path: &Path, origin: Origin) -> Result<String, CatalogueError> {
        let shown = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
        let name = match origin {
            Origin::User(_) => path
                .file_stem()
                .map(|stem| stem.to_string_lossy().into_owned())
                .unwrap_or_default(),
            _ => shown.clone(),
        };
        let mut entry = match Source::from_bytes(&shown, &bytes) {
            Ok(source) => Entry::new(&name, origin, source),
            Err(found) => Entry {
                name: name.clone(),
                origin,
                shadows: false,
                source: Source::new(shown, String::from_utf8_lossy(&bytes).into_owned()),
                document: Err(vec![*found]),
            },
        };
        entry.shadows = EMBEDDED.iter().any(|(embedded, _)| *embedded == name);
        self.entries.insert(name.clone(), entry);
        Ok(name)
    }
}

impl Entry {
    fn new(name: &str, origin: Origin, source: Source) -> Self {
        Self {
            name: name.to_owned(),
            origin,
            shadows: false,
            document: parse(source.clone()),
            source,
        }
    }

    /// Said wherever the runbook is used, where it stands before an embedded one.
    pub fn shadow_note(&self) -> Option<String> {
        self.shadows.then(|| {
            format!(
                "`{}` is yours ({}) and stands before the built-in one",
                self.name, self.origin
            )
        })
    }
}

fn is_yaml(path: &Path) -> bool {
    matches!(path.extension().and_then(|end| end.to_str()), Some("yaml" | "yml"))
}

fn unreadable(path: &Path, error: &std::io::Error) -> CatalogueError {
    CatalogueError::Unreadable {
        path: path.to_owned(),
        why: error.to_string(),
    }
}
