//! Source bytes in, a syntax tree with positions in the original bytes out.
//!
//! This is the only module that calls the parser crate. MicroPython accepts
//! some texts that Python does not; the fallbacks here bring all of them to a
//! tree: tolerated errors that leave the tree whole, bytes beyond ASCII read
//! as letters, and tabs that count to the next multiple of eight.

pub mod elif;
pub mod exclude;
mod fallback;
pub mod lines;
mod nesting;

use ruff_python_ast::token::{TokenKind, Tokens};
use ruff_python_ast::{ModModule, Stmt};
use ruff_python_parser::{Mode, ParseError, ParseErrorType, ParseOptions, parse_unchecked};
use ruff_text_size::{Ranged, TextRange, TextSize};
use smallvec::{SmallVec, smallvec};

use crate::model::{Line, Span};
use lines::{Lines, LogicalLines};

/// A parsed source file.
#[derive(Debug)]
pub struct Parsed {
    text: Vec<u8>,
    lines: Lines,
    logical: LogicalLines,
    offsets: fallback::Offsets,
    module: ModModule,
    tokens: Tokens,
}

/// One place where a text is no MicroPython.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub span: Span,
    /// What is wrong.
    pub message: String,
}

/// A text that does not parse, with every fault found in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} syntax error(s)", faults.len())]
pub struct SyntaxError {
    /// The faults, in source order.
    pub faults: Vec<Fault>,
}

/// Parses a source text.
///
/// # Errors
/// When neither the text nor one of its fallback readings parses.
pub fn parse(text: Vec<u8>) -> Result<Parsed, SyntaxError> {
    let (offsets, module, tokens) = tree(&text)?;
    Ok(Parsed::new(text, offsets, module, tokens))
}

fn tree(text: &[u8]) -> Result<(fallback::Offsets, ModModule, Tokens), SyntaxError> {
    let mut first_error = None;
    for reading in fallback::readings(text) {
        let parsed = parse_unchecked(&reading.text, ParseOptions::from(Mode::Module))
            .try_into_module()
            .expect("a module was asked for");
        if let Some(place) = nesting::too_deep(parsed.tokens()) {
            let span = reading.offsets.span(place);
            // Even to let go of such a tree takes more stack than there may be.
            std::mem::forget(parsed);
            return Err(SyntaxError { faults: vec![Fault { span, message: TOO_DEEP.to_owned() }] });
        }
        let serious: Vec<&ParseError> =
            parsed.errors().iter().filter(|e| !tolerated(&e.error)).collect();
        if serious.is_empty() {
            let tokens = parsed.tokens().clone();
            return Ok((reading.offsets, parsed.into_syntax(), tokens));
        }
        let faults = serious.iter().map(|e| fault(e, &reading.offsets)).collect();
        first_error.get_or_insert(SyntaxError { faults });
    }
    Err(first_error.expect("a text has at least one reading"))
}

/// What is said of a text that is too deeply nested.
const TOO_DEEP: &str =
    "the source is too deeply nested: split this expression or block into smaller ones";

/// Errors of Python that MicroPython does not share and that leave a whole tree.
fn tolerated(error: &ParseErrorType) -> bool {
    use ParseErrorType as E;
    match error {
        E::ExpectedKeywordParam
        | E::UnparenthesizedGeneratorExpression
        | E::InvalidLambdaExpressionUsage
        | E::InvalidAnnotatedAssignmentTarget
        | E::DuplicateKeywordArgumentError(_) => true,
        E::OtherError(text) => {
            text.starts_with("Trailing comma not allowed") || text.starts_with("Only single target")
        }
        _ => false,
    }
}

fn fault(error: &ParseError, offsets: &fallback::Offsets) -> Fault {
    let message = match &error.error {
        ParseErrorType::RecursionLimitExceeded => TOO_DEEP.to_owned(),
        other => other.to_string(),
    };
    Fault { span: offsets.span(error.location), message }
}

impl Parsed {
    fn new(text: Vec<u8>, offsets: fallback::Offsets, module: ModModule, tokens: Tokens) -> Self {
        let lines = Lines::of(&text);
        let mut parsed = Self {
            text,
            logical: LogicalLines::new(lines.count()),
            lines,
            offsets,
            module,
            tokens,
        };
        parsed.find_logical_lines();
        parsed
    }

    fn find_logical_lines(&mut self) {
        let mut logical = LogicalLines::new(self.lines.count());
        let mut first: Option<Line> = None;
        for token in self.tokens.iter() {
            match token.kind() {
                TokenKind::Comment
                | TokenKind::NonLogicalNewline
                | TokenKind::Indent
                | TokenKind::Dedent => {}
                TokenKind::Newline | TokenKind::EndOfFile => {
                    if let Some(start) = first.take() {
                        logical.add(start, self.line_of(token.start()));
                    }
                }
                _ => {
                    first.get_or_insert_with(|| self.line_of(token.start()));
                }
            }
        }
        self.logical = logical;
    }

    /// The original bytes.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Its physical lines.
    #[must_use]
    pub fn lines(&self) -> &Lines {
        &self.lines
    }

    /// Its logical lines.
    #[must_use]
    pub fn logical(&self) -> &LogicalLines {
        &self.logical
    }

    /// The statements of the module.
    #[must_use]
    pub fn body(&self) -> &[Stmt] {
        &self.module.body
    }

    /// All tokens. Their ranges, like those of the tree, are in the text that
    /// was parsed: bring them home with [`Parsed::at`].
    #[must_use]
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// The original offset of a position in the tree.
    #[must_use]
    pub fn at(&self, position: TextSize) -> u32 {
        self.offsets.home(position)
    }

    /// The original span of a range in the tree.
    #[must_use]
    pub fn span(&self, range: TextRange) -> Span {
        self.offsets.span(range)
    }

    /// The line of a position in the tree.
    #[must_use]
    pub fn line_of(&self, position: TextSize) -> Line {
        self.lines.line(self.at(position))
    }

    /// First line of the logical line that holds a position in the tree: the
    /// line under which reports list the statement.
    #[must_use]
    pub fn statement_line(&self, position: TextSize) -> Line {
        self.logical.first(self.line_of(position))
    }

    /// The text of a range, as far as it is UTF-8.
    #[must_use]
    pub fn slice(&self, range: TextRange) -> String {
        let span = self.span(range);
        String::from_utf8_lossy(&self.text[span.start as usize..span.end as usize]).into_owned()
    }

    /// Is there a name in the text that is `name` exactly?
    #[must_use]
    pub fn uses_name(&self, name: &str) -> bool {
        self.tokens.iter().any(|token| {
            token.kind() == TokenKind::Name && {
                let span = self.span(token.range());
                &self.text[span.start as usize..span.end as usize] == name.as_bytes()
            }
        })
    }
}

/// Some suites of one statement, which seldom has many.
pub type Suites<'a> = SmallVec<[&'a [Stmt]; 4]>;

/// The suites directly under a statement, in source order.
#[must_use]
pub fn suites(stmt: &Stmt) -> Suites<'_> {
    match stmt {
        Stmt::FunctionDef(s) => smallvec![&s.body[..]],
        Stmt::ClassDef(s) => smallvec![&s.body[..]],
        Stmt::For(s) => smallvec![&s.body[..], &s.orelse[..]],
        Stmt::While(s) => smallvec![&s.body[..], &s.orelse[..]],
        Stmt::With(s) => smallvec![&s.body[..]],
        Stmt::If(s) => {
            let mut all: Suites<'_> = smallvec![&s.body[..]];
            all.extend(s.elif_else_clauses.iter().map(|c| &c.body[..]));
            all
        }
        Stmt::Try(s) => {
            let mut all: Suites<'_> = smallvec![&s.body[..]];
            for ruff_python_ast::ExceptHandler::ExceptHandler(h) in &s.handlers {
                all.push(&h.body);
            }
            all.extend([&s.orelse[..], &s.finalbody[..]]);
            all
        }
        Stmt::Match(s) => s.cases.iter().map(|c| &c.body[..]).collect(),
        _ => Suites::new(),
    }
}
