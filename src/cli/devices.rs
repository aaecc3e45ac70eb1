//! `mpycov devices`: what is plugged in, and what it is.

use super::args::Common;
use super::board_args::DevicesArgs;
use super::{Exit, boards, print, style};
use crate::device::board::{Inflate, Mpy};
use crate::device::{Board, ports};

pub(super) fn devices(args: &DevicesArgs, common: &Common) -> anyhow::Result<Exit> {
    if args.line.target.is_empty() && !args.line.all_boards {
        let ports = ports::list()?;
        let out: String = ports.iter().map(|port| format!("{port}\n")).collect();
        print(out.as_bytes())?;
        if ports.is_empty() && !common.quiet {
            style::note("There are no serial ports.");
        }
        return Ok(Exit::Fine);
    }
    let mut exit = Exit::Fine;
    for (name, address) in boards::one_or_more(&args.line)? {
        let control = boards::control()?;
        match boards::open(&address, &args.line, &control, false) {
            Ok(mut session) => {
                let line = session.repl().description().to_owned();
                let named = name.map(|name| format!("{name}=")).unwrap_or_default();
                print(format!("{named}{line}\n{}", about(&session.board)).as_bytes())?;
                session.leave();
            }
            Err(error) => {
                style::error(&format!("{error:#}"), common.color);
                exit = Exit::Failed;
            }
        }
    }
    Ok(exit)
}

/// What a board is, a fact a line.
fn about(board: &Board) -> String {
    let yes = |flag: bool| if flag { "yes" } else { "no" };
    let mpy = board.mpy.map_or("no".to_owned(), |Mpy { version, sub_version, arch }| {
        format!("{version}.{sub_version}{}", arch.map(|a| format!(" {a}")).unwrap_or_default())
    });
    let transfer = match (board.inflate, board.base64, board.unhexlify) {
        (Some(Inflate::Deflate | Inflate::Decompress(_)), Some(_), _) => "deflate and base64",
        (_, Some(_), _) => "base64",
        (_, _, Some(_)) => "hex",
        _ => "literals",
    };
    let storage = match (board.free_storage, board.directories) {
        (Some(free), _) => format!("{free} bytes free"),
        (None, true) => "its size is not known".to_owned(),
        (None, false) => "flat; its size is not known".to_owned(),
    };
    let rows = [
        ("firmware", board.firmware()),
        ("machine", board.machine.clone()),
        ("memory", format!("{} bytes free, {} used", board.free_ram, board.used_ram)),
        ("files", storage),
        (".mpy", mpy),
        (":=", yes(board.walrus).to_owned()),
        ("settrace", yes(board.settrace).to_owned()),
        ("transfer", transfer.to_owned()),
    ];
    rows.iter()
        .map(|(name, value)| format!("  {name:<9} {value}").trim_end().to_owned() + "\n")
        .collect()
}
