"""The hub: whatever is lost on the way, every page comes to show what is stored, and only what it may see."""

import asyncio
import re
from contextlib import AsyncExitStack
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from chimera_site.models import User
from conversations import broadcast, rendering
from conversations.actions.change import change
from conversations.actions.conversations import delete_conversation, rename
from conversations.actions.messages import post_message
from conversations.hub import frames, reading
from conversations.models import Conversation, Message, Participant
from providers.database import in_database
from tests.conversations.sockets import (
    SECONDS,
    Page,
    bells_lost,
    hub_of,
    is_silent,
    page,
    post,
    said,
    sign_in,
    speaking,
    tick,
)

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _ticks_by_hand(settings: Any) -> None:
    settings.TICK_SECONDS = 3_600


def leave(room: Conversation, participant: Participant) -> None:
    with change(room.pk, access=True) as stamp:
        Participant.objects.filter(pk=participant.pk).update(left_at=timezone.now(), stamped=stamp.revision)


def timeless(html: str) -> str:
    """Without the seconds that something has lasted."""
    return re.sub(r'data-elapsed="\d+"', "", html)


# ---- Changes


async def test_a_change_reaches_every_page_by_the_bell(
    room: Conversation, alice: User, bob: User, owner: Participant
) -> None:
    async with page(room, alice) as one, page(room, bob) as two:
        await one.hello()
        await two.hello()
        await post(owner, "Is a hot dog a sandwich?")
        heard, same = await one.hear(), await two.hear()
        assert heard == same
        assert heard["revision"] == 1
        assert 'id="m-1"' in heard["html"]
        assert 'id="round"' in heard["html"]
        assert 'id="room-head"' not in heard["html"]
        assert await is_silent(one, room)


async def test_head_and_panel_come_when_they_changed(room: Conversation, alice: User, owner: Participant) -> None:
    async with page(room, alice) as opened:
        await opened.hello()
        await in_database(rename, conversation=room, by=owner, title="Dinner")
        heard = (await opened.hear())["html"]
        assert 'id="room-head"' in heard
        assert "Dinner" in heard
        assert 'id="participants"' not in heard


async def test_a_lost_bell_is_healed_by_the_tick(
    room: Conversation, alice: User, owner: Participant, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with page(room, alice) as opened:
        await opened.hello()
        with bells_lost(monkeypatch):
            await post(owner, "Nobody rang.")
        assert await is_silent(opened, room)
        await tick()
        assert "Nobody rang." in (await opened.hear())["html"]


async def test_a_tick_wakes_the_runner_where_a_round_waits(
    room: Conversation, alice: User, owner: Participant, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with page(room, alice) as opened:
        await opened.hello()
        await post(owner, "Anyone?")
        woken: list[bool] = []
        monkeypatch.setattr("conversations.dispatch.round_waits", lambda: woken.append(True))
        await tick()
        assert woken == [True]


async def test_hello_brings_what_since_brings(room: Conversation, alice: User, owner: Participant, client: Any) -> None:
    for text in ("one", "two", "three"):
        await post(owner, text)
    async with page(room, alice) as opened:
        frame = await opened.hello(revision=1, first=1)
    await in_database(client.force_login, alice)
    answer = await in_database(client.get, f"/c/{room.key}/since/1/?first=1&last=end")
    assert {**answer.json(), "html": timeless(answer.json()["html"])} == {**frame, "html": timeless(frame["html"])}
    assert 'id="m-1"' not in frame["html"]
    assert 'id="m-3"' in frame["html"]


async def test_who_lacks_too_much_loads_the_page_again(room: Conversation, alice: User, owner: Participant) -> None:
    def many() -> None:
        for number in range(reading.MOST_ROWS + 1):
            post_message(author=owner, text=str(number))

    await in_database(many)
    async with page(room, alice) as opened:
        assert await opened.hello(revision=0) == {"reload": True}
        assert 'id="m-2"' in (await opened.hello(revision=1))["html"]
        assert await opened.hello(revision=2**62) == {"reload": True}


async def test_a_reading_that_fails_is_made_good_by_the_tick(
    room: Conversation, alice: User, owner: Participant, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with page(room, alice) as opened:
        await opened.hello()
        with monkeypatch.context() as patch:
            broken = asyncio.Event()
            loop = asyncio.get_running_loop()

            def fail(*_: Any, **__: Any) -> Any:
                loop.call_soon_threadsafe(broken.set)
                raise RuntimeError("the database is away")

            patch.setattr(reading, "changes_since", fail)
            await post(owner, "Still stored.")
            await asyncio.wait_for(broken.wait(), SECONDS)
        await tick()
        assert "Still stored." in (await opened.hear())["html"]


# ---- Who may see


async def test_removal_closes_the_socket_at_the_bell(
    room: Conversation, alice: User, bob: User, owner: Participant, speaker: Participant
) -> None:
    async with page(room, alice) as stays, page(room, bob) as goes:
        await stays.hello()
        await goes.hello()
        await in_database(leave, room, speaker)
        assert await goes.closed_with() == 4403
        assert (await stays.hear())["revision"] == 1


async def test_removal_holds_within_the_tick_when_the_bell_is_lost(
    room: Conversation,
    alice: User,
    bob: User,
    owner: Participant,
    speaker: Participant,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with page(room, bob) as goes:
        await goes.hello()
        with bells_lost(monkeypatch):
            await in_database(leave, room, speaker)
        await tick()
        assert await goes.closed_with() == 4403


async def test_nothing_is_handed_to_who_was_removed_just_before(
    room: Conversation, bob: User, owner: Participant, speaker: Participant, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with page(room, bob) as goes:
        await goes.hello()
        with bells_lost(monkeypatch):
            await in_database(leave, room, speaker)
        await post(owner, "He shall not read this.")
        event = await goes.wire.receive_output(timeout=SECONDS)
        assert event == {"type": "websocket.close", "code": 4403}


async def test_who_says_no_hello_is_removed_too(room: Conversation, bob: User, speaker: Participant) -> None:
    async with page(room, bob) as mute:
        await mute.wire.receive_nothing(timeout=0)
        while not broadcast.has_listeners(room.pk):  # noqa: ASYNC110 (no event tells of a join)
            await asyncio.sleep(0)
        await in_database(leave, room, speaker)
        assert await mute.closed_with() == 4403


async def test_a_room_taken_away_closes_its_sockets(room: Conversation, bob: User, owner: Participant) -> None:
    async with page(room, bob) as opened:
        await opened.hello()
        await in_database(delete_conversation, conversation=room, by=owner)
        assert await opened.closed_with() == 4404


async def test_a_session_that_has_ended_closes_its_socket(room: Conversation, alice: User, bob: User) -> None:
    async with page(room, alice) as stays, page(room, bob) as goes:
        await stays.hello()
        await goes.hello()
        (socket,) = [socket for socket in hub_of(room).sockets if socket.user_id == bob.pk]
        await in_database(Session.objects.filter(pk=socket.session_key).delete)
        await tick(seconds_later=5)
        assert await goes.closed_with() == 4401
        assert await is_silent(stays, room)


async def test_nothing_is_handed_out_below_what_one_may_see(
    room: Conversation, bob: User, owner: Participant, speaker: Participant
) -> None:
    old, new = await post(owner, "Before his time."), await post(owner, "In his time.")
    await in_database(Participant.objects.filter(pk=speaker.pk).update, visible_from=old.sequence)
    async with page(room, bob) as opened:
        html = (await opened.hello())["html"]
        assert "In his time." in html
        assert "Before his time." not in html

        def touch() -> None:
            with change(room.pk) as stamp:
                Message.objects.filter(pk__in=[old.pk, new.pk]).update(stamped=stamp.revision)

        await in_database(touch)
        html = (await opened.hear())["html"]
        assert 'id="m-2"' in html
        assert 'id="m-1"' not in html


async def test_a_reply_below_what_one_may_see_is_not_handed_out(
    room: Conversation, bob: User, owner: Participant, speaker: Participant
) -> None:
    version = await speaking(room, owner, "Secret")
    await in_database(Participant.objects.filter(pk=speaker.pk).update, visible_from=version.message.sequence)
    async with page(room, bob) as opened:
        assert "Secret" not in (await opened.hello())["html"]
        broadcast.reply(said(version, 0, 0, "", "Secret and more"))
        assert await is_silent(opened, room)


# ---- Windows


async def test_a_page_is_given_what_falls_in_its_window_and_told_of_the_rest(
    room: Conversation, alice: User, owner: Participant
) -> None:
    for text in ("one", "two", "three"):
        await post(owner, text)
    async with page(room, alice) as opened:
        html = (await opened.hello(first=2, last=2))["html"]
        assert ['id="m-2"' in html, 'id="m-1"' in html, 'id="m-3"' in html] == [True, False, False]
        await post(owner, "four")
        frame = await opened.hear()
        assert frame["revision"] == 4
        assert 'id="m-4"' not in frame["html"]
        assert await opened.hear() == {"pill": 1}
        await post(owner, "five")
        await opened.hear()
        assert await opened.hear() == {"pill": 2}


async def test_a_window_that_moves_is_heeded(room: Conversation, alice: User, owner: Participant) -> None:
    async with page(room, alice) as opened:
        await opened.hello(first=5, last=9)
        await opened.say(window={"first": 1, "last": "end"})
        await opened.say(typing=True)
        await opened.hear()
        await post(owner, "Here.")
        assert 'id="m-1"' in (await opened.hear())["html"]


# ---- Many


async def test_a_hundred_sockets_cost_one_rendering_and_one_encoding(
    room: Conversation, alice: User, owner: Participant, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = {"encoded": 0, "rendered": 0}
    encode, render = frames.encode, rendering.message_html

    def counted_encode(frame: Any) -> str:
        counts["encoded"] += 1
        return encode(frame)

    def counted_render(message: Message) -> Any:
        counts["rendered"] += 1
        return render(message)

    monkeypatch.setattr("conversations.consumers.MOST_SOCKETS", 100)
    version = await speaking(room, owner, "Live")
    key = await in_database(sign_in, alice)
    pages = [Page(room, key) for _ in range(100)]
    async with AsyncExitStack() as stack:
        for opened in pages:
            await opened.open()
            stack.push_async_callback(opened.wire.disconnect, timeout=SECONDS)
            await opened.hello()
        monkeypatch.setattr(frames, "encode", counted_encode)
        monkeypatch.setattr(rendering, "message_html", counted_render)
        broadcast.reply(said(version, 0, 0, "", "Live on"))
        assert {(await opened.hear())["reply"]["tail"] for opened in pages} == {"Live on"}
        assert counts == {"encoded": 1, "rendered": 0}
        await post(owner, "To all.")
        assert all(["To all." in (await opened.hear())["html"] for opened in pages])
        assert counts == {"encoded": 2, "rendered": 1}


async def test_a_reader_that_stops_is_dropped_and_the_others_do_not_wait(
    room: Conversation, alice: User, bob: User, owner: Participant, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = await speaking(room, owner, "Long")
    async with page(room, alice) as reads, page(room, bob) as stalled:
        await reads.hello()
        await stalled.hello()
        (blocked,) = [socket for socket in hub_of(room).sockets if socket.user_id == bob.pk]
        never = asyncio.Event()

        async def send(frame: str) -> None:
            await never.wait()

        monkeypatch.setattr(blocked.outbox, "_send", send)
        monkeypatch.setattr(blocked.outbox, "_most", 20_000)
        for number in range(30):
            broadcast.reply(said(version, 0, 0, "", f"{number} " + "x" * 1_000))
            assert (await reads.hear())["reply"]["tail"].startswith(f"{number} ")
        assert await stalled.closed_with() == 1013


async def test_bye_is_said_to_all(room: Conversation, alice: User, bob: User) -> None:
    async with page(room, alice) as one, page(room, bob) as two:
        await one.hello()
        await two.hello()
        broadcast.bye()
        assert await one.hear() == await two.hear() == {"bye": True}


async def test_who_is_here_is_told_at_the_tick(
    room: Conversation, alice: User, bob: User, owner: Participant, speaker: Participant
) -> None:
    async with page(room, alice) as one:
        await one.hello()
        async with page(room, bob) as two:
            await two.hello()
            await tick()
            here = {"presence": sorted([owner.pk, speaker.pk])}
            assert await one.hear() == await two.hear() == here
        await tick()
        assert await one.hear() == {"presence": [owner.pk]}
