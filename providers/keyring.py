"""Encryption keys and the encrypted field."""

from django.db import models


class EncryptedField(models.TextField):
    """Holds sealed text only, never plain text."""
