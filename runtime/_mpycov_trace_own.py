# Programs that trace themselves with `_mpycov_trace`, and take the result as data.
import _mpycov_trace as _core

_mode = (None, None, False, False, None, None)
_test = None
_OURS = ("_mpycov.py", "_mpycov_trace.py", "_mpycov_trace_own.py", "_mpycov_trace_end.py")


def _wanted(name):
    include, exclude = _mode[:2]
    if name[name.rfind("/") + 1 :] in _OURS:
        return False
    if include is not None and not [p for p in include if p in name]:
        return False
    return not (exclude and [p for p in exclude if p in name])


# A file that a program traces for itself: its lines are not known beforehand.
def _own(name):
    if not _wanted(name):
        return None
    f = _core._files.get(name)
    if f is None:
        row = _core._row(_mode[4], _mode[5](name)) if _mode[4] else None
        digest, count = (row[0], int(row[1])) if row else (None, None)
        code = bytearray(128) if _mode[2] else None
        state = bytearray(b"\x01" * (count + 1 if row else 128))
        state[0] = 0
        arcs = set() if _mode[3] else None
        f = [digest, state, arcs, code, count, False, None, None, _begin, ()]
        _core._files[name] = f
        f += [_core._lines(f), set(), None]
    return f


# The first frame of a file, which tells what was imported: .py or .mpy.
def _begin(f, frame):
    file = frame.f_globals.get("__file__")
    if file:
        f[12] = file[file.rfind(".") + 1 :]
        if f[12] == "mpy":
            # It is not the file of the host's table, whatever it is called.
            f[0] = f[4] = None
    f[8] = _all
    if f[2] is None and f[3] is None:
        f[7] = f[10]
        return f[7]
    return _all(f, frame)


# What a program asks for besides lines: what has code, and all transitions.
def _all(f, frame):
    note, codes = f[10:12]
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
                # Where an exception leads is no transition: it starts anew there.
                p = -first
                return
            k = p * 65536 + n
            if p != n and k not in f[2]:
                _core._add(f, k)
            p = n
        except Exception as error:
            _core._lose(error)

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
        _core._lose(error)


# Starts to trace the files whose names have one of `include` in them and none
# of `exclude`. The data say that `test_script` made them.
def start(
    include=None, exclude=None, collect_executable=False, collect_arcs=False, test_script=None
):
    global _mode, _test
    if _core._meet and not getattr(_core, "_by_program", None):
        raise RuntimeError("it is traced by `mpycov run` already: leave out `--mode settrace`")
    _core._by_program = True
    _test = test_script
    _core._starved = False
    _core._known.clear()
    _core._files.clear()
    del _core.lost[:]
    table = plain = None
    try:
        root = _core._HERE[: _core._HERE.rfind("/") + 1]
        table = _core._read(root + _core._TABLE)
        plain = _core._under(root)
        _core._attach()
    except (OSError, ImportError):
        pass
    _mode = (include, exclude, collect_executable, collect_arcs, table, plain)
    _core._meet = _own
    _core._trace(_core._call)


# Ends tracing.
def stop():
    _core._trace(None)


def _pair(k):
    n = (k + 32768 & 65535) - 32768
    return [k - n >> 16, n]


# What was seen so far.
def get_data():
    data = {"executed": {}}
    if _test is not None:
        data["_metadata"] = {"test_script": _test}
    if _mode[2]:
        data["executable"] = {}
    if _mode[3]:
        data["arcs"] = {}
    for name, f in _core._files.items():
        data["executed"][name] = [n for n in range(1, len(f[1])) if not f[1][n] & 3]
        if _mode[2]:
            data["executable"][name] = [n for n in range(len(f[3])) if f[3][n]]
        if _mode[3]:
            data["arcs"][name] = sorted([_pair(k) for k in f[2]])
    data["kinds"] = {name: f[12] for name, f in _core._files.items() if f[12]}
    if _core._all_lost():
        data["lost"] = _core.lost
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
    def __init__(self, *args, **named):
        self.args = (args, named)

    def __enter__(self):
        start(*self.args[0], **self.args[1])
        return self

    def __exit__(self, kind, value, trace):
        stop()
        return False
