"""The one door for calls to a model: none escapes the ledger and the limits.

`metered` finds the rows, waits for a free place, reserves the forecast, streams, and settles the call whatever
happens: the end, an error, a cancelled task, a caller who stops listening.
"""

from providers.calls.order import CallOrder, SwitchedOff
from providers.calls.stream import metered

__all__ = ["CallOrder", "SwitchedOff", "metered"]
