//! A file system in a board's memory, so that modules can be imported without writing to its flash.
//!
//! In: a board whose firmware can mount file systems written in Python. Out: a mounted directory that takes
//! files until it is sealed and can only be read afterwards. It is gone after a reset. It refuses to know which
//! files go there.

use super::board::Board;
use super::error::{DeployError, ReplError};
use super::python::str_literal;
use super::raw_repl::RawRepl;

/// The file system: a dictionary from path to bytes. Directories are the beginnings of paths. Files are given
/// out as the streams of module `io`, which is what `import` and `open` need.
const FILE_SYSTEM: &str = "\
class _F:
 def __init__(s,v,p):s.v=v;s.p=p;s.b=bytearray()
 def write(s,d):s.b.extend(d);return len(d)
 def close(s):
  if s.b is not None:s.v.f[s.p]=bytes(s.b);s.b=None
class _V:
 def __init__(s):s.f={};s.w=1
 def mount(s,r,m):pass
 def umount(s):pass
 def getcwd(s):return'/'
 def chdir(s,p):
  if s.stat(p)[0]!=16384:raise OSError(20)
 def stat(s,p):
  p=p.strip('/')
  if p in s.f:return(32768,0,0,0,0,0,len(s.f[p]),0,0,0)
  for k in s.f:
   if not p or k.startswith(p+'/'):break
  else:
   if p:raise OSError(2)
  return(16384,0,0,0,0,0,0,0,0,0)
 def ilistdir(s,p):
  p=p.strip('/')
  p=p and p+'/'
  l={}
  for k in s.f:
   if k.startswith(p):
    n=k[len(p):].split('/')
    l[n[0]]=32768 if len(n)<2 else 16384
  return iter([(n,l[n],0)for n in l])
 def open(s,p,m):
  p=p.strip('/')
  if'w'in m and s.w:return _F(s,p)
  if'w'in m or'a'in m or'+'in m:raise OSError(30)
  if p not in s.f:raise OSError(2)
  return _I.BytesIO(s.f[p])if'b'in m else _I.StringIO(str(s.f[p],'utf8'))
";

/// Mounts an empty file system at `directory`.
pub(crate) fn mount(repl: &mut RawRepl, board: &Board, directory: &str) -> Result<(), DeployError> {
    let lacks = |missing| DeployError::NoRamModules { firmware: board.firmware(), missing };
    let mount = board.mount.ok_or_else(|| lacks("`mount` for file systems written in Python"))?;
    let io = board.bytes_io.ok_or_else(|| lacks("`io.BytesIO`"))?;
    if !board.sys_path {
        return Err(lacks("`sys.path`"));
    }
    // What an earlier session left mounted goes first.
    let code = format!(
        "import {io} as _I,{mount} as _M\n{FILE_SYSTEM}try:_M.umount({place})\nexcept OSError:pass\n_v=_V()\n_M.mount(_v,{place})\n",
        place = str_literal(directory)
    );
    repl.ask(&code, "making a file system in memory")?;
    Ok(())
}

/// From now on the file system can only be read.
pub(crate) fn seal(repl: &mut RawRepl) -> Result<(), ReplError> {
    repl.ask("_v.w=0\nimport gc\ngc.collect()\n", "closing the file system in memory").map(|_| ())
}

/// Takes the file system away. One that a reset has taken away already is fine.
pub(crate) fn unmount(repl: &mut RawRepl, board: &Board, directory: &str) -> Result<(), ReplError> {
    let Some(mount) = board.mount else {
        return Ok(());
    };
    let code = format!(
        "import {mount} as _M\ntry:_M.umount({})\nexcept OSError:pass\n_v=_V=_F=_I=None\n",
        str_literal(directory)
    );
    repl.ask(&code, "taking the file system in memory away").map(|_| ())
}
