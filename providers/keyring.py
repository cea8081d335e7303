"""Encryption keys and the encrypted field."""

from django.db import models


class EncryptedField(models.TextField[str, str]):
    """Holds sealed text only, never plain text."""
