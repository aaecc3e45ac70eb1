// Runs a program on MicroPython's WebAssembly port as the unix port would:
//
//     node run_wasm.mjs VERSION-DIRECTORY [--settrace] (SCRIPT | -c CODE) [ARG...]
//
// The program sees the host's files under the working directory's, the script's
// and /tmp's top-level directory, at their own paths. $MICROPYPATH says where modules are besides.

import fs from "node:fs";
import path from "node:path";
import { loadVersion, mountHost, takeStreams, writeAll } from "./hostfs.mjs";

const args = process.argv.slice(2);
const directory = args.shift();
const settrace = args[0] === "--settrace";
if (settrace) {
    args.shift();
}
if (directory === undefined || args.length === 0) {
    process.stderr.write("usage: node run_wasm.mjs VERSION-DIRECTORY [--settrace] (SCRIPT | -c CODE) [ARG...]\n");
    process.exit(2);
}
const code = args[0] === "-c" ? args.splice(1, 1)[0] ?? "" : undefined;
const script = args[0];

// Where the program's exit status is left: in the port's own memory file system.
const STATUS = "/.status";

// Starts the script as __main__. The two frames on the way are taken out of its traceback.
const START = `
def _start(script, base, argv, places, code=None):
    import io, sys
    main = globals()
    del main["_start"]
    if code is None:
        main["__file__"] = script
    sys.path[0] = base
    if places is not None:
        sys.path[1:] = places
    sys.argv[:] = argv
    status = 0
    try:
        if code is None:
            with open(script, "rb") as f:
                code = f.read()
        else:
            script = "<stdin>"
        exec(compile(code, script, "exec"), main)
    except SystemExit as e:
        code = e.args[0] if e.args else None
        status = code & 255 if isinstance(code, int) else 0 if code is None else 1
    except BaseException as e:
        text = io.StringIO()
        sys.print_exception(e, text)
        lines = text.getvalue().split("\\n")
        sys.stderr.write("\\n".join(lines[:1] + [x for x in lines[1:3] if '"<stdin>"' not in x] + lines[3:]))
        status = 1
    with open("/.status", "w") as f:
        f.write(str(status))
`;

function literal(text) {
    return JSON.stringify(text).replace(/[\u007f-\u009f\u2028\u2029]/g, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
}

let real;
try {
    real = code === undefined ? fs.realpathSync(script) : path.join(process.cwd(), "-c");
} catch {
    process.stderr.write(`can't open file '${script}': no such file\n`);
    process.exit(2);
}
let mp;
try {
    mp = await loadVersion(directory, { settrace });
} catch (error) {
    process.stderr.write(`run_wasm: ${error.message}\n`);
    process.exit(2);
}
takeStreams(mp, {
    out: (bytes) => writeAll(1, bytes),
    err: (bytes) => writeAll(2, bytes),
    input: (into) => {
        for (;;) {
            try {
                return fs.readSync(0, into);
            } catch (error) {
                if (error.code === "EOF") {
                    return 0;
                }
                if (error.code !== "EAGAIN") {
                    throw error;
                }
                Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
            }
        }
    },
});
const places = [process.cwd(), path.dirname(real), "/tmp", fs.realpathSync("/tmp")];
const tops = new Set(places.map((place) => "/" + place.split("/")[1]));
tops.delete("/");
mountHost(mp, [...tops].map((top) => [top, top]));
mp.FS.chdir(process.cwd());

const searched = process.env.MICROPYPATH?.split(":").map(literal).join(", ");
try {
    mp.runPython(START);
    mp.runPython(`_start(${literal(script)}, ${literal(code === undefined ? path.dirname(real) : "")}, [${args.map(literal).join(", ")}], ${searched === undefined ? "None" : `[${searched}]`}, ${code === undefined ? "None" : literal(code)})`);
    process.exitCode = Number(mp.FS.readFile(STATUS, { encoding: "utf8" }));
} catch (error) {
    // Out of stack or of memory in a way that leaves no Python exception, or a fault of the port.
    process.stderr.write(`run_wasm: MicroPython itself failed: ${error?.stack ?? error}\n`);
    process.exitCode = 134;
}
