//! Modules that a program imported and that have no source to put marks into: compiled files, and the firmware's own.
//!
//! In: a board at its prompt after the program. Out: their names and files. It refuses to know who cares.

use crate::device::python::str_literal;
use crate::device::{RawRepl, ReplError};

/// A module without a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsourced {
    /// Its name.
    pub module: String,
    /// The file it says it is from.
    pub file: String,
    /// Whether that is in the firmware; else it is a `.mpy` file.
    pub frozen: bool,
}

/// Leaves `C` or `F`, name and file of each in `_x`. A file that is not there is in the firmware.
const QUESTION: &str = "\
import sys
_x=''
for _n in list(sys.modules):
 _f=getattr(sys.modules[_n],'__file__',None)
 if _f:
  if _f[-4:]=='.mpy':_k='C'
  else:
   try:_k='';open(_f).close()
   except OSError:_k='F'
  if _k:_x+=_k+' '+_n+' '+_f+'\\t'
";

/// The modules without a source that the program has imported, but for those below `ours`.
///
/// # Errors
/// [`ReplError`] when the board or the line fails.
pub(super) fn unsourced(
    repl: &mut RawRepl,
    ours: Option<&str>,
) -> Result<Vec<Unsourced>, ReplError> {
    let skip = ours.map_or_else(String::new, |root| {
        format!(" if _f and _f.startswith({}):_f=None\n if _f:\n", str_literal(root))
    });
    let code =
        if skip.is_empty() { QUESTION.to_owned() } else { QUESTION.replace(" if _f:\n", &skip) };
    Ok(understand(&repl.ask(&code, "looking for modules without sources")?))
}

fn understand(answer: &str) -> Vec<Unsourced> {
    let one = |row: &str| {
        let mut words = row.splitn(3, ' ');
        let (kind, module, file) = (words.next()?, words.next()?, words.next()?);
        let frozen = kind == "F";
        Some(Unsourced { module: module.to_owned(), file: file.to_owned(), frozen })
    };
    answer.split('\t').filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_apart() {
        let found = understand("C foo /lib/foo.mpy\tF asyncio asyncio/__init__.py\t");
        let names: Vec<_> =
            found.iter().map(|one| (&*one.module, &*one.file, one.frozen)).collect();
        assert_eq!(
            names,
            [("foo", "/lib/foo.mpy", false), ("asyncio", "asyncio/__init__.py", true)]
        );
        assert_eq!(understand(""), []);
    }
}
