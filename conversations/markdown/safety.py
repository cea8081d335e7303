"""What may reach a page, whatever a text holds: an explicit list, applied last to every fragment."""

import re

import nh3

from .highlighting import COLOURED, LANGUAGES

SCHEMES = frozenset({"http", "https", "mailto"})

_TAGS = {
    *("p", "br", "hr", "h3", "h4", "h5", "h6", "strong", "em", "s", "a", "blockquote", "ul", "ol", "li"),
    *("div", "pre", "code", "span", "table", "thead", "tbody", "tr", "th", "td"),
}
_ATTRIBUTES = {
    "a": {"href", "title"},
    "ol": {"start"},
    "th": {"align"},
    "td": {"align"},
    "div": {"data-language", "tabindex"},
    "pre": {"tabindex"},
}
_CLASSES = {
    "div": {"code", "table-scroll", "continued"},
    "code": {f"language-{name}" for name in LANGUAGES},
    "span": set(COLOURED),
}
_POLICY = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags={"script", "style"},
    attributes=_ATTRIBUTES,
    allowed_classes=_CLASSES,
    set_tag_attribute_values={"a": {"target": "_blank"}},
    link_rel="nofollow noopener noreferrer",
    url_schemes=set(SCHEMES),
    url_relative="deny",
)
_UNFIT = re.compile("[\0\ud800-\udfff]")


def clean(html: str) -> str:
    """Strip whatever is not on the list: no id, style, image, form, htmx attribute or relative link survives."""
    return _POLICY.clean(html)


def may_link(url: str) -> bool:
    """Whether a text may link there; where not, its source is shown as it was written."""
    scheme, colon, rest = url.partition(":")
    if not colon or scheme.lower() not in SCHEMES:
        return False
    return rest.startswith("//") or scheme.lower() == "mailto"


def presentable(text: str) -> str:
    """Replace what neither HTML nor a database takes, and foreign line ends; offsets stay as they are."""
    if "\r" in text:
        text = text.replace("\r\n", " \n").replace("\r", "\n")
    return _UNFIT.sub("\ufffd", text)
