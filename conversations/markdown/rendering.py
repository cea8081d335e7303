"""Tokens -> HTML as this product writes it: headings below the page's own, code and tables that scroll, no images."""

import re
from collections.abc import Iterator, Sequence
from html import escape

from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from .highlighting import LANGUAGES

AS_WRITTEN = "as_written"
"""Type of a token for words that are not looked into."""
HEADING_SHIFT, LOWEST_HEADING = 2, 6

_NOT_OF_A_NAME = re.compile(r"[^a-z0-9+#.-]")
_ADDRESS = re.compile(r"\bhttps?://[^\s<>\"'`|\\^{}]+", re.IGNORECASE)
_BESIDE_AN_ADDRESS = ".,:;!?*_~)]"


class Renderer(RendererHTML):
    """Rules for what this product writes in its own way; each is named after its token."""

    def as_written(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return escape(tokens[idx].content)

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        words = tokens[idx].info.split(maxsplit=1)
        language = _NOT_OF_A_NAME.sub("", words[0].lower())[:20] if words else ""
        return _code(tokens[idx], language, env, continued=_is_continued(idx, env))

    def code_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return _code(tokens[idx], "", env, continued=False)

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        continued = " continued" if _is_continued(idx, env) else ""
        return f'<div class="table-scroll{continued}" tabindex="0">\n<table>\n'

    def table_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return "</table>\n</div>\n"


def _is_continued(idx: int, env: EnvType) -> bool:
    return idx == 0 and bool(env.get("continued"))


def _code(token: Token, language: str, env: EnvType, *, continued: bool) -> str:
    highlighter = env["highlighter"]
    text = highlighter.html(token.content, language) if highlighter else escape(token.content)
    label = f' data-language="{language}"' if language else ""
    known = f' class="language-{language}"' if language in LANGUAGES else ""
    cut = " continued" if continued else ""
    return f'<div class="code{cut}"{label}><pre tabindex="0"><code{known}>{text}</code></pre></div>\n'


def dress(state: StateCore) -> None:
    """The last rule of the parser: tokens as this product shows them."""
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1:]) + HEADING_SHIFT, LOWEST_HEADING)}"
        elif token.type in ("th_open", "td_open") and token.attrs:
            token.attrs = {"align": str(token.attrs["style"]).removeprefix("text-align:")}
        elif token.children:
            token.children = list(_with_links(token.children, state))


def _with_links(tokens: Sequence[Token], state: StateCore) -> Iterator[Token]:
    """Images become links, since nothing from afar is loaded; bare addresses too."""
    depth = 0
    for token in tokens:
        depth += token.nesting if token.type in ("link_open", "link_close") else 0
        if token.type == "image":
            yield from _image_link(token, state, within_link=depth > 0)
        elif token.type == "text" and depth == 0 and "://" in token.content:
            yield from _bare_links(token.content, state)
        else:
            yield token


def _image_link(image: Token, state: StateCore, *, within_link: bool) -> Iterator[Token]:
    address = str(image.attrs["src"])
    label = Token("text", "", 0, content=_words(image.children or []).strip() or address)
    return iter([label]) if within_link else _link(address, label)


def _words(tokens: Sequence[Token]) -> str:
    return "".join(_words(token.children) if token.children else token.content for token in tokens)


def _bare_links(words: str, state: StateCore) -> Iterator[Token]:
    done = 0
    for match in _ADDRESS.finditer(words):
        shown = _trimmed(match.group())
        address = state.md.normalizeLink(shown)
        if not state.md.validateLink(address):
            continue
        yield Token("text", "", 0, content=words[done : match.start()])
        yield from _link(address, Token("text", "", 0, content=shown))
        done = match.start() + len(shown)
    yield Token("text", "", 0, content=words[done:])


def _trimmed(address: str) -> str:
    """Without the punctuation of the sentence around it; a closing bracket stays where the address opened it."""
    while address and address[-1] in _BESIDE_AN_ADDRESS:
        if address[-1] == ")" and address.count("(") >= address.count(")"):
            break
        address = address[:-1]
    return address


def _link(address: str, label: Token) -> Iterator[Token]:
    yield Token("link_open", "a", 1, attrs={"href": address})
    yield label
    yield Token("link_close", "a", -1)
