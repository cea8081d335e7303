"""A text that streams: each page goes on from where it is, and reads it again where a reply does not fit."""

from typing import Any

import pytest

from chimera_site.models import User
from conversations import broadcast
from conversations.models import Conversation, Participant
from providers.database import in_database
from tests.conversations.sockets import bells_lost, finish, hub_of, is_silent, page, post, said, speaking, store, tick

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _ticks_by_hand(settings: Any) -> None:
    settings.TICK_SECONDS = 3_600


async def test_a_late_joiner_is_given_the_stored_text_and_then_what_follows(
    room: Conversation, alice: User, owner: Participant
) -> None:
    version = await speaking(room, owner, "One. Two", closed=4)
    async with page(room, alice) as opened:
        html = (await opened.hello())["html"]
        assert f'id="closed-{version.pk}"' in html
        broadcast.reply(said(version, 4, 9, " Two.", " Thr"))
        assert await opened.hear() == {
            "reply": {"version": version.pk, "base": 4, "next": 9, "closed": " Two.", "tail": " Thr"}
        }
        broadcast.reply(said(version, 9, 9, "", " Three"))
        assert (await opened.hear())["reply"]["tail"] == " Three"


async def test_who_is_at_next_is_given_the_tail_alone(room: Conversation, alice: User, owner: Participant) -> None:
    version = await speaking(room, owner, "One. Two", closed=4)
    async with page(room, alice) as opened:
        await opened.hello()
        broadcast.reply(said(version, 0, 4, "One.", " Two."))
        assert (await opened.hear())["reply"] == {
            "version": version.pk,
            "base": 4,
            "next": 4,
            "closed": "",
            "tail": " Two.",
        }


async def test_who_is_elsewhere_is_given_the_message_again(
    room: Conversation, alice: User, bob: User, owner: Participant
) -> None:
    version = await speaking(room, owner, "One. Two. Three", closed=4)
    async with page(room, alice) as opened:
        await opened.hello()
        await in_database(store, version, "One. Two. Three", 9)
        broadcast.reply(said(version, 9, 9, "", " Three"))
        frame = await opened.hear()
        assert 'data-offset="9"' in frame["html"]
        broadcast.reply(said(version, 9, 15, " Three", ""))
        assert (await opened.hear())["reply"]["next"] == 15


async def test_a_piece_from_before_one_joined_is_not_for_one(
    room: Conversation, alice: User, owner: Participant
) -> None:
    version = await speaking(room, owner, "One. Two. Three", closed=9)
    async with page(room, alice) as opened:
        await opened.hello()
        broadcast.reply(said(version, 0, 4, "One.", " Two. Th"))
        assert await is_silent(opened, room)


async def test_a_reply_that_nobody_knows_makes_the_hub_read(
    room: Conversation, alice: User, owner: Participant, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with page(room, alice) as opened:
        await opened.hello()
        with bells_lost(monkeypatch):
            version = await speaking(room, owner, "Begun unheard")
        broadcast.reply(said(version, 0, 0, "", "Begun unheard, go"))
        assert "Begun unheard" in (await opened.hear())["html"]
        broadcast.reply(said(version, 0, 0, "", "Begun unheard, going on"))
        assert (await opened.hear())["reply"]["tail"] == "Begun unheard, going on"


async def test_a_reply_of_a_text_that_was_read_as_ended_is_dropped(
    room: Conversation, alice: User, owner: Participant
) -> None:
    version = await speaking(room, owner, "Almost")
    async with page(room, alice) as opened:
        await opened.hello()
        await in_database(finish, version, "<p>Whole.</p>")
        assert "Whole." in (await opened.hear())["html"]
        broadcast.reply(said(version, 0, 0, "", "Almost done"))
        assert await is_silent(opened, room)


async def test_who_follows_is_not_given_the_stored_text(
    room: Conversation, alice: User, bob: User, owner: Participant, speaker: Participant
) -> None:
    version = await speaking(room, owner, "Ahead")
    async with page(room, alice) as opened, page(room, bob) as late:
        await opened.hello()
        broadcast.reply(said(version, 0, 0, "", "Ahead of the store"))
        await opened.hear()
        await post(speaker, "I cut in.")
        html = (await opened.hear())["html"]
        assert "I cut in." in html
        assert f"closed-{version.pk}" not in html
        assert f"closed-{version.pk}" in (await late.hello())["html"]
        assert await is_silent(opened, room)


async def test_a_reply_of_which_nothing_is_heard_comes_from_the_database(
    room: Conversation, alice: User, owner: Participant
) -> None:
    version = await speaking(room, owner, "From another")
    async with page(room, alice) as opened:
        await opened.hello()
        speaking_there = hub_of(room).speaking
        now = speaking_there.clock()
        speaking_there.clock = lambda: now + 3
        await in_database(store, version, "From another process", 0)
        await tick()
        assert "From another process" in (await opened.hear())["html"]
        await tick()
        assert await is_silent(opened, room)
        await in_database(store, version, "From another process, more", 0)
        await tick()
        assert "From another process, more" in (await opened.hear())["html"]
