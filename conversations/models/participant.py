"""Characters, and who takes part in a room."""

import unicodedata

from django.conf import settings
from django.db import models
from django.db.models import Q

from conversations.choices import ParticipantKind, Role
from conversations.querysets import ParticipantQuerySet, PersonaQuerySet
from providers.models import choices, one_of


def name_key(name: str) -> str:
    """The form in which names are compared. SQLite's lower() leaves 'É' as it is, so the database cannot do it."""
    return unicodedata.normalize("NFKC", name).casefold()


class Persona(models.Model):
    """A reusable character. Openers and examples make it one on a model that follows no instructions."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="personas")
    shared = models.BooleanField(default=False)
    name = models.CharField(max_length=60)
    name_key = models.CharField(max_length=120, editable=False)
    avatar = models.CharField(max_length=8, blank=True)
    colour = models.PositiveSmallIntegerField(default=1)
    description = models.CharField(max_length=200, blank=True)
    instructions = models.TextField(blank=True)
    model = models.ForeignKey("providers.AIModel", models.SET_NULL, null=True, blank=True, related_name="+")
    settings = models.JSONField(default=dict, blank=True)
    openers = models.JSONField(default=list, blank=True)
    examples = models.JSONField(default=list, blank=True)

    objects = PersonaQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint("owner", "name_key", name="conversations_persona_name"),
            models.UniqueConstraint("name_key", condition=Q(owner=None), name="conversations_persona_site_name"),
            models.CheckConstraint(condition=Q(colour__range=(1, 12)), name="conversations_persona_colour"),
        ]

    def __str__(self) -> str:
        return self.name


class Participant(models.Model):
    """A person or an AI in one conversation. An AI is a copy of its persona as that was when it joined."""

    conversation = models.ForeignKey("Conversation", models.CASCADE, related_name="participants")
    kind = models.CharField(max_length=8, choices=choices(ParticipantKind))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="participations"
    )
    persona = models.ForeignKey(Persona, models.SET_NULL, null=True, blank=True, related_name="+")
    model = models.ForeignKey("providers.AIModel", models.SET_NULL, null=True, blank=True, related_name="+")
    name = models.CharField(max_length=80)
    name_key = models.CharField(max_length=160, editable=False)
    avatar = models.CharField(max_length=8, blank=True)
    colour = models.PositiveSmallIntegerField(default=1)
    description = models.CharField(max_length=200, blank=True)
    instructions = models.TextField(blank=True)
    settings = models.JSONField(default=dict, blank=True)
    openers = models.JSONField(default=list, blank=True)
    examples = models.JSONField(default=list, blank=True)
    fallbacks = models.JSONField(default=list, blank=True)
    seat = models.PositiveIntegerField(default=0)
    role = models.CharField(max_length=10, choices=choices(Role), default=Role.SPEAKER)
    muted = models.BooleanField(default=False)
    may_start = models.BooleanField(default=True)
    may_spend = models.BooleanField(default=True)
    visible_from = models.PositiveBigIntegerField(default=0)
    read_sequence = models.PositiveBigIntegerField(default=0)
    draft = models.TextField(blank=True)
    pinned_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)
    joined_at = models.DateTimeField(auto_now_add=True)
    left_at = models.DateTimeField(null=True, blank=True)
    barred_at = models.DateTimeField(null=True, blank=True)
    stamped = models.PositiveBigIntegerField(default=0)

    objects = ParticipantQuerySet.as_manager()

    class Meta:
        constraints = [
            one_of("kind", ParticipantKind),
            one_of("role", Role),
            models.CheckConstraint(
                condition=Q(kind=ParticipantKind.PERSON, user__isnull=False)
                | Q(kind__in=[ParticipantKind.AI, ParticipantKind.GHOST], user__isnull=True),
                name="conversations_participant_person_has_user",
            ),
            models.UniqueConstraint("conversation", "user", name="conversations_participant_once"),
            models.UniqueConstraint(
                "conversation",
                "name_key",
                condition=Q(left_at=None),
                name="conversations_participant_name",
            ),
            models.CheckConstraint(condition=Q(colour__range=(1, 12)), name="conversations_participant_colour"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_present(self) -> bool:
        return self.left_at is None and self.barred_at is None
