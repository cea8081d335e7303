"""Settings. The environment is read here and nowhere else.

Every variable may also be given as `NAME_FILE`, the path of a file that holds the value, and all of them may
stand in a file `.env` beside manage.py. `.env.example` lists them.
"""

import secrets
from contextlib import suppress
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP

from chimera_site import __version__, secret_file
from chimera_site.addresses import is_loopback

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.FileAwareEnv()
env.read_env(BASE_DIR / ".env")

# ---- What this is and where it lives

CHIMERA_VERSION = __version__
DEBUG: bool = env.bool("DEBUG", default=False)
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "var"))).resolve()
with suppress(OSError):  # the start program says what is wrong with a folder that cannot be made
    DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)

BIND: str = env.str("BIND", default="127.0.0.1")
PORT: int = env.int("PORT", default=8000)
CHIMERA_URL: str = env.str("CHIMERA_URL", default=f"http://127.0.0.1:{PORT}").rstrip("/")
TRUSTED_PROXIES = [ip_network(network) for network in env.list("TRUSTED_PROXIES", default=[])]

_address = urlsplit(CHIMERA_URL)
if _address.scheme not in {"http", "https"} or not _address.hostname or _address.path or _address.query:
    raise ImproperlyConfigured(
        f"CHIMERA_URL must be a scheme and a host, as in https://chat.example.org, and not {CHIMERA_URL!r}."
    )
IS_SECURE = _address.scheme == "https"
IS_LOOPBACK = is_loopback(_address.hostname) and is_loopback(BIND)

_host = f"[{_address.hostname}]" if ":" in _address.hostname else _address.hostname
_port = f":{_address.port}" if _address.port else ""
_loopback = ["127.0.0.1", "localhost", "[::1]"]
# Whoever watches from the machine itself asks /health by its loopback names.
ALLOWED_HOSTS = list(dict.fromkeys([_host, *_loopback]))
# A laptop's page may be open under any of them; a site on the net has one origin.
ORIGINS = [
    f"{_address.scheme}://{host}{_port}" for host in (ALLOWED_HOSTS if is_loopback(_address.hostname) else [_host])
]
CSRF_TRUSTED_ORIGINS = ORIGINS

# ---- Secrets

SECRETS_PATH = DATA_DIR / "secrets.json"
_kept = secret_file.load(SECRETS_PATH)
# Without any, a command such as `check` runs on a key that is gone with it; the start program makes a lasting one.
SECRET_KEY = env.str("SECRET_KEY", default="") or (_kept.secret_key if _kept else secrets.token_urlsafe(50))
SECRET_KEY_IS_LASTING = "SECRET_KEY" in env or _kept is not None
CHIMERA_ENCRYPTION_KEYS: list[str] = env.list("CHIMERA_ENCRYPTION_KEYS", default=[]) or list(
    _kept.encryption_keys if _kept else ()
)

# ---- Applications

INSTALLED_APPS = [
    "daphne",
    "chimera_site",
    "conversations",
    "providers",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "allauth",
    "allauth.account",
    "django_htmx",
    "lucide",
]

MIDDLEWARE = [
    "chimera_site.middleware.RequestLogMiddleware",
    "chimera_site.middleware.ForwardedMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "chimera_site.middleware.StaticFilesMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "chimera_site.middleware.DomainErrorMiddleware",
]

ROOT_URLCONF = "chimera_site.urls"
ASGI_APPLICATION = "chimera_site.asgi.application"
AUDIT_RECORDER = "chimera_site.audit.record"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "chimera_site.views.site",
            ],
        },
    },
]

# ---- Database, cache, channels

DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db_url("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'db.sqlite3'}")
}
_database = DATABASES["default"]
# A connection must not outlive its request: under ASGI each request has a thread of its own.
_database["CONN_MAX_AGE"] = 0
_database["CONN_HEALTH_CHECKS"] = True
_options = _database.setdefault("OPTIONS", {})
if _database["ENGINE"] == "django.db.backends.sqlite3":
    _options |= {
        # A transaction that begins by reading and then writes would fail at once where another one writes.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA mmap_size=134217728;"
            "PRAGMA journal_size_limit=67108864; PRAGMA cache_size=2000"
        ),
    }
    # Threads of a test must see one database, which SQLite's in-memory kind does not give them.
    _database["TEST"] = {"NAME": f"{_database['NAME']}.test"}
else:
    _options.setdefault("connect_timeout", 5)

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        # With the usual 300, whoever tries many addresses would make the throttle forget the first ones.
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}
# Rooms reach the sockets of this process by plain calls; the layer stands ready for more than one process.
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}

# ---- People

AUTH_USER_MODEL = "chimera_site.User"
AUTHENTICATION_BACKENDS = ["chimera_site.accounts.EmailBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"

ACCOUNT_ADAPTER = "chimera_site.accounts.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_FORMS = {
    "login": "chimera_site.forms.LoginForm",
    "change_password": "chimera_site.forms.ChangePasswordForm",
    "reauthenticate": "chimera_site.forms.ReauthenticateForm",
}
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = LOGIN_URL
ACCOUNT_PASSWORD_CHANGE_REDIRECT_URL = LOGIN_REDIRECT_URL
ACCOUNT_EMAIL_NOTIFICATIONS = False
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "10/m/ip,5/5m/key",
    "change_password": "5/m/user",
}
ALLAUTH_TRUSTED_PROXY_COUNT = 0

# ---- Pages

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
MEDIA_ROOT = DATA_DIR / "files"
WHITENOISE_ALLOW_ALL_ORIGINS = False

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]

# ---- Mail: none is sent unless a server is named

MAIL_SERVER = urlsplit(env.str("MAIL_URL", default=""))
MAILERS = (
    {
        "default": {
            "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "OPTIONS": {
                "host": MAIL_SERVER.hostname,
                "port": MAIL_SERVER.port or 587,
                "username": MAIL_SERVER.username or "",
                "password": MAIL_SERVER.password or "",
                "use_tls": MAIL_SERVER.scheme == "smtp+tls",
            },
        }
    }
    if MAIL_SERVER.hostname
    else {}
)
DEFAULT_FROM_EMAIL: str = env.str("MAIL_FROM", default=f"chimera@{_address.hostname}")

# ---- Security

SECURE_CSP = {
    "default-src": [CSP.SELF],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "connect-src": [CSP.SELF],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_SECURE
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "chimera_site.errors.csrf_failure"
SECURE_HSTS_SECONDS = 31_536_000 if IS_SECURE else 0
# Only a proxy that we trust can tell which requests came by plain http; ForwardedMiddleware drops this header
# from anyone else. Where no proxy is trusted, redirecting is the proxy's duty: ours would turn in circles.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = IS_SECURE and bool(TRUSTED_PROXIES)
SECURE_REDIRECT_EXEMPT = [r"^health/"]
SILENCED_SYSTEM_CHECKS = [
    # Our host is one name; what its neighbours under the same domain do is not ours to decide.
    "security.W005",
    "security.W021",
    *([] if TRUSTED_PROXIES else ["security.W008"]),
    # A site without a mail server sends none.
    *([] if MAILERS else ["mail.W001"]),
]
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1_000

# ---- Log

LOG_FORMAT: str = env.str("LOG_FORMAT", default="text")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "chimera_site.log.RequestIdFilter"}},
    "formatters": {
        "text": {"()": "chimera_site.log.TextFormatter"},
        "json": {"()": "chimera_site.log.JSONFormatter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "json" if LOG_FORMAT == "json" else "text",
            "filters": ["request_id"],
        },
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        # One line a request is ours; below a defect these would say it twice, with the path.
        "django.request": {"level": "ERROR"},
        "django.channels.server": {"level": "WARNING"},
        "daphne": {"level": "WARNING"},
        # Mistakes that any stranger can make: their request has its line already.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        "django.security.RequestDataTooBig": {"level": "CRITICAL"},
        "django.security.TooManyFieldsSent": {"level": "CRITICAL"},
        "twisted": {"level": "ERROR"},
        # Their lines hold addresses of providers.
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
    },
}

# ---- The rooms: spans in seconds, limits as counts; each may be set as CHIMERA_<NAME>

BEAT_SECONDS: float = env.float("CHIMERA_BEAT_SECONDS", default=3.0)
SWEEP_SECONDS: float = env.float("CHIMERA_SWEEP_SECONDS", default=3.0)
STALE_SECONDS: float = env.float("CHIMERA_STALE_SECONDS", default=10.0)
CHECKPOINT_SECONDS: float = env.float("CHIMERA_CHECKPOINT_SECONDS", default=0.25)
TICK_SECONDS: float = env.float("CHIMERA_TICK_SECONDS", default=1.0)
SESSION_SECONDS: float = env.float("CHIMERA_SESSION_SECONDS", default=5.0)
UNDO_SECONDS: float = env.float("CHIMERA_UNDO_SECONDS", default=10.0)
TURN_LIMIT: int = env.int("CHIMERA_TURN_LIMIT", default=6)
LIVE_REPLIES: int = env.int("CHIMERA_LIVE_REPLIES", default=100)
CLAIMS_IN_FLIGHT: int = env.int("CHIMERA_CLAIMS_IN_FLIGHT", default=4)
MESSAGE_LIMIT: int = env.int("CHIMERA_MESSAGE_LIMIT", default=100_000)  # characters
STOP_LINE = Decimal(env.str("CHIMERA_STOP_LINE", default="5"))  # USD a day for the site, until its row is changed

CHIMERA_REHEARSAL: bool = env.bool("CHIMERA_REHEARSAL", default=False)
