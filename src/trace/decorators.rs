//! Decorators of what ends a suite.
//!
//! With decorators the code that makes a function or class counts for the line of one
//! of those. So where others' code counts for its line, it counts for theirs.

use crate::parse::Parsed;
use crate::plan::outline::{Code, Outline, Shared};

/// Shares the lines of decorators where that of what they stand above is shared.
pub(super) fn share(parsed: &Parsed, outline: &mut Outline) {
    let is_decorator = |line| {
        let text = parsed.lines().text(line, parsed.text());
        text.trim_ascii_start().starts_with(b"@")
    };
    for suite in &mut outline.suites {
        let mut shared = Shared::No;
        for step in suite.steps.iter_mut().rev() {
            if step.defines {
                shared = if step.code == Code::Elsewhere { step.shared } else { Shared::No };
            } else if is_decorator(step.line) {
                if step.shared == Shared::No {
                    step.shared = shared;
                }
            } else {
                shared = Shared::No;
            }
        }
    }
}
