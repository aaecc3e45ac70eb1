//! The tables of lines in a `.mpy` file, which `mpy-cross` makes: the lines for
//! which MicroPython makes code.

use std::collections::BTreeSet;

use crate::model::Line;

/// The version of the format that is read here.
const VERSION: u8 = 6;

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

type Result<T> = std::result::Result<T, String>;

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| "it is cut off".to_owned())?;
        let found = &self.bytes[self.at..end];
        self.at = end;
        Ok(found)
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    /// A number, seven bits to a byte, the highest first.
    fn uint(&mut self) -> Result<usize> {
        let mut value = 0usize;
        loop {
            let byte = self.byte()?;
            if value >> (usize::BITS - 8) != 0 {
                return Err("a number in it is too large".to_owned());
            }
            value = value << 7 | usize::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
    }

    /// Passes over a constant.
    fn skip_object(&mut self, depth: u32) -> Result<()> {
        let kind = self.byte()?;
        match kind {
            0..=4 => Ok(()),
            5 | 6 => {
                let length = self.uint()?;
                self.take(length.saturating_add(1)).map(|_| ())
            }
            7..=9 => {
                let length = self.uint()?;
                self.take(length).map(|_| ())
            }
            10 if depth < 50 => {
                let count = self.uint()?;
                (0..count).try_for_each(|_| self.skip_object(depth + 1))
            }
            _ => Err(format!("it has a constant of the unknown kind {kind}")),
        }
    }
}

/// The lines with code, by the tables of a `.mpy` file.
///
/// # Errors
/// A sentence about what is wrong: another version, native code, cut off.
pub fn lines(bytes: &[u8]) -> Result<BTreeSet<Line>> {
    let mut reader = Reader { bytes, at: 0 };
    let header = reader.take(4).map_err(|_| "it is no .mpy file".to_owned())?;
    if header[0] != b'M' {
        return Err("it is no .mpy file".to_owned());
    }
    if header[1] != VERSION {
        return Err(format!(
            "it is a .mpy file of version {}, and {VERSION} is known here",
            header[1]
        ));
    }
    if header[2] & 0x40 != 0 {
        reader.uint()?;
    }
    let names = reader.uint()?;
    let objects = reader.uint()?;
    for _ in 0..names {
        let length = reader.uint()?;
        // An odd number names a string that all firmware has.
        if length & 1 == 0 {
            reader.take((length >> 1) + 1)?;
        }
    }
    for _ in 0..objects {
        reader.skip_object(0)?;
    }
    let mut found = BTreeSet::new();
    code(&mut reader, &mut found, 0)?;
    Ok(found)
}

/// The code of a module or function, and of those inside it.
fn code(reader: &mut Reader<'_>, found: &mut BTreeSet<Line>, depth: u32) -> Result<()> {
    if depth > 100 {
        return Err("its functions are nested too deeply".to_owned());
    }
    let head = reader.uint()?;
    if head & 3 != 0 {
        return Err("it has native code, which has no table of lines".to_owned());
    }
    let data = reader.take(head >> 3)?;
    table(data, found)?;
    if head & 4 != 0 {
        for _ in 0..reader.uint()? {
            code(reader, found, depth + 1)?;
        }
    }
    Ok(())
}

/// The lines that the table of one function gives to its bytes of code.
fn table(data: &[u8], found: &mut BTreeSet<Line>) -> Result<()> {
    let mut reader = Reader { bytes: data, at: 0 };
    let mut byte = reader.byte()?;
    let (mut positional, mut keyword) = (usize::from(byte & 3), 0);
    let mut shift = 0;
    while byte & 0x80 != 0 {
        byte = reader.byte()?;
        positional |= usize::from(byte & 4) << shift;
        keyword |= usize::from((byte & 8) >> 3) << shift;
        shift += 1;
    }
    let (mut info, mut cells, mut shift) = (0, 0, 0);
    loop {
        byte = reader.byte()?;
        info |= usize::from((byte & 0x7e) >> 1) << (6 * shift);
        cells |= usize::from(byte & 1) << shift;
        shift += 1;
        if byte & 0x80 == 0 {
            break;
        }
        if shift > 5 {
            return Err("a prelude in it is too long".to_owned());
        }
    }
    let top = reader.at + info;
    for _ in 0..=positional + keyword {
        reader.uint()?;
    }
    let size = data.len().checked_sub(top + cells).ok_or("it is cut off")?;
    let (mut line, mut at) = (1, 0);
    while reader.at < top {
        let first = usize::from(reader.byte()?);
        let (bytes, lines) = if first & 0x80 == 0 {
            (first & 0x1f, first >> 5)
        } else {
            let second = usize::from(reader.byte()?);
            (first & 0xf, (first << 4) & 0x700 | second)
        };
        if bytes > 0 {
            found.insert(Line(line));
        }
        at += bytes;
        line += lines as u32;
    }
    if at < size {
        found.insert(Line(line));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn other_files_are_refused_by_name() {
        assert_eq!(
            lines(b"M\x05\x00\x1f").unwrap_err(),
            "it is a .mpy file of version 5, and 6 is known here"
        );
        assert_eq!(lines(b"print(1)").unwrap_err(), "it is no .mpy file");
        assert_eq!(lines(b"M\x06\x00\x1f\x02").unwrap_err(), "it is cut off");
    }
}
