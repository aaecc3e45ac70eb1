//! Every expression of `and`, `or` and `not` with up to five operands, in
//! every place where MicroPython tests one or uses its value, with every
//! input, on the unix port: the instrumented program does what the plain one
//! does, down to the calls of `__bool__`; exactly the path taken is recorded;
//! and the verdicts are those of the definitions.

#![allow(clippy::print_stderr, reason = "it says how much was compared")]

#[path = "../common/mod.rs"]
mod common;

mod batch;

mod trees;
mod values;
mod verdicts;

use std::collections::BTreeSet;

use batch::{Case, File, Run, Seen, run, steady};
use mpycov::model::{Decision as Mapped, SensorId};
use trees::{Decision, Event, Tree, Way, shapes};

/// Constructs that test an expression; `@` stands for it. Each function
/// returns the outcome as a number.
const TESTS: &[(&str, &str)] = &[
    ("if else", "(*p):\n if @:\n  return 1\n else:\n  return 0"),
    ("if", "(*p):\n r = 0\n if @:\n  r = 1\n return r"),
    ("if return", "(*p):\n if @: return 1\n return 0"),
    ("if in a loop", "(*p):\n for r in range(1):\n  if @:\n   r = 1\n return r"),
    ("if at the end", "(*p):\n def g():\n  if @:\n   r.append(1)\n r = []\n g()\n return len(r)"),
    ("elif", "(*p):\n if no():\n  return 2\n elif @:\n  return 1\n return 0"),
    ("elif else", "(*p):\n if no():\n  r = 2\n elif @:\n  r = 1\n else:\n  r = 0\n return r"),
    (
        "elif elif",
        "(*p):\n r = 0\n if no():\n  r = 2\n elif @:\n  r = 1\n elif no():\n  r = 3\n return r",
    ),
    ("while", "(*p):\n while @:\n  return 1\n return 0"),
    ("while else", "(*p):\n while @:\n  return 1\n else:\n  return 0"),
    ("while break", "(*p):\n r = 0\n while @:\n  r = 1\n  break\n return r"),
    ("while break else", "(*p):\n while @:\n  break\n else:\n  return 0\n return 1"),
    ("ternary", "(*p):\n return 1 if @ else 0"),
    ("ternary in a lambda", "(*p):\n return (lambda: 1 if @ else 0)()"),
    ("assert", "(*p):\n try:\n  assert @, 'no'\n  return 1\n except AssertionError:\n  return 0"),
    ("list", "(*p):\n return len([1 for _ in (0,) if @])"),
    ("set", "(*p):\n return len({1 for _ in (0,) if @})"),
    ("dict", "(*p):\n return len({1: 1 for _ in (0,) if @})"),
    ("generator", "(*p):\n return sum(1 for _ in (0,) if @)"),
    ("two ifs", "(*p):\n return len([1 for _ in (0,) if _ == 0 if @])"),
    ("class body", "(*p):\n class K:\n  v = 0\n  if @:\n   v = 1\n return K.v"),
    ("generator function", "(*p):\n def g():\n  if @:\n   yield 1\n return sum(g())"),
    ("closure", "(*p):\n def g():\n  return 1 if @ else 0\n return g()"),
];

/// The contexts in which every choice of nodes to negate is tried.
const EVERY: [&str; 8] = ["if", "while", "ternary", "assert", "list", "set", "dict", "generator"];

/// The nodes to negate: all choices for small trees, some for larger ones,
/// others in each context.
fn masks(tree: &Tree, turn: usize, context: &str) -> Vec<u32> {
    let nodes = tree.nodes();
    let small = if EVERY.contains(&context) { 4 } else { 3 };
    if tree.leaves() <= small {
        return (0..1 << nodes).collect();
    }
    let mut all: Vec<u32> = vec![0, (1 << nodes) - 1, 0x155 & ((1 << nodes) - 1)];
    all.extend((0..nodes).map(|node| 1 << node));
    let wanted = if tree.leaves() == 4 { 6 } else { 2 };
    (0..wanted).map(|n| all[(turn * wanted + n) % all.len()]).collect()
}

/// Every tree, with its negations, in a context.
fn cases(
    is_value: bool,
    leaves: usize,
    turn: usize,
    context: (&'static str, &str),
    leaf: &dyn Fn(usize) -> String,
) -> Vec<Case> {
    let mut cases = Vec::new();
    for shape in (1..=leaves).flat_map(shapes) {
        for mask in masks(&shape, turn, context.0) {
            let tree = shape.negated(mask);
            if is_value && matches!(tree, Tree::Leaf(_)) {
                continue;
            }
            let text = tree.text(leaf);
            let function = context.1.replace('@', &text);
            let decision = Decision { tree, is_value };
            cases.push(Case { decision, context: context.0, text, function });
        }
    }
    cases
}

/// So many cases in a file, and files in a program.
const CASES_PER_FILE: usize = 40;
const FILES: usize = 10;

/// Runs cases in programs side by side, and hands each file with its runs to `check`.
fn run_all<T: Send>(
    cases: &[Case],
    walrus: bool,
    inputs: &(dyn Fn(&Case) -> Vec<u32> + Sync),
    check: impl Fn(&File, &[Run]) -> T + Sync,
) -> Vec<T> {
    let programs: Vec<&[Case]> = cases.chunks(CASES_PER_FILE * FILES).collect();
    let done = mpycov::instrument::in_parallel(&programs, |cases| {
        let chunks = cases.chunks(CASES_PER_FILE).enumerate();
        let file =
            |(n, cases): (usize, &[Case])| File::new(cases.to_vec(), &format!("d{n}.py"), walrus);
        let files: Vec<File> = chunks.map(file).collect();
        let runs = run(&files, inputs);
        files.iter().zip(&runs).map(|(file, runs)| check(file, runs)).collect::<Vec<T>>()
    });
    done.into_iter().flatten().collect()
}

fn all_inputs(case: &Case) -> Vec<u32> {
    (0..1 << case.decision.tree.leaves()).map(steady).collect()
}

/// The events as the operands write them down.
fn log(events: &[Event]) -> String {
    let log = events.iter().fold(0u128, |log, event| {
        log * 16
            + match event {
                Event::Evaluated(i) => 1 + *i as u128,
                Event::Tested(i) => 6 + *i as u128,
            }
    });
    format!("{log:x}")
}

/// The paths of a decision that the fired sensors show.
fn paths(decision: &Mapped, fired: &[SensorId]) -> Vec<Way> {
    let shown = |path: &&mpycov::model::Path| {
        path.evidence.sensors().iter().any(|sensor| fired.contains(sensor))
    };
    let way =
        |path: &mpycov::model::Path| Way { values: path.values.clone(), outcome: path.outcome };
    decision.paths.iter().filter(shown).map(way).collect()
}

/// Checks each evaluation of a test against the definition.
fn check_test(file: &File, number: usize, run: &Run) {
    let case = &file.cases[number];
    let decision = file.decision(number);
    let about = || format!("{} {}\n{}", case.context, case.text, file.woven_case(number));
    let known: BTreeSet<Way> = paths(decision, &all(file)).into_iter().collect();
    let ways: BTreeSet<Way> = case.decision.ways().into_iter().collect();
    assert_eq!(known, ways, "the paths of {}", about());
    for (input, seen) in run.iter().enumerate() {
        let input = input as u32;
        let mut events = Vec::new();
        let outcome = case.decision.tree.test(&mut |i| trees::bit(input, i), &mut events);
        let Seen { result, log: written, fired } = seen;
        assert_eq!(*result, u8::from(outcome).to_string(), "input {input} of {}", about());
        assert_eq!(*written, log(&events), "input {input} of {}", about());
        assert_eq!(
            paths(decision, fired),
            [case.decision.way(input)],
            "input {input} of {}",
            about()
        );
    }
}

fn all(file: &File) -> Vec<SensorId> {
    (0..file.instrumented.map.sensor_count).map(SensorId).collect()
}

fn check_tests(cases: &[Case], walrus: bool) {
    let evaluations = run_all(cases, walrus, &all_inputs, |file, runs| {
        for (number, run) in runs.iter().enumerate() {
            check_test(file, number, run);
            verdicts::check(file, number, run);
        }
        runs.iter().map(Vec::len).sum::<usize>()
    });
    let evaluations: usize = evaluations.iter().sum();
    assert!(evaluations > 0);
    eprintln!("{} decisions, {evaluations} evaluations", cases.len());
}

/// Every tree, in every context.
fn all_tests(largest: usize) -> Vec<Case> {
    let contexts = TESTS.iter().enumerate();
    contexts
        .flat_map(|(turn, context)| cases(false, largest, turn, *context, &|i| format!("e({i})")))
        .collect()
}

/// Every tree of five operands with every choice of nodes to negate, each in
/// one of the eight contexts.
fn all_negations() -> Vec<Case> {
    let mut cases = Vec::new();
    for shape in shapes(5) {
        for mask in 0..1 << shape.nodes() {
            let name = EVERY[cases.len() % EVERY.len()];
            let context = TESTS.iter().find(|context| context.0 == name).expect("a context");
            let tree = shape.negated(mask);
            let text = tree.text(&|i| format!("e({i})"));
            let function = context.1.replace('@', &text);
            let decision = Decision { tree, is_value: false };
            cases.push(Case { decision, context: context.0, text, function });
        }
    }
    cases
}

/// With `MPYCOV_TEST_ALL` also every choice of nodes to negate among five
/// operands, 162,432 decisions.
#[test]
fn every_test_records_its_path() {
    check_tests(&all_tests(5), true);
    if std::env::var_os("MPYCOV_TEST_ALL").is_some() {
        check_tests(&all_negations(), true);
    }
}

#[test]
fn every_test_records_its_path_without_walrus() {
    check_tests(&all_tests(3), false);
}
