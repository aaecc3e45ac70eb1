//! What the tracer is told of a file, as `runtime/_mpycov_trace.py` reads it.

/// A file that is to be traced.
#[derive(Clone, Debug)]
pub struct Row {
    /// The name that it has where it runs.
    pub name: String,
    /// The digest under which it reports.
    pub digest: String,
    /// Number of lines of the text that runs.
    pub lines: u32,
    /// The lines from which transitions are noted; `None` to note lines only.
    pub watched: Option<Vec<u32>>,
    /// The lines by which a function cannot be told from others.
    pub shared: Vec<u32>,
}

impl Row {
    /// Its line of the table: the name, and behind a tab its digest, number of lines, and a
    /// bit for each line, in hexadecimal, that says whether it is shared; another one whether it is watched.
    #[must_use]
    pub fn text(&self) -> String {
        let size = self.lines as usize / 8 + 1;
        let planes: Vec<String> = [Some(&self.shared), self.watched.as_ref()]
            .into_iter()
            .flatten()
            .map(|lines| plane(lines, size))
            .collect();
        format!("{}\t{} {} {}\n", self.name, self.digest, self.lines, planes.join(" "))
    }
}

/// A byte for each eight lines, the first of them lowest.
fn plane(lines: &[u32], size: usize) -> String {
    let mut bytes = vec![0_u8; size];
    for line in lines {
        bytes[*line as usize / 8] |= 1 << (line % 8);
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_a_bit_for_each_line() {
        let row = Row {
            name: "a b.py".to_owned(),
            digest: "d".to_owned(),
            lines: 16,
            watched: None,
            shared: vec![1, 7, 8, 16],
        };
        assert_eq!(row.text(), "a b.py\td 16 820101\n");
        assert_eq!(Row { watched: Some(vec![2]), ..row }.text(), "a b.py\td 16 820101 040000\n");
    }
}
