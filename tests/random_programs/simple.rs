//! Random simple statements.

use crate::grammar::{Indent, Kind, Writer};

impl Writer<'_> {
    /// A simple statement, or several, on a line of their own.
    pub(crate) fn simple(&mut self, indent: Indent<'_>) -> bool {
        let line = self.here();
        if self.tape.chance(8) {
            self.push(indent, "pass");
            return true;
        }
        self.told.insert(line);
        if self.tape.chance(12) {
            // It goes on in the next lines.
            let number = self.number(Some(line), 1);
            let more = self.number(None, 1);
            let target = if self.scope().kind == Kind::Class { "j" } else { "z" };
            self.push(indent, &format!("{target} = ({number} +"));
            self.trivia();
            self.push("  ", &format!("{more})"));
            return true;
        }
        let (mut text, mut goes_on) = self.small(Some(line));
        // Behind a jump nothing is reached.
        while self.tape.chance(15) && (goes_on || !self.common) {
            let (more, still) = self.small(None);
            text = format!("{text}; {more}");
            goes_on &= still;
        }
        self.push(indent, &text);
        goes_on
    }

    /// One simple statement; with a line, that is written down first. Tells whether control goes
    /// on behind it.
    pub(crate) fn small(&mut self, line: Option<u32>) -> (String, bool) {
        let number = line.unwrap_or(0);
        let scope = self.scope().clone();
        let is_function = matches!(scope.kind, Kind::Function | Kind::Async | Kind::Generator);
        let target = if scope.kind == Kind::Class { "j" } else { "z" };
        let text = match self.tape.below(20) {
            0..=3 => format!("{target} = {}", self.number(line, 3)),
            4..=6 => format!("k({})", self.test(line, 3)),
            7 => format!("{target} = {}", self.test(line, 3)),
            8 => format!("t({number}); {target} = 1; {target} += {}", self.number(None, 2)),
            9 => format!("a_list[{}] = {}", self.tape.below(4), self.test(line, 2)),
            10 => format!("o.a = q = {}", self.test(line, 2)),
            11 => format!("assert {}, k(0)", self.test(line, 2)),
            12 => format!("t({number}); d = 1; del d"),
            13 => format!("t({number}); import harness as other"),
            14 if scope.in_loop => {
                let word = self.tape.pick(&["break", "continue"]);
                return (format!("t({number}); {word}"), false);
            }
            15 if is_function && (!self.common || !scope.in_finally) => {
                let text = match scope.kind {
                    Kind::Generator => format!("t({number}); return"),
                    _ => format!("return {}", self.test(line, 2)),
                };
                return (text, false);
            }
            16 if scope.kind == Kind::Generator => format!("u = yield {}", self.number(line, 1)),
            17 if scope.is_nested || self.tape.chance(30) => {
                let error = self.tape.pick(&["E1", "E2"]);
                return (format!("raise {error}(v({number}, 1))"), false);
            }
            18 => format!("u, w = {}, {}", self.test(line, 1), self.number(None, 2)),
            _ => format!("k({})", self.number(line, 2)),
        };
        (text, true)
    }
}
