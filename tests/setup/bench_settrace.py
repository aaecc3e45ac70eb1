"""Compares the tracer of `--mode settrace` with that of mpy-coverage.

Both trace the programs of fixtures/bench, with shorter inputs, on the same
firmware: the WebAssembly port that has sys.settrace. For each, in turns, the
processor time of the program, the memory that its end finds allocated, which this
port does not collect while code runs, and the memory that is held after a
collection. What the program takes when nothing is traced is taken off the latter.
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
path = root + "/" + name + ".py"
with open(path) as file:
    code = compile(file.read(), path, "exec")
start = lambda: None
if way == "theirs":
    import mpy_coverage
    def start():
        mpy_coverage.start(include=[name], collect_arcs=arcs)
elif way == "ours":
    import _mpycov, _mpycov_trace
    def start():
        _mpycov_trace.board(root + "/")
space = {"__name__": "__main__"}
gc.collect()
"""
RUN = """
start()
exec(code, space)
sys.settrace(None)
print(gc.mem_alloc())
"""
CLEAR = """
del code, space
gc.collect()
"""
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


def measure(flash, name, way, arcs):
    """Seconds, bytes allocated at the end, bytes held by the tracer and its data."""
    board = Board(flash)
    words = {"root": "/flash/_mpycov", "name": name, "way": way, "arcs": arcs == "arcs"}
    board.run("".join(f"{key}={value!r}\n" for key, value in words.items()) + LOAD)
    loaded = int(board.run(ALLOCATED)[0])
    printed, taken = board.run(RUN)
    allocated = int(printed.split()[-1])
    board.run(CLEAR)
    held = int(board.run(ALLOCATED)[0])
    board.close()
    return taken, allocated - loaded, held - loaded


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
            print(f"\n{head}{'allocated':>22}{'ratio':>8}{'held':>16}{'ratio':>7}")
            ratios = []
            for name in SHORTER:
                found = {"plain": [], "ours": [], "theirs": []}
                for _ in range(rounds):
                    for way, results in found.items():
                        results.append(measure(flash, name, way, arcs))
                best = {way: [min(column) for column in zip(*all)] for way, all in found.items()}
                plain, ours, other = best["plain"], best["ours"], best["theirs"]
                row = f"{name:<16}" + "".join(f"{one[0]:>7.2f}" for one in (plain, ours, other))
                row += f"{other[0] / ours[0]:>7.2f}"
                ratio = [ours[0] / plain[0], other[0] / plain[0], other[0] / ours[0]]
                for kind, width in ((1, 11), (2, 8)):
                    mine, their = ours[kind] - plain[kind], other[kind] - plain[kind]
                    ratio.append(their / mine)
                    row += f"{mine:>{width}}{their:>{width}}{their / mine:>8.1f}"
                ratios.append(ratio)
                print(row, flush=True)
            means = [geomean(column) for column in zip(*ratios)]
            print("geometric means: ours %.2f of plain, theirs %.2f; theirs to ours: time %.2f, "
                  "allocated %.1f, held %.1f" % tuple(means), flush=True)


if __name__ == "__main__":
    main()
