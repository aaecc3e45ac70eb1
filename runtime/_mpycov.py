# Keeps the hits of instrumented files and writes them as frames.
#
# Runs on MicroPython from 1.9.2 up, on boards with 16 KB of RAM. A hit is one
# store into memory that was set aside when the file was first imported: it
# allocates nothing, so it is safe in interrupt handlers. Importing a file
# again keeps its hits. Nothing is printed or written unless asked for.

#
# Boards get it without comments; the smallest ones in two parts, cut at the
# line of dashes, of which the second is loaded only when hits are asked for.

_files = {}

# A small heap gets a byte for each sensor.
try:
    import gc

    _small = gc.mem_free() < 32768
except Exception:
    _small = True


# The hit table of the file with this digest, which has n sensors. This and the
# next are called while modules import each other, when the smallest boards have
# stack for one call more: so on those they call nothing.
def m(digest, n):
    f = _files.get(digest)
    if f is None or len(f[0]) != n:
        f = _files[digest] = [bytearray(n) if _small else _table(n), None]
    return f[0]


# The same, and a function that fires a sensor and returns its second argument,
# or else something true.
def b(digest, n):
    f = _files.get(digest)
    if f is None or len(f[0]) != n:
        f = _files[digest] = [bytearray(n) if _small else _table(n), None]
    if f[1] is None:
        table = f[0]

        def fire(k, value=True):
            table[k] = 1
            return value

        f[1] = fire
    return f


# A list is faster and takes a word for each sensor.
def _table(n):
    try:
        if gc.mem_free() > 65536 + 32 * n:
            return [0] * n
    except Exception:
        pass
    return bytearray(n)


# -----------------------------------------------------------------------------

# By this name it is never a file of the user's.
try:
    import uos as os
except ImportError:
    import os


# Adler-32 in hexadecimal.
def _sum(text):
    a = 1
    b = 0
    for c in text:
        a = (a + ord(c)) % 65521
        b = (b + a) % 65521
    return "%04x%04x" % (b, a)


def _frame(body):
    body = "mpycov:1:" + body
    return "<%s:%s>" % (body, _sum(body))


# The bits of 256 sensors from `start` on, four to a digit, the lowest first.
def _bits(f, start):
    table = f[0]
    digits = ""
    for k in range(start, min(start + 256, len(table)), 4):
        d = 0
        for i in range(4):
            j = k + i
            if j < len(table) and table[j]:
                d |= 1 << i
        digits += "%x" % d
    return digits


# Calls `write` with each line of the frames; without `all`, files that have no
# hits are left out.
def frames(write, all=True):
    write(_frame("begin:%d" % len(_files)))
    count = 0
    for digest in _files:
        f = _files[digest]
        n = len(f[0])
        for start in range(0, n, 256):
            bits = _bits(f, start)
            if start == 0 and all or bits.strip("0"):
                write(_frame("%s:%d:%d:%s" % (digest, n, start, bits)))
                count += 1
    write(_frame("end:%d" % count))


def _print(line):
    print(line)


# Prints all hits as frames.
def dump():
    print()
    frames(_print)


def _write(path):
    out = open(path, "w")

    def write(line):
        out.write(line + "\n")

    frames(write)
    out.close()


# Writes all hits to a file. Whenever this is cut short, the file or the one
# beside it with a `~` is whole.
def save(path):
    aside = path + "~"
    _write(aside)
    rename = getattr(os, "rename", None)
    if rename is None:
        _write(path)
        return os.remove(aside)
    try:
        rename(aside, path)
    except OSError:
        # This file system does not replace files.
        os.remove(path)
        rename(aside, path)


# Forgets all hits, and keeps the tables.
def reset():
    for f in _files.values():
        table = f[0]
        for k in range(len(table)):
            table[k] = 0


# On the unix port, $MPYCOV_HITS names a file for the hits of the program,
# written when it ends, however it ends.
def _at_exit():
    try:
        import sys

        path = os.getenv("MPYCOV_HITS")
        atexit = sys.atexit
    except Exception:
        return
    if path:

        def run():
            save(path)
            if before:
                before()

        before = atexit(run)


_at_exit()
