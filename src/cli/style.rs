//! Messages on standard error, and whether to colour.

use std::io::{IsTerminal, Write};

use clap::ValueEnum;

use super::progress;

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Shall text on this stream be coloured? The option, then `FORCE_COLOR`,
    /// `NO_COLOR`, `TERM=dumb`, and last whether it is a terminal.
    pub(super) fn on(self, stream: &impl IsTerminal) -> bool {
        let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
        match self {
            Color::Always => true,
            Color::Never => false,
            Color::Auto if set("FORCE_COLOR") || set("CLICOLOR_FORCE") => true,
            Color::Auto if set("NO_COLOR") => false,
            Color::Auto if std::env::var_os("TERM").is_some_and(|t| t == "dumb") => false,
            Color::Auto => stream.is_terminal(),
        }
    }
}

/// Says what went wrong.
pub(super) fn error(text: &str, color: Color) {
    message("error", "\x1b[1;31m", text, color);
}

/// Says what the user should know.
pub(super) fn warning(text: &str, color: Color) {
    message("warning", "\x1b[1;33m", text, color);
}

fn message(kind: &str, paint: &str, text: &str, color: Color) {
    progress::aside(|| {
        let mut err = std::io::stderr().lock();
        let (on, off) = if color.on(&err) { (paint, "\x1b[0m") } else { ("", "") };
        let _ = writeln!(err, "mpycov: {on}{kind}{off}: {text}");
    });
}

/// A plain line on standard error.
pub(super) fn note(text: &str) {
    progress::aside(|| {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    });
}
