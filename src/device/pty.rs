//! A line over the pseudo-terminal that a command opens and names (`execpty:CMD`).
//!
//! In: a command whose first line of output names a pseudo-terminal, as `qemu-system-arm … -serial pty` prints
//! it; MicroPython's own test runner has the same convention. Out: a [`Transport`] that ends the command when
//! it is closed. Unix only. It refuses to make terminals of its own: commands that speak on their standard
//! streams are for [`super::process`].

use std::time::Instant;

use super::error::OpenError;
use super::transport::{ReadError, Transport, WriteError};

/// A command and the pseudo-terminal it opened.
pub struct CommandPty {
    #[cfg(unix)]
    inner: unix::Parts,
    description: String,
}

impl CommandPty {
    /// Starts `command`, whose words are separated by white space (no shell), and opens the terminal it names.
    ///
    /// # Errors
    /// [`OpenError`] when the command does not start, names no terminal, or the terminal does not open.
    pub fn open(command: &str) -> Result<Self, OpenError> {
        #[cfg(unix)]
        return Ok(Self {
            inner: unix::Parts::open(command)?,
            description: format!("execpty:{command}"),
        });
        #[cfg(not(unix))]
        return Err(OpenError::Unsupported { what: format!("execpty:{command}") });
    }
}

#[cfg(unix)]
mod unix {
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Command, Stdio};
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use crate::device::error::OpenError;
    use crate::device::process::Group;
    use crate::device::serial::{DEFAULT_BAUD, Serial};

    /// How long a command may take to name its terminal.
    const PATIENCE: Duration = Duration::from_secs(10);

    pub(super) struct Parts {
        // Dropped in this order: the terminal first, then what is behind it.
        pub(super) line: Serial,
        pub(super) command: Group,
    }

    impl Parts {
        pub(super) fn open(command: &str) -> Result<Self, OpenError> {
            let mut words = command.split_whitespace();
            let program = words.next().unwrap_or_default();
            let mut start = Command::new(program);
            // Emulators print the name of the terminal on either stream.
            let (reader, writer) = std::io::pipe().map_err(|error| OpenError::Command {
                command: command.to_owned(),
                reason: error.to_string(),
            })?;
            let second = writer.try_clone().map_err(|error| OpenError::Command {
                command: command.to_owned(),
                reason: error.to_string(),
            })?;
            start.args(words).stdin(Stdio::null()).stdout(writer).stderr(second);
            let child = Group::spawn(start, command)?;
            let (sender, first_line) = channel();
            std::thread::spawn(move || {
                let mut reader = BufReader::new(reader);
                let mut line = Vec::new();
                let _ = reader.read_until(b'\n', &mut line);
                let _ = sender.send(line);
                // Go on reading: a command that fills the pipe would stop.
                let _ = std::io::copy(&mut reader.by_ref(), &mut std::io::sink());
            });
            let seen = first_line.recv_timeout(PATIENCE).unwrap_or_default();
            let Some(path) = terminal_in(&String::from_utf8_lossy(&seen)) else {
                return Err(OpenError::NoPty { command: command.to_owned(), seen });
            };
            // Some emulators need a moment between naming the terminal and running the board.
            std::thread::sleep(Duration::from_millis(100));
            Ok(Self { line: Serial::open(&path, DEFAULT_BAUD)?, command: child })
        }
    }

    /// The first `/dev/pts/N` (Linux) or `/dev/ttysNNN` (macOS) in a line.
    fn terminal_in(line: &str) -> Option<String> {
        ["/dev/pts/", "/dev/ttys"].iter().find_map(|prefix| {
            let start = line.find(prefix)?;
            let digits =
                line[start + prefix.len()..].bytes().take_while(u8::is_ascii_hexdigit).count();
            (digits > 0).then(|| line[start..start + prefix.len() + digits].to_owned())
        })
    }

    #[cfg(test)]
    mod tests {
        use super::terminal_in;

        #[test]
        fn the_terminal_is_found_in_what_emulators_print() {
            let qemu = "char device redirected to /dev/pts/12 (label serial0)\n";
            assert_eq!(terminal_in(qemu).as_deref(), Some("/dev/pts/12"));
            assert_eq!(terminal_in("/dev/ttys004").as_deref(), Some("/dev/ttys004"));
            assert_eq!(terminal_in("no terminal, /dev/pts/ is empty"), None);
        }
    }
}

#[cfg(unix)]
impl Transport for CommandPty {
    fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize, ReadError> {
        self.inner.line.read(buffer, deadline)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.inner.line.write(bytes)
    }

    fn close(&mut self) {
        self.inner.line.close();
        self.inner.command.end();
    }

    fn description(&self) -> &str {
        &self.description
    }
}

#[cfg(not(unix))]
impl Transport for CommandPty {
    fn read(&mut self, _buffer: &mut [u8], _deadline: Instant) -> Result<usize, ReadError> {
        Err(ReadError::closed("no pseudo-terminals here"))
    }

    fn write(&mut self, _bytes: &[u8]) -> Result<(), WriteError> {
        Err(WriteError::closed("no pseudo-terminals here"))
    }

    fn close(&mut self) {}

    fn description(&self) -> &str {
        &self.description
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_command_without_a_terminal_is_told_so() {
        let error = CommandPty::open("echo hello").err().expect("fails");
        assert!(error.to_string().contains("hello"), "{error}");
        assert!(matches!(
            CommandPty::open("no-such-command-at-all"),
            Err(OpenError::Command { .. })
        ));
    }
}
