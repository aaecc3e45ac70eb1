//! What a board is and can do, asked once.
//!
//! In: a session. Out: a [`Board`]: firmware, memory, and which of the modules that the rest of this layer can
//! use are there. A few small questions find it all out, small enough for a board with 9 kB of memory. It
//! refuses to know what the abilities are good for.

use super::ask::Helper;
use super::error::ReplError;
use super::raw_repl::RawRepl;

const DOING: &str = "finding out what the board is";

/// With less memory than this, in bytes, questions are put one small piece after the other.
const SMALL: u64 = 32_000;

/// What a board is and can do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Board {
    /// `sys.implementation.name`: `micropython`.
    pub implementation: String,
    /// `sys.implementation.version`, the numbers of it.
    pub version: (u32, u32, u32),
    /// `sys.version`.
    pub version_text: String,
    /// `sys.platform`.
    pub platform: String,
    /// What the firmware calls the machine; empty where it does not say.
    pub machine: String,
    /// Free memory after a collection, in bytes.
    pub free_ram: u64,
    /// Used memory after a collection, in bytes.
    pub used_ram: u64,
    /// Free space of the file system, where the firmware says.
    pub free_storage: Option<u64>,
    /// The working directory at the prompt; empty where there are no directories.
    pub home: String,
    /// The `.mpy` files it takes, if any.
    pub mpy: Option<Mpy>,
    /// Whether `:=` is accepted.
    pub walrus: bool,
    /// Whether `os.mkdir` exists.
    pub directories: bool,
    /// Whether `os.rename` exists.
    pub rename: bool,
    /// Whether `os.stat` exists.
    pub stat: bool,
    /// Whether `sys.path` exists.
    pub sys_path: bool,
    /// Whether `sys.argv` exists.
    pub sys_argv: bool,
    /// Whether `sys.modules` exists.
    pub sys_modules: bool,
    /// Whether `sys.settrace` exists.
    pub settrace: bool,
    /// What decompresses.
    pub inflate: Option<Inflate>,
    /// The module with `a2b_base64`.
    pub base64: Option<&'static str>,
    /// The module with `unhexlify`.
    pub unhexlify: Option<&'static str>,
    /// The module with `sha256`.
    pub sha256: Option<&'static str>,
    /// The module with `crc32`.
    pub crc32: Option<&'static str>,
    /// The module with `BytesIO`.
    pub bytes_io: Option<&'static str>,
    /// The module with `mount`, for file systems written in Python.
    pub mount: Option<&'static str>,
    /// The module that is `os`.
    pub os: &'static str,
}

/// What decompresses, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inflate {
    /// `deflate.DeflateIO`.
    Deflate,
    /// `decompress` of this module.
    Decompress(&'static str),
}

/// Which `.mpy` files a board takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mpy {
    /// Major version.
    pub version: u8,
    /// Minor version, which matters for native code only.
    pub sub_version: u8,
    /// The architecture of native code, as `mpy-cross -march` spells it.
    pub arch: Option<&'static str>,
}

impl Mpy {
    /// Takes `sys.implementation._mpy` apart.
    #[must_use]
    pub fn from_number(number: u32) -> Self {
        const ARCHS: [&str; 13] = [
            "",
            "x86",
            "x64",
            "armv6",
            "armv6m",
            "armv7m",
            "armv7em",
            "armv7emsp",
            "armv7emdp",
            "xtensa",
            "xtensawin",
            "rv32imc",
            "rv64imc",
        ];
        let [version, flags, ..] = number.to_le_bytes();
        // The bits above the architecture are flags of newer firmware.
        let arch = (number >> 10) & 0x0f;
        Self {
            version,
            sub_version: flags & 3,
            arch: ARCHS.get(arch as usize).copied().filter(|name| !name.is_empty()),
        }
    }
}

/// What is asked for, in the order of the answer: old firmware has the names with `u` only.
const FEATURES: [&str; 25] = [
    "os.mkdir",
    "uos.mkdir",
    "os.rename",
    "uos.rename",
    "os.stat",
    "uos.stat",
    "os.remove",
    "sys.path",
    "sys.settrace",
    "deflate.DeflateIO",
    "uzlib.decompress",
    "zlib.decompress",
    "binascii.a2b_base64",
    "ubinascii.a2b_base64",
    "binascii.unhexlify",
    "ubinascii.unhexlify",
    "hashlib.sha256",
    "uhashlib.sha256",
    "binascii.crc32",
    "io.BytesIO",
    "uio.BytesIO",
    "vfs.mount",
    "uos.mount",
    "sys.argv",
    "sys.modules",
];

/// The memory, where the firmware says.
const MEMORY: &str = "import gc\ngc.collect()\n_x='%d %d'%(gc.mem_free(),gc.mem_alloc())if hasattr(gc,'mem_free')else''\n";

/// Defines `_a(names)`: which of the names `module.attribute` exist, as a row of 0 and 1.
const HAS: &str = "\
def _a(l):
 r=''
 for n in l.split():
  m,a=n.split('.')
  try:r+='01'[hasattr(__import__(m),a)]
  except Exception:r+='0'
 return r
";

/// Everything else, in the order in which [`Board::understand`] takes it apart.
const FIELDS: &str = "\
import sys
def _g(f):
 try:return str(f())
 except Exception:return''
try:import os
except ImportError:import uos as os
_i=sys.implementation
_x='\\t'.join([_i[0],'.'.join([str(v)for v in _i[1][:3]]),_g(lambda:sys.version),sys.platform,\
_g(lambda:_i._machine)or _g(lambda:os.uname()[4]),_g(lambda:(lambda s:s[1]*s[4])(os.statvfs(os.getcwd()))),\
_g(lambda:os.getcwd()),_g(lambda:_i._mpy)or _g(lambda:_i.mpy),_g(lambda:exec('(_w:=1)'))])
_g=_i=_a=0
";

impl Board {
    /// Asks a board what it is.
    ///
    /// # Errors
    /// [`ReplError`] when the board or the line fails.
    pub fn probe(repl: &mut RawRepl) -> Result<Self, ReplError> {
        // The memory first: asking the rest uses some up, for the names it is about.
        let memory = repl.ask(MEMORY, DOING)?;
        let mut numbers = memory.split(' ').map(|number| number.parse().unwrap_or(0));
        let (free_ram, used_ram) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        let at_once = if free_ram < SMALL { FEATURES.len() / 3 + 1 } else { FEATURES.len() };
        let has = [Helper { name: "_a", code: HAS.to_owned() }];
        let mut features = String::new();
        for names in FEATURES.chunks(at_once) {
            let code = format!("_x=_a('{}')\n", names.join(" "));
            features.push_str(&repl.ask_with(&has, &code, DOING)?);
        }
        // This deletes the helper, which would take memory from the program.
        let fields = repl.ask(FIELDS, DOING)?;
        repl.dropped("_a");
        let mut board = Self::understand(&fields, &features).ok_or_else(|| ReplError::Damaged {
            doing: DOING,
            attempts: 1,
            seen: format!("{fields} {features}").into_bytes(),
        })?;
        board.free_ram = free_ram;
        board.used_ram = used_ram;
        repl.consider_raw_paste(true, board.platform.as_bytes());
        Ok(board)
    }

    fn understand(fields: &str, features: &str) -> Option<Self> {
        let fields: Vec<&str> = fields.split('\t').collect();
        let [name, version, version_text, platform, machine, storage, home, mpy, walrus] =
            fields.as_slice()
        else {
            return None;
        };
        let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
        let mut number = || numbers.next().unwrap_or(0);
        if features.len() != FEATURES.len() {
            return None;
        }
        let has = |feature: &str| {
            FEATURES
                .iter()
                .position(|name| *name == feature)
                .is_some_and(|at| features.as_bytes()[at] == b'1')
        };
        let in_module = |modules: [&'static str; 2], attribute: &str| {
            modules.into_iter().find(|module| has(&format!("{module}.{attribute}")))
        };
        Some(Self {
            implementation: (*name).to_owned(),
            version: (number(), number(), number()),
            version_text: (*version_text).to_owned(),
            platform: (*platform).to_owned(),
            machine: (*machine).to_owned(),
            free_ram: 0,
            used_ram: 0,
            free_storage: storage.parse().ok(),
            home: (*home).to_owned(),
            mpy: mpy.parse().ok().filter(|number| *number != 0).map(Mpy::from_number),
            walrus: *walrus == "None",
            directories: in_module(["os", "uos"], "mkdir").is_some(),
            rename: in_module(["os", "uos"], "rename").is_some(),
            stat: in_module(["os", "uos"], "stat").is_some(),
            sys_path: has("sys.path"),
            sys_argv: has("sys.argv"),
            sys_modules: has("sys.modules"),
            settrace: has("sys.settrace"),
            inflate: if has("deflate.DeflateIO") {
                Some(Inflate::Deflate)
            } else {
                in_module(["uzlib", "zlib"], "decompress").map(Inflate::Decompress)
            },
            base64: in_module(["binascii", "ubinascii"], "a2b_base64"),
            unhexlify: in_module(["binascii", "ubinascii"], "unhexlify"),
            sha256: in_module(["hashlib", "uhashlib"], "sha256"),
            crc32: has("binascii.crc32").then_some("binascii"),
            bytes_io: in_module(["io", "uio"], "BytesIO"),
            mount: in_module(["vfs", "uos"], "mount"),
            os: if has("os.remove") { "os" } else { "uos" },
        })
    }

    /// Name and version of the firmware, for messages.
    #[must_use]
    pub fn firmware(&self) -> String {
        let (major, minor, patch) = self.version;
        format!("{} {major}.{minor}.{patch} on {}", self.implementation, self.platform)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_questions_fit_the_smallest_board() {
        assert!(FIELDS.is_ascii() && HAS.is_ascii());
        assert!(FIELDS.len() < 600, "{}", FIELDS.len());
    }

    #[test]
    fn an_answer_of_old_and_of_new_firmware() {
        let old = "micropython\t1.9.2\t3.4.0\tmicrobit\t\t\t\t\t";
        let board = Board::understand(old, "0000001000000000000000000").expect("understood");
        assert_eq!(
            (board.version, board.directories, board.sys_path, board.os),
            ((1, 9, 2), false, false, "os")
        );
        assert_eq!((board.free_storage, board.mpy, board.walrus), (None, None, false));
        let new = "micropython\t1.29.0\t3.4.0; x\trp2\tPico\t800000\t/\t4870\tNone";
        let board = Board::understand(new, "1111111111011111111111111").expect("understood");
        let mpy = Mpy { version: 6, sub_version: 3, arch: Some("armv6m") };
        assert_eq!(board.mpy, Some(mpy));
        assert_eq!(
            (board.inflate, board.mount, board.walrus),
            (Some(Inflate::Deflate), Some("vfs"), true)
        );
        assert_eq!(board.firmware(), "micropython 1.29.0 on rp2");
        assert_eq!(Board::understand("micropython\t1.9", ""), None);
        assert_eq!(Board::understand(new, "1"), None);
    }

    #[test]
    fn architectures_as_mpy_cross_spells_them() {
        assert_eq!(Mpy::from_number(774), Mpy { version: 6, sub_version: 3, arch: None });
        assert_eq!(Mpy::from_number(0x2b06).arch, Some("xtensawin"));
    }
}
