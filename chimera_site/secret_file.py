"""The site's own secrets, kept in one file that only its owner can read.

They are made once, at the first start, and never written over: who loses the encryption keys loses the
provider keys sealed with them, so an existing file is worth more than a new one.
"""

import json
import os
import secrets
import shlex
import stat
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured


@dataclass(frozen=True, slots=True)
class SiteSecrets:
    secret_key: str
    encryption_keys: tuple[str, ...]
    """Newest first."""

    def __repr__(self) -> str:
        return f"<SiteSecrets with {len(self.encryption_keys)} encryption keys>"


def create(path: Path) -> bool:
    """Write fresh secrets to `path` unless something is there already; tells whether it did."""
    fresh = SiteSecrets(secrets.token_urlsafe(50), (Fernet.generate_key().decode(),))
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(fresh), file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, fails where the name is taken: of two first starts one wins, whole.
        os.link(unfinished, path)
    except FileExistsError:
        return False
    finally:
        unfinished.unlink()
    return True


def load(path: Path) -> SiteSecrets | None:
    """The secrets in `path`, or None where there is no such file.

    Raises ImproperlyConfigured, with what to do, for a file that others can read or that makes no sense.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_IMODE(mode) & 0o077:
        raise ImproperlyConfigured(
            f"{path} holds the site's secrets and can be read by other users of this machine. "
            f"Close it with: chmod 600 {shlex.quote(str(path))}"
        )
    try:
        held = json.loads(path.read_text())
        return SiteSecrets(str(held["secret_key"]), tuple(str(key) for key in held["encryption_keys"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ImproperlyConfigured(
            f"{path} cannot be read as the site's secrets ({error}). Bring it back from a backup; or move it away, "
            "and a new one is made at the next start: provider keys must then be entered again."
        ) from error
