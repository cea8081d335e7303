"""Who speaks next, as tables."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.choices import EndReason, PolicyName
from conversations.policies import (
    POLICIES,
    Ask,
    Choice,
    End,
    PastTurn,
    RoundState,
    Seat,
    Speak,
    UnknownPolicy,
    get_policy,
)
from conversations.policies.guards import Guarded

ADA, BEN, CLEO, DAN = 11, 12, 13, 14


def seats(*participants: int, muted: tuple[int, ...] = ()) -> tuple[Seat, ...]:
    return tuple(Seat(one, f"AI {one}", place, muted=one in muted) for place, one in enumerate(participants, 1))


def spoken(*speakers: int) -> tuple[PastTurn, ...]:
    return tuple(PastTurn(one, finished=True) for one in speakers)


def play(policy: str, state_seats: tuple[Seat, ...], **state: object) -> list[int | EndReason]:
    """The whole round, every turn finished, and its end."""
    said: list[int | EndReason] = []
    turns: tuple[PastTurn, ...] = state.pop("turns", ())  # type: ignore[assignment]
    while True:
        choice = get_policy(policy).next(RoundState(seats=state_seats, turns=turns, **{"limit": 6, **state}))  # type: ignore[arg-type]
        if isinstance(choice, End):
            return [*said, choice.reason]
        assert isinstance(choice, Speak)
        said.extend(choice.who)
        turns += spoken(*choice.who)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param({"state_seats": seats(ADA, BEN, CLEO)}, [ADA, BEN, CLEO, "done"], id="by seat"),
        pytest.param(
            {"state_seats": tuple(reversed(seats(ADA, BEN, CLEO)))}, [ADA, BEN, CLEO, "done"], id="rows in any order"
        ),
        pytest.param({"state_seats": seats(ADA, BEN, CLEO, muted=(BEN,))}, [ADA, CLEO, "done"], id="muted"),
        pytest.param({"state_seats": seats(ADA, BEN, muted=(ADA, BEN))}, ["nobody"], id="all muted"),
        pytest.param({"state_seats": ()}, ["nobody"], id="no AI"),
        pytest.param(
            {"state_seats": seats(ADA, BEN, CLEO), "mentioned": (CLEO, BEN)}, [CLEO, BEN, ADA, "done"], id="mentioned"
        ),
        pytest.param(
            {"state_seats": seats(ADA, BEN, muted=(BEN,)), "mentioned": (BEN, 99, ADA, ADA)},
            [ADA, "done"],
            id="mentioned: muted, unknown, twice",
        ),
        pytest.param({"state_seats": seats(ADA, BEN, CLEO), "limit": 2}, [ADA, BEN, "turn_limit"], id="limit"),
        pytest.param({"state_seats": seats(ADA, BEN), "limit": 2}, [ADA, BEN, "done"], id="done just at the limit"),
        pytest.param({"state_seats": seats(ADA, BEN), "last_speaker": ADA}, [ADA, BEN, "done"], id="a new round"),
        pytest.param(
            {
                "state_seats": seats(ADA, BEN, CLEO),
                "turns": (PastTurn(ADA, finished=True), PastTurn(BEN, finished=False)),
            },
            [BEN, CLEO, "done"],
            id="resumed",
        ),
    ],
)
def test_everyone(state: dict[str, object], expected: list[object]) -> None:
    assert play("everyone", **state) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(
            {"state_seats": seats(ADA, BEN, CLEO)}, [ADA, BEN, CLEO, ADA, BEN, CLEO, "turn_limit"], id="from the first"
        ),
        pytest.param(
            {"state_seats": seats(ADA, BEN, CLEO), "last_speaker": ADA, "limit": 4},
            [BEN, CLEO, ADA, BEN, "turn_limit"],
            id="after the last speaker",
        ),
        pytest.param(
            {"state_seats": seats(ADA, BEN, CLEO, muted=(BEN,)), "last_speaker": BEN, "limit": 3},
            [CLEO, ADA, CLEO, "turn_limit"],
            id="after a muted one",
        ),
        pytest.param(
            {"state_seats": seats(ADA, BEN), "last_speaker": 99, "limit": 1}, [ADA, "turn_limit"], id="after one gone"
        ),
        pytest.param(
            {"state_seats": seats(ADA, BEN, CLEO, DAN), "mentioned": (CLEO, ADA), "limit": 8},
            [CLEO, ADA, BEN, DAN, ADA, BEN, CLEO, DAN, "turn_limit"],
            id="mentioned, then nobody twice in a lap",
        ),
        pytest.param({"state_seats": seats(ADA), "limit": 3}, [ADA, ADA, ADA, "turn_limit"], id="a lone AI goes on"),
        pytest.param({"state_seats": seats(ADA, BEN, muted=(BEN,))}, [ADA, "done"], id="no answer to oneself"),
        pytest.param({"state_seats": seats(ADA, muted=(ADA,))}, ["nobody"], id="all muted"),
        pytest.param(
            {
                "state_seats": seats(ADA, BEN),
                "turns": (*spoken(ADA, BEN, ADA), PastTurn(BEN, finished=False)),
                "limit": 5,
            },
            [BEN, ADA, "turn_limit"],
            id="resumed",
        ),
    ],
)
def test_round_robin(state: dict[str, object], expected: list[object]) -> None:
    assert play("round_robin", **state) == expected  # type: ignore[arg-type]


PASSED = {"finished": True, "passed": True}
FAILED = {"finished": True, "failed": True}


@pytest.mark.parametrize(
    ("turns", "expected"),
    [
        pytest.param((PastTurn(ADA, **FAILED),), BEN, id="one failure goes on"),
        pytest.param((PastTurn(ADA, **FAILED), PastTurn(BEN, **FAILED)), "failures", id="two in a row end it"),
        pytest.param(
            (PastTurn(ADA, **FAILED), PastTurn(BEN, finished=True), PastTurn(CLEO, **FAILED)), ADA, id="not in a row"
        ),
        pytest.param((PastTurn(ADA, **PASSED), PastTurn(BEN, **PASSED)), CLEO, id="one may still speak"),
        pytest.param(tuple(PastTurn(one, **PASSED) for one in (ADA, BEN, CLEO)), "all_passed", id="all pass"),
        pytest.param(
            (PastTurn(ADA, finished=True), *(PastTurn(one, **PASSED) for one in (BEN, CLEO))), ADA, id="two of three"
        ),
        pytest.param(
            (PastTurn(ADA, finished=False, failed=True), PastTurn(ADA, finished=False, failed=True)),
            "failures",
            id="a broken service is not asked for ever",
        ),
    ],
)
def test_guards_end_a_round(turns: tuple[PastTurn, ...], expected: object) -> None:
    choice = get_policy("round_robin").next(RoundState(seats=seats(ADA, BEN, CLEO), turns=turns, limit=6))
    assert (choice.reason if isinstance(choice, End) else choice.who[0]) == expected  # type: ignore[union-attr]


class Scripted:
    """A policy that always chooses the same."""

    slug = PolicyName.MANUAL

    def __init__(self, choice: Choice) -> None:
        self.choice = choice

    def next(self, state: RoundState) -> Choice:
        return self.choice


@pytest.mark.parametrize(
    ("who", "turns", "expected"),
    [
        ((ADA, BEN, CLEO), (), (ADA, CLEO)),
        ((ADA, CLEO), spoken(ADA), (CLEO,)),
        ((ADA, CLEO, 99), spoken(ADA, CLEO, ADA, DAN, ADA), (CLEO,)),
        ((BEN,), (), "nobody"),
        ((ADA,), spoken(ADA), "done"),
        ((ADA,), (PastTurn(ADA, finished=False),), (ADA,)),
    ],
)
def test_guards_hold_whom_a_policy_names(who: tuple[int, ...], turns: tuple[PastTurn, ...], expected: object) -> None:
    state = RoundState(seats=seats(ADA, BEN, CLEO, DAN, muted=(BEN,)), turns=turns, limit=6)
    choice = Guarded(Scripted(Speak(who, {}, blind=True))).next(state)
    assert (choice.reason if isinstance(choice, End) else choice.who) == expected  # type: ignore[union-attr]


def test_guards_hold_what_comes_of_a_question() -> None:
    asked = Ask(ADA, "Who next?", lambda answer: Speak((int(answer),), {}))
    state = RoundState(seats=seats(ADA, BEN, muted=(BEN,)), turns=(), limit=6)
    choice = Guarded(Scripted(asked)).next(state)
    assert isinstance(choice, Ask)
    assert choice.parse(str(ADA)) == Speak((ADA,), {})
    assert choice.parse(str(BEN)) == End(EndReason.NOBODY)


def test_no_question_is_asked_at_the_limit() -> None:
    asked = Ask(ADA, "Who next?", lambda answer: End(EndReason.DONE))
    state = RoundState(seats=seats(ADA, BEN), turns=spoken(ADA), limit=1)
    assert Guarded(Scripted(asked)).next(state) == End(EndReason.TURN_LIMIT)


def test_a_turn_knows_why() -> None:
    state = RoundState(seats=seats(ADA, BEN), turns=(), limit=6, mentioned=(BEN,), trigger=4)
    choice = get_policy("everyone").next(state)
    assert isinstance(choice, Speak)
    assert choice.why == {"policy": "everyone", "rule": "mentioned", "candidates": [ADA, BEN], "trigger": 4}
    assert json.loads(json.dumps(choice.why)) == choice.why


def test_the_registry() -> None:
    assert set(POLICIES) == {"everyone", "round_robin"}
    assert all(get_policy(slug).slug == slug for slug in POLICIES)
    with pytest.raises(UnknownPolicy):
        get_policy("loudest")


TURNS = st.builds(
    PastTurn, speaker=st.integers(1, 5), finished=st.booleans(), passed=st.booleans(), failed=st.booleans()
)


@given(
    policy=st.sampled_from(sorted(POLICIES)),
    muted=st.sets(st.integers(1, 4)),
    count=st.integers(0, 4),
    turns=st.lists(TURNS, max_size=8),
    mentioned=st.lists(st.integers(1, 5), max_size=3),
    last_speaker=st.none() | st.integers(1, 5),
)
def test_in_any_state_someone_able_speaks_or_the_round_ends(
    policy: str, muted: set[int], count: int, turns: list[PastTurn], mentioned: list[int], last_speaker: int | None
) -> None:
    state = RoundState(
        seats=seats(*range(1, count + 1), muted=tuple(muted)),
        turns=tuple(turns),
        limit=6,
        mentioned=tuple(mentioned),
        last_speaker=last_speaker,
    )
    choice = get_policy(policy).next(state)
    assert choice == get_policy(policy).next(state)
    if isinstance(choice, Speak):
        assert set(choice.who) <= set(range(1, count + 1)) - muted
        assert sum(turn.finished for turn in turns) < 6
