//! `etcdops generate` (hidden): writes the files of the repository that are made from the program.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::completions::{Shell, script};
use super::{Context, Exit, Failure};

#[derive(Clone, Debug, clap::Args)]
pub struct GenerateArgs {
    #[command(subcommand)]
    pub what: What,
}

#[derive(Clone, Debug, clap::Subcommand)]
pub enum What {
    /// The completion scripts
    Completions {
        /// The folder to write to
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

pub fn run(_context: &Context, args: &GenerateArgs) -> Result<Exit, Failure> {
    let What::Completions { folder } = &args.what;
    for shell in Shell::ALL {
        let path = folder.join(shell.file());
        write(&path, script(shell))
            .map_err(|error| Failure::refused(format!("cannot write {}", path.display())).cause(error.to_string()))?;
    }
    Ok(Exit::Done)
}

/// For everybody to read, unlike what `base::files` writes.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::File::create(path)?.write_all(text.as_bytes())
}
