#!/usr/bin/env python3
"""Run a directory of programs plain and instrumented, and tell what differs.

    python3 tests/setup/corpus.py DIR... --mpycov PATH --micropython PATH [--level L]... [--jobs N] [--mpy-cross PATH]

Each `.py` file of the directories is a program, run in its own directory as MicroPython's test suite does. A program
that does not print and end the same twice when plain tells nothing and is counted apart. All others are run with
`mpycov run` at each level, with the files of their directory instrumented that have their name or that they import;
output and exit status must be the same. With --mpy-cross, what the compiler takes must also be taken when instrumented.
"""

import argparse
import collections
import concurrent.futures
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

TIMEOUT = 60
ADDRESS = re.compile(rb"0x[0-9a-f]+|at [0-9a-f]{8,}")


def run(command, cwd):
    """Exit status and output of a command; the status of one that does not end is "hangs"."""
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        return "hangs", b""
    # Addresses of objects differ from run to run.
    return done.returncode, ADDRESS.sub(b"ADDRESS", done.stdout)


def imported(script):
    """Files that belong to a program: itself, and whatever of its directory it may import."""
    words = set(re.findall(r"[A-Za-z_]\w*", script.read_text("utf-8", "replace")))
    for path in sorted(script.parent.rglob("*.py")):
        top = path.relative_to(script.parent).parts[0].removesuffix(".py")
        if path == script or top in words:
            yield path.relative_to(script.parent)


def judge(script, options):
    """What became of a program: a list of (level, kind, text)."""
    plain = [options.micropython, script.name]
    first, second = run(plain, script.parent), run(plain, script.parent)
    if first != second:
        return [("", "unsteady", "")]
    if first[0] == "hangs":
        return [("", "hangs", "")]
    if isinstance(first[0], int) and first[0] < 0:
        return [("", "crashes", "")]
    found = []
    with tempfile.TemporaryDirectory() as work:
        for level in options.level:
            command = [options.mpycov, "run", "-q", "--micropython", options.micropython, "--level", level]
            command += ["--data-dir", f"{work}/data"]
            for name in imported(script):
                command += ["--include", name.as_posix()]
            seen = run([*command, script.name], script.parent)
            if seen != first:
                again = run([*command, script.name], script.parent)
                kind = "differs" if again != first else "differs once"
                text = f"status {first[0]}, {seen[0]}\n{difference(first[1], seen[1])}"
                found.append((level, kind, text))
            if options.mpy_cross:
                found += compiles(script, level, options, pathlib.Path(work))
    return found


def compiles(script, level, options, work):
    """Does the compiler take the instrumented program, if it takes the plain one?"""
    command = [options.mpy_cross, "-o", str(work / "out.mpy"), "-s", script.name]
    if run([*command, str(script)], work)[0] != 0:
        return []
    woven = subprocess.run(
        [options.mpycov, "debug", "woven", "--level", level, str(script)], capture_output=True, timeout=TIMEOUT
    )
    if woven.returncode != 0:
        return [(level, "refused", woven.stderr.decode("utf-8", "replace"))]
    (work / "woven.py").write_bytes(woven.stdout)
    status, output = run([*command, str(work / "woven.py")], work)
    return [(level, "does not compile", output.decode("utf-8", "replace"))] if status else []


def difference(plain, seen):
    """The first lines that differ."""
    plain, seen = plain.split(b"\n"), seen.split(b"\n")
    for number, (a, b) in enumerate(zip(plain + [b"(end)"], seen + [b"(end)"])):
        if a != b:
            return f"line {number + 1}:\n- {a.decode('utf-8', 'replace')}\n+ {b.decode('utf-8', 'replace')}"
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directories", nargs="+", type=pathlib.Path)
    parser.add_argument("--mpycov", required=True)
    parser.add_argument("--micropython", required=True)
    parser.add_argument("--mpy-cross")
    parser.add_argument("--level", action="append")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    options.level = options.level or ["block", "line", "branch", "condition"]
    for name in ("mpycov", "micropython", "mpy_cross"):
        program = getattr(options, name)
        if program:
            setattr(options, name, shutil.which(program) or parser.error(f"there is no program {program}"))
    scripts = [path.absolute() for place in options.directories for path in sorted(place.glob("*.py"))]
    if not scripts:
        parser.error("there are no programs")
    counts = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for script, found in zip(scripts, pool.map(lambda s: judge(s, options), scripts)):
            counts["programs"] += 1
            counts["the same"] += not found
            for level, kind, text in found:
                counts[kind] += 1
                print(f"{script.parent.name}/{script.name}: {kind} {level}\n{text}".rstrip(), flush=True)
    print(", ".join(f"{kind}: {count}" for kind, count in counts.items()))
    return 1 if set(counts) & {"differs", "refused", "does not compile"} else 0


if __name__ == "__main__":
    sys.exit(main())
