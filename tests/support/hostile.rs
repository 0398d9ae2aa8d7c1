//! A text that a shell would take for more than a text, and a runbook that says it.

use serde_json::Value;

/// Says its parameter, once as a word of argv and once from a script.
pub const SAY: &str = "\
title: Say something
parameters: {text: {type: text}}
steps:
  - {id: say, hosts: etcd-1, do: {host.run: {argv: [printf, '<%s>', '${{ text }}'], risk: look}}}
  - {id: again, hosts: etcd-1, do: {host.run: {script: 'printf \"<%s>\" ${{ text | quote }}', risk: look}}}
";

/// Makes the file `trap` where it is not quoted.
pub fn text(trap: &str) -> String {
    format!("it's \"a\"\n$(touch {trap})`touch {trap}`;touch {trap}\\ *")
}

/// Both ways of `SAY` have said the text with this trap, as the events of the run tell.
#[track_caller]
pub fn said_as_typed(events: &str, trap: &str) {
    let events = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let said: Vec<Value> = events
        .filter(|event| event["event"] == "call-ended")
        .map(|event| event["end"]["done"]["output"]["stdout"].clone())
        .collect();
    let typed = format!("<{}>", text(trap));
    assert_eq!(said, [typed.clone(), typed]);
}
