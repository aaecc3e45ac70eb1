//! Many decisions in few programs, on the unix port, plain and instrumented.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use mpycov::instrument::{Instrumented, instrument};
use mpycov::model::{Level, SensorId};
use mpycov::parse::exclude::Patterns;
use mpycov::plan::Options;

use crate::common;
use crate::trees::Decision;

/// A function with one decision to look at.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) decision: Decision,
    /// Name of the construct it stands in.
    pub(crate) context: &'static str,
    /// The text of the decision.
    pub(crate) text: String,
    /// The function, without its name: everything behind `def NAME`.
    pub(crate) function: String,
}

/// One evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// What the function returned.
    pub(crate) result: String,
    /// What the operands were asked, as the operands wrote it down.
    pub(crate) log: String,
    /// The sensors of the function's decisions that fired.
    pub(crate) fired: Vec<SensorId>,
}

/// All evaluations of a case, by input.
pub(crate) type Run = Vec<Seen>;

const HARNESS: &str = r#"
class B:
    def __init__(self, n):
        self.n = n
    def __bool__(self):
        global log
        log = log * 16 + 6 + self.n
        return truth(self.n)
    def __str__(self):
        return "B%d" % self.n
    __repr__ = __str__

o = [B(n) for n in range(5)]

def truth(n):
    global asked
    k = asked[n]
    asked[n] = k + 1
    return answers[n] >> (k & 3) & 1 == 1

def e(n):
    global log
    log = log * 16 + 1 + n
    return o[n]

def no():
    return False

def same(x=None, *, y=None):
    return y if x is None else x

def begin(input):
    global log, asked, answers
    log = 0
    asked = [0] * 5
    answers = [input >> 4 * n & 15 for n in range(5)]

# Which of these sensors fired: one bit each, the first the lowest.
def fired(table, sensors):
    bits = 0
    bit = 1
    for k in sensors:
        hits, index = table[k]
        if hits[index]:
            hits[index] = 0
            bits |= bit
        bit <<= 1
    return bits

def show(x):
    return x if type(x) is str else repr(x)

# Where each sensor is: its table, and the index there.
def table(digest):
    if digest:
        import _mpycov
        return [(hits, index) for hits in _mpycov.tables(digest) for index in range(len(hits))]
    return []
g0, g1, g2, g3, g4 = o
"#;

const MAIN: &str = r#"
import harness
def run(name, digest, cases):
    module = __import__(name)
    table = harness.table(digest)
    for f, sensors, inputs in cases:
        f = getattr(module, f)
        out = []
        for input in inputs:
            harness.begin(input)
            r = f(*harness.o)
            out.append("%s %x %x" % (harness.show(r), harness.log, harness.fired(table, sensors)))
        print(";".join(out))
"#;

/// The bits of an input, four times each: an operand gives one answer always.
pub(crate) fn steady(input: u32) -> u32 {
    (0..5).filter(|i| input >> i & 1 == 1).map(|i| 15 << (4 * i)).sum()
}

/// What may be used, at level condition.
pub(crate) fn options(walrus: bool) -> Options {
    Options {
        level: Level::Condition,
        walrus,
        main_guard_runs: true,
        patterns: Patterns::with_also(&[]).expect("no patterns"),
        pattern_key: String::new(),
    }
}

/// An instrumented file and its cases: which decision of the map is a case's.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) cases: Vec<Case>,
    pub(crate) instrumented: Instrumented,
    source: String,
    /// First and last line of each function.
    lines: Vec<(u32, u32)>,
}

const IMPORTS: &str = "from harness import *\n";

impl File {
    pub(crate) fn new(cases: Vec<Case>, name: &str, walrus: bool) -> Self {
        let mut source = String::from(IMPORTS);
        let mut lines = Vec::new();
        for (number, case) in cases.iter().enumerate() {
            let first = source.matches('\n').count() as u32 + 1;
            writeln!(source, "def f{number}{}", case.function).expect("a string takes text");
            lines.push((first, source.matches('\n').count() as u32));
        }
        let text = source.clone().into_bytes();
        let instrumented = instrument(text, name, &options(walrus))
            .unwrap_or_else(|error| panic!("{error:?} in\n{source}"));
        Self { cases, instrumented, source, lines }
    }

    /// The decisions that the map has in a function.
    pub(crate) fn decisions(&self, case: usize) -> impl Iterator<Item = &mpycov::model::Decision> {
        let (first, last) = self.lines[case];
        self.instrumented.map.decisions.iter().filter(move |d| (first..=last).contains(&d.line.0))
    }

    /// The sensors that show the paths of a function's decisions.
    fn sensors(&self, case: usize) -> Vec<SensorId> {
        let paths = self.decisions(case).flat_map(|decision| &decision.paths);
        let mut all: Vec<SensorId> =
            paths.flat_map(|path| path.evidence.sensors().iter().copied()).collect();
        all.sort();
        all.dedup();
        all
    }

    /// The decision of a case.
    pub(crate) fn decision(&self, case: usize) -> &mpycov::model::Decision {
        let text = &self.cases[case].text;
        let mut found = self.decisions(case).filter(|d| d.text == *text);
        let decision = found.next().unwrap_or_else(|| panic!("no {text} in the map"));
        assert!(found.next().is_none(), "{text} is in the map twice");
        decision
    }

    pub(crate) fn woven(&self) -> String {
        String::from_utf8_lossy(&self.instrumented.woven.text).into_owned()
    }

    /// The lines of a function in the instrumented text, for messages.
    pub(crate) fn woven_case(&self, case: usize) -> String {
        let (first, last) = self.lines[case];
        let woven = self.woven();
        let lines = woven.lines().skip(first as usize - 1).take((last - first) as usize + 2);
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Runs every case of every file with its inputs, twice.
///
/// # Panics
/// Where the instrumented program does not do what the plain one does.
pub(crate) fn run(files: &[File], inputs: &dyn Fn(&Case) -> Vec<u32>) -> Vec<Vec<Run>> {
    let plain = run_as(files, inputs, false);
    let woven = run_as(files, inputs, true);
    for (file, (plain, woven)) in files.iter().zip(plain.iter().zip(&woven)) {
        for (case, (plain, woven)) in plain.iter().zip(woven).enumerate() {
            for (number, (plain, woven)) in plain.iter().zip(woven).enumerate() {
                let same = plain.result == woven.result && plain.log == woven.log;
                assert!(
                    same,
                    "{} {} input {number}: {plain:?} became {woven:?} in\n{}",
                    file.cases[case].context,
                    file.cases[case].text,
                    file.woven_case(case)
                );
            }
        }
    }
    woven
}

fn run_as(files: &[File], inputs: &dyn Fn(&Case) -> Vec<u32>, woven: bool) -> Vec<Vec<Run>> {
    let dir = common::temp_dir();
    let mut main = String::from(MAIN);
    fs::write(dir.path().join("harness.py"), HARNESS).expect("a file");
    fs::write(dir.path().join("_mpycov.py"), mpycov::embedded::RUNTIME).expect("a file");
    for (number, file) in files.iter().enumerate() {
        let map = &file.instrumented.map;
        let (text, digest) =
            if woven { (file.woven(), map.digest.as_str()) } else { (file.source.clone(), "") };
        fs::write(dir.path().join(format!("d{number}.py")), text).expect("a file");
        let call = |case: usize| {
            let sensors: Vec<u32> = file.sensors(case).iter().map(|sensor| sensor.0).collect();
            let sensors = if woven { sensors } else { Vec::new() };
            format!("('f{case}',{sensors:?},{:?})", inputs(&file.cases[case]))
        };
        let calls: Vec<String> = (0..file.cases.len()).map(call).collect();
        writeln!(main, "run('d{number}','{digest}',[{}])", calls.join(","))
            .expect("a string takes text");
    }
    fs::write(dir.path().join("main.py"), main).expect("a file");
    let out = micropython(dir.path());
    let mut lines = out.lines();
    let mut run = |file: &File, case: usize| -> Run {
        let sensors = file.sensors(case);
        let line = lines.next().expect("a line a case");
        line.split(';').map(|text| seen(text, &sensors)).collect()
    };
    files.iter().map(|file| (0..file.cases.len()).map(|case| run(file, case)).collect()).collect()
}

fn seen(text: &str, sensors: &[SensorId]) -> Seen {
    let mut words = text.split(' ');
    let mut word = || words.next().expect("three words").to_owned();
    let (result, log, fired) = (word(), word(), word());
    let bits = u128::from_str_radix(&fired, 16).expect("bits");
    let fired = (0..).zip(sensors).filter(|(n, _)| bits >> n & 1 == 1).map(|(_, k)| *k).collect();
    Seen { result, log, fired }
}

fn micropython(dir: &Path) -> String {
    let mut command = Command::new(common::targets::unix().path);
    command.current_dir(dir).args(["-X", "heapsize=64m", "main.py"]);
    let outcome = common::process::run(command, b"", common::process::LIMIT);
    assert_eq!(outcome.status, Some(0), "{}", outcome.text());
    outcome.out()
}
