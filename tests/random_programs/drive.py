import sys

import harness


# The lines that a traceback names, the innermost last.
def places(error):
    import io

    if not hasattr(sys, "print_exception"):
        return ""
    out = io.StringIO()
    sys.print_exception(error, out)
    lines = out.getvalue().split("\n")
    found = []
    for line in lines:
        if line.startswith('  File "p'):
            name, number = line[8:].split('.py", line ')
            found.append(name + ":" + number.split(",")[0])
    return " ".join(found)


def one(name, number, with_objects):
    harness.begin(number, with_objects)
    end = "end"
    where = ""
    try:
        __import__(name)
    except Exception as error:
        end = type(error).__name__ + " " + str(error)
        where = places(error)
    print(name, end, harness.show(harness.log), where, sep="|")
