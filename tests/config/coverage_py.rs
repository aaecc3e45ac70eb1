//! coverage.py's files mean here what they mean to coverage.py.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use super::common::{process, python};
use super::{settings, written};

/// coverage.py's own reading of its files, against ours.
#[test]
fn coverage_pys_files_mean_what_they_mean_to_it() {
    let ini = "\
[run]
branch = True
source =
    src
    lib, more
omit = */tests/*,
    # not these
    setup.py

    ${DIR}/x.py
include=a/*
context: ${WHERE-desk}
[report]
; a comment
exclude_lines =
    pragma: no cover
    def __repr__
exclude_also = raise A
  raise B # this is part of it
partial_branches =
    pragma: some
partial_also = x:$
fail_under = 79.5
Show_Missing = on
skip_covered = 1
skip_empty = No
precision = 2
sort = -Cover
include = p/*
omit = q/*
";
    let toml = r#"
[tool.coverage.run]
source = ["src"]
omit = ["*/tests/*", "${DIR}/x.py"]
context = "$DIR"
[tool.coverage.report]
exclude_also = ["raise A", 'a\d']
fail_under = 79
show_missing = true
skip_empty = false
precision = 1
sort = "Miss"
"#;
    let prefixed = ini.replace("[run]", "[coverage:run]").replace("[report]", "[coverage:report]");
    for (file, text) in [
        (".coveragerc", ini),
        (".coveragerc", &prefixed),
        ("setup.cfg", &prefixed),
        ("tox.ini", &format!("[tox]\nenvlist = a\n{prefixed}")),
        ("pyproject.toml", toml),
    ] {
        let dir = written(&[(file, text)]);
        let theirs = coverage_py_settings(dir.path());
        let ours = settings(dir.path(), &[("DIR", "d")]);
        for (name, value) in &theirs {
            let (is, place) = &ours[name.as_str()];
            if value.is_empty() {
                assert_eq!(place, "default", "{name} of {file}");
            } else {
                assert_eq!(is, value, "{name} of {file}");
                assert!(place.starts_with(file), "{name} of {file}");
            }
        }
    }
}

/// The settings that coverage.py and we have, as it reads them in a directory;
/// "" where it keeps its default.
fn coverage_py_settings(dir: &Path) -> BTreeMap<String, String> {
    let script = r"
import coverage.config as c
is_, plain = c.read_coverage_config(True, print), c.CoverageConfig()
names = {'source': 'source', 'include': 'run_include', 'omit': 'run_omit', 'context': 'context',
    'exclude_also': 'exclude_also', 'partial_also': 'partial_also', 'fail_under': 'fail_under',
    'show_missing': 'show_missing', 'skip_covered': 'skip_covered', 'skip_empty': 'skip_empty',
    'precision': 'precision', 'sort': 'sort', 'report_include': 'report_include',
    'report_omit': 'report_omit', 'exclude_lines': 'exclude_list', 'partial_branches': 'partial_list'}
for name, theirs in names.items():
    value, default = getattr(is_, theirs), getattr(plain, theirs)
    also = {'exclude_lines': is_.exclude_also, 'partial_branches': is_.partial_also}.get(name)
    if also:
        value = value[:-len(also)]
    if isinstance(value, list):
        text = ', '.join(value)
    elif isinstance(value, bool):
        text = 'yes' if value else 'no'
    elif isinstance(value, float):
        text = '%g' % value
    else:
        text = str(value).lower()
    print(name, '' if value == default and name != 'skip_empty' else text, sep='=')
";
    let mut command = Command::new(python());
    command.current_dir(dir).args(["-c", script]).env("DIR", "d").env_remove("WHERE");
    command.env_remove("COVERAGE_RCFILE");
    let outcome = process::run(command, b"", process::LIMIT);
    assert_eq!(outcome.status, Some(0), "{}", outcome.text());
    let out = outcome.out();
    let pairs = out.lines().map(|line| line.split_once('=').expect("a setting"));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
