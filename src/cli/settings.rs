//! What was typed, filled up with what files of settings say.
//!
//! The command line wins, then the environment, then the file; what is in
//! none of them keeps its default.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::parser::ValueSource;
use clap::{ArgMatches, ValueEnum};

use super::args::{
    Args, Command, Common, DebugTopic, LevelArg, RunArgs, SelectArgs, parse_version,
};
use super::board_args::LineArgs;
use super::boards;
use super::report_args::{
    GateArgs, ReportArgs, ReportSettings, SonarArg, parse_format, parse_precision, parse_sort,
};
use super::words;
use crate::config::{self, KEYS, Settings};
use crate::report::Format;

/// Names coverage.py's data file.
const COVERAGE_FILE: &str = "COVERAGE_FILE";

/// The context that keeps the hits of each unit test apart.
pub(super) const BY_TEST: &str = "test";

/// The settings of the files, and what was given in their stead.
pub(super) struct Given {
    settings: Settings,
    data_dir: Option<ValueSource>,
}

/// Fills up the arguments of the command that was typed.
pub(super) fn apply(args: &mut Args, typed: &ArgMatches) -> anyhow::Result<Given> {
    let data_dir = typed.value_source("data_dir");
    if matches!(args.command, None | Some(Command::Completions { .. })) {
        return Ok(Given { settings: Settings::default(), data_dir });
    }
    let cwd = super::working_dir()?;
    let variable = |name: &str| std::env::var(name).ok();
    let settings = config::load(&cwd, args.config.as_deref(), &variable)?;
    if let Some(dir) = settings.text("data_dir").filter(|_| is_default(data_dir)) {
        args.data_dir = home(dir).into();
    }
    let Some((_, typed)) = typed.subcommand() else { return Ok(Given { settings, data_dir }) };
    let from = Filler { settings: &settings, typed };
    match &mut args.command {
        Some(Command::Instrument(command)) => from.select(&mut command.select)?,
        Some(Command::Run(command)) => from.run(command)?,
        Some(Command::Report(command)) => from.report(command)?,
        Some(Command::Deploy(command)) => {
            from.select(&mut command.select)?;
            from.line(&mut command.line)?;
        }
        Some(Command::Combine(command)) => command.same_places = from.same_places(),
        Some(Command::Collect(command)) => {
            from.text("context", |text| command.context = text.to_owned());
            from.line(&mut command.line)?;
        }
        Some(Command::Devices(command)) => from.line(&mut command.line)?,
        Some(Command::Debug(command)) => {
            if let (DebugTopic::Lines(lines), Some((_, typed))) =
                (&mut command.topic, typed.subcommand())
            {
                Filler { settings: &settings, typed }.select(&mut lines.of.select)?;
            } else if let (
                DebugTopic::Woven(file) | DebugTopic::Fenced(file) | DebugTopic::Map(file),
                Some((_, typed)),
            ) = (&mut command.topic, typed.subcommand())
            {
                Filler { settings: &settings, typed }.select(&mut file.select)?;
            }
        }
        _ => {}
    }
    Ok(Given { settings, data_dir })
}

fn is_default(source: Option<ValueSource>) -> bool {
    matches!(source, None | Some(ValueSource::DefaultValue))
}

/// A path with `~` for the home directory.
fn home(path: &str) -> String {
    let home = std::env::var(if cfg!(windows) { "USERPROFILE" } else { "HOME" });
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Ok(home)) => format!("{home}/{rest}"),
        _ => path.to_owned(),
    }
}

/// A source: a path, or as in coverage.py's files the name of a package.
fn source(name: &str) -> PathBuf {
    let path = PathBuf::from(name);
    let package = PathBuf::from(name.replace('.', "/"));
    let module = package.with_extension("py");
    [&path, &package, &module].into_iter().find(|p| p.exists()).unwrap_or(&path).clone()
}

/// The MicroPython that the file names, unless the environment names one.
fn micropython(settings: &Settings) -> Option<PathBuf> {
    let named = settings.text("micropython").map(|text| home(text).into());
    named.filter(|_| std::env::var_os("MICROPY_MICROPYTHON").is_none())
}

/// Where coverage.py's data file is, as the environment says.
fn coverage_file() -> Option<String> {
    std::env::var(COVERAGE_FILE).ok().filter(|path| !path.is_empty())
}

/// The least level from this one up that measures branches.
fn with_branches(level: LevelArg) -> LevelArg {
    match level {
        LevelArg::Block | LevelArg::Line => LevelArg::Branch,
        level => level,
    }
}

struct Filler<'a> {
    settings: &'a Settings,
    typed: &'a ArgMatches,
}

impl Filler<'_> {
    /// Was this option neither typed nor in the environment?
    fn free(&self, name: &str) -> bool {
        is_default(self.typed.value_source(name))
    }

    fn text(&self, name: &str, set: impl FnOnce(&str)) {
        if let Some(text) = self.settings.text(name).filter(|_| self.free(name)) {
            set(text);
        }
    }

    fn list(&self, name: &str, list: &mut Vec<String>) {
        if let Some(set) = self.settings.list(name).filter(|_| self.free(name)) {
            *list = set.to_vec();
        }
    }

    fn flag(&self, name: &str, flag: &mut bool) {
        if let Some(set) = self.settings.flag(name).filter(|_| self.free(name)) {
            *flag = set;
        }
    }

    fn number(&self, name: &str, number: &mut Option<f64>) {
        if let Some(set) = self.settings.number(name).filter(|_| self.free(name)) {
            *number = Some(set);
        }
    }

    fn count(&self, name: &str, count: &mut Option<u64>) {
        if let Some(set) = self.settings.whole(name).filter(|_| self.free(name)) {
            *count = Some(set as u64);
        }
    }

    /// An error in a text that only its reader can find.
    fn place(&self, name: &str) -> String {
        format!("{}: `{name}`", self.settings.place(name).unwrap_or_default())
    }

    /// The level: as typed, or as set. Where only coverage.py's `branch` is
    /// set, that decides whether branches are measured.
    fn level(&self, select: &mut SelectArgs) {
        if !self.free("level") {
            return;
        }
        let set = self.settings.text("level").and_then(|text| LevelArg::from_str(text, true).ok());
        select.level = match (set, self.settings.flag("branch")) {
            (Some(level), Some(true)) => with_branches(level),
            (Some(level), _) => level,
            (None, Some(false)) => LevelArg::Line,
            (None, _) => select.level,
        };
    }

    fn same_places(&self) -> Vec<Vec<String>> {
        self.settings.paths.iter().map(|group| group.places.clone()).collect()
    }

    fn select(&self, select: &mut SelectArgs) -> anyhow::Result<()> {
        self.level(select);
        self.list("include", &mut select.include);
        self.list("omit", &mut select.omit);
        self.list("exclude_also", &mut select.exclude_also);
        self.text("pattern", |text| select.pattern = Some(text.to_owned()));
        if let Some(text) =
            self.settings.text("target_version").filter(|_| self.free("target_version"))
        {
            let version = parse_version(text).map_err(anyhow::Error::msg);
            select.target_version = Some(version.with_context(|| self.place("target_version"))?);
        }
        select.exclude_lines = self.settings.list("exclude_lines").map(<[String]>::to_vec);
        select.partial_branches = self.settings.list("partial_branches").map(<[String]>::to_vec);
        select.partial_also = self.settings.list("partial_also").unwrap_or_default().to_vec();
        Ok(())
    }

    /// Which boards, unless something else says so.
    fn line(&self, line: &mut LineArgs) -> anyhow::Result<()> {
        line.set_target = self.settings.list("target").unwrap_or_default().to_vec();
        if let Some(rate) = self.settings.whole("baud") {
            let rate = u32::try_from(rate).ok().filter(|rate| *rate > 0);
            line.set_baud = Some(rate.with_context(|| {
                format!("{} takes a baud rate, such as 115200", self.place("baud"))
            })?);
        }
        Ok(())
    }

    fn run(&self, run: &mut RunArgs) -> anyhow::Result<()> {
        self.select(&mut run.select)?;
        self.line(&mut run.line)?;
        if run.branch {
            run.select.level = with_branches(run.select.level);
        }
        self.command_line(run)?;
        if self.settings.text("dynamic_context") == Some("test_function") && self.free("context") {
            run.context = BY_TEST.to_owned();
        }
        self.text("context", |text| run.context = text.to_owned());
        self.number("timeout", &mut run.timeout);
        if run.micropython.is_none() {
            run.micropython = micropython(self.settings);
        }
        if let Some(set) = self.settings.list("source").filter(|_| self.free("source")) {
            run.source = set.iter().map(|name| source(name)).collect();
        }
        Ok(())
    }

    /// What to run, if nothing is typed.
    fn command_line(&self, run: &mut RunArgs) -> anyhow::Result<()> {
        if !run.program.is_empty() {
            return Ok(());
        }
        let help = "name a script, or -m MODULE, or set command_line in a file of settings";
        let Some(text) = self.settings.text("command_line") else {
            bail!("There is nothing to run.\n  help: {help}");
        };
        let place = || self.place("command_line");
        let mut words = words::split(text).map_err(anyhow::Error::msg).with_context(place)?;
        match words.first().map(String::as_str) {
            Some("-m" | "--module") => run.module = true,
            Some("-c" | "--code") => run.code = true,
            _ => {}
        }
        if run.module || run.code {
            words.drain(..words.len().min(1));
        }
        if words.is_empty() {
            bail!("{} names nothing to run\n  help: {help}", place());
        }
        run.program = words;
        Ok(())
    }

    fn report(&self, report: &mut ReportArgs) -> anyhow::Result<()> {
        for (name, report_name, list) in [
            ("include", "report_include", &mut report.include),
            ("omit", "report_omit", &mut report.omit),
        ] {
            let set = self.settings.list(report_name).or(self.settings.list(name));
            if let Some(set) = set.filter(|_| self.free(name)) {
                *list = set.to_vec();
            }
        }
        self.flag("show_missing", &mut report.show_missing);
        if self.free("no_skip_covered") {
            self.flag("skip_covered", &mut report.skip_covered);
        }
        if self.free("no_skip_empty") {
            self.flag("skip_empty", &mut report.skip_empty);
        }
        self.flag("ignore_errors", &mut report.ignore_errors);
        if let Some(text) = self.settings.text("sort").filter(|_| self.free("sort")) {
            let sort = parse_sort(text).map_err(anyhow::Error::msg);
            report.sort = Some(sort.with_context(|| self.place("sort"))?);
        }
        if let Some(set) = self.settings.whole("precision").filter(|_| self.free("precision")) {
            let precision = parse_precision(&set.to_string()).map_err(anyhow::Error::msg);
            report.precision = precision.with_context(|| self.place("precision"))?;
        }
        if let Some(set) = self.settings.list("format").filter(|_| self.free("format")) {
            let formats = set.iter().map(|name| parse_format(name).map_err(anyhow::Error::msg));
            let formats = formats.collect::<Result<Vec<_>, _>>();
            report.format = formats.with_context(|| self.place("format"))?;
        }
        self.list("contexts", &mut report.contexts);
        self.text("sonar_metric", |text| {
            report.sonar_metric = SonarArg::from_str(text, true).unwrap_or(report.sonar_metric);
        });
        self.text("title", |text| report.title = Some(text.to_owned()));
        self.flag("show_contexts", &mut report.show_contexts);
        self.flag("pretty_print", &mut report.pretty_print);
        report.set = self.report_settings();
        self.gates(&mut report.gates)
    }

    fn report_settings(&self) -> ReportSettings {
        let path = |name| self.settings.text(name).map(|text| PathBuf::from(home(text)));
        let outputs = [
            ("html_dir", Format::Html),
            ("xml_output", Format::Xml),
            ("json_output", Format::Json),
            ("lcov_output", Format::Lcov),
            ("coverage_output", Format::Coverage),
        ];
        // What is typed is meant for all formats.
        let own = |name: &str, options: &[&str]| {
            self.settings.flag(name).filter(|_| options.iter().all(|option| self.free(option)))
        };
        let covered = ["skip_covered", "no_skip_covered"];
        let empty = ["skip_empty", "no_skip_empty"];
        let mut outputs: Vec<(Format, PathBuf)> =
            outputs.into_iter().filter_map(|(name, f)| Some((f, path(name)?))).collect();
        if let Some(file) = coverage_file() {
            outputs.retain(|(format, _)| *format != Format::Coverage);
            outputs.push((Format::Coverage, file.into()));
        }
        ReportSettings {
            html_skip_covered: own("html_skip_covered", &covered),
            html_skip_empty: own("html_skip_empty", &empty),
            html_contexts: own("html_show_contexts", &["show_contexts"]),
            json_contexts: own("json_show_contexts", &["show_contexts"]),
            parallel: self.settings.flag("parallel").unwrap_or_default(),
            extra_css: path("extra_css"),
            line_checksums: self.settings.flag("line_checksums").unwrap_or_default(),
            package_depth: self.settings.whole("package_depth"),
            relative_files: self.settings.flag("relative_files").unwrap_or_default(),
            outputs,
            paths: self.same_places(),
        }
    }

    fn gates(&self, gates: &mut GateArgs) -> anyhow::Result<()> {
        self.number("fail_under", &mut gates.fail_under);
        self.number("fail_under_line", &mut gates.fail_under_line);
        self.number("fail_under_branch", &mut gates.fail_under_branch);
        self.number("fail_under_condition", &mut gates.fail_under_condition);
        self.number("fail_under_mcdc", &mut gates.fail_under_mcdc);
        self.number("fail_under_function", &mut gates.fail_under_function);
        self.flag("per_file", &mut gates.per_file);
        self.count("fail_uncovered_lines", &mut gates.fail_uncovered_lines);
        self.count("fail_uncovered_branches", &mut gates.fail_uncovered_branches);
        self.count("fail_uncovered_conditions", &mut gates.fail_uncovered_conditions);
        self.count("fail_uncovered_mcdc", &mut gates.fail_uncovered_mcdc);
        self.count("fail_uncovered_functions", &mut gates.fail_uncovered_functions);
        for name in [
            "fail_under",
            "fail_under_line",
            "fail_under_branch",
            "fail_under_condition",
            "fail_under_mcdc",
            "fail_under_function",
        ] {
            let set = self.settings.number(name).filter(|_| self.free(name));
            if set.is_some_and(|percent| !(0.0..=100.0).contains(&percent)) {
                anyhow::bail!("{} takes a percentage from 0 to 100", self.place(name));
            }
        }
        Ok(())
    }
}

impl Given {
    /// The MicroPython that the file names, unless the environment names one.
    pub(super) fn micropython(&self) -> Option<PathBuf> {
        micropython(&self.settings)
    }

    /// Each setting with its value and where it comes from, a line each.
    pub(super) fn table(&self, common: &Common) -> String {
        let mut out = match &self.settings.file {
            Some(file) => format!("settings from {file}\n\n"),
            None => "no file of settings\n\n".to_owned(),
        };
        for key in KEYS {
            let (value, place) = self.row(key.name, common);
            let row = format!("{:<26}{value:<30}  {place}", key.name);
            out += row.trim_end();
            out.push('\n');
        }
        for group in &self.settings.paths {
            let (name, places) = (format!("paths.{}", group.name), group.places.join(", "));
            let file = self.settings.file.as_deref().unwrap_or_default();
            out += &format!("{name:<26}{places:<30}  {file}:{}\n", group.line);
        }
        out
    }

    fn row(&self, name: &str, common: &Common) -> (String, String) {
        let default = |value: &str| (value.to_owned(), "default".to_owned());
        let from = match (name, self.data_dir) {
            ("data_dir", Some(ValueSource::CommandLine)) => Some("command line"),
            ("data_dir", Some(ValueSource::EnvVariable)) => Some("$MPYCOV_DATA_DIR"),
            _ => None,
        };
        if let Some(from) = from {
            return (common.data_dir.display().to_string(), from.to_owned());
        }
        if let ("micropython", Ok(path)) = (name, std::env::var("MICROPY_MICROPYTHON")) {
            return (path, "$MICROPY_MICROPYTHON".to_owned());
        }
        if let Some((variable, value)) = boards::variable(name) {
            return (value, format!("${variable}"));
        }
        if let ("coverage_output", Some(path)) = (name, coverage_file()) {
            return (path, format!("${COVERAGE_FILE}"));
        }
        if let (Some(value), Some(place)) = (self.settings.get(name), self.settings.place(name)) {
            return (value.to_string(), place);
        }
        match name {
            "level" => default(match self.settings.flag("branch") {
                Some(false) => "line",
                _ => "condition",
            }),
            "source" => default("the script's directory"),
            "micropython" => default("micropython in PATH"),
            "target" => default("unix"),
            "baud" => default("115200"),
            "precision" => default("0"),
            "sort" => default("name"),
            "show_missing" | "skip_covered" | "skip_empty" | "per_file" | "show_contexts"
            | "pretty_print" | "line_checksums" | "relative_files" | "parallel"
            | "ignore_errors" => default("no"),
            "html_show_contexts" | "json_show_contexts" => default("show_contexts"),
            "html_skip_covered" => default("skip_covered"),
            "html_skip_empty" => default("skip_empty"),
            "format" => default("text"),
            "sonar_metric" => default("branch"),
            "package_depth" => default("99"),
            "html_dir" => default("htmlcov"),
            "xml_output" => default("coverage.xml"),
            "json_output" => default("coverage.json"),
            "lcov_output" => default("lcov.info"),
            "coverage_output" => default(".coverage"),
            "exclude_lines" | "partial_branches" => default("as coverage.py's"),
            "report_include" => default("include"),
            "report_omit" => default("omit"),
            "data_dir" => default(".mpycov"),
            _ => default("-"),
        }
    }
}
