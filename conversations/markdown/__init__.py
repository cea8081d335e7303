"""Text of people and models -> safe HTML, whole or block by block while it streams. Pure: no Django, no database.

Every fragment that leaves this package has passed safety.clean() last. `RENDERER` names what made a stored
fragment: raise it with each change that alters the HTML of some text, so that stored ones are rendered anew.
"""

from .document import render
from .live import LiveMarkdown, Piece, render_live

RENDERER = "markdown-1"

__all__ = ["RENDERER", "LiveMarkdown", "Piece", "render", "render_live"]
