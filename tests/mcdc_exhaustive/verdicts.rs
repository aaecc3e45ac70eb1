//! What `evaluate` says of paths, against the definitions.

use std::collections::BTreeSet;

use mpycov::evaluate::{ContextHits, evaluate};
use mpycov::model::{DecisionVerdict, FileMap, HitSet, SensorId};

use crate::batch::{File, Run};
use crate::trees::{Decision, Facts, Way, is_pair, shapes};

/// Checks the verdicts on some sets of inputs of a case, as they ran.
pub(crate) fn check(file: &File, number: usize, run: &Run) {
    let case = &file.cases[number];
    let map = alone(&file.instrumented.map, file.decision(number));
    let facts = Facts::of(&case.decision);
    let inputs = run.len() as u64;
    let mut sets: Vec<u64> = vec![(1 << inputs) - 1];
    // A few more, different for each case.
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(number as u64 + 1);
    for _ in 0..3 {
        seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        sets.push(seed >> 20 & seed >> 31 & ((1 << inputs) - 1));
    }
    for set in sets {
        let chosen = || (0..inputs).filter(|i| set >> i & 1 == 1);
        let ways: BTreeSet<Way> = chosen().map(|i| case.decision.way(i as u32)).collect();
        let fired = chosen().flat_map(|i| run[i as usize].fired.iter().copied());
        let verdict = verdict(&map, fired);
        agree(&facts, &ways, &verdict);
    }
}

/// The map with one decision only.
fn alone(map: &FileMap, decision: &mpycov::model::Decision) -> FileMap {
    FileMap {
        statements: Vec::new(),
        arcs: Vec::new(),
        suites: Vec::new(),
        scopes: Vec::new(),
        decisions: vec![decision.clone()],
        ..map.clone()
    }
}

fn verdict(map: &FileMap, fired: impl Iterator<Item = SensorId>) -> DecisionVerdict {
    let mut hits = HitSet::new(map.sensor_count);
    fired.for_each(|sensor| hits.insert(sensor));
    let mut coverage = evaluate(map, &[ContextHits { context: 0, hits }]);
    coverage.decisions.pop().expect("the decision")
}

/// Compares a verdict with the definitions.
pub(crate) fn agree(facts: &Facts, ways: &BTreeSet<Way>, verdict: &DecisionVerdict) {
    let about = || format!("{} with {ways:?}: {verdict:?}", verdict.text);
    let hit: BTreeSet<Way> = verdict
        .paths
        .iter()
        .filter(|p| p.hit)
        .map(|p| Way { values: p.values.clone(), outcome: p.outcome })
        .collect();
    assert_eq!(hit, *ways, "{}", about());
    let way = |path: usize| {
        let path = &verdict.paths[path];
        (Way { values: path.values.clone(), outcome: path.outcome }, path.hit)
    };
    for (i, condition) in verdict.conditions.iter().enumerate() {
        let seen = |value| ways.iter().any(|w| w.values[i] == Some(value));
        assert_eq!((condition.seen_true, condition.seen_false), (seen(true), seen(false)));
        let shows = |w: &Way, value| w.values[i] == Some(value) && facts.hangs_on(w, i);
        let shown = |value| ways.iter().any(|w| shows(w, value));
        let masking = shown(true) && shown(false);
        assert_eq!(condition.mcdc, masking, "condition {i} of {}", about());
        let pair = ways.iter().any(|a| ways.iter().any(|b| is_pair(a, b, i)));
        assert_eq!(condition.mcdc_pair, pair, "pair of condition {i} of {}", about());
        assert!(!pair || masking, "a pair is masking too: {}", about());
        assert_eq!(condition.shown_by.is_some(), masking);
        if let Some((a, b)) = condition.shown_by {
            let ((a, a_hit), (b, b_hit)) = (way(a), way(b));
            assert!(a_hit && b_hit && shows(&a, true) && shows(&b, false), "{}", about());
        }
        let possible = |value| facts.ways().any(|w| shows(w, value));
        let can = possible(true) && possible(false);
        assert_eq!(condition.would_show.is_some(), !masking && can, "{}", about());
        if let Some((missing, partner)) = condition.would_show {
            let (missing, was_hit) = way(missing);
            assert!(!was_hit, "{}", about());
            let value = shows(&missing, true);
            assert!(value || shows(&missing, false), "{}", about());
            assert_eq!(partner.is_some(), shown(!value) || (shown(true) || shown(false)));
            if let Some(partner) = partner {
                let (partner, was_hit) = way(partner);
                assert!(was_hit && shows(&partner, !value), "{}", about());
            }
        }
    }
}

/// Every set of paths of every tree, as if its sensors had fired: all sets up
/// to four operands, a sample of those of five.
#[test]
fn the_verdicts_on_every_set_of_paths_are_right() {
    let mut checked = 0u64;
    for (is_value, tree) in
        [false, true].iter().flat_map(|v| (1..=5).flat_map(shapes).map(move |t| (*v, t)))
    {
        let decision = Decision { tree, is_value };
        let facts = Facts::of(&decision);
        if decision.conditions() == 0 {
            continue;
        }
        let text = decision.tree.text(&|i| ["a", "b", "c", "d", "f"][i].to_owned());
        let source = if is_value {
            format!("def f(a, b, c, d, f):\n    return {text}\n")
        } else {
            format!("def f(a, b, c, d, f):\n    if {text}:\n        return 1\n    return 0\n")
        };
        let instrumented = mpycov::instrument::instrument(
            source.into_bytes(),
            "a.py",
            &crate::batch::options(true),
        );
        let map = instrumented.expect("it parses").map;
        let mapped = map.decisions[0].clone();
        let map = alone(&map, &mapped);
        let count = mapped.paths.len();
        let step = if decision.tree.leaves() < 5 { 1 } else { 97 };
        for set in (0..1u64 << count).step_by(step) {
            let chosen = || mapped.paths.iter().enumerate().filter(|(i, _)| set >> i & 1 == 1);
            let ways = chosen()
                .map(|(_, p)| Way { values: p.values.clone(), outcome: p.outcome })
                .collect();
            let fired = chosen().map(|(_, p)| p.evidence.sensors()[0]);
            agree(&facts, &ways, &verdict(&map, fired));
            checked += 1;
        }
    }
    eprintln!("{checked} sets of paths");
}
