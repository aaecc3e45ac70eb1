//! Programs in their wrappers: they print something, leave hits, and end.

use super::questions::matches;
use super::{CLOSING, OUTPUT, SimBoard, TABLES, frames};

impl SimBoard {
    /// What was typed at the friendly prompt: a program in its wrapper, or nothing that it knows.
    pub(super) fn typed(&mut self, code: &str) {
        let start = r"^_t='([^']*)'\n_r='\?'\nprint\(_t,'<<'\)\ntry:\n";
        match matches(start, code) {
            // Without its end it is no statement.
            Some(parts) if code.contains("finally:") => self.started(&parts[1], code),
            _ => self.print(b"Traceback (most recent call last):\n  File \"<stdin>\", line 1\nSyntaxError: invalid syntax\n"),
        }
    }

    pub(super) fn program(&mut self, code: &str) {
        let token = matches(r"^def _m\(\):\n t='([^']*)'\n r='\?'\n p=print\n p\(t,'<<'\)\n", code)
            .map(|parts| parts[1].to_owned());
        self.started(&token.expect("a program in its wrapper"), code);
    }

    pub(super) fn started(&mut self, token: &str, code: &str) {
        self.print(format!("{token} <<\n").as_bytes());
        let (start, closing) = code.split_once("finally:").expect("a program in its wrapper");
        if start.contains("_mpycov._files") || start.contains("_mpycov.dump()") {
            self.print_hits(start);
        } else {
            self.flash.lock().expect("a lock").started += 1;
            self.hits = true;
            self.own_output(OUTPUT);
        }
        if code.contains("\n   sys.exit(3)\n") {
            self.print(format!("{token} ; S(3,) S(3,)\n").as_bytes());
        } else if code.contains("\n   raise ValueError\n") {
            self.print(format!("{token} !!\nTraceback (most recent call last):\n  File \"<string>\", line 7, in <module>\nValueError: \n").as_bytes());
            self.print(format!("{token} ; R R\n").as_bytes());
        } else {
            self.print(format!("{token} ; F F\n").as_bytes());
        }
        self.print_hits(closing);
        self.print(format!("{token} ..\n").as_bytes());
    }

    /// What statements print that ask for the hits.
    pub(super) fn print_hits(&mut self, statements: &str) {
        if statements.contains("_mpycov._files") {
            let tables = if self.hits { TABLES } else { "{}\n" };
            self.own_output(tables.repeat(2).as_bytes());
        } else if statements.contains("_mpycov.dump()") {
            self.own_output(frames(self.hits).as_bytes());
        } else if statements.contains("dump()") {
            self.own_output(CLOSING);
        }
    }

    pub(super) fn own_output(&mut self, bytes: &[u8]) {
        let start = self.sent;
        self.print(bytes);
        let span = (start, self.sent);
        self.output_spans.lock().expect("a lock").push(span);
    }
}
