//! One call to one host: its script, the exchange, and what the answer means.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::SemaphorePermit;

use super::frame::Frame;
use super::programs::Programs;
use super::shell::{Details, Place, Script};
use super::wire::{Exchange, Sudo, Trouble};
use super::{Errand, answer, certificates, config, inspect, lease, local, overriding, peer, ssh};
use crate::call::configured::ConfigSeen;
use crate::call::host::{DetachedState, HostAnswer, HostOp, RunOutput, ServiceSeen, Tag};
use crate::call::{CallError, Fault};
use crate::cluster::host::Become;

impl Errand<'_> {
    pub(super) fn place(&self) -> Place<'_> {
        Place {
            host: &self.reach.host,
            cluster: &self.cluster.name,
        }
    }

    pub(super) fn error(&self, fault: Fault, message: impl Into<String>) -> CallError {
        CallError::new(fault, &self.what, &self.reach.host.name, message)
    }

    /// What could not even be said to the host.
    pub(super) fn unsaid(&self, why: String) -> CallError {
        ssh::before_anything(Fault::Unsupported, &self.what, &self.reach.host.name, why)
    }

    fn left(&self) -> Duration {
        let deadline = self.deadline + Duration::from_millis(self.queued.load(Ordering::Relaxed));
        deadline.saturating_duration_since(Instant::now())
    }

    pub(super) async fn any(&self, op: &HostOp, tag: Option<&Tag>) -> Result<HostAnswer, CallError> {
        let details = self.details(op).await?;
        let in_place = matches!(
            op,
            HostOp::WriteMarker { .. } | HostOp::ClearMarker { .. } | HostOp::AppendJournal { .. }
        );
        if let HostOp::PutFile {
            local, path, sha256, ..
        } = op
            && self.not_begun(tag).await?
        {
            self.upload(local, path, sha256).await?;
        }
        match tag {
            Some(tag) if self.change && !in_place => self.detached(op, tag, &details).await,
            _ => {
                let script = self.place().direct(op, &details).map_err(|why| self.unsaid(why))?;
                let frame = self.exchange(&script).await?;
                self.checked(&frame)?;
                answer::direct(op, &frame).map_err(|why| self.error(Fault::Garbage, why))
            }
        }
    }

    /// What only a look at the host can decide.
    async fn details(&self, op: &HostOp) -> Result<Details, CallError> {
        match op {
            HostOp::Override { name, settings } => {
                let seen = self.inspect_with_texts().await?;
                overriding::details(&self.reach.host, &seen, name, settings)
                    .map_err(|why| ssh::before_anything(Fault::Refused, &self.what, &self.reach.host.name, why))
            }
            HostOp::ArmLease { name, stagger, .. } => {
                let seen = self.inspect().await?;
                lease::details(self.place(), &seen, name, stagger.0)
                    .map_err(|why| ssh::before_anything(Fault::Refused, &self.what, &self.reach.host.name, why))
            }
            HostOp::PeerListen { .. } | HostOp::PeerReach { .. } => {
                let seen = self.read_config().await?;
                Ok(peer::details(op, &seen))
            }
            _ => Ok(Details::default()),
        }
    }

    /// Whether nothing has been begun under this tag, so that what it reads must be sent first.
    pub(super) async fn not_begun(&self, tag: Option<&Tag>) -> Result<bool, CallError> {
        let Some(tag) = tag else { return Ok(true) };
        let look = HostOp::Detached { tag: tag.clone() };
        let script = self
            .place()
            .direct(&look, &Details::default())
            .map_err(|why| self.unsaid(why))?;
        let frame = self.exchange(&script).await?;
        Ok(frame.text("state").as_deref() == Some("absent"))
    }

    async fn upload(&self, local: &str, path: &str, sha256: &str) -> Result<(), CallError> {
        let size = std::fs::metadata(local)
            .map_err(|error| self.unsaid(format!("cannot read {local}: {error}")))?
            .len();
        let script = self
            .place()
            .upload(local, size, path, sha256)
            .map_err(|why| self.unsaid(why))?;
        let frame = self.exchange(&script).await?;
        self.checked(&frame)
    }

    async fn detached(&self, op: &HostOp, tag: &Tag, details: &Details) -> Result<HostAnswer, CallError> {
        // The host tells "still running" a little before we would give up.
        let bound = self.left().saturating_sub(Duration::from_millis(500)).as_secs().max(1);
        let script = self
            .place()
            .detached(op, tag, details, bound)
            .map_err(|why| self.unsaid(why))?;
        let frame = self.exchange(&script).await?;
        self.checked(&frame)?;
        match answer::state(&frame).map_err(|why| self.error(Fault::Garbage, why))? {
            DetachedState::Ended { code, stdout, stderr } => {
                let ran = RunOutput { code, stdout, stderr };
                let (answer, frame) = answer::ended(op, ran).map_err(|why| self.error(Fault::Garbage, why))?;
                self.checked(&frame)?;
                Ok(answer)
            }
            DetachedState::Running { seconds } => Err(self.error(
                Fault::Timeout,
                format!("it still runs on the host, for {seconds} s now"),
            )),
            DetachedState::Absent => Err(self.unsaid("it could not be started".to_owned())),
            DetachedState::Vanished => Err(self.error(
                Fault::Lost,
                "it was started and broke off without a trace; the host was restarted?",
            )),
        }
    }

    pub(super) async fn clock(&self) -> Result<HostAnswer, CallError> {
        let script = self
            .place()
            .direct(&HostOp::Clock, &Details::default())
            .map_err(|why| self.unsaid(why))?;
        // The first exchange may have to connect; only the second is timed.
        self.exchange(&script).await?;
        let (before, began) = (Instant::now(), crate::base::clock::now());
        let frame = self.exchange(&script).await?;
        let round_trip_ms = before.elapsed().as_secs_f64() * 1000.0;
        frame
            .number::<i128>("nanos")
            .map(|unix_nanos| HostAnswer::Clock {
                unix_nanos,
                round_trip_ms,
                offset_ms: milliseconds(unix_nanos - began.as_nanosecond()) - round_trip_ms / 2.0,
            })
            .ok_or_else(|| self.error(Fault::Garbage, "the host's `date` tells no nanoseconds"))
    }

    pub(super) async fn certificates(&self) -> Result<HostAnswer, CallError> {
        let named = certificates::named(&self.read_config().await?);
        let script = self
            .place()
            .direct(&HostOp::Certificates, &certificates::details(&named))
            .map_err(|why| self.unsaid(why))?;
        let frame = self.exchange(&script).await?;
        self.checked(&frame)?;
        certificates::read(&named, &frame)
            .map(HostAnswer::Certificates)
            .ok_or_else(|| self.error(Fault::Garbage, "the host's `date` tells no time"))
    }

    pub(super) async fn read_config(&self) -> Result<ConfigSeen, CallError> {
        let script = self.place().read_config().map_err(|why| self.unsaid(why))?;
        let frame = self.exchange(&script).await?;
        self.checked(&frame)?;
        Ok(config::read(&self.reach.host, &frame))
    }

    pub(super) async fn part(&self, path: &str, offset: u64, length: u64) -> Result<HostAnswer, CallError> {
        let (bytes, size) = self.range(path, offset, length).await?;
        Ok(HostAnswer::Part { bytes, size })
    }

    pub(super) async fn inspect(&self) -> Result<ServiceSeen, CallError> {
        self.inspect_with_texts().await.map(|seen| seen.service)
    }

    fn programs(&self) -> MutexGuard<'_, Programs> {
        self.reach.programs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn inspect_with_texts(&self) -> Result<inspect::Inspected, CallError> {
        let host = &self.reach.host;
        let mut dirs: Vec<String> = [&host.data_dir, &host.wal_dir].into_iter().flatten().cloned().collect();
        loop {
            let known = self.programs().clone();
            let script = self.place().inspect(&dirs, &known).map_err(|why| self.unsaid(why))?;
            let frame = self.exchange(&script).await?;
            self.checked(&frame)?;
            *self.programs() = Programs::told(&frame);
            let seen = inspect::read(host, &frame);
            // A folder that the script could not guess is looked at in a second round.
            let missed: Vec<String> = seen.folders_not_seen(&frame, &dirs);
            if missed.is_empty() {
                return Ok(seen);
            }
            dirs.extend(missed);
        }
    }

    /// A fault that the script itself reported.
    pub(super) fn checked(&self, frame: &Frame) -> Result<(), CallError> {
        if let Some(fault) = frame.text("fault") {
            let fault = serde_json::from_value(serde_json::Value::String(fault)).unwrap_or(Fault::Refused);
            let mut message = frame.text("message").unwrap_or_default();
            if let Some(held) = frame.text("held") {
                message = answer::held_by(&held).unwrap_or(message);
            }
            return Err(self.error(fault, message.trim()));
        }
        match frame.status {
            0 => Ok(()),
            124 | 137 | 143 => Err(self.error(Fault::Timeout, "the host did not come to an end in time")),
            status => Err(self.error(Fault::Refused, format!("the host's shell ended with status {status}"))),
        }
    }

    pub(super) async fn exchange(&self, script: &Script) -> Result<Frame, CallError> {
        let _turn = self.turn().await?;
        let sent = AtomicBool::new(false);
        let done = tokio::time::timeout(self.left(), self.exchange_within(script, &sent)).await;
        let late = || {
            let mut error = self.error(Fault::Timeout, "no answer in time");
            error.maybe_done = self.change && sent.load(Ordering::Relaxed);
            error
        };
        done.unwrap_or_else(|_| Err(late()))
    }

    /// Those that came before give the host free within their own bounds.
    async fn turn(&self) -> Result<SemaphorePermit<'_>, CallError> {
        let begun = Instant::now();
        let turn = tokio::time::timeout(self.left(), self.reach.slots.acquire()).await;
        let waited = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.queued.fetch_add(waited, Ordering::Relaxed);
        match turn {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(error)) => Err(self.unsaid(error.to_string())),
            Err(_) => {
                let why = "other calls to the host took too long";
                Err(ssh::before_anything(
                    Fault::Timeout,
                    &self.what,
                    &self.reach.host.name,
                    why,
                ))
            }
        }
    }

    async fn exchange_within(&self, script: &Script, sent: &AtomicBool) -> Result<Frame, CallError> {
        let reach = self.reach;
        let name = &reach.host.name;
        let exchange = Exchange {
            script,
            sudo: match (reach.host.elevate, self.sudo_password) {
                (Become::None, _) => Sudo::No,
                (Become::Sudo, None) => Sudo::Silent,
                (Become::Sudo, Some(password)) => Sudo::Password(password),
            },
            nonce: nonce(),
            limit: self.left().as_secs().max(1) + 1,
            sent,
            watch: self.watch,
        };
        let line = exchange.command_line();
        let pipes = match &reach.ssh {
            Some(ssh) => ssh.open(&self.what, &line, self.left()).await?,
            None => local::open(name, &self.what, &line)?,
        };
        exchange.run(pipes).await.map_err(|trouble| self.troubled(trouble))
    }

    fn troubled(&self, trouble: Trouble) -> CallError {
        let name = &self.reach.host.name;
        match trouble {
            Trouble::Sudo(said) => {
                let hint = if self.sudo_password.is_some() {
                    "the password may be wrong, or the user may not run everything"
                } else {
                    "allow it without a password, or type the command again with -K to be asked for one"
                };
                ssh::before_anything(Fault::Sudo, &self.what, name, format!("{said}; {hint}"))
            }
            Trouble::NotBegun(said) => {
                let said = if said.is_empty() {
                    "the host's shell said nothing"
                } else {
                    &said
                };
                ssh::before_anything(Fault::Connect, &self.what, name, said)
            }
            Trouble::Torn => CallError {
                maybe_done: self.change,
                ..self.error(Fault::Lost, "the connection ended in the middle")
            },
            Trouble::Malformed(why) => self.error(Fault::Garbage, why),
            Trouble::Local(why) => ssh::before_anything(Fault::Missing, &self.what, name, why),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a difference of clocks needs no 53 bits")]
fn milliseconds(nanoseconds: i128) -> f64 {
    nanoseconds as f64 / 1_000_000.0
}

/// A number that no other output holds.
fn nonce() -> String {
    let draw = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", draw(), draw())
}
