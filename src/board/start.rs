//! How a program is started: the script as `__main__`, its arguments, and the statements that do it.
//!
//! In: a script's text, names, what the board can do. Out: the text to place, and statements for the prompt. A
//! script is imported, not executed from a string: that needs no memory for its text, works from `.mpy` files, and
//! gives tracebacks its name.

use crate::device::Board;
use crate::device::python::str_literal;

/// What to start, and what it sees.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// The module to import.
    pub module: String,
    /// Whether only the board knows if it is a package, whose `__main__` is to run then.
    pub perhaps_package: bool,
    /// What `sys.argv` shall be.
    pub argv: Vec<String>,
    /// Directories to search before all others; the first comes first. A [`Job`](super::Job) has them below the one
    /// where the files are, whose own name is empty.
    pub paths: Vec<String>,
    /// Save the hits every so many seconds.
    pub autosave: Option<f64>,
    /// Keep hits for each test of micropython-lib's unittest.
    pub by_test: bool,
    /// Trace what the tracer's table names; with `true` transitions between lines as well.
    pub trace: Option<bool>,
}

/// The text of a script, changed so that it takes itself for the main program when it is imported as `module`.
///
/// `aliased` says that the firmware has `sys.modules`; then others find it as `__main__` as well. The first line
/// gets longer, or if it is one that nothing may stand before, a line is added in front: then the answer is true.
#[must_use]
pub fn as_main(text: &[u8], module: &str, aliased: bool) -> (Vec<u8>, bool) {
    let mut prefix = "__name__='__main__';".to_owned();
    if aliased {
        let name = str_literal(module);
        prefix +=
            &format!("__import__('sys').modules['__main__']=__import__('sys').modules[{name}];");
    }
    with_prefix(text, prefix)
}

/// The text of a program that the board starts by itself, changed so that hits are saved to `hits` before it resets
/// the board, and with `autosave` every so many seconds. What is added is as with [`as_main`].
#[must_use]
pub fn as_guarded(text: &[u8], hits: &str, autosave: Option<f64>) -> (Vec<u8>, bool) {
    let hits = str_literal(hits);
    let mut prefix = format!("__import__('_mpycov_guard').guard({hits});");
    if let Some(seconds) = autosave {
        prefix += &format!(
            "__import__('_mpycov_guard').autosave({hits},{seconds})or print({});",
            str_literal(NO_TIMER)
        );
    }
    with_prefix(text, prefix)
}

/// What is printed where there is no timer for `autosave`.
pub(super) const NO_TIMER: &str = "<mpycov-autosave>";

fn with_prefix(text: &[u8], mut prefix: String) -> (Vec<u8>, bool) {
    let (mark, text) = match text.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => (&b"\xef\xbb\xbf"[..], rest),
        None => (&b""[..], text),
    };
    let first = text.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    let added = is_compound(first);
    if added {
        prefix.pop();
        prefix.push('\n');
    }
    ([mark, prefix.as_bytes(), text].concat(), added)
}

/// Whether a line begins a statement that cannot follow another one.
fn is_compound(line: &[u8]) -> bool {
    const WORDS: [&str; 9] =
        ["def", "class", "if", "for", "while", "with", "try", "async", "match"];
    let line = String::from_utf8_lossy(line);
    let line = line.trim_start_matches([' ', '\t', '\x0c']);
    let word: String =
        line.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    line.starts_with('@') || WORDS.contains(&word.as_str())
}

/// The statements that start the program. `root` is where the files are, with a `/` at its end, if that is a
/// directory of ours; `guard` says, where the firmware lets a guard watch for resets, which file hits are saved
/// to when the board is about to go away: none where they are printed.
#[must_use]
pub fn statements(
    start: &Start,
    board: &Board,
    root: Option<&str>,
    guard: Option<Option<&str>>,
) -> String {
    let mut out = String::new();
    let with_argv = board.sys_argv && !start.argv.is_empty();
    if !start.paths.is_empty() || with_argv {
        out += "import sys\n";
    }
    for path in start.paths.iter().rev() {
        out += &format!("sys.path.insert(0,{})\n", str_literal(path));
    }
    if with_argv {
        let words: Vec<String> = start.argv.iter().map(|word| str_literal(word)).collect();
        out += &format!("sys.argv[:]=[{}]\n", words.join(","));
    }
    if let Some(hits) = guard {
        let hits = hits.map_or_else(|| "None".to_owned(), str_literal);
        out += &format!("import _mpycov_guard\n_mpycov_guard.guard({hits})\n");
        if let Some(seconds) = start.autosave {
            out +=
                &format!("if not _mpycov_guard.autosave({hits},{seconds}):print('{NO_TIMER}')\n");
        }
    }
    if start.by_test {
        out += "import _mpycov_tests\n_mpycov_tests.watch()\n";
    }
    // What is imported here need not be imported further down, where small boards have no room for it.
    if let Some(branches) = start.trace {
        let root = str_literal(root.unwrap_or_default());
        let more = if branches { ",True" } else { "" };
        out += &format!("import _mpycov_trace\n_mpycov_trace.board({root}{more})\n");
    } else {
        out += "import _mpycov\n";
    }
    let module = str_literal(&start.module);
    if start.perhaps_package && board.directories {
        let main = str_literal(&format!("{}.__main__", start.module));
        out += &format!("_m=__import__({module},None,None,True)\n");
        out += &format!("if hasattr(_m,'__path__'):__import__({main})\n");
    } else {
        out += &format!("_m=__import__({module})\n");
    }
    out
}

/// The statements that print the hits, whatever the program left behind.
pub const CLOSING: &str = "import gc\ngc.collect()\nimport _mpycov\n_mpycov.dump()\n";

/// The same where lines are traced. What makes the frames is loaded then; a program that left no memory for it has
/// to go. An import that failed for lack of memory may have left half a module, so they are loaded anew each time.
/// In the end the tracer is asked whether it is still called, so it has to be set then.
pub const CLOSING_TRACED: &str = "\
import gc,sys,_mpycov_trace
try:
 gc.collect()
 for _m in '_mpycov','_mpycov_trace_end':
  sys.modules.pop(_m,None)
 _mpycov_trace._part('_mpycov').dump()
except MemoryError:
 _m=None
 sys.settrace(None)
 sys.modules.clear()
 sys.modules['_mpycov_trace']=_mpycov_trace
 gc.collect()
 _m=_mpycov_trace._part('_mpycov')
 sys.settrace(_mpycov_trace._tracing)
 _m.dump()
";

/// The same for boards that may have no memory left: printing takes none. Twice, because nothing of it is checked.
pub const CLOSING_SMALL: &str = "print(_mpycov._files)\nprint(_mpycov._files)\n";

/// The name of the module that a script becomes: names that `import` cannot say are replaced.
#[must_use]
pub fn module_name(stem: &str) -> String {
    let plain: String =
        stem.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '_' }).collect();
    if plain.is_empty() { "_".to_owned() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn main_of(text: &str) -> (String, bool) {
        let (text, added) = as_main(text.as_bytes(), "t", false);
        (String::from_utf8(text).expect("text"), added)
    }

    #[test]
    fn a_script_takes_itself_for_the_main_program() {
        const NAME: &str = "__name__='__main__'";
        for text in
            ["import a\n", "# comment\n", "\"\"\"Doc\nstring.\"\"\"\n", "\nx = 1\n", "iffy = 1", ""]
        {
            assert_eq!(main_of(text), (format!("{NAME};{text}"), false));
        }
        for text in
            ["if x:\n  y\n", "@d\ndef f(): pass\n", "for(a)in b:c\n", "try:\n", "async def f():\n"]
        {
            assert_eq!(main_of(text), (format!("{NAME}\n{text}"), true));
        }
        assert_eq!(main_of("\u{feff}x = 1"), (format!("\u{feff}{NAME};x = 1"), false));
        let (text, _) = as_main(b"x", "test_a", true);
        assert!(text.ends_with(b"modules['__main__']=__import__('sys').modules['test_a'];x"));
    }

    #[test]
    fn small_boards_get_few_statements() {
        let start =
            Start { module: "t".to_owned(), argv: vec!["t.py".to_owned()], ..Start::default() };
        assert_eq!(
            statements(&start, &Board::default(), None, None),
            "import _mpycov\n_m=__import__('t')\n"
        );
        let board = Board { sys_argv: true, sys_path: true, ..Board::default() };
        let start =
            Start { paths: vec!["/_mpycov/tests".to_owned(), "/_mpycov".to_owned()], ..start };
        assert_eq!(
            statements(&start, &board, Some("/_mpycov/"), Some(Some("/_mpycov/hits"))),
            "import sys\nsys.path.insert(0,'/_mpycov')\nsys.path.insert(0,'/_mpycov/tests')\n\
             sys.argv[:]=['t.py']\nimport _mpycov_guard\n_mpycov_guard.guard('/_mpycov/hits')\nimport _mpycov\n_m=__import__('t')\n"
        );
    }

    #[test]
    fn names_of_modules_can_be_imported() {
        assert_eq!(module_name("test-a.b 1"), "test_a_b_1");
        assert_eq!(module_name("test_a"), "test_a");
    }
}
