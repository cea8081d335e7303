"""Every write of this app, a verb a function."""

from providers.actions.balances import stop_line
from providers.actions.health import note_cooling, note_health, note_refused
from providers.actions.keys import checked_headers, checked_key, remove_key, save_headers, save_key
from providers.actions.ledger import (
    Outcome,
    abandon_calls,
    abandon_calls_without_turn,
    open_call,
    open_turn_keys,
    settle_call,
)
from providers.actions.rows import (
    add_models,
    delete_row,
    enable_models,
    ensure_builtin,
    save_allowance,
    save_model,
    save_provider,
)

__all__ = [
    "Outcome",
    "abandon_calls",
    "abandon_calls_without_turn",
    "add_models",
    "checked_headers",
    "checked_key",
    "delete_row",
    "enable_models",
    "ensure_builtin",
    "note_cooling",
    "note_health",
    "note_refused",
    "open_call",
    "open_turn_keys",
    "remove_key",
    "save_allowance",
    "save_headers",
    "save_key",
    "save_model",
    "save_provider",
    "settle_call",
    "stop_line",
]
