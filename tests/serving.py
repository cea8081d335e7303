"""A real server process on a data folder of its own, and people who talk to it as a browser would."""

import http.cookiejar
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SHORT_SPANS = {
    "CHIMERA_BEAT_SECONDS": "0.3",
    "CHIMERA_SWEEP_SECONDS": "0.3",
    "CHIMERA_STALE_SECONDS": "1",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until[T](look: Callable[[], T], seconds: float = 15, every: float = 0.05) -> T:
    """What `look` returns as soon as it is true; fails after so many seconds with what it last returned."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s in vain; last seen: {found!r}")
        time.sleep(every)


@dataclass
class Site:
    """One data folder; the process in it may die and be started again."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}}
        own = {"DATA_DIR": str(self.folder), "PORT": str(self.port), "CHIMERA_REHEARSAL": "true"}
        return kept | own | self.environment

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "chimera_site.start"]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.env, stdout=log, stderr=log)
        until(self._is_up, seconds=60)

    def _is_up(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended:\n{self.log[-3000:]}")
        try:
            with urllib.request.urlopen(f"{self.url}/health/live", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(timeout=30)

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace")

    def manage(self, code: str) -> str:
        """Run Python beside the server, on its database; returns what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", "shell", "--no-imports", "-c", code],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr.decode()[-3000:]
        return done.stdout.decode()


@contextmanager
def site(folder: Path, **environment: str) -> Iterator[Site]:
    running = Site(folder, environment)
    running.start()
    try:
        yield running
    finally:
        running.stop()


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any) -> None:
        return None


class Visitor:
    """A person's cookies. Forms are fetched before they are sent, for their token."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(self.cookies), NoRedirect, urllib.request.ProxyHandler({})
        )

    def open(self, path: str, data: dict[str, Any] | None = None, **headers: str) -> tuple[int, str, dict[str, str]]:
        body = urllib.parse.urlencode(data, doseq=True).encode() if data is not None else None
        request = urllib.request.Request(self.site.url + path, body, {"Origin": self.site.url, **headers})
        try:
            with self._opener.open(request, timeout=30) as answer:
                return answer.status, answer.read().decode(), dict(answer.headers)
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read().decode(), dict(answer.headers)

    @property
    def token(self) -> str:
        return next((cookie.value or "" for cookie in self.cookies if cookie.name == "csrftoken"), "")

    @property
    def cookie_header(self) -> str:
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.cookies)

    def send(self, path: str, data: dict[str, Any] | None = None) -> tuple[int, str, dict[str, str]]:
        """A command as htmx sends it."""
        return self.open(path, data or {}, **{"X-CSRFToken": self.token, "HX-Request": "true"})

    def found_site(self) -> None:
        """Create the first account."""
        _, page, _ = self.open("/setup/")
        status, page, _ = self.open(
            "/setup/",
            {
                "csrfmiddlewaretoken": form_token(page),
                "email": "ada@example.org",
                "display_name": "Ada",
                "password": "correct horse battery",
                "password1": "correct horse battery",
                "password2": "correct horse battery",
            },
        )
        assert status in {302, 303}, page[-2000:]

    def since(self, room: str, revision: int = 0) -> dict[str, Any]:
        status, body, _ = self.open(f"/c/{room}/since/{revision}/?first=1&last=end")
        assert status == 200, body[:500]
        return dict(json.loads(body))


def form_token(page: str) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found, page[:2000]
    return found[1]


ROOM = """
from chimera_site.models import User
from conversations.actions.conversations import Casting, create_conversation
from conversations.models import Persona
from providers.models import AIModel, ProviderConfig
provider, _ = ProviderConfig.objects.get_or_create(kind="rehearsal", defaults=dict(label="Rehearsal"))
model, _ = AIModel.objects.get_or_create(
    provider=provider, model_id={model!r}, defaults=dict(context=32_000, max_output=4_000))
people = User.objects.get(email_key="ada@example.org")
for _ in range({rooms}):
    cast = [Casting(one, model) for one in Persona.objects.filter(owner=None).order_by("pk")[:{ais}]]
    print(create_conversation(owner=people, cast=cast, title="Rehearsal").key)
"""


def make_rooms(running: Site, model: str, *, rooms: int = 1, ais: int = 1) -> list[str]:
    """Rooms of the first account whose AIs speak with a rehearsal model; returns their keys."""
    return running.manage(ROOM.format(model=model, rooms=rooms, ais=ais)).split()


MESSAGES = """
SELECT message.sequence, message.kind, author.kind AS author, version.state, version.text, version.error,
    (SELECT count(*) FROM conversations_version AS one WHERE one.message_id = message.id) AS versions
FROM conversations_message AS message
JOIN conversations_conversation AS room ON room.id = message.conversation_id
JOIN conversations_version AS version ON version.message_id = message.id AND version.shown
LEFT JOIN conversations_participant AS author ON author.id = message.author_id
WHERE room.key = ? ORDER BY message.sequence
"""


def stored_messages(running: Site, room: str) -> list[dict[str, Any]]:
    """The log of a room as it lies in the database, read beside the server, whether that lives or not."""
    with closing(sqlite3.connect(running.folder / "db.sqlite3", timeout=20)) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute(MESSAGES, [room.replace("-", "")])]
