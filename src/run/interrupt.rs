//! Ctrl-C: once, stop after this call; twice, stop now.

use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

/// Shared by the signal listener and the driver.
#[derive(Debug, Default)]
pub struct Interrupt {
    count: AtomicU8,
    now: Notify,
}

impl Interrupt {
    /// One more Ctrl-C (or SIGTERM). Returns how many there were.
    pub fn press(&self) -> u8 {
        let count = self.count.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        if count >= 2 {
            self.now.notify_waiters();
        }
        count
    }

    pub fn stop_after_this(&self) -> bool {
        self.count.load(Ordering::SeqCst) >= 1
    }

    pub fn stop_now(&self) -> bool {
        self.count.load(Ordering::SeqCst) >= 2
    }

    /// Ends when the second one came.
    pub async fn twice(&self) {
        let notified = self.now.notified();
        if !self.stop_now() {
            notified.await;
        }
    }
}
