//! `etcdops logs`: the logs of all members in one stream, by time. A host that cannot be reached is said and left out.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::json;

use super::settings::Settings;
use super::{Context, Exit, Failure};
use crate::base::clock::rfc3339;
use crate::base::duration::Span;
use crate::call::host::{HostAnswer, HostOp};
use crate::call::{Call, CallError, Reply, To, Unwatched};
use crate::transport::Transport;
use crate::ui::text::harmless;

/// The most that is read from one host in one look.
const MOST_LINES: u32 = 20_000;
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
    let mut since = args.since;
    let silent = loop {
        let began = context.now();
        let looks = hosts.iter().map(|host| read(&transport, host, since, args, bound));
        let mut records = Vec::new();
        let mut silent = 0;
        for (host, answer) in hosts.iter().zip(join_all(looks).await) {
            match answer {
                Ok(lines) => records.extend(stream.news(host, lines, began, args.since)),
                Err(error) => {
                    silent += 1;
                    stream.complain(context, host, &error);
                }
            }
        }
        records.sort_by_key(|record| record.at);
        for record in &records {
            show(context, record);
        }
        if !args.follow || context.ui.data_closed() {
            break silent;
        }
        tokio::time::sleep(INTERVAL).await;
        since = Span(INTERVAL + OVERLAP + bound.0);
    };
    if silent == hosts.len() {
        return Ok(Exit::Refused);
    }
    Ok(Exit::Done)
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
    since: Span,
    args: &LogsArgs,
    bound: Span,
) -> Result<Vec<String>, CallError> {
    let call = Call {
        to: To::Host {
            host: host.to_owned(),
            op: HostOp::Log {
                since: Some(Span(since.0.max(Duration::from_secs(1)))),
                lines: MOST_LINES,
                contains: args.grep.clone(),
            },
            tag: None,
        },
        timeout: bound,
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
}

impl Stream {
    /// The lines that the look before did not have.
    fn news(&mut self, host: &str, lines: Vec<String>, now: Timestamp, since: Span) -> Vec<Record> {
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

/// The line's time: as the journal gives it first, or as etcd writes it itself.
fn dated(line: &str) -> (Option<Timestamp>, &str) {
    if let Some((time, text)) = line.split_once(' ')
        && let Ok(at) = time.parse::<Timestamp>()
    {
        return (Some(at), text);
    }
    let zap = line
        .split_once("\"ts\":\"")
        .and_then(|(_, rest)| rest.split('"').next());
    // capnslog writes no zone; the playground's members and this program share one.
    let plain = || {
        let text = line.get(..26)?;
        let local: jiff::civil::DateTime = text.parse().ok()?;
        Some(local.to_zoned(jiff::tz::TimeZone::system()).ok()?.timestamp())
    };
    let at = zap.and_then(|time| time.parse().ok()).or_else(plain);
    (at, line)
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
    fn times_are_read_in_each_form() {
        let journal = dated("2026-11-20T12:00:00.123456Z etcd[7]: ready");
        assert_eq!(journal.1, "etcd[7]: ready");
        let zap = dated("{\"level\":\"info\",\"ts\":\"2026-11-20T12:00:00.123456Z\",\"msg\":\"ready\"}");
        assert_eq!(zap.0, journal.0);
        assert!(dated("2026-11-20 12:00:00.123456 I | etcdserver: ready").0.is_some());
        assert_eq!(dated("goroutine 1 [running]:").0, None);
    }

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
