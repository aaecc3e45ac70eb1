//! The frames in which a device sends its hits.
//!
//! A frame is one printable line, so it survives consoles, logs and copying:
//! `<mpycov:VERSION:BODY:SUM>`, where SUM is Adler-32 (RFC 1950) of all between
//! `<` and the last `:`, in hexadecimal. Bodies are
//!
//! - `begin:FILES` before the first frame,
//! - `DIGEST:SENSORS:START:BITS` with the hits of up to 256 sensors from START
//!   on, four to a hexadecimal digit, the lowest sensor in the lowest bit,
//! - `trace:1:DIGEST:LINES:START:BITS` with the lines that a tracer saw of a text
//!   with so many, in the same way, from line START on,
//! - `arcs:1:DIGEST:FROM-TO,FROM-TO…` with pairs of lines that ran one after the other,
//! - `lost:1:REASON` where the tracer could not note all,
//! - `end:FRAMES` with the number of frames in between.
//!
//! Version history: 1, the first. Frames of tracers have a version of their own
//! besides, which is 1.

use std::collections::BTreeMap;

use crate::model::{Digest, Events, HitSet, Line, SensorId};

/// Version of the frames that this reader knows.
pub const VERSION: u32 = 1;

/// Version of the frames of tracers.
pub const TRACE_VERSION: u32 = 1;

const OPEN: &[u8] = b"<mpycov:";

/// What was read from a stretch of output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frames {
    /// The hits, by file.
    pub hits: BTreeMap<Digest, HitSet>,
    /// What tracers saw, by file.
    pub traces: BTreeMap<Digest, Events>,
    /// The output without the frames and the lines they stood on.
    pub output: Vec<u8>,
    /// What was wrong, in words. Hits in sound frames count all the same.
    pub faults: Vec<String>,
    /// Dumps that were complete.
    pub complete: u32,
}

impl Frames {
    /// Adds what was read elsewhere.
    pub fn add(&mut self, other: Frames) {
        for (digest, set) in other.hits {
            match self.hits.get_mut(&digest) {
                Some(mine) if mine.count() == set.count() => mine.merge(&set),
                Some(_) => self.faults.push(format!("frames of {digest} disagree on its sensors")),
                None => {
                    self.hits.insert(digest, set);
                }
            }
        }
        self.faults.extend(other.faults);
        self.complete += other.complete;
    }
}

/// Finds the frames in output. Text around them is left alone; a frame that
/// is damaged is reported and not believed.
#[must_use]
pub fn read(output: &[u8]) -> Frames {
    let mut found = Frames::default();
    let mut dump: Option<u32> = None;
    let mut at = 0;
    while let Some(start) = find(output, OPEN, at) {
        found.output.extend_from_slice(&output[at..start]);
        let line_end = output[start..]
            .iter()
            .position(|b| matches!(b, b'\n' | b'\r'))
            .map_or(output.len(), |n| start + n);
        let close = output[start..line_end].iter().position(|b| *b == b'>');
        let Some(close) = close.map(|n| start + n) else {
            found.faults.push(format!("a frame at byte {start} is cut off"));
            at = start + OPEN.len();
            continue;
        };
        match parse(&output[start + 1..close]) {
            Ok(Frame::Begin) => {
                if dump.replace(0).is_some() {
                    found.faults.push("a dump broke off before its end".to_owned());
                }
            }
            Ok(Frame::End(frames)) => match dump.take() {
                Some(seen) if seen == frames => found.complete += 1,
                Some(seen) => found
                    .faults
                    .push(format!("a dump announced {frames} frames, {seen} arrived sound")),
                None => found.faults.push("a dump has an end but no beginning".to_owned()),
            },
            Ok(Frame::Trace { digest, lines, transitions }) => {
                if let Some(seen) = &mut dump {
                    *seen += 1;
                }
                let events = found.traces.entry(digest).or_default();
                events.lines.extend(lines);
                if let Some(transitions) = transitions {
                    events.transitions.get_or_insert_default().extend(transitions);
                }
            }
            Ok(Frame::Lost(reason)) => {
                if let Some(seen) = &mut dump {
                    *seen += 1;
                }
                found.faults.push(format!("the tracer could not note all: {reason}"));
            }
            Ok(Frame::Hits { digest, count, hits }) => {
                if let Some(seen) = &mut dump {
                    *seen += 1;
                }
                let set = found.hits.entry(digest.clone()).or_insert_with(|| HitSet::new(count));
                if set.count() == count {
                    hits.into_iter().for_each(|sensor| set.insert(sensor));
                } else {
                    found.faults.push(format!("frames of {digest} disagree on its sensors"));
                }
            }
            Err(reason) => {
                found.faults.push(format!("a frame at byte {start} is not sound: {reason}"));
            }
        }
        at = close + 1;
        // The newline behind a frame is the frame's own.
        if output[at..].starts_with(b"\r\n") {
            at += 2;
        } else if output.get(at) == Some(&b'\n') {
            at += 1;
        }
    }
    found.output.extend_from_slice(&output[at..]);
    if dump.is_some() {
        found.faults.push("a dump broke off before its end".to_owned());
    }
    found
}

/// Reads hit tables as a small board prints them, which needs no memory: `print(_mpycov._files)`, twice. A
/// dictionary of lists, each with a `bytearray` in front. Nothing is believed that did not come twice.
///
/// # Errors
/// A sentence about what is wrong.
pub fn read_tables(output: &[u8]) -> Result<Frames, String> {
    let text = String::from_utf8_lossy(output);
    let tables: Vec<&str> =
        text.lines().map(str::trim).filter(|line| line.starts_with('{')).collect();
    let [first, second] = tables[..] else {
        return Err(format!("the tables of hits came {} times instead of twice", tables.len()));
    };
    if first != second || !first.ends_with('}') {
        return Err("the tables of hits did not come twice alike".to_owned());
    }
    let mut found = Frames { complete: 1, ..Frames::default() };
    let mut rest = first;
    // A key, and what may stand between it and the bytes; a file may have several tables.
    const FRONT: &str = "': [bytearray(b";
    const NEXT: &str = ", bytearray(b";
    while let Some(at) = rest.find(FRONT) {
        let digest = rest[..at].rsplit('\'').next().and_then(Digest::parse);
        rest = &rest[at + FRONT.len()..];
        let digest = digest.ok_or("a table of hits has no digest")?;
        let mut marks = quoted(&mut rest).ok_or("a table of hits is no bytes")?;
        let end = rest.find(FRONT).unwrap_or(rest.len());
        let mut more = &rest[..end];
        while let Some(at) = more.find(NEXT) {
            more = &more[at + NEXT.len()..];
            marks.extend(quoted(&mut more).ok_or("a table of hits is no bytes")?);
        }
        let mut set = HitSet::new(marks.len() as u32);
        let fired = marks.iter().enumerate().filter(|(_, mark)| **mark);
        fired.for_each(|(sensor, _)| set.insert(SensorId(sensor as u32)));
        found.hits.insert(digest, set);
    }
    Ok(found)
}

/// Takes the bytes of a literal off `text`, which stands behind its `b`: which of them are not 0. Sensors are 0
/// or 1, so other bytes are none of ours.
fn quoted(text: &mut &str) -> Option<Vec<bool>> {
    let quote = text.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    let (inner, rest) = text[1..].split_once(quote)?;
    *text = rest;
    let mut marks = Vec::new();
    for byte in inner.split("\\x").skip(1) {
        marks.push(match byte {
            "00" => false,
            "01" => true,
            _ => return None,
        });
    }
    (inner.is_empty() || inner.starts_with("\\x")).then_some(marks)
}

/// Whether a line is one sound frame with hits.
#[must_use]
pub fn is_hits(line: &[u8]) -> bool {
    let inner = line.trim_ascii().strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">"));
    inner.is_some_and(|inner| matches!(parse(inner), Ok(Frame::Hits { .. })))
}

enum Frame {
    Begin,
    End(u32),
    Hits { digest: Digest, count: u32, hits: Vec<SensorId> },
    Trace { digest: Digest, lines: Vec<Line>, transitions: Option<Vec<(Line, Line)>> },
    Lost(String),
}

fn parse(bytes: &[u8]) -> Result<Frame, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not text".to_owned())?;
    let (body, sum) = text.rsplit_once(':').ok_or("it has no checksum")?;
    let expected = format!("{:08x}", adler32(body.as_bytes()));
    if sum != expected {
        return Err(format!("checksum {sum}, not {expected}"));
    }
    let fields: Vec<&str> = body.split(':').collect();
    let number = |text: &str| text.parse::<u32>().map_err(|_| format!("`{text}` is no number"));
    match &fields[..] {
        ["mpycov", version, ..] if number(version)? != VERSION => {
            Err(format!("version {version} is not known here; this is version {VERSION}"))
        }
        ["mpycov", _, "begin", _] => Ok(Frame::Begin),
        ["mpycov", _, "end", frames] => Ok(Frame::End(number(frames)?)),
        ["mpycov", _, "trace" | "arcs" | "lost", version, ..]
            if number(version)? != TRACE_VERSION =>
        {
            Err(format!("a trace of version {version}, and {TRACE_VERSION} is known here"))
        }
        ["mpycov", _, "trace", _, digest, count, start, bits] => {
            let digest = Digest::parse(digest).ok_or("its digest is none")?;
            let count = number(count)?;
            let lines: Vec<Line> = set_bits(number(start)?, bits)?.into_iter().map(Line).collect();
            if lines.iter().any(|line| line.0 > count) {
                return Err("it names a line that its file does not have".to_owned());
            }
            Ok(Frame::Trace { digest, lines, transitions: None })
        }
        ["mpycov", _, "arcs", _, digest, pairs] => {
            let digest = Digest::parse(digest).ok_or("its digest is none")?;
            let mut transitions = Vec::new();
            for pair in pairs.split(',').filter(|pair| !pair.is_empty()) {
                let (from, to) = pair.split_once('-').ok_or("a pair of lines is none")?;
                transitions.push((Line(number(from)?), Line(number(to)?)));
            }
            Ok(Frame::Trace { digest, lines: Vec::new(), transitions: Some(transitions) })
        }
        ["mpycov", _, "lost", _, reason] => Ok(Frame::Lost((*reason).to_owned())),
        ["mpycov", _, digest, count, start, bits] => {
            let digest = Digest::parse(digest).ok_or("its digest is none")?;
            let count = number(count)?;
            let hits: Vec<SensorId> =
                set_bits(number(start)?, bits)?.into_iter().map(SensorId).collect();
            if hits.iter().any(|sensor| sensor.0 >= count) {
                return Err("it names a sensor that its file does not have".to_owned());
            }
            Ok(Frame::Hits { digest, count, hits })
        }
        _ => Err("its fields are not known".to_owned()),
    }
}

/// The numbers whose bits are set, four to a digit from `start` on.
fn set_bits(start: u32, digits: &str) -> Result<Vec<u32>, String> {
    let mut set = Vec::new();
    for (index, digit) in digits.chars().enumerate() {
        let value = digit.to_digit(16).ok_or("its bits are not hexadecimal")?;
        let first = start.saturating_add(4 * index as u32);
        set.extend((0..4).filter(|i| value >> i & 1 == 1).map(|i| first.saturating_add(i)));
    }
    Ok(set)
}

fn adler32(bytes: &[u8]) -> u32 {
    let (a, b) = bytes.iter().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65521;
        (a, (b + a) % 65521)
    });
    b << 16 | a
}

fn find(haystack: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    haystack[from..].windows(needle.len()).position(|w| w == needle).map(|n| from + n)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(body: &str) -> String {
        let body = format!("mpycov:1:{body}");
        format!("<{body}:{:08x}>\n", adler32(body.as_bytes()))
    }

    #[test]
    fn hits_are_read_from_among_other_output() {
        let text = format!(
            "hello\n{}{}wor{}ld\n{}",
            line("begin:1"),
            line("0123456789ab:10:0:1"),
            line("0123456789ab:10:8:2"),
            line("end:2")
        );
        let found = read(text.as_bytes());
        assert_eq!(found.faults, Vec::<String>::new());
        assert_eq!(found.output, b"hello\nworld\n");
        let hits: Vec<u32> = found.hits.values().next().unwrap().iter().map(|s| s.0).collect();
        assert_eq!(hits, [0, 9]);
        assert_eq!(found.complete, 1);
    }

    #[test]
    fn a_damaged_frame_is_reported_and_not_believed() {
        let sound = line("0123456789ab:10:0:1");
        for at in 8..sound.len() - 2 {
            let mut bytes = sound.clone().into_bytes();
            bytes[at] ^= 1;
            let found = read(&bytes);
            assert!(found.hits.is_empty(), "byte {at}");
            assert_eq!(found.faults.len(), 1, "byte {at}");
        }
    }

    #[test]
    fn tables_are_believed_when_they_come_twice() {
        let once = r"{'0123456789ab': [bytearray(b'\x00\x01\x01'), <function fire at 0x20>, bytearray(b'\x01'), <function fire at 0x30>], 'ab0123456789': [bytearray(b''), None]}";
        let found = read_tables(format!("\r\n{once}\r\n{once}\r\n").as_bytes()).expect("sound");
        let hits: Vec<_> = found.hits.values().map(|set| (set.count(), set.fired())).collect();
        assert_eq!((hits, found.complete), (vec![(4, 3), (0, 0)], 1));
        assert!(read_tables(once.as_bytes()).is_err());
        assert!(
            read_tables(format!("{once}\n{}\n", once.replace("x01'", "x00'")).as_bytes()).is_err()
        );
        // A line that changes a byte of one of them is noticed, whatever the byte.
        for at in 0..once.len() {
            let mut damaged = once.as_bytes().to_vec();
            damaged[at] ^= 4;
            let both = [once.as_bytes(), b"\n", &damaged, b"\n"].concat();
            assert!(read_tables(&both).is_err(), "byte {at}");
        }
        let odd = once.replace("x01'", "x07'");
        assert!(read_tables(format!("{odd}\n{odd}\n").as_bytes()).is_err());
        assert_eq!(read_tables(b"{}\n{}\n").expect("sound").hits.len(), 0);
    }

    #[test]
    fn a_dump_that_breaks_off_is_reported() {
        let text = format!("{}{}", line("begin:1"), line("0123456789ab:4:0:f"));
        let found = read(text.as_bytes());
        assert_eq!(found.hits.len(), 1);
        assert_eq!(found.faults, ["a dump broke off before its end"]);
    }
}
