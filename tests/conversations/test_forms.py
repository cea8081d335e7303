"""What people send, checked."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera_site.models import User
from conversations.choices import PolicyName
from conversations.forms import MessageForm, ModelForm, NewConversationForm, PolicyForm, TitleForm, model_field
from conversations.models import Persona
from providers.models import AIModel, ProviderConfig


@pytest.mark.parametrize("text", ["", "   ", "\n\t "])
def test_nothing_written_means_go_on(text: str) -> None:
    form = MessageForm({"text": text})
    assert form.is_valid()
    assert form.cleaned_data["text"] == ""


def test_a_message_that_is_too_long_is_told_how_long_it_is(settings: object) -> None:
    settings.MESSAGE_LIMIT = 10  # type: ignore[attr-defined]
    form = MessageForm({"text": "a" * 11})
    assert not form.is_valid()
    assert form.errors["text"] == [
        "This message has 11 characters; 10 is the most that fits. Shorten it or send it in parts."
    ]


def test_a_nul_in_a_message_is_replaced() -> None:
    form = MessageForm({"text": "a\0b"})
    assert form.is_valid()
    assert form.cleaned_data["text"] == "a\ufffdb"


@given(st.text(max_size=300))
def test_any_text_is_a_message_or_nothing(text: str) -> None:
    form = MessageForm({"text": text})
    assert form.is_valid(), form.errors
    form.cleaned_data["text"].encode()
    assert "\0" not in form.cleaned_data["text"]


def test_each_form_brings_an_id_of_its_own() -> None:
    ids = {uuid.UUID(str(MessageForm()["client_id"].value())) for _ in range(2)}
    assert len(ids) == 2


def test_a_client_id_that_is_none_is_refused() -> None:
    assert not MessageForm({"text": "Hello", "client_id": "first"}).is_valid()


@pytest.mark.parametrize("turns", ["0", "101", "-1", "six", "1.5"])
def test_a_turn_limit_is_a_number_within_bounds(turns: str) -> None:
    form = PolicyForm({"policy": PolicyName.ROUND_ROBIN, "turns": turns})
    assert not form.is_valid()
    assert form.errors["turns"][0].startswith("The turn limit is ")


def test_without_a_turn_limit_the_site_s_own_holds() -> None:
    form = PolicyForm({"policy": PolicyName.EVERYONE, "turns": ""})
    assert form.is_valid()
    assert form.policy_settings == {}


def test_a_policy_that_does_not_exist_is_refused() -> None:
    assert not PolicyForm({"policy": "whoever shouts"}).is_valid()


def test_a_title_has_an_end() -> None:
    assert TitleForm({"title": "a" * 200}).is_valid()
    assert TitleForm({"title": "a" * 201}).errors["title"] == ["A title has at most 200 characters. Shorten it."]


def test_a_model_that_is_not_offered_is_refused(alice: User, rehearsal: AIModel) -> None:
    AIModel.objects.filter(pk=rehearsal.pk).update(enabled=False)
    form = ModelForm({"model": rehearsal.pk}, user=alice)
    assert form.errors["model"] == ["This model is not offered to you. Choose another."]


def test_a_new_room_has_a_sensible_default(alice: User, rehearsal: AIModel, personas: list[Persona]) -> None:
    form = NewConversationForm(user=alice)
    chosen = [card for card in form.cards if card.chosen]
    assert len(chosen) == 2
    assert {card.model.value() for card in form.cards} == {str(rehearsal.pk)}


def test_a_persona_keeps_its_own_model(alice: User, rehearsal: AIModel, personas: list[Persona]) -> None:
    provider = ProviderConfig.objects.create(kind="rehearsal", label="Other", position=5)
    own = AIModel.objects.create(provider=provider, model_id="own")
    Persona.objects.filter(pk=personas[0].pk).update(model=own)
    form = NewConversationForm({"personas": [personas[0].pk], "policy": "everyone"}, user=alice)
    assert form.is_valid(), form.errors
    assert [casting.model for casting in form.cast] == [own]


def test_the_cast_is_as_chosen(alice: User, rehearsal: AIModel, personas: list[Persona]) -> None:
    provider = ProviderConfig.objects.create(kind="rehearsal", label="Other", position=5)
    other = AIModel.objects.create(provider=provider, model_id="other")
    data = {
        "personas": [persona.pk for persona in personas],
        "policy": "everyone",
        model_field(personas[0]): str(other.pk),
    }
    form = NewConversationForm(data, user=alice)
    assert form.is_valid(), form.errors
    assert {(casting.persona, casting.model) for casting in form.cast} == {
        (personas[0], other),
        (personas[1], rehearsal),
    }


def test_somebody_must_take_part(alice: User, rehearsal: AIModel, personas: list[Persona]) -> None:
    form = NewConversationForm({"policy": "everyone"}, user=alice)
    assert form.errors["personas"] == ["Choose at least one character, so that someone answers."]


def test_without_any_model_nobody_could_answer(alice: User, personas: list[Persona]) -> None:
    form = NewConversationForm({"personas": [personas[0].pk], "policy": "everyone"}, user=alice)
    assert "No model is ready" in form.non_field_errors()[0]


def test_another_s_private_persona_is_not_offered(alice: User, bob: User, rehearsal: AIModel) -> None:
    private = Persona.objects.create(owner=bob, name="Muse", name_key="muse")
    form = NewConversationForm({"personas": [private.pk], "policy": "everyone"}, user=alice)
    assert "personas" in form.errors
    assert private not in [card.persona for card in form.cards]
