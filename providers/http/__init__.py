"""The network door: every byte to or from an AI service passes here.

    guard     which addresses may be reached
    pool      one client per event loop, its timeouts
    answer    requests and their answers, read within limits
    faults    what went wrong, as a ProviderError: from the network, a status, or a service's own words

Redirects are never followed: on the way to a stranger keys and words would go along. Keys are given per request and
taken out of every text that leaves here.
"""

from .answer import Answer, get_json, open_stream
from .guard import checked_url, is_local
from .pool import Timeouts, client, close_clients

__all__ = [
    "Answer",
    "Timeouts",
    "checked_url",
    "client",
    "close_clients",
    "get_json",
    "is_local",
    "open_stream",
]
