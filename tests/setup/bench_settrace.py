"""Compares the tracer of `--mode settrace` with that of mpy-coverage.

Both trace the programs of fixtures/bench, with shorter inputs, on the same
firmware: the WebAssembly port that has sys.settrace. For each, in turns, the
processor time of the program, the memory that its end finds allocated, which this
port does not collect while code runs and of which what the program takes by itself
is taken off, the memory that the data hold after a collection, and that of the
tracer's code.
Usage: bench_settrace.py [ROUNDS]. Figures for docs/cost.md.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from bench import MPYCOV, ROOT, geomean

SETUP = ROOT / "tests" / "setup"
TARGETS = ROOT / "target" / "targets"
# What is made smaller in each program: the WebAssembly port is slow.
SHORTER = {
    "fixed_filter": ("wave(19000)", "wave(300)"),
    "frame_decoder": ("traffic(80000)", "traffic(800)"),
    "inventory": ("range(12)", "range(1)"),
    "job_queue": ("range(150)", "range(2)"),
    "log_parser": ("make_lines(38000)", "make_lines(400)"),
    "stack_vm": (
        "(PRIMES, 4000), (FIBONACCI, 20), (FAULTY, 20000), (PRIMES, 10**9)",
        "(PRIMES, 400), (FIBONACCI, 5)",
    ),
}
# Typed at the raw prompt one after the other: between them memory is collected.
LOAD = """
import gc, sys
sys.path.insert(0, root)
codes = []
for name in names:
    path = root + "/" + name + ".py"
    with open(path) as file:
        codes.append(compile(file.read(), path, "exec"))
start = lambda: None
gc.collect()
"""
# The tracer itself.
CODE = {
    "plain": "",
    "theirs": """
import mpy_coverage
def start():
    mpy_coverage.start(include=names, collect_arcs=arcs)
""",
    "ours": """
import _mpycov_trace
if arcs:
    import _mpycov_trace_arcs
def start():
    _mpycov_trace.board(root + "/", arcs)
""",
}
RUN = """
start()
for code in codes:
    exec(code, {"__name__": "__main__"})
sys.settrace(None)
print(gc.mem_alloc())
"""
CLEAR = "del code, codes\n"
# Four bytes of what our tracer holds may look like an address in the low memory of this
# port, and keep garbage alive.
BLANK = """
for f in _mpycov_trace._known.values():
    if f:
        for n in range(len(f[0])):
            f[0][n] = 0
del f, n
"""
# What was noted is dropped: what that frees was held.
FORGET = {
    "plain": "pass",
    "theirs": "mpy_coverage._executed.clear();mpy_coverage._arcs.clear();mpy_coverage._last_line_stack.clear()",
    "ours": "_mpycov_trace._known.clear()",
}
ALLOCATED = "import gc;print(gc.mem_alloc())"


def firmware():
    found = sorted(TARGETS.glob("wasm/*/micropython-settrace.wasm"))
    if not found:
        sys.exit("bench: no WebAssembly port with settrace is there: run `make targets`")
    return found[-1].parent


def theirs():
    found = sorted(TARGETS.glob("py/lib/*/site-packages/mpy_coverage/tracer.py"))
    if not found:
        sys.exit("bench: the package mpy-coverage is not there: run `make targets`")
    return found[-1]


# Has mpycov place the programs in `flash`, as a run of them would.
def placed(temp, flash, level):
    sources = temp / "src"
    board = f"exec:node {SETUP}/wasm_repl.mjs {firmware()} --settrace --root {flash} --raw-paste yes"
    command = [MPYCOV, "-q", "--data-dir", temp / "data", "run", "-t", board, "--mode", "settrace"]
    command += ["--level", level, "--keep", "--source", sources, "-c", "pass"]
    subprocess.run(list(map(str, command)), check=True)
    return flash / "_mpycov"


class Board:
    """The firmware behind a pipe, at its raw prompt."""

    def __init__(self, flash):
        command = ["node", SETUP / "wasm_repl.mjs", firmware(), "--settrace", "--root", flash]
        self.process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.process.stdin.write(b"\x01")
        self.process.stdin.flush()
        self.until(b"CTRL-B to exit\r\n>")

    def until(self, end):
        data = b""
        while not data.endswith(end):
            byte = self.process.stdout.read(1)
            if not byte:
                sys.exit("bench: the firmware ended")
            data += byte
        return data

    def run(self, code):
        """Runs code, and says what it printed and how many seconds of processor time it took."""
        before = self.seconds()
        self.process.stdin.write(code.encode() + b"\x04")
        self.process.stdin.flush()
        self.until(b"OK")
        printed, error, _ = self.until(b"\x04>").split(b"\x04")
        if error:
            sys.exit(f"bench: {error.decode()}")
        return printed.decode().strip(), self.seconds() - before

    def seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def measure(flash, names, way, arcs):
    """Seconds, bytes allocated at the end, bytes held by data, bytes held by the tracer's code."""
    board = Board(flash)
    words = {"root": "/flash/_mpycov", "names": names, "way": way, "arcs": arcs == "arcs"}
    board.run("".join(f"{key}={value!r}\n" for key, value in words.items()) + LOAD)
    before = int(board.run(ALLOCATED)[0])
    board.run(CODE[way] + "gc.collect()\n")
    loaded = int(board.run(ALLOCATED)[0])
    printed, taken = board.run(RUN)
    allocated = int(printed.split()[-1])
    board.run(CLEAR + (BLANK if way == "ours" else ""))
    # What asking itself leaves behind is there both times.
    board.run(FORGET[way].replace("clear", "copy"))
    lowest(board)
    held = lowest(board)
    board.run(FORGET[way])
    held -= lowest(board)
    board.close()
    return taken, allocated - loaded, held, loaded - before


def lowest(board):
    """The memory in use. Words on the stack that look like addresses keep garbage alive, others each time."""
    texts = ["#" * length + "\ngc.collect()\n" + ALLOCATED for length in range(0, 400, 37)]
    return min(int(board.run(text)[0]) for text in texts)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory() as directory:
        temp = pathlib.Path(directory)
        (temp / "src").mkdir()
        for name, (long, short) in SHORTER.items():
            text = (ROOT / "fixtures" / "bench" / f"{name}.py").read_text()
            if long not in text:
                sys.exit(f"bench: {name} has no {long} to make shorter")
            (temp / "src" / f"{name}.py").write_text(text.replace(long, short))
        for level, arcs in [("line", "lines"), ("branch", "arcs")]:
            flash = temp / level
            flash.mkdir()
            root = placed(temp, flash, level)
            shutil.copy(theirs(), root / "mpy_coverage.py")
            head = f"{arcs:<16}{'plain':>7}{'ours':>7}{'theirs':>7}{'ratio':>7}"
            print(f"\n{head}{'allocated':>22}{'ratio':>8}{'held':>16}{'ratio':>7}{'code':>16}{'ratio':>7}")
            ratios = []
            for names in [[name] for name in SHORTER] + [list(SHORTER)]:
                found = {"plain": [], "ours": [], "theirs": []}
                for _ in range(rounds):
                    for way, results in found.items():
                        results.append(measure(flash, names, way, arcs))
                best = {way: [min(column) for column in zip(*all)] for way, all in found.items()}
                plain, ours, other = best["plain"], best["ours"], best["theirs"]
                name = names[0] if len(names) == 1 else "all of them"
                row = f"{name:<16}" + "".join(f"{one[0]:>7.2f}" for one in (plain, ours, other))
                row += f"{other[0] / ours[0]:>7.2f}"
                ratio = [ours[0] / plain[0], other[0] / plain[0], other[0] / ours[0]]
                for kind, width in ((1, 11), (2, 8), (3, 8)):
                    own = plain[kind] if kind == 1 else 0
                    mine, their = ours[kind] - own, other[kind] - own
                    ratio.append(their / mine)
                    row += f"{mine:>{width}}{their:>{width}}{their / mine:>8.1f}"
                print(row, flush=True)
                if len(names) == 1:
                    ratios.append(ratio)
            means = [geomean(column) for column in zip(*ratios)]
            print("geometric means: ours %.2f of plain, theirs %.2f; theirs to ours: time %.2f, "
                  "allocated %.1f, held %.1f, code %.1f" % tuple(means), flush=True)


if __name__ == "__main__":
    main()
