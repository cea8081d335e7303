"""Names taken out of a reply while it streams, and where the short form ends."""

# ruff: noqa: RUF001 - look-alikes are what is tested

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from conversations.perspective import PASS, EchoStripper, SentenceLimit

OWN = "Ada"
OTHERS = ("Ben", "Bennett Lee", "Sceptic", "Comedian", "C++ (fan)", "李雷", "Зоя", "Müller")


def strip(text: str, *, own: str = OWN, size: int | None = None, mid_line: bool = False) -> tuple[str, bool, bool]:
    """What is shown, whether the turn was ended, whether it is a pass."""
    stripper = EchoStripper(own, OTHERS, PASS, mid_line=mid_line)
    step = size or max(len(text), 1)
    shown = "".join(stripper.feed(text[at : at + step]) for at in range(0, len(text), step))
    shown += stripper.close()
    return shown, stripper.ended, stripper.passed


@pytest.mark.parametrize(
    "text",
    [
        "Ada: Hello",
        "ada:Hello",
        "Ada : Hello",
        "[Ada] Hello",
        "[Ada]: Hello",
        "[Ada]\nHello",
        "⟦Ada⟧\nHello",
        "【Ada】Hello",
        "**Ada:** Hello",
        "**Ada**: Hello",
        "**[Ada]** Hello",
        "**[Ada]:** Hello",
        "*Ada:* Hello",
        "__Ada__: Hello",
        "### Ada: Hello",
        "— Ada: Hello",
        "Ada：Hello",
        "<Ada> Hello",
        "\n\n  Ada:\n\nHello",
        "\u200bAda: Hello",
        "Ada: Ada: Hello",
        "[Ada] **Ada:** Hello",
        "[pass] Hello",
    ],
)
def test_the_own_name_is_dropped(text: str) -> None:
    assert strip(text) == ("Hello", False, False)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Yes.\nAda: And no.", "Yes.\nAnd no."),
        ("Yes.\n\n**Ada:** And **no**.", "Yes.\n\nAnd **no**."),
        ("Ada: **Bold** start", "**Bold** start"),
        ("**Ada:** **Bold** start", "**Bold** start"),
    ],
)
def test_nothing_else_is_dropped_with_it(text: str, shown: str) -> None:
    assert strip(text) == (shown, False, False)


@pytest.mark.parametrize(
    "line",
    [
        "Ben: no!",
        "ben: no!",
        "Bennett Lee: no!",
        "[Bennett Lee] no!",
        "⟦Ben⟧\nno!",
        "**Ben:** no!",
        "**Ben** : no!",
        "### Ben: no!",
        "  Ben: no!",
        "Ben:",
        "[Ben]",
        "C++ (fan): no!",
        "李雷：不",
        "李雷:不",
        "李雷：3",
        "ЗОЯ: нет",
        "Müller: nein",
        "Mu\u0308ller: nein",
        "Ｂｅｎ： no",
        "Ada: Ben: no!",
    ],
)
def test_a_line_of_another_ends_the_turn(line: str) -> None:
    assert strip(line) == ("", True, False)
    assert strip(f"I think so.\n\n{line}\nAnd more.") == ("I think so.", True, False)


@pytest.mark.parametrize(
    "text",
    [
        "Sceptic people say so.",
        "Sceptics: who are they?",
        "Comedian – a person who jokes",
        "Comedian - a person who jokes",
        "Ben, what do you think?",
        "Ben says: no.",
        "Ben",
        "**Ben** is right",
        "[Ben](https://example.org) wrote this",
        "Sceptic://path",
        "Ben::method()",
        "- Ben: agrees\n- Sceptic: does not",
        "* Ben: agrees",
        "> Ben: no!",
        "I said it to Ben: no!",
        "Benn: a name like another",
        "Bennett: half a name",
        "[1] a reference",
        "**Bold** start",
        "# Heading",
        "---",
        "```python\nprint(1)\n```",
        "A line\n\n    indented\n\tmore",
        "    indented from the start",
        "[passing] by",
        "password",
        "Adamant: yes",
    ],
)
def test_ordinary_prose_goes_through(text: str) -> None:
    assert strip(text) == (text, False, False)


@pytest.mark.parametrize(
    "text", ["[pass]", "[PASS]", " [pass]\n", "**[pass]**", "[pass].", "Ada: [pass]", "[Ada]\n[pass]"]
)
def test_a_pass_shows_nothing(text: str) -> None:
    assert strip(text) == ("", False, True)


@pytest.mark.parametrize("flood", ["\n", "a\n", "*", "[", "Ben", "[pass]", "Ada: ", "."])
def test_a_flood_passes(flood: str) -> None:
    text = flood * (30_000 // len(flood))
    shown, _, _ = strip(text)
    assert len(shown) <= len(text)
    assert len(limit(text)) <= len(text)


def test_words_before_the_pass_token_are_no_pass() -> None:
    assert strip("I agree.\n[pass]") == ("I agree.", False, False)


def test_the_token_is_text_where_it_was_not_offered() -> None:
    stripper = EchoStripper(OWN, OTHERS, None)
    assert stripper.feed("[pass]") + stripper.close() == "[pass]"
    assert not stripper.passed


def test_a_reply_that_goes_on_in_a_line_keeps_its_space() -> None:
    assert strip(" Ben: is a name", mid_line=True) == (" Ben: is a name", False, False)
    assert strip(" so.\nBen: no!", mid_line=True) == (" so.", True, False)


@pytest.mark.parametrize(
    ("text", "shown_after"),
    [
        ("Hello", ["H", "He", "Hel", "Hell", "Hello"]),
        ("Add", ["", "", "Add"]),
        ("Ada is", ["", "", "", "", "Ada i", "Ada is"]),
        ("[x", ["", "[x"]),
        ("x\nBe!", ["x", "x", "x", "x", "x\nBe!"]),
    ],
)
def test_text_is_held_back_only_while_it_can_become_a_tag(text: str, shown_after: list[str]) -> None:
    stripper = EchoStripper(OWN, OTHERS, PASS)
    shown = ""
    for char, expected in zip(text, shown_after, strict=True):
        shown += stripper.feed(char)
        assert shown == expected


PIECES = st.sampled_from(
    [
        *OTHERS,
        OWN,
        PASS,
        "Bennett",
        ":",
        "：",
        "**",
        "*",
        "[",
        "]",
        "⟦",
        "⟧",
        "#",
        "—",
        " ",
        "\n",
        "\n\n",
        "word",
        "(",
        "\u200b",
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=3), max_size=12).map("".join)


@given(text=TEXTS, data=st.data())
def test_any_chunking_gives_the_same(text: str, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, max(len(text), 1)))
    assert strip(text, size=size) == strip(text)


@given(text=TEXTS)
def test_what_is_shown_was_said_and_holds_no_tag(text: str) -> None:
    shown, _, passed = strip(text)
    remaining = iter(text)
    assert all(char in remaining for char in shown)
    assert not (passed and shown)
    assert strip(shown) == (shown, False, False)


@given(text=st.text(alphabet="qxz .,!?\n\t-1", max_size=60))
def test_without_names_only_outer_white_space_is_lost(text: str) -> None:
    shown, ended, _ = strip(text)
    assert not ended
    assert shown.strip() == text.strip()


def limit(text: str, *, count: int = 2, said: str = "", cut: bool = False, size: int | None = None) -> str:
    limited = SentenceLimit(count, said)
    step = size or max(len(text), 1)
    shown = "".join(limited.feed(text[at : at + step]) for at in range(0, len(text), step))
    return shown + limited.close(cut=cut)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("One. Two. Three.", "One. Two."),
        ("One! Two? Three", "One! Two?"),
        ("One.\nTwo.", "One."),
        ("One\n\nand two.\n", "One and two."),
        ("Dr. Who came. He left. Then", "Dr. Who came. He left."),
        ("J. R. Ewing. Yes. No.", "J. R. Ewing. Yes."),
        ("So did I. And you. No.", "So did I. And you."),
        ("1. First thing. Second. Third.", "1. First thing. Second."),
        ("It was 1984. Then 1985. Then", "It was 1984. Then 1985."),
        ("Pi is 3.14 or so. Yes. No.", "Pi is 3.14 or so. Yes."),
        ("Fruit, e.g. apples. Good. Bad.", "Fruit, e.g. apples. Good."),
        ("Well… maybe not. Yes. No.", "Well… maybe not. Yes."),
        ("Well... maybe not. Yes. No.", "Well... maybe not. Yes."),
        ("Well… Maybe. Yes.", "Well… Maybe."),
        ("... and so. Yes. No.", "... and so. Yes."),
        ('"One." he said "Two!" Three.', '"One." he said "Two!"'),
        ("**One!** (Two.) Three.", "**One!** (Two.)"),
        ("What?! No way!! Yes.", "What?! No way!!"),
        ("一。二！三。", "一。二！"),
        ("他说「好。」我走。三。", "他说「好。」我走。"),
        ("One. Two", "One. Two"),
        ("No end", "No end"),
        ("Go to example.org now. Yes. No.", "Go to example.org now. Yes."),
        ("", ""),
    ],
)
def test_the_limit_ends_after_the_second_sentence(text: str, shown: str) -> None:
    assert limit(text) == shown
    assert limit(text, size=1) == shown


def test_the_limit_ends_as_soon_as_it_is_certain() -> None:
    limited = SentenceLimit(2)
    assert limited.feed("One. Two.") == "One. Two."
    assert not limited.ended
    assert limited.feed(" Three") == ""
    assert limited.ended
    assert limited.feed(" Four") == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("One. Two and", "One. Two and…"),
        ("One and ", "One and…"),
        ("One. ", "One."),
        ("One. Two. Three", "One. Two."),
        ("Well…", "Well…"),
        ("with Dr.", "with Dr.…"),
        ("", ""),
    ],
)
def test_a_reply_cut_short_says_so(text: str, shown: str) -> None:
    assert limit(text, cut=True) == shown


@pytest.mark.parametrize(
    ("said", "text", "shown"),
    [
        ("I doubt that", " it is. Really. No.", " it is. Really."),
        ("Ha! My dog once", " ate it. Then more. And", " ate it. Then more."),
        ("One. Two.", " Three. Four. Five.", " Three. Four."),
        ("Well,", " yes", " yes"),
    ],
)
def test_the_sentence_that_the_opener_leaves_open_counts(said: str, text: str, shown: str) -> None:
    assert limit(text, said=said) == shown


def test_an_opener_cut_short_says_so_too() -> None:
    assert limit("", said="I doubt that", cut=True) == "…"


SENTENCES = st.lists(
    st.sampled_from(["word", "Word", "Dr", "J", "1", ".", "…", "!", "。", " ", "\n", '"', "3.5"]), max_size=20
)


@given(text=SENTENCES.map("".join), size=st.integers(1, 7), cut=st.booleans())
@example(text="a… b", size=2, cut=False)
def test_any_chunking_ends_at_the_same_place(text: str, size: int, cut: bool) -> None:
    whole = limit(text, cut=cut)
    assert limit(text, cut=cut, size=size) == whole
    shown = whole.removesuffix("…") if cut else whole
    assert "".join(text.split()).startswith("".join(shown.split()))
