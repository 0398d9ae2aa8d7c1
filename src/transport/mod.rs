//! The one seam to the world.

pub mod dial;
pub mod etcd;
pub mod host;
pub mod http;
mod joined;
pub mod library;
pub mod process;
pub mod real;
mod scrub;
mod silence;
pub mod simulated;
pub mod stream;
pub mod tls;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::call::{Call, CallError, Reply, Watch};

/// A boxed future, so that transports are objects.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Reply, CallError>> + Send + 'a>>;

/// Who owes an answer for so long is suspected of silence: TCP is about to knock a second time.
pub const SUSPICIOUS: Duration = Duration::from_millis(900);

/// How often it is looked whether a host that is waited for is silent altogether.
const GLANCE: Duration = Duration::from_millis(100);

/// Real hosts, a simulated world, or a script of expected calls.
pub trait Transport: Send + Sync {
    /// Carries out one call. Never retries; ends within the call's bound.
    fn perform<'a>(&'a self, call: &'a Call, watch: &'a dyn Watch) -> Answer<'a>;

    /// These hosts will be asked soon: what takes long to reach may be begun in the meantime. Nothing is asked of them yet.
    fn expect(&self, _hosts: &[&str]) {}

    /// For how long what listens at this URL has owed an answer to attempts to connect; nothing where it answered, or was not asked.
    fn silent_for(&self, _url: &str) -> Duration {
        Duration::ZERO
    }

    /// The bastion's clock.
    fn now(&self) -> jiff::Timestamp;

    /// Waits; in a simulated world time passes at once.
    fn pause<'a>(&'a self, how_long: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
}
