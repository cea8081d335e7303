"""`make run`: everything between a fresh clone and a site that answers. Run as `python -m chimera_site.start`."""

import errno
import hashlib
import os
import socket
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chimera_site.settings")

import django
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command

from chimera_site import __version__, secret_file

OURS = ("chimera_site", "conversations", "providers")
AGAIN = "again"
"""The argument of the second beginning, which reads the secrets that the first one made."""


class CannotStart(Exception):
    """What is in the way, with what to do about it, in one line."""


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    try:
        need_folder(settings.DATA_DIR)
        need_port(settings.BIND, settings.PORT)
        keep_secrets()
        django.setup()
        check()
        bring_database_up_to_date()
        offer_own_models()
        check(tags=["database"], databases=["default"])
        collect_static_files()
        return serve()
    except (CannotStart, ImproperlyConfigured) as error:
        sys.stderr.write(f"Chimera cannot start: {error}\n")
        return 1


def need_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CannotStart(
            f"it keeps its data in {folder} and cannot write there ({error.strerror}). "
            "Make the folder writable, or name another one: DATA_DIR=~/chimera make run"
        ) from error


def need_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotStart(port_sentence(host, port, error)) from error


def port_sentence(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} is taken, perhaps by a Chimera that runs already. "
            f"Stop that one, or choose another port: PORT={port + 1} make run"
        )
    if error.errno == errno.EACCES:
        return f"this user may not listen on port {port}. Choose one above 1023: PORT=8000 make run"
    return f"it cannot listen on {host} ({error.strerror}). Is BIND an address of this machine?"


def keep_secrets() -> None:
    """Make the secrets at the first start. Settings have read them by then: so begin again, once, with them."""
    if settings.SECRET_KEY_IS_LASTING and settings.CHIMERA_ENCRYPTION_KEYS:
        return
    if secret_file.create(settings.SECRETS_PATH):
        say(f"New secrets are in {settings.SECRETS_PATH}. Keep a copy of that file apart from your backups.")
    if AGAIN not in sys.argv:
        os.execv(sys.executable, [sys.executable, "-m", "chimera_site.start", AGAIN])  # noqa: S606
    say(
        "There is no encryption key, so stored provider keys stay closed and none can be saved. "
        f"Bring back {settings.SECRETS_PATH} or CHIMERA_ENCRYPTION_KEYS; or move that file away to begin anew."
    )


def check(**about: Any) -> None:
    """Run the checks, or those `about` something; warnings are said, an error ends the start."""
    from django.core import checks

    found = [message for message in checks.run_checks(**about) if not message.is_silenced()]
    for message in found:
        sys.stderr.write(f"{message}\n")
    if any(message.is_serious() for message in found):
        raise CannotStart("see above.")


def bring_database_up_to_date() -> None:
    from django.db import DatabaseError, connection
    from django.db.migrations.executor import MigrationExecutor

    try:
        executor = MigrationExecutor(connection)
    except DatabaseError as error:
        raise CannotStart(f"the database does not answer ({str(error).strip()}). Is DATABASE_URL right?") from error
    applied = set(executor.loader.applied_migrations)
    newer = sorted(name for name in applied - set(executor.loader.disk_migrations) if name[0] in OURS)
    if newer:
        raise CannotStart(
            f"the database was used by a newer Chimera ({'.'.join(newer[0])} is unknown to {__version__}). "
            "Bring the code up to date (git pull), or put back the backup from before the upgrade."
        )
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        if applied:
            back_up(connection)
        say("Bringing the database up to date …")
        call_command("migrate", interactive=False, verbosity=0)


def back_up(connection: Any) -> None:
    if connection.vendor != "sqlite":
        say("The database is about to change; Chimera does not back up PostgreSQL by itself (pg_dump does).")
        return
    folder = settings.DATA_DIR / "backups"
    folder.mkdir(mode=0o700, exist_ok=True)
    copy = folder / f"{datetime.now(UTC):%Y-%m-%d-%H%M%S}.sqlite3"
    copy.touch(mode=0o600)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(copy)])
    say(f"The database as it was is in {copy}.")


def offer_own_models() -> None:
    """The practice model needs a row like every other model; it is offered while it is installed."""
    from django.db import connection

    from providers.actions import ensure_builtin
    from providers.practice import PracticeModel

    ensure_builtin()
    if why_not := PracticeModel.reason():
        say(f"Without the practice model: {why_not}")
    connection.close()


def collect_static_files() -> None:
    """Collect and compress what pages link to, if any of it changed since the last start."""
    from django.contrib.staticfiles.finders import get_finders

    found = hashlib.sha256(__version__.encode())
    for finder in get_finders():
        for name, storage in finder.list(None):
            state = Path(storage.path(name)).stat()
            found.update(f"{name} {state.st_size} {state.st_mtime_ns}\n".encode())
    stamp = settings.DATA_DIR / "static.stamp"
    if stamp.exists() and stamp.read_text() == found.hexdigest() and settings.STATIC_ROOT.exists():
        return
    call_command("collectstatic", interactive=False, verbosity=0)
    stamp.write_text(found.hexdigest())


def serve() -> int:
    """Serve until SIGINT or SIGTERM, then drain."""
    from daphne.endpoints import build_endpoint_description_strings
    from django.db import connection

    from chimera_site import founding
    from chimera_site.asgi import application
    from chimera_site.server import OrderlyServer

    link = None if settings.IS_LOOPBACK or founding.is_founded() else founding.link()
    connection.close()
    server = OrderlyServer(
        application,
        endpoints=build_endpoint_description_strings(host=settings.BIND, port=settings.PORT),
        websocket_timeout=-1,
        server_name="chimera",
        ready_callable=lambda: announce(link),
    )
    server.run()
    return 1 if server.abort_start else 0


def announce(link: str | None) -> None:
    say(f"Chimera {__version__} is at {settings.CHIMERA_URL}  (Ctrl-C ends it)")
    if link:
        say(f"Make the first account here; the link works once, within a day: {link}")
    threading.Thread(target=first_request, daemon=True).start()


def first_request(open_url: Callable[..., Any] = urllib.request.urlopen) -> None:
    """Ask for our own health: the runner starts with the first request, and rounds must not wait for a visitor."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.BIND, settings.BIND)  # noqa: S104
    host = f"[{host}]" if ":" in host else host
    address = f"http://{host}:{settings.PORT}/health/live"
    request = urllib.request.Request(address, headers={"Host": settings.ALLOWED_HOSTS[0]})
    with suppress(OSError), open_url(request, timeout=30) as answer:
        answer.read()


if __name__ == "__main__":
    sys.exit(main())
