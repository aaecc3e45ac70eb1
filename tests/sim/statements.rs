//! Our own statements: what the board is, and what is done with its files.

use std::sync::Arc;

use mpycov::device::digest::Digest;

use super::questions::{matches, names};
use super::{Kind, SimBoard};

/// What one of our statements leaves behind.
type Answer = Result<String, String>;

impl SimBoard {
    /// Our own statements.
    pub(super) fn statement(&mut self, code: &str) -> Answer {
        for (start, name) in
            [("def _h(p):\n f=open", "_h"), ("def _w(t,i,d,n,s", "_w"), ("def _a(l):", "_a")]
        {
            if code.starts_with(start) {
                self.helpers.insert(name);
                return Ok(String::new());
            }
        }
        if code == "_x=''\n" {
            return Ok(String::new());
        }
        if code.starts_with("import os as _o\ndef _s(p):") {
            self.helpers.insert("_s");
            return Ok(String::new());
        }
        for (name, call) in [("_s", "_s("), ("_h", "_h("), ("_a", "_a(")] {
            if code.contains(call) && !self.helpers.contains(name) {
                return Err(format!("NameError(\"name '{name}' isn't defined\",)"));
            }
        }
        if let Some(parts) = matches(r"^_x=_a\('([^']*)'\)\n$", code) {
            let has = |name: &str| match self.kind {
                Kind::Large => {
                    ["os.mkdir", "os.rename", "os.stat", "os.remove", "sys.path"].contains(&name)
                        || self.roomy && name == "sys.modules"
                }
                Kind::Small => name == "os.remove",
            };
            return Ok(parts[1].split(' ').map(|name| if has(name) { '1' } else { '0' }).collect());
        }
        if code.starts_with("import sys\ndef _g(f)") {
            let home = if self.kind == Kind::Large { "/" } else { "" };
            return Ok(format!("micropython\t1.9.2\t3.4.0\tsim\tsim\t\t{home}\t\t"));
        }
        if code.starts_with("import gc\n") {
            return Ok(if self.roomy { "120000 1000" } else { "9000 1000" }.to_owned());
        }
        let flash = Arc::clone(&self.flash);
        let mut flash = flash.lock().expect("a lock");
        if let Some(parts) =
            matches(r"^_x=' '.join\(\[_h\(p\)if _s\(p\)>=0 else'-'for p in\[(.*)\]\]\)\n$", code)
        {
            let digest = |path: String| {
                flash.files.get(&path).map_or("-".to_owned(), |bytes| Digest::Polynomial.of(bytes))
            };
            return Ok(names(&parts[1]).into_iter().map(digest).collect::<Vec<_>>().join(" "));
        }
        if let Some(parts) = matches(
            r"^_l=\[(.*)\]\nfor _p in _l:\n if _s\(_p\)>=0:_o.remove\(_p\)\n_x=.*\n_l=0\n$",
            code,
        ) {
            let all = names(&parts[1]);
            for name in &all {
                flash.files.remove(name);
            }
            return Ok("0".repeat(all.len()));
        }
        if let Some(parts) =
            matches(r"^_x=''.join\(\['01'\[_s\(p\)<0\]for p in\[(.*)\]\]\)\n$", code)
        {
            let mark = |name: String| {
                if flash.directories.contains(&name) { '0' } else { '1' }
            };
            return Ok(names(&parts[1]).into_iter().map(mark).collect());
        }
        if let Some(parts) = matches(
            r"^for _p in\[(.*)\]:\n (if _s\(_p\)<0:_o.mkdir\(_p\)|try:_o.rmdir\(_p\)\n except OSError:pass)\n$",
            code,
        ) {
            for name in names(&parts[1]) {
                let inside = format!("{name}/");
                let empty = !flash.files.keys().any(|path| path.starts_with(&inside));
                if parts[2].contains("mkdir") {
                    flash.directories.insert(name);
                } else if empty {
                    flash.directories.remove(&name);
                }
            }
            return Ok(String::new());
        }
        if let Some(parts) = matches(r"^if _s\('([^']*)'\)<0:_o.mkdir\('[^']*'\)\n$", code) {
            flash.directories.insert(parts[1].clone());
            return Ok(String::new());
        }
        if let Some(parts) =
            matches(r"^if _s\('([^']*)'\)<0 and _s\('([^']*)'\)>=0:_o.rename\(.*\)\n$", code)
        {
            if !flash.files.contains_key(&parts[1])
                && let Some(bytes) = flash.files.remove(&parts[2])
            {
                flash.files.insert(parts[1].clone(), bytes);
            }
            return Ok(String::new());
        }
        if let Some(parts) = matches(
            r"^if _s\('([^']*)'\)>=0:\n if _s\('([^']*)'\)>=0:_o.remove\(.*\)\n _o.rename\(.*\)\n$",
            code,
        ) {
            if let Some(bytes) = flash.files.remove(&parts[1]) {
                flash.files.insert(parts[2].clone(), bytes);
            }
            return Ok(String::new());
        }
        if let Some(parts) =
            matches(r"(?s)^_a=open\('([^']*)','rb'\);_c=open\('([^']*)','wb'\)\n.*$", code)
        {
            let bytes = flash.files.get(&parts[1]).cloned().ok_or("OSError(2,)")?;
            let digest = Digest::Polynomial.of(&bytes);
            flash.files.insert(parts[2].clone(), bytes);
            return Ok(format!("{digest} {digest}"));
        }
        if let Some(parts) = matches(
            r"(?s)^_f=open\('([^']*)','rb'\)\nwhile 1:\n _d=_f.read\((96|768)\)\n.*print\('([^']*)',_d\)\n.*$",
            code,
        ) {
            let bytes = flash.files.get(&parts[1]).cloned().ok_or("OSError(2,)")?;
            drop(flash);
            for block in bytes.chunks(parts[2].parse().expect("a number")) {
                self.print(format!("{} b'{}'\n", parts[3], block.escape_ascii()).as_bytes());
            }
            return Ok(Digest::Polynomial.of(&bytes));
        }
        panic!("the simulated board does not know {code:?}");
    }
}
