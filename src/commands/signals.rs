//! Ctrl-C while a run is under way: once, stop after this call; twice, stop now. A terminal that goes away counts as once.
//! Ctrl-C while one looks again and again is its end.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use crate::run::interrupt::Interrupt;
use crate::ui::Ui;

/// Comes when a look that goes on and on shall end: Ctrl-C, a polite kill, a terminal that goes away.
pub(super) async fn stop() {
    let wait = |kind: SignalKind| async move {
        match signal(kind) {
            Ok(mut signals) => {
                signals.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = wait(SignalKind::interrupt()) => {}
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::hangup()) => {}
    }
}

/// Listens from now on, in the background.
pub(super) fn listen(ui: &Arc<Ui>) -> Arc<Interrupt> {
    let interrupt = Arc::new(Interrupt::default());
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        let Ok(mut signals) = signal(kind) else { continue };
        let (interrupt, ui) = (Arc::clone(&interrupt), Arc::clone(ui));
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                if kind == SignalKind::hangup() {
                    // Nobody sees us any more; a change under way is brought to its end.
                    if !interrupt.stop_after_this() {
                        interrupt.press();
                    }
                    continue;
                }
                if interrupt.press() == 1 {
                    ui.warn("stopping after this call; once more: stop now (the call is then in doubt)");
                }
            }
        });
    }
    interrupt
}
