//! Short ways to write verdicts by hand.

use std::collections::{BTreeMap, BTreeSet};

use mpycov::model::{
    BranchLine, ConditionVerdict, DecisionKind, DecisionVerdict, Exit, FileCoverage, Line,
    PathVerdict, Scope, ScopeKind, SuiteVerdict,
};

/// A file in the making.
pub struct File(FileCoverage);

impl File {
    pub fn new(path: &str) -> Self {
        Self(FileCoverage {
            path: path.to_owned(),
            level: super::LEVEL,
            measured: true,
            statements: BTreeMap::new(),
            end_lines: BTreeMap::new(),
            excluded: BTreeSet::new(),
            branches: Vec::new(),
            decisions: Vec::new(),
            suites: Vec::new(),
            scopes: Vec::new(),
            not_measured: Vec::new(),
            line_contexts: BTreeMap::new(),
        })
    }

    pub fn hit(mut self, lines: &[u32]) -> Self {
        self.0.statements.extend(lines.iter().map(|l| (Line(*l), true)));
        self
    }

    pub fn missed(mut self, lines: &[u32]) -> Self {
        self.0.statements.extend(lines.iter().map(|l| (Line(*l), false)));
        self
    }

    pub fn excluded(mut self, lines: &[u32]) -> Self {
        self.0.excluded.extend(lines.iter().map(|l| Line(*l)));
        self
    }

    /// Statements of several lines: first and last.
    pub fn long(mut self, lines: &[(u32, u32)]) -> Self {
        let ends = lines.iter().map(|(first, last)| (Line(*first), Line(*last)));
        self.0.end_lines.extend(ends);
        self
    }

    /// The ways out of a line, those out of its function below 0.
    pub fn branch(mut self, line: u32, exits: &[(i64, bool)]) -> Self {
        let exit = |(to, taken): &(i64, bool)| Exit { to: super::arc_end(*to), taken: *taken };
        self.0.branches.push(BranchLine {
            line: Line(line),
            exits: exits.iter().map(exit).collect(),
            partial_allowed: false,
        });
        self
    }

    /// A function or class: its line, the first of its body, its last.
    pub fn scope(
        mut self,
        kind: ScopeKind,
        name: &str,
        (line, body_line, end_line): (u32, u32, u32),
        entered: bool,
    ) -> Self {
        let scope = Scope {
            kind,
            name: name.to_owned(),
            line: Line(line),
            body_line: Line(body_line),
            end_line: Line(end_line),
            entered: mpycov::model::Evidence::default(),
        };
        self.0.scopes.push((scope, entered));
        self
    }

    pub fn suites(mut self, suites: &[(u32, bool)]) -> Self {
        let suite = |(line, hit): &(u32, bool)| SuiteVerdict { line: Line(*line), hit: *hit };
        self.0.suites.extend(suites.iter().map(suite));
        self
    }

    pub fn context(mut self, context: usize, lines: &[u32]) -> Self {
        for line in lines {
            let contexts = self.0.line_contexts.entry(Line(*line)).or_default();
            contexts.insert(context);
        }
        self
    }

    pub fn done(self) -> FileCoverage {
        self.0
    }
}

/// A file of which no data speak.
pub fn never_run(mut file: FileCoverage) -> FileCoverage {
    file.measured = false;
    file
}

/// A condition of which nothing was seen yet; its paths tell what was.
pub fn condition(text: &str, line: u32, column: u32) -> Verdict {
    Verdict(ConditionVerdict {
        text: text.to_owned(),
        line: Line(line),
        column,
        length: u32::try_from(text.len()).expect("a short text"),
        seen_true: false,
        seen_false: false,
        mcdc: false,
        mcdc_pair: false,
        shown_by: None,
        would_show: None,
    })
}

/// A condition in the making.
pub struct Verdict(ConditionVerdict);

impl Verdict {
    /// MC/DC is not shown; this path would do it, with that one.
    pub fn wanted(mut self, path: usize, partner: Option<usize>) -> Self {
        self.0.would_show = Some((path, partner));
        self
    }

    /// MC/DC is shown by these two.
    pub fn shown(mut self, path: usize, other: usize) -> Self {
        self.0.mcdc = true;
        self.0.mcdc_pair = true;
        self.0.shown_by = Some((path, other));
        self
    }
}

/// A condition shown by two paths.
pub fn mcdc(condition: Verdict, path: usize, other: usize) -> Verdict {
    condition.shown(path, other)
}

/// A decision with its first line, column and last line.
pub fn decision(
    kind: DecisionKind,
    text: &str,
    (line, column, end_line): (u32, u32, u32),
) -> Decision {
    Decision(DecisionVerdict {
        kind,
        text: text.to_owned(),
        line: Line(line),
        column,
        end_line: Line(end_line),
        conditions: Vec::new(),
        paths: Vec::new(),
        not_measured: None,
        outcomes_only: false,
    })
}

/// A decision in the making.
pub struct Decision(DecisionVerdict);

impl Decision {
    pub fn conditions(mut self, conditions: Vec<Verdict>) -> Self {
        self.0.conditions = conditions.into_iter().map(|c| c.0).collect();
        self
    }

    /// The paths, as in `TF- F hit, FT- T`; `?` for an outcome nobody asks for.
    pub fn paths(mut self, paths: &str) -> DecisionVerdict {
        let letter = |letter: char| match letter {
            'T' => Some(true),
            'F' => Some(false),
            _ => None,
        };
        for path in paths.split(", ") {
            let mut words = path.split(' ');
            let values: Vec<Option<bool>> =
                words.next().unwrap_or_default().chars().map(letter).collect();
            let outcome = words.next().and_then(|w| w.chars().next()).and_then(letter);
            let hit = words.next().is_some();
            assert_eq!(values.len(), self.0.conditions.len(), "{path}");
            for (condition, value) in self.0.conditions.iter_mut().zip(&values) {
                condition.seen_true |= hit && *value == Some(true);
                condition.seen_false |= hit && *value == Some(false);
            }
            self.0.paths.push(PathVerdict { values, outcome, hit });
        }
        self.0
    }
}
