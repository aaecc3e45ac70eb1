//! Expressions of `and`, `or` and `not`, and what Python and MC/DC say of
//! them: written from the definitions, with nothing from the program's code.

use std::collections::BTreeMap;

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tree {
    /// Operand number n, from the left.
    Leaf(usize),
    /// `not x`
    Not(Box<Tree>),
    /// Two or more operands joined by `or`, or else by `and`.
    Chain(bool, Vec<Tree>),
}

/// What an evaluation did, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Operand n was evaluated.
    Evaluated(usize),
    /// Its `__bool__` was called.
    Tested(usize),
}

/// What an expression gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Result {
    /// What a `not` says.
    Truth(bool),
    /// Operand n.
    Operand(usize),
}

/// All shapes of so many leaves, without `not`.
pub(crate) fn shapes(leaves: usize) -> Vec<Tree> {
    let mut all = Vec::new();
    build(0, leaves, &mut |tree| all.push(tree));
    all
}

fn build(first: usize, leaves: usize, take: &mut dyn FnMut(Tree)) {
    if leaves == 1 {
        return take(Tree::Leaf(first));
    }
    for is_or in [false, true] {
        parts(first, leaves, Vec::new(), &mut |parts| take(Tree::Chain(is_or, parts)));
    }
}

/// Every way to split leaves among two or more operands.
fn parts(first: usize, leaves: usize, before: Vec<Tree>, take: &mut dyn FnMut(Vec<Tree>)) {
    if leaves == 0 {
        if before.len() > 1 {
            take(before);
        }
        return;
    }
    let most = if before.is_empty() { leaves - 1 } else { leaves };
    for size in 1..=most {
        build(first, size, &mut |tree| {
            let mut parts_so_far = before.clone();
            parts_so_far.push(tree);
            parts(first + size, leaves - size, parts_so_far, take);
        });
    }
}

impl Tree {
    /// Leaves and chains.
    pub(crate) fn nodes(&self) -> u32 {
        match self {
            Self::Leaf(_) => 1,
            Self::Not(inner) => inner.nodes(),
            Self::Chain(_, parts) => 1 + parts.iter().map(Self::nodes).sum::<u32>(),
        }
    }

    pub(crate) fn leaves(&self) -> usize {
        match self {
            Self::Leaf(_) => 1,
            Self::Not(inner) => inner.leaves(),
            Self::Chain(_, parts) => parts.iter().map(Self::leaves).sum(),
        }
    }

    /// The tree with a `not` at each node whose bit is set, from the outside
    /// to the inside and from the left.
    pub(crate) fn negated(&self, mask: u32) -> Self {
        self.negate(mask, &mut 0)
    }

    fn negate(&self, mask: u32, node: &mut u32) -> Self {
        let not = mask >> *node & 1 == 1;
        *node += 1;
        let inner = match self {
            Self::Chain(is_or, parts) => {
                Self::Chain(*is_or, parts.iter().map(|p| p.negate(mask, node)).collect())
            }
            other => other.clone(),
        };
        if not { Self::Not(Box::new(inner)) } else { inner }
    }

    /// Its text; chains inside it stand in parentheses.
    pub(crate) fn text(&self, leaf: &dyn Fn(usize) -> String) -> String {
        match self {
            Self::Leaf(i) => leaf(*i),
            Self::Not(inner) => format!("not {}", inner.operand(leaf)),
            Self::Chain(is_or, parts) => {
                let parts: Vec<String> = parts.iter().map(|p| p.operand(leaf)).collect();
                parts.join(if *is_or { " or " } else { " and " })
            }
        }
    }

    fn operand(&self, leaf: &dyn Fn(usize) -> String) -> String {
        match self {
            Self::Chain(..) => format!("({})", self.text(leaf)),
            _ => self.text(leaf),
        }
    }

    /// Evaluates it as the test of an `if`.
    pub(crate) fn test(
        &self,
        truth: &mut dyn FnMut(usize) -> bool,
        events: &mut Vec<Event>,
    ) -> bool {
        match self {
            Self::Leaf(i) => {
                events.extend([Event::Evaluated(*i), Event::Tested(*i)]);
                truth(*i)
            }
            Self::Not(inner) => !inner.test(truth, events),
            Self::Chain(is_or, parts) => {
                parts.iter().any(|part| part.test(truth, events) == *is_or) == *is_or
            }
        }
    }

    /// Evaluates it for its value, as MicroPython does: each operator tests
    /// the value that comes to it, even if another has tested it before.
    pub(crate) fn value(
        &self,
        truth: &mut dyn FnMut(usize) -> bool,
        events: &mut Vec<Event>,
    ) -> Result {
        match self {
            Self::Leaf(i) => {
                events.push(Event::Evaluated(*i));
                Result::Operand(*i)
            }
            Self::Not(inner) => {
                let value = inner.value(truth, events);
                Result::Truth(!asked(value, truth, events))
            }
            Self::Chain(is_or, parts) => {
                let mut value = parts[0].value(truth, events);
                for next in &parts[1..] {
                    if asked(value, truth, events) == *is_or {
                        break;
                    }
                    value = next.value(truth, events);
                }
                value
            }
        }
    }

    /// The operand that nobody tests when the value is used.
    pub(crate) fn untested(&self) -> Option<usize> {
        match self {
            Self::Leaf(i) => Some(*i),
            Self::Not(_) => None,
            Self::Chain(_, parts) => parts.last()?.untested(),
        }
    }
}

fn asked(value: Result, truth: &mut dyn FnMut(usize) -> bool, events: &mut Vec<Event>) -> bool {
    match value {
        Result::Truth(truth) => truth,
        Result::Operand(i) => {
            events.push(Event::Tested(i));
            truth(i)
        }
    }
}

/// The truth of the leaves, one a bit.
pub(crate) fn bit(input: u32, leaf: usize) -> bool {
    input >> leaf & 1 == 1
}

/// One way through a decision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Way {
    /// What each condition was, if it was evaluated.
    pub(crate) values: Vec<Option<bool>>,
    /// The outcome; `None` if it is an operand that nobody tests.
    pub(crate) outcome: Option<bool>,
}

/// A decision: an expression, and whether its value is used or its truth.
#[derive(Clone, Debug)]
pub(crate) struct Decision {
    pub(crate) tree: Tree,
    pub(crate) is_value: bool,
}

impl Decision {
    /// Number of conditions.
    pub(crate) fn conditions(&self) -> usize {
        let open = self.is_value && self.tree.untested().is_some();
        self.tree.leaves() - usize::from(open)
    }

    /// The way that an input takes.
    pub(crate) fn way(&self, input: u32) -> Way {
        let mut events = Vec::new();
        let mut values = vec![None; self.conditions()];
        let outcome = if self.is_value {
            match self.tree.value(&mut |i| bit(input, i), &mut events) {
                Result::Truth(truth) => Some(truth),
                Result::Operand(i) if i < values.len() => Some(bit(input, i)),
                Result::Operand(_) => None,
            }
        } else {
            Some(self.tree.test(&mut |i| bit(input, i), &mut events))
        };
        for event in events {
            if let Event::Tested(i) = event {
                values[i] = Some(bit(input, i));
            }
        }
        Way { values, outcome }
    }

    /// All ways.
    pub(crate) fn ways(&self) -> Vec<Way> {
        let mut ways: Vec<Way> = (0..1u32 << self.conditions()).map(|i| self.way(i)).collect();
        ways.sort();
        ways.dedup();
        ways
    }
}

/// What the definitions say of a decision, worked out once.
#[derive(Debug)]
pub(crate) struct Facts {
    conditions: usize,
    /// The way of each input.
    pub(crate) by_input: Vec<Way>,
    /// All ways, and the conditions that each hangs on.
    ways: BTreeMap<Way, Vec<bool>>,
}

impl Facts {
    pub(crate) fn of(decision: &Decision) -> Self {
        let conditions = decision.conditions();
        let by_input: Vec<Way> = (0..1u32 << conditions).map(|i| decision.way(i)).collect();
        let mut facts = Self { conditions, by_input, ways: BTreeMap::new() };
        for way in &facts.by_input {
            if !facts.ways.contains_key(way) {
                let hangs = (0..conditions).map(|i| facts.find_out(way, i)).collect();
                facts.ways.insert(way.clone(), hangs);
            }
        }
        facts
    }

    /// Masking MC/DC by its definition: can what was not evaluated be such
    /// that the outcome hangs on this condition alone?
    fn find_out(&self, way: &Way, condition: usize) -> bool {
        self.by_input.iter().enumerate().any(|(input, other)| {
            let fits = |i: usize| way.values[i].is_none_or(|v| v == bit(input as u32, i));
            let flipped = &self.by_input[input ^ 1 << condition];
            other.outcome != flipped.outcome && (0..self.conditions).all(fits)
        })
    }

    /// All ways.
    pub(crate) fn ways(&self) -> impl Iterator<Item = &Way> {
        self.ways.keys()
    }

    /// The same as the definition says.
    pub(crate) fn hangs_on(&self, way: &Way, condition: usize) -> bool {
        self.ways[way][condition]
    }
}

/// Do these two ways show a condition as a pair: another outcome, and of what
/// was evaluated in both nothing else differs?
pub(crate) fn is_pair(a: &Way, b: &Way, condition: usize) -> bool {
    let differs = |i: usize| matches!((a.values[i], b.values[i]), (Some(x), Some(y)) if x != y);
    a.outcome != b.outcome && (0..a.values.len()).all(|i| differs(i) == (i == condition))
}
