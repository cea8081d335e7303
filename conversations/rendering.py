"""Rows of a room -> HTML fragments, the same for page, poll and socket, and for every viewer.

Nothing here queries: messages come by `with_shown()` and with their conversation, the conversation comes with its
clock, participants come by `seated()`.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from conversations import markdown
from conversations.choices import VersionState

if TYPE_CHECKING:
    from conversations.models import Conversation, Message, Participant, Version
    from conversations.querysets import RoundStatus


def message_html(message: "Message") -> SafeString:
    """One place of the log as it now stands. A text that streams comes in two parts, split at its `closed` offset."""
    version = message.shown
    context: dict[str, object] = {"message": message, "version": version}
    if version.state == VersionState.STREAMING:
        closed, tail = markdown.render_live(version.text, version.closed)
        context |= {"closed": mark_safe(closed), "tail": mark_safe(tail)}  # noqa: S308 (sanitised by the renderer)
    else:
        context["body"] = _body(version)
    return _fragment("_message", context)


def _body(version: "Version") -> SafeString:
    """The stored HTML, or a new render where an older renderer wrote it."""
    is_current = version.renderer == markdown.RENDERER
    return mark_safe(version.html if is_current else markdown.render(version.text))  # noqa: S308


def head_html(conversation: "Conversation") -> SafeString:
    """Title and policy."""
    return _fragment("_head", {"conversation": conversation})


def participants_html(conversation: "Conversation", participants: "Sequence[Participant]") -> SafeString:
    """The panel of those present."""
    return _fragment("_participants", {"conversation": conversation, "participants": participants})


def round_html(conversation: "Conversation", status: "RoundStatus") -> SafeString:
    """The log's end: who is about to speak and Stop, or why the last round ended and Continue."""
    context = {
        "conversation": conversation,
        "running": status.running,
        "queued": status.queued,
        "about_to_speak": status.about_to_speak,
        "speaking": status.speaking,
        "last": status.last,
        "silent": conversation.clock.last_sequence == 0,
    }
    return _fragment("_round", context)


def _fragment(name: str, context: Mapping[str, object]) -> SafeString:
    return SafeString(render_to_string(f"conversations/{name}.html", dict(context)).strip())
