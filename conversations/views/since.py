"""What a page lacks, for when it has no socket: the same reading as the hub's, in the same frames."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from conversations.errors import Invalid
from conversations.hub import Window, changes_since
from conversations.views.seats import seat


@login_required
@never_cache
@require_safe
def since(request: HttpRequest, key: UUID, revision: int) -> JsonResponse:
    """What changed after `revision` in the window `first` to `last` ('end': wherever that is) of the log."""
    me = seat(request, key)
    window = _window(request.GET.get("first", "0"), request.GET.get("last", "end"))
    changes = changes_since(me.conversation_id, revision)
    visible = [one for one in changes.messages if one.sequence > me.visible_from and window.holds(one.sequence)]
    return JsonResponse(dict(changes.frame(visible)))


def _window(first: str, last: str) -> Window:
    return Window(_place(first), None if last == "end" else _place(last))


def _place(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        raise Invalid("A window is two places in the log, the second may be 'end'.")
    return int(text)
