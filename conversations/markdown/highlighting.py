"""Code -> HTML with Pygments' short class names, which code.css colours."""

from functools import cache
from html import escape
from itertools import groupby
from time import thread_time

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES, _TokenType

LONGEST_CODE, MOST_LINES, LONGEST_LINE = 20_000, 1_000, 500
"""Of one block, in characters, lines and characters of a line: one beyond stays plain, since lexers look far ahead."""

CPU_SECONDS = 0.1
"""For the code of one document. Some lexers are quadratic with text made for that: then the rest stays plain."""

# Those of Pygments' lexers that people and models use. With hostile text none held a single token back for 10 ms.
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


class Highlighter:
    """Gives the code of one document its spans, as long as the document's time lasts."""

    def __init__(self) -> None:
        self._seconds = CPU_SECONDS

    def html(self, code: str, language: str) -> str:
        """Escaped HTML of the code, with spans where the language is known and the code is of a usual size."""
        if language not in LANGUAGES or not _is_usual(code):
            return escape(code)
        tokens = self._tokens(code, _lexer(language))
        if "".join(text for _, text in tokens) != code:
            return escape(code)
        runs = groupby(tokens, key=lambda token: token[0])
        return "".join(_span(name, "".join(text for _, text in run)) for name, run in runs)

    def _tokens(self, code: str, lexer: Lexer) -> list[tuple[str, str]]:
        tokens: list[tuple[str, str]] = []
        deadline = thread_time() + self._seconds
        for kind, text in lexer.get_tokens(code):
            tokens.append((_class(kind), text))
            if thread_time() > deadline:
                break
        self._seconds = deadline - thread_time()
        return tokens


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
