//! A program on a terminal: what it wrote to it, and what is to be seen there in the end.

use std::process::Command;

use super::process::{self, Outcome};

/// Starts a program on a terminal of 24 lines of 100 characters; prints what it wrote, ends with its status.
const ON_TERMINAL: &str = "
import fcntl, os, pty, struct, sys, termios
child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 100, 0, 0))
    os.execv(sys.argv[1], sys.argv[1:])
while True:
    try:
        block = os.read(terminal, 65536)
    except OSError:
        break
    if not block:
        break
    sys.stdout.buffer.write(block)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
";

const WIDTH: usize = 100;

/// Runs `command` on a terminal. All that it wrote is its standard output, as it came.
pub fn on_terminal(command: &Command) -> Outcome {
    let mut typed = process::through(ON_TERMINAL, command);
    typed.env("TERM", "xterm");
    process::run(typed, b"", process::LIMIT)
}

/// The lines of a terminal that this was written to, those that moved up out of it included.
///
/// # Panics
/// Where something is written that it does not know.
pub fn shown(written: &str) -> Vec<String> {
    let mut lines: Vec<Vec<char>> = vec![Vec::new()];
    let (mut row, mut column) = (0, 0);
    let mut rest = written.chars().peekable();
    while let Some(char) = rest.next() {
        match char {
            '\r' => column = 0,
            '\n' => {
                row += 1;
                if row == lines.len() {
                    lines.push(Vec::new());
                }
            }
            '\x1b' => {
                assert_eq!(rest.next(), Some('['), "an unknown sequence in {written:?}");
                let mut number = String::new();
                while let Some(digit) = rest.next_if(|c| c.is_ascii_digit() || *c == ';') {
                    number.push(digit);
                }
                let count: usize = number.parse().unwrap_or(1);
                match rest.next() {
                    Some('A') => row = row.saturating_sub(count),
                    Some('B') => row = (row + count).min(lines.len() - 1),
                    Some('C') => column += count,
                    Some('D') => column = column.saturating_sub(count),
                    Some('K') if number == "2" => lines[row].clear(),
                    Some('K') => lines[row].truncate(column),
                    Some('m') => {}
                    other => panic!("an unknown sequence [{number}{other:?} in {written:?}"),
                }
            }
            char => {
                if column == WIDTH {
                    column = 0;
                    row += 1;
                    if row == lines.len() {
                        lines.push(Vec::new());
                    }
                }
                if lines[row].len() <= column {
                    lines[row].resize(column + 1, ' ');
                }
                lines[row][column] = char;
                column += 1;
            }
        }
    }
    let text = |line: Vec<char>| line.into_iter().collect::<String>().trim_end().to_owned();
    lines.into_iter().map(text).collect()
}
