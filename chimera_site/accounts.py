"""How people log in: by e-mail and password, through allauth, which throttles; nobody signs up by themselves."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from chimera_site.models import User


class EmailBackend(ModelBackend):
    """Looks the person up by the folded address, so that case and width of letters do not matter."""

    def authenticate(  # type: ignore[override]  # the login field has a name of its own here
        self, request: HttpRequest | None, email: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        if email is None or password is None:
            return None
        try:
            user = User.objects.get_by_natural_key(email)
        except User.DoesNotExist:
            User().set_password(password)  # an unknown address must not answer faster than a known one
            return None
        return user if user.check_password(password) and self.user_can_authenticate(user) else None


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return str(settings.LOGIN_REDIRECT_URL)

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address that throttling counts by; ForwardedMiddleware has made it the visitor's own."""
        return request.META.get("REMOTE_ADDR") or "0.0.0.0"  # noqa: S104  (behind a Unix socket there is none)
