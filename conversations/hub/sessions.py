"""Whether the sessions behind open sockets still hold: the handshake looks only once."""

from collections.abc import Collection

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare


def holding(session_keys: Collection[str]) -> dict[str, int]:
    """The sessions that are still signed in, each with its user's id. Two queries for any number of them.

    One falls out by logout, expiry, deactivation of its user, or a change of password.
    """
    rows = Session.objects.filter(session_key__in=session_keys, expire_date__gt=timezone.now())
    claims = {row.session_key: row.get_decoded() for row in rows}
    wanted = {claim[SESSION_KEY] for claim in claims.values() if SESSION_KEY in claim}
    users = get_user_model().objects.filter(pk__in=wanted, is_active=True)
    proofs = {str(user.pk): (user.pk, user.get_session_auth_hash()) for user in users}
    found: dict[str, int] = {}
    for key, claim in claims.items():
        user_id, proof = proofs.get(str(claim.get(SESSION_KEY)), (0, ""))
        if user_id and constant_time_compare(claim.get(HASH_SESSION_KEY, ""), proof):
            found[key] = user_id
    return found
