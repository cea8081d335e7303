"""The sweep, on an injected clock."""

import uuid

from conversations.runner import Sweep

OWNER = uuid.uuid4()


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def looks(sweep: Sweep, clock: Clock, beats: list[int], every: float = 3.0) -> list[list[int]]:
    found = []
    for beat in beats:
        found.append(sweep.look({1: (OWNER, beat)}, own=set()))
        clock.now += every
    return found


def test_a_round_that_stands_still_is_dead_after_ten_seconds() -> None:
    clock = Clock()
    assert looks(Sweep(10, clock), clock, [5, 5, 5, 5, 5]) == [[], [], [], [], [1]]


def test_a_round_that_beats_lives() -> None:
    clock = Clock()
    assert not any(looks(Sweep(10, clock), clock, list(range(20))))


def test_one_beat_starts_the_count_anew() -> None:
    clock = Clock()
    assert looks(Sweep(10, clock), clock, [5, 5, 5, 5, 6, 6, 6, 6]) == [[]] * 8


def test_three_looks_are_needed_however_long_they_were_apart() -> None:
    clock = Clock()
    assert looks(Sweep(10, clock), clock, [5, 5, 5], every=3_600) == [[], [], [1]]


def test_own_rounds_are_never_swept() -> None:
    clock, sweep = Clock(), Sweep(10, Clock())
    for _ in range(9):
        assert sweep.look({1: (OWNER, 5)}, own={OWNER}) == []
        clock.now += 30


def test_a_round_taken_by_another_owner_is_counted_anew() -> None:
    clock = Clock()
    sweep = Sweep(10, clock)
    for _ in range(4):
        sweep.look({1: (OWNER, 5)}, own=set())
        clock.now += 3
    assert sweep.look({1: (uuid.uuid4(), 5)}, own=set()) == []
