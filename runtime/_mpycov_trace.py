# Notes which lines of which files run, on firmware that has sys.settrace.
#
# Two ways to use it. The host writes down what is to be watched, and takes the
# result as frames (`watch` or `board`, and `frames`). Or a program does it for
# itself: `start`, `stop`, `get_data`, `export_json`, or `with coverage():`. Where
# the host has left its table, what that knows comes back as frames as well.
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
# makes one for a frame]. A line's byte is 1 when it was seen, and 2 is in it when
# it is watched.
_files = {}
# What was not noted, and why.
lost = []
# Says what a new file is: function of its name.
_meet = None
_mode = (None, None, False, False, None, None)
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


# A new frame: MicroPython asks what shall be called in it.
def _call(frame, event, arg):
    try:
        f = _known[frame.f_code.co_filename]
        if f:
            pool = f[6]
            if pool:
                return pool.pop()
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
# default arguments, which cost no memory at a call.)
def _lines(f):
    def step(frame, event, arg, seen=f[1], f=f):
        if event == "line":
            try:
                seen[frame.f_lineno] = 1
            except IndexError:
                _grow(f, frame.f_lineno)
        elif event == "exception":
            _check()
        return step

    return step


# A file turned out to have more lines than were set aside for.
def _grow(f, n):
    try:
        if f[4] is None:
            f[1].extend(bytes(n + 128 - len(f[1])))
            f[1][n] = 1
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
                if state[p] > 1:
                    k = p << 15 | n
                    if k not in f[2]:
                        _add(f, k)
                state[n] |= 1
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

    return step


def _add(f, k):
    arcs = f[2]
    if len(arcs) < _MOST:
        arcs.add(k)
    else:
        _note("too many transitions")


# The table that the host wrote: a line for each file with its name, and behind a
# tab its digest, number of lines, and the watched lines, or `-` where only lines
# are asked for.
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
            seen = bytearray(count + 1)
            wide = words[2] != "-"
            f = [digest, seen, set(), None, count, wide, [] if wide else None, None, _transitions]
            if wide:
                for n in words[2].split(","):
                    if n:
                        seen[int(n)] = 2
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


# Forgets what was seen.
def reset():
    for f in _files.values():
        seen = f[1]
        for n in range(len(seen)):
            seen[n] &= 2
        if f[2]:
            f[2].clear()


# Calls `write` with each line of the frames; `frame` makes one of a body.
# Meanwhile nothing is traced.
def frames(write, frame):
    sys.settrace(None)
    told = [f for f in _files.values() if f[0]]
    write(frame("begin:%d" % len(told)))
    sent = 0
    for f in told:
        sent += _send(write, frame, f)
    for text in _all_lost():
        write(frame("lost:1:%s" % text))
        sent += 1
    write(frame("end:%d" % sent))
    sys.settrace(_tracing)


def _send(write, frame, f):
    digest, seen, arcs, _, count, wide = f[:6]
    sent = 0
    for start in range(0, count + 1, 256):
        digits = ""
        for k in range(start, min(start + 256, count + 1), 4):
            d = 0
            for i in range(4):
                n = k + i
                if n <= count:
                    d |= (seen[n] & 1) << i
            digits += "%x" % d
        if start == 0 or digits.strip("0"):
            write(frame("trace:1:%s:%d:%d:%s" % (digest, count, start, digits)))
            sent += 1
    if wide:
        words = ["%d-%d" % (k >> 15, k & 0x7FFF) for k in arcs]
        for start in range(0, len(words) or 1, 24):
            part = ",".join(words[start : start + 24])
            write(frame("arcs:1:%s:%s" % (digest, part)))
            sent += 1
    return sent


def _wanted(name):
    include, exclude = _mode[:2]
    if name[name.rfind("/") + 1 :] in ("_mpycov.py", "_mpycov_trace.py"):
        return False
    if include is not None and not [p for p in include if p in name]:
        return False
    return not (exclude and [p for p in exclude if p in name])


# A file that a program traces for itself: its lines are not known beforehand.
def _own(name):
    if not _wanted(name):
        return None
    f = _files.get(name)
    if f is None:
        row = _row(_mode[4], _mode[5](name)) if _mode[4] else None
        digest, count = (row[0], int(row[1])) if row else (None, None)
        code = bytearray(128) if _mode[2] else None
        seen = bytearray(count + 1 if row else 128)
        f = [digest, seen, set() if _mode[3] else None, code, count, False, None, None, _all]
        _files[name] = f
        note = _lines(f)
        if f[2] is None and code is None:
            f[7] = note
        else:
            f += [note, set()]
    return f


# What a program asks for besides lines: what has code, and all transitions.
def _all(f, frame):
    note, codes = f[9:]
    code = frame.f_code
    first = code.co_firstlineno
    key = first << 12 | hash(code.co_name) & 0xFFF
    if f[3] is not None and key not in codes:
        codes.add(key)
        _code(f, code)
    if f[2] is None:
        return note
    p = -first

    def step(frame, event, arg, note=note, first=first, f=f):
        nonlocal p
        try:
            note(frame, event, arg)
            if event == "line":
                n = frame.f_lineno
            elif event == "return":
                n = -first
            else:
                return step
            k = p * 65536 + n
            if k not in f[2]:
                _add(f, k)
            p = n
        except Exception as error:
            _lose(error)
        return step

    return step


# Notes the lines that have code.
def _code(f, code):
    seen = f[3]
    try:
        for _, _, n in code.co_lines():
            if n > 0:
                if n >= len(seen):
                    seen.extend(bytes(n + 128 - len(seen)))
                seen[n] = 1
    except Exception as error:
        _lose(error)


# Starts to trace the files whose names have one of `include` in them and none
# of `exclude`.
def start(include=None, exclude=None, collect_executable=False, collect_arcs=False):
    global _meet, _mode, _starved
    _starved = False
    _known.clear()
    _files.clear()
    del lost[:]
    table = plain = None
    try:
        root = _HERE[: _HERE.rfind("/") + 1]
        table = _read(root + _TABLE)
        plain = _under(root)
        _attach()
    except (OSError, ImportError):
        pass
    _mode = (include, exclude, collect_executable, collect_arcs, table, plain)
    _meet = _own
    _trace(_call)


# Ends tracing.
def stop():
    _trace(None)


def _numbers(seen):
    return [n for n in range(len(seen)) if seen[n] & 1]


def _pair(k):
    n = (k + 32768 & 65535) - 32768
    return [k - n >> 16, n]


# What was seen so far.
def get_data():
    data = {"executed": {}}
    if _mode[2]:
        data["executable"] = {}
    if _mode[3]:
        data["arcs"] = {}
    for name, f in _files.items():
        data["executed"][name] = _numbers(f[1])
        if _mode[2]:
            data["executable"][name] = _numbers(f[3])
        if _mode[3]:
            data["arcs"][name] = sorted([_pair(k) for k in f[2]])
    if _all_lost():
        data["lost"] = lost
    return data


# Writes it to a file, or prints it between two lines that `collect` knows.
def export_json(path=None):
    import json

    data = get_data()
    if path is None:
        print("---MPY_COV_START---")
        print(json.dumps(data))
        print("---MPY_COV_END---")
    else:
        with open(path, "w") as file:
            json.dump(data, file)
            file.write("\n")


# Traces what is in a `with`.
class coverage:
    def __init__(self, include=None, exclude=None, collect_executable=False, collect_arcs=False):
        self.args = (include, exclude, collect_executable, collect_arcs)

    def __enter__(self):
        start(*self.args)
        return self

    def __exit__(self, kind, value, trace):
        stop()
        return False
