"""One turn, from perspective through the provider to database and room."""

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from enum import StrEnum

from conversations import markdown
from conversations.actions.replies import (
    BegunReply,
    BegunTurn,
    Ending,
    Fence,
    begin_reply,
    end_reply,
    end_silent_turn,
)
from conversations.choices import InterruptedBy, TurnState, VersionState
from conversations.perspective import SpeechFilter
from conversations.replies.checkpointer import Checkpointer
from conversations.replies.live import LiveReply, keep_sending
from providers.calls import CallOrder, metered
from providers.database import in_database, through_outage
from providers.errors import EmptyAnswer, ProviderError, StopLineReached
from providers.events import Finished, FinishReason, ReasoningDelta, TextDelta

logger = logging.getLogger(__name__)

RENDER_ON_LOOP = 10_000
"""Characters. A longer final render takes the loop long enough to be felt by the other streams."""


class Cause(StrEnum):
    """Why a reply was cut off from outside."""

    STOP = "stop"
    OVERTAKEN = "overtaken"
    LOST = "lost"
    DRAIN = "drain"


@dataclass(frozen=True, slots=True)
class Script:
    """All that one turn needs."""

    fence: Fence
    turn: BegunTurn
    order: CallOrder
    opener: str
    filter: SpeechFilter
    model_id: int
    model_name: str


class Speech:
    """One speaker's slot while it lives. `run()` once; `cut()` from outside, from the same loop."""

    live: LiveReply

    def __init__(self, script: Script, checkpointer: Checkpointer) -> None:
        self._script = script
        self._checkpointer = checkpointer
        self._begun: BegunReply | None = None
        self._beginning = False
        self._cause: Cause | None = None
        self._whole = False
        self._error: ProviderError | None = None
        self._held = script.opener
        self._reasoning: list[str] = []
        self._pump: asyncio.Task[None] | None = None
        self._sender: asyncio.Task[None] | None = None

    async def run(self) -> Ending:
        """Speak, and store how it ended. Never raises a provider's error: it becomes the ending."""
        if self._cause is not None:
            return await self._end()
        self._pump = asyncio.create_task(self._listen())
        try:
            await asyncio.wait({self._pump})
        except asyncio.CancelledError:
            self.cut(Cause.DRAIN)
            await asyncio.wait({self._pump})
        if not self._pump.cancelled() and (defect := self._pump.exception()) is not None:
            logger.error("turn %s failed by a defect of ours", self._script.turn.key, exc_info=defect)
            self._error = ProviderError("A defect of this site.")
        return await self._end()

    def cut(self, cause: Cause) -> None:
        """End the reply now. One that people already see is not overtaken: it may finish. What is whole stays whole."""
        if self._cause is not None or self._whole:
            return
        if cause is Cause.OVERTAKEN and (self._begun is not None or self._beginning):
            return
        self._cause = cause
        if self._pump is not None:
            self._pump.cancel()

    def lose(self) -> None:
        self.cut(Cause.LOST)

    async def _listen(self) -> None:
        try:
            async with contextlib.aclosing(metered(self._script.order)) as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        await self._take(self._script.filter.feed(event.text))
                        if self._script.filter.ended or self._script.filter.passed:
                            self._whole = True
                            break
                    elif isinstance(event, ReasoningDelta):
                        self._reasoning.append(event.text)
                    elif isinstance(event, Finished):
                        await self._take(self._script.filter.close(cut=event.reason is FinishReason.LENGTH))
                        self._whole = True
        except ProviderError as error:
            self._error = error
            with contextlib.suppress(ProviderError):
                await self._take(self._script.filter.close(cut=False))

    async def _take(self, text: str) -> None:
        if not text:
            return
        if self._begun is not None:
            self.live.append(text)
            return
        self._held += text
        if text.strip():
            await self._begin()

    async def _begin(self) -> None:
        script = self._script
        text, self._held = self._held.lstrip(), ""
        self._beginning = True
        begin = in_database(begin_reply, script.fence, script.turn, text, script.model_id, script.model_name)
        task = asyncio.ensure_future(begin)
        try:
            await asyncio.shield(task)
        finally:
            # A transaction in a thread cannot be called back: even when cut off now, what it began must be known.
            await asyncio.wait({task})
            self._beginning = False
            self._begun = None if task.exception() else task.result()
            self._go_live(text)
        if self._begun is None:
            self._cause = self._cause or Cause.OVERTAKEN
            raise asyncio.CancelledError

    def _go_live(self, text: str) -> None:
        if self._begun is None:
            return
        self.live = LiveReply(self._script.fence.conversation_id, self._begun, text)
        checkpointer = self._checkpointer
        checkpointer.add(self)
        self._sender = asyncio.create_task(keep_sending(self.live, checkpointer.tick_seconds, checkpointer.on_time))

    async def _end(self) -> Ending:
        if self._begun is None:
            ending = self._silent_ending()
            await through_outage(end_silent_turn, self._script.fence, self._script.turn, ending)
            return ending
        if self._sender is not None:
            self._sender.cancel()
        self._checkpointer.remove(self)
        ending = await self._spoken_ending(self.live.text.rstrip())
        await through_outage(end_reply, self._script.fence, self._script.turn, self._begun, ending)
        return ending

    def _silent_ending(self) -> Ending:
        script = self._script
        match self._cause:
            case Cause.STOP:
                return Ending(VersionState.STOPPED, TurnState.STOPPED)
            case Cause.OVERTAKEN:
                return Ending(VersionState.STOPPED, TurnState.OVERTAKEN)
            case Cause.DRAIN | Cause.LOST:
                return Ending(VersionState.INTERRUPTED, TurnState.INTERRUPTED)
        if script.filter.passed:
            return Ending(VersionState.COMPLETE, TurnState.PASSED)
        return failure(self._error or EmptyAnswer(), script.model_id, script.model_name)

    async def _spoken_ending(self, text: str) -> Ending:
        if len(text) > RENDER_ON_LOOP:
            html = await asyncio.to_thread(markdown.render, text)
        else:
            html = markdown.render(text)
        state, turn_state, error, detail = self._how_it_ended()
        return Ending(
            state,
            turn_state,
            text=text,
            html=html,
            reasoning="".join(self._reasoning),
            error=error,
            error_detail=detail,
            model_id=self._script.model_id,
            model_name=self._script.model_name,
        )

    def _how_it_ended(self) -> tuple[VersionState, TurnState, str, str]:
        if self._cause is Cause.STOP:
            return VersionState.STOPPED, TurnState.STOPPED, "", ""
        if self._cause is not None:
            return VersionState.INTERRUPTED, TurnState.INTERRUPTED, InterruptedBy.SITE, ""
        if self._error is not None:
            sentence = self._error.sentence
            return VersionState.INTERRUPTED, TurnState.INTERRUPTED, InterruptedBy.SERVICE, sentence
        return VersionState.COMPLETE, TurnState.SPOKEN, "", ""


def failure(error: ProviderError, model_id: int | None, model_name: str) -> Ending:
    """The ending of a turn that showed no text because of an error."""
    return Ending(
        VersionState.FAILED,
        TurnState.FAILED,
        error="stop_line" if isinstance(error, StopLineReached) else type(error).__name__,
        error_detail=error.sentence,
        model_id=model_id,
        model_name=model_name,
    )
