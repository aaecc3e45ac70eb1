import micropython


@micropython.asm_thumb
def add(r0, r1):
    label(LOOP)
    add(r0, r0, r1)
    cmp(r0, 100)
    blt(LOOP)


def safe(x):
    return x and add(x, 1)


safe(0)
