from allauth.account import views as account
from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from chimera_site import views

# The admin's own login would go round the throttle and the second factor.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    path("health/live", views.live, name="live"),
    path("health/ready", views.ready, name="ready"),
    path("setup/", views.setup, name="setup"),
    path("accounts/login/", views.login, name="account_login"),
    path("accounts/logout/", account.logout, name="account_logout"),
    path("accounts/signup/", account.signup, name="account_signup"),
    path("accounts/inactive/", account.account_inactive, name="account_inactive"),
    path("accounts/reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    path("accounts/password/", account.password_change, name="account_change_password"),
    path("admin/", admin.site.urls),
    path("", include("conversations.urls")),
]

handler400 = "chimera_site.errors.bad_request"
handler403 = "chimera_site.errors.permission_denied"
handler404 = "chimera_site.errors.page_not_found"
handler500 = "chimera_site.errors.server_error"
handler429 = "chimera_site.errors.too_many_requests"
