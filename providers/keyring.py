"""The key ring, and the field that holds what it sealed.

A sealed value is `v1:` and a token. Inside, the text lies beside the context it was sealed for, such as
`provider:<key>:secret`, and comes out for that context only: moved to another row or column it stays shut.
"""

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models
from django.views.decorators.debug import sensitive_variables

PREFIX: Final = "v1:"
# A token's first byte is 128, its next eight are the time: four of them are zero until the year 2106.
SEALED: Final = re.compile(r"v1:gAAAAA[\w-]+={0,2}", re.ASCII)


class SecretUnavailable(Exception):
    """A sealed value does not open: the ring lost its key, or the value is not this row's."""


@lru_cache(maxsize=2)
def _ring(keys: tuple[str, ...]) -> MultiFernet:
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:  # none, or a malformed one; the words of the library would show it
        raise SecretUnavailable("There is no usable encryption key.") from None


def ring() -> MultiFernet:
    """The keys of CHIMERA_ENCRYPTION_KEYS: the first seals, each opens. Raises SecretUnavailable if one is no key."""
    return _ring(tuple(settings.CHIMERA_ENCRYPTION_KEYS))


@sensitive_variables("text", "plain")
def seal(text: str, context: str) -> str:
    """Encrypt `text` for one place, named by `context`."""
    plain = json.dumps({"context": context, "text": text})
    return PREFIX + ring().encrypt(plain.encode()).decode()


@sensitive_variables("plain")
def unseal(sealed: str, context: str) -> str:
    """The text that was sealed for `context`. Raises SecretUnavailable."""
    plain = json.loads(_token_to_plain(sealed))
    if plain["context"] != context:
        raise SecretUnavailable("The secret was sealed for another place.")
    return str(plain["text"])


def rotate(sealed: str) -> str:
    """Seal again with the newest key, what it holds and where it belongs unchanged. Raises SecretUnavailable."""
    try:
        return PREFIX + ring().rotate(sealed.removeprefix(PREFIX)).decode()
    except InvalidToken:
        raise SecretUnavailable("No encryption key opens the secret.") from None


def _token_to_plain(sealed: str) -> bytes:
    if not SEALED.fullmatch(sealed):
        raise SecretUnavailable("The secret is not sealed.")
    try:
        return ring().decrypt(sealed.removeprefix(PREFIX))
    except InvalidToken:
        raise SecretUnavailable("No encryption key opens the secret.") from None


if TYPE_CHECKING:
    Text = models.TextField[str, str]
else:
    Text = models.TextField


class EncryptedField(Text):
    """Text that only `seal` can have written, or ''. It opens nothing by itself, and is left out of dumps."""

    def get_prep_value(self, value: Any) -> Any:
        """Raises ValueError, which does not repeat the value, before plain text gets near the database."""
        value = super().get_prep_value(value)
        if isinstance(value, str) and value and not SEALED.fullmatch(value):
            raise ValueError(f"{self.name} takes sealed text only: see providers.keyring.seal.")
        return value

    def value_to_string(self, obj: models.Model) -> str:
        return ""
