"""The socket of a room: who is let in, and what a page may say."""

from typing import Any

import pytest
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.utils import timezone

from chimera_site.models import User
from conversations import broadcast, consumers
from conversations.actions.messages import post_message
from conversations.choices import Role
from conversations.hub import hubs
from conversations.models import Conversation, Participant
from conversations.routing import websocket_urlpatterns
from providers.database import in_database
from tests.conversations.sockets import SECONDS, Page, page, sign_in

pytestmark = [pytest.mark.asyncio, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _ticks_by_hand(settings: Any) -> None:
    settings.TICK_SECONDS = 3_600


async def refusal(room: Conversation, user: User | None) -> int:
    async with page(room, user) as opened:
        return await opened.closed_with()


async def test_a_member_is_taken_from_nothing_to_now(room: Conversation, alice: User) -> None:
    async with page(room, alice) as opened:
        frame = await opened.hello()
    assert frame["revision"] == 0
    assert broadcast.has_listeners(room.pk) is False


async def test_nobody_is_refused_with_4401(room: Conversation) -> None:
    assert await refusal(room, None) == 4401


async def test_a_stranger_and_a_guess_are_refused_alike(room: Conversation, charlie: User) -> None:
    assert await refusal(room, charlie) == 4404
    assert await refusal(Conversation(), charlie) == 4404


async def test_who_has_left_is_a_stranger(room: Conversation, speaker: Participant, bob: User) -> None:
    await in_database(Participant.objects.filter(pk=speaker.pk).update, left_at=timezone.now())
    assert await refusal(room, bob) == 4404


async def test_a_room_that_was_taken_away_is_no_room(room: Conversation, alice: User) -> None:
    await in_database(Conversation.objects.filter(pk=room.pk).update, deleted_at=timezone.now())
    assert await refusal(room, alice) == 4404


async def test_nonsense_closes_its_own_socket_alone(room: Conversation, alice: User, bob: User) -> None:
    async with page(room, alice) as sane, page(room, bob) as mad:
        await mad.wire.send_to(text_data='{"stop": true}')
        assert await mad.closed_with() == 4400
        assert (await sane.hello())["revision"] == 0


async def test_binary_is_nonsense(room: Conversation, alice: User) -> None:
    async with page(room, alice) as opened:
        await opened.wire.send_to(bytes_data=b'{"typing": true}')
        assert await opened.closed_with() == 4400


async def test_a_thousand_frames_at_once_close_the_socket(room: Conversation, alice: User) -> None:
    async with page(room, alice) as opened:
        for _ in range(1_000):
            await opened.say(typing=True)
        assert await opened.closed_with() == 4429


async def test_the_bucket_fills_up_again() -> None:
    allowance = consumers.Allowance(now=0.0)
    assert all(allowance.take(0.0) for _ in range(40))
    assert not allowance.take(0.0)
    assert all(allowance.take(10.0) for _ in range(40))
    assert not allowance.take(10.0)


async def test_sockets_of_one_person_are_limited(
    room: Conversation, alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "MOST_SOCKETS", 2)
    async with page(room, alice) as one, page(room, alice) as two:
        await one.hello()
        await two.hello()
        assert await refusal(room, alice) == 4429
        async with page(room, bob) as other:
            assert (await other.hello())["revision"] == 0


async def test_typing_is_told_without_a_revision(
    room: Conversation, alice: User, bob: User, speaker: Participant
) -> None:
    async with page(room, alice) as reading, page(room, bob) as writing:
        await reading.hello()
        await writing.hello()
        await writing.say(typing=True)
        assert await reading.hear() == {"typing": {"participant": speaker.pk}}


async def test_a_reader_does_not_type(
    room: Conversation, alice: User, bob: User, speaker: Participant, owner: Participant
) -> None:
    await in_database(Participant.objects.filter(pk=speaker.pk).update, role=Role.READER)
    async with page(room, alice) as other, page(room, bob) as reader:
        await other.hello()
        await reader.hello()
        await reader.say(typing=True)
        await other.say(typing=True)
        assert await other.hear() == {"typing": {"participant": owner.pk}}


@pytest.mark.parametrize("address", ["/ws/", "/ws/c/nonsense/", "/elsewhere/"])
async def test_any_other_address_is_refused(address: str) -> None:
    wire = WebsocketCommunicator(URLRouter(websocket_urlpatterns), address)
    assert await wire.connect() == (False, 4404)


async def test_a_socket_that_dies_leaves_its_hub(room: Conversation, alice: User) -> None:
    dying = Page(room, await in_database(sign_in, alice))
    await dying.open()
    await dying.hello()
    assert hubs.count_of(alice.pk) == 1
    dying.wire.future.cancel()
    await dying.wire.wait(timeout=SECONDS)
    assert hubs.count_of(alice.pk) == 0
    assert not broadcast.has_listeners(room.pk)


async def test_a_window_before_the_hello_opens_nothing(
    room: Conversation, alice: User, bob: User, speaker: Participant, owner: Participant
) -> None:
    await in_database(Participant.objects.filter(pk=speaker.pk).update, visible_from=5)
    async with page(room, alice) as other, page(room, bob) as hasty:
        await hasty.say(window={"first": 0, "last": "end"})
        await other.hello()
        await in_database(post_message, author=owner, text="Before Bob's time")
        assert "Before" in (await other.hear())["html"]
        assert await hasty.wire.receive_nothing()
