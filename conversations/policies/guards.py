"""What holds under every policy: limits, mutes, and the ends that no policy needs to think of."""

from dataclasses import replace

from conversations.choices import EndReason, PolicyName

from .base import Ask, Choice, End, Policy, RoundState, Speak

FAILURES_IN_A_ROW = 2


class Guarded:
    """A policy that cannot run away."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    @property
    def slug(self) -> PolicyName:
        return self._policy.slug

    def next(self, state: RoundState) -> Choice:
        reason = _reason_to_end(state)
        if reason is not None:
            return End(reason)
        return self.hold(self._policy.next(state), state)

    def hold(self, choice: Choice, state: RoundState) -> Choice:
        """Hold an answer to the guards; the choices that come of an `Ask` pass here too."""
        if isinstance(choice, End):
            return choice
        left = state.limit - _turns_taken(state)
        if left <= 0:
            return End(EndReason.TURN_LIMIT)
        if isinstance(choice, Ask):
            parse = choice.parse
            return replace(choice, parse=lambda answer: self.hold(parse(answer), state))
        return _allowed(choice, state, left)


def _reason_to_end(state: RoundState) -> EndReason | None:
    if not state.able:
        return EndReason.NOBODY
    latest = state.turns[-FAILURES_IN_A_ROW:]
    if len(latest) == FAILURES_IN_A_ROW and all(turn.failed for turn in latest):
        return EndReason.FAILURES
    if {seat.participant for seat in state.able} <= _passed_in_a_row(state):
        return EndReason.ALL_PASSED
    return None


def _passed_in_a_row(state: RoundState) -> set[int]:
    """Who has passed since the last turn that brought words."""
    passed: set[int] = set()
    for turn in reversed(state.turns):
        if not turn.passed:
            break
        passed.add(turn.speaker)
    return passed


def _turns_taken(state: RoundState) -> int:
    """A turn to be taken again counts only then; a failed one always, or a broken service would be asked for ever."""
    return sum(turn.finished or turn.failed for turn in state.turns)


def _allowed(choice: Speak, state: RoundState, left: int) -> Choice:
    """Drop who is muted, unknown, or has just spoken (a lone AI may go on); no more of them than turns are left."""
    able = {seat.participant for seat in state.able}
    who = tuple(one for one in choice.who if one in able)
    if not who:
        return End(EndReason.NOBODY)
    if len(state.seats) > 1 and state.turns and state.turns[-1].finished:
        who = tuple(one for one in who if one != state.turns[-1].speaker)
    return replace(choice, who=who[:left]) if who else End(EndReason.DONE)
