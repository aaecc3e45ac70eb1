//! Words of a command line that stands in a file, as a shell would part them.

/// Parts a text at spaces. Quotes of both kinds keep what is between them
/// together; a backslash takes the next character as it is, but for in single
/// quotes.
///
/// # Errors
/// When a quote is not closed, or nothing follows a backslash.
pub(super) fn split(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None | Some('"'), '\\') => {
                let next = chars.next().ok_or("nothing follows the last backslash")?;
                let word = word.get_or_insert_default();
                if quote.is_some() && !matches!(next, '"' | '\\') {
                    word.push('\\');
                }
                word.push(next);
            }
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    if let Some(open) = quote {
        return Err(format!("a `{open}` is not closed"));
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn words_are_parted_as_a_shell_does() {
        let cases: [(&str, &[&str]); 7] = [
            ("", &[]),
            ("  a  bc\n-x ", &["a", "bc", "-x"]),
            ("'a b' \"c d\"e", &["a b", "c de"]),
            (r#"a\ b "q\"\n" 'x\y'"#, &["a b", r#"q"\n"#, r"x\y"]),
            ("'' x", &["", "x"]),
            ("-m unittest discover", &["-m", "unittest", "discover"]),
            ("it\"'\"s", &["it's"]),
        ];
        for (text, expected) in cases {
            assert_eq!(split(text).expect(text), expected, "{text}");
        }
        assert_eq!(split("a 'b").expect_err("open"), "a `'` is not closed");
        assert_eq!(split("a \\").expect_err("open"), "nothing follows the last backslash");
    }
}
