"""`make bench`, or `python -m tests.bench 1 25 100` for these numbers of streams."""

import sys

from tests.bench import parts, streams


def main() -> None:
    sizes = [int(size) for size in sys.argv[1:]] or [1, 25, 50]
    out = sys.stdout.write
    out(f"{parts.machine()}\n")
    for part in (parts.rendering, parts.checkpoints, parts.starts):
        out(f"{part()}\n")
    for line in streams.measure(sizes):
        out(f"{line}\n")


if __name__ == "__main__":
    main()
