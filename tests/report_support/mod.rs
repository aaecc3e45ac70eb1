//! One measurement, made by hand, that has an example of everything a report can show.
//!
//! The sources lie beside this file. Statements and ways out of lines are those that
//! coverage.py sees in them, but for the body of the `asm_thumb` function.

#![allow(dead_code, unreachable_pub, reason = "each test uses a part")]

pub mod build;

use std::collections::BTreeMap;

use mpycov::model::{ArcEnd, Coverage, DecisionKind, Level, Line, NotMeasured, ScopeKind};
use mpycov::report::{Format, Moment, Settings, Sources, render};

use build::{File, condition, decision, mcdc, never_run};

/// The name of the file that has everything.
pub const VALVE: &str = "src/boiler/valve.py";
/// A file with a function that cannot be measured.
pub const FAST: &str = "src/fast.py";
/// A file that nothing ran.
pub const NEVER: &str = "src/boiler/never.py";
/// A file without code.
pub const EMPTY: &str = "src/empty.py";
/// A file with a name that hurts.
pub const ODD: &str = "src/odd & <näme>, \"1\" 50%.py";

/// When the reports are made.
pub const WHEN: Moment = Moment(1_763_220_104_000);

/// The source texts.
pub fn sources() -> Sources {
    let texts: [(&str, &str); 5] = [
        (VALVE, include_str!("valve.py")),
        (FAST, include_str!("fast.py")),
        (NEVER, include_str!("never.py")),
        (EMPTY, include_str!("empty.py")),
        (ODD, include_str!("odd.py")),
    ];
    let owned = |(path, text): (&str, &str)| (path.to_owned(), text.as_bytes().to_vec());
    texts.into_iter().map(owned).collect()
}

/// The measurement.
pub fn coverage() -> Coverage {
    let mut files = vec![never(), valve(), empty(), fast(), odd()];
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Coverage {
        files,
        contexts: vec![
            "esp32|Größe & \"<test>\"".to_owned(),
            "pico|TestValve.test_open".to_owned(),
            "unix|TestValve.test_settle".to_owned(),
        ],
    }
}

/// The settings that the tests change.
pub fn settings() -> Settings {
    Settings { when: WHEN, root: "/project".to_owned(), ..Settings::default() }
}

/// A report of the measurement as text.
pub fn rendered(format: Format, settings: &Settings) -> String {
    rendered_of(&coverage(), format, settings)
}

/// A report as text.
pub fn rendered_of(coverage: &Coverage, format: Format, settings: &Settings) -> String {
    let mut bytes = Vec::new();
    render(format, coverage, &sources(), settings, &mut bytes).expect("a vector takes bytes");
    String::from_utf8(bytes).expect("reports are UTF-8")
}

fn valve() -> mpycov::model::FileCoverage {
    let hit = [
        2, 3, 5, 8, 11, 12, 16, 17, 19, 20, 21, 22, 25, 26, 27, 28, 30, 31, 33, 34, 38, 39, 43, 45,
        46, 50, 53, 61, 62, 66, 67,
    ];
    let mut file = File::new(VALVE)
        .hit(&hit)
        .missed(&[23, 29, 35, 44, 48, 51, 63])
        .excluded(&[56, 57, 58])
        .long(&[(12, 15), (39, 42)])
        .branch(20, &[(21, true), (23, false)])
        .branch(27, &[(28, true), (31, true)])
        .branch(28, &[(29, false), (30, true)])
        .branch(39, &[(43, true), (48, false)])
        .branch(43, &[(44, false), (45, true)])
        .branch(45, &[(39, true), (46, true)])
        .branch(62, &[(63, false), (-61, true)])
        .branch(66, &[(67, true), (-1, false)])
        .scope(ScopeKind::Class, "Valve", (8, 9, 35), true)
        .scope(ScopeKind::Function, "Valve.__init__", (11, 12, 17), true)
        .scope(ScopeKind::Function, "Valve.may_open", (19, 20, 23), true)
        .scope(ScopeKind::Function, "Valve.settle", (25, 26, 31), true)
        .scope(ScopeKind::Function, "Valve.state", (34, 35, 35), false)
        .scope(ScopeKind::Function, "watch", (38, 39, 53), true)
        .scope(ScopeKind::Function, "watch.inner", (50, 51, 51), false)
        .scope(ScopeKind::Function, "log", (56, 57, 58), false)
        .scope(ScopeKind::Function, "alarm", (61, 62, 63), true)
        .suites(&[(8, true), (11, true), (19, true), (20, true), (25, true)])
        .suites(&[(27, true), (28, false), (34, false), (38, true), (39, true)])
        .suites(&[(43, false), (45, true), (47, false), (50, false), (61, true)])
        .suites(&[(62, false), (66, true)])
        .context(0, &[38, 39, 43, 45, 46, 50, 53])
        .context(1, &[2, 3, 5, 8, 11, 12, 16, 17, 19, 20, 21, 22, 25, 33, 34, 38])
        .context(2, &[2, 3, 5, 8, 11, 12, 16, 17, 25, 26, 27, 28, 30, 31, 61, 62, 66, 67])
        .done();
    file.branches.iter_mut().filter(|b| b.line == Line(66)).for_each(|b| b.partial_allowed = true);
    file.decisions = vec![
        decision(DecisionKind::If, "hot and pressure < self.limit or override", (20, 11, 20))
            .conditions(vec![
                condition("hot", 20, 11).wanted(4, Some(0)),
                condition("pressure < self.limit", 20, 19).wanted(2, Some(0)),
                condition("override", 20, 44).wanted(2, Some(3)),
            ])
            .paths("TT- T hit, TFT T, TFF F, F-T T hit, F-F F"),
        decision(DecisionKind::If, "sample is None", (28, 15, 28))
            .conditions(vec![condition("sample is None", 28, 15).wanted(0, Some(1))])
            .paths("T T, F F hit"),
        decision(DecisionKind::IfExp, "self.opened and self.pin.value()", (35, 25, 35))
            .conditions(vec![
                condition("self.opened", 35, 25).wanted(0, None),
                condition("self.pin.value()", 35, 41).wanted(0, None),
            ])
            .paths("TT T, TF F, F- F"),
        decision(
            DecisionKind::While,
            "not valve.stuck and (\n        clock.alive\n        and clock.now() < ticks\n    )",
            (39, 10, 42),
        )
        .conditions(vec![
            condition("valve.stuck", 39, 14).wanted(0, Some(3)),
            condition("clock.alive", 40, 8).wanted(1, Some(3)),
            condition("clock.now() < ticks", 41, 12).wanted(2, Some(3)),
        ])
        .paths("T-- F, FF- F, FTF F, FTT T hit"),
        decision(DecisionKind::If, "valve.opened > 3", (43, 11, 43))
            .conditions(vec![condition("valve.opened > 3", 43, 11).wanted(0, Some(1))])
            .paths("T T, F F hit"),
        decision(DecisionKind::Elif, "valve.opened == 0", (45, 13, 45))
            .conditions(vec![condition("valve.opened == 0", 45, 13).shown(0, 1)])
            .paths("T T hit, F F hit"),
        decision(DecisionKind::If, "(a or b) and (c or d)", (62, 7, 62))
            .conditions(vec![
                condition("a", 62, 8).wanted(0, Some(6)),
                condition("b", 62, 13).wanted(3, Some(6)),
                condition("c", 62, 21).wanted(0, Some(2)),
                condition("d", 62, 26).wanted(1, Some(2)),
            ])
            .paths("T-T- T, T-FT T, T-FF F hit, FTT- T, FTFT T, FTFF F, FF-- F hit"),
        decision(DecisionKind::While, "time.time()", (66, 6, 66))
            .conditions(vec![condition("time.time()", 66, 6).wanted(1, Some(0))])
            .paths("T T hit, F F"),
    ];
    file
}

fn fast() -> mpycov::model::FileCoverage {
    let mut file = File::new(FAST)
        .hit(&[1, 4, 5, 12, 13, 16])
        .scope(ScopeKind::Function, "add", (5, 6, 9), false)
        .scope(ScopeKind::Function, "safe", (12, 13, 13), true)
        .suites(&[(12, true)])
        .context(1, &[1, 4, 5, 12, 13, 16])
        .done();
    file.not_measured = vec![NotMeasured {
        line: Line(5),
        end_line: Line(9),
        reason: "asm_thumb: written in assembler".to_owned(),
    }];
    let mut dense = decision(DecisionKind::BoolOp, "x and add(x, 1)", (13, 11, 13))
        .conditions(vec![condition("x", 13, 11)])
        .paths("T ?, F F hit");
    dense.not_measured = Some("too deep to be rewritten".to_owned());
    file.decisions = vec![dense];
    file
}

fn odd() -> mpycov::model::FileCoverage {
    let mut file = File::new(ODD).hit(&[1, 2]).context(0, &[1, 2]).done();
    file.suites = Vec::new();
    file.decisions = vec![
        decision(DecisionKind::If, "naïve == \"ü\" and len(naïve) > 2", (2, 3, 2))
            .conditions(vec![
                mcdc(condition("naïve == \"ü\"", 2, 3), 0, 2),
                mcdc(condition("len(naïve) > 2", 2, 20), 0, 1),
            ])
            .paths("TT T hit, TF F hit, F- F hit"),
    ];
    file
}

fn never() -> mpycov::model::FileCoverage {
    let mut file = File::new(NEVER)
        .missed(&[1, 2, 3, 4, 5])
        .branch(2, &[(3, false), (4, false)])
        .branch(4, &[(5, false), (-1, false)])
        .scope(ScopeKind::Function, "answer", (1, 2, 5), false)
        .suites(&[(1, false), (2, false), (4, false)])
        .done();
    file.decisions = vec![
        decision(DecisionKind::If, "question is None or not question", (2, 7, 2))
            .conditions(vec![
                condition("question is None", 2, 7).wanted(0, None),
                condition("question", 2, 31).wanted(2, None),
            ])
            .paths("T- T, FT F, FF T"),
    ];
    never_run(file)
}

fn empty() -> mpycov::model::FileCoverage {
    File::new(EMPTY).done()
}

/// Many files of the kind of the first, under other names.
pub fn many(count: usize) -> (Coverage, Sources) {
    let one = valve();
    let text = sources()[VALVE].clone();
    let mut files = Vec::new();
    let mut texts = BTreeMap::new();
    for number in 0..count {
        let path = format!("src/part{:02}/module_{number:04}.py", number % 40);
        let mut file = one.clone();
        file.path.clone_from(&path);
        files.push(file);
        texts.insert(path, text.clone());
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let contexts = coverage().contexts;
    (Coverage { files, contexts }, texts)
}

/// Where a number as coverage.py writes it leads: below 0 out of what starts on that line.
pub fn arc_end(to: i64) -> ArcEnd {
    let line = Line(u32::try_from(to.abs()).expect("a line"));
    if to < 0 { ArcEnd::Exit(line) } else { ArcEnd::Line(line) }
}

/// The level that all files have.
pub const LEVEL: Level = Level::Condition;
