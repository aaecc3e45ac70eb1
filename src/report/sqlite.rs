//! coverage.py's data file, `.coverage`, so that its own commands go on from it.
//!
//! It holds what ran and nothing else: coverage.py reads the sources again and
//! finds the statements itself. A line that ran is an arc from itself to
//! itself, as its own fastest tracer writes it; a way taken from a line with
//! several is an arc to where it leads, and below 0 is out of a function.
//!
//! The database is made in memory, so this too is bytes out.

use std::collections::BTreeSet;
use std::io::{self, Write};

use rusqlite::{Connection, Transaction};

use super::{Settings, Sources};
use crate::model::{ArcEnd, Coverage, FileCoverage, Level, Line};

/// How files are named in the data file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DataFileOptions {
    /// By the paths of the report, for `relative_files = true`, rather than by
    /// absolute ones.
    pub relative: bool,
}

/// The schema that coverage.py has had since version 5.0.
const SCHEMA: u32 = 7;

/// What tells that a data file is one of ours.
const MAKER: &str = "mpycov ";

const TABLES: &str = "
    CREATE TABLE coverage_schema (version integer);
    CREATE TABLE meta (key text, value text, unique (key));
    CREATE TABLE file (id integer primary key, path text, unique (path));
    CREATE TABLE context (id integer primary key, context text, unique (context));
    CREATE TABLE line_bits (
        file_id integer, context_id integer, numbits blob,
        foreign key (file_id) references file (id),
        foreign key (context_id) references context (id),
        unique (file_id, context_id));
    CREATE TABLE arc (
        file_id integer, context_id integer, fromno integer, tono integer,
        foreign key (file_id) references file (id),
        foreign key (context_id) references context (id),
        unique (file_id, context_id, fromno, tono));
    CREATE TABLE tracer (
        file_id integer primary key, tracer text,
        foreign key (file_id) references file (id));";

/// Writes the data file.
///
/// # Errors
/// When writing fails.
pub fn write(
    coverage: &Coverage,
    _: &Sources,
    settings: &Settings,
    out: &mut dyn Write,
) -> io::Result<()> {
    let bytes = database(coverage, settings).map_err(io::Error::other)?;
    out.write_all(&bytes)
}

/// Is this a data file that we made? It is safe to replace one.
#[must_use]
pub fn is_ours(bytes: &[u8]) -> bool {
    let version = || -> rusqlite::Result<String> {
        let mut connection = Connection::open_in_memory()?;
        let mut reader = bytes;
        connection.deserialize_read_exact("main", &mut reader, bytes.len(), true)?;
        connection.query_row("SELECT value FROM meta WHERE key = 'version'", [], |row| row.get(0))
    };
    version().is_ok_and(|version| version.starts_with(MAKER))
}

/// Why nothing can be added to a data file.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// It is no database of coverage.py's.
    #[error("it is no data file of coverage.py: {0}")]
    Foreign(String),
    /// Its schema is another.
    #[error("its schema is {0}, and 7 is known here")]
    Schema(i64),
    /// One has ways from line to line, and the other has lines only.
    #[error("one of both has branches and the other has lines only")]
    Branches,
}

/// A data file that was there, with what was measured here added to it.
///
/// # Errors
/// When it cannot be added to.
pub fn append(
    existing: &[u8],
    coverage: &Coverage,
    settings: &Settings,
) -> Result<Vec<u8>, AppendError> {
    let foreign = |error: rusqlite::Error| AppendError::Foreign(error.to_string());
    let own = database(coverage, settings).map_err(foreign)?;
    let (mut old, mut reader) = (Connection::open_in_memory().map_err(foreign)?, existing);
    old.deserialize_read_exact("main", &mut reader, existing.len(), false).map_err(foreign)?;
    let schema = old.query_row("SELECT version FROM coverage_schema", [], |row| row.get(0));
    match schema.map_err(foreign)? {
        version if version == i64::from(SCHEMA) => {}
        version => return Err(AppendError::Schema(version)),
    }
    old.execute_batch("ATTACH ':memory:' AS ours").map_err(foreign)?;
    let mut reader = &own[..];
    old.deserialize_read_exact("ours", &mut reader, own.len(), true).map_err(foreign)?;
    let arcs = "SELECT count(*) FROM meta AS a, ours.meta AS b \
                WHERE a.key = 'has_arcs' AND b.key = 'has_arcs' AND a.value <> b.value";
    let differ: i64 = old.query_row(arcs, [], |row| row.get(0)).map_err(foreign)?;
    if differ > 0 {
        return Err(AppendError::Branches);
    }
    old.execute_batch(ADD).map_err(foreign)?;
    let joined = joined_bits(&old).map_err(foreign)?;
    for (file, context, bits) in joined {
        old.execute("INSERT OR REPLACE INTO line_bits VALUES (?1, ?2, ?3)", (file, context, bits))
            .map_err(foreign)?;
    }
    Ok(old.serialize("main").map_err(foreign)?.to_vec())
}

/// Adds files, contexts and arcs of `ours`, each under the number it has here.
const ADD: &str = "
    INSERT OR IGNORE INTO main.meta SELECT key, value FROM ours.meta WHERE key = 'has_arcs';
    INSERT OR IGNORE INTO main.file (path) SELECT path FROM ours.file ORDER BY id;
    INSERT OR IGNORE INTO main.context (context) SELECT context FROM ours.context ORDER BY id;
    INSERT OR IGNORE INTO main.arc
        SELECT f.id, c.id, a.fromno, a.tono FROM ours.arc AS a
        JOIN ours.file AS g ON g.id = a.file_id JOIN main.file AS f ON f.path = g.path
        JOIN ours.context AS d ON d.id = a.context_id
        JOIN main.context AS c ON c.context = d.context;";

/// The lines of `ours` under the numbers they have here, with those that are
/// there already.
fn joined_bits(connection: &Connection) -> rusqlite::Result<Vec<(i64, i64, Vec<u8>)>> {
    let mut rows = connection.prepare(
        "SELECT f.id, c.id, l.numbits, o.numbits FROM ours.line_bits AS l
        JOIN ours.file AS g ON g.id = l.file_id JOIN main.file AS f ON f.path = g.path
        JOIN ours.context AS d ON d.id = l.context_id
        JOIN main.context AS c ON c.context = d.context
        LEFT JOIN main.line_bits AS o ON o.file_id = f.id AND o.context_id = c.id",
    )?;
    let rows = rows.query_map([], |row| {
        let (ours, theirs): (Vec<u8>, Option<Vec<u8>>) = (row.get(2)?, row.get(3)?);
        let theirs = theirs.unwrap_or_default();
        let byte = |bits: &[u8], at: usize| bits.get(at).copied().unwrap_or_default();
        let length = ours.len().max(theirs.len());
        let bits = (0..length).map(|at| byte(&ours, at) | byte(&theirs, at)).collect();
        Ok((row.get(0)?, row.get(1)?, bits))
    })?;
    rows.collect()
}

fn database(coverage: &Coverage, settings: &Settings) -> rusqlite::Result<Vec<u8>> {
    let mut connection = Connection::open_in_memory()?;
    connection.execute_batch(TABLES)?;
    let transaction = connection.transaction()?;
    // A file without branches beside others with would lose all of its own.
    let arcs = coverage.files.iter().all(|f| f.level >= Level::Branch);
    transaction.execute("INSERT INTO coverage_schema VALUES (?1)", [SCHEMA])?;
    let version = format!("{MAKER}{}", env!("CARGO_PKG_VERSION"));
    let meta = [("version", version.as_str()), ("has_arcs", if arcs { "1" } else { "0" })];
    for (key, value) in meta {
        transaction.execute("INSERT INTO meta VALUES (?1, ?2)", [key, value])?;
    }
    let contexts = Contexts::new(coverage, &transaction)?;
    for (number, file) in coverage.files.iter().enumerate() {
        let id = number as i64 + 1;
        let path = path(&file.path, settings);
        transaction.execute("INSERT INTO file VALUES (?1, ?2)", (id, path))?;
        if arcs {
            write_arcs(id, file, &contexts, &transaction)?;
        } else {
            write_lines(id, file, &contexts, &transaction)?;
        }
    }
    transaction.commit()?;
    Ok(connection.serialize("main")?.to_vec())
}

/// The name of a file in the data: in full and as its system spells it, as coverage.py has it, unless relative.
fn path(path: &str, settings: &Settings) -> String {
    if settings.data_file.relative {
        return path.to_owned();
    }
    let on_windows = has_drive(path) || has_drive(&settings.root);
    let root = settings.root.trim_end_matches(|c| c == '/' || on_windows && c == '\\');
    let full = if settings.root.is_empty() || path.starts_with('/') || has_drive(path) {
        path.to_owned()
    } else {
        format!("{root}/{path}")
    };
    if on_windows { full.replace('/', "\\") } else { full }
}

/// Does this path start with a drive, `C:`?
fn has_drive(path: &str) -> bool {
    matches!(path.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

/// The contexts in the table, those of the report first; the last is the one
/// without a name, for what ran in none.
struct Contexts {
    ids: Vec<i64>,
}

impl Contexts {
    fn new(coverage: &Coverage, transaction: &Transaction<'_>) -> rusqlite::Result<Self> {
        let mut ids: Vec<i64> = Vec::new();
        let mut insert = transaction.prepare("INSERT INTO context VALUES (?1, ?2)")?;
        let mut unnamed = None;
        for name in &coverage.contexts {
            let id = ids.len() as i64 + 1;
            insert.execute((id, name))?;
            unnamed = unnamed.or(name.is_empty().then_some(id));
            ids.push(id);
        }
        let unnamed = match unnamed {
            Some(id) => id,
            None => {
                let id = ids.len() as i64 + 1;
                insert.execute((id, ""))?;
                id
            }
        };
        ids.push(unnamed);
        Ok(Self { ids })
    }

    fn unnamed(&self) -> BTreeSet<i64> {
        self.ids.last().copied().into_iter().collect()
    }

    /// The contexts that ran a line.
    fn of_line(&self, file: &FileCoverage, line: Line) -> BTreeSet<i64> {
        match file.line_contexts.get(&line) {
            Some(indices) if !indices.is_empty() => {
                indices.iter().filter_map(|i| self.ids.get(*i).copied()).collect()
            }
            _ => self.unnamed(),
        }
    }

    /// The contexts that may have gone this way: those that ran both its ends.
    fn of_way(&self, file: &FileCoverage, from: Line, to: ArcEnd) -> BTreeSet<i64> {
        let start = self.of_line(file, from);
        let ArcEnd::Line(to) = to else { return start };
        let both: BTreeSet<i64> = start.intersection(&self.of_line(file, to)).copied().collect();
        if both.is_empty() { start } else { both }
    }
}

fn write_arcs(
    id: i64,
    file: &FileCoverage,
    contexts: &Contexts,
    transaction: &Transaction<'_>,
) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached("INSERT INTO arc VALUES (?1, ?2, ?3, ?4)")?;
    for (line, _) in file.statements.iter().filter(|(_, hit)| **hit) {
        for context in contexts.of_line(file, *line) {
            insert.execute((id, context, line.0, line.0))?;
        }
    }
    for branch in &file.branches {
        for exit in branch.exits.iter().filter(|e| e.taken && arrived(file, e.to)) {
            let to = match exit.to {
                ArcEnd::Line(line) => i64::from(line.0),
                ArcEnd::Exit(line) => -i64::from(line.0),
            };
            for context in contexts.of_way(file, branch.line, exit.to) {
                insert.execute((id, context, branch.line.0, to))?;
            }
        }
    }
    Ok(())
}

/// Did it get to where it went? An exception may have been pending; coverage.py
/// would take the far end of the arc for run.
fn arrived(file: &FileCoverage, to: ArcEnd) -> bool {
    match to {
        ArcEnd::Line(line) => file.statements.get(&line) != Some(&false),
        ArcEnd::Exit(_) => true,
    }
}

fn write_lines(
    id: i64,
    file: &FileCoverage,
    contexts: &Contexts,
    transaction: &Transaction<'_>,
) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached("INSERT INTO line_bits VALUES (?1, ?2, ?3)")?;
    let mut bits: std::collections::BTreeMap<i64, Vec<u8>> = std::collections::BTreeMap::new();
    for (line, _) in file.statements.iter().filter(|(_, hit)| **hit) {
        let (byte, bit) = (line.0 as usize / 8, line.0 % 8);
        for context in contexts.of_line(file, *line) {
            let bits = bits.entry(context).or_default();
            if bits.len() <= byte {
                bits.resize(byte + 1, 0);
            }
            bits[byte] |= 1 << bit;
        }
    }
    for (context, bits) in bits {
        insert.execute((id, context, bits))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_names_are_spelled_as_their_system_does() {
        let cases = [
            ("/home/me", "src/a.py", "/home/me/src/a.py"),
            ("/home/me", "/lib/a.py", "/lib/a.py"),
            ("/", "a.py", "/a.py"),
            (r"/odd\", r"b\c.py", r"/odd\/b\c.py"),
            (r"C:\work", "src/a.py", r"C:\work\src\a.py"),
            (r"C:\", "a.py", r"C:\a.py"),
            (r"C:\work", "D:/lib/a.py", r"D:\lib\a.py"),
        ];
        for (root, name, full) in cases {
            let settings = Settings { root: root.to_owned(), ..Settings::default() };
            assert_eq!(path(name, &settings), full, "{root} {name}");
            let settings = Settings { data_file: DataFileOptions { relative: true }, ..settings };
            assert_eq!(path(name, &settings), name);
        }
    }
}
