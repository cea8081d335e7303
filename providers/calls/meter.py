"""One call's ledger entry while it streams: what is counted, and what becomes of it."""

import logging
import time

from providers.actions import Outcome, note_health, note_refused, open_call, settle_call
from providers.actions.health import NOTED_EVERY
from providers.calls.order import CallOrder, Route
from providers.errors import EmptyAnswer, ProviderError, StreamInterrupted, TimedOut
from providers.events import Finished, ParameterRefused, ReasoningDelta, StreamEvent, TextDelta, Usage
from providers.models import Call
from providers.pricing import cost, forecast, sane, tokens_in

logger = logging.getLogger("providers.calls")

BILLED_WITHOUT_A_WORD = (TimedOut, StreamInterrupted, EmptyAnswer)
"""Failures after which a service has worked, and may charge, though we heard nothing."""


class Meter:
    """`open` and `settle` write, in a database thread; `watch` sees every event and does next to nothing."""

    def __init__(self, order: CallOrder, route: Route) -> None:
        model = route.model
        self._order, self._route = order, route
        self._forecast = forecast(
            route.prices, order.request, max_output=model.max_output, calibration=model.calibration
        )
        self._text_bytes = self._reasoning_bytes = 0
        self._usage: Usage | None = None
        self._refused: list[str] = []
        self._started = time.monotonic()
        self._first_text: float | None = None
        self._finished = False
        self.sent = False
        self.call: Call | None = None

    @property
    def spoke(self) -> bool:
        """Whether anything has been heard that a second try would repeat."""
        return bool(self._text_bytes or self._reasoning_bytes)

    def open(self) -> None:
        """Raises StopLineReached, PriceUnknown."""
        order = self._order
        self.call = open_call(
            self._route.model,
            self._forecast,
            user_id=order.user_id,
            conversation_key=order.conversation_key,
            turn_key=order.turn_key,
            purpose=order.purpose,
        )
        self._started = time.monotonic()

    def watch(self, event: StreamEvent) -> None:
        if type(event) is TextDelta:
            if self._first_text is None:
                self._first_text = time.monotonic()
            self._text_bytes += len(event.text.encode())
        elif type(event) is ReasoningDelta:
            self._reasoning_bytes += len(event.text.encode())
        elif type(event) is Usage:
            self._usage = sane(event)
        elif type(event) is ParameterRefused:
            self._refused.append(event.name)
        elif type(event) is Finished:
            self._finished = True

    def settle(self, error: ProviderError | None) -> None:
        """Book the call, and note what it taught of the service. Doing it twice does it once."""
        if self.call is None:
            return
        outcome = self._outcome(error)
        if settle_call(self.call, outcome):
            self._log(self.call, outcome)
        if self._refused:
            note_refused(self._route.model.pk, self._refused)
        if self._is_news(error):
            note_health(self._route.provider.pk, error)

    def _outcome(self, error: ProviderError | None) -> Outcome:
        usage, estimated = self._counted(error)
        return Outcome(
            usage=usage,
            cost=cost(self._route.prices, usage),
            estimated=estimated,
            total_ms=self._since_start(time.monotonic()),
            first_text_ms=None if self._first_text is None else self._since_start(self._first_text),
            error=error,
        )

    def _counted(self, error: ProviderError | None) -> tuple[Usage, bool]:
        """The tokens, and whether they are our estimate."""
        if self._usage is not None and self._finished:
            return self._usage, False
        answered = self.spoke or error is None or isinstance(error, BILLED_WITHOUT_A_WORD)
        if self._usage is None and not (self.sent and answered):
            return Usage(), False
        calibration = self._route.model.calibration
        reasoning = tokens_in(self._reasoning_bytes, calibration)
        output = tokens_in(self._text_bytes, calibration) + reasoning
        known = self._usage or Usage(input=self._forecast.input)
        # Cut off, a service may have told its first count only.
        guess = Usage(
            input=known.input,
            cached=known.cached,
            cache_write=known.cache_write,
            output=max(known.output, output),
            reasoning=max(known.reasoning, reasoning),
            cost=known.cost,
        )
        return guess, True

    def _is_news(self, error: ProviderError | None) -> bool:
        if error is None and not (self._finished or self.spoke):
            return False
        provider = self._route.provider
        last = provider.last_error_at if error else provider.last_ok
        return last is None or self._route.now - last >= NOTED_EVERY

    def _since_start(self, moment: float) -> int:
        return round((moment - self._started) * 1000)

    def _log(self, call: Call, outcome: Outcome) -> None:
        logger.info(
            "call %s",
            outcome.state,
            extra={
                "call": str(call.key),
                "turn": call.turn_key,
                "provider": call.provider_name,
                "model": call.model_name,
                "input_tokens": outcome.usage.input,
                "output_tokens": outcome.usage.output,
                "ms": outcome.total_ms,
                **({"error": type(outcome.error).__name__} if outcome.error else {}),
            },
        )
