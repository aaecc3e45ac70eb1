//! The prompts: raw, raw-paste, friendly, and the paste mode of the friendly one.

use super::{Kind, SimBoard};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Friendly,
    Raw,
    /// In raw-paste mode, with so many bytes until the next credit.
    Paste(usize),
    /// In the paste mode of the friendly prompt, which echoes.
    Typing,
}

const WINDOW: usize = 32;

impl SimBoard {
    pub(super) fn receive(&mut self, byte: u8) {
        match (self.mode, byte) {
            (Mode::Paste(_), 0x03) => {
                self.mode = Mode::Raw;
                self.say(b"\x04\x04KeyboardInterrupt\r\n\x04>");
                self.line.clear();
            }
            (Mode::Paste(_), 0x04) => {
                self.mode = Mode::Raw;
                self.say(b"\x04");
                let code = std::mem::take(&mut self.line);
                self.execute(&code);
            }
            (Mode::Paste(left), _) => {
                self.line.push(byte);
                self.mode = Mode::Paste(if left == 1 {
                    self.say(b"\x01");
                    WINDOW
                } else {
                    left - 1
                });
            }
            (Mode::Friendly, 0x05) => {
                self.mode = Mode::Typing;
                self.line.clear();
                self.say(b"\r\npaste mode; Ctrl-C to cancel, Ctrl-D to finish\r\n=== ");
            }
            (Mode::Typing, 0x03) => {
                self.mode = Mode::Friendly;
                self.line.clear();
                self.say(b"\r\n>>> ");
            }
            (Mode::Typing, 0x04) => {
                self.mode = Mode::Friendly;
                self.say(b"\r\n");
                let code = std::mem::take(&mut self.line);
                self.typed(&String::from_utf8_lossy(&code).replace('\r', "\n"));
                self.say(b">>> ");
            }
            (Mode::Typing, _) => {
                self.line.push(byte);
                if byte == b'\r' { self.say(b"\r\n=== ") } else { self.say(&[byte]) }
            }
            (Mode::Raw, 0x01) if self.line == b"\x05A" && self.kind == Kind::Large => {
                self.line.clear();
                self.mode = Mode::Paste(WINDOW);
                let [low, high] = (WINDOW as u16).to_le_bytes();
                self.say(&[b'R', 1, low, high, 1]);
            }
            (Mode::Raw | Mode::Friendly, 0x01) => {
                self.mode = Mode::Raw;
                self.line.clear();
                self.say(b"raw REPL; CTRL-B to exit\r\n>");
            }
            (_, 0x02) => {
                self.mode = Mode::Friendly;
                self.line.clear();
                self.say(b"\r\nMicroPython v1.9 on 2017-09-01; sim\r\n>>> ");
            }
            (_, 0x03) => {
                self.line.clear();
                if self.mode == Mode::Friendly {
                    self.say(b"\r\n>>> ");
                }
            }
            (Mode::Raw, 0x04) if self.line.is_empty() => {
                self.forget();
                self.say(b"OK\r\nMPY: soft reboot\r\nraw REPL; CTRL-B to exit\r\n>");
            }
            (Mode::Raw, 0x04) => {
                self.say(b"OK");
                let code = std::mem::take(&mut self.line);
                self.execute(&code);
            }
            (Mode::Friendly, 0x04) => {
                self.forget();
                self.say(b"\r\nMPY: soft reboot\r\nMicroPython v1.9; sim\r\n>>> ");
            }
            (Mode::Friendly, b'\r') => {
                self.line.clear();
                self.say(b"\r\n>>> ");
            }
            (Mode::Friendly, _) => self.say(&[byte]),
            (Mode::Raw, _) => self.line.push(byte),
        }
    }
}
