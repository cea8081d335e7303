"""Health, the first account, and login."""

from typing import Any

from allauth.account.views import LoginView
from django.conf import settings
from django.contrib.auth import login as open_session
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from chimera_site import __version__, founding
from chimera_site.forms import FoundingForm


def site(request: HttpRequest) -> dict[str, Any]:
    """What every page may show (a context processor)."""
    return {"chimera_version": __version__}


@never_cache
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """The process answers. Nothing else is asked, so that a slow database gets nobody restarted."""
    return JsonResponse({"status": "live", "version": __version__})


@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:
    """The process can serve: its database answers and has this version's tables."""
    try:
        executor = MigrationExecutor(connection)
        waiting = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except DatabaseError:
        return JsonResponse({"status": "no database", "version": __version__}, status=503)
    if waiting:
        return JsonResponse({"status": "not migrated", "version": __version__}, status=503)
    return JsonResponse({"status": "ready", "version": __version__})


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def setup(request: HttpRequest) -> HttpResponse:
    """The first account: open until it is made, from this machine or by the printed link."""
    if founding.is_founded():
        return redirect(settings.LOGIN_URL)
    if not founding.may_found(request, request.GET.get("key", "")):
        behind_proxy = settings.IS_LOOPBACK and request.was_forwarded  # type: ignore[attr-defined]
        return render(request, "account/setup_closed.html", {"behind_proxy": behind_proxy}, status=403)
    form = FoundingForm(request.POST or None)
    if not form.is_valid():
        return render(request, "account/setup.html", {"form": form}, status=422 if form.is_bound else 200)
    user = founding.found(**form.cleaned_data)
    open_session(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return redirect(settings.LOGIN_REDIRECT_URL)


class SiteLoginView(LoginView):  # type: ignore[misc]  # allauth has no types
    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Sends the very first visitor to make an account instead."""
        if not founding.is_founded():
            return redirect("setup")
        response: HttpResponseBase = super().get(request, *args, **kwargs)
        return response


login = SiteLoginView.as_view()
