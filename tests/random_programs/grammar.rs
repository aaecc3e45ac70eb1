//! Random programs: every statement of the language, nested at random. They end by themselves, and
//! each statement writes down its own line when it starts, before anything else can happen.

use std::collections::BTreeSet;

use crate::tape::Tape;

/// A program and the lines that it tells of.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) text: String,
    /// Lines that are written down whenever the statement that begins there is started.
    pub(crate) told: BTreeSet<u32>,
    /// Those of them that open a block of their own, where an exception arrives.
    pub(crate) handlers: BTreeSet<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Module,
    Function,
    Generator,
    Async,
    Class,
    Comprehension,
}

/// What may stand where.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) kind: Kind,
    /// Names that are bound for sure.
    names: Vec<String>,
    pub(crate) in_loop: bool,
    withs: u32,
    /// Inside a `finally` no loop may be left.
    pub(crate) in_finally: bool,
    /// May the suite name its names' scopes any more?
    pub(crate) is_nested: bool,
}

/// Writes a program.
pub(crate) struct Writer<'a> {
    pub(crate) tape: Tape<'a>,
    lines: Vec<String>,
    pub(crate) told: BTreeSet<u32>,
    handlers: BTreeSet<u32>,
    scopes: Vec<Scope>,
    /// Functions that may be called from here: they were defined before, at module level.
    pub(crate) functions: Vec<String>,
    count: usize,
    /// Is the program for CPython too?
    pub(crate) common: bool,
}

/// Where the lines of a suite begin.
pub(crate) type Indent<'i> = &'i str;

/// A program read from a tape; `common` ones do the same on CPython.
pub(crate) fn program(bytes: &[u8], common: bool) -> Program {
    let mut tape = Tape::new(bytes);
    let form = tape.byte();
    let names = ["g0", "g1", "g2"].map(str::to_owned).to_vec();
    let scope = Scope {
        kind: Kind::Module,
        names,
        in_loop: false,
        withs: 0,
        in_finally: false,
        is_nested: false,
    };
    let mut writer = Writer {
        tape,
        lines: Vec::new(),
        told: BTreeSet::new(),
        handlers: BTreeSet::new(),
        scopes: vec![scope],
        functions: Vec::new(),
        count: 0,
        common,
    };
    if writer.tape.chance(30) {
        writer.lines.push("\"\"\"A docstring.\"\"\"".to_owned());
    }
    writer.lines.push("from harness import *".to_owned());
    writer.lines.push("import harness as h".to_owned());
    writer.lines.push("g0 = 1; g1 = 0; g2 = z = 2; o = Holder(); a_list = [0] * 4".to_owned());
    let size = 3 + writer.tape.below(6);
    writer.statements("", 3, size);
    let newline = if form % 8 == 1 { "\r\n" } else { "\n" };
    let mut text = writer.lines.join(newline);
    if form % 8 != 2 {
        text += newline;
    }
    Program { text, told: writer.told, handlers: writer.handlers }
}

impl Writer<'_> {
    pub(crate) fn scope(&self) -> &Scope {
        self.scopes.last().expect("there is the module")
    }

    pub(crate) fn scope_mut(&mut self) -> &mut Scope {
        self.scopes.last_mut().expect("there is the module")
    }

    /// A name that is bound for sure.
    pub(crate) fn name(&mut self) -> String {
        let index = self.tape.below(self.scope().names.len());
        self.scope().names[index].clone()
    }

    /// May `:=` stand here, and be understood?
    pub(crate) fn may_bind(&self) -> bool {
        matches!(self.scope().kind, Kind::Module | Kind::Function | Kind::Generator | Kind::Async)
    }

    /// Writes something that has a scope of its own inside an expression.
    pub(crate) fn closed(&mut self, write: impl FnOnce(&mut Self) -> String) -> String {
        let mut scope = self.scope().clone();
        if scope.kind == Kind::Class {
            scope.names = self.scopes[0].names.clone();
        }
        scope.kind = Kind::Comprehension;
        self.scopes.push(scope);
        let text = write(self);
        self.scopes.pop();
        text
    }

    /// The number of the next line.
    pub(crate) fn here(&self) -> u32 {
        self.lines.len() as u32 + 1
    }

    /// The next line; the statement on it writes it down.
    pub(crate) fn tell(&mut self) -> u32 {
        let line = self.here();
        self.told.insert(line);
        line
    }

    pub(crate) fn push(&mut self, indent: Indent<'_>, text: &str) {
        let comment = if self.tape.chance(8) { "  # a comment: if x:" } else { "" };
        self.lines.push(format!("{indent}{text}{comment}"));
    }

    /// Blank lines and comments, indented as they like.
    pub(crate) fn trivia(&mut self) {
        while self.tape.chance(15) {
            let text = self.tape.pick(&["", "# left", "        # right", "    ", "\t# a tab"]);
            self.lines.push(text.to_owned());
        }
    }

    fn deeper(&mut self, indent: Indent<'_>) -> String {
        let unit = self.tape.pick(&["    ", "  ", "\t", " ", "        "]);
        format!("{indent}{unit}")
    }

    /// The suite of a header: on the lines below or, if it may, on the same one.
    /// Tells whether control may leave it at its end.
    fn suite(&mut self, indent: Indent<'_>, header: &str, depth: u32) -> bool {
        self.suite_with(indent, header, depth, |_, _| {})
    }

    fn suite_with(
        &mut self,
        indent: Indent<'_>,
        header: &str,
        depth: u32,
        begin: impl FnOnce(&mut Self, Indent<'_>),
    ) -> bool {
        self.push(indent, header);
        let inner = self.deeper(indent);
        self.trivia();
        begin(self, &inner);
        let size = 1 + self.tape.below(3);
        self.statements(&inner, depth, size)
    }

    fn statements(&mut self, indent: Indent<'_>, depth: u32, size: usize) -> bool {
        for _ in 0..size {
            let goes_on = self.statement(indent, depth);
            self.trivia();
            // coverage.py counts lines that cannot be reached if a lambda or a function is there.
            if !goes_on && self.common {
                return false;
            }
            if !self.tape.goes_on() {
                break;
            }
        }
        true
    }

    /// Tells whether control may go on behind it.
    fn statement(&mut self, indent: Indent<'_>, depth: u32) -> bool {
        if depth == 0 || !self.tape.goes_on() {
            return self.simple(indent);
        }
        let depth = depth - 1;
        match self.tape.below(20) {
            0..=5 => return self.simple(indent),
            6..=9 => return self.conditional(indent, depth),
            10 | 11 => return self.while_loop(indent, depth),
            12 | 13 => return self.for_loop(indent, depth),
            14 | 15 => return self.attempt(indent, depth),
            16 => self.with(indent, depth),
            17 | 18 => self.definition(indent, depth),
            _ => self.class(indent, depth),
        }
        true
    }

    fn conditional(&mut self, indent: Indent<'_>, depth: u32) -> bool {
        let line = self.tell();
        let test = self.test(Some(line), 3);
        let mut goes_on = if self.tape.chance(25) {
            let (body, goes_on) = self.small(None);
            self.push(indent, &format!("if {test}: {body}"));
            goes_on
        } else {
            self.suite(indent, &format!("if {test}:"), depth)
        };
        while self.tape.chance(25) {
            let line = self.tell();
            let test = self.test(Some(line), 2);
            goes_on |= self.suite(indent, &format!("elif {test}:"), depth);
        }
        self.otherwise(indent, depth, 50) | goes_on
    }

    /// Perhaps an `else`; tells whether control may go on behind it, or without it.
    fn otherwise(&mut self, indent: Indent<'_>, depth: u32, percent: u32) -> bool {
        if !self.tape.chance(percent) {
            return true;
        }
        if self.tape.chance(25) {
            let line = self.tell();
            let (body, goes_on) = self.small(Some(line));
            self.push(indent, &format!("else: {body}"));
            return goes_on;
        }
        self.suite(indent, "else:", depth)
    }

    fn in_loop(&mut self, write: impl FnOnce(&mut Self) -> bool) {
        let before = self.scope().clone();
        self.scope_mut().in_loop = true;
        write(self);
        self.scope_mut().in_loop = before.in_loop;
    }

    fn while_loop(&mut self, indent: Indent<'_>, depth: u32) -> bool {
        let line = self.tell();
        let test = if self.tape.chance(15) && !self.common {
            self.told.remove(&line);
            self.tape.pick(&["True", "1"]).to_owned()
        } else {
            self.test(Some(line), 2)
        };
        self.in_loop(|writer| {
            writer.suite_with(indent, &format!("while {test}:"), depth, |writer, inner| {
                let line = writer.tell();
                writer.push(inner, &format!("if not go({line}): break"));
            })
        });
        self.otherwise(indent, depth, 25)
    }

    fn for_loop(&mut self, indent: Indent<'_>, depth: u32) -> bool {
        let line = self.tell();
        let target = self.tape.pick(&["i", "i", "o.i", "a_list[1]", "i, j"]);
        let count = self.tape.below(4);
        let iterable = match target {
            "i, j" => format!("[(1, q) for q in s({line}, {count})]"),
            _ if self.tape.chance(30) => format!("[q for q in s({line}, {count})]"),
            _ if self.tape.chance(20) => format!("range(v({line}, 0) % 3)"),
            _ => format!("s({line}, {count})"),
        };
        let body = format!("for {target} in {iterable}:");
        self.in_loop(|writer| writer.suite(indent, &body, depth));
        self.otherwise(indent, depth, 30)
    }

    fn attempt(&mut self, indent: Indent<'_>, depth: u32) -> bool {
        let body_goes_on = self.suite(indent, "try:", depth);
        let mut goes_on = body_goes_on;
        let mut handled = false;
        while self.tape.chance(50) || (!handled && !self.tape.goes_on()) {
            handled = true;
            let line = self.tell();
            self.handlers.insert(line);
            let header = match self.tape.below(4) {
                0 => format!("except ex({line}, E1):"),
                1 => format!("except ex({line}, E2) as e:"),
                2 => format!("except (ex({line}, E1), ZeroDivisionError):"),
                _ => format!("except ex({line}, AssertionError):"),
            };
            goes_on |= self.suite(indent, &header, depth);
        }
        if handled {
            if self.tape.chance(20) {
                goes_on |= self.suite(indent, "except Exception:", depth);
            }
            // Behind a body that leaves, it could not be reached.
            if body_goes_on || !self.common {
                self.otherwise(indent, depth, 25);
            }
        }
        if !handled || self.tape.chance(30) {
            let before = self.scope().clone();
            let scope = self.scope_mut();
            (scope.in_finally, scope.in_loop) = (true, false);
            goes_on &= self.suite(indent, "finally:", depth);
            let scope = self.scope_mut();
            (scope.in_finally, scope.in_loop) = (before.in_finally, before.in_loop);
        }
        goes_on
    }

    fn with(&mut self, indent: Indent<'_>, depth: u32) {
        // coverage.py takes what is nested three deep for a branch.
        if self.common && (self.scope().withs > 0 || self.scope().kind == Kind::Generator) {
            self.simple(indent);
            return;
        }
        self.scope_mut().withs += 1;
        let line = self.tell();
        let header = match self.tape.below(3) {
            0 => format!("with m({line}):"),
            1 => format!("with m({line}) as j:"),
            _ => format!("with m({line}) as i, m(0):"),
        };
        self.suite(indent, &header, depth);
        self.scope_mut().withs -= 1;
    }

    /// A function, and mostly a call of it.
    fn definition(&mut self, indent: Indent<'_>, depth: u32) {
        let kinds = [Kind::Function, Kind::Function, Kind::Function, Kind::Generator, Kind::Async];
        let kind = self.tape.pick(&kinds);
        self.count += 1;
        let name = format!("f{}", self.count);
        if self.tape.chance(20) {
            let line = self.tell();
            self.push(indent, &format!("@deco({line})"));
        }
        let start = if kind == Kind::Async { "async def" } else { "def" };
        let parameters = match self.tape.below(3) {
            0 => "a, b=1".to_owned(),
            1 => {
                let line = self.tell();
                format!("a, b={}", self.number(Some(line), 1))
            }
            _ => "a: int, b: \"number\" = 3, *rest".to_owned(),
        };
        let header = format!("{start} {name}({parameters}):");
        let outer = self.scope().clone();
        let mut names = vec!["a".to_owned(), "b".to_owned(), "x".to_owned()];
        names.extend(["g0", "g1"].map(str::to_owned));
        let mut inner = Scope {
            kind,
            names,
            in_loop: false,
            withs: outer.withs,
            in_finally: false,
            is_nested: true,
        };
        let of_module = outer.kind == Kind::Module;
        let nests = outer.kind == Kind::Function && outer.names.iter().any(|n| n == "x");
        let (declares, closes) = (self.tape.chance(20), nests && self.tape.chance(30));
        if closes {
            inner.names.retain(|n| n != "x");
        }
        self.scopes.push(inner);
        self.suite_with(indent, &header, depth, |writer, indent| {
            if writer.tape.chance(20) {
                writer.push(indent, "'''Its docstring.'''");
            }
            if declares {
                writer.push(indent, "global g0");
                let line = writer.tell();
                writer.push(indent, &format!("g0 = v({line}, g0)"));
            }
            if closes {
                writer.push(indent, "nonlocal x");
            }
            let line = writer.tell();
            let bound = if closes { "y" } else { "x" };
            writer.push(indent, &format!("{bound} = z = v({line}, a); i = j = 0"));
            if closes {
                let line = writer.tell();
                writer.push(indent, &format!("x = v({line}, x)"));
            }
            if kind == Kind::Generator {
                let line = writer.tell();
                writer.push(indent, &format!("yield v({line}, 1)"));
            }
        });
        self.scopes.pop();
        let line = self.here();
        let call = match kind {
            Kind::Generator => format!("for i in {name}(v({line}, 1)): k(i)"),
            Kind::Async => format!("k(drive({name}(v({line}, 1)), {name}(2, 3)))"),
            _ => format!("k({name}(v({line}, 1), 2))"),
        };
        if self.tape.chance(85) || !self.tape.goes_on() {
            self.tell();
            self.push(indent, &call);
        }
        if of_module && kind == Kind::Function && !self.scope().in_loop && indent.is_empty() {
            self.functions.push(name);
        }
    }

    fn class(&mut self, indent: Indent<'_>, depth: u32) {
        self.count += 1;
        let name = format!("K{}", self.count);
        let line = self.tell();
        let header = format!("class {name}(ex({line}, Holder)):");
        let inner = Scope {
            kind: Kind::Class,
            names: self.scopes[0].names.clone(),
            in_loop: false,
            withs: self.scope().withs,
            in_finally: false,
            is_nested: true,
        };
        self.scopes.push(inner);
        self.suite_with(indent, &header, depth, |writer, indent| {
            let line = writer.tell();
            writer.push(indent, &format!("i = j = v({line}, 1)"));
        });
        self.scopes.pop();
        let line = self.tell();
        self.push(indent, &format!("k(ex({line}, {name}.i))"));
    }
}
