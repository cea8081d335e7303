"""Bursts of AI activity and the turns in them: the durable work."""

from django.db import models
from django.db.models import Q

from conversations.choices import EndReason, PolicyName, RoundKind, RoundState, TurnPhase, TurnState, Wish
from conversations.querysets import RoundQuerySet
from providers.identity import uuid7
from providers.models import choices, one_of


class Round(models.Model):
    """One burst, from its start by a message or Continue to its recorded end.

    `limits` holds what was in force when it began ({"turns": n}); for `answer_again` also the chosen model.
    """

    key = models.UUIDField(default=uuid7, unique=True, editable=False)
    conversation = models.ForeignKey("Conversation", models.CASCADE, related_name="rounds")
    kind = models.CharField(max_length=12, choices=choices(RoundKind), default=RoundKind.SPEECH)
    background = models.BooleanField(default=False)
    policy = models.CharField(max_length=12, choices=choices(PolicyName), default=PolicyName.EVERYONE)
    limits = models.JSONField(default=dict, blank=True)
    trigger = models.ForeignKey("Message", models.SET_NULL, null=True, blank=True, related_name="triggered")
    started_by = models.ForeignKey("Participant", models.SET_NULL, null=True, blank=True, related_name="+")
    state = models.CharField(max_length=8, choices=choices(RoundState), default=RoundState.QUEUED)
    wish = models.CharField(max_length=8, choices=choices(Wish), default=Wish.NONE)
    wisher = models.ForeignKey("Participant", models.SET_NULL, null=True, blank=True, related_name="+")
    reason = models.CharField(max_length=20, choices=choices(EndReason), blank=True)
    owner = models.UUIDField(null=True, blank=True)
    beat = models.PositiveBigIntegerField(default=0)
    queue = models.JSONField(default=list, blank=True)
    seed = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    stamped = models.PositiveBigIntegerField(default=0)

    objects = RoundQuerySet.as_manager()

    class Meta:
        constraints = [
            one_of("kind", RoundKind),
            one_of("policy", PolicyName),
            one_of("state", RoundState),
            one_of("wish", Wish),
            models.UniqueConstraint(
                "conversation",
                condition=Q(background=False, state=RoundState.RUNNING),
                name="conversations_round_one_running",
            ),
            models.UniqueConstraint(
                "conversation",
                condition=Q(background=False, state=RoundState.QUEUED),
                name="conversations_round_one_queued",
            ),
            models.CheckConstraint(
                condition=Q(state=RoundState.ENDED, reason__in=[reason.value for reason in EndReason])
                | ~Q(state=RoundState.ENDED) & Q(reason=""),
                name="conversations_round_reason_when_ended",
            ),
        ]
        indexes = [
            # runner and sweep: the few rounds that are not over
            models.Index(fields=["state", "id"], condition=Q(state__in=["queued", "running"]), name="round_live"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} round ({self.state})"


class Turn(models.Model):
    """One speaker's slot: who, why that one, and the recipe of what it was sent."""

    key = models.UUIDField(default=uuid7, unique=True, editable=False)
    round = models.ForeignKey(Round, models.CASCADE, related_name="turns")
    index = models.PositiveIntegerField()
    phase = models.CharField(max_length=10, choices=choices(TurnPhase), default=TurnPhase.SPEAK)
    speaker = models.ForeignKey("Participant", models.SET_NULL, null=True, blank=True, related_name="+")
    state = models.CharField(max_length=12, choices=choices(TurnState), default=TurnState.BEGUN)
    why = models.JSONField(default=dict, blank=True)
    recipe = models.JSONField(default=dict, blank=True)
    begun_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            one_of("phase", TurnPhase),
            one_of("state", TurnState),
            models.UniqueConstraint("round", "index", name="conversations_turn_index"),
        ]
        ordering = ["index"]

    def __str__(self) -> str:
        return f"turn {self.index} ({self.state})"
