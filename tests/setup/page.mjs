// Opens a page in the browser that `make targets` brings, and evaluates a script there:
//
//     node page.mjs BROWSER URL [WIDTHxHEIGHT [SCREENSHOT.png]] < script.js
//
// The script is the body of an async function. What it returns is printed as JSON
// under "value", with what the page logged under "log" and the errors that nothing
// caught under "errors". A script that throws ends this with status 1.

import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

const LIMIT = 60_000;
const [browser, url, size = "1280x900", screenshot] = process.argv.slice(2);
if (url === undefined) {
    process.stderr.write("usage: node page.mjs BROWSER URL [WIDTHxHEIGHT [SCREENSHOT.png]] < script.js\n");
    process.exit(2);
}
const script = fs.readFileSync(0, "utf8");
const profile = fs.mkdtempSync(path.join(os.tmpdir(), "page-"));
const flags = ["--remote-debugging-pipe", `--user-data-dir=${profile}`, "--no-first-run", "about:blank"];
const child = spawn(browser, flags, { stdio: ["ignore", "ignore", "pipe", "pipe", "pipe"], detached: true });
let said = "";
child.stderr.on("data", (data) => (said = (said + data).slice(-4000)));

// Ends the browser with all its processes.
function end(status, message = "") {
    process.stderr.write(message);
    try {
        process.kill(-child.pid, "SIGKILL");
    } catch {
        // It has ended by itself.
    }
    fs.rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    process.exit(status);
}
child.on("error", (error) => end(1, `page: cannot start ${browser}: ${error.message}\n`));
child.on("exit", (code) => end(1, `page: the browser ended with ${code}:\n${said}\n`));
setTimeout(() => end(1, `page: no answer after ${LIMIT / 1000} s:\n${said}\n`), LIMIT).unref();

// The DevTools protocol: JSON between zero bytes, on the child's descriptors 3 and 4.
let last = 0;
const waiting = new Map();
const log = [];
const errors = [];
let loaded;
const load = new Promise((resolve) => (loaded = resolve));
let buffer = Buffer.alloc(0);
child.stdio[4].on("data", (data) => {
    buffer = Buffer.concat([buffer, data]);
    for (let at; (at = buffer.indexOf(0)) >= 0; buffer = buffer.subarray(at + 1)) {
        const message = JSON.parse(buffer.subarray(0, at).toString());
        const { method, params } = message;
        if (message.id !== undefined) {
            waiting.get(message.id)(message);
            waiting.delete(message.id);
        } else if (method === "Page.loadEventFired") {
            loaded();
        } else if (method === "Runtime.consoleAPICalled") {
            log.push(params.args.map((arg) => String(arg.value ?? arg.description ?? arg.type)).join(" "));
        } else if (method === "Runtime.exceptionThrown") {
            errors.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
        } else if (method === "Log.entryAdded" && params.entry.level === "error") {
            errors.push(`${params.entry.text} ${params.entry.url ?? ""}`.trim());
        }
    }
});
child.stdio[3].on("error", () => {});

async function call(method, params = {}, sessionId) {
    const id = ++last;
    const answer = new Promise((resolve) => waiting.set(id, resolve));
    child.stdio[3].write(JSON.stringify({ id, method, params, sessionId }) + "\0");
    const { result, error } = await answer;
    if (error !== undefined) {
        end(1, `page: ${method}: ${error.message}\n`);
    }
    return result;
}

const { targetId } = await call("Target.createTarget", { url: "about:blank" });
const { sessionId } = await call("Target.attachToTarget", { targetId, flatten: true });
const page = (method, params) => call(method, params, sessionId);
for (const domain of ["Page", "Runtime", "Log"]) {
    await page(`${domain}.enable`);
}
const [width, height] = size.split("x").map(Number);
await page("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
const { errorText } = await page("Page.navigate", { url });
if (errorText !== undefined) {
    end(1, `page: ${url}: ${errorText}\n`);
}
await load;
const { result, exceptionDetails } = await page("Runtime.evaluate", {
    expression: `(async () => {${script}\n})()`,
    awaitPromise: true,
    returnByValue: true,
});
if (screenshot !== undefined) {
    const { data } = await page("Page.captureScreenshot", { format: "png" });
    fs.writeFileSync(screenshot, Buffer.from(data, "base64"));
}
if (exceptionDetails !== undefined) {
    end(1, `page: the script threw: ${exceptionDetails.exception?.description ?? exceptionDetails.text}\n`);
}
const answer = JSON.stringify({ value: result.value ?? null, log, errors });
process.stdout.write(answer + "\n", () => end(0));
