"""What people ask of the AIs: go on, stop, answer again."""

from typing import Any

from conversations.actions.change import Stamp, change, standing_room, wake_runner
from conversations.actions.queue import end_queued, grow_wish, join_queue
from conversations.choices import (
    EndReason,
    InterruptedBy,
    MessageKind,
    ParticipantKind,
    Power,
    RoundKind,
    RoundState,
    VersionState,
    Wish,
)
from conversations.errors import Conflict, Invalid
from conversations.models import Conversation, Message, Participant, Round
from conversations.permissions import powers_of, require, require_model
from providers.models import AIModel

WHOLE = [VersionState.COMPLETE, VersionState.STOPPED]
SPEAKING_KINDS = [RoundKind.SPEECH, RoundKind.ANSWER_AGAIN]


def start_round(*, by: Participant) -> Round:
    """Let the AIs go on: joins a round that lives and is to live, resumes an interrupted one, else queues a new one."""
    require(by, Power.START)
    with change(by.conversation_id) as stamp:
        room = standing_room(stamp)
        alive = Round.objects.filter(conversation=room, wish=Wish.NONE).foreground().live().order_by("pk").last()
        if alive is not None:
            return alive
        if not room.participants.ais().present().filter(muted=False).exists():
            raise Invalid("No AI takes part in this room yet. Add one, and it can go on.")
        last = Round.objects.resumable(room.pk)
        return _resume(last, by, stamp) if last else join_queue(room, stamp=stamp, asker=by)


def _resume(round_: Round, by: Participant, stamp: Stamp) -> Round:
    """Send the same round back to waiting. What was answered in it is not called again."""
    round_.state, round_.reason, round_.wish, round_.owner = RoundState.QUEUED, "", Wish.NONE, None
    round_.started_by, round_.ended_at, round_.stamped = by, None, stamp.revision
    round_.save()
    wake_runner()
    return round_


def stop_rounds(*, by: Participant) -> None:
    """Stop all that speaks in the room, now: background answers too; what only waits ends at once."""
    require(by, Power.STOP)
    with change(by.conversation_id) as stamp:
        alive = Round.objects.filter(conversation_id=by.conversation_id, kind__in=SPEAKING_KINDS).live()
        end_queued(alive, EndReason.STOPPED, stamp)
        grow_wish(alive.filter(state=RoundState.RUNNING), Wish.STOP, by, stamp)


def answer_again(*, message: Message, by: Participant, model: AIModel | None = None) -> Round:
    """Retry, Resume and Regenerate: one act. A background round makes a new version of an AI's message.

    On an interrupted message whose round can be resumed, that is done instead: the round goes on from there.
    What is whole is answered anew in the last round only, unless one may manage the AIs.
    """
    require(by, Power.ANSWER_AGAIN, message.conversation_id)
    if model is not None:
        require_model(by, model)
    with change(message.conversation_id) as stamp:
        room = standing_room(stamp)
        author = _answerable(message)
        if message.shown.state in WHOLE and not _is_of_last_round(message):
            require(by, Power.MANAGE_AIS)
        resumed = _same_round(message, by, stamp) if model is None else None
        waiting = Round.objects.filter(trigger=message, kind=RoundKind.ANSWER_AGAIN, wish=Wish.NONE).live()
        return resumed or waiting.first() or _queue_answer(room, message, author, by, model, stamp)


def _is_of_last_round(message: Message) -> bool:
    last = Round.objects.filter(conversation=message.conversation_id).foreground().order_by("-pk").first()
    return last is not None and message.versions.filter(turn__round=last).exists()


def _same_round(message: Message, by: Participant, stamp: Stamp) -> Round | None:
    """The round in which an interrupted message broke off, if it goes on from there: by now, or already."""
    half = message.shown
    round_ = half.turn.round if half.turn is not None else None
    if half.state != VersionState.INTERRUPTED or round_ is None or round_.background:
        return None
    waits = round_.state == RoundState.QUEUED
    # a text that the site broke off has ended its round, so a round that runs was resumed since
    runs = round_.state == RoundState.RUNNING and half.error == InterruptedBy.SITE and round_.wish == Wish.NONE
    if waits or runs:
        return round_
    may_resume = Power.START in powers_of(by) and Round.objects.resumable(message.conversation_id) == round_
    return _resume(round_, by, stamp) if may_resume else None


def _answerable(message: Message) -> Participant:
    author = message.author
    if author is None or author.kind != ParticipantKind.AI or message.kind != MessageKind.SPEECH:
        raise Invalid("Only what an AI said can be answered again.")
    if not author.is_present:
        raise Conflict(f"{author.name} is no longer in this room.")
    if message.deleted_at is not None or message.set_aside_by_id is not None:
        raise Conflict("This message was deleted or set aside. Bring it back first.")
    if message.shown.state == VersionState.STREAMING:
        raise Conflict("This reply is still being spoken. Stop it first.")
    return author


def _queue_answer(
    room: Conversation, message: Message, author: Participant, by: Participant, model: AIModel | None, stamp: Stamp
) -> Round:
    chosen: dict[str, Any] = {"turns": 1, "speaker": author.pk}
    if model is not None:
        chosen["model"] = model.pk
    round_ = Round.objects.create(
        conversation=room,
        kind=RoundKind.ANSWER_AGAIN,
        background=True,
        policy=room.policy,
        limits=chosen,
        trigger=message,
        started_by=by,
        stamped=stamp.revision,
    )
    Message.objects.filter(pk=message.pk).update(stamped=stamp.revision)
    wake_runner()
    return round_


def end_rounds_of(conversation: Conversation, reason: EndReason, stamp: Stamp) -> None:
    """End or stop every round of a room that goes away."""
    alive = Round.objects.filter(conversation=conversation).live()
    end_queued(alive, reason, stamp)
    grow_wish(alive.filter(state=RoundState.RUNNING), Wish.STOP, None, stamp)
