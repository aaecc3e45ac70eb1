//! The report to look at: a list of files, functions and classes, and a page of
//! each file. Many pages in a directory, or all in one.
//!
//! Pages load nothing from anywhere: style and script are files of the report
//! or stand in the page. All text goes through [`Escaped`].

mod decisions;
mod highlight;
mod index;
mod lines;
mod page;
mod site;

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io::{self, Write};

use super::escape::Escaped;
use super::{Settings, Sources};
use crate::model::Coverage;
use index::Noun;
use page::Page;
use site::{Contexts, Site, page_name, short_hash};

/// How the pages look.
#[derive(Clone, Debug, Default)]
pub struct HtmlOptions {
    /// Title of the report; `Coverage report` unless given.
    pub title: Option<String>,
    /// The user's own style, put behind ours.
    pub extra_css: Option<String>,
    /// Leave out pages and rows of files that are covered in full.
    pub skip_covered: bool,
    /// Leave out pages and rows of files without statements.
    pub skip_empty: bool,
}

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = concat!(
    include_str!("common.js"),
    include_str!("lists.js"),
    include_str!("file.js"),
    include_str!("keys.js"),
);
const FRAME: &str = include_str!("frame.html");
const BUTTONS: &str = include_str!("buttons.html");
const HELP: &str = include_str!("help.html");

/// Hands out the files of a report, by name. A directory of them is complete
/// and can lie anywhere; `index.html` is where to start.
///
/// # Errors
/// When `file` fails.
pub fn pages(
    coverage: &Coverage,
    sources: &Sources,
    settings: &Settings,
    file: &mut dyn FnMut(&str, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let (coverage, sums) = chosen(coverage, settings);
    let style = style(settings);
    let style_name = format!("style_{}.css", short_hash(style.as_bytes()));
    let script_name = format!("report_{}.js", short_hash(SCRIPT.as_bytes()));
    file(&style_name, style.as_bytes())?;
    file(&script_name, SCRIPT.as_bytes())?;
    let frame = Frame {
        style: format!("<link rel=\"stylesheet\" href=\"{style_name}\">"),
        script: format!("<script src=\"{script_name}\" defer></script>"),
    };
    let mut site = site(&coverage, settings, false);
    site.names = coverage.files.iter().map(|f| page_name(&f.path)).collect();
    for noun in Noun::ALL {
        let mut body = String::new();
        index_body(&coverage, sums, settings, &site, noun, &mut body).map_err(io::Error::other)?;
        let page = frame.around(&site.title, "index", &body, settings);
        file(&site.index_url(noun.name()), page.as_bytes())?;
    }
    for number in 0..coverage.files.len() {
        let page = one_page(&coverage, sources, settings, &site, number);
        let mut body = String::new();
        page.write(&mut body).map_err(io::Error::other)?;
        let title = format!("{} – {}", coverage.files[number].path, site.title);
        let html = frame.around(&title, "file", &body, settings);
        file(&site.file_url(number), html.as_bytes())?;
    }
    Ok(())
}

/// Writes everything as one page.
///
/// # Errors
/// When writing fails.
pub fn single(
    coverage: &Coverage,
    sources: &Sources,
    settings: &Settings,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (coverage, sums) = chosen(coverage, settings);
    let site = site(&coverage, settings, true);
    let mut body = String::new();
    single_body(&coverage, sums, sources, settings, &site, &mut body).map_err(io::Error::other)?;
    let frame = Frame {
        style: format!("<style>\n{}</style>", style(settings).replace("</", "<\\/")),
        script: format!("<script type=\"module\">\n{SCRIPT}</script>"),
    };
    let page = frame.around(&site.title, "single", &body, settings);
    out.write_all(page.as_bytes())
}

/// The files that have rows and pages, and all of them for the sums.
fn chosen<'a>(coverage: &'a Coverage, settings: &Settings) -> (Cow<'a, Coverage>, &'a Coverage) {
    let options = &settings.html;
    if !options.skip_covered && !options.skip_empty {
        return (Cow::Borrowed(coverage), coverage);
    }
    let wanted = |file: &crate::model::FileCoverage| {
        let n = super::Numbers::of(file);
        let (covered, total) = n.ratio();
        match n.statements {
            0 => !options.skip_empty,
            _ => !options.skip_covered || covered < total,
        }
    };
    let files = coverage.files.iter().filter(|file| wanted(file)).cloned().collect();
    let contexts = coverage.contexts.clone();
    (Cow::Owned(Coverage { files, contexts }), coverage)
}

fn site(coverage: &Coverage, settings: &Settings, single: bool) -> Site {
    let title = settings.html.title.clone();
    Site {
        title: title.unwrap_or_else(|| "Coverage report".to_owned()),
        precision: settings.precision,
        single,
        names: Vec::new(),
        count: coverage.files.len(),
    }
}

fn style(settings: &Settings) -> String {
    let extra = settings.html.extra_css.as_deref().unwrap_or_default();
    format!("{STYLE}{extra}")
}

fn one_page<'a>(
    coverage: &'a Coverage,
    sources: &'a Sources,
    settings: &Settings,
    site: &'a Site,
    number: usize,
) -> Page<'a> {
    let file = &coverage.files[number];
    Page {
        file,
        number,
        source: sources.get(&file.path).map(Vec::as_slice),
        site,
        contexts: if settings.show_contexts {
            Contexts::of_file(file, &coverage.contexts)
        } else {
            Contexts::none()
        },
    }
}

fn index_body(
    coverage: &Coverage,
    sums: &Coverage,
    settings: &Settings,
    site: &Site,
    noun: Noun,
    out: &mut String,
) -> fmt::Result {
    index::header(sums, site, noun, out)?;
    out.push_str("<main class=\"list\">");
    index::table(coverage, site, noun, out)?;
    skipped(coverage, sums, out)?;
    if noun == Noun::File {
        index::unknown(coverage, &settings.uncovered, site, out)?;
    }
    out.push_str("</main>");
    Ok(())
}

fn skipped(coverage: &Coverage, sums: &Coverage, out: &mut String) -> fmt::Result {
    let count = sums.files.len() - coverage.files.len();
    match count {
        0 => Ok(()),
        1 => write!(out, "<p class=\"word\">1 file that is covered or empty is left out.</p>"),
        _ => write!(
            out,
            "<p class=\"word\">{count} files that are covered or empty are left out.</p>"
        ),
    }
}

fn single_body(
    coverage: &Coverage,
    sums: &Coverage,
    sources: &Sources,
    settings: &Settings,
    site: &Site,
    out: &mut String,
) -> fmt::Result {
    out.push_str("<section class=\"view\" data-view=\"index\">");
    index::header(sums, site, Noun::File, out)?;
    out.push_str("<main class=\"list\">");
    for noun in Noun::ALL {
        index::table(coverage, site, noun, out)?;
    }
    skipped(coverage, sums, out)?;
    index::unknown(coverage, &settings.uncovered, site, out)?;
    out.push_str("</main></section>");
    for number in 0..coverage.files.len() {
        write!(out, "<section class=\"view\" data-view=\"f{number}\">")?;
        one_page(coverage, sources, settings, site, number).write(out)?;
        out.push_str("</section>");
    }
    Ok(())
}

/// What is around the body of every page.
struct Frame {
    style: String,
    script: String,
}

impl Frame {
    fn around(&self, title: &str, kind: &str, body: &str, settings: &Settings) -> String {
        let made = format!("mpycov {}, {}", env!("CARGO_PKG_VERSION"), settings.when.readable());
        let fields: [(&str, &dyn fmt::Display); 7] = [
            ("title", &Escaped(title)),
            ("style", &self.style),
            ("script", &self.script),
            ("kind", &kind),
            ("made", &made),
            ("help", &HELP),
            ("body", &body),
        ];
        filled(FRAME, &fields, body.len())
    }
}

/// A template with its `{{names}}` replaced, each once and none in another's text.
fn filled(template: &str, fields: &[(&str, &dyn fmt::Display)], room: usize) -> String {
    let mut page = String::with_capacity(template.len() + room + 4096);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        page.push_str(before);
        if let Some((_, value)) = fields.iter().find(|(field, _)| *field == name) {
            page.push_str(&value.to_string());
        }
        rest = after;
    }
    page.push_str(rest);
    page
}
