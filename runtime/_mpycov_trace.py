# Notes which lines of which files run, on firmware that has sys.settrace.
#
# Two ways to use it. The host writes down what is to be watched, and takes the
# result as frames (`board`, and `_mpycov_trace_end`). Or a program does
# it for itself: `start`, `stop`, `get_data`, `export_json`, or `with coverage():`.
# This part is in memory while the program runs, so all that can be elsewhere is:
# transitions in `_mpycov_trace_arcs`, what programs call in `_mpycov_trace_own`,
# and what makes the frames in `_mpycov_trace_end`, which is imported in the end.
#
# A callback that raises ends tracing for good, so none of these lets an
# exception out. Memory is set aside when a file is first met, a byte for each
# line. When there is not enough, tracing goes on with what there is, and `lost`
# says what was not noted. The firmware needs memory to report a call, and says
# nothing when it has none; so at each exception it is looked whether there is some.
import micropython
import sys

# The program may put others in their place.
from builtins import bool, bytearray, int, len, open, range, type, zip

# By its file name: None for a file that is not wanted, or a tuple that starts with
# its state and the callback of its frames. The state has a byte for each line, which
# is 0 when there is nothing to be done there. In its low bits it is 1 if the line was
# not seen; or 2 if a function waits for it besides; or 3 if code of several functions may
# start there. 4 is in it when transitions from it are watched, and 8 on the first line of
# a function of which nothing more can be learned.
_known = {}
# Said when a .mpy has the name of a source.
_COMPILED = "a .mpy has the name of a source that is traced"
# Said when the tracer is not called any more.
ENDED = "tracing ended before the program did"
# Said when files of several directories have the same name.
_TWO = "two files were imported by one relative name"
# What was not noted, and why: texts, and types of exceptions.
lost = []
# Was there no memory for a while?
_starved = False
# What is called while tracing is on.
_tracing = None
# Says what a new file is: function of its name and a frame of it.
_meet = None
# The host's table, and the directory whose files are in it.
_table = _root = ""
# The directory that the tracer itself is in.
_HERE = globals().get("__file__", "")
_HERE = _HERE[: _HERE.rfind("/") + 1]


# A new frame: MicroPython asks what shall be called in it. The tuple is garbage of
# one block of memory: the firmware looks for larger ones, such as it makes for each
# frame, from behind the last single block on, and without any it would look at all
# of the heap in use each time.
def _call(frame, event, arg, known=_known):
    try:
        (frame,)
        code = frame.f_code
        f = known[code.co_filename]
        if f and not f[0][code.co_firstlineno] & 8:
            return f[1]
    except KeyError:
        f = _first(frame)
        return f and f[1]
    except Exception as error:
        _lose(error)
    return None


def _first(frame):
    try:
        name = frame.f_code.co_filename
        _known[name] = None
        f = _known[name] = _meet(name, frame)
        return f
    except Exception as error:
        _lose(error)


# One callback for all frames of a file. It is written so that MicroPython has room
# for it on its stack, which holds 11 words of variables, values and a `try`: what is
# larger is put on the heap, at each event. So nothing in it can raise, and variables
# serve twice. (What a callback returns is of no use to MicroPython.)
def _lines(f):
    def step(frame, event, arg, f=f, size=len(f)):
        if event is "line":
            arg = frame.f_lineno
            if arg >= size or f[arg]:
                _new(f, frame)
        elif event != "return":
            _check()

    return f, step


# A .mpy may have been made from a file of the same name. Its lines are not those of the
# source that is traced.
def _is_compiled(frame):
    try:
        if not frame.f_globals.get("__file__", "").endswith(".mpy"):
            return False
    except Exception:
        # The program has put something else there.
        return False
    if _COMPILED not in lost:
        lost.append(_COMPILED)
    return True


# A line was not seen before, or is one that a function starts on of which all is known.
def _new(f, frame):
    try:
        n = frame.f_lineno
        was = f[n] & 3
        if was and not _is_compiled(frame):
            f[n] &= 12
            code = frame.f_code
            if (was == 2 or was == 1 and n == code.co_firstlineno) and not _locked():
                _look(f, code)
    except Exception as error:
        _lose(error)


# When all lines of a function have been seen, and none is watched, then its frames
# have nothing more to tell, and the next ones go untraced. It is looked at when the
# function first starts, and again when that line comes that was then the last of
# those missing. (Code that has no `co_lines` is always traced.)
def _look(f, code):
    try:
        last = missing = 0
        for _, _, n in code.co_lines():
            byte = f[n] if n else 0
            if byte & 4:
                return
            if byte & 3:
                missing = n
                if byte == 1:
                    last = n
        if last:
            f[last] = 2
        elif not missing:
            f[code.co_firstlineno] |= 8
    except Exception:
        # The function goes on being traced.
        pass


def _lose(error):
    global _starved
    try:
        if type(error) not in lost:
            lost.append(type(error))
    except Exception:
        _starved = True


# Is the heap locked? Then nothing may fail for lack of memory here: the exception would be
# put where that of the program is.
def _locked():
    try:
        micropython.heap_lock()
        return micropython.heap_unlock()
    except AttributeError:
        return 0


# An exception went through a frame. Was there memory to report calls?
def _check():
    global _starved
    if not _starved:
        try:
            _starved = bool(_locked() or not bytearray(128))
        except MemoryError:
            _starved = True


# What the table says of a file, if it is in it. There is a line for each
# file with its name, and behind a tab its digest, number of lines, and in hexadecimal
# a bit for each line, whether functions share it; another one whether it is watched. It is read each time, so as not to be held: a file is
# met when it is imported, from the same place.
def _row(name):
    name = _plain(name)
    if not name:
        return None
    key = (name + "\t").encode()
    with open(_table, "rb") as file:
        for row in file:
            if row.startswith(key):
                return row[len(key) :].decode().split()


def _listed(name, frame, make=_lines):
    row = _row(name)
    if row and not _is_compiled(frame):
        f = bytearray(b"\x01" * (int(row[1]) + 1))
        f[0] = 0
        for word, flag in zip(row[2:], (3, 4)):
            for i in range(0, len(word), 2):
                bits = int(word[i : i + 2], 16)
                n = 4 * i
                while bits:
                    if bits & 1:
                        f[n] |= flag
                    bits >>= 1
                    n += 1
        return make(f)


def _trace(call):
    global _tracing
    _tracing = call
    sys.settrace(call)


# Traces the files of the table: their lines, and with `arcs` the transitions that it
# names.
def watch(arcs=False):
    global _meet
    _meet = _listed
    _trace(_part("_mpycov_trace_arcs").way() if arcs else _call)


# The table is that of the directory `root`, which ends with `/`, or is where the board
# looks for modules if that is empty.
def _use(root):
    global _table, _root
    _table = root + "_mpycov_trace.txt"
    _root = root.lstrip("/")


# What a file of the table is called there. Others of the board may have such a name elsewhere.
def _plain(name):
    name = name.lstrip("/")
    return name[len(_root) :] if name.startswith(_root) else ""


# Another file came by a name that one of the table has: that one is told by `full` from
# now on, and code with this name may be of either and is not traced.
def apart(name, full):
    f = _known.pop(name, None)
    if f:
        _known[full] = f
    _known[name] = None
    if _TWO not in lost:
        lost.append(_TWO)


# On a board.
def board(root, arcs=False):
    _use(root)
    watch(arcs)


# Another part of the tracer.
def _part(name):
    sys.path.insert(0, _HERE)
    try:
        return __import__(name)
    finally:
        sys.path.pop(0)


# What a program calls that traces itself.
def __getattr__(name):
    if name in ("start", "stop", "get_data", "export_json", "coverage"):
        return getattr(_part("_mpycov_trace_own"), name)
    raise AttributeError(name)
