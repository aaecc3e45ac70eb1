# Starts a program on the unix port so that it cannot tell from a plain start.
#
# Its imports are served from instrumented texts, while names, paths and
# everything else that it opens stay what they are: the root file system is
# replaced by one that hands all calls to the real one, and only an import of
# an instrumented file gets the other text.
import sys

# A file of the user's may have the name of a module that is needed here.
_path = sys.path[1:]
sys.path[:] = sys.path[:1]
import io
import micropython
import os

import _mpycov

try:
    import vfs
except ImportError:
    vfs = os
try:
    import _mpycov_trace as _tracer
except ImportError:
    _tracer = None
sys.path[:] = _path


class _Root:
    pass


# The full name of a file, without `.` and `..`.
def _full(path, cwd):
    if path[:1] != "/":
        path = cwd + "/" + path
    if "/." not in path and "//" not in path:
        return path
    parts = []
    for part in path.split("/"):
        if part == "..":
            parts[-1:] = []
        elif part and part != ".":
            parts.append(part)
    return "/" + "/".join(parts)


# Replaces the root file system. `tree` holds the instrumented files under
# their full paths.
def _overlay(tree):
    real = vfs.VfsPosix()
    cwd = os.getcwd()
    root = _Root()
    for name in ("ilistdir", "mkdir", "rmdir", "remove", "rename", "chdir", "getcwd", "statvfs"):
        if hasattr(real, name):
            setattr(root, name, getattr(real, name))
    root.mount = lambda readonly, mkfs: None
    root.umount = lambda: None
    last = [None]
    text = [None]

    # An import asks for the name, then for the file, then opens the file.
    def stat(path):
        before = last[0]
        last[0] = path
        if path[-3:] == ".py" and before is not None:
            if before == path[:-3] or path[-12:] == "/__init__.py":
                text[0] = find(path)
                if text[0]:
                    root.open = serve
        return real.stat(path)

    def serve(path, mode):
        root.open = real.open
        if path == last[0] and mode == "rb":
            path = text[0]
        return real.open(path, mode)

    # The instrumented text of a file, if it has one.
    def find(path):
        full = _full(path, real.getcwd())
        try:
            real.stat(tree + full)
            # Behind a link, `..` leads elsewhere than the name says.
            if real.stat(full)[1:3] == real.stat(path)[1:3]:
                return tree + full
        except OSError:
            pass
        return None

    root.stat = stat
    root.open = real.open
    vfs.umount("/")
    vfs.mount(root, "/")
    os.chdir(cwd)
    return root, real


def _is_ours(line):
    return '"<stdin>"' in line or "_mpycov_boot.py" in line


# The traceback as a plain start would print it: without the frames above the
# program, and with the line numbers of the sources.
def _report(error, moved, to_stderr, cwd):
    text = io.StringIO()
    sys.print_exception(error, text)
    lines = text.getvalue().split("\n")
    kept = []
    for line in lines:
        if line[:8] == '  File "' and _is_ours(line):
            continue
        if line[:8] == '  File "':
            line = _original(line, moved, cwd)
        kept.append(line)
    out = sys.stderr if to_stderr else sys.stdout
    out.write("\n".join(kept))


def _original(line, moved, cwd):
    name = line[8 : line.find('"', 8)]
    added = moved.get(name) or moved.get(_full(name, cwd))
    if added:
        head = line.find(", line ") + 7
        tail = line.find(",", head)
        if tail < 0:
            tail = len(line)
        number = int(line[head:tail])
        number -= len([a for a in added if a <= number])
        line = line[:head] + str(number) + line[tail:]
    return line


# Runs a program. `how` is a dict made by the host:
#   tree      directory of instrumented files, by their full paths
#   dir       what the first entry of sys.path shall be
#   argv      what sys.argv shall be
#   script, module or code: what to run
#   text      the instrumented text to run in the script's place
#   moved     {file name: lines that its instrumented text has more}
#   hits      file for the hits
#   stderr    does this firmware print tracebacks to stderr?
#   interrupt exit status of this firmware after Ctrl-C
#   trace     table of what is to be traced, if anything is
#   names     {full path: digest} of that
def run(how):
    sys.path[0] = how["dir"]
    sys.argv[:] = how["argv"]
    sys.modules.pop("_mpycov_boot", None)
    main = __import__("__main__")
    root, real = _overlay(how["tree"])
    cwd = real.getcwd()
    status = 0
    runtime = _mpycov
    if "trace" in how:
        runtime = _trace(how, cwd)
    try:
        if "module" in how:
            __import__(how["module"], None, None, False)
        elif "code" in how:
            exec(compile(how["code"], "<stdin>", "exec"), main.__dict__)
        else:
            script = how["script"]
            main.__dict__["__file__"] = script
            if how["text"]:

                def first(path, mode):
                    root.open = real.open
                    return real.open(how["text"], mode)

                root.open = first
            execfile(script, main.__dict__)
    except SystemExit:
        raise
    except BaseException as error:
        _unlock_heap()
        status = how["interrupt"] if isinstance(error, KeyboardInterrupt) else 1
        try:
            _report(error, how["moved"], how["stderr"], cwd)
        except MemoryError:
            sys.print_exception(error)
    finally:
        _unlock_heap()
        _save_at_exit(runtime, how["hits"])
    if status:
        sys.exit(status)


class _Tracer:
    pass


# Starts to trace, and gives what saves the result.
def _trace(how, cwd):
    names = how["names"]

    def find(name):
        return names.get(_full(name, cwd))

    runtime = _Tracer()

    def save(path):
        sys.settrace(None)
        out = open(path + "~", "w")
        _tracer.frames(lambda line: out.write(line + "\n"), _mpycov._frame)
        out.close()
        os.rename(path + "~", path)

    runtime.save = save
    _tracer.watch(how["trace"], find)
    return runtime


# A program may end with its heap locked; what follows needs memory.
def _unlock_heap():
    for _ in range(1000):
        try:
            bytearray(64)
            return
        except MemoryError:
            micropython.heap_unlock()


# Saves the hits when all is over: behind the program's own exit handler.
def _save_at_exit(runtime, path):
    atexit = getattr(sys, "atexit", None)
    if atexit is None:
        return _save(runtime, path)
    own = atexit(None)

    def last():
        try:
            if own:
                own()
        finally:
            _unlock_heap()
            _save(runtime, path)

    atexit(last)


# Neither another Ctrl-C nor a program that took the file system away may cost
# the hits.
def _save(runtime, path):
    for _ in range(3):
        try:
            return runtime.save(path)
        except KeyboardInterrupt:
            continue
        except Exception:
            try:
                vfs.mount(vfs.VfsPosix(), "/")
            except Exception:
                pass
