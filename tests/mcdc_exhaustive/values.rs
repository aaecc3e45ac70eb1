//! Decisions whose value is used: the value, how often each operand is tested,
//! and the paths.

use mpycov::model::{Decision as Mapped, DecisionKind};

use crate::batch::{Case, File, Run};
use crate::trees::{Decision, Event, Result, Tree, Way, bit};
use crate::{all, all_inputs, cases, log, paths, run_all, verdicts};

/// Constructs in a function that use a value.
const IN_FUNCTIONS: &[(&str, &str)] = &[
    ("return", "(p0, p1, p2, p3, p4):\n return @"),
    ("assignment", "(p0, p1, p2, p3, p4):\n x = @\n return x"),
    ("argument", "(p0, p1, p2, p3, p4):\n return same(@)"),
    ("keyword argument", "(p0, p1, p2, p3, p4):\n return same(y=@)"),
    ("default", "(p0, p1, p2, p3, p4):\n def g(x=@):\n  return x\n return g()"),
    ("default of a lambda", "(p0, p1, p2, p3, p4):\n return (lambda x=@: x)()"),
    ("lambda", "(*p):\n p0, p1, p2, p3, p4 = p\n return (lambda p0, p1, p2, p3, p4: @)(*p)"),
    (
        "yield",
        "(p0, p1, p2, p3, p4):\n def g(p0, p1, p2, p3, p4):\n  yield @\n \
      return next(g(p0, p1, p2, p3, p4))",
    ),
    ("tuple", "(p0, p1, p2, p3, p4):\n return (0, @)[1]"),
    ("dict", "(p0, p1, p2, p3, p4):\n return {1: @}[1]"),
    ("attribute", "(p0, p1, p2, p3, p4):\n class K: pass\n K.x = @\n return K.x"),
    ("arm", "(p0, p1, p2, p3, p4):\n return (@) if p0 is not None else 0"),
    ("loop", "(p0, p1, p2, p3, p4):\n for i in range(1):\n  x = @\n return x"),
    (
        "async",
        "(p0, p1, p2, p3, p4):\n async def g(p0, p1, p2, p3, p4):\n  return @\n try:\n  \
      g(p0, p1, p2, p3, p4).send(None)\n except StopIteration as end:\n  return end.value",
    ),
];

/// Constructs in which a name would bind elsewhere.
const ELSEWHERE: &[(&str, &str)] = &[
    ("list", "(p0, p1, p2, p3, p4):\n return [@ for _ in (0,)][0]"),
    ("dict comprehension", "(p0, p1, p2, p3, p4):\n return {1: @ for _ in (0,)}[1]"),
    ("generator", "(p0, p1, p2, p3, p4):\n return next(@ for _ in (0,))"),
    ("nested list", "(p0, p1, p2, p3, p4):\n return [[@ for _ in (0,)] for _ in (0,)][0][0]"),
    ("class body", "(p0, p1, p2, p3, p4):\n class K:\n  x = @\n return K.x"),
    ("f-string", "(p0, p1, p2, p3, p4):\n return f\"{@}\""),
    ("f-string with more", "(p0, p1, p2, p3, p4):\n return f'{@!r:{1 + 1}}'"),
    ("comprehension's own names", "(*p):\n return [@ for p0, p1, p2, p3, p4 in (p,)][0]"),
];

fn operand(kind: char) -> impl Fn(usize) -> String {
    move |i| if kind == 'e' { format!("e({i})") } else { format!("{kind}{i}") }
}

fn show(result: Result) -> String {
    match result {
        Result::Truth(true) => "True".to_owned(),
        Result::Truth(false) => "False".to_owned(),
        Result::Operand(i) => format!("B{i}"),
    }
}

/// Where the value needs several decisions: each chain and each `not` that is
/// no operand of a chain is one, and its operands are its conditions.
struct Flat<'t> {
    tree: &'t Tree,
    conditions: Vec<&'t Tree>,
}

fn without_nots(tree: &Tree) -> &Tree {
    match tree {
        Tree::Not(inner) => without_nots(inner),
        other => other,
    }
}

impl<'t> Flat<'t> {
    fn of(tree: &'t Tree) -> Self {
        let conditions = match tree {
            Tree::Leaf(_) => Vec::new(),
            Tree::Not(_) => vec![without_nots(tree)],
            Tree::Chain(_, parts) => parts[..parts.len() - 1].iter().map(without_nots).collect(),
        };
        Self { tree, conditions }
    }

    /// What may hold decisions of its own.
    fn below(&self) -> Vec<&'t Tree> {
        let mut below = self.conditions.clone();
        if let Tree::Chain(_, parts) = self.tree {
            below.extend(parts.last());
        }
        below
    }
}

fn truth(tree: &Tree, input: u32) -> bool {
    tree.test(&mut |i| bit(input, i), &mut Vec::new())
}

/// Is this part of the expression evaluated?
fn reached(tree: &Tree, part: &Tree, input: u32) -> bool {
    if std::ptr::eq(tree, part) {
        return true;
    }
    match tree {
        Tree::Leaf(_) => false,
        Tree::Not(inner) => reached(inner, part, input),
        Tree::Chain(is_or, parts) => {
            let end = parts.iter().position(|p| truth(p, input) == *is_or);
            let evaluated = end.map_or(parts.len(), |end| end + 1);
            parts[..evaluated].iter().any(|p| reached(p, part, input))
        }
    }
}

impl Flat<'_> {
    fn way(&self, input: u32) -> Way {
        let mut values: Vec<Option<bool>> =
            self.conditions.iter().map(|c| Some(truth(c, input))).collect();
        let outcome = match self.tree {
            Tree::Chain(is_or, parts) => {
                let tested = &parts[..parts.len() - 1];
                let end = tested.iter().position(|p| truth(p, input) == *is_or);
                if let Some(end) = end {
                    values[end + 1..].fill(None);
                }
                end.map(|_| *is_or)
            }
            other => Some(truth(other, input)),
        };
        Way { values, outcome }
    }
}

#[derive(Debug, Default)]
struct Counted {
    decisions: usize,
    in_one: usize,
    evaluations: usize,
}

fn check(kind: char, file: &File, number: usize, run: &Run, counted: &mut Counted) {
    let case = &file.cases[number];
    let tree = &case.decision.tree;
    let about = || format!("{} {}\n{}", case.context, case.text, file.woven_case(number));
    for (input, seen) in run.iter().enumerate() {
        let mut events = Vec::new();
        let result = tree.value(&mut |i| bit(input as u32, i), &mut events);
        events.retain(|event| kind == 'e' || matches!(event, Event::Tested(_)));
        assert_eq!(seen.result, show(result), "input {input} of {}", about());
        assert_eq!(seen.log, log(&events), "input {input} of {}", about());
    }
    counted.decisions += 1;
    counted.evaluations += run.len();
    let (found, in_one) = check_part(kind, file, number, tree, run);
    assert_eq!(bool_ops(file, number), found, "{}", about());
    if in_one {
        counted.in_one += 1;
        verdicts::check(file, number, run);
    }
}

/// Checks a part of the expression and what is below; returns the number of
/// decisions and whether there is but one.
fn check_part(kind: char, file: &File, number: usize, part: &Tree, run: &Run) -> (usize, bool) {
    if let Tree::Leaf(_) = part {
        return (0, false);
    }
    let case = &file.cases[number];
    let text = part.text(&operand(kind));
    let about = || format!("{} {text} of {}\n{}", case.context, case.text, file.woven_case(number));
    let decision = file.decisions(number).find(|d| d.text == text);
    let decision: &Mapped = decision.unwrap_or_else(|| panic!("no {}", about()));
    assert_eq!(decision.not_measured, None, "{}", about());
    let leaves = leaves(part);
    let untested = usize::from(part.untested().is_some());
    let names: Vec<String> =
        leaves[..leaves.len() - untested].iter().map(|i| operand(kind)(*i)).collect();
    let in_one = decision.conditions.iter().map(|c| &c.text).eq(&names);
    let whole = Decision { tree: renumbered(part, leaves[0]), is_value: true };
    let flat = Flat::of(part);
    for (input, seen) in run.iter().enumerate() {
        let input = input as u32;
        let way = if in_one { whole.way(input >> leaves[0]) } else { flat.way(input) };
        let expected: Vec<Way> =
            reached(&case.decision.tree, part, input).then_some(way).into_iter().collect();
        assert_eq!(paths(decision, &seen.fired), expected, "input {input} of {}", about());
    }
    if in_one {
        assert_eq!(sorted(paths(decision, &all(file))), whole.ways(), "{}", about());
        return (1, true);
    }
    let below = flat.below().into_iter().map(|p| check_part(kind, file, number, p, run).0);
    (1 + below.sum::<usize>(), false)
}

fn leaves(tree: &Tree) -> Vec<usize> {
    match tree {
        Tree::Leaf(i) => vec![*i],
        Tree::Not(inner) => leaves(inner),
        Tree::Chain(_, parts) => parts.iter().flat_map(leaves).collect(),
    }
}

/// The tree with its leaves counted from 0.
fn renumbered(tree: &Tree, first: usize) -> Tree {
    match tree {
        Tree::Leaf(i) => Tree::Leaf(i - first),
        Tree::Not(inner) => Tree::Not(Box::new(renumbered(inner, first))),
        Tree::Chain(is_or, parts) => {
            Tree::Chain(*is_or, parts.iter().map(|p| renumbered(p, first)).collect())
        }
    }
}

/// Number of decisions of a function whose value is used.
fn bool_ops(file: &File, number: usize) -> usize {
    file.decisions(number).filter(|d| d.kind == DecisionKind::BoolOp).count()
}

fn sorted(mut ways: Vec<Way>) -> Vec<Way> {
    ways.sort();
    ways
}

fn check_all(
    contexts: &[(&'static str, &str)],
    kinds: &[char],
    walrus: bool,
    largest: usize,
) -> Counted {
    let mut counted = Counted::default();
    for kind in kinds {
        let contexts = contexts.iter().enumerate();
        let cases: Vec<Case> = contexts
            .flat_map(|(turn, context)| cases(true, largest, turn, *context, &operand(*kind)))
            .collect();
        let parts = run_all(&cases, walrus, &all_inputs, |file, runs| {
            assert!(walrus || !file.woven().contains(":="));
            let mut counted = Counted::default();
            for (number, run) in runs.iter().enumerate() {
                check(*kind, file, number, run, &mut counted);
            }
            counted
        });
        for part in parts {
            counted.decisions += part.decisions;
            counted.in_one += part.in_one;
            counted.evaluations += part.evaluations;
        }
    }
    eprintln!("{counted:?}");
    counted
}

#[test]
fn values_in_functions() {
    let counted = check_all(IN_FUNCTIONS, &['e', 'p', 'g'], true, 4);
    assert!(counted.in_one * 10 > counted.decisions * 9, "{counted:?}");
}

#[test]
fn large_values_in_functions() {
    check_all(&IN_FUNCTIONS[..1], &['e'], true, 5);
}

#[test]
fn values_in_comprehensions_and_class_bodies() {
    check_all(&ELSEWHERE[..7], &['e', 'p', 'g'], true, 3);
    check_all(&ELSEWHERE[7..], &['p'], true, 4);
}

#[test]
fn values_without_walrus() {
    check_all(IN_FUNCTIONS, &['p'], false, 3);
    check_all(ELSEWHERE, &['p'], false, 3);
    check_all(&ELSEWHERE[..7], &['e'], false, 3);
}

/// An operand may answer another thing each time: then there may be no path,
/// but value and tests are those of the plain program.
#[test]
fn operands_that_change_their_minds() {
    let answers = |case: &Case| -> Vec<u32> {
        let bits = 2 * case.decision.tree.leaves();
        let spread = |n: u32| (0..5).map(|i| ((n >> (2 * i) & 3) * 5) << (4 * i)).sum();
        (0..1u32 << bits).map(spread).collect()
    };
    let (mut without, mut with) = (0, 0);
    for kind in ['e', 'p'] {
        let cases = cases(true, 3, 0, IN_FUNCTIONS[0], &operand(kind));
        let parts = run_all(&cases, true, &answers, |file, runs| {
            let mut counted = (0, 0);
            for (number, run) in runs.iter().enumerate() {
                let case = &file.cases[number];
                for (seen, input) in run.iter().zip(answers(case)) {
                    let way = steady_way(&case.decision, input);
                    let expected: Vec<Way> = way.into_iter().collect();
                    let found = paths(file.decision(number), &seen.fired);
                    let about = || file.woven_case(number);
                    assert_eq!(found, expected, "input {input:x} of {}\n{}", case.text, about());
                    if expected.is_empty() {
                        counted.0 += 1;
                    } else {
                        counted.1 += 1;
                    }
                }
            }
            counted
        });
        without += parts.iter().map(|part| part.0).sum::<usize>();
        with += parts.iter().map(|part| part.1).sum::<usize>();
    }
    assert!(without > 1000, "{without}");
    eprintln!("{with} evaluations with a path, {without} without");
}

/// The way of an evaluation in which each operand said one thing only.
fn steady_way(decision: &Decision, answers: u32) -> Option<Way> {
    let mut asked = [0; 5];
    let mut said: [Option<bool>; 5] = [None; 5];
    let mut steady = true;
    let mut answer = |i: usize| {
        let truth = answers >> (4 * i) >> (asked[i] & 3) & 1 == 1;
        asked[i] += 1;
        steady &= said[i].is_none_or(|before| before == truth);
        said[i] = Some(truth);
        truth
    };
    let result = decision.tree.value(&mut answer, &mut Vec::new());
    let count = decision.conditions();
    let outcome = match result {
        Result::Truth(truth) => Some(truth),
        Result::Operand(i) if i < count => said[i],
        Result::Operand(_) => None,
    };
    steady.then(|| Way { values: said[..count].to_vec(), outcome })
}
