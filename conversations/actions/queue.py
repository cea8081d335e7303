"""How rounds come to wait: the one queued round of a room, and what people wish of the running one."""

import secrets

from django.conf import settings
from django.utils import timezone

from conversations.actions.change import Stamp, wake_runner
from conversations.choices import EndReason, PolicyName, RoundState, Wish
from conversations.models import Conversation, Message, Participant, Round
from conversations.querysets import RoundQuerySet


def grow_wish(rounds: RoundQuerySet, wish: Wish, wisher: Participant | None, stamp: Stamp) -> None:
    """A wish only grows: a round that is to stop is not talked back into ending politely."""
    weaker = [weak for weak in Wish if weak.strength < wish.strength]
    rounds.filter(wish__in=weaker).update(wish=wish, wisher=wisher, stamped=stamp.revision)


def end_queued(rounds: RoundQuerySet, reason: EndReason, stamp: Stamp) -> None:
    """End rounds that have not begun. They cost nothing, so nobody needs to be asked."""
    rounds.filter(state=RoundState.QUEUED).update(
        state=RoundState.ENDED, reason=reason, ended_at=timezone.now(), stamped=stamp.revision
    )


def join_queue(
    conversation: Conversation, *, stamp: Stamp, asker: Participant, trigger: Message | None = None
) -> Round:
    """Join the one queued foreground round of the room, or make it."""
    waiting = Round.objects.filter(conversation=conversation).foreground().filter(state=RoundState.QUEUED).first()
    if waiting is None:
        waiting = Round(
            conversation=conversation,
            policy=conversation.policy,
            limits=limits(conversation),
            trigger=trigger,
            seed=secrets.randbits(62),
        )
    waiting.started_by = asker
    waiting.stamped = stamp.revision
    waiting.save()
    wake_runner()
    return waiting


def limits(conversation: Conversation) -> dict[str, int]:
    """The turn limit in force: everyone needs a turn each under 'everyone', however many they are."""
    chosen = int(conversation.policy_settings.get("turns", settings.TURN_LIMIT))
    if conversation.policy == PolicyName.EVERYONE:
        seats = conversation.participants.ais().present().filter(muted=False).count()
        return {"turns": max(seats, 1)}
    return {"turns": chosen}
