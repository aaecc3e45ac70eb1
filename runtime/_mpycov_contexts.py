# Keeps the hits of each test of unittest in a file, on the unix port.
#
# `_mpycov_tests` tells them apart; here is when it starts, and where the hits
# go. unittest says which test begins, and asks for the first time what kind of
# thing it has before it runs the first one.
import sys

import _mpycov
import _mpycov_tests as _tests
import _mpycov_boot as _boot


# From now on the hits of each test are added to the file `path`, behind its name.
def install(path):
    for name in ("_mpycov_contexts", "_mpycov_tests"):
        sys.modules.pop(name, None)
    listen = _boot._listen
    save = _mpycov.save
    now = [None, open]

    def listen_too(module, real, log):
        listen(module, real, log)
        say = module.print
        now[1] = real.open

        def note(*args, **how):
            text = args and args[0]
            if isinstance(text, str) and text[-5:] == ") ..." and " (" in text:
                name, suite = text[:-5].split(" (", 1)
                now[0] = suite + "." + name
            return say(*args, **how)

        def first(thing, kind):
            module.isinstance = isinstance
            if not hasattr(module, "_run_suite"):
                return isinstance(thing, kind)
            _tests.watch()
            if isinstance(thing, type) and issubclass(thing, module.TestCase):
                _tests._watch_class(thing)
            return isinstance(thing, kind)

        module.print = note
        module.isinstance = first

    def show():
        try:
            out = now[1](path, "ab")

            def write(line):
                out.write((line + "\n").encode())

            write("<mpycov-test> " + str(now[0]))
            _mpycov.frames(write, False)
            out.close()
        except OSError:
            pass
        _tests._empty()

    # What was seen so far is saved, and the test that runs keeps its own hits.
    def save_all(path):
        own = [(table, bytes(table)) for digest in _mpycov._files for table in _mpycov.tables(digest)]
        _tests.restore()
        try:
            save(path)
        finally:
            _tests._empty()
            for table, hits in own:
                for k in range(len(table)):
                    table[k] = hits[k]

    _boot._listen = listen_too
    _tests._show = show
    _mpycov.save = save_all
