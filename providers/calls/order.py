"""What is asked for, and the rows it leads to."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models.functions import Now

from providers.errors import ModelNotFound, ProviderError
from providers.models import AIModel, ProviderConfig, Purpose, is_out_of_play
from providers.practice import PracticeModel
from providers.practice.model import PracticeModelMissing
from providers.pricing import Prices, runs_at_home
from providers.request import ChatRequest


class SwitchedOff(ProviderError):
    """An administrator has switched the model, or its provider, off."""

    explanation = "This model is switched off. Choose another one, or ask an administrator to switch it on."


@dataclass(frozen=True, slots=True)
class CallOrder:
    """One call to be made: for whom, where, and what for. `model_id` is the row's, not the service's name for it."""

    model_id: int
    request: ChatRequest
    user_id: int | None
    conversation_key: str
    turn_key: str
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class Route:
    """A usable model as its row was at `now`, the database's time."""

    model: AIModel
    now: datetime

    @property
    def provider(self) -> ProviderConfig:
        return self.model.provider

    @property
    def cooling(self) -> float:
        """Seconds for which the service wants to be left alone."""
        until = self.provider.cooling_until
        return max((until - self.now).total_seconds(), 0.0) if until else 0.0

    @property
    def prices(self) -> Prices:
        prices = Prices(self.model.input_price, self.model.output_price, self.model.cached_price)
        return prices.or_free() if runs_at_home(self.provider.kind, self.provider.base_url) else prices


def find_route(model_id: int) -> Route:
    """Read the rows; nothing of them is ever kept, so that a change holds from the next call on, in every process.

    Raises ModelNotFound, SwitchedOff, PracticeModelMissing.
    """
    model = AIModel.objects.select_related("provider").annotate(now=Now()).filter(pk=model_id).first()
    if model is not None and model.provider.kind == "builtin" and (why_not := PracticeModel.reason()):
        raise PracticeModelMissing(why_not)
    if model is None or model.retired_at is not None:
        raise ModelNotFound("The model is no longer in this site's list.")
    if not (model.enabled and model.provider.enabled) or is_out_of_play(model.provider):
        raise SwitchedOff(f"switched off: {model if model.provider.enabled else model.provider}")
    return Route(model, model.now)  # type: ignore[attr-defined]  # the annotation
