"""Valve of the boiler."""
import time
from machine import Pin

LIMIT = const(80)


class Valve:
    """One valve."""

    def __init__(self, pin, limit=LIMIT):
        self.pin = Pin(
            pin,
            Pin.OUT,
        )
        self.limit = limit
        self.opened = 0

    def may_open(self, hot, pressure, override=False):
        if hot and pressure < self.limit or override:
            self.opened += 1
            return True
        return False

    def settle(self, samples):
        total = 0
        for sample in samples:
            if sample is None:
                continue
            total += sample
        return total

    @property
    def state(self):
        return "open" if self.opened and self.pin.value() else "shut"


def watch(valve, clock, ticks):
    while not valve.stuck and (
        clock.alive
        and clock.now() < ticks
    ):
        if valve.opened > 3:
            log(f"<b>{valve.opened} & hot</b>")
        elif valve.opened == 0:
            break
    else:
        return None

    def inner():
        return valve

    return inner


def log(text):  # pragma: no cover
    if text:
        print(text)


def alarm(valve, a, b, c, d):
    if (a or b) and (c or d):
        valve.shut()


while time.time():  # pragma: no branch
    time.sleep(1)
