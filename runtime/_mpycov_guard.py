# Saves the hits before the program resets the board, puts it to sleep for good
# or goes to the bootloader: all of these end it without an exception.
#
# Modules of the firmware cannot be changed, but replaced by one that looks the
# same. It costs some memory, so small boards go without.
import sys

_ENDS = (
    ("machine", ("reset", "soft_reset", "deepsleep", "bootloader")),
    ("pyb", ("hard_reset", "bootloader", "standby")),
    ("microcontroller", ("reset",)),
)


class _Stand:
    pass


# What holds the hits. Where lines are traced it is not in memory yet.
def _runtime():
    tracer = sys.modules.get("_mpycov_trace")
    return tracer._part("_mpycov") if tracer else __import__("_mpycov")


# Keeps the hits in a file, or prints them where none can be written.
def keep(path):
    tests = sys.modules.get("_mpycov_tests")
    if tests:
        tests.restore()
    try:
        if path:
            return _runtime().save(path)
    except Exception:
        pass
    _runtime().dump()


def _keeping(function, path):
    def call(*args, **named):
        keep(path)
        return function(*args, **named)

    return call


# From now on the hits are saved to `path`, or printed if that is None, before
# the board goes away.
def guard(path):
    if path:
        _set_aside(path)
    for name, ends in _ENDS:
        try:
            real = __import__(name)
        except Exception:
            continue
        stand = _Stand()
        for attribute in dir(real):
            value = getattr(real, attribute, None)
            if attribute in ends:
                value = _keeping(value, path)
            setattr(stand, attribute, value)
        sys.modules[name] = stand
        sys.modules["u" + name] = stand


# What was saved before an earlier reset is no longer written over.
def _set_aside(path):
    import os

    for old in (path, path + "~"):
        try:
            with open(old) as source:
                with open(path + "+", "a") as target:
                    for line in source:
                        target.write(line)
            os.remove(old)
        except OSError:
            pass


# Saves the hits every so many seconds, for what gives no notice: watchdogs,
# crashes, power. False if the firmware has no timer that can do it.
def autosave(path, seconds):
    try:
        from machine import Timer
    except ImportError:
        return False
    for number in (-1, 0, 1, 2, 3):
        try:
            timer = Timer(number)
            timer.init(period=int(seconds * 1000), mode=Timer.PERIODIC, callback=lambda t: keep(path))
        except Exception:
            continue
        _Stand.timer = timer
        return True
    return False
