//! Random programs: instrumented they do what they did before, and the verdicts are right.
//!
//! Each program writes down the lines of the statements it starts, which is one check of the
//! verdicts; CPython with coverage.py is another, for those programs that do the same there.
//! `MPYCOV_TEST_SEED` and `MPYCOV_TEST_CASES` ask for others and more.

#![allow(clippy::print_stderr, reason = "it says what fails before it is made simple")]

#[path = "../common/mod.rs"]
mod common;

mod batch;
mod expressions;
mod grammar;
mod simple;
mod tape;
mod traced;

use grammar::Program;
use proptest::collection::vec;
use proptest::prelude::any;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Programs that run in one process.
const BATCH: usize = 40;

/// Attempts to make a program simpler that is wrong.
const SIMPLER: usize = 100;

/// Programs in a test, if nothing else is asked for.
const CASES: usize = 240;

fn asked(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
        Err(_) => otherwise,
    }
}

/// Tapes of random programs, which can be made simpler.
fn tapes(seed: u64, cases: usize) -> Vec<impl ValueTree<Value = Vec<u8>>> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let tapes = vec(any::<u8>(), 20..500);
    (0..cases).map(|_| tapes.new_tree(&mut runner).expect("a tape")).collect()
}

/// Runs programs, and complains of the first that is not sound, made simple.
fn check(seed: u64, common: bool) {
    let seed = asked("MPYCOV_TEST_SEED", seed);
    let cases = usize::try_from(asked("MPYCOV_TEST_CASES", CASES as u64)).expect("a number");
    let mut trees = tapes(seed, cases);
    let batches: Vec<(usize, Vec<Vec<u8>>)> = trees
        .chunks(BATCH)
        .enumerate()
        .map(|(number, trees)| (number * BATCH, trees.iter().map(ValueTree::current).collect()))
        .collect();
    let complaints = common::pool::in_parallel(&batches, |(first, tapes)| {
        let programs: Vec<_> = tapes.iter().map(|tape| grammar::program(tape, common)).collect();
        batch::complaints(&programs, *first as u64, common)
    });
    let complaints: Vec<Option<String>> = complaints.into_iter().flatten().collect();
    let failed = complaints.iter().flatten().count();
    for ((number, tree), complaint) in trees.iter_mut().enumerate().zip(complaints) {
        let Some(complaint) = complaint else { continue };
        // Making it simple takes its time; what is known is said before.
        let text = grammar::program(&tree.current(), common).text;
        eprintln!("{failed} of {cases} fail; program {number} of seed {seed}: {complaint}\n{text}");
        let judge = |program: &Program| {
            batch::complaints(std::slice::from_ref(program), number as u64, common).remove(0)
        };
        let (text, simple) = simplest(tree, common, judge);
        panic!("program {number} of seed {seed}, made simple: {simple:?}\n{text}");
    }
}

/// Makes a program that is judged to be wrong as simple as can be: its text, and the judgement.
fn simplest(
    tree: &mut impl ValueTree<Value = Vec<u8>>,
    common: bool,
    judge: impl Fn(&Program) -> Option<String>,
) -> (String, Option<String>) {
    let attempt = |tape: &[u8]| {
        let program = grammar::program(tape, common);
        let complaint = judge(&program);
        (program.text, complaint)
    };
    let mut best = attempt(&tree.current());
    let mut tries = 0;
    while tries < SIMPLER && tree.simplify() {
        loop {
            tries += 1;
            let found = attempt(&tree.current());
            if found.1.is_some() {
                best = found;
                break;
            }
            if tries >= SIMPLER || !tree.complicate() {
                break;
            }
        }
    }
    best
}

/// At every level, without running anything: many more of them.
#[test]
fn programs_are_instrumented_whole() {
    let seed = asked("MPYCOV_TEST_SEED", 3);
    let cases = 5 * usize::try_from(asked("MPYCOV_TEST_CASES", CASES as u64)).expect("a number");
    let mut trees = tapes(seed, cases);
    let programs: Vec<Program> =
        trees.iter().map(|tree| grammar::program(&tree.current(), false)).collect();
    let complaints = common::pool::in_parallel(&programs, batch::cannot_be_instrumented);
    for ((number, tree), complaint) in trees.iter_mut().enumerate().zip(complaints) {
        let Some(complaint) = complaint else { continue };
        let (text, simple) = simplest(tree, false, batch::cannot_be_instrumented);
        panic!("program {number} of seed {seed}: {complaint}\nmade simple: {simple:?}\n{text}");
    }
}

#[test]
fn programs_with_objects() {
    check(1, false);
}

#[test]
fn programs_as_coverage_py_sees_them() {
    check(2, true);
}

/// Programs that are traced, if nothing else is asked for.
const TRACED: usize = 80;

#[test]
fn lines_of_programs_say_what_sensors_say() {
    let seed = asked("MPYCOV_TEST_SEED", 5);
    let cases = usize::try_from(asked("MPYCOV_TEST_CASES", TRACED as u64)).expect("a number");
    let mut trees = tapes(seed, cases);
    let programs: Vec<Program> =
        trees.iter().map(|tree| grammar::program(&tree.current(), false)).collect();
    let batches: Vec<(usize, bool)> =
        (0..cases).step_by(BATCH).flat_map(|first| [(first, true), (first, false)]).collect();
    let found = common::pool::in_parallel(&batches, |(first, fences)| {
        let last = programs.len().min(first + BATCH);
        traced::differences(&programs[*first..last], *first as u64, *fences)
    });
    let mut wrong = Vec::new();
    for ((first, fences), complaints) in batches.into_iter().zip(found) {
        for (number, complaint) in (first..).zip(complaints) {
            let Some(complaint) = complaint else { continue };
            eprintln!("program {number} of seed {seed}, fences: {fences}: {complaint}");
            wrong.push((number, fences, complaint));
        }
    }
    let Some((number, fences, complaint)) = wrong.into_iter().next() else { return };
    let judge = |program: &Program| {
        let alone = std::slice::from_ref(program);
        traced::differences(alone, number as u64, fences).remove(0)
    };
    let (text, simple) = simplest(&mut trees[number], false, judge);
    panic!(
        "program {number} of seed {seed}, fences: {fences}: {complaint}\nmade simple: {simple:?}\n{text}"
    );
}
