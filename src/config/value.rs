//! From what is written to what a setting takes.

use regex::bytes::Regex;

use super::entries::Raw;

/// Looks up an environment variable.
pub(super) type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A list of texts; in an INI file parted by commas and line ends.
    List,
    /// A list of regular expressions; in an INI file one a line.
    Patterns,
    /// Yes or no.
    Flag,
    /// A whole number from 0 up.
    Whole,
    /// A number.
    Number,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// One of these words, perhaps behind a `-` or a `+`.
    SignedChoice(&'static [&'static str]),
}

/// What a setting is set to.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A list.
    List(Vec<String>),
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Whole(usize),
    /// A number.
    Number(f64),
}

impl Value {
    pub(super) fn as_text(&self) -> Option<&str> {
        if let Value::Text(text) = self { Some(text) } else { None }
    }

    pub(super) fn as_list(&self) -> Option<&[String]> {
        if let Value::List(list) = self { Some(list) } else { None }
    }

    pub(super) fn as_flag(&self) -> Option<bool> {
        if let Value::Flag(flag) = self { Some(*flag) } else { None }
    }

    pub(super) fn as_whole(&self) -> Option<usize> {
        if let Value::Whole(number) = self { Some(*number) } else { None }
    }

    pub(super) fn as_number(&self) -> Option<f64> {
        if let Value::Number(number) = self { Some(*number) } else { None }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Text(text) => f.write_str(text),
            Value::List(list) => f.write_str(&list.join(", ")),
            Value::Flag(flag) => f.write_str(if *flag { "yes" } else { "no" }),
            Value::Whole(number) => number.fmt(f),
            Value::Number(number) => number.fmt(f),
        }
    }
}

impl Kind {
    /// Reads a value. The error says what the setting takes instead.
    pub(super) fn value(self, raw: &Raw, ini: bool) -> Result<Value, String> {
        let takes = |what: &str| Err(format!("takes {what}, not {}", shown(raw)));
        match (self, raw) {
            (Kind::Text, Raw::Text(text)) => Ok(Value::Text(text.clone())),
            (Kind::Text, _) => takes("a text in quotes"),
            (Kind::List, Raw::Text(text)) if ini => Ok(Value::List(split(text, &[',', '\n']))),
            (Kind::Patterns, Raw::Text(text)) if ini => patterns(split(text, &['\n'])),
            (Kind::List, Raw::Text(text)) => Ok(Value::List(vec![text.clone()])),
            (Kind::List, Raw::List(list)) => Ok(Value::List(list.clone())),
            (Kind::List, _) => takes("a list of texts"),
            (Kind::Patterns, Raw::Text(text)) => patterns(vec![text.clone()]),
            (Kind::Patterns, Raw::List(list)) => patterns(list.clone()),
            (Kind::Patterns, _) => takes("a list of regular expressions"),
            (Kind::Flag, Raw::Flag(flag)) => Ok(Value::Flag(*flag)),
            (Kind::Flag, Raw::Text(text)) => match text.to_lowercase().as_str() {
                "true" => Ok(Value::Flag(true)),
                "false" => Ok(Value::Flag(false)),
                "1" | "yes" | "on" if ini => Ok(Value::Flag(true)),
                "0" | "no" | "off" if ini => Ok(Value::Flag(false)),
                _ => takes("true or false"),
            },
            (Kind::Flag, _) => takes("true or false"),
            (Kind::Whole, Raw::Text(text) | Raw::Number(text)) => match text.parse() {
                Ok(number) => Ok(Value::Whole(number)),
                Err(_) => takes("a whole number"),
            },
            (Kind::Whole, _) => takes("a whole number"),
            (Kind::Number, Raw::Text(text) | Raw::Number(text)) => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(Value::Number(number)),
                _ => takes("a number"),
            },
            (Kind::Number, _) => takes("a number"),
            (Kind::Choice(words) | Kind::SignedChoice(words), Raw::Text(text)) => {
                let signed = matches!(self, Kind::SignedChoice(_));
                let bare = if signed { text.trim_start_matches(['-', '+']) } else { text };
                let known = words.contains(&bare.to_lowercase().as_str());
                if known { Ok(Value::Text(text.to_lowercase())) } else { takes(&one_of(words)) }
            }
            (Kind::Choice(words) | Kind::SignedChoice(words), _) => takes(&one_of(words)),
        }
    }
}

fn one_of(words: &[&str]) -> String {
    match words {
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
        [] => "nothing".to_owned(),
    }
}

/// What was written, for a message.
fn shown(raw: &Raw) -> String {
    match raw {
        Raw::Text(text) => format!("`{text}`"),
        Raw::Number(number) => number.clone(),
        Raw::Flag(flag) => flag.to_string(),
        Raw::List(_) => "a list".to_owned(),
        Raw::Other(what) => (*what).to_owned(),
    }
}

fn split(text: &str, at: &[char]) -> Vec<String> {
    text.split(at).map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn patterns(list: Vec<String>) -> Result<Value, String> {
    for pattern in &list {
        if let Err(error) = Regex::new(&format!("(?m){pattern}")) {
            return Err(format!("has `{pattern}`, which is no regular expression here: {error}"));
        }
    }
    Ok(Value::List(list))
}

/// Puts environment variables in, as coverage.py does: `$NAME`, `${NAME}`,
/// `${NAME?}` (must be set), `${NAME-default}`, `$$` for a dollar.
pub(super) fn substitute(text: &str, variables: Variables<'_>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let word = |text: &str| {
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            text.find(|c| !is_word(c)).unwrap_or(text.len())
        };
        if let Some(behind) = rest.strip_prefix('$') {
            out.push('$');
            rest = behind;
            continue;
        }
        let bare = word(rest);
        if bare > 0 {
            out += &variables(&rest[..bare]).unwrap_or_default();
            rest = &rest[bare..];
            continue;
        }
        let braced = rest.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let Some((inner, behind)) = braced else {
            out.push('$');
            continue;
        };
        let (name, how) = inner.split_at(word(inner));
        let known = variables(name);
        match (how, known) {
            _ if name.is_empty() => {
                out.push('$');
                continue;
            }
            ("" | "?", Some(value)) => out += &value,
            ("", None) => {}
            ("?", None) => return Err(format!("needs ${name}, which is not set")),
            (how, known) if how.starts_with('-') => out += &known.unwrap_or(how[1..].to_owned()),
            _ => {
                out.push('$');
                continue;
            }
        }
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}
