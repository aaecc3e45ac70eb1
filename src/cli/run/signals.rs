//! Signals while a program runs: they are the program's.

#[cfg(unix)]
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;

#[cfg(unix)]
use crate::fs;

/// Ctrl-C and the end of the terminal are for the program, which gets the same
/// signals, and what it did is kept. A request to end is passed on.
pub(super) fn watch_signals() -> anyhow::Result<Arc<AtomicBool>> {
    let ask_to_end = Arc::new(AtomicBool::new(false));
    ctrlc::set_handler(|| {}).context("cannot take over Ctrl-C")?;
    #[cfg(unix)]
    for (signal, flag) in [
        (signal_hook::consts::SIGTERM, Arc::clone(&ask_to_end)),
        (signal_hook::consts::SIGHUP, Arc::new(AtomicBool::new(false))),
    ] {
        // A program inherits that a signal is ignored, but not a handler.
        if !is_ignored(signal) {
            signal_hook::flag::register(signal, flag).context("cannot take over a signal")?;
        }
    }
    Ok(ask_to_end)
}

/// Is this signal ignored, as under nohup? Known on Linux only.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = fs::read(Path::new("/proc/self/status")).unwrap_or_default();
    let status = String::from_utf8_lossy(&status);
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
