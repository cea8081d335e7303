"""The loop of one round: the policy chooses, a turn is taken, until somebody or something ends it."""

import logging
import time
import uuid
from collections.abc import Mapping
from typing import Any

from conversations.actions.claims import end_round
from conversations.actions.replies import Ending, Fence, begin_turn, end_silent_turn
from conversations.choices import EndReason, RoundKind, TurnState, Wish
from conversations.models import Participant, Turn
from conversations.perspective import Perspective, build, speech_filter
from conversations.policies import End, Speak, get_policy
from conversations.replies import Cause, Checkpointer, Scene, Script, Speech, chair_of, failure, load_scene
from conversations.replies.scene import ENDING_WISHES
from providers.calls import CallOrder
from providers.database import in_database, through_outage
from providers.errors import ProviderError
from providers.models import AIModel, Purpose
from providers.request import ChatRequest

logger = logging.getLogger(__name__)

STRENGTH = (EndReason.PAUSED, EndReason.OVERTAKEN, EndReason.INTERRUPTED, EndReason.STOPPED)
"""What ends a round from outside, the weakest first: a Stop is not taken back by the end of the process."""

CAUSES = {Wish.END: Cause.OVERTAKEN, Wish.PAUSE: Cause.OVERTAKEN, Wish.STOP: Cause.STOP}


class NoModel(ProviderError):
    """A participant that has no model to speak with."""

    explanation = "This participant has no model to speak with. Choose one in the participants panel, then retry."


class RunningRound:
    """A round that this process runs. `hear` and `lose` come from the checkpointer, `drain` from the runner."""

    def __init__(self, round_id: int, conversation_id: int, owner: uuid.UUID, checkpointer: Checkpointer) -> None:
        self.owner = owner
        self._round_id = round_id
        self._conversation_id = conversation_id
        self._checkpointer = checkpointer
        self._speech: Speech | None = None
        self._ending: EndReason | None = None
        self._cause: Cause | None = None
        self._lost = False
        self._began = time.monotonic()
        self._turn_count = 0
        self._ids: dict[str, str] = {}

    def hear(self, wish: Wish) -> None:
        reason = ENDING_WISHES.get(wish)
        if reason is not None:
            self._finish(reason, CAUSES[wish])

    def lose(self) -> None:
        """Somebody else ended this round or took it over: nothing of ours may be written any more."""
        self._lost = True
        self._cut(Cause.LOST)

    def drain(self) -> None:
        self._finish(EndReason.INTERRUPTED, Cause.DRAIN)

    def _finish(self, reason: EndReason, cause: Cause) -> None:
        if self._ending is None or STRENGTH.index(reason) > STRENGTH.index(self._ending):
            self._ending = reason
            self._cut(cause)

    def _cut(self, cause: Cause) -> None:
        self._cause = cause
        if self._speech is not None:
            self._speech.cut(cause)

    async def run(self) -> None:
        """Take turns until the end. Whatever happens the round is ended, or is left to the sweep."""
        self._checkpointer.watch(self)
        try:
            reason = await self._turns()
        except Exception:
            logger.exception("round %s failed by a defect of ours", self._round_id)
            reason = EndReason.INTERRUPTED
        finally:
            self._checkpointer.unwatch(self)
        if reason is not None and not self._lost:
            await through_outage(end_round, self._conversation_id, self._round_id, self.owner, reason)
        self._log("lost" if self._lost or reason is None else reason.value)

    def _log(self, reason: str) -> None:
        milliseconds = round((time.monotonic() - self._began) * 1_000)
        logger.info("round ended", extra=self._ids | {"reason": reason, "turns": self._turn_count, "ms": milliseconds})

    async def _turns(self) -> EndReason | None:
        first_turn = await in_database(_count_turns, self._round_id)
        while not self._lost and self._ending is None:
            scene = await in_database(load_scene, self._round_id, self.owner, first_turn)
            if scene is None:
                return None
            self._ids = {
                "round": str(scene.round.key),
                "conversation": str(scene.round.conversation.key),
                "policy": scene.round.policy,
            }
            if scene.wished is not None:
                return scene.wished
            reason = await self._step(scene)
            if reason is not None:
                return self._ending or reason
        return self._ending

    async def _step(self, scene: Scene) -> EndReason | None:
        if scene.round.kind == RoundKind.ANSWER_AGAIN:
            return await self._answer_again(scene)
        choice = get_policy(scene.round.policy).next(scene.state)
        if isinstance(choice, End):
            return choice.reason
        if not isinstance(choice, Speak):
            raise NotImplementedError(f"{scene.round.policy} asks a model, and no policy that is offered does")
        speaker = scene.participants[choice.who[0]]
        ending = await self._take_turn(scene, speaker, scene.broken_off.get(speaker.pk), choice.why)
        return _reason_after(ending)

    async def _answer_again(self, scene: Scene) -> EndReason:
        trigger = scene.round.trigger
        speaker = scene.participants.get(int(scene.round.limits.get("speaker", 0)))
        if trigger is None or speaker is None or not speaker.is_present:
            return EndReason.NOBODY
        ending = await self._take_turn(scene, speaker, trigger.pk, {"rule": "asked again"})
        return _reason_after(ending) or EndReason.DONE

    async def _take_turn(
        self, scene: Scene, speaker: Participant, message_id: int | None, why: Mapping[str, Any]
    ) -> Ending | None:
        """One turn; None: overtaken before it began."""
        fence = Fence(self._conversation_id, self._round_id, self.owner, speaker.pk, message_id)
        try:
            script = await self._prepare(scene, speaker, fence, why)
        except ProviderError as error:
            return await self._refuse(fence, speaker, error, why)
        if script is None:
            return None
        self._turn_count += 1
        self._speech = Speech(script, self._checkpointer)
        if self._cause is not None:  # it came while this turn was being prepared
            self._speech.cut(self._cause)
        try:
            return await self._speech.run()
        finally:
            self._speech = None

    async def _prepare(self, scene: Scene, speaker: Participant, fence: Fence, why: Mapping[str, Any]) -> Script | None:
        model = await in_database(_model_for, scene, speaker)
        if model is None:
            raise NoModel
        chair = chair_of(scene, speaker, model)
        perspective = build(chair, scene.roster, scene.heard)
        turn = await in_database(begin_turn, fence, why=dict(why), recipe=perspective.recipe())
        if turn is None:
            return None
        return Script(
            fence=fence,
            turn=turn,
            order=_order(scene, speaker, model, turn.key, perspective),
            opener=perspective.opener,
            filter=speech_filter(chair, scene.roster, perspective),
            model_id=model.pk,
            model_name=str(model),
        )

    async def _refuse(
        self, fence: Fence, speaker: Participant, error: ProviderError, why: Mapping[str, Any]
    ) -> Ending | None:
        """A turn that cannot even be sent: it takes its place in the log and says why."""
        turn = await in_database(begin_turn, fence, why=dict(why), recipe={})
        if turn is None:
            return None
        model = speaker.model
        ending = failure(error, model.pk if model else None, str(model) if model else "")
        await in_database(end_silent_turn, fence, turn, ending)
        return ending


def _reason_after(ending: Ending | None) -> EndReason | None:
    """Whether a turn ended its round. A failure does not, unless the money is at its end."""
    if ending is None or ending.turn_state == TurnState.OVERTAKEN:
        return EndReason.OVERTAKEN
    if ending.turn_state == TurnState.STOPPED:
        return EndReason.STOPPED
    return EndReason.STOP_LINE if ending.error == "stop_line" else None


def _count_turns(round_id: int) -> int:
    return Turn.objects.filter(round_id=round_id).count()


def _model_for(scene: Scene, speaker: Participant) -> AIModel | None:
    """The speaker's model, or the one chosen for this answer alone."""
    chosen = scene.round.limits.get("model")
    return AIModel.objects.filter(pk=chosen).first() if chosen else speaker.model


def _order(scene: Scene, speaker: Participant, model: AIModel, turn_key: str, perspective: Perspective) -> CallOrder:
    asker = scene.round.started_by
    temperature = speaker.settings.get("temperature")
    extra = {name: value for name, value in perspective.extra.items() if name != "temperature" or temperature is None}
    return CallOrder(
        model_id=model.pk,
        request=ChatRequest(
            model=model.model_id,
            messages=perspective.messages,
            max_output=perspective.max_output,
            temperature=temperature,
            stop=perspective.stop,
            extra=extra,
        ),
        user_id=asker.user_id if asker else None,
        conversation_key=str(scene.round.conversation.key),
        turn_key=turn_key,
        purpose=Purpose.REPLY,
    )
