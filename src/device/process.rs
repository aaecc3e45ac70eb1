//! A line over the standard streams of a command (`exec:CMD`).
//!
//! In: a command for the system's shell. Out: a [`Transport`] whose other end is that command. What the command
//! says on its standard error is kept as evidence for when it ends early. It refuses to know what the command
//! is: an emulator, a bridge, a MicroPython for the host.

use std::io::{ErrorKind, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::error::{OpenError, evidence};
use super::transport::{ReadError, Transport, WRITE_PATIENCE, WriteError, wait_until};

/// How much of the command's standard error is kept.
const KEPT: usize = 4096;

/// A command and the threads that wait for its streams, since pipes know no deadlines.
pub struct Process {
    child: Group,
    output: Receiver<Vec<u8>>,
    /// Read from the pipe and not yet taken.
    waiting: Vec<u8>,
    input: Option<SyncSender<Vec<u8>>>,
    written: Receiver<Result<(), ErrorKind>>,
    complaints: Arc<Mutex<Vec<u8>>>,
    listener: JoinHandle<()>,
    description: String,
}

impl Process {
    /// Starts `command` in the system's shell.
    ///
    /// # Errors
    /// [`OpenError::Command`] when the shell cannot be started; a command that the shell cannot find shows as a
    /// line that closes at once, with the shell's words.
    pub fn open(command: &str) -> Result<Self, OpenError> {
        let mut shell = shell(command);
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = Group::spawn(shell, command)?;
        let missing =
            || OpenError::Command { command: command.to_owned(), reason: "no pipe".to_owned() };
        let stdin = child.0.stdin.take().ok_or_else(missing)?;
        let stdout = child.0.stdout.take().ok_or_else(missing)?;
        let stderr = child.0.stderr.take().ok_or_else(missing)?;

        let complaints = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&complaints);
        let listener = std::thread::spawn(move || {
            pump(stderr, |bytes| {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(bytes);
                let surplus = kept.len().saturating_sub(KEPT);
                kept.drain(..surplus);
                true
            });
        });
        let (input, written) = start_writer(stdin);
        Ok(Self {
            child,
            output: start_reader(stdout),
            waiting: Vec::new(),
            input: Some(input),
            written,
            complaints,
            listener,
            description: format!("exec:{command}"),
        })
    }

    fn ended(&mut self) -> String {
        // The status and the last words come a moment after the pipe closes.
        let status = self.child.wait_for(Duration::from_millis(200));
        let patience = Instant::now() + Duration::from_millis(200);
        while !self.listener.is_finished() && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(2));
        }
        let complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        let mut reason = status.map_or_else(
            || "it closed its output".to_owned(),
            |status| format!("it ended: {status}"),
        );
        if !complaints.is_empty() {
            reason.push_str(", saying ");
            reason.push_str(&evidence(&complaints));
        }
        reason
    }
}

#[cfg(not(windows))]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(command);
    shell
}

/// `cmd` has its own rule of quoting: what stands between the outermost quotes is the command, as it is.
#[cfg(windows)]
fn shell(command: &str) -> Command {
    use std::os::windows::process::CommandExt as _;
    let mut shell = Command::new("cmd");
    shell.raw_arg(format!("/D /S /C \"{command}\""));
    shell
}

/// Hands what `source` brings to `take` until either has had enough.
fn pump(mut source: impl Read, mut take: impl FnMut(&[u8]) -> bool) {
    let mut buffer = [0; 4096];
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) if take(&buffer[..count]) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => return,
        }
    }
}

fn start_reader(stdout: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || pump(stdout, |bytes| sender.send(bytes.to_vec()).is_ok()));
    receiver
}

type Writer = (SyncSender<Vec<u8>>, Receiver<Result<(), ErrorKind>>);

/// A command that reads nothing must not hang us: a thread of its own waits for the pipe.
fn start_writer(mut stdin: ChildStdin) -> Writer {
    let (sender, receiver) = sync_channel::<Vec<u8>>(1);
    let (done, written) = channel();
    std::thread::spawn(move || {
        for bytes in receiver {
            let result =
                stdin.write_all(&bytes).and_then(|()| stdin.flush()).map_err(|error| error.kind());
            if done.send(result).is_err() {
                return;
            }
        }
    });
    (sender, written)
}

impl Transport for Process {
    fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize, ReadError> {
        if self.waiting.is_empty() {
            match self.output.recv_timeout(wait_until(deadline)) {
                Ok(bytes) => self.waiting = bytes,
                Err(RecvTimeoutError::Timeout) => return Err(ReadError::timed_out()),
                Err(RecvTimeoutError::Disconnected) => return Err(ReadError::closed(self.ended())),
            }
        }
        let count = self.waiting.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.waiting[..count]);
        self.waiting.drain(..count);
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let gone = || WriteError::closed("the command reads no more");
        let input = self.input.as_ref().ok_or_else(gone)?;
        input.try_send(bytes.to_vec()).map_err(|_| WriteError::TimedOut)?;
        match self.written.recv_timeout(WRITE_PATIENCE) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(kind)) => Err(WriteError::closed(kind.to_string())),
            Err(RecvTimeoutError::Timeout) => Err(WriteError::TimedOut),
            Err(RecvTimeoutError::Disconnected) => Err(gone()),
        }
    }

    fn close(&mut self) {
        self.input = None;
        self.child.end();
    }

    fn description(&self) -> &str {
        &self.description
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.close();
    }
}

/// A child with everything it starts: a shell's child must not outlive the shell.
pub(crate) struct Group(pub(crate) Child);

impl Group {
    pub(crate) fn spawn(mut command: Command, name: &str) -> Result<Self, OpenError> {
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.spawn().map(Self).map_err(|error| OpenError::Command {
            command: name.to_owned(),
            reason: error.to_string(),
        })
    }

    /// The exit status, if there is one within `patience`.
    pub(crate) fn wait_for(&mut self, patience: Duration) -> Option<std::process::ExitStatus> {
        let deadline = Instant::now() + patience;
        loop {
            if let Ok(Some(status)) = self.0.try_wait() {
                return Some(status);
            }
            if Instant::now() >= deadline {
                return None;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends the group: politely, then not.
    pub(crate) fn end(&mut self) {
        if let Ok(Some(_)) = self.0.try_wait() {
            return;
        }
        self.signal(false);
        if self.wait_for(Duration::from_secs(1)).is_none() {
            self.signal(true);
            let _ = self.0.wait();
        }
    }

    #[cfg(unix)]
    fn signal(&mut self, force: bool) {
        use rustix::process::{Pid, Signal, kill_process_group};
        if let Some(group) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, if force { Signal::KILL } else { Signal::TERM });
        }
    }

    /// There are no groups here, but `taskkill` knows who started whom. Nothing can be asked politely; what
    /// reads its standard input has seen the end of it.
    #[cfg(not(unix))]
    fn signal(&mut self, force: bool) {
        if !force {
            return;
        }
        let id = self.0.id().to_string();
        let mut end = Command::new("taskkill");
        end.args(["/T", "/F", "/PID", &id]).stdin(Stdio::null());
        let _ = end.stdout(Stdio::null()).stderr(Stdio::null()).status();
        let _ = self.0.kill();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn read_all(line: &mut Process) -> (Vec<u8>, ReadError) {
        let mut all = Vec::new();
        let mut buffer = [0; 3];
        loop {
            match line.read(&mut buffer, Instant::now() + WRITE_PATIENCE) {
                Ok(count) => all.extend_from_slice(&buffer[..count]),
                Err(error) => return (all, error),
            }
        }
    }

    #[test]
    fn a_command_talks_and_ends() {
        let mut line = Process::open("read x; echo got $x; echo oops >&2; exit 3").expect("starts");
        line.write(b"hello\n").expect("writes");
        let (all, error) = read_all(&mut line);
        assert_eq!(all, b"got hello\n");
        let said = error.to_string();
        assert!(said.contains("exit status: 3") && said.contains("oops"), "{said}");
    }

    #[test]
    fn a_command_that_is_silent_does_not_hang_us() {
        let mut line = Process::open("sleep 100; true").expect("starts");
        let start = Instant::now();
        let mut buffer = [0; 3];
        let wait = start + Duration::from_millis(30);
        assert_eq!(line.read(&mut buffer, wait), Err(ReadError::timed_out()));
        line.close();
        assert!(start.elapsed() < Duration::from_secs(5), "the shell's child was waited for");
    }
}
