# Notes transitions between lines as well, from those lines that are watched.
from builtins import len, set

import _mpycov_trace as _core
from _mpycov_trace import _check, _new

# As many are kept of one file.
_MOST = 4096
# As many callbacks are kept of one file, for as many depths of calls.
_KEPT = 6


# From now on the tracer works in this way; gives what is to be called.
def way():
    _core._meet = _listed
    return _call


def _listed(name, frame):
    return _core._listed(name, frame, _file)


# What is known of a file: state, a callback for each depth of calls in it, transitions.
# The first byte of the state, for which there is no line, is the depth.
def _file(f):
    return f, [], set()


# See `_call` of the core.
def _call(frame, event, arg, known=_core._known):
    try:
        (frame,)
        code = frame.f_code
        f = known[code.co_filename]
        if f and not f[0][code.co_firstlineno] & 8:
            i = f[0][0]
            if i < len(f[1]):
                f[0][0] = i + 1
                return f[1][i]
            return _deeper(f, i)
    except KeyError:
        f = _core._first(frame)
        return f and _deeper(f, 0)
    except Exception as error:
        _core._lose(error)
    return None


# A callback for frames of this depth. Those of the deeper ones are not kept.
def _deeper(f, i):
    try:
        step = _step(f[0], f[2], i)
        if i < _KEPT:
            f[1].append(step)
            f[0][0] = i + 1
        return step
    except Exception as error:
        _core._lose(error)


# Each frame has a watched line of its own that it was at, shifted, or 0. As the
# callback of the core, this one has to do with 11 words. A generator that goes on is
# a new frame for the firmware. Frames that an exception ends do not say so, but those
# that it reaches know their depth.
def _step(f, arcs, i):
    p = 0

    def step(frame, event, arg, f=f, size=len(f), arcs=arcs, i=i):
        nonlocal p
        if event is "line":
            arg = frame.f_lineno
            if p:
                event = p | arg
                if event not in arcs:
                    _add(arcs, event)
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
            if event is "return":
                f[0] = i
            else:
                f[0] = i + (i < 6)
                _check()

    return step


def _add(arcs, k):
    try:
        if len(arcs) < _MOST:
            arcs.add(k)
        elif "too many transitions" not in _core.lost:
            _core.lost.append("too many transitions")
    except Exception as error:
        _core._lose(error)
