"""Filters of the room's fragments: words and marks that are the same for every viewer."""

from collections.abc import Mapping
from datetime import datetime

from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.html import format_html

from conversations.choices import EndReason, InterruptedBy, PolicyName
from conversations.models import Conversation, Participant, Persona, Round, Version

register = template.Library()

POLICY_WORDS: Mapping[str, str] = {
    PolicyName.EVERYONE: "Everyone answers once",
    PolicyName.ROUND_ROBIN: "In turn, up to {turns} replies",
}

END_SENTENCES: Mapping[str, str] = {
    EndReason.TURN_LIMIT: "The turn limit was reached.",
    EndReason.ALL_PASSED: "Everyone passed.",
    EndReason.NOBODY: "No AI here can speak. Add one, or give one a model.",
    EndReason.NOBODY_ADDRESSED: "Nobody was addressed.",
    EndReason.FAILURES: "Two replies in a row failed, so the others did not go on.",
    EndReason.PAUSED: "Paused.",
    EndReason.INTERRUPTED: "The site was stopped in the middle of this round.",
    EndReason.STOP_LINE: "The site's spending limit was reached. An administrator can raise it.",
    EndReason.DELETED: "The message that began this round was deleted.",
}


@register.filter
def moment(when: datetime) -> str:
    """A time element. Its words are the server's until chat.js puts it in the reader's zone."""
    local = timezone.localtime(when)
    return format_html('<time datetime="{}">{}</time>', when.isoformat(timespec="seconds"), f"{local:%d %b %H:%M}")


@register.filter
def seconds_since(when: datetime) -> int:
    """Whole seconds gone since then; the page counts on from here, so its clock need not agree with ours."""
    return max(0, round((timezone.now() - when).total_seconds()))


@register.filter
def undo_seconds(deleted_at: datetime) -> int:
    """Whole seconds left in which a deletion can be undone."""
    return max(0, round(settings.UNDO_SECONDS) - seconds_since(deleted_at))


@register.filter
def avatar(who: Participant | Persona) -> str:
    """The drawn avatar: an emoji that was chosen, or the initials of the first two words."""
    if who.avatar:
        return who.avatar
    words = [word for word in who.name.split() if word[:1].isalnum()]
    return "".join(word[0] for word in words[:2]).upper() or "?"


@register.filter
def turn_limit(conversation: Conversation) -> int:
    return int(conversation.policy_settings.get("turns", settings.TURN_LIMIT))


@register.filter
def policy_words(conversation: Conversation) -> str:
    words = POLICY_WORDS.get(conversation.policy, conversation.get_policy_display())
    return words.format(turns=turn_limit(conversation))


@register.filter
def end_sentence(last: Round | None) -> str:
    """Why the last round ended, in a sentence; '' where it simply ran its course."""
    if last is None:
        return ""
    if last.reason == EndReason.STOPPED:
        return f"Stopped by {last.wisher.name}." if last.wisher else "Stopped."
    return END_SENTENCES.get(last.reason, "")


@register.filter
def trouble(version: Version) -> str:
    """What happened to a failed or interrupted text, and what to do."""
    if version.error == InterruptedBy.SITE:
        return "The site was stopped before the end of this reply. Resume asks for it again."
    return version.error_detail or "No answer came. Try again."


@register.filter
def undo_span(deleted_at: datetime | None) -> int:
    """Whole seconds in which something can be undone, all of them for what is not deleted yet."""
    return round(settings.UNDO_SECONDS) if deleted_at is None else undo_seconds(deleted_at)
