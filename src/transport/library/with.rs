//! The world as it would be with one backup more in the library: for plans that are only shown.

use std::pin::Pin;
use std::time::Duration;

use crate::call::{Call, LibraryAnswer, LibraryOp, Reply, To, Watch};
use crate::snapshot::Kept;
use crate::transport::{Answer, Transport};

/// A transport, and the backup that its library does not have.
pub struct With<'a> {
    world: &'a dyn Transport,
    kept: Kept,
}

impl<'a> With<'a> {
    pub fn new(world: &'a dyn Transport, kept: Kept) -> Self {
        Self { world, kept }
    }
}

impl Transport for With<'_> {
    fn perform<'a>(&'a self, call: &'a Call, watch: &'a dyn Watch) -> Answer<'a> {
        match &call.to {
            To::Library(LibraryOp::Find { name }) if *name == self.kept.manifest.name => {
                let found = LibraryAnswer::Found(Some(Box::new(self.kept.clone())));
                Box::pin(async move { Ok(Reply::Library(found)) })
            }
            To::Library(LibraryOp::List) => Box::pin(async move {
                let mut reply = self.world.perform(call, watch).await?;
                if let Reply::Library(LibraryAnswer::Shelf(shelf)) = &mut reply {
                    let taken = self.kept.manifest.taken;
                    let older = |kept: &Kept| kept.manifest.taken <= taken;
                    let place = shelf.backups.iter().position(older).unwrap_or(shelf.backups.len());
                    shelf.backups.insert(place, self.kept.clone());
                }
                Ok(reply)
            }),
            _ => self.world.perform(call, watch),
        }
    }

    fn expect(&self, hosts: &[&str]) {
        self.world.expect(hosts);
    }

    fn silent_for(&self, url: &str) -> Duration {
        self.world.silent_for(url)
    }

    fn now(&self) -> jiff::Timestamp {
        self.world.now()
    }

    fn pause<'a>(&'a self, how_long: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        self.world.pause(how_long)
    }
}
