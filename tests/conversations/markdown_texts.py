"""Wild Markdown for the tests: strategies, hostile texts, and how to read the HTML that comes of them."""

import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from itertools import cycle

from hypothesis import strategies as st

WORDS = [
    *(
        "river",
        "stone",
        "Übergröße",
        "naïve",
        "e\u0301te\u0301",
        "雨が降る",
        "שלום",
        "مرحبا",
        "👩‍👩‍👧",
        "\u202eabc\u202c",
        "x",
    ),
    *(
        "*lean*",
        "**bold**",
        "~~gone~~",
        "`code`",
        "``a`b``",
        "_under_",
        "snake_case",
        "2*3*4",
        "&#8730;",
        "&copy",
        "\\*",
    ),
    *("[link](https://example.org/a_(b))", '[t](<http://x.y> "title")', "![alt](http://i.example/p.png)", "<b>", "a|b"),
    *("<https://auto.example>", "https://bare.example/x?y=1.", "[open", "](", "[ ]", "1.", "-", "#", ">", "=", "$x$"),
]
INFOS = ["", "python", "unknown-9", 'x"><i>']

words = st.sampled_from(WORDS)
lines = st.lists(words, min_size=1, max_size=6).map(" ".join)
paragraphs = st.lists(lines, min_size=1, max_size=3).flatmap(
    lambda some: st.sampled_from(["\n", "  \n", "\\\n", "\n  "]).map(lambda end: end.join(some))
)


@st.composite
def fences(draw: st.DrawFn) -> str:
    mark = draw(st.sampled_from(["```", "~~~", "`````"]))
    body = draw(
        st.lists(
            st.one_of(lines, st.sampled_from(["", "def f():", "    return 1", "``", "# not a heading"])), max_size=7
        )
    )
    end = draw(st.sampled_from([mark, mark, ""]))
    return "\n".join([mark + draw(st.sampled_from(INFOS)), *body, end])


@st.composite
def tables(draw: st.DrawFn) -> str:
    cells = st.lists(words, min_size=1, max_size=2).map(" | ".join)
    rows = draw(st.lists(cells, max_size=5))
    return "\n".join(
        [draw(st.sampled_from(["a | b", "| a | b |", "a"])), draw(st.sampled_from(["-|-", "|:-|-:|", "---"])), *rows]
    )


@st.composite
def lists(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    marker = draw(st.sampled_from(["-", "*", "+", "1.", "7)"]))
    between = draw(st.sampled_from(["\n", "\n\n"]))
    items = draw(st.lists(inner, min_size=1, max_size=4))
    indent = " " * draw(st.sampled_from([len(marker) + 1, 4]))
    return between.join(f"{marker} " + item.replace("\n", "\n" + indent) for item in items)


def quotes(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    strict = inner.map(lambda text: "> " + text.replace("\n", "\n> "))
    lazy = inner.map(lambda text: "> " + text)
    return st.one_of(strict, strict, lazy)


leaves = st.one_of(
    paragraphs,
    fences(),
    tables(),
    lines.map(lambda line: "## " + line),
    lines.map(lambda line: line + "\n==="),
    paragraphs.map(lambda text: text + "\n---"),
    lines.map(lambda line: "    " + line + "\n\n    " + line),
    st.sampled_from(["---", "* * *", "<div id='log'>\n<script>x</script>\n</div>", "-", "1.", ">", "\\", "+\n\n  x"]),
    st.text(alphabet="-=*_`~#>[]()! \t\nab1.", max_size=30),
)
# Cells beyond a table's head are left out: that is what tables are, but no text for a test that all is shown.
ragged = st.one_of(st.text(alphabet="-|:ab \n", max_size=40), st.just("a|b\n-|-\n1|2|3\n|\nx"))


def nested(leaf: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.recursive(leaf, lambda inner: st.one_of(lists(inner), quotes(inner)), max_leaves=5)


ends = st.sampled_from(["\n\n", "\n\n", "\n", "\n\n\n", "\n \n"])


def documents(leaf: st.SearchStrategy[str] = leaves, most: int = 6) -> st.SearchStrategy[str]:
    """Texts of a few blocks, without definitions of links."""
    return st.lists(st.tuples(nested(leaf), ends).map("".join), max_size=most).map("".join)


chunkings = st.lists(st.integers(1, 45), min_size=1, max_size=12)


def growing(text: str, sizes: Sequence[int]) -> Iterator[str]:
    """The text as it comes: each time longer by one of the sizes, in turn."""
    end = 0
    for size in cycle(sizes):
        end += size
        yield text[:end]
        if end >= len(text):
            return


class Reader(HTMLParser):
    """Reads HTML: its text, tags and attributes; `behind` is the text with what stands behind it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.behind, self._link = "", "", ""
        self.tags, self.attributes = set[str](), set[tuple[str, str, str]]()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {(tag, name, value or "") for name, value in attrs}
        self.behind += "".join(value or "" for name, value in attrs if name == "data-language")
        if tag == "a":
            self._link = "".join(value or "" for name, value in attrs if name in ("href", "title"))

    def handle_endtag(self, tag: str) -> None:
        self.behind += self._link if tag == "a" else ""

    def handle_data(self, data: str) -> None:
        self.text += data
        self.behind += data


def loses_nothing(html: str, shown: str) -> bool:
    """Whether every letter of the HTML is in what is shown, in order; a link may hold it where code was cut open."""
    rest = iter(Reader(shown).behind)
    return all(mark in rest for mark in Reader(html).text if mark.isalpha())


def without_colours(html: str) -> str:
    return re.sub(r"</?span[^>]*>", "", html)
