# Keeps the hits of instrumented files and writes them as frames.
#
# Runs on MicroPython from 1.9.2 up, on boards with 16 KB of RAM. A hit is one
# store into memory that was set aside when the file was first imported: it
# allocates nothing, so it is safe in interrupt handlers. Importing a file
# again keeps its hits. Nothing is printed or written unless asked for.

#
# Boards get it without comments; the smallest ones in two parts, cut at the first
# line of dashes, of which the second is loaded only when hits are asked for. Where
# sys.settrace tells what ran, what is between the lines of dashes is all they get.

_files = {}

# For so many more sensors there is memory for a word each, which is faster than
# a byte: at most an eighth of what is free beyond 64 KB. Asked once, since on a
# large heap asking takes long.
try:
    import gc

    _words = (gc.mem_free() - 65536) // 32
except Exception:
    _words = 0


# The hit table of the file with this digest, which has n sensors. This and the
# next are called while modules import each other, when the smallest boards have
# stack for one call more: so on those they call nothing.
def m(digest, n):
    global _words
    f = _files.get(digest)
    if f is None:
        _words -= n
        f = _files[digest] = [bytearray(n) if _words < 0 else [0] * n, None]
    return f[0]


# The hit tables of a file that has one or several, of these sizes, and behind
# each a function that fires a sensor of it and returns its second argument, or
# else something true.
def b(digest, *sizes):
    global _words
    f = _files.get(digest)
    if f is None:
        f = []
        for n in sizes:
            _words -= n
            table = bytearray(n) if _words < 0 else [0] * n

            def fire(k, value=True, table=table):
                table[k] = 1
                return value

            f.append(table)
            f.append(fire)
        _files[digest] = f
    return f


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


# -----------------------------------------------------------------------------

# The bits of 256 sensors from `start` on, four to a digit, the lowest first.
def _bits(table, start):
    digits = ""
    for k in range(start, min(start + 256, len(table)), 4):
        d = 0
        for i in range(4):
            j = k + i
            if j < len(table) and table[j]:
                d |= 1 << i
        digits += "%x" % d
    return digits


# The hit tables of a file, one behind the other.
def tables(digest):
    f = _files[digest]
    return [f[i] for i in range(0, len(f), 2)]


# Calls `write` with each line of the frames; without `all`, files that have no
# hits are left out.
def frames(write, all=True):
    write(_frame("begin:%d" % len(_files)))
    count = 0
    for digest in _files:
        n = 0
        for table in tables(digest):
            n += len(table)
        base = 0
        for table in tables(digest):
            for start in range(0, len(table), 256):
                bits = _bits(table, start)
                if all and not base + start or bits.strip("0"):
                    write(_frame("%s:%d:%d:%s" % (digest, n, base + start, bits)))
                    count += 1
            base += len(table)
    write(_frame("end:%d" % count))


# Forgets all hits, and keeps the tables.
def reset():
    for digest in _files:
        for table in tables(digest):
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
