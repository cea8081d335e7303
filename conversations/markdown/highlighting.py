"""Code -> HTML with Pygments' short class names, which code.css colours."""

from functools import cache
from html import escape
from itertools import groupby

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES, _TokenType

LONGEST_CODE, MOST_LINES, LONGEST_LINE = 20_000, 1_000, 500
"""Of one block, in characters, lines and characters of a line: one beyond stays plain, since lexers look far ahead."""

# Those of Pygments' lexers that people and models use, and that were tried with hostile input.
LANGUAGES = frozenset(
    {
        *("bash", "c", "c#", "c++", "clojure", "cmake", "console", "cpp", "cs", "csharp", "css", "dart", "diff"),
        *("docker", "dockerfile", "elixir", "erlang", "fsharp", "go", "golang", "graphql", "groovy", "haskell", "hcl"),
        *("hs", "html", "ini", "java", "javascript", "js", "json", "jsx", "julia", "kotlin", "lua", "make"),
        *("makefile", "matlab", "nginx", "nix", "ocaml", "perl", "php", "postgresql", "powershell", "proto"),
        *("protobuf", "ps1", "py", "pycon", "python", "python3", "r", "rb", "rs", "ruby", "rust", "scala", "scss"),
        *("sh", "shell", "sql", "swift", "terraform", "toml", "ts", "tsx", "typescript", "xml", "yaml", "yml"),
        *("zig", "zsh"),
    }
)
# Pygments' classes that have a colour; a finer kind takes its parent's.
COLOURED = frozenset(
    {
        *("c", "cp", "k", "kt", "ow", "s", "se", "si", "sr", "m", "nb", "nc", "nd", "nf", "nt", "na", "nv"),
        *("gd", "gi", "gh", "gu", "gp", "go", "gr"),
    }
)


def highlight(code: str, language: str) -> str:
    """Escaped HTML of the code, with spans where the language is known and the code is of a usual size."""
    if language not in LANGUAGES or not _is_usual(code):
        return escape(code)
    tokens = [(_class(kind), text) for kind, text in _lexer(language).get_tokens(code)]
    if "".join(text for _, text in tokens) != code:
        return escape(code)
    return "".join(
        _span(name, "".join(text for _, text in run)) for name, run in groupby(tokens, key=lambda token: token[0])
    )


def _is_usual(code: str) -> bool:
    lines = code.split("\n")
    return len(code) <= LONGEST_CODE and len(lines) <= MOST_LINES and max(map(len, lines)) <= LONGEST_LINE


def _span(name: str, text: str) -> str:
    return f'<span class="{name}">{escape(text)}</span>' if name else escape(text)


@cache
def _lexer(language: str) -> Lexer:
    return get_lexer_by_name(language, stripnl=False, ensurenl=False)


@cache
def _class(kind: _TokenType) -> str:
    name = STANDARD_TYPES.get(kind, "")
    if name in COLOURED or kind.parent is None:
        return name
    return _class(kind.parent)
