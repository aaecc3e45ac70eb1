//! A line over a serial port, or over a pseudo-terminal, which the system treats as one.
//!
//! In: a path and a baud rate. Out: a [`Transport`]. The port is opened raw and for us alone. It refuses to
//! know which path to open and what the bytes mean.
//!
//! The DTR and RTS lines reset many boards (ESP32 boards tie them to reset and boot mode), so they are
//! touched in an order in which "reset" is never asserted: see `open` and `close`.

use std::io::{ErrorKind, IsTerminal, Read, Write};
use std::path::Path;
use std::time::Instant;

use serialport::SerialPort;

use super::error::OpenError;
use super::transport::{ReadError, Transport, WRITE_PATIENCE, WriteError, wait_until};

/// What a serial port is set to unless told otherwise: what MicroPython uses on a UART; USB ignores it.
pub const DEFAULT_BAUD: u32 = 115_200;

/// A serial port.
pub struct Serial {
    /// `None` once closed.
    port: Option<Box<dyn SerialPort>>,
    path: String,
}

impl Serial {
    /// Opens `path` raw, for us alone.
    ///
    /// # Errors
    /// [`OpenError`], which tells a port in use from one without permission and from none at all.
    pub fn open(path: &str, baud: u32) -> Result<Self, OpenError> {
        let builder = serialport::new(path, baud).timeout(WRITE_PATIENCE);
        // Windows leaves DTR off and some CP210x drivers switch it and RTS at different times: start with both
        // off, then DTR first. Unix kernels raise both at once when the port is opened, which no board minds.
        #[cfg(windows)]
        let builder = builder.dtr_on_open(false);
        let port = builder.open().map_err(|error| explain(path, &error))?;
        #[cfg(windows)]
        let port = {
            let mut port = port;
            // A board behind USB CDC sends only while DTR is on. A port without the lines says so; that is fine.
            let _ = port.write_request_to_send(false);
            let _ = port.write_data_terminal_ready(true);
            let _ = port.write_request_to_send(true);
            port
        };
        Ok(Self { port: Some(port), path: path.to_owned() })
    }
}

/// Finds out why the system refused; the serial library calls most of it "no device".
fn explain(path: &str, error: &serialport::Error) -> OpenError {
    let reason = error.to_string();
    let path_text = path.to_owned();
    if let serialport::ErrorKind::Io(ErrorKind::PermissionDenied) = error.kind() {
        // Windows says "access denied" for a port that somebody else has open.
        return if cfg!(windows) {
            OpenError::Busy { path: path_text, reason }
        } else {
            OpenError::Denied { path: path_text, reason }
        };
    }
    if cfg!(unix) && !Path::new(path).exists() {
        return OpenError::NotFound { path: path_text };
    }
    if cfg!(unix) {
        // Only the plain `open` tells these apart. A port that opens plainly was refused its lock.
        return match std::fs::OpenOptions::new().read(true).write(true).open(path) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                OpenError::Denied { path: path_text, reason: error.to_string() }
            }
            Err(error) if error.kind() == ErrorKind::ResourceBusy => {
                OpenError::Busy { path: path_text, reason: error.to_string() }
            }
            Err(error) => OpenError::Other { path: path_text, reason: error.to_string() },
            Ok(file) if !file.is_terminal() => {
                OpenError::Other { path: path_text, reason: "it is no serial port".to_owned() }
            }
            Ok(_) => OpenError::Busy { path: path_text, reason },
        };
    }
    match error.kind() {
        serialport::ErrorKind::NoDevice => OpenError::NotFound { path: path_text },
        _ => OpenError::Other { path: path_text, reason },
    }
}

impl Transport for Serial {
    fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize, ReadError> {
        let port = self.port.as_mut().ok_or_else(|| ReadError::closed("closed by us"))?;
        loop {
            let wait = wait_until(deadline);
            port.set_timeout(wait).map_err(|error| ReadError::closed(error.to_string()))?;
            match port.read(buffer) {
                Ok(0) => return Err(ReadError::closed("end of file")),
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == ErrorKind::TimedOut => {
                    return Err(ReadError::timed_out());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(ReadError::closed(error.to_string())),
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let port = self.port.as_mut().ok_or_else(|| WriteError::closed("closed by us"))?;
        port.set_timeout(WRITE_PATIENCE).map_err(|error| WriteError::closed(error.to_string()))?;
        port.write_all(bytes).map_err(|error| match error.kind() {
            ErrorKind::TimedOut => WriteError::TimedOut,
            _ => WriteError::closed(error.to_string()),
        })
    }

    fn close(&mut self) {
        if let Some(mut port) = self.port.take() {
            // RTS before DTR: the other order passes through "reset" on boards with an auto-reset circuit.
            // Pseudo-terminals have neither line; their complaint is not news.
            let _ = port.write_request_to_send(false);
            let _ = port.write_data_terminal_ready(false);
        }
    }

    fn description(&self) -> &str {
        &self.path
    }
}

impl Drop for Serial {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_port_is_told_from_one_in_use() {
        let refused =
            |path: &str| Serial::open(path, DEFAULT_BAUD).map(|_| ()).expect_err("no port");
        assert!(matches!(refused("/dev/null"), OpenError::Other { .. }));
        assert!(refused("/dev/null").to_string().contains("it is no serial port"));
        assert!(matches!(refused("/dev/nothing"), OpenError::NotFound { .. }));
    }
}
