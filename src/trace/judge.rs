//! What reported lines say of statements and arcs.

use std::collections::{BTreeMap, BTreeSet};

use super::fence::Fenced;
use crate::model::{Arc, ArcEnd, Events, FileMap, Gap, Line, Observed};
use crate::parse::Parsed;
use crate::plan::outline::{Code, Outline, Shared, Step, Suite, Tail};

/// The lines of the text whose transitions tell something: those of branches,
/// fences, and in a plain text those in front of shared lines.
pub(super) fn watched(
    map: &FileMap,
    outline: &Outline,
    text: &Fenced,
    parsed: &Parsed,
) -> Vec<Line> {
    let branches: BTreeSet<Line> = map.arcs.iter().map(|arc| arc.from).collect();
    let mut wanted = branches;
    if !text.is_fenced {
        wanted.extend(proofs(outline).into_iter().map(|(from, _)| from));
    }
    (1..=text.lines)
        .map(Line)
        .filter(|line| {
            text.fences.contains_key(line)
                || wanted.contains(&parsed.logical().first(text.source_line(*line)))
        })
        .collect()
}

/// Pairs of statements of which the second, a shared one, surely ran if its
/// line came behind that of the first.
fn proofs(outline: &Outline) -> Vec<(Line, Line)> {
    let mut found = Vec::new();
    for suite in &outline.suites {
        for pair in suite.steps.windows(2) {
            let shared = |step: &Step| step.shared != Shared::No;
            if shared(&pair[1])
                && pair[0].goes_on
                && pair[0].line != pair[1].line
                && !shared(&pair[0])
            {
                found.push((pair[0].line, pair[1].line));
            }
        }
    }
    found
}

/// Where a transition leads, in terms of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Statement(Line),
    Exit,
    /// Code of nobody, on this line of the text.
    Fence(Line),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Started,
    Not,
    Unsure,
}

/// Judges what was reported of a text. `map` is that of its source, whose
/// outline is `outline`. What was not seen and may be in the gap is open.
pub(super) fn judge(
    events: &Events,
    gap: Gap,
    map: &FileMap,
    outline: &Outline,
    text: &Fenced,
    parsed: &Parsed,
) -> Observed {
    let place = |line: Line| match text.fences.get(&line) {
        Some(Tail::Loop(header)) => Place::Statement(*header),
        Some(Tail::Exit) => Place::Exit,
        Some(Tail::Through) => Place::Fence(line),
        Some(Tail::Witness(statement)) => Place::Statement(*statement),
        None => Place::Statement(parsed.logical().first(text.source_line(line))),
    };
    let own = |line: &&Line| !text.fences.contains_key(line) && line.0 > 0 && line.0 <= text.lines;
    let lines: BTreeSet<Line> =
        events.lines.iter().filter(own).map(|l| text.source_line(*l)).collect();
    let executable = events.executable.iter().filter(own).map(|l| text.source_line(*l)).collect();
    let mut seen: BTreeSet<Line> = lines.iter().map(|line| parsed.logical().first(*line)).collect();
    for line in &events.lines {
        if let Some(Tail::Witness(statement)) = text.fences.get(line) {
            seen.insert(*statement);
        }
    }
    let mut next: BTreeMap<Place, BTreeSet<Place>> = BTreeMap::new();
    for (from, to) in
        events.transitions.iter().flatten().filter(|(from, to)| from.0 > 0 && to.0 > 0)
    {
        let (from, to) = (place(*from), place(*to));
        if from != to {
            next.entry(from).or_default().insert(to);
        }
    }
    let mut judge = Judge {
        outline,
        is_fenced: text.is_fenced,
        verdicts: BTreeMap::new(),
        next,
        blind: BTreeSet::new(),
    };
    judge.statements(&seen);
    let mut out = Observed { lines, executable, ..Observed::default() };
    for statement in &map.statements {
        match judge.verdict(statement.line, &seen) {
            Verdict::Started => out.started.insert(statement.line),
            // Behind a `return` nothing was reported.
            Verdict::Unsure
                if judge.is_blind(statement.line) && !seen.contains(&statement.line) =>
            {
                out.untraced.insert(statement.line)
            }
            Verdict::Unsure => out.unsure.insert(statement.line),
            Verdict::Not if may_hide(gap, outline, statement.line) => {
                out.untraced.insert(statement.line)
            }
            Verdict::Not => false,
        };
    }
    let entries = outline
        .suites
        .iter()
        .filter_map(|suite| Some((suite.header?, suite.steps.first().map(|step| step.line)?)));
    let entries: BTreeSet<(Line, Line)> = entries.collect();
    for arc in map.arcs.iter().filter(|arc| !arc.evidence.is_empty()) {
        let others = map.arcs.iter().filter(|other| {
            let ArcEnd::Line(to) = other.to else { return other.from == arc.from };
            other.from == arc.from && !entries.contains(&(arc.from, to))
        });
        let is_only = others.count() == 1;
        let verdict = if events.transitions.is_some() || arc_enters(arc, &entries) {
            judge.arc(arc.from, arc.to, &entries, &seen, is_only)
        } else {
            Verdict::Unsure
        };
        match verdict {
            Verdict::Started => out.taken.insert((arc.from, arc.to)),
            Verdict::Unsure => out.unsure_arcs.insert((arc.from, arc.to)),
            Verdict::Not
                if may_hide(gap, outline, arc.from)
                    || gap.transitions && !arc_enters(arc, &entries) =>
            {
                out.unsure_arcs.insert((arc.from, arc.to))
            }
            Verdict::Not => false,
        };
    }
    out
}

/// May a statement on this line have run without being reported?
fn may_hide(gap: Gap, outline: &Outline, line: Line) -> bool {
    gap.lines || gap.calls && !outline.is_outside(line) || outline.is_native(line)
}

/// Does an arc lead to the first statement of a suite, to which nothing else does?
fn arc_enters(arc: &Arc, entries: &BTreeSet<(Line, Line)>) -> bool {
    matches!(arc.to, ArcEnd::Line(to) if entries.contains(&(arc.from, to)))
}

struct Judge<'a> {
    outline: &'a Outline,
    is_fenced: bool,
    verdicts: BTreeMap<Line, Verdict>,
    next: BTreeMap<Place, BTreeSet<Place>>,
    /// Lines of which not all that happened was reported.
    blind: BTreeSet<Line>,
}

impl Judge<'_> {
    fn of(&self, line: Line) -> Verdict {
        self.verdicts.get(&line).copied().unwrap_or(Verdict::Unsure)
    }

    /// The verdict on a statement, also on one that has no step of its own.
    fn verdict(&self, line: Line, seen: &BTreeSet<Line>) -> Verdict {
        let by_line = if seen.contains(&line) { Verdict::Started } else { Verdict::Not };
        self.verdicts.get(&line).copied().unwrap_or(by_line)
    }

    fn is_shared(&self, step: &Step) -> bool {
        match step.shared {
            Shared::No => false,
            Shared::Unfenced => !self.is_fenced,
            Shared::Always => true,
        }
    }

    /// Is the line of a step reported when it runs?
    fn is_coded(&self, suite: &Suite, index: usize) -> bool {
        let is_last = index + 1 == suite.steps.len();
        let step = &suite.steps[index];
        match step.code {
            Code::Made => true,
            Code::None => self.is_fenced && suite.stand_in.is_some() && is_last,
            // An `elif`, which is alone in its suite, or with a witness behind it.
            Code::Elsewhere if !self.is_fenced => false,
            Code::Elsewhere if !step.defines => suite.header.is_some(),
            Code::Elsewhere => false,
        }
    }

    fn statements(&mut self, seen: &BTreeSet<Line>) {
        let mut coded: BTreeMap<Line, bool> = BTreeMap::new();
        let mut shared: BTreeSet<Line> = BTreeSet::new();
        for suite in &self.outline.suites {
            for (index, step) in suite.steps.iter().enumerate() {
                *coded.entry(step.line).or_default() |= self.is_coded(suite, index);
                // Of several statements on one line the first is not told from the last.
                if self.is_shared(step) {
                    shared.insert(step.line);
                }
            }
        }
        let proven: BTreeSet<Line> = proofs(self.outline)
            .into_iter()
            .filter(|(from, to)| {
                let next = self.next.get(&Place::Statement(*from));
                next.is_some_and(|next| next.contains(&Place::Statement(*to)))
            })
            .map(|(_, to)| to)
            .collect();
        for (line, coded) in coded {
            let verdict = if !seen.contains(&line) {
                if coded { Verdict::Not } else { Verdict::Unsure }
            } else if !shared.contains(&line) || proven.contains(&line) {
                Verdict::Started
            } else {
                Verdict::Unsure
            };
            self.verdicts.insert(line, verdict);
        }
        while self.infer() {}
        for number in 0..self.outline.suites.len() {
            self.behind_return(number);
            // Nor of the rest of the function, if it goes on.
            let back = &self.outline.suites[number].taken_back;
            if back.iter().any(|line| self.of(*line) != Verdict::Not) {
                self.blind(number);
            }
        }
        while self.infer() {}
    }

    /// Behind a `return` the firmware reports no lines of a `finally` any more.
    fn behind_return(&mut self, number: usize) {
        let suite = &self.outline.suites[number];
        let verdicts: Vec<Verdict> = suite.returns.iter().map(|line| self.of(*line)).collect();
        if verdicts.iter().all(|verdict| *verdict == Verdict::Not) {
            return;
        }
        self.blind(number);
        if let Some(first) = suite.steps.first().filter(|_| verdicts.contains(&Verdict::Started)) {
            self.verdicts.insert(first.line, Verdict::Started);
        }
    }

    fn is_blind(&self, line: Line) -> bool {
        self.blind.contains(&line)
    }

    fn blind(&mut self, number: usize) {
        for step in &self.outline.suites[number].steps {
            self.blind.insert(step.line);
            let verdict = self.verdicts.entry(step.line).or_insert(Verdict::Unsure);
            if *verdict == Verdict::Not {
                *verdict = Verdict::Unsure;
            }
            for inner in &step.inner {
                self.blind(*inner);
            }
        }
    }

    /// One round of what follows: in a suite the statements run in order, and
    /// what is inside a statement runs only if it was started.
    fn infer(&mut self) -> bool {
        let mut changed = false;
        let outline = self.outline;
        let mut set = |verdicts: &mut BTreeMap<Line, Verdict>, line: Line, verdict: Verdict| {
            if verdicts.get(&line) == Some(&Verdict::Unsure) && verdict != Verdict::Unsure {
                verdicts.insert(line, verdict);
                changed = true;
            }
        };
        for suite in &outline.suites {
            let mut later = Verdict::Unsure;
            for step in suite.steps.iter().rev() {
                if later == Verdict::Started {
                    set(&mut self.verdicts, step.line, later);
                } else if later == Verdict::Not && step.code == Code::None && step.inner.is_empty()
                {
                    // It makes no code and cannot raise: the next one would have run.
                    set(&mut self.verdicts, step.line, later);
                }
                later = self.of(step.line);
                for inner in &step.inner {
                    let first = outline.suites[*inner].steps.first().map(|step| step.line);
                    let Some(first) = first else { continue };
                    match (self.of(first), self.of(step.line)) {
                        (Verdict::Started, _) => {
                            set(&mut self.verdicts, step.line, Verdict::Started)
                        }
                        (_, Verdict::Not) => set(&mut self.verdicts, first, Verdict::Not),
                        _ => {}
                    }
                }
                later = match (later, self.of(step.line)) {
                    (_, Verdict::Started) => Verdict::Started,
                    (verdict, _) => verdict,
                };
            }
            let mut earlier = Verdict::Unsure;
            for step in &suite.steps {
                if earlier == Verdict::Not {
                    set(&mut self.verdicts, step.line, Verdict::Not);
                }
                earlier = self.of(step.line);
            }
        }
        changed
    }

    /// Was an arc taken? `is_only` says that nothing but this one and those into
    /// suites leave its line.
    fn arc(
        &self,
        from: Line,
        to: ArcEnd,
        entries: &BTreeSet<(Line, Line)>,
        seen: &BTreeSet<Line>,
        is_only: bool,
    ) -> Verdict {
        match self.verdict(from, seen) {
            Verdict::Started => {}
            other => return other,
        }
        if let ArcEnd::Line(to) = to {
            if to == from {
                return Verdict::Unsure;
            }
            // Nothing else leads to the first statement of a suite.
            if entries.contains(&(from, to)) {
                return self.verdict(to, seen);
            }
        }
        let inside = entries.iter().filter(|(header, _)| *header == from).map(|(_, first)| first);
        let inside: BTreeSet<Line> = inside.copied().collect();
        if self.is_constant(from) {
            return Verdict::Unsure;
        }
        if inside.is_empty() && !self.outline.one_line.contains(&from) {
            return Verdict::Unsure;
        }
        let untold = if self.is_blind(from) { Verdict::Unsure } else { Verdict::Not };
        let mut next: BTreeSet<Place> =
            self.next.get(&Place::Statement(from)).cloned().unwrap_or_default();
        if self.outline.one_line.contains(&from) {
            let ArcEnd::Line(line) = to else { return Verdict::Unsure };
            let passed = next.contains(&Place::Statement(line)) && self.is_fenced;
            return if passed { Verdict::Started } else { Verdict::Unsure };
        }
        // What else may be reported of a suite that was entered: its first statement
        // may have no code.
        let sure = inside.iter().all(|first| self.is_own(*first));
        let leads_to_others = !self.is_fenced
            && next
                .iter()
                .any(|place| matches!(place, Place::Statement(line) if !self.is_own(*line)));
        next.retain(|place| !matches!(place, Place::Statement(line) if inside.contains(line)));
        if next.is_empty() {
            return if leads_to_others { Verdict::Unsure } else { untold };
        }
        if is_only && sure && self.is_fenced { Verdict::Started } else { Verdict::Unsure }
    }

    /// Is this line reported when, and only when, its own statement runs?
    fn is_own(&self, line: Line) -> bool {
        self.outline.suites.iter().all(|suite| {
            let mut mine = suite.steps.iter().enumerate().filter(|(_, step)| step.line == line);
            mine.all(|(index, step)| !self.is_shared(step) && self.is_coded(suite, index))
        })
    }

    /// May there be no code for the test on this line?
    fn is_constant(&self, line: Line) -> bool {
        let mut steps = self.outline.suites.iter().flat_map(|suite| &suite.steps);
        steps.any(|step| step.line == line && step.code == Code::None)
    }
}
