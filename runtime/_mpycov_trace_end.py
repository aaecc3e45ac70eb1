# Makes the frames of what `_mpycov_trace` noted.
import _mpycov_trace as _core


# Forgets what was seen.
def reset():
    for f in _core._files.values():
        state = f[1]
        for n in range(1, len(state)):
            state[n] |= 1
        # Where functions start was kept in these bytes.
        f[9] = ()
        if f[2]:
            f[2].clear()


def frames(write, frame):
    told = [f for f in _core._files.values() if f[0]]
    write(frame("begin:%d" % len(told)))
    sent = 0
    for f in told:
        sent += _send(write, frame, f)
    for text in _core._all_lost():
        write(frame("lost:1:%s" % text))
        sent += 1
    write(frame("end:%d" % sent))


def _send(write, frame, f):
    digest, seen, arcs, _, count, wide = f[:6]
    sent = 0
    for start in range(0, count + 1, 256):
        digits = ""
        for k in range(start, min(start + 256, count + 1), 4):
            d = 0
            for i in range(4):
                n = k + i
                if 0 < n <= count:
                    d |= (seen[n] & 3 == 0) << i
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
