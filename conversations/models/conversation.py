"""A room and its counters."""

from django.db import models
from django.db.models import Q
from django.urls import reverse

from conversations.choices import PolicyName, Visibility
from conversations.querysets import ConversationQuerySet
from providers.identity import uuid7
from providers.models import choices, one_of


class Conversation(models.Model):
    """A room and all that was said in it. `policy_settings` and `rules` are what its people chose."""

    key = models.UUIDField(default=uuid7, unique=True, editable=False)
    title = models.CharField(max_length=200, blank=True)
    policy = models.CharField(max_length=12, choices=choices(PolicyName), default=PolicyName.EVERYONE)
    policy_settings = models.JSONField(default=dict, blank=True)
    rules = models.TextField(blank=True)
    visibility = models.CharField(max_length=8, choices=choices(Visibility), default=Visibility.PRIVATE)
    forked_from = models.ForeignKey("Message", models.SET_NULL, null=True, blank=True, related_name="forks")
    created_at = models.DateTimeField(auto_now_add=True)
    last_activity_at = models.DateTimeField(auto_now_add=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    stamped = models.PositiveBigIntegerField(default=0)

    objects = ConversationQuerySet.as_manager()

    class Meta:
        constraints = [one_of("policy", PolicyName), one_of("visibility", Visibility)]
        indexes = [
            # the list of rooms, newest first
            models.Index(fields=["-last_activity_at", "-id"], name="conversation_newest"),
        ]

    def __str__(self) -> str:
        return self.title or "Untitled"

    def get_absolute_url(self) -> str:
        return reverse("conversations:room", args=[self.key])


class Clock(models.Model):
    """A room's counters, apart from its row, so that saving a form never writes an old counter back."""

    conversation = models.OneToOneField(Conversation, models.CASCADE, primary_key=True)
    last_sequence = models.BigIntegerField(default=0)
    revision = models.BigIntegerField(default=0)
    access_epoch = models.BigIntegerField(default=0)
    floor_held_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(last_sequence__gte=0, revision__gte=0, access_epoch__gte=0),
                name="conversations_clock_counts",
            )
        ]

    def __str__(self) -> str:
        return f"sequence {self.last_sequence}, revision {self.revision}"
