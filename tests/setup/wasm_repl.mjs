// Makes a board of MicroPython's WebAssembly port: its REPL, raw mode included.
//
//     node wasm_repl.mjs VERSION-DIRECTORY [--settrace] [--root DIRECTORY] [--tcp PORT]
//         [--raw-paste yes|no|old|hang]
//
// The serial line is standard input and output, or with --tcp a port on
// 127.0.0.1 (0: any) that is printed as `port NUMBER` and takes one client at a
// time. The board's files are those of --root, or of a new directory that is
// removed at the end; they outlast a soft reset, as flash does. boot.py runs at
// every start, main.py at those from the friendly REPL.
//
// Raw-paste mode is done here, as the port only announces it and then hangs;
// --raw-paste says how the board answers: `yes`; `no`, as boards that know of it
// but lack it; `old`, as boards that do not know of it; `hang`, the port's own.
// Ctrl-C does not stop running code, and code cannot read from the line (so no
// `mpremote mount`), as in the port itself. Versions from 1.23.0 on have a REPL.
//
// It ends with what started it, even while code runs without end: with --tcp when
// standard input ends, else when its parent is gone.

import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { Worker } from "node:worker_threads";
import { loadVersion, mountHost, takeStreams, writeAll } from "./hostfs.mjs";

const USAGE = "usage: node wasm_repl.mjs VERSION-DIRECTORY [--settrace] [--root DIRECTORY] [--tcp PORT] [--raw-paste yes|no|old|hang]\n";
const [CTRL_A, CTRL_B, CTRL_C, CTRL_D, CTRL_E] = [1, 2, 3, 4, 5];
const WINDOW = 128;
const FLASH = "/flash";

const args = process.argv.slice(2);
const option = { settrace: false, "raw-paste": "yes" };
for (let word; (word = args.shift()) !== undefined; ) {
    if (word === "--settrace") {
        option.settrace = true;
    } else if (["--root", "--tcp", "--raw-paste"].includes(word) && args.length > 0) {
        option[word.slice(2)] = args.shift();
    } else if (option.directory === undefined && !word.startsWith("-")) {
        option.directory = word;
    } else {
        fail(USAGE);
    }
}
if (option.directory === undefined || !["yes", "no", "old", "hang"].includes(option["raw-paste"])) {
    fail(USAGE);
}

function fail(message) {
    process.stderr.write(message);
    process.exit(2);
}

let root = option.root;
if (root === undefined) {
    root = fs.mkdtempSync(path.join(os.tmpdir(), "wasm-repl-"));
    process.on("exit", () => fs.rmSync(root, { recursive: true, force: true }));
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
        process.on(signal, () => process.exit(1));
    }
}

// A thread of its own watches for the end, since code that runs without end holds up this one.
const WATCH = `
const fs = require("node:fs");
const { workerData } = require("node:worker_threads");
const end = () => {
    if (workerData.made) {
        fs.rmSync(workerData.root, { recursive: true, force: true });
    }
    process.kill(process.pid, "SIGKILL");
};
if (workerData.tcp) {
    try {
        // Not a read that blocks: process.exit would wait for it.
        const input = new (require("node:net").Socket)({ fd: 0, writable: false });
        input.on("close", end).on("error", () => {}).resume();
    } catch {} // It is a file, which does not say when to end.
}
setInterval(() => process.ppid === workerData.parent || end(), 500);
`;
const watched = {
    tcp: option.tcp !== undefined,
    parent: process.ppid,
    root,
    made: option.root === undefined,
};
new Worker(WATCH, { eval: true, workerData: watched }).unref();

// Where the board's output goes: to nowhere while nobody is connected.
let send = () => {};
let board;
// Is the raw REPL on?
let raw = false;
// The statement that is being received: in the friendly REPL, Ctrl-A is a command only before its first byte.
let pending = [];
// What raw-paste mode has received so far, or null.
let pasted = null;

async function boot() {
    try {
        board = await loadVersion(option.directory, option);
    } catch (error) {
        fail(`wasm_repl: ${error.message}\n`);
    }
    if (board.replInit === undefined) {
        fail(`wasm_repl: the version in ${option.directory} has no REPL\n`);
    }
    const out = (bytes) => send(bytes);
    takeStreams(board, { out, err: out, input: () => 0 });
    mountHost(board, [[FLASH, fs.realpathSync(root)]]);
    board.FS.chdir(FLASH);
    start("boot.py");
    if (!raw) {
        start("main.py");
    }
    pending = [];
    if (raw) {
        // The port always begins with the friendly REPL; a board stays in the one it was in.
        await without("", () => board.replInit());
        await without("\r\n", () => board.replProcessCharWithAsyncify(CTRL_A));
    } else {
        board.replInit();
    }
}

// Does something without the output that comes first: `prefix`, or all of it if that is empty.
async function without(prefix, act) {
    const real = send;
    let skip = prefix === "" ? Infinity : prefix.length;
    send = (bytes) => {
        const skipped = Math.min(skip, bytes.length);
        skip -= skipped;
        if (skipped < bytes.length) {
            real(bytes.subarray(skipped));
        }
    };
    try {
        return await act();
    } finally {
        send = real;
    }
}

function start(file) {
    if (fs.existsSync(path.join(root, file))) {
        try {
            board.runPython(`exec(compile(open("${file}").read(), "${file}", "exec"))`);
        } catch (error) {
            send(Buffer.from(String(error.message).replaceAll("\n", "\r\n")));
        }
    }
}

async function take(byte) {
    if (pasted !== null) {
        return await paste(byte);
    }
    const asks = raw && byte === CTRL_A && pending.length === 2 && pending[0] === CTRL_E;
    if (asks && option["raw-paste"] !== "hang") {
        pending = [];
        // The port forgets the two bytes it has been given.
        await without("", () => board.replProcessCharWithAsyncify(CTRL_C));
        if (option["raw-paste"] === "yes") {
            pasted = [];
            return send(Buffer.from([0x52, 1, WINDOW, 0, 1]));
        } else if (option["raw-paste"] === "no") {
            return send(Buffer.from([0x52, 0]));
        }
    }
    if (raw ? byte === CTRL_B : byte === CTRL_A && pending.length === 0) {
        raw = !raw;
        pending = [];
    } else if ([CTRL_A, CTRL_B, CTRL_C, CTRL_D].includes(byte) || (!raw && byte === 13)) {
        pending = [];
    } else {
        pending.push(byte);
    }
    await feed(byte);
}

async function paste(byte) {
    if (byte !== CTRL_C && byte !== CTRL_D) {
        pasted.push(byte);
        return pasted.length % WINDOW === 0 && send(Buffer.from([1]));
    }
    const source = byte === CTRL_D ? pasted : Buffer.from("raise KeyboardInterrupt");
    pasted = null;
    send(Buffer.from([CTRL_D]));
    for (const one of source) {
        await board.replProcessCharWithAsyncify(one);
    }
    // An empty program would be a soft reset.
    if (source.length === 0) {
        return send(Buffer.from([CTRL_D, CTRL_D, 0x3e]));
    }
    await without("OK", () => feed(CTRL_D));
}

async function feed(byte) {
    if (await board.replProcessCharWithAsyncify(byte)) {
        send(Buffer.from("MPY: soft reboot\r\n"));
        await boot();
    }
}

// One byte after the other, whatever comes in meanwhile.
let queue = boot();
function receive(data) {
    queue = queue.then(async () => {
        for (const byte of data) {
            await take(byte);
        }
    });
    queue.catch((error) => {
        process.stderr.write(`wasm_repl: MicroPython itself failed: ${error?.stack ?? error}\n`);
        process.exit(134);
    });
}

if (option.tcp === undefined) {
    send = (bytes) => writeAll(1, bytes);
    if (process.stdin.isTTY) {
        process.stdin.setRawMode(true);
    }
    process.stdin.on("data", receive);
    process.stdin.on("end", () => queue.then(() => process.exit(0)));
} else {
    const server = net.createServer((socket) => {
        socket.setNoDelay(true);
        send = (bytes) => socket.write(bytes);
        socket.on("data", receive);
        socket.on("error", () => {});
        socket.on("close", () => {
            send = () => {};
        });
    });
    await queue;
    server.listen(Number(option.tcp), "127.0.0.1", () => {
        process.stdout.write(`port ${server.address().port}\n`);
    });
}
