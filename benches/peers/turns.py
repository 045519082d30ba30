"""A peer's side of compare.py: warms up, says that it is ready, and then takes as many steps as it is told, timed."""
import sys
import time


def take(steps, warm_up):
    """`steps(n)` takes n of them, and has their results when it returns."""
    steps(warm_up)
    print("ready", flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        steps(int(line.split()[1]))
        print(time.perf_counter() - start, flush=True)


def one_by_one(step):
    """Takes steps by calling `step` for each."""

    def steps(count):
        for _ in range(count):
            step()

    return steps
