# Tells apart what each test of micropython-lib's unittest exercised: prints the
# hits of a test behind it. Its name stands on the line that unittest prints.
#
# Between tests the tables are emptied into sums; `restore` fills them again.
# Tests are watched through setUp and tearDown, which every test passes.
import _mpycov

_sums = {}
_ours = []


def _empty():
    for digest in _mpycov._files:
        tables = _mpycov.tables(digest)
        if digest not in _sums:
            _sums[digest] = [bytearray(len(table)) for table in tables]
        _move(tables, _sums[digest])


def _move(tables, totals):
    for table, total in zip(tables, totals):
        for k in range(len(table)):
            if table[k]:
                total[k] = 1
                table[k] = 0


# Puts what was seen so far back into the tables.
def restore():
    for digest in _sums:
        _move(_sums[digest], _mpycov.tables(digest))


def _show():
    print("<mpycov-test>")
    _mpycov.frames(print, False)
    _empty()


def _wrapped(real, first, last):
    def call(*args):
        first()
        try:
            if real:
                return real(*args)
        finally:
            last()

    _ours.append(call)
    return call


def _nothing():
    pass


def _watch_class(kind):
    for name, first, last in (("setUp", _empty, _nothing), ("tearDown", _nothing, _show)):
        real = getattr(kind, name, None)
        if real not in _ours:
            setattr(kind, name, _wrapped(real, first, last))


# Replaces the function of unittest that runs a class of tests, or one test.
def watch():
    try:
        import unittest

        run = unittest._run_suite
    except (ImportError, AttributeError):
        return print("<mpycov-no-tests>")

    def run_suite(tests, *args):
        if isinstance(tests, type):
            _watch_class(tests)
        elif not isinstance(tests, unittest.TestSuite):
            run_one = _wrapped(run, _empty, _show)
            return run_one(tests, *args)
        return run(tests, *args)

    unittest._run_suite = run_suite
