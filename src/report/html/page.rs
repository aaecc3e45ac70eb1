//! The page of one file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

use super::super::escape::Escaped;
use super::super::numbers::{Numbers, display_percent};
use super::super::places::{exits_in_order, statement_at};
use super::decisions;
use super::lines::{Mark, Row, Text, rows};
use super::site::{Contexts, Site};
use crate::model::{ArcEnd, BranchLine, DecisionVerdict, FileCoverage, Level, Line};

/// Lines in a block; blocks out of sight need no layout.
const BLOCK: usize = 200;

/// What is written of one file.
pub(super) struct Page<'a> {
    pub(super) file: &'a FileCoverage,
    /// Its number in the report, from 0.
    pub(super) number: usize,
    /// Its source, if it is there.
    pub(super) source: Option<&'a [u8]>,
    pub(super) site: &'a Site,
    pub(super) contexts: Contexts<'a>,
}

impl Page<'_> {
    /// Writes what stands in the body.
    pub(super) fn write(&self, out: &mut String) -> fmt::Result {
        let numbers = Numbers::of(self.file);
        self.header(&numbers, out)?;
        let kinds = "show-mis show-par show-exc show-con";
        write!(out, "<main class=\"source {kinds}\" data-file=\"{}\">", self.number)?;
        match self.source {
            Some(bytes) => self.lines(&String::from_utf8_lossy(bytes), out)?,
            None => self.no_source(out)?,
        }
        out.push_str("</main>");
        Ok(())
    }

    fn header(&self, n: &Numbers, out: &mut String) -> fmt::Result {
        let (covered, total) = n.ratio();
        let percent = display_percent(covered, total, self.site.precision);
        let path = &self.file.path;
        let (folder, name) = path.rsplit_once('/').map_or(("", path.as_str()), |(f, n)| (f, n));
        let slash = if folder.is_empty() { "" } else { "/" };
        out.push_str("<header class=\"top\"><div class=\"bar\"><nav class=\"crumbs\">");
        write!(
            out,
            "<a href=\"{}\" data-key=\"u\">{}</a><h1><span class=\"folder\">{}{slash}</span>\
             <wbr>{}</h1></nav>",
            self.site.index_url("file"),
            Escaped(&self.site.title),
            Escaped(folder),
            Escaped(name)
        )?;
        write!(out, "<span class=\"pc\">{percent}%</span>")?;
        let (before, after) = self.site.neighbours(self.number);
        write!(
            out,
            "<span class=\"steps\"><a href=\"{before}\" data-key=\"[\" title=\"previous file\">‹</a>\
             <a href=\"{after}\" data-key=\"]\" title=\"next file\">›</a></span>"
        )?;
        out.push_str(super::BUTTONS);
        out.push_str("</div><div class=\"tools\">");
        self.toggles(n, out)?;
        self.contexts.choice(out)?;
        out.push_str("</div>");
        if !self.file.measured {
            out.push_str("<p class=\"word\">This file never ran: no data speak of it.</p>");
        }
        out.push_str("</header>");
        Ok(())
    }

    fn toggles(&self, n: &Numbers, out: &mut String) -> fmt::Result {
        let mut all = vec![
            ("run", "r", n.statements - n.missing, "run", false),
            ("mis", "m", n.missing, "missing", true),
            ("exc", "x", n.excluded, "excluded", true),
        ];
        if self.file.level >= Level::Branch {
            all.push(("par", "p", n.partial_branches, "partial", true));
        }
        if self.file.level >= Level::Condition {
            let gaps = self.file.decisions.iter().filter(|d| decisions::has_gaps(d)).count();
            all.push(("con", "d", gaps as u64, "decisions with gaps", true));
        }
        for (class, key, count, word, on) in all {
            write!(
                out,
                "<button type=\"button\" class=\"tog {class}\" data-toggle=\"{class}\" \
                 data-key=\"{key}\" aria-pressed=\"{on}\"><b>{count}</b> {word}</button>"
            )?;
        }
        let blind: u32 =
            self.file.not_measured.iter().map(|part| part.end_line.0 - part.line.0 + 1).sum();
        if blind > 0 {
            write!(out, "<span class=\"tog unm\"><b>{blind}</b> lines not measured</span>")?;
        }
        Ok(())
    }

    fn no_source(&self, out: &mut String) -> fmt::Result {
        out.push_str(
            "<p class=\"word\">The source is not there or has changed since it was measured.</p>",
        );
        for decision in &self.file.decisions {
            decisions::write(decision, true, out)?;
        }
        Ok(())
    }

    fn lines(&self, text: &str, out: &mut String) -> fmt::Result {
        let text = Text::new(text, self.file);
        let rows = rows(self.file, text.line_count());
        let branches: BTreeMap<Line, &BranchLine> =
            self.file.branches.iter().map(|b| (b.line, b)).collect();
        let mut below: BTreeMap<Line, Vec<&DecisionVerdict>> = BTreeMap::new();
        let mut gaps: BTreeSet<Line> = BTreeSet::new();
        for decision in &self.file.decisions {
            below.entry(decision.end_line).or_default().push(decision);
            if self.ran(decision.line) && decisions::has_gaps(decision) {
                gaps.extend((decision.line.0..=decision.end_line.0).map(Line));
            }
        }
        let width = text.line_count().max(1).ilog10() + 1;
        for (index, row) in rows.iter().enumerate() {
            if index % BLOCK == 0 {
                let end = if index > 0 { "</div>" } else { "" };
                write!(out, "{end}<div class=\"block\" style=\"--digits:{width}\">")?;
            }
            let line = Line(index as u32 + 1);
            let con = if gaps.contains(&line) { " con" } else { "" };
            self.line(line, *row, con, &text, out)?;
            self.remarks(line, *row, branches.get(&line).copied(), out)?;
            out.push_str("</div>");
            for decision in below.get(&line).into_iter().flatten() {
                if !self.is_told(decision, &branches) {
                    decisions::write(decision, self.ran(decision.line), out)?;
                }
            }
        }
        if rows.is_empty() {
            out.push_str("<div class=\"block\"><p class=\"word\">This file is empty.</p>");
        }
        out.push_str("</div>");
        Ok(())
    }

    /// Do the ways out of its line say all there is to say of a decision?
    fn is_told(&self, decision: &DecisionVerdict, branches: &BTreeMap<Line, &BranchLine>) -> bool {
        let line = statement_at(self.file, decision.line);
        let branch = line.and_then(|line| branches.get(&line));
        decision.conditions.len() == 1
            && decision.not_measured.is_none()
            && branch.is_some_and(|b| b.exits.iter().any(|e| !e.taken))
    }

    fn ran(&self, line: Line) -> bool {
        let statement = statement_at(self.file, line);
        statement.and_then(|line| self.file.statements.get(&line)) == Some(&true)
    }

    /// A line's number and text; the element stays open.
    fn line(
        &self,
        line: Line,
        row: Row,
        con: &str,
        text: &Text<'_>,
        out: &mut String,
    ) -> fmt::Result {
        let goes_on = if row.goes_on { " cont" } else { "" };
        let id = self.site.line_id(self.number, line);
        write!(
            out,
            "<div class=\"l {}{goes_on}{con}\" id=\"{id}\"><a class=\"n\" href=\"#{id}\">{line}</a>\
             <code>",
            row.mark.class()
        )?;
        for piece in text.pieces(line.0 as usize - 1) {
            let condition = piece.condition;
            match (piece.color, condition) {
                ("", None) => write!(out, "{}", Escaped(piece.text))?,
                (color, None) => {
                    write!(out, "<span class=\"{color}\">{}</span>", Escaped(piece.text))?;
                }
                (color, Some(seen)) => {
                    let space = if color.is_empty() { "" } else { " " };
                    write!(
                        out,
                        "<span class=\"{color}{space}{}\" title=\"{}\">{}</span>",
                        seen.class(),
                        seen.words(),
                        Escaped(piece.text)
                    )?;
                }
            }
        }
        out.push_str("</code>");
        Ok(())
    }

    /// What stands at the right of a line.
    fn remarks(
        &self,
        line: Line,
        row: Row,
        branch: Option<&BranchLine>,
        out: &mut String,
    ) -> fmt::Result {
        out.push_str("<span class=\"r\">");
        if let Some(branch) = branch.filter(|_| matches!(row.mark, Mark::Run | Mark::Partial)) {
            self.exits(branch, out)?;
        }
        if row.mark == Mark::NotMeasured && !row.goes_on || self.starts_blind(line) {
            let reasons = self.file.not_measured.iter().filter(|part| part.line == line);
            for part in reasons {
                write!(out, "<span class=\"unm\">not measured: {}</span>", Escaped(&part.reason))?;
            }
        }
        if let Some(contexts) = self.file.line_contexts.get(&line) {
            self.contexts.button(contexts, out)?;
        }
        out.push_str("</span>");
        Ok(())
    }

    fn starts_blind(&self, line: Line) -> bool {
        self.file.not_measured.iter().any(|part| part.line == line)
    }

    /// The ways out of a line, as links to where they lead.
    fn exits(&self, branch: &BranchLine, out: &mut String) -> fmt::Result {
        let from = branch.line;
        if branch.exits.iter().all(|e| !e.taken) && !branch.partial_allowed {
            out.push_str("<span class=\"ex no\">↛ anywhere: it always raised an exception</span>");
        }
        for exit in exits_in_order(branch) {
            let (class, arrow, words) = match (exit.taken, branch.partial_allowed) {
                (true, _) => ("yes", "→", "went"),
                (false, true) => ("may", "↛", "never went, and need not go,"),
                (false, false) => ("no", "↛", "never went"),
            };
            match exit.to {
                ArcEnd::Line(to) => write!(
                    out,
                    "<a class=\"ex {class}\" href=\"#{}\" data-to=\"{to}\" \
                     title=\"line {from} {words} to line {to}\">{arrow} {to}</a>",
                    self.site.line_id(self.number, to)
                )?,
                ArcEnd::Exit(_) => write!(
                    out,
                    "<span class=\"ex {class}\" title=\"line {from} {words} out from here\">\
                     {arrow} exit</span>"
                )?,
            }
        }
        Ok(())
    }
}
