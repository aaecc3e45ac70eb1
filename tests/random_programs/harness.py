# What random programs use. Each function that is given a line writes it down: the program tells
# itself which of its lines were started. Truth and values come from a sequence of numbers, and
# loops end when the fuel is used up.
log = []
fuel = 0
seed = 0
objects = False


def begin(number, with_objects):
    global log, fuel, seed, objects
    log = []
    fuel = 60
    seed = number
    objects = with_objects


def draw(count):
    global seed
    seed = (seed * 1103515245 + 12345) % 2147483648
    return (seed >> 16) % count


def t(line):
    log.append(line)


# A value.
def v(line, x):
    log.append(line)
    return draw(5)


# A condition.
def c(line, x):
    log.append(line)
    truth = draw(2)
    if objects:
        return B(truth)
    return truth


# A value, whatever it is, as a number; what it is, is written down.
def k(x):
    log.append("=" + show(x))
    return len(show(x)) % 5


def show(x):
    if isinstance(x, (list, tuple)):
        return ",".join([show(y) for y in x])
    if isinstance(x, (bool, int, str, B)) or x is None:
        return str(x)
    return "object"


# Something to loop over.
def s(line, count):
    global fuel
    log.append(line)
    count = min(count, max(fuel, 0))
    fuel -= count
    return range(count)


# May a loop go on?
def go(line):
    global fuel
    log.append(line)
    fuel -= 1
    return fuel > 0


class B:
    def __init__(self, truth):
        self.truth = truth

    def __bool__(self):
        log.append("?")
        return self.truth == 1

    def __str__(self):
        return "B%d" % self.truth

    __repr__ = __str__


class E1(Exception):
    pass


class E2(E1):
    pass


class Holder:
    pass


# The type of an exception, or a base class.
def ex(line, what):
    log.append(line)
    return what


class Manager:
    def __init__(self, suppresses):
        self.suppresses = suppresses

    def __enter__(self):
        log.append("in")
        return 1

    def __exit__(self, kind, value, traceback):
        log.append("out")
        return self.suppresses and kind is not None and issubclass(kind, E2)


# A context manager.
def m(line):
    log.append(line)
    return Manager(draw(2) == 1)


# A decorator.
def deco(line):
    log.append(line)

    def apply(f):
        log.append("deco")
        return f

    return apply


class Pause:
    def __await__(self):
        return (yield 1)

    __iter__ = __await__


# Something to wait for.
async def ac(line, x):
    log.append(line)
    await Pause()
    truth = draw(2)
    if objects:
        return B(truth)
    return truth


# Runs coroutines side by side; the list of their results.
def drive(*coroutines):
    results = [None] * len(coroutines)
    live = list(range(len(coroutines)))
    while live:
        for i in list(live):
            try:
                coroutines[i].send(None)
            except StopIteration as end:
                results[i] = end.value
                live.remove(i)
            except Exception as error:
                results[i] = str(error)
                live.remove(i)
    return results
