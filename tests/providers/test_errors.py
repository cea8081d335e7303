import re

import pytest

from providers import errors
from providers.errors import ProviderError, RateLimitExceeded, RequestRejected, WrongAddress

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ProviderError)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_has_a_sentence_for_people(kind: type[ProviderError]) -> None:
    sentence = kind().sentence
    assert sentence.endswith(".")
    assert len(sentence) < 200
    assert kind is ProviderError or sentence != ProviderError.explanation


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = set(re.findall(r"[├└]── (\w+)", errors.__doc__ or ""))
    assert drawn == {kind.__name__ for kind in KINDS} - {"ProviderError"}
    for line in (errors.__doc__ or "").splitlines():
        if name := re.search(r"── (\w+)", line):
            assert getattr(errors, name[1]).retryable is line.endswith("  retryable")


def test_detail_is_one_short_line() -> None:
    error = ProviderError("a\nb\0c\ud800 " + "x" * 1000)
    assert error.detail.startswith("a b c? xx")
    assert len(error.detail) == errors.DETAIL_CHARACTERS
    assert str(error) == error.detail


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (20, "20 s"), (90, "90 s"), (600, "10 minutes"), (7200, "2 hours")]
)
def test_a_limit_says_how_long(seconds: float, words: str) -> None:
    assert f"wait {words}." in RateLimitExceeded(retry_after=seconds).sentence


def test_a_refused_setting_and_a_wrong_place_are_named() -> None:
    assert "'temperature'" in RequestRejected(parameter="temperature").sentence
    assert "(It sends us on to http://a/." in WrongAddress("It sends us on to http://a/.").sentence
