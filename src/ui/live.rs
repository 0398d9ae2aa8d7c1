//! On a terminal: the plain lines as scrollback, and one quiet line at the bottom that says what is under way.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::Ui;
use super::json_events::JsonEvents;
use super::lines::{Lines, progress};
use crate::event::{Event, EventKind, Renderer};

/// Lines with a status line under them.
pub struct Live {
    ui: Arc<Ui>,
    lines: Lines,
    /// What each host of the step at hand is doing.
    doing: BTreeMap<String, String>,
    began: Option<Timestamp>,
}

impl Live {
    pub fn new(ui: &Arc<Ui>, lines: Lines) -> Self {
        Self {
            ui: Arc::clone(ui),
            lines,
            doing: BTreeMap::new(),
            began: None,
        }
    }

    fn draw(&self, step: &str, at: Timestamp) {
        let number = self.lines.number(step);
        let elapsed = self.began.map_or(0, |began| at.duration_since(began).as_secs());
        let doing: Vec<String> = self
            .doing
            .iter()
            .map(|(host, what)| {
                if host.is_empty() {
                    what.clone()
                } else {
                    format!("{host}: {what}")
                }
            })
            .collect();
        let paint = self.ui.paint_talk();
        let text = if doing.is_empty() {
            step.to_owned()
        } else {
            doing.join(" · ")
        };
        self.ui.status(Some(
            &paint.dim(&format!("… {number}{elapsed}s  {}", super::text::harmless(&text))),
        ));
    }
}

impl Renderer for Live {
    fn show(&mut self, event: &Event) {
        match &event.kind {
            EventKind::StepStarted { step } => {
                self.lines.show(event);
                self.doing.clear();
                self.began = Some(event.at);
                self.draw(step, event.at);
            }
            EventKind::Waiting { step, host, text } => {
                self.doing.insert(host.clone().unwrap_or_default(), text.clone());
                self.draw(step, event.at);
            }
            EventKind::Progress {
                step,
                host,
                done,
                total,
            } => {
                self.doing
                    .insert(host.clone().unwrap_or_default(), progress(*done, *total));
                self.draw(step, event.at);
            }
            EventKind::CallEnded { step, host, .. } => {
                self.doing.remove(host.as_deref().unwrap_or_default());
                self.lines.show(event);
                self.draw(step, event.at);
            }
            EventKind::StepEnded { .. } | EventKind::Ended { .. } => {
                self.doing.clear();
                self.ui.status(None);
                self.lines.show(event);
            }
            _ => self.lines.show(event),
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.ui.status(None);
    }
}

/// The renderer that fits how this command prints. `earlier`: events of a run that goes on, not shown again.
pub fn renderer(ui: &Arc<Ui>, earlier: &[Event]) -> Box<dyn Renderer> {
    if ui.is_json() {
        let run = earlier.iter().find_map(|event| match &event.kind {
            EventKind::Created { plan, .. } => Some(plan.run.to_string()),
            _ => None,
        });
        let events = JsonEvents::new(ui);
        return Box::new(match run {
            Some(run) => events.of_run(&run),
            None => events,
        });
    }
    let lines = Lines::new(ui).after(earlier);
    if ui.screen.live && !ui.manner.quiet {
        Box::new(Live::new(ui, lines))
    } else {
        Box::new(lines)
    }
}
