"""The perspective of a model that follows instructions: a system text, then everyone's words in their roles."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from conversations.choices import ParticipantKind
from providers.errors import ContextTooLong
from providers.request import ChatMessage

from .base import Chair, Heard, Perspective, Voice
from .budget import estimate_message, reply_tokens
from .system import system_text
from .tags import UNKNOWN_NAME, one_line, tag, without_tags

SEPARATOR = "\n\n"


def build_full(chair: Chair, roster: Sequence[Voice], heard: Sequence[Heard]) -> Perspective:
    """Build it with the newest messages that fit; raises ContextTooLong where not even the last one does."""
    me = chair.voice.participant
    others = [voice for voice in roster if voice.participant != me]
    voices = {voice.participant for voice in others if voice.present} | {one.author for one in heard}
    tagged = len(voices - {me}) > 1
    may_pass = any(voice.present and voice.kind == ParticipantKind.AI for voice in others)
    system = system_text(chair, others, tagged=tagged, may_pass=may_pass)
    spoken = [_spoken(one, me, names=_names(others) if tagged else None) for one in heard]
    kept = _newest_that_fit(chair, system, spoken)
    left_out = len(heard) - len(kept)
    return Perspective(
        messages=(ChatMessage("system", system), *_alternating(kept, chair.voice, left_out)),
        template="full",
        system=system,
        max_output=reply_tokens(chair.window, chair.max_output),
        versions=tuple(one.version for one in heard[left_out:]),
        left_out=left_out,
        may_pass=may_pass,
    )


def _names(voices: Iterable[Voice]) -> dict[int, str]:
    return {voice.participant: voice.name for voice in voices}


def _spoken(one: Heard, me: int, names: dict[int, str] | None) -> ChatMessage:
    """One message in its role; without `names` there is but one other voice, and no tag."""
    text = without_tags(one.text)
    if one.author == me:
        return ChatMessage("assistant", text)
    if names is None:
        return ChatMessage("user", text)
    return ChatMessage("user", f"{tag(names.get(one.author, UNKNOWN_NAME))}\n{text}")


def _newest_that_fit(chair: Chair, system: str, spoken: Sequence[ChatMessage]) -> Sequence[ChatMessage]:
    def cost(text: str) -> int:
        return estimate_message(text, chair.calibration)

    budget = chair.window - reply_tokens(chair.window, chair.max_output)
    budget -= sum(map(cost, (system, _opening_line(left_out=True), _closing_line(chair.voice))))
    start = len(spoken)
    while start and (price := cost(spoken[start - 1].content)) <= budget:
        start -= 1
        budget -= price
    if budget < 0 or (spoken and start == len(spoken)):
        raise ContextTooLong(f"The last message does not fit the model's window of {chair.window} tokens.")
    return spoken[start:]


def _alternating(spoken: Iterable[ChatMessage], me: Voice, left_out: int) -> list[ChatMessage]:
    """Merge neighbours of one role, and see that `user` has the first word and the last."""
    merged = [
        ChatMessage(role, SEPARATOR.join(message.content for message in run))
        for role, run in groupby(spoken, key=lambda message: message.role)
    ]
    if not merged:
        return [ChatMessage("user", _first_line(me))]
    if merged[0].role == "assistant":
        merged.insert(0, ChatMessage("user", _opening_line(left_out=left_out > 0)))
    if merged[-1].role == "assistant":
        merged.append(ChatMessage("user", _closing_line(me)))
    return merged


def _opening_line(*, left_out: bool) -> str:
    return "(What was said before is left out.)" if left_out else "(You spoke first.)"


def _closing_line(me: Voice) -> str:
    return f"(Nobody has answered yet. Go on, as {one_line(me.name)}.)"


def _first_line(me: Voice) -> str:
    return f"(Nobody has spoken yet. Begin, as {one_line(me.name)}.)"
