//! An error for people: what was tried and where, what came back, what it means, what to do next.

use super::{Ui, text};

/// The parts of an error, outermost first.
#[derive(Clone, Copy, Debug)]
pub struct ErrorView<'a> {
    pub what: &'a str,
    pub causes: &'a [String],
    pub hint: Option<&'a str>,
    pub exhibit: Option<&'a str>,
}

impl Ui {
    /// Prints an error on stderr.
    pub fn error(&self, view: ErrorView<'_>) {
        let paint = self.paint_talk();
        let width = self.screen.talk_width();
        let mut parts = Vec::new();
        parts.extend(view.exhibit.map(str::to_owned));
        parts.push(text::wrap(
            &format!("{} ", paint.red("error:")),
            &text::harmless(view.what),
            width,
        ));
        for cause in view.causes {
            parts.push(text::wrap("  ", &text::harmless(cause), width));
        }
        if let Some(hint) = view.hint {
            parts.push(text::wrap(&format!("{} ", paint.cyan("hint:")), hint, width));
        }
        self.talk(&parts.join("\n"));
    }

    /// Says that etcdops itself is wrong.
    pub fn bug(&self, what: &str) {
        let version = env!("CARGO_PKG_VERSION");
        self.error(ErrorView {
            what: &format!("this is a bug in etcdops {version}: {what}"),
            causes: &[],
            hint: Some("run the same command with `-v -v` and report what it says; `etcdops runs list` shows what was under way"),
            exhibit: None,
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::ui::screen::Screen;
    use crate::ui::{Manner, Ui};

    use super::ErrorView;

    #[test]
    fn tells_all_parts_and_wraps_between_words() {
        let (ui, captured) = Ui::captured(Manner::default(), Screen::plain(60));
        ui.error(ErrorView {
            what: "cannot stop unit etcd on tools-k8s-etcd-01.tools.eqiad.wmflabs",
            causes: &["sudo: a password is required".to_owned()],
            hint: Some("`-K` asks for the sudo password"),
            exhibit: None,
        });
        assert_eq!(
            captured.talk(),
            "\
error: cannot stop unit etcd on
       tools-k8s-etcd-01.tools.eqiad.wmflabs
  sudo: a password is required
hint: `-K` asks for the sudo password
"
        );
    }
}
