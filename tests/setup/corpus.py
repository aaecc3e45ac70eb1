#!/usr/bin/env python3
"""Run directories of programs plain and instrumented, and tell what differs.

    python3 tests/setup/corpus.py DIR... --mpycov PATH --micropython PATH [--level L]... [--jobs N] [--mpy-cross PATH]
    python3 tests/setup/corpus.py --library DIR --mpycov PATH --micropython PATH [--level L]... [--jobs N]
    python3 tests/setup/corpus.py --compile DIR... --mpycov PATH --mpy-cross PATH [--level L]... [--jobs N]

Each `.py` file of the directories is a program, run in its own directory as MicroPython's test suite does. A program
that does not print and end the same twice when plain tells nothing and is counted apart. All others are run with
`mpycov run` at each level, with the files of their directory instrumented that have their name or that they import;
output and exit status must be the same. With --mpy-cross, what the compiler takes must also be taken when instrumented.

With --library the programs are the tests of a checkout of micropython-lib: each test file, and `-m unittest` in each
package that has any. Each runs in a copy of its package, with the libraries that micropython-lib's own checks put in
the path; the package, its tests and these libraries are all instrumented.

With --compile nothing runs: every `.py` file below the directories is instrumented at each level. What the compiler
takes, mpycov must take, and the compiler must take the result; on what it does not take, mpycov must not crash.
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

TIMEOUT = 60
ADDRESS = re.compile(rb"0x[0-9a-f]+|at [0-9a-f]{8,}")


# What the tests of micropython-lib import besides what they test: places in the checkout, and where in the path.
LIBRARIES = [
    ("python-stdlib/argparse/argparse.py", ""),
    ("python-stdlib/hmac/hmac.py", ""),
    ("python-stdlib/pickle/pickle.py", ""),
    ("python-stdlib/stat/stat.py", ""),
    ("unix-ffi/test.support/test", "test"),
    ("micropython/ucontextlib/ucontextlib.py", ""),
    ("python-stdlib/fnmatch/fnmatch.py", ""),
    ("python-stdlib/hashlib-core/hashlib", "hashlib"),
    ("python-stdlib/hashlib-sha224/hashlib", "hashlib"),
    ("python-stdlib/hashlib-sha256/hashlib", "hashlib"),
    ("python-stdlib/hashlib-sha384/hashlib", "hashlib"),
    ("python-stdlib/hashlib-sha512/hashlib", "hashlib"),
    ("python-stdlib/shutil/shutil.py", ""),
    ("python-stdlib/tempfile/tempfile.py", ""),
    ("python-stdlib/unittest/unittest", "unittest"),
    ("python-stdlib/unittest-discover/unittest", "unittest"),
    ("unix-ffi/ffilib/ffilib.py", ""),
]


@dataclasses.dataclass
class Program:
    """A program to run: how it is called, from where, and what of it is instrumented."""

    name: str
    place: pathlib.Path
    # What MicroPython is given: a script, or -m and a module.
    words: list
    # The options of `mpycov run` that choose files; COPY stands for the copy of the place.
    covers: list
    # The directory below its place from which it is run.
    inner: pathlib.Path = pathlib.Path()
    # Where the libraries are; the program runs in a copy of its place then.
    path: pathlib.Path | None = None


def run(command, cwd, path=None):
    """Exit status and output of a command; the status of one that does not end is "hangs"."""
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, "MICROPYPATH": f"{path}:.frozen"} if path else None,
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


def scripts(place):
    """The programs of a directory like those of MicroPython's tests."""
    for script in sorted(place.absolute().glob("*.py")):
        covers = [word for name in imported(script) for word in ("--include", name.as_posix())]
        yield Program(f"{place.name}/{script.name}", script.parent, [script.name], covers)


def library(checkout, path):
    """The tests of a checkout of micropython-lib; the libraries that they need are put into `path`."""
    for origin, name in LIBRARIES:
        if name:
            shutil.copytree(checkout / origin, path / name, dirs_exist_ok=True)
        else:
            shutil.copy(checkout / origin, path)
    for manifest in sorted(checkout.absolute().glob("*/*/manifest.py")):
        package = manifest.parent
        tests = [test.relative_to(package) for test in sorted(package.rglob("*.py")) if "test" in test.stem]
        covers = ["--source", "COPY", "--source", str(path)]
        for test in tests:
            name, inner = f"{package.name}/{test}", test.parent
            yield Program(name, package, [test.name], covers, inner, path)
            if inner.name:
                # A test in a directory of its own may look for its package from outside.
                module = ".".join(test.with_suffix("").parts)
                yield Program(f"{name} -m", package, ["-m", module], covers, pathlib.Path(), path)
        for inner in sorted({pathlib.Path(), *(test.parent for test in tests)} if tests else ()):
            name = f"{package.name}/{inner} -m unittest"
            yield Program(name, package, ["-m", "unittest"], covers, inner, path)


def only_compile(script, options):
    """What became of a file that is not run: as `judge` says it."""
    with tempfile.TemporaryDirectory() as work:
        place = pathlib.Path(work)
        status, _ = run([options.mpy_cross, "-o", str(place / "plain.mpy"), str(script)], place)
        return status, [found for level in options.level for found in compiles(script, level, options, place)]


def judge(program, options):
    """What became of a program: how it ended when plain, and a list of (level, kind, text)."""
    with tempfile.TemporaryDirectory() as work:
        place, covers = program.place, program.covers
        if program.path:
            copy = pathlib.Path(work, "copy")
            shutil.copytree(program.place, copy)
            place, covers = copy / program.inner, [str(copy) if word == "COPY" else word for word in covers]
        plain = [options.micropython, *program.words]
        first, second = run(plain, place, program.path), run(plain, place, program.path)
        if first != second:
            return first[0], [("", "unsteady", "")]
        if first[0] == "hangs":
            return first[0], [("", "hangs", "")]
        if first[0] < 0:
            return first[0], [("", "crashes", "")]
        found = []
        for level in options.level:
            command = [options.mpycov, "run", "-q", "--micropython", options.micropython, "--level", level]
            command += ["--data-dir", f"{work}/data", *covers, *program.words]
            seen = run(command, place, program.path)
            if seen != first:
                again = run(command, place, program.path)
                kind = "differs" if again != first else "differs once"
                text = f"status {first[0]}, {seen[0]}\n{difference(first[1], seen[1])}"
                found.append((level, kind, text))
            if options.mpy_cross and not program.path:
                found += compiles(place / program.words[0], level, options, pathlib.Path(work))
    return first[0], found


def compiles(script, level, options, work):
    """Does the compiler take the instrumented program, if it takes the plain one?"""
    command = [options.mpy_cross, "-o", str(work / "out.mpy"), "-s", script.name]
    taken = run([*command, str(script)], work)[0] == 0
    woven = subprocess.run(
        [options.mpycov, "debug", "woven", "--level", level, str(script)], capture_output=True, timeout=TIMEOUT
    )
    if woven.returncode not in (0, 1):
        return [(level, "ends mpycov", woven.stderr.decode("utf-8", "replace"))]
    if not taken:
        return []
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
    parser.add_argument("directories", nargs="*", type=pathlib.Path)
    parser.add_argument("--library", type=pathlib.Path)
    parser.add_argument("--compile", nargs="+", type=pathlib.Path, default=[])
    parser.add_argument("--mpycov", required=True)
    parser.add_argument("--micropython")
    parser.add_argument("--mpy-cross")
    parser.add_argument("--level", action="append")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    options.level = options.level or ["block", "line", "branch", "condition"]
    if (options.directories or options.library) and not options.micropython:
        parser.error("programs need --micropython to run on")
    if options.compile and not options.mpy_cross:
        parser.error("--compile needs --mpy-cross")
    for name in ("mpycov", "micropython", "mpy_cross"):
        program = getattr(options, name)
        if program:
            setattr(options, name, shutil.which(program) or parser.error(f"there is no program {program}"))
    counts = collections.Counter()
    with tempfile.TemporaryDirectory() as path, concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        programs = [program for place in options.directories for program in scripts(place)]
        if options.library:
            programs += library(options.library, pathlib.Path(path))
        judges = [(program.name, pool.submit(judge, program, options)) for program in programs]
        for script in sorted({path.absolute() for place in options.compile for path in place.rglob("*.py")}):
            if script.is_file():
                judges.append((str(script), pool.submit(only_compile, script, options)))
        if not judges:
            parser.error("there are no programs")
        for name, judged in judges:
            status, found = judged.result()
            counts["programs"] += 1
            counts["the same"] += not found
            counts["of these failing"] += not found and status != 0
            for level, kind, text in found:
                counts[kind] += 1
                print(f"{name}: {kind} {level}\n{text}".rstrip(), flush=True)
    print(", ".join(f"{kind}: {count}" for kind, count in counts.items()))
    return 1 if set(counts) & {"differs", "refused", "does not compile", "ends mpycov"} else 0


if __name__ == "__main__":
    sys.exit(main())
