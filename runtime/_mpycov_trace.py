# Notes which lines of which files run, on firmware that has sys.settrace.
#
# Two ways to use it. The host writes down what is to be watched, and takes the
# result as frames (`watch` or `board`, and `frames`). Or a program does it for
# itself: `start`, `stop`, `get_data`, `export_json`, or `with coverage():`. Where
# the host has left its table, what that knows comes back as frames as well. What
# is needed only then is in `_mpycov_trace_own`, what makes the frames in
# `_mpycov_trace_end`: both are imported when they are asked for.
#
# A callback that raises ends tracing for good, so none of these lets an
# exception out. Memory is set aside when a file is first met, a byte for each
# line. When there is not enough, tracing goes on with what there is, and `lost`
# says what was not noted. The firmware needs memory to report a call, and says nothing when it has none; so
# at each exception it is looked whether there is some.
import sys

# By its file name: one of `_files`, or None for a file that is not wanted.
_known = {}
# By its file name: [digest or None, a byte for each line, transitions or None,
# lines with code or None, number of lines or None, are transitions of use to the
# host?, callbacks that are free or None, the callback of all frames or None, what
# makes one for a frame, first lines of functions of which nothing more can be
# learned, or () if all functions are to be traced].
# A line's byte is 0 in its low bits when it was seen. Else it is 1; or 2 if a
# function waits for it; or 3 if code of several functions may start there. 4 is in
# it when transitions from it are watched.
_files = {}
# What was not noted, and why.
lost = []
# Says what a new file is: function of its name.
_meet = None
# Was there no memory for a while?
_starved = False
# What is called while tracing is on.
_tracing = None
# The host's table, and the tracer's own name for the directory that it is in.
_TABLE = "_mpycov_trace.txt"
_HERE = globals().get("__file__", "")
# As many transitions are kept of one file.
_MOST = 4096


def _trace(call):
    global _tracing
    _tracing = call
    sys.settrace(call)


# A new frame: MicroPython asks what shall be called in it. The tuple is garbage of
# one block of memory: the firmware looks for larger ones, such as it makes for each
# frame, from behind the last single block on, and without any it would look at all
# of the heap in use each time.
def _call(frame, event, arg, known=_known):
    try:
        (frame,)
        code = frame.f_code
        f = known[code.co_filename]
        if f and code.co_firstlineno not in f[9]:
            if f[6]:
                return f[6].pop()
            return f[7] or f[8](f, frame)
    except KeyError:
        return _first(frame)
    except Exception as error:
        _lose(error)
    return None


def _first(frame):
    try:
        name = frame.f_code.co_filename
        _known[name] = None
        f = _known[name] = _meet(name)
        if f:
            return f[7] or f[8](f, frame)
    except Exception as error:
        _lose(error)
    return None


def _lose(error):
    global _starved
    try:
        _note("%s while tracing" % type(error).__name__)
    except Exception:
        _starved = True


def _note(text):
    if text not in lost:
        lost.append(text)


# An exception went through a frame. Was there memory to report calls?
def _check():
    global _starved
    if not _starved:
        try:
            bytearray(128)
        except MemoryError:
            _starved = True


# What was lost, when there is memory again.
def _all_lost():
    if _starved:
        _note("there was no memory to spare")
    return lost


# Lines only: one callback for all frames of a file. (What does not change is in
# default arguments, which cost no memory at a call. Strings of events are compared
# by identity where that says enough. What a callback returns is of no use to
# MicroPython.)
def _lines(f):
    def step(frame, event, arg, todo=f[1], f=f, line="line"):
        if event is line:
            try:
                if todo[frame.f_lineno] & 3:
                    _new(f, frame)
            except Exception as error:
                _lose(error)
        elif event != "return":
            _check()

    return step


# A line was not seen before.
def _new(f, frame):
    n = frame.f_lineno
    state = f[1]
    if n >= len(state):
        return _grow(f, n)
    was = state[n] & 3
    state[n] &= 4
    if f[9] != () and (was == 2 or was == 1 and n == frame.f_code.co_firstlineno):
        try:
            _look(f[9], state, frame.f_code)
        except Exception:
            # It goes on being traced.
            pass


# When all lines of a function have been seen, and none is watched, then its frames
# have nothing more to tell, and the next ones go untraced. It is looked at when the
# function first starts, and again when that line comes that was then the last of
# those missing. (Code that has no `co_lines` is always traced.)
def _look(done, state, code):
    last = missing = 0
    for _, _, n in code.co_lines():
        byte = state[n]
        if byte & 4:
            return
        if byte:
            missing = n
            if byte == 1:
                last = n
    if last:
        state[last] = 2
    elif not missing:
        done.add(code.co_firstlineno)


# A file turned out to have more lines than were set aside for.
def _grow(f, n):
    try:
        if f[4] is None:
            f[1].extend(b"\x01" * (n + 128 - len(f[1])))
            f[1][n] = 0
        else:
            _lose(IndexError())
    except Exception as error:
        _lose(error)


# Lines, and the transitions from those lines that are watched. Each frame has
# a line of its own that it was at. The callback of a frame that has returned
# serves another one: a new one would take memory at each call.
def _transitions(f, frame):
    p = 0

    def step(frame, event, arg, state=f[1], f=f):
        nonlocal p
        try:
            if event == "line":
                n = frame.f_lineno
                if state[p] & 4:
                    k = p << 15 | n
                    if k not in f[2]:
                        _add(f, k)
                if state[n] & 3:
                    _new(f, frame)
                p = n
            elif event == "return":
                p = 0
                f[6].append(step)
            else:
                # Where an exception leads is no transition.
                p = 0
                _check()
        except Exception as error:
            p = 0
            _lose(error)

    return step


def _add(f, k):
    arcs = f[2]
    if len(arcs) < _MOST:
        arcs.add(k)
    else:
        _note("too many transitions")


# The table that the host wrote: a line for each file with its name, and behind a
# tab its digest, number of lines, the watched lines, or `-` where only lines
# are asked for, and the lines on which code of several functions may start. In
# both lists, `3-5` stands for 3, 4 and 5.
def _read(path):
    with open(path, "rb") as file:
        return b"\n" + file.read()


# What the table says of a file, if it is in it.
def _row(table, name):
    key = ("\n%s\t" % name).encode()
    at = table.find(key)
    if at < 0:
        return None
    at += len(key)
    return table[at : table.find(b"\n", at)].decode().split()


# Marks lines of a list.
def _mark(state, text, value):
    for part in text.split(","):
        if part and part != "-":
            ends = part.split("-")
            for n in range(int(ends[0]), int(ends[-1]) + 1):
                state[n] |= value


# Traces the files of a table. `plain` gives the name that a file has in it.
def watch(path, plain):
    global _meet
    table = _read(path)

    def meet(name):
        words = _row(table, plain(name))
        if words is None:
            return None
        digest = words[0]
        for f in _files.values():
            if f[0] == digest:
                break
        else:
            count = int(words[1])
            state = bytearray(b"\x01" * (count + 1))
            state[0] = 0
            wide = words[2] != "-"
            arcs = set() if wide else None
            pool = [] if wide else None
            f = [digest, state, arcs, None, count, wide, pool, None, _transitions, ()]
            if len(words) > 3:
                _mark(state, words[3], 3)
                f[9] = set()
            if wide:
                _mark(state, words[2], 4)
            else:
                f[7] = _lines(f)
            _files[name] = f
        return f

    _meet = meet
    _trace(_call)


# On a board, where files are in the directory `root`, which ends with `/`, or
# where the board looks for modules if that is empty.
def board(root):
    _attach()
    watch(root + _TABLE, _under(root))


# The name that a file has in the table.
def _under(root):
    root = root.lstrip("/")

    def plain(name):
        name = name.lstrip("/")
        return name[len(root) :] if name.startswith(root) else name

    return plain


# From now on the runtime's frames are those of the tracer.
def _attach():
    import _mpycov

    def give(write, all=True):
        frames(write, _mpycov._frame)

    _mpycov.frames = give
    _mpycov.reset = reset


# Another part of the tracer, which may need the directory that this one is in.
def _part(name):
    sys.path.insert(0, _HERE[: _HERE.rfind("/")] or "/" if "/" in _HERE else "")
    try:
        return __import__(name)
    finally:
        sys.path.pop(0)


# Calls `write` with each line of the frames; `frame` makes one of a body.
# Meanwhile nothing is traced.
def frames(write, frame):
    sys.settrace(None)
    _part("_mpycov_trace_end").frames(write, frame)
    sys.settrace(_tracing)


# Forgets what was seen. From then on all functions are traced.
def reset():
    _part("_mpycov_trace_end").reset()


# What a program calls that traces itself.
def __getattr__(name):
    if name in ("start", "stop", "get_data", "export_json", "coverage"):
        return getattr(_part("_mpycov_trace_own"), name)
    raise AttributeError(name)
