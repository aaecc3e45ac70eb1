//! A line over a network socket (`socket://HOST:PORT`), or over a Unix socket (`socket:///PATH`).
//!
//! In: an address. Out: a [`Transport`]. It refuses to know any protocol on top: no telnet, no RFC 2217, just
//! the board's bytes, as emulators and serial-to-network bridges pass them on.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::error::OpenError;
use super::transport::{ReadError, Transport, WRITE_PATIENCE, WriteError, wait_until};

/// How long a host may take to accept a connection.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// A connected socket.
pub struct Socket {
    stream: Option<Stream>,
    address: String,
}

enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Socket {
    /// Connects to `address`: `HOST:PORT`, or the path of a Unix socket, which starts with `/`.
    ///
    /// # Errors
    /// [`OpenError::Unreachable`] when nobody answers there.
    pub fn open(address: &str) -> Result<Self, OpenError> {
        let name = format!("socket://{address}");
        let unreachable = |reason: String| OpenError::Unreachable { address: name.clone(), reason };
        let stream = if address.starts_with('/') {
            open_unix(address)?
        } else {
            Stream::Tcp(open_tcp(address).map_err(unreachable)?)
        };
        Ok(Self { stream: Some(stream), address: name })
    }
}

fn open_tcp(address: &str) -> Result<TcpStream, String> {
    let mut last = "the name has no address".to_owned();
    for candidate in address.to_socket_addrs().map_err(|error| error.to_string())? {
        match TcpStream::connect_timeout(&candidate, CONNECT_PATIENCE) {
            Ok(stream) => {
                // Small writes are the rule here, and each waits for an answer.
                stream.set_nodelay(true).map_err(|error| error.to_string())?;
                stream
                    .set_write_timeout(Some(WRITE_PATIENCE))
                    .map_err(|error| error.to_string())?;
                return Ok(stream);
            }
            Err(error) => last = error.to_string(),
        }
    }
    Err(last)
}

#[cfg(unix)]
fn open_unix(path: &str) -> Result<Stream, OpenError> {
    let connect = || {
        let stream = UnixStream::connect(path)?;
        stream.set_write_timeout(Some(WRITE_PATIENCE))?;
        Ok(Stream::Unix(stream))
    };
    connect().map_err(|error: std::io::Error| OpenError::Unreachable {
        address: format!("socket://{path}"),
        reason: error.to_string(),
    })
}

#[cfg(not(unix))]
fn open_unix(path: &str) -> Result<Stream, OpenError> {
    Err(OpenError::Unsupported { what: format!("the Unix socket {path}") })
}

impl Stream {
    fn read(&mut self, buffer: &mut [u8], wait: Duration) -> std::io::Result<usize> {
        match self {
            Self::Tcp(stream) => {
                stream.set_read_timeout(Some(wait))?;
                stream.read(buffer)
            }
            #[cfg(unix)]
            Self::Unix(stream) => {
                stream.set_read_timeout(Some(wait))?;
                stream.read(buffer)
            }
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes),
            #[cfg(unix)]
            Self::Unix(stream) => stream.write_all(bytes),
        }
    }
}

impl Transport for Socket {
    fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize, ReadError> {
        let stream = self.stream.as_mut().ok_or_else(|| ReadError::closed("closed by us"))?;
        loop {
            match stream.read(buffer, wait_until(deadline)) {
                Ok(0) => return Err(ReadError::closed("the other end hung up")),
                Ok(count) => return Ok(count),
                Err(error) if is_time_out(error.kind()) => return Err(ReadError::timed_out()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(ReadError::closed(error.to_string())),
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let stream = self.stream.as_mut().ok_or_else(|| WriteError::closed("closed by us"))?;
        stream.write_all(bytes).map_err(|error| {
            if is_time_out(error.kind()) {
                WriteError::TimedOut
            } else {
                WriteError::closed(error.to_string())
            }
        })
    }

    fn close(&mut self) {
        self.stream = None;
    }

    fn description(&self) -> &str {
        &self.address
    }
}

/// Unix says "would block" for a time-out, Windows says "timed out".
fn is_time_out(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_pass_and_a_hang_up_is_seen() {
        let server = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = server.local_addr().expect("its address").to_string();
        let mut line = Socket::open(&address).expect("connects");
        let (mut peer, _) = server.accept().expect("accepts");
        line.write(b"ping").expect("writes");
        let mut buffer = [0; 8];
        peer.read_exact(&mut buffer[..4]).expect("reads");
        assert_eq!(line.read(&mut buffer, Instant::now()), Err(ReadError::timed_out()));
        peer.write_all(b"pong").expect("writes");
        assert_eq!(line.read(&mut buffer, Instant::now() + WRITE_PATIENCE), Ok(4));
        drop(peer);
        let end = line.read(&mut buffer, Instant::now() + WRITE_PATIENCE);
        assert!(matches!(end, Err(ReadError::Closed { .. })), "{end:?}");
    }

    #[test]
    fn nobody_there_is_said() {
        // A port that was free a moment ago.
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|l| l.local_addr())
            .expect("a port")
            .port();
        let error = Socket::open(&format!("127.0.0.1:{port}")).err().expect("fails");
        assert!(error.to_string().contains("is the emulator"), "{error}");
    }
}
