//! The few pages of the database that tell its revision, its members and how far it goes.

use super::Errand;
use super::listing::Listing;
use crate::call::CallError;
use crate::call::copy::CopySeen;
use crate::snapshot::wal::Snap;

/// What the database says.
#[derive(Debug, Default)]
pub(super) struct Database {
    size: u64,
}

impl Errand<'_> {
    #[expect(clippy::unused_async, reason = "pages are read over the host's shell")]
    pub(super) async fn database(&self, _folder: &str, listing: &Listing) -> Result<Database, CallError> {
        Ok(Database {
            size: listing.database.unwrap_or_default(),
        })
    }
}

pub(super) fn merge(copy: &mut CopySeen, database: &Database, listing: &Listing, _snap: Option<&Snap>) {
    copy.db_size = database.size;
    if listing.database.is_none() {
        copy.damage.push("the database is not there".to_owned());
    }
}
