"""Markdown -> tokens, within bounds: no text may cost more than a well-meant one of its size by much.

Beyond a bound a part of the text stays as it was written; nothing is ever left out.
"""

import re
from dataclasses import dataclass, field

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, blockquote, table
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType

from .highlighting import Highlighter
from .rendering import AS_WRITTEN, Renderer, dress
from .safety import may_link

DEEPEST, DEEPEST_QUOTE = 12, 6
"""Levels of nesting. A list takes two, a quote one; further in, everything is a paragraph."""
MOST_COLUMNS, MOST_CELLS = 50, 4_000
"""Of one table, and of a document's tables together with the cells that their rows leave out."""
MOST_BRACKETS, MOST_BRACKETS_TOGETHER = 200, 1_500
"""Beginnings of links in one paragraph, and in a document."""
MOST_MARKS, MOST_MARKS_TOGETHER = 800, 10_000
"""Emphasis, code and escapes in one paragraph, and in a document."""
MOST_IMAGES = 40
"""In one paragraph: they may stand in each other, and each level is parsed again."""

_MARKUP = re.compile(r"[\n\\`~*_\[<&]|://")
_WORDS_END = re.compile(r"[\n\\`~*_\[\]<&!]")
"""Where running words stop for the rules in use; the parser's own set is wider, for rules that are not."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """Block tokens of a source, without the words in them, and what they know of each other."""

    tokens: list[Token]
    environment: EnvType = field(default_factory=dict)


class _Parser(MarkdownIt):
    def validateLink(self, url: str) -> bool:  # noqa: N802 (overrides)
        return may_link(url)


def parse_blocks(source: str) -> Blocks:
    """Find the blocks of a presentable text; `map` of a token holds its lines."""
    blocks = Blocks([])
    _PARSER.block.parse(source, _PARSER, blocks.environment, blocks.tokens)
    return blocks


def render_blocks(blocks: Blocks, *, highlighted: bool, continued: bool = False) -> str:
    """HTML of the blocks, not yet safe. `continued`: the first goes on with a block that was cut."""
    highlighter = Highlighter() if highlighted else None
    environment: EnvType = {**blocks.environment, "highlighter": highlighter, "continued": continued}
    state = StateCore("", _PARSER, environment, blocks.tokens)
    _PARSER.core.process(state)
    return str(_PARSER.renderer.render(state.tokens, _PARSER.options, environment))


def _parse_words(state: StateCore) -> None:
    for token in state.tokens:
        if token.type != "inline":
            continue
        words, token.children = token.content, []
        if not _MARKUP.search(words):
            token.children.append(Token("text", "", 0, content=words))
        elif _is_affordable(words, state.env):
            state.md.inline.parse(words, state.md, state.env, token.children)
        else:
            token.children.append(Token(AS_WRITTEN, "", 0, content=words))


def _is_affordable(words: str, environment: EnvType) -> bool:
    brackets = words.count("[") + words.count("<") + words.count("://")
    marks = sum(map(words.count, "*_~`\\&]"))
    brackets_together, marks_together = environment.get("spent", (0, 0))
    spent = brackets_together + brackets, marks_together + marks
    if brackets > MOST_BRACKETS or marks > MOST_MARKS or words.count("![") > MOST_IMAGES:
        return False
    if spent[0] > MOST_BRACKETS_TOGETHER or spent[1] > MOST_MARKS_TOGETHER:
        return False
    environment["spent"] = spent
    return True


def _bounded_quote(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    return state.level < DEEPEST_QUOTE and blockquote(state, start, end, silent)


def _bounded_table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    if not table(state, start, end, True):
        return False
    columns = state.src[state.bMarks[start + 1] : state.eMarks[start + 1]].count("|") + 1
    rows = start + 2
    while rows < end and not state.isEmpty(rows):
        rows += 1
    cells = state.env.get("cells", 0) + columns * (rows - start)
    if columns > MOST_COLUMNS or cells > MOST_CELLS:
        return False
    if silent:
        return True
    state.env["cells"] = cells
    return table(state, start, end, False)


def _deep_paragraph(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    if silent or state.level < DEEPEST:
        return False
    after = start + 1
    while after < end and not state.isEmpty(after) and state.sCount[after] >= state.blkIndent:
        after += 1
    state.line = after
    state.push("paragraph_open", "p", 1).map = [start, after]
    words = state.push("inline", "", 0)
    words.content, words.map = state.getLines(start, after, state.blkIndent, False).strip(), [start, after]
    state.push("paragraph_close", "p", -1)
    return True


def _parser() -> MarkdownIt:
    options = {"html": False, "xhtmlOut": False, "breaks": True}
    parser = _Parser("commonmark", options, renderer_cls=Renderer).enable(["table", "strikethrough"])
    parser.block.ruler.at("table", _bounded_table, {"alt": ["paragraph", "reference"]})
    parser.block.ruler.at("blockquote", _bounded_quote, {"alt": ["paragraph", "reference", "blockquote", "list"]})
    parser.block.ruler.before("table", "deep_paragraph", _deep_paragraph)
    parser.inline.terminator_re = _WORDS_END
    parser.core.ruler.disable(["normalize", "block"])
    parser.core.ruler.at("inline", _parse_words)
    parser.core.ruler.push("dress", dress)
    return parser


_PARSER = _parser()
