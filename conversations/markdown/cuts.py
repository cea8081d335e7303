"""Where a text that grows may be closed, and what must stand before the rest of a block that was cut."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from markdown_it.token import Token

from .parsing import parse_blocks

EARLY, EARLY_TABLE = 1_000, 2_000
"""Characters from which on an open list is cut before an item, an open fence or a table before a line."""
LONGEST_OPEN, MOST_OPEN_LINES = 4_000, 200
"""Characters, or lines, from which on any block is cut; also the longest unfinished line."""

_UNFINISHED_PROSE = re.compile(r"[^\W\d_].{40}")
_MARKER = re.compile(r"[ >]*(?:[-+*]|\d{1,9}[.)])(?=\s|$)")
_LEAD = re.compile(r"[ >\t]*")
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")


class Cut(NamedTuple):
    """A place in a source, and what the rest of the source needs before it to be read as it was meant."""

    at: int
    prefix: str = ""


def settled_end(source: str) -> int:
    """Up to where lines can no longer change what they are: finished ones, and prose longer than 40 characters."""
    finished = source.rfind("\n") + 1
    prose = _UNFINISHED_PROSE.match(source, finished)
    return prose.end() if prose else finished


def is_settled(source: str, settled: int) -> bool:
    """Whether nothing can be closed that could not be closed when `settled` was last looked at."""
    return len(source) - settled <= LONGEST_OPEN


def find_cut(source: str, settled: int, begun: int) -> Cut | None:
    """The next place to close at. `begun` characters of the source are a prefix.

    Before the last block, if there are several. Else within it, once it is too long: the final render heals that.
    """
    tokens = parse_blocks(source[:settled]).tokens
    starts = _line_starts(source[:settled])
    blocks = [token for token in tokens if token.level == 0 and token.nesting >= 0]
    if len(blocks) > 1:
        return Cut(starts[_lines(blocks[-1])[0]])
    at = _cut_within(source, settled, tokens, begun)
    if at <= begun and not is_settled(source, settled):
        at = _cut_in_line(source, max(settled, begun))
    return Cut(at, prefix_at(source, at)) if at > begun else None


def _cut_within(source: str, settled: int, tokens: Sequence[Token], begun: int) -> int:
    """A place between two lines of the only block; 0 where it may stay open. (A link's definition makes no token.)"""
    kind, size = tokens[0].type if tokens else "", settled - begun
    if kind == "fence" and _is_complete(tokens[0], source):
        return 0
    if size > EARLY and kind.endswith("list_open"):
        items = [_lines(token)[0] for token in tokens if token.type == "list_item_open" and token.level == 1]
        before_item = _line_starts(source)[items[-1]]
        if before_item > begun:
            return before_item
    longest = {"fence": EARLY, "table_open": EARLY_TABLE}.get(kind, LONGEST_OPEN)
    if size > longest or source.count("\n", begun, settled) > MOST_OPEN_LINES:
        last_line_end = source.rfind("\n", 0, settled)
        return source.rfind("\n", 0, max(last_line_end, 0)) + 1
    return 0


def _cut_in_line(source: str, start: int) -> int:
    """After the last space; in a line without one before the last character."""
    return (source.rfind(" ", start, -1) + 1) or len(source) - 1


def prefix_at(source: str, offset: int) -> str:
    """What the source from `offset` on needs before it; empty where a block or an item of a list begins there.

    A fence takes its opening line along, a table its head; both, and what else stands in the item of a list, the
    item's marker. A rest that begins within a line is kept from being taken for the beginning of something else.
    """
    if not 0 < offset < len(source):
        return ""
    line_start = source.rfind("\n", 0, offset) + 1
    if offset > line_start:
        return _prefix_in_line(source, offset, line_start)
    end = source.find("\n", offset) + 1 or len(source)
    line = source.count("\n", 0, offset)
    around = _around(source[:end], line)
    if any(_lines(token)[0] == line and _stands_alone(token) for token in around):
        return ""
    lines = source[:end].split("\n")
    opening = _opening(around, lines, line)
    first = opening[0] if opening else ""
    items = Counter(_lines(token)[0] for token in around if token.type == "list_item_open")
    for begun, depth in items.items():
        if begun < line:
            first = _with_markers(first, lines[begun], depth)
    return "".join(f"{one}\n" for one in [first, *opening[1:]]) if first else ""


def _prefix_in_line(source: str, offset: int, line_start: int) -> str:
    around = _around(source[:offset], source.count("\n", 0, line_start))
    opening = _opening(around, source[:offset].split("\n"), source.count("\n", 0, line_start))
    if opening:
        lead = _LEAD.match(source, line_start, offset)
        return "".join(f"{one}\n" for one in opening) + (lead.group() if lead else "")
    if any(token.type == "code_block" for token in around):
        return "    "
    return "\\" if _PUNCTUATION.match(source, offset) else ""


def _around(source: str, line: int) -> list[Token]:
    tokens = parse_blocks(source).tokens
    return [token for token in tokens if token.map and token.map[0] <= line < token.map[1]]


def _stands_alone(token: Token) -> bool:
    return token.level == 0 or (token.level == 1 and token.type == "list_item_open")


def _opening(around: Sequence[Token], lines: Sequence[str], line: int) -> list[str]:
    """The lines that make a fence or a table of what follows them."""
    for token in around:
        first = _lines(token)[0]
        if token.type == "fence" and first < line:
            return [lines[first]]
        if token.type == "table_open" and first + 1 < line:
            return list(lines[first : first + 2])
    return []


def _with_markers(line: str, item: str, depth: int) -> str:
    """The line, with the first markers of an item's line laid into its indentation."""
    line, item, end = line.expandtabs(4), item.expandtabs(4), 0
    for _ in range(depth):
        found = _MARKER.match(item, end)
        end = found.end() if found else end
    laid = (mark if place == " " else place for mark, place in zip(item[:end], line.ljust(end), strict=False))
    return "".join(laid) + line[end:]


def _is_complete(fence: Token, source: str) -> bool:
    first, end = _lines(fence)
    last = source.split("\n")[end - 1].strip()
    return end - first > 1 and len(last) >= len(fence.markup) and not last.strip(fence.markup[0])


def _lines(token: Token) -> tuple[int, int]:
    first, end = token.map or (0, 0)
    return first, end


def _line_starts(source: str) -> list[int]:
    return [0, *accumulate(len(line) + 1 for line in source.split("\n"))]
