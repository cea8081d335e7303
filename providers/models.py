"""What is configured (ProviderConfig, AIModel), what was spent (Call) and what may be (Allowance, Balance)."""

from decimal import Decimal
from enum import StrEnum
from functools import reduce
from operator import and_, or_
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q

from providers.identity import uuid7
from providers.keyring import EncryptedField

REHEARSAL = "rehearsal"


class Source(StrEnum):
    """Where a provider's configuration comes from."""

    ENVIRONMENT = "environment"
    ADMIN = "admin"


class Purpose(StrEnum):
    """What a call was for."""

    REPLY = "reply"
    TITLE = "title"
    SUMMARY = "summary"
    MODERATOR = "moderator"
    JUDGE = "judge"
    SYNTHESIS = "synthesis"
    TEST = "test"


class CallState(StrEnum):
    OPEN = "open"
    SETTLED = "settled"
    FAILED = "failed"
    ABANDONED = "abandoned"


class Period(StrEnum):
    DAY = "day"
    MONTH = "month"


def one_of(field: str, values: type[StrEnum]) -> models.CheckConstraint:
    """The database refuses any other value of a state column; choices alone bind only forms."""
    return models.CheckConstraint(
        condition=Q(**{f"{field}__in": [member.value for member in values]}), name=f"%(app_label)s_%(class)s_{field}"
    )


def choices(values: type[StrEnum]) -> list[tuple[str, str]]:
    return [(member.value, member.value.replace("_", " ")) for member in values]


class ProviderQuerySet(models.QuerySet["ProviderConfig"]):
    def enabled(self) -> "ProviderQuerySet":
        return self.filter(enabled=True)


class ProviderConfig(models.Model):
    """One configured AI service or server; `kind` is the slug of its adapter."""

    key = models.UUIDField(default=uuid7, unique=True, editable=False)
    kind = models.CharField(max_length=40)
    label = models.CharField(max_length=80, unique=True)
    source = models.CharField(max_length=12, choices=choices(Source), default=Source.ADMIN, editable=False)
    base_url = models.CharField(max_length=500, blank=True)
    secret = EncryptedField(blank=True, editable=False)
    last4 = models.CharField(max_length=4, blank=True, editable=False)
    headers = EncryptedField(blank=True, editable=False)
    options = models.JSONField(default=dict, blank=True)
    enabled = models.BooleanField(default=True)
    allow_local = models.BooleanField(default=False)
    concurrency = models.PositiveSmallIntegerField(default=50)
    default_model = models.ForeignKey("AIModel", models.SET_NULL, null=True, blank=True, related_name="+")
    position = models.PositiveIntegerField(default=0)
    cooling_until = models.DateTimeField(null=True, blank=True, editable=False)
    last_ok = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.CharField(max_length=300, blank=True, editable=False)
    last_error_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ProviderQuerySet.as_manager()

    class Meta:
        verbose_name = "provider"
        ordering = ["position", "id"]
        constraints = [
            one_of("source", Source),
            models.UniqueConstraint(
                "kind", condition=Q(source=Source.ENVIRONMENT), name="providers_providerconfig_one_environment_row"
            ),
        ]

    def __str__(self) -> str:
        return self.label


def is_out_of_play(provider: ProviderConfig) -> bool:
    """The rehearsal is for tests and load: it speaks only while its setting is on."""
    return provider.kind == REHEARSAL and not settings.CHIMERA_REHEARSAL


class AIModelQuerySet(models.QuerySet["AIModel"]):
    def usable_by(self, user: Any) -> "AIModelQuerySet":
        """Enabled models of enabled providers that this person's groups may use, in the order to offer them."""
        open_to_all = Q(groups=None)
        mine = Q(groups__in=user.groups.values("pk"))
        usable = self.filter(enabled=True, retired_at=None, provider__enabled=True).filter(open_to_all | mine)
        if not settings.CHIMERA_REHEARSAL:
            usable = usable.exclude(provider__kind=REHEARSAL)
        return usable.select_related("provider").order_by("provider__position", "position", "label").distinct()


class AIModel(models.Model):
    """One model of a configured provider. Prices are USD per million tokens; null = unknown."""

    provider = models.ForeignKey(ProviderConfig, models.CASCADE, related_name="models")
    model_id = models.CharField(max_length=200)
    label = models.CharField(max_length=120, blank=True)
    enabled = models.BooleanField(default=True)
    context = models.PositiveIntegerField(null=True, blank=True)
    max_output = models.PositiveIntegerField(null=True, blank=True)
    abilities = models.JSONField(default=list, blank=True)
    allowed_params = models.JSONField(default=list, blank=True)
    refused_params = models.JSONField(default=list, blank=True)
    groups = models.ManyToManyField(Group, blank=True, related_name="+")
    position = models.PositiveIntegerField(default=0)
    input_price = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)
    cached_price = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)
    output_price = models.DecimalField(max_digits=12, decimal_places=6, null=True, blank=True)
    follows_instructions = models.BooleanField(default=True)
    calibration = models.FloatField(default=1.0, editable=False)
    retired_at = models.DateTimeField(null=True, blank=True)

    objects = AIModelQuerySet.as_manager()

    class Meta:
        verbose_name = "model"
        ordering = ["provider__position", "position", "model_id"]
        constraints = [
            models.UniqueConstraint("provider", "model_id", name="providers_aimodel_once_per_provider"),
            models.CheckConstraint(condition=Q(calibration__gt=0), name="providers_aimodel_calibration"),
        ]

    def __str__(self) -> str:
        return self.label or self.model_id


class Call(models.Model):
    """The ledger row of one call. It outlives the conversation, so it points there by plain keys.

    While open its forecast is the reservation. Money in USD, times in milliseconds.
    """

    key = models.UUIDField(default=uuid7, unique=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    model = models.ForeignKey(AIModel, models.SET_NULL, null=True, related_name="+")
    provider_name = models.CharField(max_length=80)
    model_name = models.CharField(max_length=200)
    purpose = models.CharField(max_length=12, choices=choices(Purpose))
    conversation_key = models.CharField(max_length=36, blank=True)
    turn_key = models.CharField(max_length=36, blank=True)
    state = models.CharField(max_length=12, choices=choices(CallState), default=CallState.OPEN)
    forecast = models.DecimalField(max_digits=14, decimal_places=8, default=Decimal(0))
    input_tokens = models.PositiveIntegerField(default=0)
    cached_tokens = models.PositiveIntegerField(default=0)
    cache_write_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    reasoning_tokens = models.PositiveIntegerField(default=0)
    estimated = models.BooleanField(default=False)
    cost = models.DecimalField(max_digits=14, decimal_places=8, null=True)
    started_at = models.DateTimeField()
    first_text_ms = models.PositiveIntegerField(null=True)
    total_ms = models.PositiveIntegerField(null=True)
    error = models.CharField(max_length=40, blank=True)
    error_detail = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            one_of("state", CallState),
            one_of("purpose", Purpose),
            models.CheckConstraint(
                condition=Q(
                    input_tokens__gte=0,
                    cached_tokens__gte=0,
                    cache_write_tokens__gte=0,
                    output_tokens__gte=0,
                    reasoning_tokens__gte=0,
                ),
                name="providers_call_tokens",
            ),
            models.CheckConstraint(
                condition=Q(state=CallState.FAILED) & ~Q(error="") | ~Q(state=CallState.FAILED) & Q(error=""),
                name="providers_call_error_when_failed",
            ),
        ]
        indexes = [
            # usage pages: newest first, by day
            models.Index(fields=["started_at"], name="call_started"),
            # the sweep: open calls of a dead round's turns
            models.Index(fields=["turn_key"], condition=Q(state=CallState.OPEN), name="call_open_by_turn"),
            # a room's spending
            models.Index(fields=["conversation_key"], name="call_conversation"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} by {self.model_name} ({self.state})"


def exactly_one_subject(name: str) -> models.CheckConstraint:
    """Exactly one of user, group, conversation_key, site. Written out: an XOR of three accepts all three."""
    user, group = Q(user__isnull=False), Q(group__isnull=False)
    room, site = ~Q(conversation_key=""), Q(site=True)
    subjects = [user, group, room, site]
    cases = [reduce(and_, [subject if subject is chosen else ~subject for subject in subjects]) for chosen in subjects]
    return models.CheckConstraint(condition=reduce(or_, cases), name=name)


def unique_subjects(table: str, *more: str) -> list[models.UniqueConstraint]:
    cases = {
        "user": Q(user__isnull=False),
        "group": Q(group__isnull=False),
        "conversation_key": ~Q(conversation_key=""),
        "site": Q(site=True),
    }
    return [
        models.UniqueConstraint(fields=[field, *more], condition=condition, name=f"providers_{table}_per_{field}")
        for field, condition in cases.items()
    ]


class Subject(models.Model):
    """Whom a limit or a balance is about."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="+")
    group = models.ForeignKey(Group, models.CASCADE, null=True, blank=True, related_name="+")
    conversation_key = models.CharField(max_length=36, blank=True)
    site = models.BooleanField(default=False)

    class Meta:
        abstract = True


class Allowance(Subject):
    """A limit per period; null = no limit. The site's row is the stop-line."""

    period = models.CharField(max_length=8, choices=choices(Period), default=Period.DAY)
    money_limit = models.DecimalField("money limit (USD)", max_digits=12, decimal_places=4, null=True, blank=True)
    token_limit = models.PositiveBigIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            exactly_one_subject("providers_allowance_one_subject"),
            one_of("period", Period),
            models.CheckConstraint(
                condition=Q(money_limit__isnull=True) | Q(money_limit__gte=0), name="providers_allowance_money"
            ),
            *unique_subjects("allowance", "period"),
        ]

    def __str__(self) -> str:
        return f"{'the site' if self.site else self.user or self.group or self.conversation_key}, a {self.period}"


class Balance(Subject):
    """What a subject spent and reserved in one period, which begins at `starts` (UTC)."""

    period = models.CharField(max_length=8, choices=choices(Period), default=Period.DAY)
    starts = models.DateField()
    spent = models.DecimalField(max_digits=14, decimal_places=8, default=Decimal(0))
    reserved = models.DecimalField(max_digits=14, decimal_places=8, default=Decimal(0))
    tokens_spent = models.PositiveBigIntegerField(default=0)
    tokens_reserved = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            exactly_one_subject("providers_balance_one_subject"),
            one_of("period", Period),
            models.CheckConstraint(condition=Q(spent__gte=0, reserved__gte=0), name="providers_balance_money"),
            *unique_subjects("balance", "period", "starts"),
        ]

    def __str__(self) -> str:
        return f"{self.starts}: {self.spent} spent, {self.reserved} reserved"

    @property
    def committed(self) -> Decimal:
        return self.spent + self.reserved
