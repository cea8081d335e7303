"""The dialect, from the request's shape to every way an answer can end. The network is test_http's matter."""

import json
from decimal import Decimal
from itertools import pairwise
from typing import Any

import httpx
import pytest
import respx
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import (
    AuthenticationFailed,
    ContentRefused,
    ContextTooLong,
    EmptyAnswer,
    MissingKey,
    ModelNotFound,
    OutOfCredit,
    ProviderError,
    RateLimitExceeded,
    RequestRejected,
    ServiceUnavailable,
    StreamInterrupted,
    TimedOut,
    WrongAddress,
)
from providers.events import Finished, FinishReason, ParameterRefused, RateLimits, StreamEvent, TextDelta, Usage
from providers.http.faults import fault
from providers.request import ChatMessage, ChatRequest
from providers.wire.openai_answer import ALL_THOUGHT, NO_ROOM, AnswerReader
from providers.wire.openai_chat import Dialect, body_of, refused_field, stream_chat
from tests.providers.dialects import DONE, answer, chunk, document, event, take, text_of, thought_of, usage

URL = "https://ai.example.org/v1/chat/completions"
REQUEST = ChatRequest("m-1", (ChatMessage("system", "Be brief."), ChatMessage("user", "Hi")))


def read(*chunks: bytes, **how: bool) -> tuple[list[StreamEvent], ProviderError | None]:
    reader = AnswerReader(fault, **how)
    events: list[StreamEvent] = []
    for piece in chunks:
        events += reader.feed(piece)
        if reader.failure is not None:
            break
    events += reader.close()
    return events, reader.failure


def kinds(events: list[StreamEvent]) -> list[str]:
    return [type(one).__name__ for one in events]


# --- a whole answer


def test_a_whole_answer() -> None:
    events, failure = read(answer("Hel", "lo"))
    assert failure is None
    assert events == [
        TextDelta("Hel"),
        TextDelta("lo"),
        Usage(input=9, cached=4, cache_write=2, output=30, reasoning=22),
        Finished(FinishReason.STOP, "m-1"),
    ]


def test_the_same_in_one_piece() -> None:
    streamed, _ = read(answer("Hello"))
    for blanks in (b"", b"\n\n \r\n", b"\xef\xbb\xbf"):
        events, failure = read(blanks, json.dumps(document("Hello")).encode())
        assert (events, failure) == (streamed, None)


SPECIMEN = (
    b": waiting\n\n"
    + chunk("", role="assistant")
    + chunk(None, reasoning_content="Hm\u2028, ")
    + chunk("na\u00efve \U0001f600\r")
    + chunk("\nend\u0085")
    + chunk(finish="length")
    + usage()
    + DONE
)


@given(cuts=st.lists(st.integers(0, len(SPECIMEN)), max_size=10))
def test_any_chunking_gives_the_same_answer(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(SPECIMEN)]
    events, failure = read(*(SPECIMEN[a:b] for a, b in pairwise(places)))
    assert failure is None
    assert text_of(events) == "na\u00efve \U0001f600\nend\u0085"
    assert thought_of(events) == "Hm\u2028, "
    assert events[-1] == Finished(FinishReason.LENGTH, "m-1")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("stop", FinishReason.STOP),
        ("length", FinishReason.LENGTH),
        ("content_filter", FinishReason.REFUSED),
        ("tool_calls", FinishReason.OTHER),
        ("a_new_one", FinishReason.OTHER),
    ],
)
def test_reasons_to_finish(name: str, reason: FinishReason) -> None:
    events, failure = read(chunk("a"), chunk(finish=name))
    assert failure is None
    assert events[-1] == Finished(reason, "m-1")


def test_what_is_unknown_is_passed_over() -> None:
    events, failure = read(
        event({"type": "ping"}, "ping"),
        b"event: moderation\ndata: not json\n\n",
        event({"choices": []}),
        event({"choices": None, "usage": None}),
        event({"choices": [{"index": 0, "delta": None, "finish_reason": None}]}),
        event({"choices": [{"index": 1, "delta": {"content": "another choice"}}]}),
        event({"choices": [{"delta": {"tool_calls": [{"index": 0}], "content": ""}}], "obfuscation": "xyz"}),
        b"data:\n\n",
        chunk("a", finish="stop"),
    )
    assert failure is None
    assert text_of(events) == "a"


def test_what_follows_the_end_mark_is_not_heard() -> None:
    events, failure = read(chunk("a", finish="stop"), chunk("b"), usage(), DONE, chunk("c", finish="length"), DONE)
    assert failure is None
    assert text_of(events) == "a"
    assert [one for one in events if isinstance(one, Finished)] == [Finished(FinishReason.STOP, "m-1")]


def test_done_may_be_missing_but_not_the_finish() -> None:
    assert read(chunk("a"), chunk(finish="stop"))[1] is None
    for rest in (b"", DONE, b'data: {"choices": [{"delta": {"content": "b'):
        events, failure = read(chunk("a"), rest)
        assert isinstance(failure, StreamInterrupted)
        assert text_of(events) == "a"
        assert "Finished" not in kinds(events)


def test_the_last_event_may_lack_its_blank_line() -> None:
    assert read(chunk("a"), chunk(finish="stop").rstrip())[1] is None


def test_text_in_parts_and_refusals_are_text() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "thinking", "thinking": []}, {"type": "text", "text": "b"}]
    events, _ = read(
        event({"choices": [{"delta": {"content": parts}}]}), chunk(refusal="I may not."), chunk(finish="stop")
    )
    assert text_of(events) == "abI may not."


def test_a_surrogate_pair_may_be_cut_in_two() -> None:
    halves = [f'data: {{"choices":[{{"delta":{{"content":"\\u{half}"}}}}]}}\n\n'.encode() for half in ("d83d", "de00")]
    assert text_of(read(*halves, chunk(finish="stop"))[0]) == "\U0001f600"
    assert text_of(read(halves[0], chunk(finish="stop"))[0]) == "\ufffd"


def test_broken_utf8_is_marked_and_read_on() -> None:
    broken = chunk("a?b").replace(b"?", b"\xff\xc3")
    assert text_of(read(broken, chunk(finish="stop"))[0]) == "a\ufffd\ufffdb"


# --- thoughts


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_thoughts_in_a_field_of_their_own(field: str) -> None:
    events, failure = read(chunk(None, **{field: "Hm."}), chunk("Yes."), chunk(finish="stop"))
    assert failure is None
    assert (thought_of(events), text_of(events)) == ("Hm.", "Yes.")


INLINE = "\n<think>\nIs 1 < 2? </thin king\n</think>\n\nYes: <think> is a tag, </think> too."


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 100])
def test_thoughts_inside_the_answer_however_cut(size: int) -> None:
    pieces = [INLINE[start : start + size] for start in range(0, len(INLINE), size)]
    events, failure = read(answer(*pieces))
    assert failure is None
    assert thought_of(events) == "\nIs 1 < 2? </thin king\n"
    assert text_of(events) == "Yes: <think> is a tag, </think> too."


@pytest.mark.parametrize("text", ["<", "<think", " <thin", "<thinking>x", "a<think>b</think>", "  \n indented"])
def test_what_only_looks_like_a_thought(text: str) -> None:
    for pieces in ([text], list(text)):
        events, _ = read(answer(*pieces))
        assert (text_of(events), thought_of(events)) == (text, "")


def test_a_template_that_opens_the_tag_itself() -> None:
    events, _ = read(answer("Hm.</th", "ink>\nYes."), within_thought=True)
    assert (thought_of(events), text_of(events)) == ("Hm.", "Yes.")


# --- answers that are none


@pytest.mark.parametrize(
    ("chunks", "kind", "words"),
    [
        ([chunk(finish="stop")], EmptyAnswer, NO_ROOM),
        ([chunk(" \n "), chunk(finish="stop")], EmptyAnswer, NO_ROOM),
        ([chunk(finish="length")], EmptyAnswer, ALL_THOUGHT),
        ([chunk("<think>so long"), chunk(finish="length")], EmptyAnswer, ALL_THOUGHT),
        ([chunk(None, reasoning="so long"), chunk(finish="stop")], EmptyAnswer, ALL_THOUGHT),
        ([chunk(finish="content_filter")], ContentRefused, ""),
        ([b""], StreamInterrupted, ""),
        ([DONE], StreamInterrupted, ""),
        ([b": keep-alive\n\n"], StreamInterrupted, ""),
        ([b"data: {]\n\n"], StreamInterrupted, ""),
        ([b"data: null\n\n"], StreamInterrupted, ""),
        ([b"data: " + b"[" * 100_000 + b"\n\n"], StreamInterrupted, ""),
        ([b"{"], StreamInterrupted, ""),
        ([b"{}"], ServiceUnavailable, ""),
        ([b"<!doctype html><title>Hello</title>"], WrongAddress, ""),
        ([chunk("a"), chunk(finish="insufficient_system_resource")], ServiceUnavailable, ""),
    ],
)
def test_answers_that_are_none(chunks: list[bytes], kind: type[ProviderError], words: str) -> None:
    events, failure = read(*chunks)
    assert type(failure) is kind
    assert failure.sentence.startswith(words)
    assert "Finished" not in kinds(events)


def test_an_empty_answer_tells_what_it_cost() -> None:
    events, failure = read(chunk(finish="length"), usage(), DONE)
    assert isinstance(failure, EmptyAnswer)
    assert kinds(events) == ["Usage"]


NO_PROVIDER = {
    "id": "gen-1",
    "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
    "error": {"code": 502, "message": "Down", "metadata": {"error_type": "provider_unavailable"}},
}
OVERFLOW = {"error": {"code": 400, "type": "exceed_context_size_error", "message": "…", "n_ctx": 4096}}


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (event({"error": {"message": "Oops", "type": "server_error", "code": None}}), ServiceUnavailable),
        (event({"error": "Oops", "message": "Oops"}, "error"), ServiceUnavailable),
        (event({"error": {"message": "Context size has been exceeded."}}, "error"), ContextTooLong),
        (event({"type": "error", "error": {"code": "server_is_overloaded"}}), ServiceUnavailable),
        (event(NO_PROVIDER), ServiceUnavailable),
        (event({"choices": [{"delta": {}, "error": {"code": 429, "message": "Slow down"}}]}), RateLimitExceeded),
        (event(OVERFLOW), ContextTooLong),
        (b"error: " + json.dumps(OVERFLOW["error"]).encode() + b"\n\n", ContextTooLong),
        (b"event: error\ndata: just words\n\n", ServiceUnavailable),
        (event({"object": "error", "message": "The model `x` does not exist.", "code": 404}), ModelNotFound),
    ],
)
def test_an_error_in_the_stream_wherever_it_stands(said: bytes, kind: type[ProviderError]) -> None:
    for before in ([], [chunk("a")], [chunk("a"), chunk(finish="stop")]):
        # one packet or several: the text before the error is kept
        for chunks in ([*before, said], [b"".join([*before, said])]):
            events, failure = read(*chunks)
            assert type(failure) is kind
            assert text_of(events) == "a" * bool(before)


def test_an_error_in_one_piece() -> None:
    events, failure = read(json.dumps({"error": {"message": "No money", "code": 402}}).encode())
    assert events == []
    assert isinstance(failure, OutOfCredit)


# --- usage


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"prompt_tokens": 7, "completion_tokens": 3}, Usage(input=7, output=3)),
        ({"prompt_tokens": 7, "prompt_cache_hit_tokens": 5, "prompt_cache_miss_tokens": 2}, Usage(input=7, cached=5)),
        ({"prompt_tokens": 1, "cost": 0.00014}, Usage(input=1, cost=Decimal("0.00014"))),
        ({"prompt_tokens": "7", "completion_tokens": -3, "cost": "free"}, Usage()),
        ({"prompt_tokens": 1e300, "completion_tokens": None, "prompt_tokens_details": 4}, Usage()),
        ({"prompt_tokens_details": None, "completion_tokens_details": {"reasoning_tokens": None}}, Usage()),
    ],
)
def test_usage_as_services_tell_it(said: dict[str, Any], expected: Usage) -> None:
    events, _ = read(chunk("a", finish="stop", usage=said))
    assert expected in events


def test_usage_on_every_chunk_counts_once_and_last() -> None:
    events, _ = read(chunk("a", usage={"prompt_tokens": 1}), chunk("b", finish="stop", usage={"prompt_tokens": 2}))
    assert kinds(events) == ["TextDelta", "TextDelta", "Usage", "Finished"]
    assert Usage(input=2) in events


def test_timings_stand_in_for_usage() -> None:
    timings = {"prompt_n": 17, "cache_n": 143, "predicted_n": 32}
    events, _ = read(chunk("a"), event({"choices": [{"delta": {}, "finish_reason": "stop"}], "timings": timings}))
    assert Usage(input=160, cached=143, output=32) in events


# --- the request


def test_the_request_as_it_is_sent() -> None:
    request = ChatRequest(
        "m-1", REQUEST.messages, max_output=99, temperature=0.5, stop=("END",), extra={"min_p": 0.1, "top_k": None}
    )
    assert body_of(request, Dialect()) == {
        "model": "m-1",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 99,
        "temperature": 0.5,
        "stop": ["END"],
        "min_p": 0.1,
    }


def test_nothing_is_sent_that_was_not_set() -> None:
    body = body_of(ChatRequest("m-1", REQUEST.messages, stream=False), Dialect())
    assert body.keys() == {"model", "messages", "stream"}


def test_names_of_the_limit() -> None:
    request = ChatRequest("m-1", REQUEST.messages, max_output=9)
    assert body_of(request, Dialect(limit_field="max_completion_tokens"))["max_completion_tokens"] == 9
    assert body_of(request, Dialect(), {"max_tokens"})["max_completion_tokens"] == 9
    assert body_of(request, Dialect(), {"max_tokens", "max_completion_tokens"}).keys() == {
        "model",
        "messages",
        "stream",
        "stream_options",
    }


def test_extra_cannot_replace_what_was_asked() -> None:
    request = ChatRequest("m-1", REQUEST.messages, extra={"model": "m-2", "messages": [], "stream": False})
    body = body_of(request, Dialect())
    assert (body["model"], body["stream"], len(body["messages"])) == ("m-1", True, 2)


@pytest.mark.parametrize(
    ("parameter", "detail", "field"),
    [
        ("temperature", "", "temperature"),
        ("stream_options.include_usage", "", "stream_options"),
        (None, "Unsupported parameter: 'max_tokens' is not supported with this model.", "max_tokens"),
        (None, "temperature does not support 0.2", "temperature"),
        (None, "Please stop asking.", None),
        (None, "Unknown field 'stop'", "stop"),
        ("messages", "roles must alternate", None),
        (None, "max_tokens_per_day", None),
    ],
)
def test_which_field_was_refused(parameter: str | None, detail: str, field: str | None) -> None:
    body = body_of(ChatRequest("m", REQUEST.messages, max_output=1, temperature=1, stop=("a",)), Dialect())
    assert refused_field(RequestRejected(detail, parameter=parameter), body) == field


# --- both together


@pytest.mark.asyncio
async def test_over_the_network() -> None:
    headers = {
        "x-ratelimit-remaining-requests": "99",
        "x-ratelimit-remaining-tokens": "1000",
        "x-ratelimit-reset-requests": "12ms",
        "x-ratelimit-reset-tokens": "6m1.5s",
    }
    with respx.mock(using="httpx") as router:
        route = router.post(URL).respond(200, content=answer("Hello"), headers=headers)
        events, error = await take(stream_chat(REQUEST, url=URL, headers={"Authorization": "Bearer secret-key"}))
    assert error is None
    assert kinds(events) == ["RateLimits", "TextDelta", "Usage", "Finished"]
    assert events[0] == RateLimits(requests=99, tokens=1000, reset=361.5)
    sent = route.calls.last.request
    assert sent.headers["authorization"] == "Bearer secret-key"
    assert sent.headers["accept-encoding"] == "identity"
    assert json.loads(sent.content) == body_of(REQUEST, Dialect())


@pytest.mark.asyncio
async def test_a_refused_field_is_left_out_and_told() -> None:
    request = ChatRequest("m", REQUEST.messages, max_output=9, temperature=0.2)

    def picky(sent: httpx.Request) -> httpx.Response:
        body = json.loads(sent.content)
        for name in ("temperature", "max_tokens", "stream_options"):
            if name in body:
                return httpx.Response(400, json={"error": {"message": f"Unsupported: {name}", "param": name}})
        return httpx.Response(200, content=answer(json.dumps(sorted(body))))

    with respx.mock(using="httpx") as router:
        route = router.post(URL).mock(side_effect=picky)
        events, error = await take(stream_chat(request, url=URL))
        assert error is None
        assert events[:3] == [
            ParameterRefused("temperature"),
            ParameterRefused("max_tokens"),
            ParameterRefused("stream_options"),
        ]
        assert json.loads(text_of(events)) == ["max_completion_tokens", "messages", "model", "stream"]
        known = ChatRequest(
            "m", REQUEST.messages, temperature=0.2, refused=frozenset({"temperature", "stream_options"})
        )
        await take(stream_chat(known, url=URL))
        assert route.call_count == 5


@pytest.mark.asyncio
async def test_one_that_refuses_for_ever_is_given_up() -> None:
    with respx.mock(using="httpx") as router:
        route = router.post(URL).respond(400, json={"error": {"message": "temperature, min_p, stream_options, top_k"}})
        request = ChatRequest("m", REQUEST.messages, temperature=1, extra={"min_p": 1, "top_k": 1, "top_p": 1})
        events, error = await take(stream_chat(request, url=URL))
        assert isinstance(error, RequestRejected)
        assert kinds(events) == ["ParameterRefused"] * 3
        assert route.call_count == 4


HTML = "<html><head><title>502 Bad Gateway</title></head></html>"


LONGEST = "This model's maximum context length is 4096 tokens."
FLAGGED = {"code": 403, "message": "Flagged", "metadata": {"reasons": ["x"], "flagged_input": "y"}}
NO_CREDIT = {"message": "No", "type": "insufficient_quota", "code": "credit_balance_exhausted"}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": {"message": "Bad", "type": "invalid_request_error"}}, RequestRejected),
        (400, {"error": {"message": "Too long", "code": "context_length_exceeded"}}, ContextTooLong),
        (400, OVERFLOW, ContextTooLong),
        (
            400,
            {
                "error": {
                    "message": "This model's maximum context length is 4096 tokens.",
                    "type": "BadRequestError",
                    "code": 400,
                }
            },
            ContextTooLong,
        ),
        (
            400,
            {"object": "error", "message": LONGEST, "code": 400},
            ContextTooLong,
        ),
        (400, {"error": "Trying to keep the first 5000 tokens when context the overflows."}, ContextTooLong),
        (400, {"error": "Context size has been exceeded"}, ContextTooLong),
        (400, {"error": {"message": "Model Not Exist"}}, ModelNotFound),
        (400, {"error": {"message": "Invalid prompt", "code": "invalid_prompt"}}, ContentRefused),
        (401, {"error": {"message": "No", "code": "invalid_api_key"}}, AuthenticationFailed),
        (401, "", AuthenticationFailed),
        (402, {"error": {"message": "Insufficient Balance"}}, OutOfCredit),
        (403, HTML, AuthenticationFailed),
        (
            403,
            {"error": FLAGGED},
            ContentRefused,
        ),
        (404, {"error": {"message": "The model `x` does not exist", "code": "model_not_found"}}, ModelNotFound),
        (404, {"detail": "Not Found"}, WrongAddress),
        (404, HTML, WrongAddress),
        (405, "", WrongAddress),
        (408, "", TimedOut),
        (409, "", ServiceUnavailable),
        (413, HTML, ContextTooLong),
        (422, {"detail": [{"loc": ["body", "top_k"], "msg": "Extra inputs are not permitted"}]}, RequestRejected),
        (429, {"error": {"message": "Rate limit", "code": "rate_limit_exceeded"}}, RateLimitExceeded),
        (429, {"error": {"message": "Slow", "type": "insufficient_quota", "code": None}}, OutOfCredit),
        (
            429,
            {"error": NO_CREDIT},
            OutOfCredit,
        ),
        (429, {"error": {"message": "No", "code": "project_spend_limit_exceeded"}}, OutOfCredit),
        (429, "not json {", RateLimitExceeded),
        (500, {"error": {"message": "the request exceeds the available context size"}}, ContextTooLong),
        (500, "", ServiceUnavailable),
        (502, HTML, ServiceUnavailable),
        (503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}, ServiceUnavailable),
        (504, HTML, TimedOut),
        (524, HTML, TimedOut),
        (529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, ServiceUnavailable),
        (418, "", RequestRejected),
    ],
)
@pytest.mark.asyncio
async def test_what_a_status_means(status: int, body: Any, kind: type[ProviderError]) -> None:
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    with respx.mock(using="httpx") as router:
        router.post(URL).respond(status, content=content)
        events, error = await take(stream_chat(REQUEST, url=URL, headers={"Authorization": "Bearer secret-key"}))
    assert events == []
    assert type(error) is kind
    assert error.status == status
    assert error.sentence


@pytest.mark.asyncio
async def test_a_key_that_was_never_given_is_missing() -> None:
    with respx.mock(using="httpx") as router:
        router.post(URL).respond(401, json={"error": {"message": "You didn't provide an API key."}})
        _, error = await take(stream_chat(REQUEST, url=URL))
    assert type(error) is MissingKey


@pytest.mark.asyncio
async def test_keys_do_not_come_back_in_errors() -> None:
    said = "Incorrect API key: my-very-own-key, also sk-proj-abcdefgh12345678 and Bearer other-token-123"
    for response in (
        httpx.Response(401, json={"error": {"message": said}}),
        httpx.Response(200, content=event({"error": {"message": said}})),
    ):
        with respx.mock(using="httpx") as router:
            router.post(URL).mock(return_value=response)
            _, error = await take(stream_chat(REQUEST, url=URL, headers={"Authorization": "Bearer my-very-own-key"}))
        assert isinstance(error, ProviderError)
        assert error.detail == "Incorrect API key: •••, also ••• and Bearer •••"


KEYS = [
    "choices", "delta", "message", "content", "error", "usage", "finish_reason", "index", "code", "type", "param",
    "loc", "metadata", "detail",
    "timings", "cost", "prompt_tokens", "prompt_tokens_details", "reasoning", "model", "text",
]  # fmt: skip
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(["stop", "error", "", "a"]))
wild_json = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
)


@given(said=st.lists(wild_json, max_size=4), in_one_piece=st.booleans())
def test_whatever_a_server_says_is_an_answer_or_a_provider_error(said: list[Any], in_one_piece: bool) -> None:
    chunks = [json.dumps(said).encode()] if in_one_piece else [event(one) for one in said]
    events, failure = read(*chunks)
    assert isinstance(failure, ProviderError) or isinstance(events[-1], Finished)


@given(said=wild_json, status=st.none() | st.integers(200, 600))
def test_whatever_an_error_says_it_is_one(said: Any, status: int | None) -> None:
    error = fault(said, status=status)
    assert isinstance(error, ProviderError)
    assert error.sentence
