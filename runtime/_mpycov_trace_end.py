# Makes the frames of what `_mpycov_trace` noted. Where a run is traced, its
# functions take the place of those of the runtime.
import sys
from builtins import exec, int, isinstance, len, min, open, range

import _mpycov_trace as _core

# The runtime, as far as it is loaded: the program may take it out of `sys.modules`.
_runtime = sys.modules.get("_mpycov")


# Forgets what was seen.
def reset():
    for f in _core._known.values():
        if f:
            state = f[0]
            for n in range(1, len(state)):
                # Which lines are shared is not known any more: all functions are traced.
                state[n] = state[n] & 4 | 3
            if isinstance(f[1], list):
                # It keeps its room.
                for k in list(f[2]):
                    f[2].discard(k)
                f[3].clear()


# Calls `write` with each line of the frames. Meanwhile nothing is traced.
def frames(write, all=True):
    lost = all_lost()
    sys.settrace(None)
    try:
        _frames(write, (_runtime or __import__("_mpycov"))._frame, lost)
    finally:
        sys.settrace(_core._tracing)


def _frames(write, frame, lost):
    told = _told() if _core._table else {}
    write(frame("begin:%d" % len(told)))
    sent = 0
    for digest, (count, all) in told.items():
        sent += _send(write, frame, digest, count, all)
    for what in lost:
        write(frame("lost:1:%s" % what))
        sent += 1
    write(frame("end:%d" % sent))


# What the table has of the files that were met: by the digest the number of lines and
# what is known. One file may have been met by several names. The table is read once.
def _told():
    told = {}
    met = {}
    for name, f in _core._known.items():
        if f and len(f) > 6:
            # A program that traces itself may have met something else by this name.
            if f[6]:
                told.setdefault(f[6][0], (int(f[6][1]), []))[1].append(f)
        elif f:
            met.setdefault(_core._plain(name), []).append(f)
    if met:
        with open(_core._table, "rb") as file:
            for row in file:
                at = row.rfind(b"\t")
                all = met.get(row[:at].decode())
                if all:
                    row = row[at + 1 :].decode().split()
                    told[row[0]] = (int(row[1]), all)
    return told


def _send(write, frame, digest, count, all):
    sent = 0
    for start in range(0, count + 1, 256):
        digits = ""
        for n in range(start, min(start + 256, count + 1), 4):
            d = 0
            for i in range(n or 1, min(n + 4, count + 1)):
                for f in all:
                    if not f[0][i] & 3:
                        d |= 1 << i - n
            digits += "%x" % d
        if start == 0 or digits.strip("0"):
            write(frame("trace:1:%s:%d:%d:%s" % (digest, count, start, digits)))
            sent += 1
    if isinstance(all[0][1], list):
        words = ["%d-%d" % (k >> 15, k & 0x7FFF) for f in all for part in f[2:4] for k in part]
        for start in range(0, len(words) or 1, 24):
            part = ",".join(words[start : start + 24])
            write(frame("arcs:1:%s:%s" % (digest, part)))
            sent += 1
    return sent


# Is the tracer called? It is asked with a piece of code whose name it has forgotten.
def _is_on():
    met = []
    meet = _core._meet
    _core._known.pop("<string>", None)
    _core._meet = lambda name, frame: met.append(name)
    try:
        exec("0")
    finally:
        _core._meet = meet
    return met


# What was not noted, in words.
def all_lost():
    words = []
    if _core._tracing and not _is_on():
        # If it can be set again, then the program has set another one. Else an exception
        # has left a callback, such as that of too deep a recursion or of Ctrl-C, and the
        # firmware calls none any more; or one is being called just now.
        sys.settrace(_core._tracing)
        if not _is_on():
            words.append(_core.ENDED)
        elif _core.ENDED not in _core.lost:
            _core.lost.append(_core.ENDED)
    for what in _core.lost:
        words.append(what if isinstance(what, str) else "%s while tracing" % what.__name__)
    if _core._starved:
        words.append("there was no memory to spare")
    return words
