"""Reads. Who may read is part of the query that fetches, never a second step."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, QuerySet, Subquery

from conversations.choices import (
    EndReason,
    MessageKind,
    ParticipantKind,
    RoundState,
    TurnPhase,
    TurnState,
    VersionState,
)

if TYPE_CHECKING:
    from conversations.models import Conversation, Message, Participant, Persona, Round, Turn, Version

PAGE = 50


class ConversationQuerySet(QuerySet["Conversation"]):
    def readable_by(self, user: Any) -> Self:
        """Rooms in which this person takes part; the only way to a room from outside."""
        return self.filter(
            deleted_at=None, participants__user_id=user.pk, participants__left_at=None, participants__barred_at=None
        )

    def deleted_by_owner(self, user: Any) -> Self:
        """Rooms that this person may bring back."""
        return self.filter(
            deleted_at__isnull=False,
            participants__user_id=user.pk,
            participants__role="owner",
            participants__left_at=None,
        )

    def newest_first(self) -> Self:
        return self.order_by(F("last_activity_at").desc(), "-pk")


class ParticipantQuerySet(QuerySet["Participant"]):
    def present(self) -> Self:
        return self.filter(left_at=None, barred_at=None)

    def ais(self) -> Self:
        return self.filter(kind=ParticipantKind.AI)

    def seated(self) -> Self:
        return self.select_related("model__provider", "user").order_by("seat", "pk")


class PersonaQuerySet(QuerySet["Persona"]):
    def usable_by(self, user: Any) -> Self:
        """The site's own characters, one's own, and what others share."""
        return self.filter(Q(owner=None) | Q(owner_id=user.pk) | Q(shared=True)).order_by(
            F("owner").asc(nulls_first=True), "pk"
        )


class MessageQuerySet(QuerySet["Message"]):
    def visible_to(self, participant: "Participant") -> Self:
        return self.filter(sequence__gt=participant.visible_from)

    def page_before(self, sequence: int | None, size: int = PAGE) -> Self:
        """The newest `size` messages below `sequence` (null: the end), newest first."""
        rows = self if sequence is None else self.filter(sequence__lt=sequence)
        return rows.order_by("-sequence")[:size]

    def changed_since(self, revision: int) -> Self:
        """What a viewer at `revision` lacks: stamped later, or being spoken (stored text moves without a stamp)."""
        versions = self.model._meta.get_field("versions").related_model._default_manager
        # fetched apart: beside an OR, PostgreSQL would walk the whole room instead of two indexes
        speaking = versions.filter(shown=True, state=VersionState.STREAMING).values_list("message", flat=True)
        return self.filter(Q(stamped__gt=revision) | Q(pk__in=list(speaking))).order_by("sequence")

    def with_shown(self) -> Self:
        """Each message with its author and what is shown of it: two queries for any number of them.

        Failed versions come too (they hold no text): a failed second try is told beside the text that stays.
        """
        versions = self.model._meta.get_field("versions").related_model._default_manager
        loaded = versions.filter(Q(shown=True) | Q(state=VersionState.FAILED)).order_by("number")
        return (
            self.select_related("author")
            .prefetch_related(Prefetch("versions", loaded, to_attr="loaded_versions"))
            .annotate(version_count=Count("versions"))
        )

    def heard(self) -> Self:
        """Rule 0 of the perspective, as far as the database knows it: speech neither deleted nor set aside."""
        return self.filter(kind=MessageKind.SPEECH, deleted_at=None, set_aside_by=None)


class VersionQuerySet(QuerySet["Version"]):
    def hearable(self) -> Self:
        """Ended versions with text that others hear."""
        states = [VersionState.COMPLETE, VersionState.STOPPED, VersionState.INTERRUPTED]
        return self.filter(state__in=states).exclude(text="")

    def newest_per_message(self) -> Self:
        newest = self.filter(message=OuterRef("message")).order_by("-shown", "-number")
        return self.filter(pk=Subquery(newest.values("pk")[:1]))


@dataclass(frozen=True, slots=True)
class RoundStatus:
    """What goes on at a log's end. `last` is the last foreground round, where none is live."""

    running: "Round | None"
    queued: "Round | None"
    about_to_speak: "tuple[Turn, ...]"
    speaking: bool
    last: "Round | None"


class RoundQuerySet(QuerySet["Round"]):
    def live(self) -> Self:
        return self.filter(state__in=[RoundState.QUEUED, RoundState.RUNNING])

    def foreground(self) -> Self:
        return self.filter(background=False)

    def resumable(self, conversation_id: int) -> "Round | None":
        """The room's last foreground round, if it was broken off or paused and none came after it."""
        last = self.filter(conversation_id=conversation_id).foreground().order_by("-pk").first()
        broken_off = last is not None and last.reason in (EndReason.INTERRUPTED, EndReason.PAUSED)
        return last if broken_off else None

    def status(self, conversation_id: int) -> RoundStatus:
        """What goes on in a room: two queries, three where all is quiet."""
        rounds = self.filter(conversation_id=conversation_id).foreground().select_related("wisher")
        live = {round_.state: round_ for round_ in rounds.live()}
        turns = self._begun_turns(conversation_id)
        return RoundStatus(
            running=live.get(RoundState.RUNNING),
            queued=live.get(RoundState.QUEUED),
            about_to_speak=tuple(turn for turn in turns if not turn.has_text),
            speaking=any(turn.is_speaking for turn in turns),
            last=None if live else rounds.order_by("-pk").first(),
        )

    def _begun_turns(self, conversation_id: int) -> "list[Any]":
        """Turns under way, of background rounds too, each with its speaker and round, and how far it is."""
        turns = self.model._meta.get_field("turns").related_model._default_manager
        versions = self.model._meta.apps.get_model("conversations", "Version")._default_manager
        of_turn = versions.filter(turn=OuterRef("pk"))
        return list(
            turns.filter(
                round__conversation_id=conversation_id,
                round__state=RoundState.RUNNING,
                state=TurnState.BEGUN,
                phase=TurnPhase.SPEAK,
                speaker__isnull=False,
            )
            .annotate(has_text=Exists(of_turn), is_speaking=Exists(of_turn.filter(state=VersionState.STREAMING)))
            .select_related("speaker__model", "round")
            .order_by("round", "index")
        )

    def waiting(self) -> Self:
        """Queued rounds that may begin: no foreground round of the room runs, or they run beside it."""
        running = self.model._base_manager.filter(background=False, state=RoundState.RUNNING)
        return (
            self.filter(state=RoundState.QUEUED)
            .filter(Q(background=True) | ~Q(conversation__in=running.values("conversation")))
            .order_by("pk")
        )
