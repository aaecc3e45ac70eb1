//! Running a program to its end, with a limit of time.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long a program of the tests may take on a slow and busy machine.
pub const LIMIT: Duration = Duration::from_secs(120);

/// How a program ended and what it wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// The exit status; none where a signal ended it.
    pub status: Option<i32>,
}

impl Outcome {
    /// Standard output as text.
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// All of it, for messages.
    pub fn text(&self) -> String {
        let status = self.status.map_or_else(|| "a signal".to_owned(), |status| status.to_string());
        format!("status: {status}\nstdout:\n{}\nstderr:\n{}", self.out(), self.err())
    }
}

/// Runs a program with `stdin` as its input.
///
/// # Panics
///
/// Where it cannot be started, or has not ended after `limit`; it is killed then.
pub fn run(mut command: Command, stdin: &[u8], limit: Duration) -> Outcome {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let mut input = child.stdin.take().expect("a pipe");
    let text = stdin.to_vec();
    // A program need not read its input.
    let feeder = thread::spawn(move || drop(input.write_all(&text)));
    let stdout = collect(child.stdout.take().expect("a pipe"));
    let stderr = collect(child.stderr.take().expect("a pipe"));
    let status = wait(&mut child, limit);
    if status.is_none() {
        kill_with_children(&mut child);
    }
    // Its own children may hold the pipes open; they get a moment to end.
    let patience = Instant::now() + Duration::from_secs(5);
    while !(stdout.is_finished() && stderr.is_finished()) && Instant::now() < patience {
        thread::sleep(Duration::from_millis(1));
    }
    assert!(
        stdout.is_finished() && stderr.is_finished(),
        "something {command:?} started goes on after its end"
    );
    drop(feeder);
    let outcome = Outcome {
        stdout: stdout.join().expect("standard output was read"),
        stderr: stderr.join().expect("standard error was read"),
        status: status.flatten(),
    };
    assert!(status.is_some(), "{command:?} did not end in {limit:?}; it wrote\n{}", outcome.text());
    outcome
}

/// `command`, started by a program in Python, which finds it in `sys.argv[1:]`.
pub fn through(program: &str, command: &Command) -> Command {
    let mut outer = Command::new(super::python());
    outer.args(["-c", program]).arg(command.get_program()).args(command.get_args());
    if let Some(dir) = command.get_current_dir() {
        outer.current_dir(dir);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    outer
}

fn collect(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // An error ends it like the end of the file does.
        drop(pipe.read_to_end(&mut bytes));
        bytes
    })
}

/// The exit status; none if the program still runs after `limit`.
fn wait(child: &mut Child, limit: Duration) -> Option<Option<i32>> {
    let end = Instant::now() + limit;
    let mut pause = Duration::from_micros(200);
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return Some(status.code());
        }
        if Instant::now() >= end {
            return None;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Kills a program with all it has started.
fn kill_with_children(child: &mut Child) {
    let mut family = vec![child.id()];
    let mut at = 0;
    while at < family.len() {
        family.extend(children(family[at]));
        at += 1;
    }
    // The standard library kills only its own children.
    let words = family.iter().map(u32::to_string).collect::<Vec<_>>();
    let mut shell = Command::new("sh");
    shell.args(["-c", "kill -KILL \"$@\"", "kill"]).args(words);
    // Some may have ended meanwhile.
    drop(shell.stderr(Stdio::null()).status());
    drop(child.kill());
    drop(child.wait());
}

/// The processes that `parent` has started and that still run.
fn children(parent: u32) -> Vec<u32> {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let ids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // After the name, which is in parentheses and may hold anything: state, parent.
        let fields = stat.rsplit(')').next().unwrap_or_default();
        fields.split_whitespace().nth(1) == Some(parent.to_string().as_str())
    })
    .collect()
}

/// A program that runs beside the test and is killed with the value.
#[derive(Debug)]
pub struct Background(Child);

impl Background {
    /// Starts a program and waits for the line that `find` makes something of, on its standard
    /// output or standard error.
    ///
    /// # Errors
    ///
    /// What it wrote, where it ended or went on without such a line for `limit`.
    pub fn start<T: Send + 'static>(
        command: &mut Command,
        limit: Duration,
        find: impl Fn(&str) -> Option<T> + Send + Clone + 'static,
    ) -> Result<(Self, T), String> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let (sender, lines) = std::sync::mpsc::channel();
        let stdout: Box<dyn Read + Send> = Box::new(child.stdout.take().expect("a pipe"));
        let stderr: Box<dyn Read + Send> = Box::new(child.stderr.take().expect("a pipe"));
        for pipe in [stdout, stderr] {
            let sender = sender.clone();
            thread::spawn(move || {
                use std::io::BufRead as _;
                // Read to the end, so that the program never waits for its reader.
                for line in std::io::BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                    drop(sender.send(String::from_utf8_lossy(&line).into_owned()));
                }
            });
        }
        drop(sender);
        let running = Self(child);
        let end = Instant::now() + limit;
        let mut seen = String::new();
        while let Ok(line) = lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            if let Some(found) = find(&line) {
                return Ok((running, found));
            }
            seen += &line;
            seen.push('\n');
        }
        Err(seen)
    }

    /// Has the program ended by itself?
    pub fn ended(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(Some(_)))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        kill_with_children(&mut self.0);
    }
}
