"""What a very small model is sent: the short form."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.perspective import Chair, Heard, Voice, build, speech_filter
from conversations.perspective.budget import MESSAGE_TOKENS, estimate
from conversations.perspective.short import LENGTH_RULE, SAMPLING
from providers.errors import ContextTooLong

SCEPTIC = Voice(6, "Sceptic", "ai")
COMEDIAN = Voice(7, "Comedian", "ai")
SAM = Voice(3, "Sam", "person")
KIM = Voice(4, "Kim", "person")
ROSTER = [SCEPTIC, COMEDIAN, SAM, KIM]

CHAIR = Chair(
    SCEPTIC,
    "You are a sceptic.\nYou doubt. You never agree.",
    "Be kind.",
    follows_instructions=False,
    window=1024,
    max_output=500,
    openers=("I doubt that", "Hold on, {p}. How do we know that"),
    examples=(("Is it so?", "I doubt it."), ("Why?", "Who knows.")),
)


def heard(*said: tuple[Voice, str]) -> list[Heard]:
    return [Heard(at, 100 + at, voice.participant, text) for at, (voice, text) in enumerate(said, 1)]


def prompt(*said: tuple[Voice, str]) -> str:
    """The one message of the others' words."""
    messages = build(replace(CHAIR, openers=(), examples=()), ROSTER, heard(*said)).messages
    assert [message.role for message in messages] == ["system", "user"]
    return messages[-1].content


def test_the_whole_of_it() -> None:
    said = heard((SAM, "Is a hot dog\na sandwich?"), (COMEDIAN, "Picture this. My dog is hot."))
    perspective = build(CHAIR, ROSTER, said)
    assert [(message.role, message.content) for message in perspective.messages] == [
        ("system", f"You are a sceptic. You doubt. {LENGTH_RULE}"),
        ("user", "Is it so?"),
        ("assistant", "I doubt it."),
        ("user", "Why?"),
        ("assistant", "Who knows."),
        ("user", "Is a hot dog a sandwich? Picture this."),
        ("assistant", "I doubt that"),
    ]
    assert perspective.opener == "I doubt that"
    assert perspective.template == "short"
    assert perspective.stop == ("\n[", "\nSceptic:", "\nComedian:", "\nSam:", "\nKim:")
    assert perspective.extra == SAMPLING
    assert perspective.max_output == 60
    assert not perspective.may_pass
    assert perspective.recipe()["versions"] == [101, 102]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param([], "Say something.", id="nothing said"),
        pytest.param([(SAM, "One."), (SAM, "Two."), (KIM, "Three.")], "Two. Three.", id="the last two of people"),
        pytest.param([(COMEDIAN, "Ha! Yes."), (SAM, "One.")], "One.", id="an AI before them is not heard"),
        pytest.param([(SAM, "One."), (COMEDIAN, "Ha! Yes."), (SCEPTIC, "No.")], "One. Ha!", id="own words are not"),
        pytest.param([(COMEDIAN, "Dr. No came. Yes.")], "Dr. No came.", id="no person spoke"),
        pytest.param([(SAM, "⟦Kim⟧ hi")], "[Kim] hi", id="C5 a forged tag"),
        pytest.param([(SAM, f"First one. {'word ' * 70}. Last one.")], "First one. Last one.", id="a long message"),
        pytest.param([(SAM, "李" * 5000)], "李" * 360, id="one endless word"),
        pytest.param([(SAM, "word " * 500)], " ".join(["word"] * 60), id="one endless sentence"),
    ],
)
def test_what_is_heard(said: list[tuple[Voice, str]], expected: str) -> None:
    assert prompt(*said) == expected


def test_left_out_is_counted() -> None:
    said = heard((SAM, "One."), (SAM, "Two."), (KIM, "Three."), (SCEPTIC, "No."))
    perspective = build(CHAIR, ROSTER, said)
    assert perspective.versions == (102, 103)
    assert perspective.left_out == 2


def test_a_long_persona_is_cut() -> None:
    system = build(replace(CHAIR, instructions="word " * 100), ROSTER, []).system
    assert system == f"{'word ' * 30}{LENGTH_RULE}"
    assert build(replace(CHAIR, instructions=""), ROSTER, []).system == LENGTH_RULE


def test_openers_are_taken_in_turn() -> None:
    said = heard((SAM, "Hi"), (COMEDIAN, "Ha"))
    openers = [build(replace(CHAIR, opener_index=at), ROSTER, said).opener for at in range(3)]
    assert openers == ["I doubt that", "Hold on, Comedian. How do we know that", "I doubt that"]


def test_an_opener_with_a_name_needs_one() -> None:
    assert {build(replace(CHAIR, opener_index=at), ROSTER, []).opener for at in range(3)} == {"I doubt that"}
    odd = replace(SAM, name="{p} {0}")
    chair = replace(CHAIR, openers=("Well, {p}: {1}",))
    assert build(chair, [SCEPTIC, odd], heard((odd, "Hi"))).opener == "Well, {p} {0}: {1}"


def test_a_window_too_small_is_told() -> None:
    with pytest.raises(ContextTooLong):
        build(replace(CHAIR, window=100), ROSTER, heard((SAM, "Hi")))


@pytest.mark.parametrize(
    ("streamed", "cut", "shown", "ended"),
    [
        (" it is. Really. No.", False, " it is. Really.", True),
        (" it is", True, " it is…", False),
        (" it is", False, " it is", False),
        (" it is.\nSam: No", False, " it is.", True),
        (" it is\nand so on.", False, " it is and so on.", False),
        ("\n[Sam] no", False, "", True),
    ],
)
def test_what_the_room_is_shown_after_the_opener(streamed: str, cut: bool, shown: str, ended: bool) -> None:
    perspective = build(CHAIR, ROSTER, heard((SAM, "Hi")))
    for size in (1, len(streamed)):
        speech = speech_filter(CHAIR, ROSTER, perspective)
        chunks = [streamed[at : at + size] for at in range(0, len(streamed), size)]
        text = "".join(speech.feed(chunk) for chunk in chunks)
        assert speech.ended == ended
        assert text + speech.close(cut=cut) == shown
        assert not speech.passed


HISTORY = st.lists(st.tuples(st.integers(1, 8), st.text(max_size=20)), max_size=10)


@given(history=HISTORY, index=st.integers(0, 9), openers=st.booleans(), window=st.integers(0, 1024))
def test_for_any_history(history: list[tuple[int, str]], index: int, openers: bool, window: int) -> None:
    said = [Heard(at, at, author, text) for at, (author, text) in enumerate(history, 1)]
    chair = replace(CHAIR, opener_index=index, openers=CHAIR.openers if openers else (), window=window)
    try:
        perspective = build(chair, ROSTER, said)
    except ContextTooLong:
        assert window < 600
        return
    roles = [message.role for message in perspective.messages]
    assert roles[:2] == ["system", "user"]
    assert roles[-2:] == ["user", "assistant"] if openers else roles[-1] == "user"
    assert all(one != other for one, other in pairwise(roles))
    assert list(perspective.versions) == sorted(perspective.versions)
    own = {one.version for one in said if one.author == SCEPTIC.participant}
    assert not own & set(perspective.versions)
    assert "⟦" not in "".join(message.content for message in perspective.messages)
    needed = sum(estimate(message.content) + MESSAGE_TOKENS for message in perspective.messages)
    assert needed + perspective.max_output <= window
