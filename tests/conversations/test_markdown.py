"""Whole texts: what they look like, that nothing in them can act, and what hostile ones cost."""

from time import process_time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conversations.markdown import RENDERER, LiveMarkdown, highlighting, render, safety

from .markdown_texts import Reader, documents, growing, leaves, ragged

TAGS = {
    *("p", "br", "hr", "h3", "h4", "h5", "h6", "strong", "em", "s", "a", "blockquote", "ul", "ol", "li"),
    *("div", "pre", "code", "span", "table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {
    *(("a", "href"), ("a", "title"), ("a", "rel"), ("a", "target"), ("ol", "start"), ("th", "align"), ("td", "align")),
    *(("div", "class"), ("div", "data-language"), ("div", "tabindex"), ("pre", "tabindex"), ("code", "class")),
    ("span", "class"),
}
CLASSES = {
    *("code", "code continued", "table-scroll", "table-scroll continued"),
    *highlighting.COLOURED,
    *(f"language-{name}" for name in highlighting.LANGUAGES),
}
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '<svg onload="alert(1)"><a xlink:href="javascript:alert(1)">x</a></svg>',
    '<math href="javascript:alert(1)">x</math>',
    '<meta http-equiv="refresh" content="0;url=//evil.example">',
    "<iframe srcdoc='<script>1</script>'></iframe>",
    '<form id="composer" action="//evil.example"><input name="text"></form>',
    "<style>*{display:none}</style><base href=//evil.example>",
    '<div hx-get="/delete" hx-trigger="load" hx-swap-oob="true" id="log">x</div>',
    '<p data-hx-post="/x" hx-on:load="alert(1)" style="position:fixed" class="message">x</p>',
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt&colon;alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:msgbox(1))",
    "[x](//evil.example)",
    "[x](/accounts/logout/)",
    "[x](#log)",
    '[x](http://a.example "onmouseover=alert(1) \\"><b>")',
    "![x](http://evil.example/pixel.png)",
    "![x](data:image/svg+xml;base64,PHN2Zz4=)",
    "[![x](http://evil.example/p.png)](javascript:alert(1))",
    "[a]: javascript:alert(1)\n\n[a]",
    "[a]: http://x.example\n\n[a] ![b][a]",
    "<javascript:alert(1)>",
    "http://x.example/'onmouseover=alert(1)//\"><script>",
    '```py" onclick="alert(1)\nx\n```',
    "```html\n<script>alert(1)</script>\n```",
    "~~~ <script>\n</code></pre><script>alert(1)</script>\n~~~",
    "    </code></pre><script>alert(1)</script>",
    "| <script> | b |\n|:-|-:|\n| `<img src=x onerror=1>` | [y](javascript:1) |",
    "`</code><script>alert(1)</script>`",
    "&lt;script&gt;alert(1)&lt;/script&gt; &#60;script&#62;",
    "\\<script>alert(1)</script>",
    "<a href='http://x.example' onclick=alert(1)>x</a>",
    "text\0 with \ud800 and \u202e and <scr\0ipt>",
]


def assert_safe(html: str) -> None:
    """Only our tags, attributes and classes; links lead out by http, https or mail."""
    read = Reader(html)
    assert read.tags <= TAGS
    assert {(tag, name) for tag, name, _ in read.attributes} <= ATTRIBUTES
    assert {value for _, name, value in read.attributes if name == "class"} <= CLASSES
    links = [value for _, name, value in read.attributes if name == "href"]
    assert all(link.startswith(("http://", "https://", "mailto:")) for link in links)


@pytest.mark.parametrize("text", HOSTILE)
def test_c1_nothing_in_a_text_acts(text: str) -> None:
    assert_safe(render(text))


@pytest.mark.parametrize("text", HOSTILE)
def test_c2_nothing_acts_wherever_the_stream_splits_it(text: str) -> None:
    live = LiveMarkdown()
    for so_far in growing(f"- one\n\n{text}\n\nafter it\n", [1]):
        assert_safe("".join(piece.html for piece in live.feed(so_far)) + live.tail())


@given(st.text(st.characters(codec=None), max_size=200) | documents(leaves | ragged))
@example("\ud800\0\r\n\r\u2028\ufeff")
@settings(max_examples=150, deadline=None)
def test_c6_any_text_renders_safely(text: str) -> None:
    assert_safe(render(text))


def test_c3_an_image_is_a_link_and_loads_nothing() -> None:
    html = render("![a *cat*](http://i.example/cat.png) ![](http://i.example/p.png)")
    assert html == (
        '<p><a href="http://i.example/cat.png" target="_blank" rel="nofollow noopener noreferrer">a cat</a> '
        '<a href="http://i.example/p.png" target="_blank" rel="nofollow noopener noreferrer">'
        "http://i.example/p.png</a></p>\n"
    )
    assert render("[![a](http://i.example/p.png)](http://b.example)").count("<a ") == 1


def test_c4_markup_of_a_text_is_shown_as_it_was_written() -> None:
    text = '<div id="log" hx-get="/x">'
    assert Reader(render(text)).text.strip() == text


def test_the_policy_stands_alone() -> None:
    wild = (
        '<p id="log" style="x" class="message" hx-get="/x" onclick="x">a</p><div class="code spinner">b</div>'
        '<a href="/x">c</a><img src="x"><input><span class="nb evil">d</span><script>e</script>'
    )
    assert safety.clean(wild) == (
        '<p>a</p><div class="code">b</div><a target="_blank" rel="nofollow noopener noreferrer">c</a>'
        '<span class="nb">d</span>'
    )


def test_headings_stand_below_the_pages_own() -> None:
    assert render("# A\n\nB\n---\n\n###### C") == "<h3>A</h3>\n<h4>B</h4>\n<h6>C</h6>\n"


def test_a_line_break_is_kept() -> None:
    assert render("one\ntwo") == "<p>one<br>\ntwo</p>\n"


def test_code_is_coloured_where_its_language_is_known() -> None:
    assert render("```python title=x\nif x: 1\n```") == (
        '<div class="code" data-language="python"><pre tabindex="0"><code class="language-python">'
        '<span class="k">if</span> x: <span class="m">1</span>\n</code></pre></div>\n'
    )
    assert render("~~~ Brain<b>\nif\n~~~") == (
        '<div class="code" data-language="brainb"><pre tabindex="0"><code>if\n</code></pre></div>\n'
    )


@pytest.mark.parametrize("language", sorted(highlighting.LANGUAGES))
def test_colouring_changes_no_character(language: str) -> None:
    code = "\n\n  if (x) { return \"a\\n\" + 'b' } # c\n<a b='c'>// 1.5e3 \t\n- x: y\n@z\n\n"
    assert Reader(highlighting.Highlighter().html(code, language)).text == code


def test_a_table_scrolls_and_keeps_its_alignment() -> None:
    html = render("a | b\n:- | -:\n1 | 2")
    assert html.startswith('<div class="table-scroll" tabindex="0">\n<table>\n')
    assert '<th align="left">a</th>\n<th align="right">b</th>' in html


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("see https://a.example/b_c?d=1#e.", "https://a.example/b_c?d=1#e"),
        ("(https://a.example/x_(y))", "https://a.example/x_(y)"),
        ("**https://a.example**", "https://a.example"),
        ("<ada@a.example>", "mailto:ada@a.example"),
    ],
)
def test_bare_addresses_are_links(text: str, address: str) -> None:
    links = [value for _, name, value in Reader(render(text)).attributes if name == "href"]
    assert links == [address]


@pytest.mark.parametrize("text", ["`https://a.example`", "    https://a.example", "xhttps://", "ftp://a.example"])
def test_other_addresses_are_not(text: str) -> None:
    assert "<a " not in render(text)


def test_c5_a_speaker_tag_is_not_taken_for_a_definition() -> None:
    assert Reader(render("[Alice]: hello")).text.strip() == "[Alice]: hello"


def test_deep_nesting_ends_in_a_paragraph_and_loses_nothing() -> None:
    steps = "".join("  " * depth + f"- step{depth}\n" for depth in range(40))
    quote = "> " * 40 + "end"
    shown = Reader(render(steps + "\n" + quote)).text
    assert all(f"step{depth}" in shown for depth in range(40))
    assert "end" in shown


def test_the_renderers_name_fits_its_column() -> None:
    assert 0 < len(RENDERER) <= 20


BOMBS = {
    "open brackets": "[" * 50_000,
    "open images": "![" * 25_000,
    "open links": "[a](" * 12_500,
    "images in images": "![" * 8_000 + "a" + "](b)" * 8_000,
    "links by paragraph": ("[" * 190 + "\n\n") * 260,
    "emphasis": "**a*a_" * 8_000,
    "emphasis nested": "*a **b " * 4_000 + "b** c* " * 4_000,
    "backticks": "".join("`" * length + "a" for length in range(1, 310)),
    "entities": "&a" * 25_000,
    "autolinks": "<a:" * 16_000,
    "addresses": "http://a.b " * 4_500,
    "quotes": ">" * 50_000,
    "quotes in lines": (">" * 500 + "\n") * 100,
    "quotes in steps": "".join(">" * (line % 50) + "a\n" for line in range(1_800)),
    "lists in one line": "- " * 25_000,
    "lists and quotes": "- > a\n" * 8_000,
    "lists in steps": "".join("  " * depth + "- a\n" for depth in range(220)),
    "table of one column": "a|b\n-|-\n" + "x\n" * 25_000,
    "wide table": "|a" * 256 + "|\n" + "|-" * 256 + "|\n" + "x\n" * 256,
    "tables": "a|b\n-|-\n\n" * 5_500,
    "definitions": "".join(f"[a{number}]: http://b\n" for number in range(3_300)),
    "lines": "a\n" * 25_000,
    "one line": "x" * 100_000,
    "combining marks": "a" + "\u0301" * 100_000,
    "code": "```java\n" + ("a " * 240 + "\n") * 40 + "```\n" + "```c#\n" + "  a\n" * 990 + "```\n",
}


@pytest.mark.parametrize("name", BOMBS)
def test_c7_a_bomb_costs_no_more_than_a_page(name: str) -> None:
    started = process_time()
    html = render(BOMBS[name])
    spent = process_time() - started
    assert_safe(html)
    # Measured: below 0.2 s. The bound allows for a slow machine; without its cap a bomb takes seconds.
    assert spent < 1


def test_c7_beyond_a_cap_the_text_is_shown_as_it_was_written() -> None:
    assert Reader(render(BOMBS["open brackets"])).text.count("[") == 50_000
    assert Reader(render(BOMBS["lists and quotes"])).text == BOMBS["lists and quotes"] + "\n"
    assert "<strong>" in render(BOMBS["open brackets"] + "\n\n**fine**")
