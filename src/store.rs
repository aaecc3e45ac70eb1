//! The data directory: sensor maps by digest, and one data file a run.
//!
//! Safe for many runs at once: files are written whole under names of their
//! own and never changed. A file that cannot be used is named with the
//! reason, and the others still count.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::fs::{self, FileError};
use crate::model::{Digest, FileMap};
use crate::wire::data_file::{self, RunData};
use crate::wire::map_file;

/// A data directory, `.mpycov` by default. It need not exist yet.
#[derive(Clone, Debug)]
pub struct Store {
    dir: PathBuf,
}

/// What a data directory holds.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The data of each run, with the file it came from.
    pub runs: Vec<(PathBuf, RunData)>,
    /// Files that were refused, and why.
    pub refused: Vec<(PathBuf, String)>,
}

impl Store {
    /// The data directory at this path.
    #[must_use]
    pub fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// Where it is.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn map_path(&self, digest: &Digest) -> PathBuf {
        self.dir.join("maps").join(format!("{digest}.json"))
    }

    /// Keeps a sensor map, in place of one of the same digest that says
    /// something else or is damaged.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put_map(&self, map: &FileMap) -> Result<(), FileError> {
        let path = self.map_path(&map.digest);
        fs::write_if_changed(&path, map_file::to_json(map).as_bytes()).map(|_| ())
    }

    /// The sensor map of a digest.
    ///
    /// # Errors
    /// A sentence about why there is none.
    pub fn map(&self, digest: &Digest) -> Result<FileMap, String> {
        let path = self.map_path(digest);
        if !path.exists() {
            return Err(format!("there is no sensor map {digest} in {}", self.dir.display()));
        }
        let text = fs::read(&path).map_err(|e| e.to_string())?;
        let map = map_file::from_json(&text)
            .map_err(|e| format!("the sensor map {} is of no use: {e}", path.display()))?;
        if map.digest != *digest {
            return Err(format!("the sensor map {} is that of another file", path.display()));
        }
        Ok(map)
    }

    /// Keeps the data of a run under a name of its own, and says which.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put_run(&self, run: &RunData) -> Result<PathBuf, FileError> {
        let text = data_file::to_json(run);
        let stem = format!("{}_{}", timestamp(run.created), file_stem(&run.name));
        for number in 0u32.. {
            let suffix = if number == 0 { String::new() } else { format!("-{number}") };
            let path = self.data_dir().join(format!("{stem}{suffix}.json"));
            match fs::write_new(&path, text.as_bytes()) {
                Ok(()) => return Ok(path),
                Err(e) if e.source.kind() == ErrorKind::AlreadyExists && e.path == path => {}
                Err(e) => return Err(e),
            }
        }
        unreachable!("a free name is found before numbers run out")
    }

    /// Reads all data files, in order of their names.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn load(&self) -> Result<Loaded, FileError> {
        let mut loaded = Loaded::default();
        for path in self.data_files()? {
            let read = fs::read(&path).map_err(|e| e.source.to_string());
            match read.and_then(|text| data_file::from_json(&text)) {
                Ok(run) => loaded.runs.push((path, run)),
                Err(reason) => loaded.refused.push((path, reason)),
            }
        }
        Ok(loaded)
    }

    /// Reads all data files, folding those of one context into one: what a
    /// report needs, however many runs there were.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn load_folded(&self) -> Result<Loaded, FileError> {
        type Part = (BTreeMap<String, RunData>, Vec<(PathBuf, String)>);
        let paths = self.data_files()?;
        let one = |(mut runs, mut refused): Part, path: &PathBuf| {
            let read = fs::read(path).map_err(|e| e.source.to_string());
            match read.and_then(|text| data_file::from_json(&text)) {
                Ok(run) => match runs.get_mut(&run.context) {
                    Some(all) => data_file::fold(all, run),
                    None => {
                        runs.insert(run.context.clone(), run);
                    }
                },
                Err(reason) => refused.push((path.clone(), reason)),
            }
            (runs, refused)
        };
        let (runs, mut refused) = paths.par_iter().fold(Part::default, one).reduce(
            Part::default,
            |(mut runs, mut refused), (other, more)| {
                for (context, run) in other {
                    match runs.get_mut(&context) {
                        Some(all) => data_file::fold(all, run),
                        None => {
                            runs.insert(context, run);
                        }
                    }
                }
                refused.extend(more);
                (runs, refused)
            },
        );
        refused.sort();
        let dir = self.data_dir();
        Ok(Loaded { runs: runs.into_values().map(|run| (dir.clone(), run)).collect(), refused })
    }

    /// The data files.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn data_files(&self) -> Result<Vec<PathBuf>, FileError> {
        let mut files = fs::list(&self.data_dir())?;
        files.retain(|path| path.extension().is_some_and(|e| e == "json"));
        Ok(files)
    }

    /// Removes all data and maps, and the directory if nothing else is in it.
    /// Says how many data files there were.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn clean(&self) -> Result<usize, FileError> {
        let data = self.data_files()?;
        for path in &data {
            fs::remove(path)?;
        }
        for path in fs::list(&self.dir.join("maps"))? {
            if path.extension().is_some_and(|e| e == "json") {
                fs::remove(&path)?;
            }
        }
        for dir in [self.data_dir(), self.dir.join("maps"), self.dir.clone()] {
            fs::remove_empty_dir(&dir);
        }
        Ok(data.len())
    }

    /// The maps of these digests; those that are not to be had with the reason.
    #[must_use]
    pub fn maps<'d>(
        &self,
        digests: impl Iterator<Item = &'d Digest>,
    ) -> BTreeMap<Digest, Result<FileMap, String>> {
        digests.map(|digest| (digest.clone(), self.map(digest))).collect()
    }
}

/// `name` as a part of a file name.
fn file_stem(name: &str) -> String {
    let base = name.rsplit(['/', '\\']).next().unwrap_or(name).trim_end_matches(".py");
    let clean: String = base
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
        .take(60)
        .collect();
    if clean.is_empty() { "run".to_owned() } else { clean }
}

/// `YYYYMMDD_HHMMSS` of seconds since 1970, UTC.
#[must_use]
pub fn timestamp(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days as i64);
    let (h, m, s) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}{month:02}{day:02}_{h:02}{m:02}{s:02}")
}

/// Year, month and day of a number of days since 1970-01-01 (proleptic
/// Gregorian; counted in eras of 400 years that begin on a 1st of March).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    #[test]
    fn timestamps_are_calendar_dates() {
        assert_eq!(super::timestamp(0), "19700101_000000");
        assert_eq!(super::timestamp(951_827_696), "20000229_123456");
        assert_eq!(super::timestamp(4_102_444_799), "20991231_235959");
    }
}
