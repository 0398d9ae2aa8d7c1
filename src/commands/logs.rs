//! `etcdops logs`: the logs of all members in one stream, by time. A host that cannot be reached is said and left out.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::json;

use super::settings::Settings;
use super::{Context, Exit, Failure, signals};
use crate::base::clock::rfc3339;
use crate::base::duration::Span;
use crate::call::host::{HostAnswer, HostOp};
use crate::call::{Call, CallError, Reply, To, Unwatched};
use crate::transport::Transport;
use crate::ui::text::harmless;

/// The most that is read from one host in one look.
const MOST_LINES: u32 = 20_000;
/// The same of each further look with `--follow`.
const MOST_NEWS: u32 = 5_000;
/// Between two looks with `--follow`.
const INTERVAL: Duration = Duration::from_secs(1);
/// Each look with `--follow` goes back this much further than the last one: clocks and journals lag.
const OVERLAP: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, clap::Args)]
pub struct LogsArgs {
    /// The hosts (default: all of the cluster)
    #[arg(value_name = "HOST")]
    pub hosts: Vec<String>,
    /// How far back
    #[arg(long, value_name = "TIME", default_value = "10m")]
    pub since: Span,
    /// Go on with what is logged from now on, until interrupted
    #[arg(short, long)]
    pub follow: bool,
    /// Only lines that hold this text
    #[arg(long, value_name = "TEXT")]
    pub grep: Option<String>,
}

/// One line of one host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Record {
    at: Option<Timestamp>,
    host: String,
    text: String,
}

pub async fn run(context: &Context, args: &LogsArgs) -> Result<Exit, Failure> {
    let settings = context.settings().await?;
    let hosts = chosen(&settings, &args.hosts)?;
    let transport = context.connect(&settings).await?;
    let bound = settings.look_timeout();
    let mut stream = Stream::default();
    let reads = async {
        round(
            context,
            &transport,
            &hosts,
            args,
            Reach::first(args, bound),
            &mut stream,
        )
        .await;
        while args.follow && !context.ui.data_closed() {
            tokio::time::sleep(INTERVAL).await;
            round(context, &transport, &hosts, args, Reach::next(bound), &mut stream).await;
        }
    };
    if args.follow {
        tokio::select! {
            () = reads => {}
            () = signals::stop() => {}
        }
    } else {
        reads.await;
    }
    Ok(stream.exit())
}

/// How far one look goes.
#[derive(Clone, Copy)]
struct Reach {
    since: Span,
    lines: u32,
    bound: Span,
}

impl Reach {
    fn first(args: &LogsArgs, bound: Span) -> Self {
        Self {
            since: args.since,
            lines: MOST_LINES,
            bound,
        }
    }

    fn next(bound: Span) -> Self {
        Self {
            since: Span(INTERVAL + OVERLAP + bound.0),
            lines: MOST_NEWS,
            bound,
        }
    }
}

/// Looks once at every host, and shows what is new, by time.
async fn round(
    context: &Context,
    transport: &dyn Transport,
    hosts: &[String],
    args: &LogsArgs,
    reach: Reach,
    stream: &mut Stream,
) {
    let began = context.now();
    let looks = hosts
        .iter()
        .map(|host| read(transport, host, reach, args.grep.as_deref()));
    let mut records = Vec::new();
    for (host, answer) in hosts.iter().zip(join_all(looks).await) {
        match answer {
            Ok(lines) => records.extend(stream.news(host, lines, began, args.since)),
            Err(error) => stream.complain(context, host, &error),
        }
    }
    records.sort_by_key(|record| record.at);
    for record in &records {
        show(context, record);
    }
}

fn chosen(settings: &Settings, named: &[String]) -> Result<Vec<String>, Failure> {
    let all: Vec<String> = settings.cluster.hosts.iter().map(|host| host.name.clone()).collect();
    if all.is_empty() {
        return Err(Failure::usage("the inventory names no hosts of this cluster").hint("etcdops config show"));
    }
    let Some(unknown) = named.iter().find(|name| !all.contains(name)) else {
        return Ok(if named.is_empty() { all } else { named.to_vec() });
    };
    let failure = Failure::usage(format!(
        "there is no host `{unknown}` in cluster {}",
        settings.cluster.name
    ));
    let near = crate::base::nearest::nearest(unknown, all.iter().map(String::as_str));
    Err(match near {
        Some(name) => failure.hint(format!("did you mean `{name}`?")),
        None => failure.hint(format!("its hosts: {}", all.join(", "))),
    })
}

async fn read(
    transport: &dyn Transport,
    host: &str,
    reach: Reach,
    contains: Option<&str>,
) -> Result<Vec<String>, CallError> {
    let call = Call {
        to: To::Host {
            host: host.to_owned(),
            op: HostOp::Log {
                since: Some(Span(reach.since.0.max(Duration::from_secs(1)))),
                lines: reach.lines,
                contains: contains.map(ToOwned::to_owned),
            },
            tag: None,
        },
        timeout: reach.bound,
    };
    match transport.perform(&call, &Unwatched).await? {
        Reply::Host(HostAnswer::Log(lines)) => Ok(lines),
        _ => Ok(Vec::new()),
    }
}

/// What was shown already, and what was complained about.
#[derive(Default)]
struct Stream {
    /// Host → lines of the last look, with how often each stood there.
    shown: BTreeMap<String, BTreeMap<String, usize>>,
    complaints: BTreeMap<String, String>,
    /// Some host was read at least once.
    heard: bool,
}

impl Stream {
    fn exit(&self) -> Exit {
        if self.heard { Exit::Done } else { Exit::Refused }
    }

    /// The lines that the look before did not have.
    fn news(&mut self, host: &str, lines: Vec<String>, now: Timestamp, since: Span) -> Vec<Record> {
        self.heard = true;
        self.complaints.remove(host);
        let mut before = self.shown.remove(host).unwrap_or_default();
        let mut now_shown = BTreeMap::new();
        let mut records = Vec::new();
        let mut last = None;
        let oldest = now
            .checked_sub(jiff::SignedDuration::try_from(since.0).unwrap_or_default())
            .ok();
        for line in lines {
            *now_shown.entry(line.clone()).or_insert(0) += 1;
            let (at, text) = dated(&line);
            // A line without a time (a stack trace) stays with the one before it.
            last = at.or(last);
            if let Some(count) = before.get_mut(&line).filter(|count| **count > 0) {
                *count -= 1;
                continue;
            }
            if last.is_some_and(|at| oldest.is_some_and(|oldest| at < oldest)) {
                continue;
            }
            records.push(Record {
                at: last,
                host: host.to_owned(),
                text: text.to_owned(),
            });
        }
        self.shown.insert(host.to_owned(), now_shown);
        records
    }

    /// Said once, until it answers again or says something else.
    fn complain(&mut self, context: &Context, host: &str, error: &CallError) {
        let text = error.to_string();
        if self.complaints.insert(host.to_owned(), text.clone()).as_ref() != Some(&text) {
            context.ui.warn(&harmless(&text));
        }
    }
}

/// The line's time, which comes first where it tells one.
fn dated(line: &str) -> (Option<Timestamp>, &str) {
    line.split_once(' ')
        .and_then(|(time, text)| Some((Some(time.parse().ok()?), text)))
        .unwrap_or((None, line))
}

fn show(context: &Context, record: &Record) {
    let ui = &context.ui;
    if ui.is_json() {
        let document = json!({
            "schema": "etcdops/logs/v1",
            "host": record.host,
            "at": record.at.map(|at| at.to_string()),
            "text": record.text,
        });
        ui.data(&document.to_string());
        return;
    }
    let at = record.at.map(rfc3339).unwrap_or_default();
    ui.data(&harmless(&format!("{at} {} {}", record.host, record.text)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_shows_only_what_the_one_before_had_not() {
        let mut stream = Stream::default();
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        let line = |second: u32, text: &str| format!("2026-11-20T11:59:{second:02}Z {text}");
        let mut news = |lines: &[String]| {
            let found = stream.news("h", lines.to_vec(), now, Span::seconds(60));
            found.into_iter().map(|record| record.text).collect::<Vec<_>>()
        };
        assert_eq!(news(&[line(1, "a"), line(1, "a"), line(2, "b")]), ["a", "a", "b"]);
        assert_eq!(
            news(&[line(1, "a"), line(2, "b"), line(2, "b"), line(3, "c")]),
            ["b", "c"]
        );
        assert!(news(&["2026-11-20T10:00:00Z old".to_owned()]).is_empty());
    }
}
