//! What a board is and can do, asked once.
//!
//! In: a session. Out: a [`Board`]: firmware, memory, and which of the modules that the rest of this layer can
//! use are there. One small question finds it all out, small enough for a board with 9 kB of free memory. It
//! refuses to know what the abilities are good for.

use super::error::ReplError;
use super::raw_repl::RawRepl;

const DOING: &str = "finding out what the board is";

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
            arch: ARCHS
                .get(arch as usize)
                .copied()
                .filter(|name| !name.is_empty()),
        }
    }
}

/// What is asked for, in the order of the answer: old firmware has the names with `u` only.
const FEATURES: [&str; 23] = [
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
];

/// The memory, where the firmware says.
const MEMORY: &str = "import gc\ngc.collect()\n_x='%d %d'%(gc.mem_free(),gc.mem_alloc())if hasattr(gc,'mem_free')else''\n";

/// The question. A board without a module answers with an import error, one without an attribute with `False`.
fn question() -> String {
    format!(
        "import sys\n\
         def _a(m,a):\n try:return'01'[hasattr(__import__(m),a)]\n except Exception:return'0'\n\
         def _g(f):\n try:return str(f())\n except Exception:return''\n\
         try:import os\nexcept ImportError:import uos as os\n\
         _i=sys.implementation\n\
         _x=''.join([_a(*m.split('.'))for m in'{features}'.split()])\n\
         _x='\\t'.join([_i[0],'.'.join([str(v)for v in _i[1][:3]]),_g(lambda:sys.version),sys.platform,\
         _g(lambda:_i._machine)or _g(lambda:os.uname()[4]),\
         _g(lambda:(lambda s:s[1]*s[4])(os.statvfs(os.getcwd()))),_g(lambda:os.getcwd()),\
         _g(lambda:_i._mpy)or _g(lambda:_i.mpy),_g(lambda:exec('(_w:=1)')),_x])\n\
         del _a,_g\n",
        features = FEATURES.join(" ")
    )
}

impl Board {
    /// Asks a board what it is.
    ///
    /// # Errors
    /// [`ReplError`] when the board or the line fails.
    pub fn probe(repl: &mut RawRepl) -> Result<Self, ReplError> {
        // Plainly: whether raw-paste mode can be trusted depends on the answer.
        let board = repl.plainly(|repl| {
            let answer = repl.ask(&question(), DOING)?;
            let mut board = Self::understand(&answer).ok_or_else(|| ReplError::Damaged {
                doing: DOING,
                attempts: 1,
                seen: answer.into_bytes(),
            })?;
            // Apart, for the question above takes most of the memory of the smallest board; and after entering
            // anew, for the prompt keeps a buffer as long as the longest command.
            repl.enter_raw()?;
            let memory = repl.ask(MEMORY, DOING)?;
            let mut numbers = memory.split(' ').map(|number| number.parse().unwrap_or(0));
            board.free_ram = numbers.next().unwrap_or(0);
            board.used_ram = numbers.next().unwrap_or(0);
            Ok(board)
        })?;
        // The WebAssembly port announces raw-paste mode, then waits for input that can no longer come.
        if board.platform == "webassembly" {
            repl.forbid_raw_paste();
        }
        Ok(board)
    }

    fn understand(answer: &str) -> Option<Self> {
        let fields: Vec<&str> = answer.split('\t').collect();
        let [
            name,
            version,
            version_text,
            platform,
            machine,
            storage,
            home,
            mpy,
            walrus,
            features,
        ] = fields.as_slice()
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
            modules
                .into_iter()
                .find(|module| has(&format!("{module}.{attribute}")))
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
            mpy: mpy
                .parse()
                .ok()
                .filter(|number| *number != 0)
                .map(Mpy::from_number),
            walrus: *walrus == "None",
            directories: in_module(["os", "uos"], "mkdir").is_some(),
            rename: in_module(["os", "uos"], "rename").is_some(),
            stat: in_module(["os", "uos"], "stat").is_some(),
            sys_path: has("sys.path"),
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
        format!(
            "{} {major}.{minor}.{patch} on {}",
            self.implementation, self.platform
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_fits_the_smallest_board() {
        assert!(question().is_ascii());
        assert!(question().len() < 1200, "{}", question().len());
    }

    #[test]
    fn an_answer_of_old_and_of_new_firmware() {
        let old = "micropython\t1.9.2\t3.4.0\tmicrobit\t\t\t\t\t\t00000010000000000000000";
        let board = Board::understand(old).expect("understood");
        assert_eq!(
            (board.version, board.directories, board.sys_path, board.os),
            ((1, 9, 2), false, false, "os")
        );
        assert_eq!(
            (board.free_ram, board.free_storage, board.mpy, board.walrus),
            (9312, None, None, false)
        );
        let new = "micropython\t1.29.0\t3.4.0; x\trp2\tPico\t800000\t/\t4870\tNone\t11111111110111111111111";
        let board = Board::understand(new).expect("understood");
        assert_eq!(
            board.mpy,
            Some(Mpy {
                version: 6,
                sub_version: 3,
                arch: Some("armv6m")
            })
        );
        assert_eq!(
            (board.inflate, board.mount, board.walrus),
            (Some(Inflate::Deflate), Some("vfs"), true)
        );
        assert_eq!(board.firmware(), "micropython 1.29.0 on rp2");
        assert_eq!(Board::understand("micropython\t1.9"), None);
    }

    #[test]
    fn architectures_as_mpy_cross_spells_them() {
        assert_eq!(
            Mpy::from_number(774),
            Mpy {
                version: 6,
                sub_version: 3,
                arch: None
            }
        );
        assert_eq!(Mpy::from_number(0x2b06).arch, Some("xtensawin"));
    }
}
