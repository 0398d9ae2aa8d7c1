//! What is known of the terminal: how wide, whether coloured, whether lines can be drawn over.

use std::io::IsTerminal;

/// Prose is not wider than this, however wide the terminal.
const WIDEST_PROSE: usize = 110;
/// Prose without a terminal.
const PROSE_WITHOUT_TERMINAL: usize = 100;
const NARROWEST: usize = 40;

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorWhen {
    /// On a terminal that can, unless `NO_COLOR` is set.
    #[default]
    Auto,
    Always,
    Never,
}

/// The terminal, or what stands in for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Columns of stdout; `None`: no terminal, nothing is fitted.
    pub data_columns: Option<usize>,
    /// Columns of stderr.
    pub talk_columns: Option<usize>,
    pub color_data: bool,
    pub color_talk: bool,
    /// A line of stderr can be drawn over.
    pub live: bool,
}

impl Screen {
    /// Looks at this process's streams and environment. `COLUMNS` wins over what the terminal says.
    pub fn detect(color: ColorWhen) -> Self {
        let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        apply_to_libraries(color);
        let (out, err) = (std::io::stdout(), std::io::stderr());
        Self {
            data_columns: columns.or_else(|| columns_of(&out)).map(|width| width.max(NARROWEST)),
            talk_columns: columns.or_else(|| columns_of(&err)).map(|width| width.max(NARROWEST)),
            color_data: colored(color, &out),
            color_talk: colored(color, &err),
            live: err.is_terminal() && !dumb,
        }
    }

    /// No terminal, no colour, a fixed width.
    pub fn plain(columns: usize) -> Self {
        Self {
            data_columns: Some(columns),
            talk_columns: Some(columns),
            color_data: false,
            color_talk: false,
            live: false,
        }
    }

    /// Where prose on stdout is wrapped.
    pub fn data_width(&self) -> usize {
        self.data_columns.unwrap_or(PROSE_WITHOUT_TERMINAL)
    }

    /// Where prose on stderr is wrapped.
    pub fn talk_width(&self) -> usize {
        self.talk_columns.unwrap_or(PROSE_WITHOUT_TERMINAL)
    }

    /// Where long sentences are wrapped: not wider than a person reads.
    pub fn prose_width(&self) -> usize {
        self.data_width().min(WIDEST_PROSE)
    }
}

fn colored(when: ColorWhen, stream: &impl anstream::stream::RawStream) -> bool {
    match when {
        ColorWhen::Always => true,
        ColorWhen::Never => false,
        ColorWhen::Auto => anstream::AutoStream::choice(stream) != anstream::ColorChoice::Never,
    }
}

fn apply_to_libraries(when: ColorWhen) {
    let choice = match when {
        ColorWhen::Auto => return,
        ColorWhen::Always => anstream::ColorChoice::Always,
        ColorWhen::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
    console::set_colors_enabled(when == ColorWhen::Always);
    console::set_colors_enabled_stderr(when == ColorWhen::Always);
}

fn columns_of(stream: &(impl IsTerminal + std::os::fd::AsFd)) -> Option<usize> {
    if !stream.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    // A terminal that was never told its size says 0.
    Some(if size.ws_col == 0 { 80 } else { usize::from(size.ws_col) })
}
