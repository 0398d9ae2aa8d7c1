//! The steps of a plan: grouped by path, numbered, each with what must hold before and after.

use super::{View, section, strip};
use crate::action::registry;
use crate::action::{GiveBack, Named, Risk, Site};
use crate::plan::types::{HoldRole, Plan, PlannedCall, PlannedStep};
use crate::ui::paint::Tone;
use crate::ui::text::{self, harmless};

/// What a person could type for a call of a step; nothing where there is no such thing.
pub type Commands<'a> = dyn Fn(&PlannedStep, &PlannedCall) -> Vec<String> + 'a;

/// Under the text of a step: as wide as `   3 DESTROY  `.
const UNDER: usize = 14;

/// All steps under the names of their groups.
pub(super) fn render(plan: &Plan, view: &View<'_>) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut group: Vec<&str> = Vec::new();
    for (index, step) in plan.steps.iter().enumerate() {
        let folders = folders(&step.path);
        if folders != group {
            let same = folders.iter().zip(&group).take_while(|(new, old)| new == old).count();
            if !lines.is_empty() && same == 0 {
                lines.push(String::new());
            }
            if !folders.is_empty() {
                let name = folders.join(" › ");
                lines.push(view.paint.cyan(&text::wrap("  ", &harmless(&name), view.columns)));
            }
            group = folders;
        }
        lines.extend(one(plan, index, step, view));
    }
    section(view, "Steps", &lines.join("\n"))
}

/// `grow[etcd-2]/joined/add` → `grow[etcd-2]`, `joined`. A slash inside brackets belongs to the key.
fn folders(path: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    let mut parts = vec![0];
    for (place, letter) in path.char_indices() {
        match letter {
            '[' => depth += 1,
            ']' => depth -= 1,
            '/' if depth == 0 => parts.push(place + 1),
            _ => {}
        }
    }
    parts.windows(2).map(|pair| &path[pair[0]..pair[1] - 1]).collect()
}

fn one(plan: &Plan, index: usize, step: &PlannedStep, view: &View<'_>) -> Vec<String> {
    let mut drawn = Drawn::new(index, step, view);
    if view.done.contains(&step.path) {
        drawn.lines.push(format!(
            "{:>4} {}",
            index + 1,
            view.paint.dim(&format!("done     {}", step.path))
        ));
        return drawn.lines;
    }
    drawn.calls(step);
    for call in &step.calls {
        drawn.conditions(plan, step, call);
    }
    if let Some(commands) = view.commands {
        for call in &step.calls {
            drawn.commands(call, &commands(step, call));
        }
    }
    drawn.hold(plan, step);
    drawn.quorum(step);
    drawn.lines
}

struct Drawn<'a> {
    index: usize,
    risk: Risk,
    view: &'a View<'a>,
    lines: Vec<String>,
    /// Lines that several calls of the step share are told once.
    told: Vec<String>,
}

impl<'a> Drawn<'a> {
    fn new(index: usize, step: &PlannedStep, view: &'a View<'a>) -> Self {
        Self {
            index,
            risk: step.risk,
            view,
            lines: Vec::new(),
            told: Vec::new(),
        }
    }

    /// The first line of a step: number, risk, hosts, what.
    fn first(&mut self, body: &str) {
        let (word, tone) = match self.risk {
            Risk::Look => ("look", Tone::Faint),
            Risk::Change => ("change", Tone::Strong),
            Risk::Destroy => ("DESTROY", Tone::Bad),
        };
        let risk = self.view.paint.tone(tone, word);
        let head = format!("{:>4} {}  ", self.index + 1, text::pad(&risk, 7));
        self.lines.push(text::wrap(&head, body, self.view.columns));
    }

    fn under(&mut self, label: &str, body: &str) {
        let shown = format!("{}{} ", " ".repeat(UNDER), self.view.paint.dim(label));
        let line = text::wrap(&shown, body, self.view.columns);
        if !self.told.contains(&line) {
            self.told.push(line.clone());
            self.lines.push(line);
        }
    }

    /// One line where all hosts do the same, otherwise one for each.
    fn calls(&mut self, step: &PlannedStep) {
        let at_once = at_once(step);
        let same = step.calls.windows(2).all(|pair| pair[0].describe == pair[1].describe);
        let hosts: Vec<&str> = step.calls.iter().filter_map(|call| call.host.as_deref()).collect();
        let what = step.calls.first().map_or("", |call| call.describe.as_str());
        let what = harmless(what);
        match &step.title {
            Some(title) => self.first(&harmless(title)),
            None if same && hosts.is_empty() => self.first(&what),
            None if same => self.first(&format!("{}: {what}{at_once}", hosts.join(", "))),
            None => self.first(&format!("on {}{at_once}", text::count(step.calls.len(), "host"))),
        }
        let told = step.title.is_some() && step.calls.iter().all(only_waits);
        if step.title.is_some() && same && !told {
            let place = if hosts.is_empty() {
                String::new()
            } else {
                format!("{}: ", hosts.join(", "))
            };
            self.under("·", &format!("{place}{what}{at_once}"));
        } else if !same && !told {
            for call in &step.calls {
                let place = call.host.as_ref().map_or_else(String::new, |host| format!("{host}: "));
                self.under("·", &format!("{place}{}", harmless(&call.describe)));
            }
        }
    }

    fn conditions(&mut self, plan: &Plan, step: &PlannedStep, call: &PlannedCall) {
        if let Some(loses) = &call.loses {
            let label = self.view.paint.red("loses:");
            self.under(&label, &harmless(loses));
        }
        for condition in &call.done_when {
            self.under("not needed if:", &wording(plan, step, call, condition));
        }
        for condition in &call.guard {
            self.under("only if:", &wording(plan, step, call, condition));
        }
        let within = step.within.map_or_else(String::new, |span| format!(" (within {span})"));
        for condition in &call.expect {
            let text = wording(plan, step, call, condition);
            self.under("until:", &format!("{text}{within}"));
        }
    }

    fn commands(&mut self, call: &PlannedCall, commands: &[String]) {
        let Some(first) = commands.first() else {
            return;
        };
        let place = call.host.as_deref().filter(|_| !first.starts_with("ssh "));
        if let Some(host) = place {
            self.lines.push(format!(
                "{}{}",
                " ".repeat(UNDER),
                self.view.paint.dim(&format!("# on {host}"))
            ));
        }
        // Commands are copied: they are neither wrapped nor coloured.
        for line in commands.iter().flat_map(|command| command.lines()) {
            self.lines
                .push(format!("{}{}", " ".repeat(UNDER), harmless(line)).trim_end().to_owned());
        }
    }

    fn hold(&mut self, plan: &Plan, step: &PlannedStep) {
        match &step.hold {
            Some(HoldRole::Take { hold, give_back }) => {
                let given = plan
                    .steps
                    .iter()
                    .position(|other| matches!(&other.hold, Some(HoldRole::Give { hold: path, .. }) if path == hold));
                let by = given.map_or_else(|| "at the end".to_owned(), |index| format!("by step {}", index + 1));
                let also = match give_back {
                    GiveBack::Always => "also after a failure",
                    GiveBack::OnSuccess => "only if all goes well; after a failure it stays",
                };
                self.under("held:", &format!("given back {by}, {also}"));
            }
            Some(HoldRole::Give { hold, .. }) => {
                let taken = plan
                    .steps
                    .iter()
                    .position(|other| matches!(&other.hold, Some(HoldRole::Take { hold: path, .. }) if path == hold));
                if let Some(index) = taken {
                    self.under("gives back:", &format!("what step {} took", index + 1));
                }
            }
            None => {}
        }
    }

    fn quorum(&mut self, step: &PlannedStep) {
        if let Some(outage) = &step.outage {
            let label = self.view.paint.red("outage:");
            self.under(&label, &harmless(outage));
        }
        let (Some(before), Some(after)) = (&step.model_before, &step.model_after) else {
            return;
        };
        let mut meanwhile = before.clone();
        for call in step.calls.iter().filter(|call| call.takes_member_down) {
            if let Some(member) = call.host.as_deref().and_then(|host| meanwhile.on_host_mut(host)) {
                member.up = false;
            }
        }
        if meanwhile.strip() != before.strip() && meanwhile.strip() != after.strip() {
            let text = strip(&meanwhile, self.view.paint);
            self.under("meanwhile:", &text);
        }
        if before.strip() != after.strip() {
            let text = strip(after, self.view.paint);
            self.under("quorum:", &text);
        }
    }
}

/// ` (all at once)`, where it is not one host.
fn at_once(step: &PlannedStep) -> String {
    match (step.calls.len(), step.at_once) {
        (0 | 1, _) => String::new(),
        (_, None) => " (all at once)".to_owned(),
        (_, Some(1)) => " (one at a time)".to_owned(),
        (_, Some(count)) => format!(" ({count} at a time)"),
    }
}

/// What a step that only waits waits for, unless its title says so.
pub(in crate::ui) fn waits_for(plan: &Plan, step: &PlannedStep) -> Option<String> {
    let untitled = step.title.is_none();
    let call = step.calls.first().filter(|call| untitled && only_waits(call))?;
    let texts: Vec<String> = call
        .expect
        .iter()
        .map(|condition| wording(plan, step, call, condition))
        .collect();
    (!texts.is_empty()).then(|| format!("wait until {}", texts.join("; ")))
}

fn only_waits(call: &PlannedCall) -> bool {
    call.action.name == "wait"
}

/// The condition's own words; its name where they cannot be had.
fn wording(plan: &Plan, step: &PlannedStep, call: &PlannedCall, condition: &Named) -> String {
    let site = Site {
        cluster: &plan.cluster,
        host: call.host.as_deref().and_then(|name| plan.cluster.host(name)),
        run: &plan.run,
        step: &step.path,
        dead: &plan.dead,
        timeout: plan.cluster.call_timeout,
        attempts: 0,
        last_attempt: 0,
    };
    let words = registry::condition(condition).map(|condition| condition.text(&site));
    harmless(&words.unwrap_or_else(|_| late_wording(condition)))
}

/// A condition that waits for the output of an earlier step.
fn late_wording(condition: &Named) -> String {
    format!("{} {} (known during the run)", condition.name, condition.with)
}

#[cfg(test)]
mod tests {
    use super::super::render as plan_view;
    use super::*;
    use crate::ui::paint::Paint;
    use crate::ui::sample;

    #[test]
    fn folders_of_a_path_keep_their_keys() {
        assert_eq!(folders("grow[https://a/b]/joined/add"), ["grow[https://a/b]", "joined"]);
        assert!(folders("stop").is_empty());
    }

    #[test]
    fn a_plan_at_80_columns() {
        let text = plan_view(&sample::plan(), &View::new(80, Paint::PLAIN));
        assert_eq!(
            text,
            "\
Restart etcd-2
  cluster tools-k8s · runbook restart · run 2026-11-20-1304-k3f9
  with hosts=etcd-2

Observed
  cluster cdf818c672c70bdf: voters 3, up 3, needed 2, tolerates 1
  MEMBER            NAME    ROLE   STATE  VERSION
  8211f1d0f64f3261  etcd-1  voter  up     3.5.30
  8211f1d0f64f3262  etcd-2  voter  up     3.5.30
  8211f1d0f64f3263  etcd-3  voter  up     3.5.30

Requires
  ✓ every member is healthy (found: 3 of 3 healthy)
  ! the clocks of all hosts agree within 1s (found: etcd-3 is 4.1s ahead); does
    not hold, accepted on your word

Steps
  restart[etcd-2]
   1 change   move leadership away from etcd-2
   2 DESTROY  etcd-2: stop etcd
              loses: etcd-2 serves nobody until it is started
              only if: every voter is healthy
              held: given back by step 4, also after a failure
              quorum: voters 3, up 2, needed 2, tolerates 0
   3 change   etcd-2: start etcd
              until: every voter is healthy (within 2m)
              quorum: voters 3, up 3, needed 2, tolerates 1
   4 change   etcd-2: start etcd, if it is stopped
              gives back: what step 2 took

Notes
  - etcd-3 runs with debug logging until 13:30; that is left as it is.

4 steps: 3 change, 1 destroy; on etcd-2."
        );
        assert!(
            text.lines()
                .all(|line| line.chars().count() <= 80 && line.trim_end() == line)
        );
    }

    #[test]
    fn commands_are_shown_whole_where_they_are_asked_for() {
        let long = format!("systemctl stop etcd && {}", "x".repeat(100));
        let commands = |_: &PlannedStep, call: &PlannedCall| {
            if call.host.is_some() {
                vec![long.clone()]
            } else {
                Vec::new()
            }
        };
        let mut view = View::new(80, Paint::PLAIN);
        view.commands = Some(&commands);
        let text = plan_view(&sample::plan(), &view);
        assert_eq!(text.matches(&long).count(), 3, "{text}");
        assert_eq!(text.matches("# on etcd-2").count(), 3, "{text}");
    }

    #[test]
    fn hosts_that_do_the_same_share_a_line_and_long_names_stay_whole() {
        let names: Vec<String> = (1..=5)
            .map(|number| format!("tools-k8s-etcd-{number:02}.tools.eqiad1.wikimedia.cloud"))
            .collect();
        let calls = names
            .iter()
            .map(|name| sample::call(Some(name), "file.put", "put the backup"))
            .collect();
        let mut plan = sample::plan();
        plan.steps = vec![sample::step("prepared/upload", Risk::Change, calls)];
        let text = plan_view(&plan, &View::new(80, Paint::PLAIN));
        for name in &names {
            assert_eq!(text.matches(name.as_str()).count(), 2, "{text}");
        }
        assert!(text.contains("(all at once)"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
}
