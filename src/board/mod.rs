//! A program on a board, from instrumented texts to its hits.
//!
//! In: an open line, texts with the names they are imported by, what to start. Out: the program's output as it
//! comes, how it ended, what its unittest said, and the frames it left. It puts `device` and the runtime together:
//! `device` knows no frames, and this knows no maps and no verdicts. It prints nothing.

pub mod back;
pub mod budget;
pub mod collect;
pub mod cross;
pub mod home;
pub mod job;
pub mod line;
pub mod listen;
pub mod modules;
pub mod place;
pub mod runtime;
pub mod session;
pub mod start;

pub use job::{Ended, Failure, Job, Limit, Stage};
pub use session::Session;
