"""A whole text -> safe HTML: what is stored when a message is complete."""

import re
from html import escape

from .parsing import parse_blocks, render_blocks
from .safety import clean, presentable

MOST_LINES, MOST_MARKED_LINES = 5_000, 2_000
"""A text of more lines, or of more that look like a list, quote or table, is shown as it was written."""

_MARKED_LINE = re.compile(r"^[ \t]*[-+*>|=\[\d]", re.MULTILINE)


def render(text: str) -> str:
    """Safe HTML of a whole text. Never raises; costs about 2 ms a kilobyte, highlighted code twice that."""
    return render_source(presentable(text), highlighted=True)


def render_source(source: str, *, highlighted: bool, continued: bool = False) -> str:
    """Safe HTML of a presentable text; `continued` where its first block goes on with one that was cut."""
    if source.count("\n") > MOST_LINES or sum(1 for _ in _MARKED_LINE.finditer(source)) > MOST_MARKED_LINES:
        return clean(f'<div class="code"><pre tabindex="0"><code>{escape(source)}</code></pre></div>\n')
    return clean(render_blocks(parse_blocks(source), highlighted=highlighted, continued=continued))
