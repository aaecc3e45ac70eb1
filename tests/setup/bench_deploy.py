"""Measures how long placing files on a board takes: mpycov deploy, and mpremote cp.

The board is the WebAssembly port behind a pseudo-terminal. Each turn starts with
empty flash, and the programs take turns, so that a drift of the machine's speed
hits all alike. mpremote gets the plain files, and those that mpycov instrument has
made; mpycov instruments on the way. Usage: bench_deploy.py [ROUNDS]. Figures for
docs/cost.md.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
MPYCOV = ROOT / "target" / "release" / "mpycov"
MPREMOTE = ROOT / "target/targets/py/bin/mpremote"
WASM = ROOT / "target/targets/wasm/1.29.0-6"
SOURCES = ROOT / "fixtures" / "example" / "sensorhub"


def empty(flash):
    for entry in flash.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    # Where mpremote copies to.
    (flash / "copied").mkdir()


def seconds(command, directory):
    start = time.monotonic()
    done = subprocess.run(list(map(str, command)), cwd=directory, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"bench: {command} failed: {done.stdout}{done.stderr}")
    return time.monotonic() - start


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    for needed in (MPYCOV, MPREMOTE, WASM):
        if not needed.exists():
            sys.exit(f"bench: there is no {needed}: run `make build targets`")
    with tempfile.TemporaryDirectory() as temp:
        temp = pathlib.Path(temp)
        flash = temp / "flash"
        flash.mkdir()
        data = ["-q", "--data-dir", temp / "data"]
        seconds([MPYCOV, *data, "instrument", SOURCES, "-o", temp / "woven"], temp)
        board = subprocess.Popen(
            [sys.executable, ROOT / "tests/setup/pty_device.py", "node"]
            + [ROOT / "tests/setup/wasm_repl.mjs", WASM, "--root", flash],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            port = board.stdout.readline().strip()
            copy = [MPREMOTE, "connect", port, "cp"]
            woven = temp / "woven"
            deploy = [MPYCOV, *data, "deploy", "-t", port]
            ways = {
                "mpremote cp, plain": [*copy, *sorted(SOURCES.glob("*.py")), ":copied"],
                "mpremote cp, instrumented": [*copy, *sorted(woven.glob("*.py")), ":copied"],
                # As on real boards: without it this firmware is taken for one that hangs then.
                "mpycov deploy, raw-paste mode": [*deploy, "--raw-paste", SOURCES],
                "mpycov deploy, plain mode": [*deploy, SOURCES],
            }
            best = {}
            for turn in range(rounds + 1):
                for name, command in ways.items():
                    empty(flash)
                    taken = seconds(command, temp)
                    files = [f for f in flash.rglob("*.py")]
                    size = sum(f.stat().st_size for f in files)
                    # The first turn is for the caches.
                    if turn:
                        before = best.get(name, (taken,))[0]
                        best[name] = (min(before, taken), len(files), size)
            print(f"{'placing files on a board':<32}{'seconds':>8}{'files':>7}{'bytes':>9}")
            for name, (taken, files, size) in best.items():
                print(f"{name:<32}{taken:>8.2f}{files:>7}{size:>9}")
        finally:
            board.stdin.close()
            board.wait()


if __name__ == "__main__":
    main()
