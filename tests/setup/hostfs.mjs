// What both runners of the WebAssembly port share: loading a version of it,
// and the host's files and standard streams in place of its own.

import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";

// Emscripten's numbers for the errors that files give.
const ERRNO = {
    EACCES: 2, EBADF: 8, EBUSY: 10, EEXIST: 20, EFBIG: 22, EINVAL: 28, EIO: 29, EISDIR: 31,
    ELOOP: 32, EMFILE: 33, ENAMETOOLONG: 37, ENOENT: 44, ENOSPC: 51, ENOTDIR: 54,
    ENOTEMPTY: 55, EPERM: 63, EROFS: 69, ESPIPE: 70, EXDEV: 75,
};

// Loads MicroPython from the unpacked npm package `directory`.
export async function loadVersion(directory, { settrace = false } = {}) {
    const wasm = path.resolve(directory, settrace ? "micropython-settrace.wasm" : "micropython.wasm");
    if (!fs.existsSync(wasm)) {
        throw new Error(`no ${path.basename(wasm)} in ${directory}`);
    }
    await import(pathToFileURL(path.resolve(directory, "micropython.mjs")));
    const options = {
        url: wasm,
        heapsize: 4 * 1024 * 1024,
        pystack: 32 * 1024,
        // Given so that the port sets up its streams alike in every version; see takeStreams.
        stdin: () => null,
        stdout: () => {},
        stderr: () => {},
    };
    return await globalThis.loadMicroPython(options);
}

// Writes all bytes to a descriptor of the host, also where it is not ready for them.
export function writeAll(fd, bytes) {
    for (let at = 0; at < bytes.length; ) {
        try {
            at += fs.writeSync(fd, bytes, at);
        } catch (error) {
            if (error.code === "EPIPE") {
                process.exit(1);
            }
            if (error.code !== "EAGAIN") {
                throw error;
            }
            Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
        }
    }
}

function bytesOf(heap, offset, length) {
    return Buffer.from(heap.buffer, heap.byteOffset + offset, length);
}

// Replaces the port's standard streams, which are text cut into lines, by plain bytes.
export function takeStreams(mp, { out, err, input }) {
    const { FS } = mp;
    const put = (sink) => (stream, heap, offset, length) => {
        // A copy: the sink may keep it, and the heap may move.
        sink(Buffer.from(bytesOf(heap, offset, length)));
        return length;
    };
    const get = (stream, heap, offset, length) => {
        try {
            return input(bytesOf(heap, offset, length));
        } catch (error) {
            throw failure(FS, error);
        }
    };
    const fd = { 0: { read: get }, 1: { write: put(out) }, 2: { write: put(err) } };
    for (const [number, ops] of Object.entries(fd)) {
        const stream = FS.streams[number];
        stream.stream_ops = { ...stream.stream_ops, ...ops, llseek: undefined };
    }
}

function failure(FS, error) {
    if (error instanceof FS.ErrnoError) {
        return error;
    }
    return new FS.ErrnoError(ERRNO[error.code] ?? ERRNO.EIO);
}

// A file system for Emscripten whose files are the host's, under `opts.root`.
export function hostFileSystem(FS) {
    const guard = (operation) => {
        try {
            return operation();
        } catch (error) {
            throw failure(FS, error);
        }
    };
    const real = (node) => {
        const names = [];
        for (; node.parent !== node; node = node.parent) {
            names.unshift(node.name);
        }
        return path.join(node.mount.opts.root, ...names);
    };
    // Links are shown as what they lead to, unless that is not there.
    const stat = (file) => fs.statSync(file, { throwIfNoEntry: false }) ?? fs.lstatSync(file);
    const make = (parent, name, mode) => {
        const node = FS.createNode(parent, name, mode, 0);
        node.node_ops = nodeOps;
        node.stream_ops = streamOps;
        return node;
    };
    const nodeOps = {
        getattr(node) {
            const s = guard(() => stat(real(node)));
            return {
                dev: s.dev, ino: s.ino, mode: s.mode, nlink: s.nlink, uid: s.uid, gid: s.gid, rdev: s.rdev,
                size: s.size, atime: s.atime, mtime: s.mtime, ctime: s.ctime,
                blksize: s.blksize, blocks: s.blocks,
            };
        },
        setattr(node, attr) {
            guard(() => {
                if (attr.mode != null) {
                    fs.chmodSync(real(node), attr.mode & 0o7777);
                    node.mode = attr.mode;
                }
                if (attr.size != null) {
                    fs.truncateSync(real(node), attr.size);
                }
            });
        },
        lookup: (parent, name) => guard(() => make(parent, name, stat(path.join(real(parent), name)).mode)),
        mknod(parent, name, mode) {
            const node = make(parent, name, mode);
            guard(() => {
                if (FS.isDir(mode)) {
                    fs.mkdirSync(real(node), mode & 0o7777);
                } else {
                    fs.writeFileSync(real(node), "", { mode: mode & 0o7777 });
                }
            });
            return node;
        },
        rename(node, parent, name) {
            guard(() => fs.renameSync(real(node), path.join(real(parent), name)));
            node.name = name;
        },
        unlink: (parent, name) => guard(() => fs.unlinkSync(path.join(real(parent), name))),
        rmdir: (parent, name) => guard(() => fs.rmdirSync(path.join(real(parent), name))),
        readdir: (node) => guard(() => [".", "..", ...fs.readdirSync(real(node))]),
        symlink: (parent, name, to) => guard(() => fs.symlinkSync(to, path.join(real(parent), name))),
        readlink: (node) => guard(() => fs.readlinkSync(real(node))),
    };
    const streamOps = {
        open(stream) {
            if (!FS.isDir(stream.node.mode)) {
                // Access mode and O_APPEND; creating and truncating has been done by then.
                stream.host = guard(() => fs.openSync(real(stream.node), stream.flags & (3 | 0o2000)));
            }
        },
        close(stream) {
            if (stream.host !== undefined) {
                guard(() => fs.closeSync(stream.host));
            }
        },
        read: (stream, heap, offset, length, position) =>
            length === 0 ? 0 : guard(() => fs.readSync(stream.host, bytesOf(heap, offset, length), 0, length, position)),
        write: (stream, heap, offset, length, position) =>
            guard(() => fs.writeSync(stream.host, bytesOf(heap, offset, length), 0, length, position)),
        llseek(stream, offset, whence) {
            const base = whence === 1 ? stream.position : whence === 2 ? guard(() => fs.fstatSync(stream.host)).size : 0;
            if (base + offset < 0) {
                throw new FS.ErrnoError(ERRNO.EINVAL);
            }
            return base + offset;
        },
    };
    return { mount: (mount) => make(null, "/", fs.statSync(mount.opts.root).mode) };
}

// Shows directories of the host to MicroPython: `places` maps its own paths to the host's.
//
// Programs get the error numbers of Linux, which are those of boards and of the port's
// own `errno` module; without this the port gives them Emscripten's.
export function mountHost(mp, places) {
    const { FS } = mp;
    for (const [place, root] of places) {
        FS.mkdirTree(place);
        FS.mount(hostFileSystem(FS), { root }, place);
    }
    const numbers = new Map(Object.entries(ERRNO).map(([name, number]) => [number, os.constants.errno[name]]));
    // What the system calls are made of. Emscripten compares numbers only below these.
    for (const name of ["open", "stat", "lstat", "mkdir", "rmdir", "unlink", "rename", "readdir", "chdir", "read", "write"]) {
        const original = FS[name];
        FS[name] = (...args) => {
            try {
                return original.apply(FS, args);
            } catch (error) {
                if (error instanceof FS.ErrnoError && !error.translated) {
                    error = new FS.ErrnoError(numbers.get(error.errno) ?? error.errno);
                    error.translated = true;
                }
                throw error;
            }
        };
    }
}
