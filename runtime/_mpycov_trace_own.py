# Programs that trace themselves with `_mpycov_trace`, and take the result as data.
import sys
from builtins import bytearray, hash, len, set

import _mpycov_trace as _core

_known = _core._known
# What was asked for: include, exclude, lines with code?, transitions?
_mode = (None, None, False, False)
# What says that it made the data.
_test = None
# What keeps transitions.
_arcs = None


def _wanted(name):
    include, exclude = _mode[:2]
    own = name[name.rfind("/") + 1 :]
    if own == "_mpycov.py" or own.startswith("_mpycov_trace"):
        return False
    if include is not None and not [p for p in include if p in name]:
        return False
    return not (exclude and [p for p in exclude if p in name])


# A file that a program traces for itself: its lines are not known beforehand, unless
# it is in the host's table. To state and callback come the transitions, a byte for each
# line that says whether it has code, the functions whose code was noted, what was
# imported (py or mpy), and the row of the table.
def _own(name, frame):
    if not _wanted(name):
        return None
    kind = frame.f_globals.get("__file__", "")
    kind = kind[kind.rfind(".") + 1 :]
    row = None
    # A .mpy is not the file of the table, whatever it is called.
    if _core._table and kind != "mpy":
        row = _core._row(name)
    state = bytearray(b"\x01" * (int(row[1]) + 1 if row else 128))
    codes, arcs = _mode[2:]
    codes = bytearray() if codes else None
    arcs = {} if arcs else None
    return state, _lines(state, not row), arcs, codes, set(), kind, row


def _call(frame, event, arg):
    try:
        code = frame.f_code
        name = code.co_filename
        f = _known[name] if name in _known else _core._first(frame)
        if f:
            if f[3] is not None:
                _code(f, code)
            return f[1] if f[2] is None else _transitions(f, -code.co_firstlineno)
    except Exception as error:
        _core._lose(error)
    return None


def _lines(state, grows):
    def step(frame, event, arg):
        if event == "line":
            try:
                n = frame.f_lineno
                if n >= len(state) and grows:
                    state.extend(b"\x01" * (n + 128 - len(state)))
                state[n] = 0
            except Exception as error:
                _core._lose(error)
        elif event != "return":
            _core._check()

    return step


# All transitions: into a function from the negative of its first line, and out of it
# to there.
def _transitions(f, first):
    p = first

    def step(frame, event, arg, note=f[1], arcs=f[2], first=first):
        nonlocal p
        try:
            note(frame, event, arg)
            if event == "line":
                n = frame.f_lineno
            elif event == "return":
                n = first
            else:
                # Where an exception leads is no transition: it starts anew there.
                p = first
                return
            k = p * 65536 + n
            if p != n and k not in arcs:
                _arcs._more(arcs, k)
            p = n
        except Exception as error:
            _core._lose(error)

    return step


# Notes the lines that have code.
def _code(f, code):
    key = code.co_firstlineno << 12 | hash(code.co_name) & 0xFFF
    if key in f[4]:
        return
    f[4].add(key)
    has = f[3]
    for _, _, n in code.co_lines():
        if n > 0:
            if n >= len(has):
                has.extend(bytes(n + 128 - len(has)))
            has[n] = 1


# Starts to trace the files whose names have one of `include` in them and none
# of `exclude`. The data say that `test_script` made them.
def start(
    include=None, exclude=None, collect_executable=False, collect_arcs=False, test_script=None
):
    global _arcs, _mode, _test
    if _core._meet not in (None, _own):
        raise RuntimeError("it is traced by `mpycov run` already: leave out `--mode settrace`")
    _test = test_script
    _core._starved = False
    _known.clear()
    del _core.lost[:]
    _mode = (include, exclude, collect_executable, collect_arcs)
    _core._use(_core._HERE)
    try:
        open(_core._table).close()
    except OSError:
        _core._table = ""
    if collect_arcs:
        _arcs = _core._part("_mpycov_trace_arcs")
    _core._meet = _own
    _core._trace(_call)


# Ends tracing. What the host asks for the result is loaded while it is known where it is.
def stop():
    try:
        if _core.ENDED in _lost() and _core.ENDED not in _core.lost:
            _core.lost.append(_core.ENDED)
    except Exception as error:
        _core._lose(error)
    _core._trace(None)
    if _core._table:
        try:
            _core._part("_mpycov")
        except Exception:
            pass


# What was not noted. In exit handlers the firmware has switched tracing off, which is not
# the program's doing.
def _lost():
    if _core._tracing:
        sys.settrace(_core._tracing)
    return _core._part("_mpycov_trace_end").all_lost()


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
    for name, f in _known.items():
        if not f:
            continue
        data["executed"][name] = [n for n in range(1, len(f[0])) if not f[0][n]]
        if _mode[2]:
            data["executable"][name] = [n for n in range(len(f[3])) if f[3][n]]
        if _mode[3]:
            data["arcs"][name] = sorted([_pair(k) for k in f[2]])
    data["kinds"] = {name: f[5] for name, f in _known.items() if f and f[5]}
    lost = _lost()
    if lost:
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
    def __init__(self, *args, **named):
        self.args = (args, named)

    def __enter__(self):
        start(*self.args[0], **self.args[1])
        return self

    def __exit__(self, kind, value, trace):
        stop()
        return False
