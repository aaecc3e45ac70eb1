//! Files that arrive in pieces.

use mpycov::device::digest::Digest;
use mpycov::device::python::parse_bytes;

use super::SimBoard;

impl SimBoard {
    /// `_w(…)`: see WRITE_PIECE in the library.
    pub(super) fn piece(&mut self, parts: &[String]) -> Result<(), String> {
        if !self.helpers.contains("_w") {
            return Err("NameError: name '_w' isn't defined".to_owned());
        }
        let token = &parts[1];
        let number = |at: usize| parts[at].parse::<usize>().unwrap_or(0);
        let bytes = parse_bytes(&parts[3]).unwrap_or_default();
        let sum = |bytes: &[u8]| bytes.iter().map(|byte| usize::from(*byte)).sum::<usize>();
        let (index, last, path) = (number(2), parts[6] == "1", parts[7].clone());
        let mut whole = bytes.len() == number(4) && sum(&bytes) == number(5);
        if index == 0 {
            whole &= path.len() == number(8) && sum(path.as_bytes()) == number(9) && number(8) > 0;
        }
        match &mut self.confused_after {
            Some(0) => whole = false,
            Some(left) => *left -= 1,
            None => {}
        }
        let (mark, answer) =
            if whole { self.write_piece(index, &bytes, last, &path) } else { ("?", String::new()) };
        self.print(format!("{token} {mark} {answer}\n").repeat(2).as_bytes());
        Ok(())
    }

    pub(super) fn write_piece(
        &mut self,
        index: usize,
        bytes: &[u8],
        last: bool,
        path: &str,
    ) -> (&'static str, String) {
        let mut flash = self.flash.lock().expect("a lock");
        if index == 0 {
            self.open = Some((path.to_owned(), Vec::new(), 0));
        }
        let Some((path, content, written)) = &mut self.open else {
            return ("!", "NameError(\"name '_f' isn't defined\",)".to_owned());
        };
        if *written == index {
            content.extend_from_slice(bytes);
            *written += 1;
            // What is not closed may or may not be there after a reset; here it is, to be nasty.
            flash.files.insert(path.clone(), content.clone());
        }
        (
            "=",
            if last {
                format!("{index} {}", Digest::Polynomial.of(&flash.files[path.as_str()]))
            } else {
                format!("{index} {written}")
            },
        )
    }
}
