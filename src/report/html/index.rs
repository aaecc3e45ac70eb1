//! The lists of files, functions and classes, with the sums above them.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use super::super::escape::Escaped;
use super::super::numbers::{Numbers, display_percent};
use super::super::{highest_level, regions, sum};
use super::site::Site;
use crate::model::{Coverage, FileCoverage, Level, ScopeKind};

/// What a list has a row for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Noun {
    File,
    Function,
    Class,
}

impl Noun {
    pub(super) const ALL: [Noun; 3] = [Noun::File, Noun::Function, Noun::Class];

    pub(super) fn name(self) -> &'static str {
        match self {
            Noun::File => "file",
            Noun::Function => "function",
            Noun::Class => "class",
        }
    }

    fn plural(self) -> &'static str {
        match self {
            Noun::File => "Files",
            Noun::Function => "Functions",
            Noun::Class => "Classes",
        }
    }

    fn kind(self) -> Option<ScopeKind> {
        match self {
            Noun::File => None,
            Noun::Function => Some(ScopeKind::Function),
            Noun::Class => Some(ScopeKind::Class),
        }
    }
}

/// A column of numbers: its name, its key, and what stands in it.
struct Column {
    id: &'static str,
    title: &'static str,
    key: char,
    /// Left out where there is little room.
    wide: bool,
    /// What stands in it, and of how many if that is to be told.
    value: fn(&Numbers) -> (u64, Option<u64>),
}

const fn column(
    id: &'static str,
    title: &'static str,
    key: char,
    wide: bool,
    value: fn(&Numbers) -> (u64, Option<u64>),
) -> Column {
    Column { id, title, key, wide, value }
}

const LINES: [Column; 3] = [
    column("statements", "statements", 's', true, |n| (n.statements, None)),
    column("missing", "missing", 'm', false, |n| (n.missing, None)),
    column("excluded", "excluded", 'x', true, |n| (n.excluded, None)),
];
const BRANCHES: [Column; 2] = [
    column("branches", "branches", 'b', true, |n| (n.branches, None)),
    column("partial", "partial", 'p', true, |n| (n.partial_branches, None)),
];
const CONDITIONS: [Column; 2] = [
    column("conditions", "conditions", 'o', false, |n| (n.seen_outcomes, Some(n.outcomes))),
    column("mcdc", "MC/DC", 'd', false, |n| (n.shown_conditions, Some(n.conditions))),
];

fn columns(level: Level) -> impl Iterator<Item = &'static Column> {
    let branches: &[Column] = if level >= Level::Branch { &BRANCHES } else { &[] };
    let conditions: &[Column] = if level >= Level::Condition { &CONDITIONS } else { &[] };
    LINES.iter().chain(branches).chain(conditions)
}

/// Title, buttons, sums and the choice of lists.
pub(super) fn header(
    coverage: &Coverage,
    site: &Site,
    noun: Noun,
    out: &mut String,
) -> fmt::Result {
    let n = sum(coverage);
    let percent = percentage(&n, site);
    write!(
        out,
        "<header class=\"top\"><div class=\"bar\"><nav class=\"crumbs\"><h1>{}</h1></nav>\
         <span class=\"pc\">{percent}%</span>\
         <a hidden data-key=\"[\" href=\"{}\"></a><a hidden data-key=\"]\" href=\"{}\"></a>\
         {}</div></header>",
        Escaped(&site.title),
        site.file_url(site.count.saturating_sub(1)),
        site.file_url(0),
        super::BUTTONS
    )?;
    sums(&n, highest_level(coverage), site, out)?;
    out.push_str("<div class=\"tools index\"><nav class=\"tabs\">");
    for other in Noun::ALL {
        let current = if other == noun { " aria-current=\"page\"" } else { "" };
        write!(
            out,
            "<a href=\"{}\"{current}>{}</a>",
            site.index_url(other.name()),
            other.plural()
        )?;
    }
    out.push_str(
        "</nav><input id=\"filter\" type=\"search\" placeholder=\"Filter\" data-key=\"/\" \
         aria-label=\"Show only names with this in them\" autocomplete=\"off\" spellcheck=\"false\">\
         <label class=\"check\"><input id=\"hide100\" type=\"checkbox\"> hide covered</label></div>",
    );
    Ok(())
}

fn percentage(n: &Numbers, site: &Site) -> String {
    let (covered, total) = n.ratio();
    display_percent(covered, total, site.precision)
}

/// The sums of all that is counted, each with a bar.
fn sums(n: &Numbers, level: Level, site: &Site, out: &mut String) -> fmt::Result {
    let (covered, total) = n.ratio();
    let mut all =
        vec![("Total", covered, total), ("Statements", n.statements - n.missing, n.statements)];
    if level >= Level::Branch {
        all.push(("Branches", n.branches - n.missing_branches, n.branches));
    }
    if level >= Level::Condition {
        all.push(("Conditions", n.seen_outcomes, n.outcomes));
        all.push(("MC/DC", n.shown_conditions, n.conditions));
        all.push(("Paths", n.taken_paths, n.paths));
    }
    out.push_str("<section class=\"sums\">");
    for (name, covered, total) in all {
        let percent = if total == 0 {
            "–".to_owned()
        } else {
            format!("{}%", display_percent(covered, total, site.precision))
        };
        write!(
            out,
            "<div class=\"sum\"><span class=\"what\">{name}</span><b>{percent}</b>\
             <span class=\"of\">{covered} of {total}</span>{}</div>",
            Bar(covered, total)
        )?;
    }
    out.push_str("</section>");
    Ok(())
}

/// A bar that is as full as covered is of total.
struct Bar(u64, u64);

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bar(covered, total) = *self;
        let share = super::super::numbers::percent(covered, total);
        let class = match (total, covered) {
            (0, _) => "meter none",
            (all, some) if all == some => "meter full",
            _ => "meter",
        };
        write!(f, "<span class=\"{class}\"><i style=\"width:{share:.2}%\"></i></span>")
    }
}

/// The list itself.
pub(super) fn table(coverage: &Coverage, site: &Site, noun: Noun, out: &mut String) -> fmt::Result {
    let level = highest_level(coverage);
    let id = noun.plural().to_lowercase();
    let places = site.precision;
    write!(out, "<table class=\"index\" data-list=\"{id}\" data-places=\"{places}\"><thead><tr>")?;
    heading("file", "File", 'f', "ascending", "name", out)?;
    if noun != Noun::File {
        let title = if noun == Noun::Class { "Class" } else { "Function" };
        heading("region", title, 'n', "ascending", "name", out)?;
    }
    for column in columns(level) {
        let class = if column.wide { "wide" } else { "" };
        heading(column.id, column.title, column.key, "descending", class, out)?;
    }
    heading("coverage", "coverage", 'c', "ascending", "", out)?;
    out.push_str("</tr></thead><tbody>");
    for (number, file) in coverage.files.iter().enumerate() {
        rows(number, file, level, site, noun, out)?;
    }
    out.push_str("</tbody><tfoot><tr><td class=\"name\">Total</td>");
    if noun != Noun::File {
        out.push_str("<td class=\"name\"></td>");
    }
    cells(&sum(coverage), level, site, out)?;
    out.push_str("</tr></tfoot></table><p class=\"word none\" hidden>Nothing of this name.</p>");
    Ok(())
}

fn heading(
    id: &str,
    title: &str,
    key: char,
    first: &str,
    class: &str,
    out: &mut String,
) -> fmt::Result {
    write!(
        out,
        "<th class=\"{class}\" data-column=\"{id}\" data-first=\"{first}\" aria-sort=\"none\">\
         <button type=\"button\" data-key=\"{key}\">{title}</button></th>"
    )
}

fn rows(
    number: usize,
    file: &FileCoverage,
    level: Level,
    site: &Site,
    noun: Noun,
    out: &mut String,
) -> fmt::Result {
    let Some(kind) = noun.kind() else {
        let n = Numbers::of(file);
        row_start(file, &n, &site.file_url(number), out)?;
        cells(&n, level, site, out)?;
        out.push_str("</tr>");
        return Ok(());
    };
    for region in regions::split(file, kind) {
        let n = Numbers::of(&region.part);
        if region.name.is_empty() && n.statements == 0 {
            continue;
        }
        let url = if region.name.is_empty() {
            site.file_url(number)
        } else {
            site.line_url(number, region.line)
        };
        row_start(&region.part, &n, &url, out)?;
        write!(out, "<td class=\"name\"><a href=\"{url}\">")?;
        match region.name.as_str() {
            "" => write!(out, "<span class=\"outside\">(no {})</span>", noun.name())?,
            name => write!(out, "{}", Escaped(name))?,
        }
        out.push_str("</a></td>");
        cells(&n, level, site, out)?;
        out.push_str("</tr>");
    }
    Ok(())
}

fn row_start(file: &FileCoverage, n: &Numbers, url: &str, out: &mut String) -> fmt::Result {
    let (covered, total) = n.ratio();
    let complete =
        covered == total && n.seen_outcomes == n.outcomes && n.shown_conditions == n.conditions;
    let path = &file.path;
    let (folder, name) = path.rsplit_once('/').map_or(("", path.as_str()), |(f, n)| (f, n));
    let slash = if folder.is_empty() { "" } else { "/" };
    write!(
        out,
        "<tr{}><td class=\"name\"><a href=\"{url}\"><span class=\"folder\">{}{slash}</span><wbr>{}</a>",
        if complete { " class=\"complete\"" } else { "" },
        Escaped(folder),
        Escaped(name)
    )?;
    if !file.measured {
        out.push_str(" <span class=\"tag\">never ran</span>");
    }
    let blind = file.not_measured.len()
        + file.decisions.iter().filter(|d| d.not_measured.is_some()).count();
    if blind > 0 {
        let partly = if n.statements > 0 { "partly " } else { "" };
        write!(out, " <span class=\"tag unm\">{partly}not measured</span>")?;
    }
    out.push_str("</td>");
    Ok(())
}

fn cells(n: &Numbers, level: Level, site: &Site, out: &mut String) -> fmt::Result {
    for column in columns(level) {
        match (column.value)(n) {
            (count, None) if column.wide => write!(out, "<td class=\"wide\">{count}</td>")?,
            (count, None) => write!(out, "<td>{count}</td>")?,
            (_, Some(0)) => out.push_str("<td data-of=\"0 0\" class=\"nothing\">–</td>"),
            (count, Some(all)) => write!(
                out,
                "<td data-of=\"{count} {all}\">{count}<span class=\"of\">/{all}</span></td>"
            )?,
        }
    }
    let (covered, total) = n.ratio();
    let percent = match total {
        0 => "–".to_owned(),
        _ => format!("{}%", percentage(n, site)),
    };
    write!(
        out,
        "<td class=\"cover\" data-of=\"{covered} {total}\"><b>{percent}</b>{}</td>",
        Bar(covered, total)
    )
}

/// What nothing is known of, below the lists: parts of files, and modules.
pub(super) fn unknown(
    coverage: &Coverage,
    modules: &BTreeMap<String, String>,
    site: &Site,
    out: &mut String,
) -> fmt::Result {
    let mut items = String::new();
    for (number, file) in coverage.files.iter().enumerate() {
        let code = file.not_measured.iter().map(|n| (n.line, n.end_line, n.reason.as_str()));
        let decisions = file.decisions.iter().filter_map(|d| {
            d.not_measured.as_ref().map(|reason| (d.line, d.end_line, reason.as_str()))
        });
        for (first, last, reason) in code.chain(decisions) {
            let lines =
                if first == last { format!("{first}") } else { format!("{first}–{last}") };
            let url = site.line_url(number, first);
            let (path, reason) = (Escaped(&file.path), Escaped(reason));
            write!(items, "<li><a href=\"{url}\">{path}:{lines}</a> {reason}</li>")?;
        }
    }
    for (name, reason) in modules {
        let (name, reason) = (Escaped(name), Escaped(reason));
        write!(items, "<li><code>{name}</code> could not be covered: {reason}</li>")?;
    }
    if !items.is_empty() {
        write!(out, "<section class=\"blind\"><h2>Not measured</h2><ul>{items}</ul></section>")?;
    }
    Ok(())
}
