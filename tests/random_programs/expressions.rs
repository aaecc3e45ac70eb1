//! Random expressions. Where a line is asked for, what is evaluated first writes it down.

use crate::grammar::{Kind, Writer};

impl Writer<'_> {
    /// A number.
    pub(crate) fn number(&mut self, line: Option<u32>, depth: u32) -> String {
        let name = self.name();
        if depth == 0 || !self.tape.goes_on() {
            return match line {
                Some(line) => format!("v({line}, {name})"),
                None if self.tape.chance(20) => self.tape.below(4).to_string(),
                None if self.tape.chance(30) => format!("v(0, {name})"),
                None => name,
            };
        }
        let below = depth - 1;
        match self.tape.below(12) {
            0..=2 => self.number(line, 0),
            3 => {
                let left = self.number(line, below);
                let operator = self.tape.pick(&["+", "-", "*", "&", "|"]);
                format!("({left} {operator} {})", self.number(None, below))
            }
            4 | 5 => format!("k({})", self.test(line, below)),
            6 => {
                let test = self.test(line, below);
                let then = self.number(None, below);
                format!("({then} if {test} else {})", self.number(None, below))
            }
            7 => {
                let (open, close) =
                    self.tape.pick(&[("len([", "])"), ("sum(", ")"), ("len({", "})")]);
                format!("{open}{}{close}", self.comprehension(line, below))
            }
            // Older MicroPythons and CPythons take little inside the braces.
            8 => {
                let first = self.number(line, 0);
                let (a, b) = (self.test(None, 0), self.test(None, 0));
                let second = self.tape.pick(&["", " and 1", " or 0", " if g1 else g2"]);
                format!("k(f\"{{{first}}} {{{a} and not {b}!r}} {{{b}{second}}}\")")
            }
            9 if !self.functions.is_empty() => {
                let call = self.call(line, below);
                format!("k({call})")
            }
            10 => {
                let test = self.closed(|writer| writer.test(line, below));
                format!("k((lambda q: {test})(1))")
            }
            _ => {
                let first = self.number(line, below);
                format!("[{first}, {}][0]", self.number(None, below))
            }
        }
    }

    /// `x for q in … if …`; nothing in it binds a name, and names of a class are not seen.
    fn comprehension(&mut self, line: Option<u32>, depth: u32) -> String {
        let iterable = format!("s({}, {})", line.unwrap_or(0), self.tape.below(4));
        self.closed(|writer| {
            let value = writer.number(None, depth.min(1));
            let mut text = format!("{value} + q for q in {iterable}");
            while writer.tape.chance(40) {
                let test = writer.test(None, depth);
                text += &format!(" if {test}");
            }
            text
        })
    }

    /// A call of a function that was defined before; its first argument is evaluated first.
    fn call(&mut self, line: Option<u32>, depth: u32) -> String {
        let index = self.tape.below(self.functions.len());
        let name = self.functions[index].clone();
        let first = self.number(line, depth);
        if self.tape.chance(50) {
            format!("{name}({first}, {})", self.number(None, depth))
        } else {
            format!("{name}({first})")
        }
    }

    /// A number as a test. CPython sees what a constant leaves unreached; where it judges too,
    /// there is none.
    fn tested_number(&mut self, line: Option<u32>, depth: u32) -> String {
        let number = self.number(line, depth);
        if self.common { format!("({number} + g0)") } else { number }
    }

    /// An expression to be tested, or whose value is shown.
    pub(crate) fn test(&mut self, line: Option<u32>, depth: u32) -> String {
        if depth == 0 || !self.tape.goes_on() {
            let name = self.name();
            return match line {
                Some(line) => format!("c({line}, {name})"),
                None if self.tape.chance(60) => format!("c(0, {name})"),
                None => name,
            };
        }
        let below = depth - 1;
        match self.tape.below(14) {
            0..=1 => self.test(line, 0),
            2..=4 => {
                let operator = self.tape.pick(&[" and ", " or "]);
                let mut parts = vec![self.test(line, below)];
                for _ in 0..=self.tape.below(2) {
                    parts.push(self.test(None, below));
                }
                format!("({})", parts.join(operator))
            }
            5 | 6 => format!("(not {})", self.test(line, below)),
            7 => {
                let operator = self.tape.pick(&["<", "==", ">=", "!=", "is not", "in"]);
                let left = self.number(line, below);
                if operator == "in" {
                    format!("({left} in (1, {}))", self.number(None, below))
                } else if operator == "is not" {
                    format!("({left} is not None)")
                } else {
                    format!("({left} {operator} {})", self.number(None, below))
                }
            }
            8 => {
                let left = self.number(line, below);
                format!("({left} <= {} < {})", self.number(None, below), self.number(None, below))
            }
            9 if self.may_bind() => {
                let value = self.test(line, below);
                format!("(z := {value})")
            }
            10 => {
                let test = self.test(line, below);
                let then = self.test(None, below);
                format!("({then} if {test} else {})", self.test(None, below))
            }
            11 if line.is_none() && !self.common => {
                self.tape.pick(&["True", "0", "None", "1", "\"\"", "()"]).to_owned()
            }
            12 => match self.scope().kind {
                Kind::Async => format!("(await ac({}, {}))", line.unwrap_or(0), self.name()),
                Kind::Generator => format!("(yield {})", self.number(line, below.min(1))),
                _ => self.tested_number(line, below),
            },
            13 => format!("[{}]", self.comprehension(line, below)),
            _ => self.tested_number(line, below),
        }
    }
}
