"""Round robin: the AIs in turn, answering each other, until the turn limit or a stop."""

from conversations.choices import EndReason, PolicyName

from .base import Choice, End, RoundState, one_speaker


class RoundRobin:
    """Those addressed speak first; then in seat order, going on after the last speaker, nobody twice in a lap."""

    slug = PolicyName.ROUND_ROBIN

    def next(self, state: RoundState) -> Choice:
        order = _after_the_last_speaker(state)
        if not order:
            return End(EndReason.NOBODY)
        if state.addressed:
            return one_speaker(self.slug, "mentioned", state, state.addressed[0], order)
        heard = _heard_this_lap(state)
        return one_speaker(self.slug, "turn", state, next(one for one in order if one not in heard), order)


def _after_the_last_speaker(state: RoundState) -> tuple[int, ...]:
    """The able in seat order, beginning behind who spoke last (also where that one is muted by now)."""
    finished = [turn.speaker for turn in state.turns if turn.finished]
    last = finished[-1] if finished else state.last_speaker
    places = {seat.participant: (seat.seat, seat.participant) for seat in state.seats}
    everyone = [seat.participant for seat in state.able]
    if last not in places:
        return tuple(everyone)
    later = [one for one in everyone if places[one] > places[last]]
    return tuple(later + [one for one in everyone if one not in later])


def _heard_this_lap(state: RoundState) -> set[int]:
    """Who has spoken since all had; a mention takes a turn forward, it does not add one."""
    everyone = {seat.participant for seat in state.able}
    heard: set[int] = set()
    for turn in state.turns:
        if turn.finished:
            heard.add(turn.speaker)
        if heard >= everyone:
            heard = set()
    return heard
