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
    import ffi
except ImportError:
    ffi = None
try:
    _execfile = execfile
except NameError:
    # That of Windows.
    _execfile = None
try:
    from time import ticks_ms
except ImportError:
    ticks_ms = None
try:
    import _mpycov_trace as _tracer
    import _mpycov_trace_end
except ImportError:
    _tracer = None
sys.path[:] = _path


class _Root:
    pass


# Windows has drives, and backslashes besides slashes.
_DRIVES = sys.platform == "win32"


# The full name of a file, without `.` and `..`.
def _full(path, cwd):
    if _DRIVES:
        path = path.replace("\\", "/")
        if path[1:2] == ":":
            return path[:2] + _full_below(path[2:], "")
        return cwd[:2] + _full_below(path, cwd[2:].replace("\\", "/"))
    return _full_below(path, cwd)


def _full_below(path, cwd):
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
# their full paths. `log` is the file for what unittest prints. `served` is to hold the
# full names of files by the names that they were imported by.
def _overlay(tree, log, served):
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
        if _is_unittest(path) and root.open != serve:
            text[0] = None
            root.open = serve
        return real.stat(path)

    def serve(path, mode):
        root.open = real.open
        if path == last[0] and mode == "rb":
            # A module is known before its file is opened.
            if _is_unittest(path) and "unittest" in sys.modules:
                _listen(sys.modules["unittest"], real, log)
            path = text[0] or path
        return real.open(path, mode)

    # The instrumented text of a file, if it has one.
    def find(path):
        full = _full(path, real.getcwd())
        try:
            other = served.get(path, full)
            if other != full and real.stat(path) and _tracer:
                served[other] = other
                served[path] = ""
                _tracer.apart(path, other)
            text = tree + "/" + full.replace(":", "", 1) if _DRIVES else tree + full
            real.stat(text)
            # Behind a link, `..` leads elsewhere than the name says.
            if real.stat(full)[1:3] == real.stat(path)[1:3]:
                if path not in served:
                    served[path] = full
                    if _tracer and not _tracer._known.get(path):
                        # What had this name was something else.
                        _tracer._known.pop(path, None)
                return text
        except OSError:
            pass
        return None

    root.stat = stat
    root.open = real.open
    vfs.umount("/")
    vfs.mount(root, "/")
    os.chdir(cwd)
    return root, real


# Is this a file of the package unittest?
def _is_unittest(path):
    name = path[path.rfind("/") + 1 :]
    if name[:9] == "__init__.":
        return path[: -len(name) - 1].split("/")[-1] == "unittest"
    return name in ("unittest.py", "unittest.mpy")


# Notes what unittest prints, with the time, so that the results of tests are
# known. What the tests print themselves is not looked at.
def _listen(module, real, log):
    def say(*args, **how):
        if "file" in how:
            return print(*args, **how)
        text = how.get("sep", " ").join([str(arg) for arg in args]) + how.get("end", "\n")
        print(text, end="")
        try:
            out = real.open(log, "ab")
            text = text.encode()
            out.write(("%d %d\n" % (ticks_ms() if ticks_ms else 0, len(text))).encode())
            out.write(text)
            out.close()
        except Exception:
            pass

    module.print = say


def _is_ours(line):
    return "_mpycov_boot.py" in line


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
    # Without frames there is no heading.
    if len(kept) > 1 and kept[0][:9] == "Traceback" and kept[1][:7] != "  File ":
        del kept[0]
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
#   tests     file for what unittest prints
#   frozen    file for the modules that were imported from the firmware
#   signal    the signal at which hits are saved while the program goes on
#   stderr    does this firmware print tracebacks to stderr?
#   interrupt exit status of this firmware after Ctrl-C
#   trace     table of what is to be traced, if anything is
#   arcs      are transitions traced, too?
def run(how):
    sys.path[0] = how["dir"]
    sys.argv[:] = how["argv"]
    sys.modules.pop("_mpycov_boot", None)
    main = __import__("__main__")
    served = {}
    root, real = _overlay(how["tree"], how["tests"], served)
    _save_on_signal(how["signal"], root, real, how["hits"])
    cwd = real.getcwd()
    status = 0
    if "trace" in how:
        _trace(how, cwd, served)
    try:
        if "module" in how:
            module = __import__(how["module"], None, None, False)
            if hasattr(module, "__path__"):
                __import__(how["module"] + ".__main__", None, None, False)
        elif "code" in how:
            exec(compile(how["code"], "<stdin>", "exec"), main.__dict__)
        else:
            script = how["script"]
            main.__dict__["__file__"] = script
            if _execfile is None:
                _exec(how["text"] or script, script, main.__dict__, real)
            else:
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
        if "trace" in how:
            # Has the program traced itself? In exit handlers that cannot be told.
            try:
                _mpycov_trace_end.all_lost()
            except Exception:
                pass
        _save_at_exit(how["hits"])
        _note_frozen(how["frozen"], real)
    if status:
        sys.exit(status)


# What `execfile` does, for firmware without it.
def _exec(path, name, names, real):
    source = real.open(path, "rb")
    text = source.read()
    source.close()
    exec(compile(text, name, "exec"), names)


# Notes the Python modules that came out of the firmware, which hold no sensors.
def _note_frozen(path, real):
    try:
        out = real.open(path, "w")
        for name, module in sys.modules.items():
            file = getattr(module, "__file__", None)
            if file and file[-3:] == ".py" and _is_frozen(name, file, real):
                out.write("%s %s\n" % (name, file))
        out.close()
    except Exception:
        pass


def _is_frozen(name, file, real):
    package = name.split(".")[0]
    place = getattr(sys.modules.get(package), "__path__", None)
    if place:
        return place[:7] == ".frozen"
    try:
        real.stat(file)
    except OSError:
        return True
    return False


# Callbacks that C code holds on to.
_kept = []
# So often saving is put off.
_TRIES = 20


# Saves the hits also when the host asks for them while the program runs,
# however busy it is, and when a signal ends the program. The handlers only
# leave a note: MicroPython sees to it where it is safe.
def _save_on_signal(number, root, real, path):
    left = [_TRIES]

    # While the tracer is being called it cannot be asked whether it is called: that is
    # over when this comes the next time, or it has ended.
    def put_off(end):
        try:
            if _tracer and left[0] and not _mpycov_trace_end._is_on():
                left[0] -= 1
                micropython.schedule(save, end)
                return True
        except KeyboardInterrupt:
            # It is meant for the program.
            kill(2)
        except Exception:
            pass
        left[0] = _TRIES
        return False

    def save(end):
        if put_off(end):
            return
        opener = root.open
        root.open = real.open
        try:
            _mpycov.save(path)
        except KeyboardInterrupt:
            # It is meant for the program.
            kill(2)
        except Exception:
            pass
        root.open = opener
        if end:
            kill(end)

    def asked(_):
        try:
            micropython.schedule(save, 0)
        except Exception:
            pass

    # The next such signal ends the program at once.
    def ended(signal):
        default(signal, 0)
        try:
            micropython.schedule(save, signal)
        except Exception:
            kill(signal)

    for name in ("libc.so.6", "libc.so", "libSystem.B.dylib"):
        try:
            libc = ffi.open(name)
            kill = libc.func("i", "raise", "i")
            default = libc.func("p", "signal", "ip")
            handle = libc.func("p", "signal", "iC")
            interrupt = libc.func("i", "siginterrupt", "ii")
            for signal, handler in ((number, asked), (15, ended), (1, ended)):
                _kept.append(ffi.callback("v", handler, "i", lock=True))
                if handle(signal, _kept[-1]) == 1 and handler is ended:
                    # It was ignored, as under nohup, and stays so.
                    default(signal, 1)
                interrupt(signal, 1)
            # This file says that the host may ask: else the signal would end
            # the program.
            return real.open(path + "?", "w").close()
        except Exception:
            pass


# Starts to trace. From now on the runtime's frames are those of the tracer. What else is
# compiled under the name of a file is not its text.
def _trace(how, cwd, served):
    if "script" in how:
        served[how["script"]] = _full(how["script"], cwd)
    _mpycov.frames = _mpycov_trace_end.frames
    _mpycov.reset = _mpycov_trace_end.reset
    _tracer._table = how["trace"]
    _tracer._plain = lambda name: served.get(name, "")
    _tracer.watch(how["arcs"])


# A program may end with its heap locked; what follows needs memory.
def _unlock_heap():
    for _ in range(1000):
        try:
            bytearray(64)
            return
        except MemoryError:
            micropython.heap_unlock()


# Saves the hits when all is over: behind the program's own exit handler.
def _save_at_exit(path):
    atexit = getattr(sys, "atexit", None)
    if atexit is None:
        return _save(path)
    own = atexit(None)

    def last():
        try:
            if _tracer:
                # Before exit handlers the firmware switches tracing off.
                sys.settrace(_tracer._tracing)
            if own:
                own()
        finally:
            _unlock_heap()
            _save(path)

    atexit(last)


# Neither another Ctrl-C nor a program that took the file system away may cost
# the hits.
def _save(path):
    for _ in range(3):
        try:
            return _mpycov.save(path)
        except KeyboardInterrupt:
            continue
        except Exception:
            try:
                vfs.mount(vfs.VfsPosix(), "/")
            except Exception:
                pass
