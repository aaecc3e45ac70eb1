//! The statements around a program: they catch what it throws, say how it ended, and run the closing statements.
//!
//! In: a program and the word that marks our lines. Out: text for the prompt. `output` reads what it prints.

use super::python::{byte_sum, bytes_literal};
use super::run::Program;

/// The program in its wrapper, behind a check that all of it arrived. The wrapper is a function that is called at
/// the top: small boards have room for few levels, and its text is gone by then.
pub(super) fn guarded_program(program: &Program<'_>, token: &str) -> String {
    let code = wrapper(program, token);
    format!(
        "_q={literal}\nif len(_q)=={length} and sum(_q)=={sum}:\n exec(_q);_q=0\n _m()\nelse:print('{token}','??')\n",
        literal = bytes_literal(code.as_bytes()),
        length = code.len(),
        sum = byte_sum(code.as_bytes()),
    )
}

/// Statements for a suite that is indented by so many spaces.
fn indented(text: &str, spaces: usize) -> String {
    let lines: String = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| format!("{:spaces$}{line}\n", ""))
        .collect();
    if lines.is_empty() { format!("{:spaces$}pass\n", "") } else { lines }
}

fn wrapper(program: &Program<'_>, token: &str) -> String {
    // The program may give `print` a meaning of its own. `r` gets its first letter before anything that can
    // fail for lack of memory.
    format!(
        "def _m():\n t='{token}'\n r='?'\n p=print\n p(t,'<<')\n try:\n  try:\n{start}   r='F'\n  \
         except SystemExit as e:\n   r='S'\n   r+=repr(e.args)\n  \
         except BaseException as e:\n   r='R'\n   p(t,'!!')\n   import sys\n   sys.print_exception(e)\n \
         finally:\n  p(t,';',r,r)\n  try:\n{closing}  finally:p(t,'..')\n",
        start = indented(program.start, 3),
        closing = indented(program.closing, 3),
    )
}

/// The same as plain statements: for boards that have no stack for a function around the program.
pub(super) fn at_the_top(program: &Program<'_>, token: &str) -> String {
    format!(
        "_t='{token}'\n_r='?'\nprint(_t,'<<')\ntry:\n try:\n{start}  _r='F'\n \
         except SystemExit as _e:\n  _r='S'\n  _r+=repr(_e.args)\n \
         except BaseException as _e:\n  _r='R'\n  print(_t,'!!')\n  import sys\n  sys.print_exception(_e)\n\
         finally:\n print(_t,';',_r,_r)\n try:\n{closing} finally:print(_t,'..')\n",
        start = indented(program.start, 2),
        closing = indented(program.closing, 2),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wrapper_is_ascii_and_short() {
        let code = wrapper(
            &Program { start: "import a", closing: "import b", ..Program::default() },
            "t1",
        );
        assert!(code.is_ascii());
        // One raw submission to the smallest board holds about 1200 bytes, escapes included.
        assert!(
            guarded_program(&Program::default(), "mpycov-0123456789abcdef-12").len() < 600,
            "{}",
            code.len()
        );
    }
}
