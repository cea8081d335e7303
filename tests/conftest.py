"""What every test stands on: the cast, closed network, quick settings, and rules that keep both databases honest."""

import inspect
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_django
from asgiref.sync import SyncToAsync
from cryptography.fernet import Fernet
from django.conf import settings
from django.core.cache import cache
from django.db import connection, connections

from chimera_site.models import SiteRole, User
from providers import database

DATABASE_FIXTURES = {"db", "transactional_db", "django_db_setup", "client", "admin_client", "live_server"}


def pytest_configure(config: pytest.Config) -> None:
    """Settings that make tests quick and leave the developer's own data folder alone."""
    settings.CHIMERA_REHEARSAL = True
    settings.DATA_DIR = Path(tempfile.mkdtemp(prefix="chimera-test-"))
    settings.CHIMERA_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
    settings.STATIC_ROOT = None
    settings.WHITENOISE_AUTOREFRESH = settings.WHITENOISE_USE_FINDERS = True


# ---- The network is off


def is_near(address: Any) -> bool:
    if not isinstance(address, tuple):
        return True  # a Unix socket
    host = address[0]
    return host in {"", "localhost", "::1"} or str(host).startswith("127.")


def closed(real: Any) -> Any:
    def connect(self: socket.socket, address: Any) -> Any:
        if not is_near(address):
            raise AssertionError(f"A test tried to reach {address!r}. Mock it: respx.mock(using='httpx').")
        return real(self, address)

    return connect


@pytest.fixture(autouse=True, scope="session")
def _closed_network() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", closed(socket.socket.connect))
        patch.setattr(socket.socket, "connect_ex", closed(socket.socket.connect_ex))
        yield


# ---- Two databases


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what needs a database, so that `-m django_db` is the part to run on another one.

    An async test reaches the ORM on another thread than the one that holds a test's transaction: SQLite would
    answer 'locked', PostgreSQL would keep its rows for the next test. It must ask for transaction=True.
    """
    wrong = []
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        marker = item.get_closest_marker("django_db")
        if marker is None and fixtures & DATABASE_FIXTURES:
            item.add_marker(pytest.mark.django_db(transaction="transactional_db" in fixtures))
            marker = item.get_closest_marker("django_db")
        asynchronous = inspect.iscoroutinefunction(getattr(item, "obj", None))
        if marker and asynchronous and not marker.kwargs.get("transaction") and "transactional_db" not in fixtures:
            wrong.append(item.nodeid)
    if wrong:
        raise pytest.UsageError("async tests of the ORM need django_db(transaction=True):\n  " + "\n  ".join(wrong))


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker) -> Iterator[None]:
    """Lets go of what threads still hold, or PostgreSQL would not drop the test database."""
    yield
    database.close()
    if connection.vendor == "postgresql":
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


@pytest.fixture(autouse=True)
def _connections_closed_after_async_tests(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if inspect.iscoroutinefunction(getattr(request, "function", None)):
        database.close()
        SyncToAsync.single_thread_executor.submit(connections.close_all).result()


@pytest.fixture(autouse=True)
def _no_throttle_left_over() -> None:
    cache.clear()


# ---- The cast: alice owns, bob is invited, charlie is a stranger, adele administers


def person(name: str, **fields: Any) -> User:
    return User.objects.create_user(
        f"{name.lower()}@example.org", f"{name.lower()}-password", display_name=name, **fields
    )


@pytest.fixture
def alice(db: None) -> User:
    return person("Alice", colour=1)


@pytest.fixture
def bob(db: None) -> User:
    return person("Bob", colour=2)


@pytest.fixture
def charlie(db: None) -> User:
    return person("Charlie", colour=3)


@pytest.fixture
def adele(db: None) -> User:
    return person("Adele", colour=4, site_role=SiteRole.ADMINISTRATOR)
