//! What tests share.

pub mod certificates;
pub mod cli;
pub mod dns;
pub mod etcd;
pub mod fakes;
pub mod hostile;
pub mod lab;
pub mod membership;
pub mod runs;
pub mod terminal;
pub mod writer;

use std::io::Write as _;
use std::time::{Duration, Instant};

/// Past the test runner's capture, so that it is seen also when the test passes.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// The same, where it must not be overlooked.
pub fn loud(text: &str) {
    say(&format!("\n********\n**  {text}\n********"));
}

/// Whether what takes long is tried too (`make soak`).
pub fn soak() -> bool {
    std::env::var_os("ETCDOPS_SOAK").is_some()
}

/// Asks until the answer is yes; panics with what did not come true within `bound`. What takes long to ask is asked less often: the hosts
/// of other tests run on this machine too.
pub fn wait_until(what: &str, bound: Duration, mut answer: impl FnMut() -> bool) {
    let end = Instant::now() + bound;
    loop {
        let asked = Instant::now();
        if answer() {
            return;
        }
        assert!(Instant::now() < end, "{what}: not within {} s", bound.as_secs());
        let pause = asked.elapsed() * 2;
        std::thread::sleep(pause.clamp(Duration::from_millis(5), Duration::from_millis(500)));
    }
}
