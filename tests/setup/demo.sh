#!/bin/sh
# A short tour of mpycov on the unix port of MicroPython; `make demo` calls it.
# All data goes to a temporary directory: nothing is left behind.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
mpycov=$root/target/release/mpycov
MICROPY_MICROPYTHON=${MICROPY_MICROPYTHON:-$root/target/targets/unix/micropython}
MPYCOV_DATA_DIR=$(mktemp -d)
export MICROPY_MICROPYTHON MPYCOV_DATA_DIR
trap 'rm -rf "$MPYCOV_DATA_DIR"' EXIT
trap 'exit 1' HUP INT TERM

for needed in "$mpycov" "$MICROPY_MICROPYTHON"; do
    if [ ! -x "$needed" ]; then
        echo "demo: $needed is missing: run \`make demo\`" >&2
        exit 1
    fi
done

if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold='' plain=''; fi

say() {
    echo
    printf '%s\n' "$@"
}

# Shows a command and runs it.
show() {
    printf '\n%s$ mpycov' "$bold"
    printf ' %s' "$@"
    printf '%s\n\n' "$plain"
    "$mpycov" "$@"
}

# Part of a listing: from one line number to another.
lines() {
    "$mpycov" report --format annotate --include "$1" |
        awk -v from="$2" -v to="$3" '$1 ~ /^[0-9]+$/ { n = $1 } n >= from && n <= to && !done; n > to { done = 1 }'
}

printf '%s1. A script and its module%s   (fixtures/demo)\n' "$bold" "$plain"
say "A stock MicroPython, no settrace: mpycov puts a sensor where each statement," \
    "branch and condition can be seen, runs the program, and keeps what fired." \
    "The bare --pattern takes the script test_x and the module x."
cd "$root/fixtures/demo"
show run --pattern test_demo.py
say "The sources with what was seen: \`s\` at a sensor of a block, \`==>\` where it" \
    "kept silent, or where a statement never ran."
show report --format annotate
show report

printf '\n%s2. A package with its tests%s   (fixtures/example)\n' "$bold" "$plain"
say "A driver, a bus, a command line: nine modules, 22 tests. A second run adds" \
    "to the first until \`mpycov clean\`."
cd "$root/fixtures/example"
"$mpycov" -q clean
show run --source sensorhub tests/test_sensorhub.py
show report -m
say "Line 80 of hub.py ran, and both ways were open. What was never tried is told" \
    "condition by condition, with a test that would show it:"
echo
lines sensorhub/hub.py 75 83
say "A path is one way through a decision; T and F are what its conditions were," \
    "and the value behind the arrow is the outcome. MC/DC asks for two paths that" \
    "show that a condition alone decides."
say "Next: docs/getting-started.md"
