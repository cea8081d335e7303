"""The perspective of a very small model: a few plain lines, and the first words of its reply.

A small model told who is in the room repeats the list; shown a transcript, it goes on with everybody's lines. What
makes a character of it is a way to begin: its reply starts with an opener, given as the last, `assistant` message.
"""

from collections.abc import Mapping, Sequence
from itertools import chain, islice

from conversations.choices import ParticipantKind
from providers.errors import ContextTooLong
from providers.request import JSON, ChatMessage

from .base import Chair, Heard, Perspective, Voice
from .budget import estimate_message, reply_tokens
from .sentences import first_sentences, last_sentence
from .tags import one_line, without_tags

MAX_TOKENS = 60
SAMPLING: Mapping[str, JSON] = {
    "temperature": 0.8,
    "min_p": 0.1,
    "top_p": 0.95,
    "top_k": 40,
    "repeat_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "dry_multiplier": 0.8,
    "dry_base": 1.75,
    "dry_allowed_length": 2,
    "dry_penalty_last_n": 256,
}
LENGTH_RULE = "You answer in one or two short sentences."
PERSONA_SENTENCES, PERSONA_WORDS = 2, 30
MOST_EXAMPLES = 3
PEOPLE_HEARD = 2
LONG_WORDS, LONG_CHARACTERS = 60, 360
NOTHING_SAID = "Say something."
LAST_SPEAKER = "{p}"


def build_short(chair: Chair, roster: Sequence[Voice], heard: Sequence[Heard]) -> Perspective:
    """Build it from the end of the conversation; raises ContextTooLong where even that does not fit."""
    voices = {voice.participant: voice for voice in roster}
    used = _used(heard, voices, chair.voice.participant)
    opener = _opener(chair, _last_other_name(heard, voices, chair.voice.participant))
    system = _system_text(chair)
    prompt = " ".join(_words_of(one, voices) for one in used) or NOTHING_SAID
    messages = [ChatMessage("system", system), *_examples(chair), ChatMessage("user", prompt)]
    if opener:
        messages.append(ChatMessage("assistant", opener))
    max_output = min(MAX_TOKENS, reply_tokens(chair.window, chair.max_output))
    needed = sum(estimate_message(message.content, chair.calibration) for message in messages)
    if needed + max_output > chair.window:
        raise ContextTooLong(f"Not even the short form fits the model's window of {chair.window} tokens.")
    return Perspective(
        messages=tuple(messages),
        template="short",
        system=system,
        max_output=max_output,
        versions=tuple(one.version for one in used),
        left_out=len(heard) - len(used),
        opener=opener,
        stop=_stops(roster),
        extra=SAMPLING,
    )


def _used(heard: Sequence[Heard], voices: Mapping[int, Voice], me: int) -> list[Heard]:
    """The last messages of people, and the last of another AI where it came after them."""
    people = [one for one in heard if _is_person(voices.get(one.author))][-PEOPLE_HEARD:]
    others = [one for one in heard if one.author != me and one not in people and not _is_person(voices.get(one.author))]
    return people + [one for one in others[-1:] if not people or one.sequence > people[-1].sequence]


def _is_person(voice: Voice | None) -> bool:
    return voice is not None and voice.kind == ParticipantKind.PERSON


def _words_of(one: Heard, voices: Mapping[int, Voice]) -> str:
    """What is heard of a message, in one line; of an AI the first sentence, of a long text the first and the last."""
    text = one_line(one.text)
    if not _is_person(voices.get(one.author)):
        return _shortened(first_sentences(text))
    if _shortened(text) == text:
        return text
    return " ".join(dict.fromkeys((_shortened(first_sentences(text)), _shortened(last_sentence(text)))))


def _shortened(text: str) -> str:
    return " ".join(text.split()[:LONG_WORDS])[:LONG_CHARACTERS]


def _last_other_name(heard: Sequence[Heard], voices: Mapping[int, Voice], me: int) -> str:
    last = next((voices.get(one.author) for one in reversed(heard) if one.author != me), None)
    return one_line(last.name) if last else ""


def _system_text(chair: Chair) -> str:
    persona = first_sentences(one_line(chair.instructions), PERSONA_SENTENCES).split()[:PERSONA_WORDS]
    return " ".join([*persona, LENGTH_RULE])


def _examples(chair: Chair) -> list[ChatMessage]:
    turns = ((ChatMessage("user", asked), ChatMessage("assistant", answer)) for asked, answer in chair.examples)
    return list(chain.from_iterable(islice(turns, MOST_EXAMPLES)))


def _opener(chair: Chair, last_speaker: str) -> str:
    """The opener used longest ago, each participant beginning at another; one with a name only where there is one."""
    fitting = [one.strip() for one in chair.openers if last_speaker or LAST_SPEAKER not in one]
    if not fitting:
        return ""
    return without_tags(fitting[(chair.voice.participant + chair.opener_index) % len(fitting)]).replace(
        LAST_SPEAKER, last_speaker
    )


def _stops(roster: Sequence[Voice]) -> tuple[str, ...]:
    names = (f"\n{one_line(voice.name)}:" for voice in roster if voice.present)
    return ("\n[", *dict.fromkeys(names))
