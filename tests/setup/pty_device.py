#!/usr/bin/env python3
"""Puts a program behind a pseudo-terminal, as a serial device to open.

Usage: pty_device.py [--again] COMMAND [ARG...]

With --again the command is started anew when it ends, as a board is that resets:
the device stays, like one behind a UART. Prints the device's path as the first line, then passes bytes between it and the
command's standard input and output, until the command ends or standard input
does. Clients may come and go; nothing is echoed or changed on the way.
"""

import os
import pty
import selectors
import subprocess
import sys
import tty


def main(command):
    """The command line."""
    again = command[:1] == ["--again"]
    command = command[again:]
    if not command:
        print(__doc__, file=sys.stderr)
        return 2
    # The device's own end stays open here, so that it outlives its clients.
    master, device = pty.openpty()
    tty.setraw(device)
    print(os.ttyname(device), flush=True)
    while True:
        over = serve(command, master)
        if over or not again:
            return 0


def serve(command, master):
    """Passes bytes until the command ends; true when standard input did."""
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    routes = {
        master: child.stdin.fileno(),
        child.stdout.fileno(): master,
        sys.stdin.fileno(): None,
    }
    ready = selectors.DefaultSelector()
    for source in routes:
        try:
            ready.register(source, selectors.EVENT_READ)
        except PermissionError:
            pass  # Standard input is a file: then it does not say when to end.
    try:
        while True:
            for key, _ in ready.select():
                data = os.read(key.fd, 65536)
                if not data:
                    return key.fd == sys.stdin.fileno()
                if routes[key.fd] is not None:
                    view = memoryview(data)
                    while view:
                        view = view[os.write(routes[key.fd], view):]
    except BrokenPipeError:
        return False
    except KeyboardInterrupt:
        return True
    finally:
        child.kill()
        child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
