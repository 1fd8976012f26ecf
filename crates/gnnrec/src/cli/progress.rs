//! Progress on standard error: bars on a terminal, plain lines elsewhere, nothing with `--quiet`.

mod bars;
mod lines;

use std::io::{self, IsTerminal, Stderr, Write};

use gnnrec::data::{FetchProgress, Fetched, How};
use gnnrec::experiment::{Event, Progress};

use bars::Bars;
use lines::Lines;

/// Who watches this process.
pub(crate) enum Watch {
    /// Nobody.
    Quiet,
    /// A terminal.
    Bars(Bars),
    /// A file or a pipe.
    Lines(Lines<Stderr>),
}

impl Watch {
    /// Whoever reads standard error.
    pub(crate) fn new(quiet: bool) -> Self {
        match quiet {
            true => Self::Quiet,
            false if io::stderr().is_terminal() => Self::Bars(Bars::new()),
            false => Self::Lines(Lines::new(io::stderr())),
        }
    }

    /// Something begins whose length is not known; it ends with the next thing, or with `self`.
    pub(crate) fn begin(&mut self, what: &str) {
        match self {
            Self::Quiet => {}
            Self::Bars(bars) => bars.spin(what),
            Self::Lines(lines) => lines.say(what),
        }
    }

    /// Somebody who can say a line from any thread without breaking the bars.
    pub(crate) fn speaker(&self) -> Box<dyn Fn(&str) + Send> {
        match self {
            Self::Bars(bars) => Box::new(bars.speaker()),
            // Nobody is left to be told if standard error is closed.
            Self::Quiet | Self::Lines(_) => Box::new(|line| drop(writeln!(io::stderr(), "{line}"))),
        }
    }
}

impl Progress for Watch {
    fn on(&mut self, event: &Event<'_>) {
        match self {
            Self::Quiet => {}
            Self::Bars(bars) => bars.on(event),
            Self::Lines(lines) => lines.on(event),
        }
    }
}

impl FetchProgress for Watch {
    fn begin(&mut self, name: &str, total: Option<u64>, have: u64) {
        match self {
            Self::Quiet => {}
            Self::Bars(bars) => bars.begin_bytes(name, total, have),
            Self::Lines(lines) => lines.begin_bytes(name, total, have),
        }
    }

    fn advance(&mut self, bytes: u64) {
        match self {
            Self::Quiet => {}
            Self::Bars(bars) => bars.advance_bytes(bytes),
            Self::Lines(lines) => lines.advance_bytes(bytes),
        }
    }

    fn end(&mut self, file: &Fetched) {
        let line = format!("{}: {}", file.path, how(file.how));
        match self {
            Self::Quiet => {}
            Self::Bars(bars) => bars.say(&line),
            Self::Lines(lines) => lines.say(&line),
        }
    }
}

const fn how(how: How) -> &'static str {
    match how {
        How::Present => "here already, and right",
        How::Copied => "copied and verified",
        How::Downloaded => "downloaded and verified",
        How::Unpacked => "unpacked and verified",
    }
}
