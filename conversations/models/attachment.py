"""Files of messages, and invitations into rooms."""

from django.db import models
from django.db.models import Q

from conversations.choices import Role
from providers.identity import uuid7
from providers.models import choices, one_of


class Attachment(models.Model):
    """A file of a message, or one that waits to be sent with one (message null). `size` in bytes."""

    key = models.UUIDField(default=uuid7, unique=True, editable=False)
    conversation = models.ForeignKey("Conversation", models.CASCADE, related_name="attachments")
    uploader = models.ForeignKey("Participant", models.PROTECT, related_name="+")
    message = models.ForeignKey("Message", models.CASCADE, null=True, blank=True, related_name="attachments")
    name = models.CharField(max_length=255)
    media_type = models.CharField(max_length=100)
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    path = models.CharField(max_length=255)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Invitation(models.Model):
    """A way into a room; only the hash of its token is kept."""

    conversation = models.ForeignKey("Conversation", models.CASCADE, related_name="invitations")
    token_hash = models.CharField(max_length=64, unique=True)
    role = models.CharField(max_length=10, choices=choices(Role), default=Role.SPEAKER)
    email = models.EmailField(blank=True)
    invited_by = models.ForeignKey("Participant", models.CASCADE, related_name="+")
    visible_from = models.PositiveBigIntegerField(default=0)
    uses_left = models.PositiveIntegerField(default=1)
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            one_of("role", Role),
            models.CheckConstraint(condition=~Q(role=Role.OWNER), name="conversations_invitation_not_owner"),
        ]

    def __str__(self) -> str:
        return f"invitation as {self.role}"
