# Notes transitions between lines as well, from those lines that are watched.
from builtins import len, range, set

import _mpycov_trace as _core
from _mpycov_trace import _check, _new

# As many are kept of one file.
_MOST = 4096
# As many callbacks are kept of one file, for as many depths of calls.
_KEPT = 4


# From now on the tracer works in this way; gives what is to be called.
def way():
    _core._meet = _listed
    return _call


def _listed(name, frame):
    return _core._listed(name, frame, _file)


# What is known of a file: state, a callback for each depth of calls in it, transitions,
# more of those, and for how many there is room. The first byte of the state, for which
# there is no line, is the depth. A set that finds no memory when it has to grow is broken
# from then on, and makes the firmware read what is behind it. So this one is made with room,
# and never grows; a dictionary, which takes twice the memory, does that safely.
def _file(f):
    room = 8
    for n in range(1, len(f)):
        if f[n] & 4:
            room += 2
    arcs = set(range(room))
    while arcs:
        arcs.discard(len(arcs) - 1)
    return f, [], arcs, {}, room


# See `_call` of the core.
def _call(frame, event, arg, known=_core._known):
    try:
        (frame,)
        code = frame.f_code
        f = known[code.co_filename]
        if f and not f[0][code.co_firstlineno] & 8:
            i = f[0][0]
            if i < len(f[1]):
                step = f[1][i]
                step(frame, event, arg)
                return step
            return _deeper(f)
    except KeyError:
        f = _core._first(frame)
        return f and _deeper(f)
    except Exception as error:
        _core._lose(error)
    return None


# A callback for frames that are deeper than before, up to some depth. What is deeper
# still starts anew: it may be deep, or frames have been left without a word.
def _deeper(f):
    try:
        if len(f[1]) == _KEPT:
            f[1].clear()
        step = _step(f[0], f[2], len(f[1]))
        f[1].append(step)
        f[0][0] = len(f[1])
        return step
    except Exception as error:
        _core._lose(error)


# Each frame has a watched line of its own that it was at, shifted, or 0. As the
# callback of the core, this one has to do with 11 words. A frame says when it returns
# or yields, but not that an exception has ended it, nor that it waits in an `await`;
# one that goes on after that is a new one for the firmware. So the depth may be too
# great for a while, and a callback may have been left at any line: it is told when it
# is given to another frame.
def _step(f, arcs, i):
    p = 0

    def step(frame, event, arg, f=f, size=len(f), arcs=arcs, i=i):
        nonlocal p
        if event is "line":
            arg = frame.f_lineno
            if p:
                event = p | arg
                if event not in arcs:
                    _add(frame, event)
                p = 0
            event = f[arg] if arg < size else 1
            if event:
                if event & 3:
                    _new(f, frame)
                if event & 4:
                    p = arg << 15
        else:
            # Where an exception leads is no transition.
            p = 0
            f[0] = i if event is "return" else i + 1
            if event is "exception":
                _check()

    return step


def _add(frame, k):
    try:
        f = _core._known[frame.f_code.co_filename]
        if len(f[2]) < f[4]:
            f[2].add(k)
        elif _core._locked():
            _check()
        else:
            _more(f[3], k)
    except Exception as error:
        _core._lose(error)


def _more(arcs, k):
    if len(arcs) < _MOST:
        arcs[k] = None
    elif "too many transitions" not in _core.lost:
        _core.lost.append("too many transitions")
