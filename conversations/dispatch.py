"""'A round waits': wakes whoever runs rounds in this process. Knows no runner; the runner registers itself."""

from collections.abc import Callable

_wakers: set[Callable[[], None]] = set()


def register(wake: Callable[[], None]) -> None:
    """`wake` is called from any thread, after the commit that made a round wait; it must return at once."""
    _wakers.add(wake)


def unregister(wake: Callable[[], None]) -> None:
    _wakers.discard(wake)


def round_waits() -> None:
    for wake in tuple(_wakers):
        wake()
