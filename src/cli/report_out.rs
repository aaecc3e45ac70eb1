//! Where reports go: to standard output or to files, whole or not at all.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};

use super::args::Common;
use super::report_args::ReportArgs;
use super::{print, style};
use crate::fs;
use crate::gather::Gathered;
use crate::report::{Format, Settings, html, render, sqlite};

/// Names the file for the summary of a step of GitHub Actions.
const STEP_SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// Writes one report to where it belongs.
pub(super) fn write(
    format: Format,
    args: &ReportArgs,
    common: &Common,
    gathered: &Gathered,
    settings: &Settings,
) -> anyhow::Result<()> {
    let target = target(format, args);
    let settings = &with_contexts(format, args, settings);
    if let (Format::Html, Some(dir), false) = (format, &target, args.html_single) {
        pages(dir, common, gathered, settings)?;
        return if args.open { show(&dir.join("index.html")) } else { Ok(()) };
    }
    let mut out = Vec::new();
    render(format, &gathered.coverage, &gathered.sources, settings, &mut out)?;
    let summary = std::env::var_os(STEP_SUMMARY).filter(|path| !path.is_empty());
    match (target, summary) {
        (None, Some(path)) if format == Format::Github && args.output.is_none() => {
            // What earlier commands of the step have written stays.
            let path = Path::new(&path);
            let mut all = fs::read(path).unwrap_or_default();
            all.extend(out);
            fs::write(path, &all)?;
            wrote(common, "github report", path);
        }
        (None, _) => print(&out)?,
        (Some(mut path), _) => {
            if format == Format::Html && path.extension().is_none() {
                path.set_extension("html");
            }
            if format == Format::Coverage {
                out = beside_others(out, &path, args, gathered, settings)?;
            }
            fs::write(&path, &out)?;
            wrote(common, &format!("{} report", format.name()), &path);
            if args.open && format == Format::Html {
                show(&path)?;
            }
        }
    }
    Ok(())
}

/// Where a report goes: as typed, as set, or as always; `None` is standard output.
fn target(format: Format, args: &ReportArgs) -> Option<PathBuf> {
    let directory = args.directory.as_ref().filter(|_| format == Format::Html);
    match args.output.as_ref().or(directory) {
        Some(path) if is_stdout(path) => None,
        Some(path) => Some(path.clone()),
        None => {
            let set = args.set.outputs.iter().find(|(set, _)| *set == format);
            let set = set.map(|(_, path)| path.clone());
            let path = match (&args.output_dir, format, format.default_path()) {
                (Some(dir), Format::Html, _) => dir.clone(),
                (Some(dir), _, Some(name)) => dir.join(name),
                (_, _, name) => set.or_else(|| name.map(PathBuf::from))?,
            };
            if !(args.set.parallel && format == Format::Coverage) {
                return Some(path);
            }
            let mut own = path.into_os_string();
            own.push(suffix());
            Some(own.into())
        }
    }
}

/// Settings of coverage.py's files may show contexts in one format and not in another.
fn with_contexts(format: Format, args: &ReportArgs, settings: &Settings) -> Settings {
    let own = match format {
        Format::Html => args.set.html_contexts,
        Format::Json => args.set.json_contexts,
        _ => None,
    };
    Settings { show_contexts: own.unwrap_or(settings.show_contexts), ..settings.clone() }
}

/// What tells one `.coverage` from others that coverage.py will combine: the
/// machine, the process and the time.
fn suffix() -> String {
    let named = ["HOSTNAME", "COMPUTERNAME"].iter().find_map(|name| std::env::var(name).ok());
    let machine = named.or_else(|| {
        let name = fs::read(Path::new("/etc/hostname")).ok()?;
        Some(String::from_utf8_lossy(&name).trim().to_owned())
    });
    let clean = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let machine: String = machine.unwrap_or_default().chars().map(clean).collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    format!(".{machine}.{}.{now:x}", std::process::id())
}

/// A data file of coverage.py's own is only ever added to.
fn beside_others(
    out: Vec<u8>,
    path: &Path,
    args: &ReportArgs,
    gathered: &Gathered,
    settings: &Settings,
) -> anyhow::Result<Vec<u8>> {
    let Ok(old) = fs::read(path) else { return Ok(out) };
    if args.append {
        return sqlite::append(&old, &gathered.coverage, settings)
            .with_context(|| format!("cannot add to {}", path.display()));
    }
    if !sqlite::is_ours(&old) {
        bail!(
            "{} is not ours to replace: mpycov did not write it\n  help: add to it with --append, or write another file with -o",
            path.display()
        );
    }
    Ok(out)
}

fn pages(
    dir: &Path,
    common: &Common,
    gathered: &Gathered,
    settings: &Settings,
) -> anyhow::Result<()> {
    let is_new = fs::list(dir)?.is_empty();
    let mut failed = None;
    html::pages(&gathered.coverage, &gathered.sources, settings, &mut |name, bytes| {
        fs::write_if_changed(&dir.join(name), bytes).map(|_| ()).map_err(|error| {
            let text = error.to_string();
            failed = Some(error);
            std::io::Error::other(text)
        })
    })
    .map_err(|error| failed.take().map_or_else(|| error.into(), anyhow::Error::from))?;
    if is_new {
        fs::write(&dir.join(".gitignore"), b"# Made by mpycov.\n*\n")?;
    }
    wrote(common, "HTML report", &dir.join("index.html"));
    Ok(())
}

/// Shows a page in the browser, which goes on by itself.
fn show(page: &Path) -> anyhow::Result<()> {
    let page = fs::canonical(page)?;
    let named = std::env::var_os("BROWSER").filter(|browser| !browser.is_empty());
    let (program, first): (std::ffi::OsString, &[&str]) = match named {
        Some(browser) => (browser, &[]),
        None if cfg!(windows) => ("cmd".into(), &["/C", "start", ""]),
        None if cfg!(target_os = "macos") => ("open".into(), &[]),
        None => ("xdg-open".into(), &[]),
    };
    let started = Command::new(&program)
        .args(first)
        .arg(&page)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    started.map(|_| ()).with_context(|| {
        format!(
            "cannot start {} to show the report\n  help: name a browser with $BROWSER",
            program.display()
        )
    })
}

fn wrote(common: &Common, what: &str, path: &Path) {
    if !common.quiet {
        style::note(&format!("Wrote {what} to {}", path.display()));
    }
}

pub(super) fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}
