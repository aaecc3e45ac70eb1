//! Boards: what it takes to put files on one, run a program there and read back what it printed.
//!
//! In: named byte blobs and a few Python statements that start a program. Out: the program's output as it
//! comes, how the program ended, and the bytes of files on the board. This layer refuses to know what the
//! blobs mean: no sensors, no hits, no frames, no command line; it draws nothing and prints nothing.
//!
//! Reading order is the order of the list below: bytes, then lines that carry them, then the prompt behind
//! the line, then what can be done at the prompt.

pub mod transport;

pub mod faulty;
pub mod process;
pub mod pty;
pub mod scripted;
pub mod serial;
pub mod socket;

pub mod ports;
pub mod selector;

pub mod python;

mod link;
pub mod raw_repl;

mod ask;
mod enter;
mod submit;

pub mod control;
pub mod ended;
mod farewell;
mod newlines;
mod output;
pub mod run;
mod stop;
mod typing;
pub mod watch;
mod wrapper;

pub mod board;
pub mod digest;

mod backup;
pub mod deploy;
pub mod error;
pub mod files;
mod manifest;
mod places;
mod ram;
mod transfer;

pub use board::Board;
pub use control::Control;
pub use deploy::{Blob, Deployment, Layout};
pub use ended::{Run, RunEnd, Section};
pub use error::{DeployError, OpenError, ReplError, SelectError};
pub use raw_repl::{RawPaste, RawRepl, ReplOptions};
pub use run::Program;
pub use selector::Selector;
pub use transport::Transport;
