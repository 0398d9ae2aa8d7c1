//! Secrets that come back in what hosts, etcd and commands say: the one place where they are taken out of answers, before anything is
//! shown, recorded or copied.

use crate::base::secret::{HIDDEN, Secret};
use crate::call::host::{DetachedState, HostAnswer, RunOutput};
use crate::call::{CallError, Reply, Watch};

/// Shorter ones stand in other text by chance.
const SHORTEST: usize = 6;

/// The secrets of one transport.
#[derive(Default)]
pub(super) struct Scrub {
    secrets: Vec<Secret<String>>,
}

impl Scrub {
    pub(super) fn add(&mut self, secret: &Secret<String>) {
        let plain = secret.expose();
        if plain.len() < SHORTEST {
            return;
        }
        let quoted = serde_json::Value::from(plain.as_str()).to_string();
        let in_json = quoted.trim_matches('"').to_owned();
        if in_json != *plain {
            self.secrets.push(Secret::new(in_json));
        }
        self.secrets.push(secret.clone());
    }

    fn text(&self, text: &mut String) {
        for secret in &self.secrets {
            if text.contains(secret.expose()) {
                *text = text.replace(secret.expose(), HIDDEN);
            }
        }
    }

    fn ran(&self, ran: &mut RunOutput) {
        self.text(&mut ran.stdout);
        self.text(&mut ran.stderr);
    }

    /// What was said; files, settings and data are what they are.
    pub(super) fn answer(&self, answer: &mut Result<Reply, CallError>) {
        if self.secrets.is_empty() {
            return;
        }
        match answer {
            Err(error) => {
                self.text(&mut error.what);
                self.text(&mut error.message);
            }
            Ok(Reply::Ran(ran) | Reply::Host(HostAnswer::Ran(ran))) => self.ran(ran),
            Ok(Reply::Host(HostAnswer::Detached(DetachedState::Ended { stdout, stderr, .. }))) => {
                self.text(stdout);
                self.text(stderr);
            }
            Ok(Reply::Host(HostAnswer::Log(lines))) => lines.iter_mut().for_each(|line| self.text(line)),
            Ok(Reply::Host(HostAnswer::Service(service))) => {
                service.last_log.iter_mut().for_each(|line| self.text(line));
            }
            Ok(Reply::Http(answer)) => self.text(&mut answer.body),
            Ok(Reply::Host(_) | Reply::Etcd(_) | Reply::Library(_)) => {}
        }
    }

    /// Whoever watches sees no secret either.
    pub(super) fn watched<'a>(&'a self, watch: &'a dyn Watch) -> Watched<'a> {
        Watched { scrub: self, watch }
    }
}

pub(super) struct Watched<'a> {
    scrub: &'a Scrub,
    watch: &'a dyn Watch,
}

impl Watch for Watched<'_> {
    fn bytes(&self, done: u64, total: Option<u64>) {
        self.watch.bytes(done, total);
    }

    fn line(&self, text: &str) {
        let mut text = text.to_owned();
        self.scrub.text(&mut text);
        self.watch.line(&text);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::call::Fault;
    use crate::call::http::HttpAnswer;

    #[derive(Default)]
    struct Lines(Mutex<Vec<String>>);

    impl Watch for Lines {
        fn bytes(&self, _done: u64, _total: Option<u64>) {}

        fn line(&self, text: &str) {
            self.0.lock().unwrap().push(text.to_owned());
        }
    }

    #[test]
    fn no_answer_holds_a_secret() {
        let mut scrub = Scrub::default();
        scrub.add(&Secret::new("hunter\"2".to_owned()));
        scrub.add(&Secret::new("root".to_owned()));
        let said = || "as root: hunter\"2, \"hunter\\\"2\"".to_owned();
        let ran = || RunOutput {
            code: 0,
            stdout: said(),
            stderr: said(),
        };
        let ended = DetachedState::Ended {
            code: 0,
            stdout: said(),
            stderr: said(),
        };
        let answers = [
            Ok(Reply::Ran(ran())),
            Ok(Reply::Host(HostAnswer::Ran(ran()))),
            Ok(Reply::Host(HostAnswer::Detached(ended))),
            Ok(Reply::Host(HostAnswer::Log(vec![said()]))),
            Ok(Reply::Http(HttpAnswer {
                status: 200,
                body: said(),
            })),
            Err(CallError::new(Fault::Refused, said(), "h", said())),
        ];
        for mut answer in answers {
            scrub.answer(&mut answer);
            let shown = format!("{answer:?}");
            assert!(!shown.contains("hunter") && shown.contains("as root: ****"), "{shown}");
        }
        let lines = Lines::default();
        scrub.watched(&lines).line(&said());
        assert_eq!(*lines.0.lock().unwrap(), ["as root: ****, \"****\""]);
    }
}
