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
    fn a_dump_that_breaks_off_is_reported() {
        let text = format!("{}{}", line("begin:1"), line("0123456789ab:4:0:f"));
        let found = read(text.as_bytes());
        assert_eq!(found.hits.len(), 1);
        assert_eq!(found.faults, ["a dump broke off before its end"]);
    }
}
