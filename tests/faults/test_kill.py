"""SIGKILL in mid-reply: what was said is kept, ends as interrupted, and goes on when somebody wishes so."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving import SHORT_SPANS, Site, Visitor, make_rooms, site, stored_messages, until


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path / "var", **SHORT_SPANS) as started:
        yield started


@pytest.fixture
def ada(running: Site) -> Visitor:
    visitor = Visitor(running)
    visitor.found_site()
    return visitor


def speech(running: Site, room: str, kind: str = "ai") -> list[dict[str, Any]]:
    return [row for row in stored_messages(running, room) if row["author"] == kind]


def half_said(running: Site, room: str) -> bool:
    return any(row["state"] == "streaming" and len(row["text"]) > 40 for row in speech(running, room))


def test_a_killed_server_keeps_what_was_said_and_resumes(tmp_path: Path) -> None:
    """With the spans of a real site: the end state comes within 15 s of the next start."""
    with site(tmp_path / "var") as running:
        ada = Visitor(running)
        ada.found_site()
        kill_and_resume(running, ada)


def kill_and_resume(running: Site, ada: Visitor) -> None:
    [room] = make_rooms(running, "pace=40 tokens=200", ais=2)
    ada.open(f"/c/{room}/")
    status, _, _ = ada.send(f"/c/{room}/messages/", {"text": "Is a hot dog a sandwich?"})
    assert status == 204
    until(lambda: half_said(running, room))
    running.kill()
    [before] = speech(running, room)
    running.start()
    until(lambda: speech(running, room)[0]["state"] == "interrupted", seconds=15)
    [after] = speech(running, room)
    assert after["text"].startswith(before["text"])
    assert after["error"] == "site"
    assert [row["text"] for row in speech(running, room, "person")] == ["Is a hot dog a sandwich?"]

    ada.send(f"/c/{room}/stop/")
    ada.send(f"/c/{room}/messages/{after['sequence']}/again/")
    until(lambda: speech(running, room)[0]["state"] in {"streaming", "complete"})
    until(lambda: speech(running, room)[0]["state"] == "complete", seconds=30)
    assert speech(running, room)[0]["versions"] == 2
    ada.send(f"/c/{room}/stop/")
    sequences = [row["sequence"] for row in stored_messages(running, room)]
    assert sequences == list(range(1, len(sequences) + 1))


def test_a_queued_round_is_run_after_the_start(running: Site, ada: Visitor) -> None:
    [room] = make_rooms(running, "pace=0 tokens=5")
    running.kill()
    running.manage(f"""
from conversations.actions.messages import post_message
from conversations.models import Participant
author = Participant.objects.get(conversation__key={room!r}, kind="person")
post_message(author=author, text="While you slept")
""")
    running.start()
    until(lambda: [row["state"] for row in speech(running, room)] == ["complete"])
    assert len(speech(running, room, "person")) == 1
