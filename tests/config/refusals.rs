//! Settings that cannot be: unknown ones, and wrong values.

use super::{check, mpycov, written};

/// A file that is refused, and the message.
fn refused(file: &str, text: &str, expected: &str) {
    let dir = written(&[(file, text)]);
    let outcome = mpycov(dir.path(), &["debug", "config"], &[]);
    assert_eq!(outcome.status, Some(1), "{text}");
    assert_eq!(outcome.out(), "", "{text}");
    assert!(
        outcome.err().starts_with(&format!("mpycov: error: {expected}")),
        "{text}: {}",
        outcome.err()
    );
}

#[test]
fn unknown_settings_are_errors_with_the_nearest_name() {
    let cases = [
        ("fail_undr = 1", "fail_under"),
        ("fail-under = 1", "fail_under"),
        ("FAIL_UNDER_MCDC = 1", "fail_under_mcdc"),
        ("omits = []", "omit"),
        ("exclude = []", "exclude_lines"),
        ("fail = 1", "fail_under"),
    ];
    for (text, nearest) in cases {
        let name = text.split(' ').next().expect("a name");
        let dir = written(&[("mpycov.toml", &format!("# settings\n{text}\n"))]);
        let outcome = mpycov(dir.path(), &["debug", "config"], &[]);
        assert_eq!(outcome.status, Some(1), "{text}");
        let expected = format!("mpycov: error: mpycov.toml:2: there is no setting `{name}`\n");
        assert!(outcome.err().starts_with(&expected), "{text}: {}", outcome.err());
        let help = format!(
            "  help: did you mean `{nearest}`?
"
        );
        assert!(outcome.err().ends_with(&help), "{text}: {}", outcome.err());
    }
    refused(
        "pyproject.toml",
        "[project]\nname = 'x'\n\n[tool.mpycov]\nlevl = 'line'\n",
        "pyproject.toml:5: there is no setting `levl`\n  help: did you mean `level`?\n",
    );
    refused(
        "mpycov.toml",
        "[report]\nprecision = 1\n",
        "mpycov.toml:1: there is no setting `report`\n  help: settings stand side by side; the only",
    );
    // What only coverage.py knows is none of our business.
    check(
        &[(".coveragerc", "[run]\nplugins = x\nwhat = 1\n")],
        &[("source", "the script's directory", "default")],
    );
}

#[test]
fn wrong_values_are_errors_with_their_place() {
    let own = [
        (
            "level = 'all'",
            "mpycov.toml:1: `level` takes block, line, branch or condition, not `all`",
        ),
        ("level = 3", "mpycov.toml:1: `level` takes block, line, branch or condition, not 3"),
        ("precision = -1", "mpycov.toml:1: `precision` takes a whole number, not -1"),
        ("precision = 1.5", "mpycov.toml:1: `precision` takes a whole number, not 1.5"),
        ("fail_under = nan", "mpycov.toml:1: `fail_under` takes a number, not nan"),
        ("show_missing = 'yes'", "mpycov.toml:1: `show_missing` takes true or false, not `yes`"),
        (
            "target_version = 1.20",
            "mpycov.toml:1: `target_version` takes a text in quotes, not 1.20",
        ),
        ("omit = [1]", "mpycov.toml:1: `omit` takes a list of texts, not a list of other things"),
        ("omit = 1979-05-27", "mpycov.toml:1: `omit` takes a list of texts, not a date"),
        (
            "sort = '-size'",
            "mpycov.toml:1: `sort` takes name, stmts, miss, branch, brpart or cover",
        ),
        ("data_dir = '${NO_SUCH_VARIABLE?}'", "mpycov.toml:1: `data_dir` needs $NO_SUCH_VARIABLE"),
        ("exclude_also = ['(']", "mpycov.toml:1: `exclude_also` has `(`, which is no regular exp"),
        ("exclude_also = ['(?=a)']", "mpycov.toml:1: `exclude_also` has `(?=a)`, which is no reg"),
        ("\nlevel = \n", "mpycov.toml:2: "),
    ];
    for (text, expected) in own {
        refused("mpycov.toml", text, expected);
    }
    refused(
        "setup.cfg",
        "[x]\n[coverage:report]\nprecision = two\n",
        "setup.cfg:3: `[coverage:report] precision` takes a whole number, not `two`\n",
    );
    refused(".coveragerc", "precision = 1\n", ".coveragerc:1: there is no [section] above");
    refused(".coveragerc", "[run]\nno value\n", ".coveragerc:2: this is no `key = value`");
    refused("mpycov.toml", "level = 'line'\nlevel = 'line'\n", "mpycov.toml:2: duplicate key");
    // Texts that only the command can judge.
    let dir = written(&[("mpycov.toml", "target_version = 'new'\n"), ("a.py", "x = 1\n")]);
    let outcome = mpycov(dir.path(), &["debug", "lines", "a.py"], &[]);
    assert_eq!(
        outcome.err(),
        "mpycov: error: mpycov.toml:1: `target_version`: a version looks like 1.25\n"
    );
}
