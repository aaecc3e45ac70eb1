//! The line of an `elif`: what shows that it was reached.

use ruff_text_size::{Ranged, TextSize};

use super::Walker;
use super::branching::Clause;
use super::decide::{Told, Ways};
use crate::model::{Evidence, Level};

impl<'a> Walker<'a> {
    /// The line of the `elif` behind a test that is constant and false is
    /// reached whenever that test is.
    pub(super) fn credit_behind_constant(
        &mut self,
        clauses: &[Clause<'a>],
        number: usize,
        truth: bool,
    ) {
        let Some(next) = clauses.get(number + 1).filter(|_| !truth) else { return };
        let (Some(test), Some(evidence)) = (next.test, self.started.get(&clauses[number].at))
        else {
            return;
        };
        let evidence = evidence.clone();
        let line = self.parsed.statement_line(next.at);
        self.count(line, self.parsed.line_of(test.end()), &evidence);
        self.started.insert(next.at, evidence);
    }

    /// Notes the evidence for the line of the `elif` that follows a test.
    pub(super) fn credit_elif(
        &mut self,
        clauses: &[Clause<'a>],
        number: usize,
        ways: &Ways,
        shown_by_next: &mut Option<TextSize>,
    ) {
        let Some(next) = clauses.get(number + 1).filter(|c| c.test.is_some()) else { return };
        if ways.on_false.told == Told::Next {
            *shown_by_next = Some(next.at);
        } else if !self.is_excluded(next.at) {
            let line = self.parsed.statement_line(next.at);
            let end = next.test.map_or(line, |t| self.parsed.line_of(t.end()));
            // With one sensor a block, the tests of a chain count with the block they stand in.
            let evidence = if self.at_level(Level::Line) {
                ways.on_false.evidence.clone()
            } else {
                self.started.get(&clauses[number].at).cloned().unwrap_or_default()
            };
            self.count(line, end, &evidence);
            self.started.insert(next.at, evidence);
        }
    }

    /// Where a test cannot raise because it repeats the one before, reaching
    /// it is shown by either of its own outcomes: from the last to the first.
    pub(super) fn resolve_shown_by_next(&mut self, clauses: &[Clause<'a>]) {
        for pair in clauses.windows(2).rev() {
            let [this, next] = pair else { continue };
            let Some(test) = next.test.filter(|_| !self.is_excluded(next.at)) else { continue };
            let known = self.outcomes.get(&(this.at, false)).is_some_and(|e| !e.is_empty());
            if known {
                continue;
            }
            let mut either = Evidence::default();
            for outcome in [true, false] {
                if let Some(evidence) = self.outcomes.get(&(next.at, outcome)) {
                    either.add(&evidence.clone());
                }
            }
            let line = self.parsed.statement_line(next.at);
            let end = self.parsed.line_of(test.end());
            self.count(line, end, &either);
            self.show_false_path(this.at, &either);
            self.outcomes.insert((this.at, false), either);
        }
    }
}
