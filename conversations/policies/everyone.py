"""Everyone: each AI once, in seat order, each hearing those before it."""

from conversations.choices import EndReason, PolicyName

from .base import Choice, End, RoundState, one_speaker


class Everyone:
    """Those addressed speak first, in the order named; then the others by seat."""

    slug = PolicyName.EVERYONE

    def next(self, state: RoundState) -> Choice:
        waiting = tuple(seat.participant for seat in state.able if seat.participant not in state.answered)
        if state.addressed:
            return one_speaker(self.slug, "mentioned", state, state.addressed[0], waiting)
        if waiting:
            return one_speaker(self.slug, "seat", state, waiting[0], waiting)
        return End(EndReason.DONE)
