//! The flags that every command has.

use std::path::PathBuf;

use crate::base::duration::Span;
use crate::ui::screen::ColorWhen;
use crate::ui::{Format, Manner};

/// Flags that every command has.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalOptions {
    /// The inventory.
    #[arg(
        help = "The inventory (default: $ETCDOPS_CONFIG, ./etcdops.yaml, yours, /etc/etcdops/)",
        long,
        global = true,
        value_name = "FILE"
    )]
    pub config: Option<PathBuf>,

    /// The cluster, where the inventory has several
    #[arg(long, global = true, value_name = "NAME")]
    pub cluster: Option<String>,

    /// Client URLs, separated by commas
    #[arg(long, global = true, value_name = "URLS", value_delimiter = ',')]
    pub endpoints: Vec<String>,

    /// Find the endpoints through the SRV records of this domain
    #[arg(long, global = true, value_name = "DOMAIN")]
    pub discovery_srv: Option<String>,

    /// Suffix of the SRV service name
    #[arg(long, global = true, value_name = "NAME", requires = "discovery_srv")]
    pub discovery_srv_name: Option<String>,

    /// Certificates of the authorities that are trusted
    #[arg(long, global = true, value_name = "FILE")]
    pub cacert: Option<PathBuf>,

    /// The client certificate
    #[arg(long, global = true, value_name = "FILE")]
    pub cert: Option<PathBuf>,

    /// The client certificate's key
    #[arg(long, global = true, value_name = "FILE")]
    pub key: Option<PathBuf>,

    /// The etcd user.
    #[arg(
        help = "The etcd user; the password comes from --password-file, $ETCDOPS_PASSWORD or a question",
        long,
        global = true,
        value_name = "NAME"
    )]
    pub user: Option<String>,

    /// The file that holds the password, readable only by you
    #[arg(long, global = true, value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// How long: of a command that looks, the whole; of one that acts, each etcd call
    #[arg(long, global = true, value_name = "TIME")]
    pub timeout: Option<Span>,

    /// How results are printed: table, json or nagios (one line and a plugin's exit codes)
    #[arg(short, long, global = true, value_name = "FORMAT", value_enum, default_value_t)]
    #[arg(hide_possible_values = true, hide_default_value = true)]
    pub output: Format,

    /// When colours are used: auto, always or never
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    #[arg(hide_possible_values = true, hide_default_value = true)]
    pub color: ColorWhen,

    /// Only results, warnings and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Say more; twice: even more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

impl GlobalOptions {
    /// How much is said, and how.
    pub fn manner(&self) -> Manner {
        Manner {
            format: self.output,
            color: self.color,
            quiet: self.quiet,
            verbose: self.verbose,
        }
    }
}
