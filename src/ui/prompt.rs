//! Every question. Read line by line from the terminal itself: a pipe cannot answer, no cursor is hidden, a dumb terminal will do.

mod terminal;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

use self::terminal::Terminal;
use super::{Ui, text};
use crate::base::secret::Secret;
use crate::run::consent::{Answer, Ask, Question, QuestionKind};

/// How long a question waits for its answer.
pub const PATIENCE: Duration = Duration::from_secs(600);
/// Wrong answers before a question counts as declined.
const TRIES: usize = 3;

/// There is nobody to ask.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no terminal to ask on")]
pub struct NoTerminal;

/// Asks on the terminal.
pub struct Prompt {
    ui: Arc<Ui>,
    /// How long each question waits.
    pub patience: Duration,
}

impl Ask for Prompt {
    fn ask<'a>(&'a self, question: &'a Question) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(self.put(question))
    }
}

/// What was typed.
#[derive(Debug, PartialEq, Eq)]
enum Typed {
    Line(String),
    /// Ctrl-C or Ctrl-D.
    End,
    /// Nothing, for too long.
    Late,
}

impl Prompt {
    pub fn new(ui: &Arc<Ui>) -> Self {
        Self {
            ui: Arc::clone(ui),
            patience: PATIENCE,
        }
    }

    async fn put(&self, question: &Question) -> Answer {
        let Ok(terminal) = Terminal::open() else {
            return Answer::NoTerminal;
        };
        let Shown { above, tail } = shown(question, &self.ui);
        self.ui.talk(&above);
        for _ in 0..TRIES {
            let line = match self.read(&terminal, &tail, false).await {
                Typed::Line(line) => line,
                ended => return self.ended(&ended),
            };
            match judge(&question.kind, &line) {
                Judged::Agreed => return Answer::Yes,
                Judged::Declined => return Answer::No,
                Judged::Again(why) => self.ui.talk(&why),
            }
        }
        Answer::No
    }

    /// One of these (name, what it means); `None`: declined or not answered.
    pub async fn choose(&self, question: &str, options: &[(String, String)]) -> Result<Option<usize>, NoTerminal> {
        let terminal = Terminal::open()?;
        self.ui.talk(&listed(question, options, self.ui.screen.talk_width()));
        let tail = format!("Type 1 to {}, or nothing to stop: ", options.len());
        for _ in 0..TRIES {
            let Typed::Line(line) = self.read(&terminal, &tail, false).await else {
                return Ok(None);
            };
            let word = line.trim();
            if word.is_empty() {
                return Ok(None);
            }
            if let Some(found) = chosen(word, options) {
                return Ok(Some(found));
            }
            self.ui.talk(&format!("`{}` is none of them.", text::harmless(word)));
        }
        Ok(None)
    }

    /// A secret, not shown while it is typed; `None`: declined or not answered.
    pub async fn password(&self, question: &str) -> Result<Option<Secret<String>>, NoTerminal> {
        let terminal = Terminal::open()?;
        let typed = self.read(&terminal, &format!("{question}: "), true).await;
        if matches!(typed, Typed::Line(_)) {
            // The line feed was not shown either.
            self.ui.talk("");
        }
        Ok(match typed {
            Typed::Line(line) => Some(Secret::new(line)),
            Typed::End | Typed::Late => None,
        })
    }

    /// Asks for one line behind `tail`. Ctrl-C ends the question, not the program.
    async fn read(&self, terminal: &Terminal, tail: &str, hidden: bool) -> Typed {
        let Ok(reader) = terminal.reader(hidden) else {
            return Typed::End;
        };
        // Listened for before the question stands there: from then on Ctrl-C may come.
        let Ok(mut interrupts) = signal(SignalKind::interrupt()) else {
            return Typed::End;
        };
        self.ui.ask(tail);
        let until = Instant::now() + self.patience;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let mut worker = tokio::task::spawn_blocking(move || reader.line(until, &stopped));
        let typed = tokio::select! {
            typed = &mut worker => typed.unwrap_or(Typed::End),
            _ = interrupts.recv() => {
                stop.store(true, Ordering::Relaxed);
                // It gives the terminal back first.
                let _ = worker.await;
                Typed::End
            }
        };
        if !matches!(typed, Typed::Line(_)) {
            self.ui.talk("");
        }
        typed
    }

    fn ended(&self, typed: &Typed) -> Answer {
        if *typed == Typed::Late {
            let minutes = self.patience.as_secs().div_ceil(60);
            self.ui.talk(&format!(
                "No answer within {}.",
                text::count(usize::try_from(minutes).unwrap_or(0), "minute")
            ));
            Answer::Unanswered
        } else {
            Answer::No
        }
    }
}

/// A question as it is drawn.
struct Shown {
    above: String,
    /// What stands before the cursor.
    tail: String,
}

/// The question with its detail, wrapped between words; names stand whole.
fn shown(question: &Question, ui: &Ui) -> Shown {
    let (width, paint) = (ui.screen.talk_width(), ui.paint_talk());
    let sentence = text::wrap("", &question.text, width);
    let mut lines: Vec<String> = sentence.lines().map(|line| paint.bold(line)).collect();
    lines.insert(0, String::new());
    for detail in &question.detail {
        lines.push(text::wrap("  - ", &text::harmless(detail), width));
    }
    let tail = match &question.kind {
        QuestionKind::YesNo if question.detail.is_empty() => {
            let last = lines.pop().unwrap_or_default();
            if text::width(&last) + 8 <= width {
                format!("{last} [y/N] ")
            } else {
                format!("{last}\n[y/N] ")
            }
        }
        QuestionKind::YesNo => "Agree? [y/N] ".to_owned(),
        QuestionKind::Typed(phrase) if 2 * text::width(phrase) + 8 <= width => format!("Type {phrase}: "),
        QuestionKind::Typed(phrase) => format!("Type\n  {phrase}\n> "),
    };
    Shown {
        above: lines.join("\n"),
        tail,
    }
}

enum Judged {
    Agreed,
    Declined,
    Again(String),
}

fn judge(kind: &QuestionKind, line: &str) -> Judged {
    let word = line.trim();
    match kind {
        _ if word.is_empty() => Judged::Declined,
        QuestionKind::Typed(phrase) if word == phrase => Judged::Agreed,
        QuestionKind::Typed(_) => Judged::Again(format!("`{}` is not it.", text::harmless(word))),
        QuestionKind::YesNo => match word.to_lowercase().as_str() {
            "y" | "yes" => Judged::Agreed,
            "n" | "no" => Judged::Declined,
            _ => Judged::Again("Type y or n.".to_owned()),
        },
    }
}

/// The options, numbered, each name whole.
fn listed(question: &str, options: &[(String, String)], columns: usize) -> String {
    let widest = options.iter().map(|(name, _)| text::width(name)).max().unwrap_or(0);
    let mut lines = vec![String::new(), text::wrap("", question, columns)];
    for (number, (name, meaning)) in options.iter().enumerate() {
        let head = format!("{:>3}  {}  ", number + 1, text::pad(name, widest));
        lines.push(text::wrap(&head, meaning, columns));
    }
    lines.join("\n")
}

/// By number or by name.
fn chosen(word: &str, options: &[(String, String)]) -> Option<usize> {
    let named = options.iter().position(|(name, _)| name == word);
    let numbered = || {
        let number: usize = word.parse().ok()?;
        (1..=options.len()).contains(&number).then(|| number - 1)
    };
    named.or_else(numbered)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::terminal::Reader;
    use super::*;
    use crate::ui::Manner;
    use crate::ui::screen::Screen;

    const HOST: &str = "tools-k8s-etcd-01.tools.eqiad.wmflabs.some.very.long.domain.example.org";

    #[test]
    fn a_long_name_is_never_cut_off_a_question() {
        let (ui, _) = Ui::captured(Manner::default(), Screen::plain(80));
        let question = Question {
            text: format!("Stop etcd on {HOST} and move its data aside?"),
            kind: QuestionKind::Typed(HOST.to_owned()),
            detail: vec![format!("The data directory of {HOST} is renamed, not deleted.")],
        };
        let Shown { above, tail } = shown(&question, &ui);
        assert_eq!(above.matches(HOST).count(), 2, "{above}");
        assert!(above.lines().all(|line| line.len() <= 80), "{above}");
        assert!(tail.lines().any(|line| line.trim() == HOST), "{tail}");
    }

    #[test]
    fn a_short_question_is_answered_on_its_own_line() {
        let (ui, _) = Ui::captured(Manner::default(), Screen::plain(80));
        let question = Question {
            text: "Carry out this plan on cluster tools-k8s?".to_owned(),
            kind: QuestionKind::YesNo,
            detail: Vec::new(),
        };
        let shown = shown(&question, &ui);
        assert_eq!(shown.above, "");
        assert_eq!(shown.tail, "Carry out this plan on cluster tools-k8s? [y/N] ");
    }

    #[test]
    fn only_a_clear_yes_agrees() {
        for (word, agreed) in [("y", true), ("YES", true), ("", false), ("n", false), (" no ", false)] {
            let judged = judge(&QuestionKind::YesNo, word);
            assert_eq!(matches!(judged, Judged::Agreed), agreed, "{word}");
            assert!(!matches!(judged, Judged::Again(_)), "{word}");
        }
        assert!(matches!(judge(&QuestionKind::YesNo, "yep"), Judged::Again(_)));
        let typed = QuestionKind::Typed("tools-k8s".to_owned());
        assert!(matches!(judge(&typed, "tools-k8s"), Judged::Agreed));
        assert!(matches!(judge(&typed, "y"), Judged::Again(_)));
        assert!(matches!(judge(&typed, "Tools-K8s"), Judged::Again(_)));
    }

    fn reader(stream: std::io::PipeReader) -> Reader {
        Reader {
            file: File::from(std::os::fd::OwnedFd::from(stream)),
            restore: None,
        }
    }

    #[test]
    fn ten_minutes_without_an_answer_are_no_answer() {
        let (stream, _open) = std::io::pipe().unwrap();
        let typed = reader(stream).line(Instant::now(), &AtomicBool::new(false));
        assert_eq!(typed, Typed::Late);
        let (ui, captured) = Ui::captured(Manner::default(), Screen::plain(80));
        assert_eq!(PATIENCE, std::time::Duration::from_mins(10));
        assert_eq!(Prompt::new(&ui).ended(&typed), Answer::Unanswered);
        assert!(captured.talk().contains("No answer within 10 minutes."));
    }

    #[test]
    fn an_answer_in_time_is_taken_and_one_that_nobody_waits_for_is_not() {
        use std::io::Write as _;
        let later = Instant::now() + PATIENCE;
        let (stream, mut typist) = std::io::pipe().unwrap();
        typist.write_all(b"yes\n").unwrap();
        let typed = reader(stream).line(later, &AtomicBool::new(false));
        assert_eq!(typed, Typed::Line("yes".to_owned()));
        let (stream, _open) = std::io::pipe().unwrap();
        assert_eq!(reader(stream).line(later, &AtomicBool::new(true)), Typed::End);
    }

    #[test]
    fn options_are_taken_by_number_or_name() {
        let options = [("start", "loses nothing"), ("from-survivor", "drops the tail")]
            .map(|(name, meaning)| (name.to_owned(), meaning.to_owned()));
        assert_eq!(chosen("2", &options), Some(1));
        assert_eq!(chosen("start", &options), Some(0));
        assert_eq!(chosen("3", &options), None);
        assert_eq!(
            listed("Which way?", &options, 80),
            "\nWhich way?\n  1  start          loses nothing\n  2  from-survivor  drops the tail"
        );
    }
}
