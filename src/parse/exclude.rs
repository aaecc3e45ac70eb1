//! Which lines count for nothing, and which need not take all their branches.
//!
//! The rules are coverage.py's: a regex that matches a line excludes the
//! statement on it, and the whole suite when the line opens one; decorators
//! and signatures carry over to the body.

use std::collections::BTreeSet;

use regex::bytes::Regex;
use ruff_python_ast::Stmt;
use ruff_python_ast::token::TokenKind;
use ruff_text_size::Ranged;

use super::Parsed;
use super::lines::Lines;
use crate::model::Line;

/// Patterns that exclude by default.
pub const DEFAULT_EXCLUDE: [&str; 3] = [
    r"#\s*(pragma|PRAGMA)[:\s]?\s*(no|NO)\s*(cover|COVER)",
    r"^\s*(((async )?def .*?)?\)(\s*->.*?)?:\s*)?\.\.\.\s*(#|$)",
    r"if (typing\.)?TYPE_CHECKING:",
];

/// Patterns of lines that need not take all their branches by default.
pub const DEFAULT_PARTIAL: [&str; 1] = [r"#\s*(pragma|PRAGMA)[:\s]?\s*(no|NO)\s*(branch|BRANCH)"];

/// Patterns of lines that cannot take all their branches, whatever is set.
pub const ALWAYS_PARTIAL: [&str; 2] = ["while (True|1|False|0):", "if (True|1|False|0):"];

/// Compiled patterns.
#[derive(Clone, Debug)]
pub struct Patterns {
    exclude: Option<Regex>,
    partial: Option<Regex>,
}

impl Patterns {
    /// Compiles the patterns; any one that matches counts.
    ///
    /// # Errors
    /// The first pattern that is no valid regular expression, with the reason.
    pub fn new(exclude: &[String], partial: &[String]) -> Result<Self, String> {
        Ok(Self { exclude: join(exclude)?, partial: join(partial)? })
    }

    /// The default patterns, unless others are given in their place, and some
    /// more; `None` stands for the default.
    ///
    /// # Errors
    /// As [`Patterns::new`].
    pub fn of_settings(
        exclude: Option<&[String]>,
        exclude_also: &[String],
        partial: Option<&[String]>,
        partial_also: &[String],
    ) -> Result<Self, String> {
        let own = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let mut all = exclude.map_or_else(|| own(&DEFAULT_EXCLUDE), <[String]>::to_vec);
        all.extend_from_slice(exclude_also);
        let mut branches = partial.map_or_else(|| own(&DEFAULT_PARTIAL), <[String]>::to_vec);
        branches.extend_from_slice(partial_also);
        branches.extend(own(&ALWAYS_PARTIAL));
        Self::new(&all, &branches)
    }

    /// The default patterns and some more to exclude.
    ///
    /// # Errors
    /// As [`Patterns::new`].
    pub fn with_also(exclude_also: &[String]) -> Result<Self, String> {
        Self::of_settings(None, exclude_also, None, &[])
    }
}

fn join(patterns: &[String]) -> Result<Option<Regex>, String> {
    for pattern in patterns {
        Regex::new(&format!("(?m){pattern}")).map_err(|e| format!("pattern `{pattern}`: {e}"))?;
    }
    let all: Vec<String> = patterns.iter().map(|p| format!("(?:{p})")).collect();
    let joined = format!("(?m){}", all.join("|"));
    match patterns {
        [] => Ok(None),
        _ => Regex::new(&joined).map(Some).map_err(|e| e.to_string()),
    }
}

fn matching(regex: Option<&Regex>, text: &[u8], lines: &Lines) -> BTreeSet<Line> {
    let mut found = BTreeSet::new();
    for hit in regex.into_iter().flat_map(|r| r.find_iter(text)) {
        let first = lines.line(hit.start() as u32).0;
        let last = lines.line(hit.end() as u32).0;
        found.extend((first..=last).map(Line));
    }
    found
}

/// What the patterns say of one file.
#[derive(Clone, Debug, Default)]
pub struct Exclusions {
    /// Lines (first lines of statements) that count for nothing.
    pub excluded: BTreeSet<Line>,
    /// Lines whose missing branches are fine.
    pub no_branch: BTreeSet<Line>,
}

/// Applies the patterns to a parsed file.
pub fn exclusions(parsed: &Parsed, patterns: &Patterns) -> Exclusions {
    let lines = parsed.lines();
    let no_branch = matching(patterns.partial.as_ref(), parsed.text(), lines)
        .into_iter()
        .map(|line| parsed.logical().first(line))
        .collect();
    let mut excluded = matching(patterns.exclude.as_ref(), parsed.text(), lines);
    if !excluded.is_empty() {
        add_suites(parsed, &mut excluded);
        excluded = excluded.into_iter().map(|line| parsed.logical().first(line)).collect();
        add_definitions(parsed, parsed.body(), &mut excluded);
    }
    Exclusions { excluded, no_branch }
}

/// A colon on an excluded line opens an excluded suite, which ends with the
/// first statement that is not indented further.
fn add_suites(parsed: &Parsed, excluded: &mut BTreeSet<Line>) {
    let (mut indent, mut excluded_indent, mut nesting) = (0u32, 0u32, 0u32);
    let mut excluding = false;
    let mut first: Option<Line> = None;
    for token in parsed.tokens().iter() {
        let (start, end) = (parsed.line_of(token.start()), parsed.line_of(token.end()));
        match token.kind() {
            TokenKind::Indent => indent += 1,
            TokenKind::Dedent => indent -= 1,
            TokenKind::Colon if nesting == 0 => {
                let from = first.unwrap_or(end);
                if !excluding && excluded.range(from..=end).next().is_some() {
                    excluded.insert(end);
                    excluded_indent = indent;
                    excluding = true;
                }
            }
            TokenKind::Lpar | TokenKind::Lsqb | TokenKind::Lbrace => nesting += 1,
            TokenKind::Rpar | TokenKind::Rsqb | TokenKind::Rbrace => {
                nesting = nesting.saturating_sub(1);
            }
            TokenKind::Newline => first = None,
            _ => {}
        }
        let blank = matches!(
            token.kind(),
            TokenKind::Indent
                | TokenKind::Dedent
                | TokenKind::Newline
                | TokenKind::NonLogicalNewline
                | TokenKind::Comment
                | TokenKind::EndOfFile
        );
        if !blank && first.is_none() {
            first = Some(start);
            if excluding && indent <= excluded_indent {
                excluding = false;
            }
            if excluding {
                excluded.insert(end);
            }
        }
    }
}

/// An excluded decorator or signature excludes the whole definition.
fn add_definitions(parsed: &Parsed, body: &[Stmt], excluded: &mut BTreeSet<Line>) {
    let mut queue: Vec<&Stmt> = body.iter().collect();
    while let Some(stmt) = queue.pop() {
        let definition = match stmt {
            Stmt::FunctionDef(d) => Some((&d.decorator_list, d.name.range)),
            Stmt::ClassDef(d) => Some((&d.decorator_list, d.name.range)),
            _ => None,
        };
        if let Some((decorators, name)) = definition {
            let main = parsed.line_of(name.start());
            let first = decorators.first().map_or(main, |d| parsed.line_of(d.range.start()));
            if excluded.range(first..=main).next().is_some() {
                let end = parsed.line_of(stmt.end());
                excluded.extend((first.0..=end.0).map(Line));
            }
        }
        for suite in super::suites(stmt) {
            queue.extend(suite);
        }
    }
}
