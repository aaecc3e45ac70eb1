//! Runs a program on the unix port of MicroPython so that it cannot tell.
//!
//! Standard streams are inherited, imports are served from instrumented
//! texts by a file system laid over the real one, and the hits come back in a
//! file when the program ends. Knows nothing of maps and verdicts.

mod process;

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use process::Watched;

use crate::embedded::{NAME, RUNTIME, TESTS, TRACER};
use crate::fs::{self, FileError};

const BOOT: &str = include_str!("../../runtime/_mpycov_boot.py");
const CONTEXTS: &str = include_str!("../../runtime/_mpycov_contexts.py");

/// What stands before the name of a test in the file of hits of each test.
const TEST: &[u8] = b"<mpycov-test> ";

/// What to run.
#[derive(Clone, Debug)]
pub enum Program {
    /// A script, by its path as typed.
    Script(String),
    /// A module, by name.
    Module(String),
    /// Code.
    Code(String),
}

/// A run to make.
#[derive(Debug)]
pub struct Launch<'a> {
    /// The MicroPython to use.
    pub micropython: &'a Path,
    /// What to run.
    pub program: Program,
    /// Its arguments.
    pub args: &'a [String],
    /// Instrumented texts by the full paths of their sources, with the lines
    /// that they have more.
    pub files: &'a [(PathBuf, &'a [u8], Vec<u32>)],
    /// How long it may run.
    pub timeout: Option<Duration>,
    /// Set when somebody asks this process to end: so must the program then.
    pub ask_to_end: &'a AtomicBool,
    /// Keep the hits of each unit test apart.
    pub by_test: bool,
    /// Trace instead.
    pub trace: Option<&'a Tracing>,
}

/// What to trace with `sys.settrace`.
#[derive(Clone, Debug)]
pub struct Tracing {
    /// The tracer's table.
    pub table: String,
    /// Whether transitions between lines are noted, too.
    pub branches: bool,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit status of the program, as a shell would see it.
    pub status: i32,
    /// What the runtime wrote: frames.
    pub hits: Option<Vec<u8>>,
    /// The frames of each unit test, by its name.
    pub by_test: BTreeMap<String, Vec<u8>>,
    /// True if the time was up.
    pub timed_out: bool,
    /// What unittest printed, with times: records.
    pub unittest: Option<Vec<u8>>,
    /// The modules that were imported from the firmware, by name, with what
    /// they say their files were.
    pub frozen: Vec<(String, String)>,
}

/// A run that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum UnixError {
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// MicroPython did not start.
    #[error("cannot start {}: {reason}\n  help: name a MicroPython with --micropython PATH or $MICROPY_MICROPYTHON", path.display())]
    Start {
        /// What was started.
        path: PathBuf,
        /// Why it did not.
        reason: String,
    },
    /// The firmware cannot trace.
    #[error("{} has no sys.settrace: it was built without MICROPY_PY_SYS_SETTRACE\n  help: leave out `--mode settrace`: sensors work on any firmware and tell more", path.display())]
    NoSettrace {
        /// What was asked.
        path: PathBuf,
    },
    /// The program is not there.
    #[error("cannot find the script {0}")]
    NoScript(String),
}

/// How a firmware behaves at the end of a program.
struct Manners {
    traceback_on_stderr: bool,
    interrupt_status: i32,
}

/// Runs a program.
///
/// # Errors
/// When it cannot be started, or files for it cannot be written.
pub fn run(launch: &Launch<'_>) -> Result<Ended, UnixError> {
    let temp = tempfile::Builder::new().prefix("mpycov-").tempdir().map_err(|source| {
        FileError { action: "make a directory in", path: std::env::temp_dir(), source }
    })?;
    let lib = temp.path().join("lib");
    fs::write(&lib.join(NAME), RUNTIME.as_bytes())?;
    fs::write(&lib.join("_mpycov_boot.py"), BOOT.as_bytes())?;
    let tree = temp.path().join("tree");
    for (path, text, _) in launch.files {
        fs::write(&overlaid(&tree, path), text)?;
    }
    let [hits, tests, frozen] = ["hits", "tests", "frozen"].map(|name| temp.path().join(name));
    let manners = manners(launch.micropython)?;
    let mut how = description(launch, &tree, [&hits, &tests, &frozen], &manners)?;
    if let Some(tracing) = launch.trace {
        can_trace(launch.micropython)?;
        for (name, text) in TRACER {
            fs::write(&lib.join(name), text.as_bytes())?;
        }
        let table = temp.path().join("table");
        fs::write(&table, tracing.table.as_bytes())?;
        let [table, arcs] = [literal(&fs::slashed(&table)), flag(tracing.branches)];
        let fields = format!(",'trace':{table},'arcs':{arcs}}}");
        how.replace_range(how.len() - 1.., &fields);
    }
    let contexts = temp.path().join("contexts");
    let mut first = String::new();
    if launch.by_test {
        fs::write(&lib.join("_mpycov_tests.py"), TESTS.as_bytes())?;
        fs::write(&lib.join("_mpycov_contexts.py"), CONTEXTS.as_bytes())?;
        let path = literal(&fs::slashed(&contexts));
        first = format!("__import__('_mpycov_contexts').install({path});");
    }
    let code = format!(
        "__import__('sys').path.insert(0,{});{first}__import__('_mpycov_boot').run({how})",
        literal(&fs::slashed(&lib))
    );
    let mut child = Command::new(launch.micropython)
        .arg("-c")
        .arg(code)
        .spawn()
        .map_err(|e| start_error(launch.micropython, &e))?;
    let mut watched = Watched { child: &mut child, hits: &hits, saved: None };
    let (status, timed_out) =
        watched.wait(launch).map_err(|e| start_error(launch.micropython, &e))?;
    // What was saved on the way counts if the program came to no end.
    let saved = watched.saved.take();
    Ok(Ended {
        status: shell_status(status),
        hits: fs::read(&hits).ok().or(saved),
        by_test: by_test(&fs::read(&contexts).unwrap_or_default()),
        timed_out,
        unittest: fs::read(&tests).ok(),
        frozen: modules(&fs::read(&frozen).unwrap_or_default()),
    })
}

/// The frames behind each name of a test.
fn by_test(text: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut all: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut name = String::new();
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_prefix(TEST) {
            Some(rest) => name = String::from_utf8_lossy(rest).trim().to_owned(),
            None => all.entry(name.clone()).or_default().extend_from_slice(line),
        }
    }
    all
}

/// A module and its file a line.
fn modules(text: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(text);
    let pair = |line: &str| line.split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned()));
    text.lines().filter_map(pair).collect()
}

fn start_error(path: &Path, error: &std::io::Error) -> UnixError {
    UnixError::Start { path: path.to_owned(), reason: error.to_string() }
}

/// Where the instrumented text of a file stands in the tree: that of `/a/b` at `a/b`, that of `C:\a\b` at `C/a/b`.
fn overlaid(tree: &Path, path: &Path) -> PathBuf {
    let inner = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::Prefix(drive) => {
            Some(drive.as_os_str().to_string_lossy().replace(':', "").into())
        }
        _ => None,
    });
    tree.join(inner.collect::<PathBuf>())
}

/// Finds out where this firmware prints tracebacks, and its exit status after
/// Ctrl-C: both differ between versions.
fn manners(micropython: &Path) -> Result<Manners, UnixError> {
    let probe = |code: &str| {
        Command::new(micropython)
            .args(["-c", code])
            .stdin(Stdio::null())
            .output()
            .map_err(|e| start_error(micropython, &e))
    };
    let raised = probe("raise ValueError")?;
    let interrupted = probe("raise KeyboardInterrupt")?;
    Ok(Manners {
        traceback_on_stderr: !raised.stderr.is_empty(),
        interrupt_status: shell_status(interrupted.status),
    })
}

/// Does this firmware have `sys.settrace`?
fn can_trace(micropython: &Path) -> Result<(), UnixError> {
    let probe = Command::new(micropython)
        .args(["-c", "import sys;sys.exit(0 if hasattr(sys,'settrace') else 3)"])
        .stdin(Stdio::null())
        .output()
        .map_err(|e| start_error(micropython, &e))?;
    if probe.status.success() {
        Ok(())
    } else {
        Err(UnixError::NoSettrace { path: micropython.to_owned() })
    }
}

fn description(
    launch: &Launch<'_>,
    tree: &Path,
    [hits, tests, frozen]: [&Path; 3],
    manners: &Manners,
) -> Result<String, UnixError> {
    let mut fields = vec![
        ("tree", literal(&fs::slashed(tree))),
        ("hits", literal(&fs::slashed(hits))),
        ("tests", literal(&fs::slashed(tests))),
        ("frozen", literal(&fs::slashed(frozen))),
        ("signal", process::SAVE.to_string()),
        ("stderr", flag(manners.traceback_on_stderr)),
        ("interrupt", manners.interrupt_status.to_string()),
    ];
    let mut typed = None;
    let (first, dir) = match &launch.program {
        Program::Script(script) => {
            let full = fs::canonical(Path::new(script))
                .map_err(|_| UnixError::NoScript(script.clone()))?;
            let text = overlaid(tree, &full);
            let has_text = launch.files.iter().any(|(path, ..)| *path == full);
            let text = if has_text { literal(&fs::slashed(&text)) } else { "None".into() };
            fields.extend([("script", literal(script)), ("text", text)]);
            let dir = full.parent().map(fs::slashed).unwrap_or_default();
            typed = Some((full, script.clone()));
            (script.clone(), dir)
        }
        Program::Module(module) => {
            fields.push(("module", literal(module)));
            (module.clone(), String::new())
        }
        Program::Code(code) => {
            fields.push(("code", literal(code)));
            ("-c".to_owned(), String::new())
        }
    };
    let argv: Vec<String> =
        std::iter::once(&first).chain(launch.args).map(|arg| literal(arg)).collect();
    fields.extend([("argv", format!("[{}]", argv.join(","))), ("dir", literal(&dir))]);
    let mut moved = Vec::new();
    for (path, _, added) in launch.files.iter().filter(|(.., added)| !added.is_empty()) {
        let lines: Vec<String> = added.iter().map(ToString::to_string).collect();
        let mut names = vec![fs::slashed(path)];
        names.extend(typed.iter().filter(|(full, _)| full == path).map(|(_, typed)| typed.clone()));
        for name in names {
            moved.push(format!("{}:[{}]", literal(&name), lines.join(",")));
        }
    }
    fields.push(("moved", format!("{{{}}}", moved.join(","))));
    let fields: Vec<String> =
        fields.iter().map(|(key, value)| format!("'{key}':{value}")).collect();
    Ok(format!("{{{}}}", fields.join(",")))
}

fn flag(value: bool) -> String {
    if value { "True".to_owned() } else { "False".to_owned() }
}

/// A Python string literal of a text.
fn literal(text: &str) -> String {
    let mut out = String::from("'");
    for c in text.chars() {
        match c {
            '\\' | '\'' => out.extend(['\\', c]),
            c if c < ' ' || c == '\x7f' => out += &format!("\\x{:02x}", c as u32),
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// The status that a shell reports: 128 and the signal for a killed program.
fn shell_status(status: ExitStatus) -> i32 {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        if let Some(signal) = status.signal() {
            return 128 + signal;
        }
    }
    status.code().unwrap_or(1)
}
