//! Real MicroPythons to run programs on.
//!
//! | target | with | instead of it |
//! |---|---|---|
//! | the unix port | [`unix`] | `MPYCOV_TEST_MICROPYTHON`: an executable |
//! | the WebAssembly port | [`wasm`], [`all_wasm`], [`WasmBoard`] | `MPYCOV_TEST_WASM`: a directory of versions |
//! | the micro:bit in QEMU | [`Microbit`] | `MPYCOV_TEST_MICROBIT`: takes QEMU's `-serial` argument |
//! | a real board | [`board`] | `MPYCOV_TEST_DEVICE`: what `-t` takes |

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::process::{self, Background, Outcome};
use super::{brought, node, repo_root, temp_dir};

/// The versions of the WebAssembly port, oldest first, as `tests/setup/targets.py` has them.
pub const WASM_VERSIONS: [&str; 5] = ["1.20.0-297", "1.23.0", "1.25.0", "1.28.0-6", "1.29.0-6"];

/// The newest version, which has a build with `sys.settrace` too.
pub const WASM_NEWEST: &str = WASM_VERSIONS[WASM_VERSIONS.len() - 1];

/// How long a board may take to start.
const BOOT: Duration = Duration::from_secs(30);

/// A MicroPython that runs a script as a program of this machine.
pub trait Target {
    /// What it is called in messages.
    fn name(&self) -> String;

    /// The command that runs `script` in `dir`.
    fn command(&self, dir: &Path, script: &str, args: &[&str]) -> Command;

    /// Can it trace with `sys.settrace`?
    fn settrace(&self) -> bool;

    /// Runs `script`, a path relative to `dir`, there.
    ///
    /// # Panics
    ///
    /// Where it hangs.
    fn run(&self, dir: &Path, script: &str, args: &[&str], stdin: &[u8]) -> Outcome {
        process::run(self.command(dir, script, args), stdin, process::LIMIT)
    }
}

/// The unix port.
#[derive(Debug, Clone)]
pub struct Unix {
    /// Its executable.
    pub path: PathBuf,
}

/// The unix port.
///
/// # Panics
///
/// Where it is missing.
pub fn unix() -> Unix {
    Unix { path: brought("MPYCOV_TEST_MICROPYTHON", "unix/micropython") }
}

impl Target for Unix {
    fn name(&self) -> String {
        "unix".to_owned()
    }

    fn command(&self, dir: &Path, script: &str, args: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        command.current_dir(dir).arg(script).args(args);
        command
    }

    fn settrace(&self) -> bool {
        false
    }
}

/// One version of the WebAssembly port, started with `tests/setup/run_wasm.mjs`.
#[derive(Debug, Clone)]
pub struct Wasm {
    /// The version of the npm package.
    pub version: String,
    /// Is it the build with `sys.settrace`?
    pub settrace: bool,
    /// Where the package is unpacked.
    pub dir: PathBuf,
}

/// A version of the WebAssembly port, in the build with `sys.settrace` or the one without.
///
/// # Panics
///
/// Where it is missing.
pub fn wasm(version: &str, settrace: bool) -> Wasm {
    let dir = brought("MPYCOV_TEST_WASM", "wasm").join(version);
    let found = Wasm { version: version.to_owned(), settrace, dir };
    let build =
        found.dir.join(if settrace { "micropython-settrace.wasm" } else { "micropython.wasm" });
    assert!(build.exists(), "{} is missing: run `make targets`", build.display());
    found
}

/// Every version of the WebAssembly port, and every build of it that differs in `sys.settrace`.
///
/// # Panics
///
/// Where one is missing.
pub fn all_wasm() -> Vec<Wasm> {
    let mut all = Vec::new();
    for version in WASM_VERSIONS {
        let plain = wasm(version, false);
        let traces = plain.dir.join("micropython-settrace.wasm").exists();
        all.push(plain);
        if traces {
            all.push(wasm(version, true));
        }
    }
    all
}

/// The unix port and every WebAssembly build.
pub fn all() -> Vec<Box<dyn Target>> {
    let mut all: Vec<Box<dyn Target>> = vec![Box::new(unix())];
    all.extend(all_wasm().into_iter().map(|wasm| Box::new(wasm) as Box<dyn Target>));
    all
}

impl Wasm {
    /// A program that takes the unix port's arguments, written to `path`.
    ///
    /// With `known`, it answers at once to what `run` asks of a firmware before it
    /// starts a program, with what this port has been seen to answer.
    pub fn executable(&self, path: &Path, known: bool) {
        let settrace = if self.settrace { " --settrace" } else { "" };
        let answers = format!(
            "case \"$2\" in\n\
             'raise ValueError') echo Traceback >&2; exit 1;;\n\
             'raise KeyboardInterrupt') exit 1;;\n\
             *\"hasattr(sys,'settrace')\"*) exit {};;\n\
             esac\n",
            if self.settrace { 0 } else { 3 }
        );
        let text = format!(
            "#!/bin/sh\n{}exec '{}' '{}' '{}'{settrace} \"$@\"\n",
            if known { &answers } else { "" },
            node().display(),
            setup("run_wasm.mjs").display(),
            self.dir.display(),
        );
        fs::write(path, text).expect("a program");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("its mode");
        }
    }

    /// The same in a directory, by the name that MicroPython has; its path.
    pub fn program_in(&self, dir: &Path, known: bool) -> PathBuf {
        let program = dir.join("micropython");
        self.executable(&program, known);
        program
    }
}

impl Target for Wasm {
    fn name(&self) -> String {
        let build = if self.settrace { " settrace" } else { "" };
        format!("wasm {}{build}", self.version)
    }

    fn command(&self, dir: &Path, script: &str, args: &[&str]) -> Command {
        let mut command = Command::new(node());
        command.current_dir(dir).arg(setup("run_wasm.mjs")).arg(&self.dir);
        if self.settrace {
            command.arg("--settrace");
        }
        command.arg(script).args(args);
        command
    }

    fn settrace(&self) -> bool {
        self.settrace
    }
}

fn setup(name: &str) -> PathBuf {
    repo_root().join("tests/setup").join(name)
}

/// A real board, as `-t` takes it, where one is at hand.
pub fn board() -> Option<String> {
    std::env::var("MPYCOV_TEST_DEVICE").ok().filter(|name| !name.is_empty())
}

/// What an emulated board's serial line is on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serial {
    /// A pseudo-terminal, like a serial device.
    Pty,
    /// A TCP port.
    Tcp,
    /// A socket in the file system.
    UnixSocket,
}

/// A running board; it is switched off with the value.
#[derive(Debug)]
pub struct Board {
    /// Where its serial line is: a device's path, `HOST:PORT`, or a socket's path.
    pub address: String,
    /// The board's files, where the machine sees them.
    pub files: Option<PathBuf>,
    process: Background,
    _dir: tempfile::TempDir,
}

impl Board {
    /// Has the board ended by itself, as an emulated one does at a hard reset?
    pub fn ended(&mut self) -> bool {
        self.process.ended()
    }
}

/// The BBC micro:bit in QEMU: MicroPython 1.9.2 with 9 kB of memory.
#[derive(Debug)]
pub struct Microbit;

impl Microbit {
    /// Switches one on. On a socket it begins to run when somebody connects, on a
    /// pseudo-terminal at once.
    ///
    /// # Panics
    ///
    /// Where it is missing or does not start.
    pub fn start(kind: Serial) -> Board {
        let program = brought("MPYCOV_TEST_MICROBIT", "microbit/qemu-microbit");
        let mut said = String::new();
        // A port that was free may be taken in between.
        for _ in 0..5 {
            let dir = temp_dir();
            let (address, serial) = match kind {
                Serial::Pty => (String::new(), "pty".to_owned()),
                Serial::Tcp => {
                    let address = format!("127.0.0.1:{}", free_port());
                    let serial = format!("tcp:{address},server=on,wait=on");
                    (address, serial)
                }
                Serial::UnixSocket => {
                    let address = dir.path().join("serial").display().to_string();
                    let serial = format!("unix:{address},server=on,wait=on");
                    (address, serial)
                }
            };
            let find = move |line: &str| {
                let pty = line.split_whitespace().find(|word| word.starts_with("/dev/pts/"));
                match kind {
                    Serial::Pty => pty.map(str::to_owned),
                    _ if line.contains("waiting for connection") => Some(address.clone()),
                    _ => None,
                }
            };
            match Background::start(Command::new(&program).arg(serial), BOOT, find) {
                Ok((process, address)) => {
                    return Board { address, files: None, process, _dir: dir };
                }
                Err(text) => said = text,
            }
        }
        panic!("the emulated micro:bit does not start:\n{said}");
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}

/// The module `machine` of a board that can be reset: its hardware is this process.
const RESETTABLE: &str = "\
import js
def reset():
    js.process.exit(0)
def soft_reset():
    raise SystemExit
class Timer:
    PERIODIC = 1
    made = []
    def __init__(self, number):
        self.made.append(self)
    def init(self, period, mode, callback):
        self.period = period
        self.callback = callback
def tick():
    for timer in Timer.made:
        timer.callback(timer)
";

/// How a [`WasmBoard`] answers to the request for raw-paste mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawPaste {
    /// It does it.
    Yes,
    /// It knows of it and lacks it.
    No,
    /// It has never heard of it.
    Old,
    /// It says it does it, and hangs.
    Hang,
}

/// A board made of the WebAssembly port with `tests/setup/wasm_repl.mjs`: new firmware, raw REPL,
/// files, soft reset.
#[derive(Debug, Clone)]
pub struct WasmBoard {
    /// The version and build; from 1.23.0 on.
    pub wasm: Wasm,
    /// What it says to raw-paste mode.
    pub raw_paste: RawPaste,
}

impl WasmBoard {
    /// A board with the newest version, without `sys.settrace`.
    pub fn newest() -> Self {
        Self { wasm: wasm(WASM_NEWEST, false), raw_paste: RawPaste::Yes }
    }

    /// The command whose standard input and output are the board's serial line; its files are
    /// `files`, or nowhere.
    pub fn command(&self, files: Option<&Path>) -> Vec<String> {
        let mut words = vec![
            node().display().to_string(),
            setup("wasm_repl.mjs").display().to_string(),
            self.wasm.dir.display().to_string(),
            "--raw-paste".to_owned(),
            format!("{:?}", self.raw_paste).to_lowercase(),
        ];
        if self.wasm.settrace {
            words.push("--settrace".to_owned());
        }
        if let Some(files) = files {
            words.extend(["--root".to_owned(), files.display().to_string()]);
        }
        words
    }

    /// Switches one on, whose files begin as those given.
    ///
    /// # Panics
    ///
    /// Where it does not start, or `kind` is [`Serial::UnixSocket`].
    pub fn start(&self, kind: Serial, begin: &[(&str, &str)]) -> Board {
        self.switch_on(kind, begin, false)
    }

    /// The same for a board that starts again when its program resets it, with [`RESETTABLE`] as its
    /// `machine` module: behind a pseudo-terminal the line stays, as with a UART; over TCP it closes, as with USB.
    pub fn start_resettable(&self, kind: Serial, begin: &[(&str, &str)]) -> Board {
        self.switch_on(kind, &[begin, &[("machine.py", RESETTABLE)]].concat(), true)
    }

    fn switch_on(&self, kind: Serial, begin: &[(&str, &str)], again: bool) -> Board {
        let dir = temp_dir();
        let files = dir.path().join("flash");
        fs::create_dir(&files).expect("a directory");
        super::write_files(&files, begin);
        let mut words = self.command(Some(&files));
        match kind {
            Serial::Tcp if again => {
                words.extend(["--tcp".to_owned(), free_port().to_string()]);
                // Not when it has killed itself because nobody wants it any more.
                let again = "while \"$@\"; [ $? != 137 ]; do :; done";
                let shell = ["sh", "-c", again, "sh"];
                words.splice(0..0, shell.map(str::to_owned));
            }
            Serial::Tcp => words.extend(["--tcp".to_owned(), "0".to_owned()]),
            Serial::Pty => {
                let bridge = setup("pty_device.py").display().to_string();
                words.splice(0..0, ["python3".to_owned(), bridge]);
                if again {
                    words.insert(2, "--again".to_owned());
                }
            }
            Serial::UnixSocket => panic!("a WasmBoard has no socket in the file system"),
        }
        let find = |line: &str| {
            let port = line.strip_prefix("port ").map(|port| format!("127.0.0.1:{port}"));
            port.or_else(|| line.starts_with("/dev/").then(|| line.to_owned()))
        };
        let mut command = Command::new(&words[0]);
        match Background::start(command.args(&words[1..]), BOOT, find) {
            Ok((process, address)) => Board { address, files: Some(files), process, _dir: dir },
            Err(said) => panic!("{words:?} does not start:\n{said}"),
        }
    }
}
