//! The programs that boards are to run, and what goes with each.

use std::collections::BTreeMap;

use anyhow::Context;

use super::super::args::{Common, ModeArg, RunArgs};
use super::super::board_files::Sources;
use super::super::instrument::selection;
use super::super::settrace::Texts;
use super::{compiled_only, full_script, script_of, source_roots, sources};

/// One program of a run, and what goes with it.
pub(super) struct Program<'a> {
    pub(super) name: String,
    /// Files that are there in compiled form only, and that this is why they are not covered.
    pub(super) compiled: BTreeMap<String, String>,
    pub(super) argv: Vec<String>,
    pub(super) sources: Sources<'a>,
}

/// The programs that are to run.
pub(super) fn programs<'a>(args: &'a RunArgs, common: &Common) -> anyhow::Result<Vec<Program<'a>>> {
    let cwd = super::super::working_dir()?;
    let (first, rest) = args.program.split_first().context("nothing to run")?;
    let mut all = Vec::new();
    let many = args.scripts || args.distribute;
    let words = if many { &args.program[..] } else { &args.program[..1] };
    for word in words {
        let script = if many { Some(full_script(word)?) } else { script_of(args)? };
        let zeroth = if args.code { "-c".to_owned() } else { word.clone() };
        let rest = if many { &[][..] } else { rest };
        let selection = selection(&args.select, script.as_deref())?;
        let (covered, compiled) = sources(args, script.as_deref(), &selection, &cwd, common)?;
        all.push(Program {
            name: word.clone(),
            compiled: compiled.into_iter().map(compiled_only).collect(),
            argv: std::iter::once(zeroth).chain(rest.iter().cloned()).collect(),
            sources: Sources {
                covered,
                roots: source_roots(args, script.as_deref(), &cwd),
                script,
                module: args.module.then(|| first.clone()),
                code: args.code.then(|| first.clone()),
                cwd: cwd.clone(),
                select: &args.select,
                place: &args.place,
                autosave: args.autosave,
                trace: match (args.mode, args.no_fences) {
                    (ModeArg::Sensors, _) => None,
                    (ModeArg::Settrace, false) => Some(Texts::Fenced),
                    (ModeArg::Settrace, true) => Some(Texts::Plain),
                },
            },
        });
    }
    Ok(all)
}
