//! `mpycov deploy`: instrumented files onto boards, to stay there.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::args::{Common, DeployArgs, ModeArg};
use super::board_files::Sources;
use super::instrument::selection;
use super::progress::{BoardLine, When};
use super::settrace::{Texts, check_board};
use super::{Exit, boards, style};
use crate::board::Stage;
use crate::device::Layout;
use crate::device::deploy::Event;
use crate::discover::{self, Found};

pub(super) fn deploy(args: &DeployArgs, common: &Common) -> anyhow::Result<Exit> {
    let cwd = super::working_dir()?;
    let roots = if args.paths.is_empty() { vec![cwd.clone()] } else { args.paths.clone() };
    let selection = selection(&args.select, None)?;
    let skip = [common.data_dir.clone(), cwd.join(&common.data_dir)];
    let mut covered: BTreeMap<PathBuf, Found> = BTreeMap::new();
    for root in roots.iter().filter(|_| !args.remove) {
        for found in discover::files(root, &skip, &cwd)? {
            let python = found.path.extension().is_some_and(|e| e == "py");
            if python && selection.wants(&found.name) {
                covered.insert(found.path.clone(), found);
            }
        }
    }
    let sources = Sources {
        covered: covered.into_values().collect(),
        roots,
        script: None,
        module: None,
        code: None,
        cwd,
        select: &args.select,
        place: &args.place,
        autosave: None,
        trace: (args.mode == ModeArg::Settrace).then_some(Texts::Plain),
    };
    for (name, address) in boards::one_or_more(&args.line)? {
        let control = boards::control()?;
        let mut session = boards::open(&address, &args.line, &control, true)?;
        let label = name.unwrap_or_else(|| session.board.platform.clone());
        let layout = sources.layout();
        let note = |text: String| {
            if !common.quiet {
                style::note(&text);
            }
        };
        if args.remove {
            let mut any = false;
            for layout in [Layout::Own, Layout::InPlace] {
                any |= session.remove_left(layout)?;
            }
            note(match any {
                true => format!("{label}: took away what was placed."),
                false => format!("{label}: nothing of mpycov's is there."),
            });
            session.leave();
            continue;
        }
        if sources.trace.is_some() {
            check_board(&session.board, &label, &args.place)?;
        }
        let files = sources.for_board(&session.board, common, None)?;
        for warning in files.check_budget(&session.board, layout)? {
            style::warning(&warning, common.color);
        }
        let (mut sent, mut size, mut there) = (0, 0, 0);
        let mut line = BoardLine::new(&label, When::Sending, common);
        let placed = session.place(&files.blobs, layout, &mut |stage| {
            line.at(&stage);
            if let Stage::Files(Event::Planned { files, bytes, unchanged }) = stage {
                (sent, size, there) = (files, bytes, unchanged);
            }
        })?;
        line.done();
        let place = placed.import_root().unwrap_or_else(|| session.board.home.clone());
        note(format!("{label}: placed {sent} files, {size} bytes; {there} were there already."));
        if let Some(root) = placed.import_root() {
            note(format!(
                "To import them: import sys; sys.path.insert(0, '{}')",
                root.trim_end_matches('/')
            ));
        } else {
            note(format!(
                "They are where programs look for modules{}.",
                if place.is_empty() { String::new() } else { format!(", in {place}") }
            ));
        }
        session.leave();
    }
    Ok(Exit::Fine)
}
