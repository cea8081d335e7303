"""The log: places in it, and the texts that stand there."""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from conversations.choices import MessageKind, VersionState
from conversations.querysets import MessageQuerySet, VersionQuerySet
from providers.models import choices, one_of


class Message(models.Model):
    """One place in the log, by one participant. What it says stands in its versions; one of them is shown."""

    conversation = models.ForeignKey("Conversation", models.CASCADE, related_name="messages")
    sequence = models.PositiveBigIntegerField()
    author = models.ForeignKey("Participant", models.PROTECT, null=True, related_name="messages")
    kind = models.CharField(max_length=8, choices=choices(MessageKind), default=MessageKind.SPEECH)
    client_id = models.UUIDField(null=True, blank=True)
    reply_to = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="+")
    set_aside_by = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="set_aside")
    created_at = models.DateTimeField(auto_now_add=True)
    pinned_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    deleted_by = models.ForeignKey("Participant", models.SET_NULL, null=True, blank=True, related_name="+")
    wiped_at = models.DateTimeField(null=True, blank=True)
    stamped = models.PositiveBigIntegerField(default=0)

    if TYPE_CHECKING:
        loaded_versions: list["Version"]
        version_count: int

    objects = MessageQuerySet.as_manager()

    class Meta:
        constraints = [
            one_of("kind", MessageKind),
            models.UniqueConstraint("conversation", "sequence", name="conversations_message_place"),
            models.UniqueConstraint(
                "author", "client_id", condition=Q(client_id__isnull=False), name="conversations_message_sent_once"
            ),
            models.CheckConstraint(
                condition=Q(author__isnull=False) | Q(kind=MessageKind.NOTICE), name="conversations_message_author"
            ),
        ]
        indexes = [
            # hub, page and poll: what changed since revision N
            models.Index(fields=["conversation", "stamped"], name="message_changed"),
            # the sweep: deleted messages whose undo time is over
            models.Index(
                fields=["deleted_at"], condition=Q(deleted_at__isnull=False, wiped_at=None), name="message_to_wipe"
            ),
        ]

    def __str__(self) -> str:
        return f"message {self.sequence}"

    def _versions(self) -> list["Version"]:
        if not hasattr(self, "loaded_versions"):
            self.loaded_versions = list(self.versions.order_by("number"))
        return self.loaded_versions

    @property
    def shown(self) -> "Version":
        """The shown version. Costs a query unless the message came by `with_shown()`."""
        return next(version for version in self._versions() if version.shown)

    @property
    def failed_again(self) -> "Version | None":
        """The newest try, where it failed and the former text stays."""
        last = self._versions()[-1]
        return None if last.shown or last.state != VersionState.FAILED else last

    @property
    def text(self) -> str:
        return self.shown.text

    @property
    def state(self) -> str:
        return self.shown.state


class Version(models.Model):
    """One text of a message. While it streams, `closed` is the offset up to which its HTML is final."""

    message = models.ForeignKey(Message, models.CASCADE, related_name="versions")
    turn = models.ForeignKey("Turn", models.SET_NULL, null=True, blank=True, related_name="versions")
    number = models.PositiveIntegerField(default=1)
    shown = models.BooleanField(default=True)
    state = models.CharField(max_length=12, choices=choices(VersionState))
    text = models.TextField(blank=True)
    closed = models.PositiveIntegerField(default=0)
    html = models.TextField(blank=True)
    renderer = models.CharField(max_length=20, blank=True)
    search_text = models.TextField(blank=True)
    reasoning = models.TextField(blank=True)
    model = models.ForeignKey("providers.AIModel", models.SET_NULL, null=True, blank=True, related_name="+")
    model_name = models.CharField(max_length=200, blank=True)
    error = models.CharField(max_length=40, blank=True)
    error_detail = models.CharField(max_length=600, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = VersionQuerySet.as_manager()

    class Meta:
        constraints = [
            one_of("state", VersionState),
            models.UniqueConstraint("message", "number", name="conversations_version_number"),
            models.UniqueConstraint("message", condition=Q(shown=True), name="conversations_version_one_shown"),
            models.UniqueConstraint(
                "message", condition=Q(state=VersionState.STREAMING), name="conversations_version_one_streaming"
            ),
            models.CheckConstraint(
                condition=Q(state__in=[VersionState.FAILED, VersionState.INTERRUPTED]) & ~Q(error="")
                | ~Q(state__in=[VersionState.FAILED, VersionState.INTERRUPTED]) & Q(error=""),
                name="conversations_version_error_when_broken",
            ),
        ]
        indexes = [
            # changed_since, sweep and checkpoint: the few that stream among millions
            models.Index(fields=["message"], condition=Q(state=VersionState.STREAMING), name="version_streaming"),
        ]

    def __str__(self) -> str:
        return f"version {self.number} ({self.state})"


class Mention(models.Model):
    """A participant whom a message addresses."""

    message = models.ForeignKey(Message, models.CASCADE, related_name="mentions")
    participant = models.ForeignKey("Participant", models.CASCADE, related_name="+")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint("message", "participant", name="conversations_mention_once")]
        ordering = ["position"]

    def __str__(self) -> str:
        return f"mention of {self.participant_id}"


class Reaction(models.Model):
    message = models.ForeignKey(Message, models.CASCADE, related_name="reactions")
    participant = models.ForeignKey("Participant", models.CASCADE, related_name="+")
    emoji = models.CharField(max_length=16)

    class Meta:
        constraints = [models.UniqueConstraint("message", "participant", "emoji", name="conversations_reaction_once")]

    def __str__(self) -> str:
        return self.emoji
