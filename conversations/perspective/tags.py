"""The mark that says who speaks, and why nobody can forge it.

A tag is a name in white square brackets on a line of its own. Whatever looks like those brackets is turned into plain
ones in every text and name, so that they occur nowhere but in the tags we set: no rule about lines, indentation or
invisible characters is needed. The brackets are rare in what models have read, which makes them little imitated.
"""

# ruff: noqa: RUF001 - look-alikes are the matter of this file

OPEN, CLOSE = "⟦", "⟧"
UNKNOWN_NAME = "Someone"

_PLAIN = str.maketrans(dict.fromkeys("⟦〚⟬❲〘⦋⦍⦏", "[") | dict.fromkeys("⟧〛⟭❳〙⦌⦎⦐", "]"))


def without_tags(text: str) -> str:
    """Neutralise every speaker tag, in whoever's text."""
    return text.translate(_PLAIN)


def one_line(text: str) -> str:
    """A name or description that cannot open a line of its own."""
    return " ".join(without_tags(text).split())


def tag(name: str) -> str:
    return f"{OPEN}{one_line(name)}{CLOSE}"
