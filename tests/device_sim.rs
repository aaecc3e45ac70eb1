//! A board in memory: the raw prompt, a file system and just enough of our own Python to answer what the device
//! layer asks. Its clock runs only while somebody waits, so a session takes no time and thousands can be tried.
//!
//! It refuses to understand any other Python: what it does not know is a syntax error, as damaged code mostly is.

#![allow(dead_code, missing_docs, reason = "a part of other tests")]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mpycov::device::digest::Digest;
use mpycov::device::python::parse_bytes;
use mpycov::device::transport::{ReadError, Transport, WriteError};
use regex::{Captures, Regex};

/// What a board has besides memory; shared, so that a test can look at it while a session runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flash {
    /// Files by path.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Directories.
    pub directories: BTreeSet<String>,
    /// How often the program was started.
    pub started: u32,
}

/// What kind of board it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Directories, `os.rename`, raw-paste mode.
    Large,
    /// Flat names, nothing of that.
    Small,
}

/// What the program prints, whatever it is.
pub const OUTPUT: &[u8] = b"hello\n\x00\x04\x04>binary\x04 and more\n";
/// What the program leaves in the hit tables, as a small board prints them.
pub const TABLES: &str = "{'0123456789ab': [bytearray(b'\\x00\\x01\\x01\\x01\\x01'), None]}\n";
/// The same as frames.
pub fn frames(ran: bool) -> String {
    let line = |body: &str| {
        let body = format!("mpycov:1:{body}");
        let (mut a, mut b) = (1_u32, 0_u32);
        for byte in body.bytes() {
            a = (a + u32::from(byte)) % 65521;
            b = (b + a) % 65521;
        }
        format!("<{body}:{b:04x}{a:04x}>\n")
    };
    match ran {
        true => format!("\n{}{}{}", line("begin:1"), line("0123456789ab:5:0:e1"), line("end:1")),
        false => format!("\n{}{}", line("begin:0"), line("end:0")),
    }
}
/// What the closing statements print.
pub const CLOSING: &[u8] = b"frame 1\nframe 2\n";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Friendly,
    Raw,
    /// In raw-paste mode, with so many bytes until the next credit.
    Paste(usize),
    /// In the paste mode of the friendly prompt, which echoes.
    Typing,
}

/// The board.
pub struct SimBoard {
    kind: Kind,
    start: Instant,
    elapsed: Duration,
    mode: Mode,
    line: Vec<u8>,
    out: Vec<u8>,
    helpers: BTreeSet<&'static str>,
    open: Option<(String, Vec<u8>, usize)>,
    pub flash: Arc<Mutex<Flash>>,
    /// Whether it has memory for everything, and modules that can be replaced.
    pub roomy: bool,
    /// Whether its memory has the hits of the program.
    hits: bool,
    /// Where in what it sent the program's and the closing statements' own output is.
    pub output_spans: Arc<Mutex<Vec<(u64, u64)>>>,
    sent: u64,
}

/// What one of our statements leaves behind.
type Answer = Result<String, String>;

const WINDOW: usize = 32;

impl SimBoard {
    pub fn new(kind: Kind, flash: Flash) -> Self {
        Self {
            kind,
            start: Instant::now(),
            elapsed: Duration::ZERO,
            mode: Mode::Friendly,
            line: Vec::new(),
            out: Vec::new(),
            helpers: BTreeSet::new(),
            open: None,
            flash: Arc::new(Mutex::new(flash)),
            roomy: false,
            hits: false,
            output_spans: Arc::default(),
            sent: 0,
        }
    }

    /// Pulls the reset line.
    pub fn reset(&mut self) {
        self.forget();
        self.mode = Mode::Friendly;
        self.say(b"\x00\r\nMicroPython v1.9 on 2017-09-01; sim\r\nType \"help()\" for more information.\r\n>>> ");
    }

    fn forget(&mut self) {
        self.helpers.clear();
        self.open = None;
        self.hits = false;
        self.line.clear();
    }

    fn say(&mut self, bytes: &[u8]) {
        self.sent += bytes.len() as u64;
        self.out.extend_from_slice(bytes);
    }

    /// Prints text as boards do: newlines become `\r\n`.
    fn print(&mut self, bytes: &[u8]) {
        let cooked: Vec<u8> = bytes
            .iter()
            .flat_map(|byte| if *byte == b'\n' { vec![b'\r', b'\n'] } else { vec![*byte] })
            .collect();
        self.say(&cooked);
    }

    fn receive(&mut self, byte: u8) {
        match (self.mode, byte) {
            (Mode::Paste(_), 0x03) => {
                self.mode = Mode::Raw;
                self.say(b"\x04\x04KeyboardInterrupt\r\n\x04>");
                self.line.clear();
            }
            (Mode::Paste(_), 0x04) => {
                self.mode = Mode::Raw;
                self.say(b"\x04");
                let code = std::mem::take(&mut self.line);
                self.execute(&code);
            }
            (Mode::Paste(left), _) => {
                self.line.push(byte);
                self.mode = Mode::Paste(if left == 1 {
                    self.say(b"\x01");
                    WINDOW
                } else {
                    left - 1
                });
            }
            (Mode::Friendly, 0x05) => {
                self.mode = Mode::Typing;
                self.line.clear();
                self.say(b"\r\npaste mode; Ctrl-C to cancel, Ctrl-D to finish\r\n=== ");
            }
            (Mode::Typing, 0x03) => {
                self.mode = Mode::Friendly;
                self.line.clear();
                self.say(b"\r\n>>> ");
            }
            (Mode::Typing, 0x04) => {
                self.mode = Mode::Friendly;
                self.say(b"\r\n");
                let code = std::mem::take(&mut self.line);
                self.typed(&String::from_utf8_lossy(&code).replace('\r', "\n"));
                self.say(b">>> ");
            }
            (Mode::Typing, _) => {
                self.line.push(byte);
                if byte == b'\r' { self.say(b"\r\n=== ") } else { self.say(&[byte]) }
            }
            (Mode::Raw, 0x01) if self.line == b"\x05A" && self.kind == Kind::Large => {
                self.line.clear();
                self.mode = Mode::Paste(WINDOW);
                let [low, high] = (WINDOW as u16).to_le_bytes();
                self.say(&[b'R', 1, low, high, 1]);
            }
            (Mode::Raw | Mode::Friendly, 0x01) => {
                self.mode = Mode::Raw;
                self.line.clear();
                self.say(b"raw REPL; CTRL-B to exit\r\n>");
            }
            (_, 0x02) => {
                self.mode = Mode::Friendly;
                self.line.clear();
                self.say(b"\r\nMicroPython v1.9 on 2017-09-01; sim\r\n>>> ");
            }
            (_, 0x03) => {
                self.line.clear();
                if self.mode == Mode::Friendly {
                    self.say(b"\r\n>>> ");
                }
            }
            (Mode::Raw, 0x04) if self.line.is_empty() => {
                self.forget();
                self.say(b"OK\r\nMPY: soft reboot\r\nraw REPL; CTRL-B to exit\r\n>");
            }
            (Mode::Raw, 0x04) => {
                self.say(b"OK");
                let code = std::mem::take(&mut self.line);
                self.execute(&code);
            }
            (Mode::Friendly, 0x04) => {
                self.forget();
                self.say(b"\r\nMPY: soft reboot\r\nMicroPython v1.9; sim\r\n>>> ");
            }
            (Mode::Friendly, b'\r') => {
                self.line.clear();
                self.say(b"\r\n>>> ");
            }
            (Mode::Friendly, _) => self.say(&[byte]),
            (Mode::Raw, _) => self.line.push(byte),
        }
    }

    /// Runs what was submitted, prints what it prints and the end marks.
    fn execute(&mut self, code: &[u8]) {
        let code = String::from_utf8_lossy(code).into_owned();
        let said = if let Some(parts) = matches(r"^print\('([^']*)''([^'\\]*)\\n'\)$", &code) {
            self.print(format!("{}{}\n\n", &parts[1], &parts[2]).as_bytes());
            Ok(())
        } else if let Some(question) = question(&code) {
            self.answer(question)
        } else if let Some((inner, token)) = program(&code) {
            match inner {
                Some(inner) => self.program(&inner),
                None => self.print(format!("{token} ??\n").as_bytes()),
            }
            Ok(())
        } else if let Some(parts) = matches(PIECE, &code) {
            self.piece(&parts)
        } else {
            Err("SyntaxError: invalid syntax".to_owned())
        };
        self.say(b"\x04");
        if let Err(exception) = said {
            self.print(
                format!(
                    "Traceback (most recent call last):\n  File \"<stdin>\", line 1\n{exception}\n"
                )
                .as_bytes(),
            );
        }
        self.say(b"\x04>");
    }

    fn answer(&mut self, question: Question) -> Result<(), String> {
        let (inner, token) = match question {
            Question::Check(inner, token) => {
                if inner.is_some() {
                    self.helpers.insert("_ask");
                }
                (inner.map(|_| "_x=''\n".to_owned()), token)
            }
            Question::Other(..) if !self.helpers.contains("_ask") => {
                return Err("NameError: name '_ask' isn't defined".to_owned());
            }
            Question::Other(inner, token) => (inner, token),
        };
        let (mark, answer) = match inner.map(|inner| self.statement(&inner)) {
            None => ("?", String::new()),
            Some(Ok(answer)) => ("=", answer),
            Some(Err(exception)) => ("!", exception),
        };
        self.print(format!("{token} {mark} {answer}\n").repeat(2).as_bytes());
        Ok(())
    }

    /// What was typed at the friendly prompt: a program in its wrapper, or nothing that it knows.
    fn typed(&mut self, code: &str) {
        let start = r"^_t='([^']*)'\n_r='\?'\nprint\(_t,'<<'\)\ntry:\n";
        match matches(start, code) {
            // Without its end it is no statement.
            Some(parts) if code.contains("finally:") => self.started(&parts[1], code),
            _ => self.print(b"Traceback (most recent call last):\n  File \"<stdin>\", line 1\nSyntaxError: invalid syntax\n"),
        }
    }

    fn program(&mut self, code: &str) {
        let token = matches(r"^def _m\(\):\n t='([^']*)'\n r='\?'\n p=print\n p\(t,'<<'\)\n", code)
            .map(|parts| parts[1].to_owned());
        self.started(&token.expect("a program in its wrapper"), code);
    }

    fn started(&mut self, token: &str, code: &str) {
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
    fn print_hits(&mut self, statements: &str) {
        if statements.contains("_mpycov._files") {
            let tables = if self.hits { TABLES } else { "{}\n" };
            self.own_output(tables.repeat(2).as_bytes());
        } else if statements.contains("_mpycov.dump()") {
            self.own_output(frames(self.hits).as_bytes());
        } else if statements.contains("dump()") {
            self.own_output(CLOSING);
        }
    }

    fn own_output(&mut self, bytes: &[u8]) {
        let start = self.sent;
        self.print(bytes);
        let span = (start, self.sent);
        self.output_spans.lock().expect("a lock").push(span);
    }

    /// `_w(…)`: see WRITE_PIECE in the library.
    fn piece(&mut self, parts: &[String]) -> Result<(), String> {
        if !self.helpers.contains("_w") {
            return Err("NameError: name '_w' isn't defined".to_owned());
        }
        let token = &parts[1];
        let number = |at: usize| parts[at].parse::<usize>().unwrap_or(0);
        let bytes = parse_bytes(&parts[3]).unwrap_or_default();
        let sum = |bytes: &[u8]| bytes.iter().map(|byte| usize::from(*byte)).sum::<usize>();
        let (index, last, path) = (number(2), parts[6] == "1", parts[7].clone());
        let mut whole = bytes.len() == number(4) && sum(&bytes) == number(5);
        if index == 0 {
            whole &= path.len() == number(8) && sum(path.as_bytes()) == number(9) && number(8) > 0;
        }
        let (mark, answer) =
            if whole { self.write_piece(index, &bytes, last, &path) } else { ("?", String::new()) };
        self.print(format!("{token} {mark} {answer}\n").repeat(2).as_bytes());
        Ok(())
    }

    fn write_piece(
        &mut self,
        index: usize,
        bytes: &[u8],
        last: bool,
        path: &str,
    ) -> (&'static str, String) {
        let mut flash = self.flash.lock().expect("a lock");
        if index == 0 {
            self.open = Some((path.to_owned(), Vec::new(), 0));
        }
        let Some((path, content, written)) = &mut self.open else {
            return ("!", "NameError(\"name '_f' isn't defined\",)".to_owned());
        };
        if *written == index {
            content.extend_from_slice(bytes);
            *written += 1;
            // What is not closed may or may not be there after a reset; here it is, to be nasty.
            flash.files.insert(path.clone(), content.clone());
        }
        (
            "=",
            if last {
                format!("{index} {}", Digest::Polynomial.of(&flash.files[path.as_str()]))
            } else {
                format!("{index} {written}")
            },
        )
    }

    /// Our own statements.
    fn statement(&mut self, code: &str) -> Answer {
        for (start, name) in
            [("def _h(p):\n f=open", "_h"), ("def _w(t,i,d,n,s", "_w"), ("def _a(l):", "_a")]
        {
            if code.starts_with(start) {
                self.helpers.insert(name);
                return Ok(String::new());
            }
        }
        if code == "_x=''\n" {
            return Ok(String::new());
        }
        if code.starts_with("import os as _o\ndef _s(p):") {
            self.helpers.insert("_s");
            return Ok(String::new());
        }
        for (name, call) in [("_s", "_s("), ("_h", "_h("), ("_a", "_a(")] {
            if code.contains(call) && !self.helpers.contains(name) {
                return Err(format!("NameError(\"name '{name}' isn't defined\",)"));
            }
        }
        if let Some(parts) = matches(r"^_x=_a\('([^']*)'\)\n$", code) {
            let has = |name: &str| match self.kind {
                Kind::Large => {
                    ["os.mkdir", "os.rename", "os.stat", "os.remove", "sys.path"].contains(&name)
                        || self.roomy && name == "sys.modules"
                }
                Kind::Small => name == "os.remove",
            };
            return Ok(parts[1].split(' ').map(|name| if has(name) { '1' } else { '0' }).collect());
        }
        if code.starts_with("import sys\ndef _g(f)") {
            let home = if self.kind == Kind::Large { "/" } else { "" };
            return Ok(format!("micropython\t1.9.2\t3.4.0\tsim\tsim\t\t{home}\t\t"));
        }
        if code.starts_with("import gc\n") {
            return Ok(if self.roomy { "120000 1000" } else { "9000 1000" }.to_owned());
        }
        let flash = Arc::clone(&self.flash);
        let mut flash = flash.lock().expect("a lock");
        if let Some(parts) =
            matches(r"^_x=' '.join\(\[_h\(p\)if _s\(p\)>=0 else'-'for p in\[(.*)\]\]\)\n$", code)
        {
            let digest = |path: String| {
                flash.files.get(&path).map_or("-".to_owned(), |bytes| Digest::Polynomial.of(bytes))
            };
            return Ok(names(&parts[1]).into_iter().map(digest).collect::<Vec<_>>().join(" "));
        }
        if let Some(parts) = matches(
            r"^_l=\[(.*)\]\nfor _p in _l:\n if _s\(_p\)>=0:_o.remove\(_p\)\n_x=.*\n_l=0\n$",
            code,
        ) {
            let all = names(&parts[1]);
            for name in &all {
                flash.files.remove(name);
            }
            return Ok("0".repeat(all.len()));
        }
        if let Some(parts) =
            matches(r"^_x=''.join\(\['01'\[_s\(p\)<0\]for p in\[(.*)\]\]\)\n$", code)
        {
            let mark = |name: String| {
                if flash.directories.contains(&name) { '0' } else { '1' }
            };
            return Ok(names(&parts[1]).into_iter().map(mark).collect());
        }
        if let Some(parts) = matches(
            r"^for _p in\[(.*)\]:\n (if _s\(_p\)<0:_o.mkdir\(_p\)|try:_o.rmdir\(_p\)\n except OSError:pass)\n$",
            code,
        ) {
            for name in names(&parts[1]) {
                let inside = format!("{name}/");
                let empty = !flash.files.keys().any(|path| path.starts_with(&inside));
                if parts[2].contains("mkdir") {
                    flash.directories.insert(name);
                } else if empty {
                    flash.directories.remove(&name);
                }
            }
            return Ok(String::new());
        }
        if let Some(parts) = matches(r"^if _s\('([^']*)'\)<0:_o.mkdir\('[^']*'\)\n$", code) {
            flash.directories.insert(parts[1].clone());
            return Ok(String::new());
        }
        if let Some(parts) =
            matches(r"^if _s\('([^']*)'\)<0 and _s\('([^']*)'\)>=0:_o.rename\(.*\)\n$", code)
        {
            if !flash.files.contains_key(&parts[1])
                && let Some(bytes) = flash.files.remove(&parts[2])
            {
                flash.files.insert(parts[1].clone(), bytes);
            }
            return Ok(String::new());
        }
        if let Some(parts) = matches(
            r"^if _s\('([^']*)'\)>=0:\n if _s\('([^']*)'\)>=0:_o.remove\(.*\)\n _o.rename\(.*\)\n$",
            code,
        ) {
            if let Some(bytes) = flash.files.remove(&parts[1]) {
                flash.files.insert(parts[2].clone(), bytes);
            }
            return Ok(String::new());
        }
        if let Some(parts) =
            matches(r"(?s)^_a=open\('([^']*)','rb'\);_c=open\('([^']*)','wb'\)\n.*$", code)
        {
            let bytes = flash.files.get(&parts[1]).cloned().ok_or("OSError(2,)")?;
            let digest = Digest::Polynomial.of(&bytes);
            flash.files.insert(parts[2].clone(), bytes);
            return Ok(format!("{digest} {digest}"));
        }
        if let Some(parts) = matches(
            r"(?s)^_f=open\('([^']*)','rb'\)\nwhile 1:\n _d=_f.read\((96|768)\)\n.*print\('([^']*)',_d\)\n.*$",
            code,
        ) {
            let bytes = flash.files.get(&parts[1]).cloned().ok_or("OSError(2,)")?;
            drop(flash);
            for block in bytes.chunks(parts[2].parse().expect("a number")) {
                self.print(format!("{} b'{}'\n", parts[3], block.escape_ascii()).as_bytes());
            }
            return Ok(Digest::Polynomial.of(&bytes));
        }
        panic!("the simulated board does not know {code:?}");
    }
}

const PIECE: &str = r#"^_w\('([^']*)',(\d+),lambda:(b'(?:[^'\\]|\\.)*'|b\x22(?:[^\x22\\]|\\.)*\x22),(\d+),(\d+)(?:,([01]))?(?:,'([^']*)',(\d+),(\d+))?\)\n$"#;

/// The groups of `pattern` in `text`; a group that took no part is empty.
fn matches(pattern: &'static str, text: &str) -> Option<Vec<String>> {
    thread_local! {
        // Making a pattern takes longer than all the rest of a session.
        static MADE: RefCell<BTreeMap<&'static str, Rc<Regex>>> = RefCell::default();
    }
    let make = || Rc::new(Regex::new(pattern).expect("a pattern"));
    let regex = MADE.with_borrow_mut(|made| Rc::clone(made.entry(pattern).or_insert_with(make)));
    let text_of = |found: Captures<'_>| {
        found
            .iter()
            .map(|group| group.map_or(String::new(), |group| group.as_str().to_owned()))
            .collect()
    };
    regex.captures(text).map(text_of)
}

/// What a question of ours is: its statements, if they arrived whole, and its token.
enum Question {
    /// The definition of the check, with a check of its own.
    Check(Option<String>, String),
    /// Anything else, checked by the function that is defined then.
    Other(Option<String>, String),
}

fn question(code: &str) -> Option<Question> {
    let long = r"(?s)^_q=(b'(?:[^'\\]|\\.)*'|b\x22(?:[^\x22\\]|\\.)*\x22)\n_k='([^']*) \?'\nif len\(_q\)==(\d+) and sum\(_q\)==(\d+):exec\(_q\)\nfor _ in'ab':print\(_k,''\)\n_q=0\n$";
    let short =
        r"(?s)^_ask\((b'(?:[^'\\]|\\.)*'|b\x22(?:[^\x22\\]|\\.)*\x22),(\d+),(\d+),'([^']*)'\)\n$";
    if let Some(parts) = matches(long, code) {
        let inner = whole(&parts[1], &parts[3], &parts[4]);
        let inside =
            matches(r"(?s)^_k='([^']*) !'\n(.*)\n_k='[^']* ='$", inner.as_deref().unwrap_or(""));
        let token = inside.as_ref().map_or(&parts[2], |inside| &inside[1]).clone();
        return Some(Question::Check(inside.map(|inside| inside[2].clone()), token));
    }
    let parts = matches(short, code)?;
    Some(Question::Other(
        whole(&parts[1], &parts[2], &parts[3]).map(|code| format!("{code}\n")),
        parts[4].clone(),
    ))
}

fn program(code: &str) -> Option<(Option<String>, String)> {
    let pattern = r"(?s)^_q=(b'(?:[^'\\]|\\.)*'|b\x22(?:[^\x22\\]|\\.)*\x22)\nif len\(_q\)==(\d+) and sum\(_q\)==(\d+):\n exec\(_q\);_q=0\n _m\(\)\nelse:print\('([^']*)','\?\?'\)\n$";
    let parts = matches(pattern, code)?;
    Some((whole(&parts[1], &parts[2], &parts[3]), parts[4].clone()))
}

fn whole(literal: &str, length: &str, sum: &str) -> Option<String> {
    let bytes = parse_bytes(literal)?;
    let total: usize = bytes.iter().map(|byte| usize::from(*byte)).sum();
    (bytes.len().to_string() == length && total.to_string() == sum)
        .then(|| String::from_utf8_lossy(&bytes).into_owned())
}

fn names(list: &str) -> Vec<String> {
    list.split('\'').skip(1).step_by(2).map(str::to_owned).collect()
}

impl Transport for SimBoard {
    fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<usize, ReadError> {
        if self.out.is_empty() {
            self.elapsed = self.elapsed.max(deadline.saturating_duration_since(self.start));
            return Err(ReadError::timed_out());
        }
        let count = self.out.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.out[..count]);
        self.out.drain(..count);
        self.elapsed += Duration::from_millis(1);
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        for byte in bytes {
            self.receive(*byte);
        }
        Ok(())
    }

    fn close(&mut self) {}

    fn description(&self) -> &'static str {
        "a simulated board"
    }

    fn now(&self) -> Instant {
        self.start + self.elapsed
    }

    fn pause(&mut self, time: Duration) {
        self.elapsed += time;
    }
}
