//! Tracebacks of a board, brought home: its paths become those of the sources, its line numbers theirs.
//!
//! In: the text, and what was placed where. Out: the text that a plain run beside the sources would have printed.

/// A text that was placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Its path on the board.
    pub path: String,
    /// The name that users know its source by.
    pub name: String,
    /// Lines that the placed text has and the source has not, ascending.
    pub added: Vec<u32>,
}

/// Replaces paths and line numbers in lines of the form `  File "PATH", line N…`.
#[must_use]
pub fn bring_home(traceback: &str, placed: &[Placed]) -> String {
    traceback.split_inclusive('\n').map(|line| replaced(line, placed)).collect()
}

fn replaced(line: &str, placed: &[Placed]) -> String {
    let parts = || {
        let (path, rest) = line.strip_prefix("  File \"")?.split_once('"')?;
        let rest = rest.strip_prefix(", line ")?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u32 = rest[..digits].parse().ok()?;
        let found = placed.iter().find(|one| same(&one.path, path) || one.name == path)?;
        let before = found.added.iter().filter(|added| **added <= number).count() as u32;
        let number = number.saturating_sub(before).max(1);
        Some(format!("  File \"{}\", line {number}{}", found.name, &rest[digits..]))
    };
    parts().unwrap_or_else(|| line.to_owned())
}

/// Whether two paths are one: firmware differs in what stands in front.
fn same(placed: &str, seen: &str) -> bool {
    let plain = |path: &str| {
        let path = path.trim_start_matches('/');
        path.strip_suffix(".mpy").map_or_else(|| path.to_owned(), |stem| format!("{stem}.py"))
    };
    plain(placed) == plain(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_lines_become_those_of_the_sources() {
        let placed = [
            Placed { path: "/_mpycov/a.py".into(), name: "src/a.py".into(), added: vec![3, 10] },
            Placed { path: "b.mpy".into(), name: "b.py".into(), added: vec![] },
        ];
        let text = "Traceback (most recent call last):\n  File \"/_mpycov/a.py\", line 5, in f\n  File \"b.py\", line 2\nValueError: line 5\n";
        assert_eq!(
            bring_home(text, &placed),
            "Traceback (most recent call last):\n  File \"src/a.py\", line 4, in f\n  File \"b.py\", line 2\nValueError: line 5\n"
        );
        assert_eq!(
            bring_home("  File \"other.py\", line 5\n", &placed),
            "  File \"other.py\", line 5\n"
        );
    }
}
