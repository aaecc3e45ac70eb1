//! Ways to hand code over: raw-paste mode, none, firmware that has never heard of it, and firmware that offers it and
//! hangs.

use super::common::targets::{RawPaste, Serial, WasmBoard};
use super::{mpycov, project, table, target_of};

#[test]
fn code_is_handed_over_however_the_firmware_takes_it() {
    // Long enough for several windows.
    let long: String = (0..200).map(|n| format!("def f{n}(x):\n    return x + {n}\n")).collect();
    let dir = project(&[("long.py", &long), ("prog.py", "import long\nprint(long.f199(1))\n")]);
    for raw_paste in [RawPaste::Yes, RawPaste::No, RawPaste::Old, RawPaste::Hang] {
        for option in [None, Some("--raw-paste"), Some("--no-raw-paste")] {
            if (raw_paste, option) == (RawPaste::Hang, Some("--raw-paste")) {
                continue;
            }
            let board = WasmBoard { raw_paste, ..WasmBoard::newest() }.start(Serial::Pty, &[]);
            let board = target_of(board, Serial::Pty);
            let mut words = vec!["run", "-t", &board.target];
            words.extend(option);
            words.push("prog.py");
            let ran = mpycov(dir.path(), &words);
            let what = format!("{raw_paste:?} {option:?}: {}", ran.text());
            assert_eq!((ran.status, &*ran.out(), &*ran.err()), (Some(0), "200\n", ""), "{what}");
            assert!(table(dir.path())[1].starts_with("long.py 400 199 "), "{what}");
        }
    }
}
