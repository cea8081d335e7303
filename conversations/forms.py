"""What people send, checked. Rules that also hold elsewhere are asked of the actions and said in their words."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings

from conversations.actions.conversations import MOST_TURNS, Casting
from conversations.actions.messages import sayable
from conversations.choices import PolicyName
from conversations.errors import Invalid
from conversations.models import Conversation, Persona
from conversations.policies import POLICIES
from providers.events import clean_text
from providers.models import REHEARSAL, AIModel, ProviderConfig

POLICY_LABELS: dict[str, str] = {
    PolicyName.EVERYONE: "Everyone, once each",
    PolicyName.ROUND_ROBIN: "In turn, answering each other",
}
CHOSEN_AT_FIRST = 2


class WrittenText(forms.CharField):
    """Text by a person. What no database takes (NUL, lone surrogates) is replaced before anything else looks."""

    def to_python(self, value: Any) -> str:
        return super().to_python(clean_text(value) if isinstance(value, str) else value) or ""


class MessageForm(forms.Form):
    """A message; an empty one is no error but means 'go on'."""

    text = WrittenText(
        required=False,
        strip=False,
        widget=forms.Textarea(
            attrs={"id": "text", "rows": 1, "placeholder": "Say something", "autocomplete": "off", "dir": "auto"}
        ),
    )
    client_id = forms.UUIDField(required=False, initial=uuid.uuid4, widget=forms.HiddenInput(attrs={"id": None}))

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"]
        if not text.strip():
            return ""
        try:
            return sayable(text)
        except Invalid as error:
            raise forms.ValidationError(error.sentence) from error


class TitleForm(forms.Form):
    title = WrittenText(
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"id": "title", "autocomplete": "off", "dir": "auto", "autofocus": True}),
        error_messages={"max_length": "A title has at most %(limit_value)d characters. Shorten it."},
    )


class PolicyForm(forms.Form):
    policy = forms.ChoiceField(choices=[(slug, POLICY_LABELS.get(slug, slug)) for slug in POLICIES])
    turns = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MOST_TURNS,
        error_messages={
            "invalid": "The turn limit is a whole number.",
            "min_value": "The turn limit is at least 1.",
            "max_value": "The turn limit is at most %(limit_value)d.",
        },
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("prefix", "")
        super().__init__(*args, **kwargs)
        self.fields["turns"].initial = settings.TURN_LIMIT

    @property
    def policy_settings(self) -> dict[str, int]:
        turns = self.cleaned_data.get("turns")
        return {"turns": turns} if turns else {}

    @classmethod
    def of(cls, conversation: Conversation) -> "PolicyForm":
        turns = conversation.policy_settings.get("turns", settings.TURN_LIMIT)
        return cls(initial={"policy": conversation.policy, "turns": turns})


class ModelForm(forms.Form):
    """A model that the person may use; `required=False` where leaving it out means 'as before'."""

    model = forms.ModelChoiceField(
        AIModel.objects.none(), error_messages={"invalid_choice": "This model is not offered to you. Choose another."}
    )

    def __init__(self, *args: Any, user: Any, required: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["model"].queryset = AIModel.objects.usable_by(user)  # type: ignore[attr-defined]
        self.fields["model"].required = required


@dataclass(frozen=True, slots=True)
class Card:
    """A persona as the page offers it."""

    persona: Persona
    chosen: bool
    model: forms.BoundField


class NewConversationForm(PolicyForm, TitleForm):
    """A room to be: its characters and a model for each, all with a default."""

    personas = forms.ModelMultipleChoiceField(
        Persona.objects.none(), error_messages={"required": "Choose at least one character, so that someone answers."}
    )
    field_order = ["personas", "policy", "turns", "title"]

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        usable = Persona.objects.usable_by(user)
        self.offered = list(usable)
        self.models = {str(model.pk): model for model in AIModel.objects.usable_by(user)}
        self.fields["personas"].queryset = usable  # type: ignore[attr-defined]
        self.fields["personas"].initial = [persona.pk for persona in self.offered[:CHOSEN_AT_FIRST]]
        self.fields["title"].widget.attrs |= {"placeholder": "Untitled", "autofocus": False}
        choices = [(key, f"{model} · {model.provider}") for key, model in self.models.items()]
        for persona in self.offered:
            self.fields[model_field(persona)] = forms.ChoiceField(
                choices=choices,
                required=False,
                initial=self._default_model(persona),
                widget=forms.Select(attrs={"aria-label": f"Model of {persona.name}"}),
                error_messages={"invalid_choice": "This model is not offered to you. Choose another."},
            )

    def _default_model(self, persona: Persona) -> str:
        """The persona's own model where it may be used; else one of a service that answers, else the practice model."""
        own = str(persona.model_id)
        if own in self.models:
            return own
        ranked = sorted(self.models, key=lambda key: _trust(self.models[key].provider))
        return ranked[0] if ranked else ""

    @property
    def cards(self) -> Iterator[Card]:
        chosen = {str(key) for key in self["personas"].value() or []}
        for persona in self.offered:
            yield Card(persona, str(persona.pk) in chosen, self[model_field(persona)])

    def clean(self) -> None:
        if not self.models:
            raise forms.ValidationError("No model is ready, so nobody could answer. Ask an administrator to add one.")

    @property
    def cast(self) -> list[Casting]:
        """Who was chosen, in the order in which the personas are offered."""
        castings = []
        for persona in self.cleaned_data["personas"]:
            key = self.cleaned_data.get(model_field(persona)) or self._default_model(persona)
            castings.append(Casting(persona, self.models[key]))
        return castings


def _trust(provider: ProviderConfig) -> int:
    """Where to begin: with a service that has answered and did so last, with what comes along, with the untried."""
    if provider.kind == REHEARSAL:
        return 3
    if provider.kind == "builtin":
        return 1
    answers = provider.last_ok is not None and (
        provider.last_error_at is None or provider.last_error_at <= provider.last_ok
    )
    return 0 if answers else 2


def model_field(persona: Persona) -> str:
    return f"model_{persona.pk}"
