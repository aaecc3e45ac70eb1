//! One source text through parse, plan and weave; many of them side by side.

use rayon::prelude::*;

use crate::model::FileMap;
use crate::parse::{SyntaxError, parse};
use crate::plan::{Options, plan};
use crate::weave::{Woven, weave};

/// An instrumented file.
#[derive(Clone, Debug)]
pub struct Instrumented {
    /// The text to run.
    pub woven: Woven,
    /// The static half of the measurement.
    pub map: FileMap,
}

/// Instruments one text, known to users as `name`.
///
/// # Errors
/// When the text is no MicroPython.
pub fn instrument(
    text: Vec<u8>,
    name: &str,
    options: &Options,
) -> Result<Instrumented, SyntaxError> {
    let parsed = parse(text)?;
    let plan = plan(&parsed, name, options);
    let woven = weave(parsed.text(), &plan);
    Ok(Instrumented { woven, map: plan.map })
}

/// Stack of the threads that parse: deep but legal nesting must not end them.
const STACK: usize = 256 << 20;

/// Runs a job for each item, in parallel, on stacks that deep nesting does
/// not overrun; results in order.
///
/// # Panics
/// If no thread can be started.
pub fn in_parallel<T: Sync, R: Send>(items: &[T], job: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let pool =
        rayon::ThreadPoolBuilder::new().stack_size(STACK).build().expect("threads can be started");
    pool.install(|| items.par_iter().map(&job).collect())
}
