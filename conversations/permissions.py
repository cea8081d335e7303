"""Who may what, as data. A stranger never comes this far: the query that fetches finds nothing for them."""

from conversations.choices import Power, Role
from conversations.errors import NotAllowed
from conversations.models import Participant
from providers.models import AIModel

READER = {Power.READ, Power.LEAVE}
SPEAKER = READER | {
    Power.POST,
    Power.EDIT_OWN,
    Power.DELETE_OWN,
    Power.START,
    Power.STOP,
    Power.ANSWER_AGAIN,
}
MODERATOR = SPEAKER | {
    Power.MANAGE_AIS,
    Power.SET_POLICY,
    Power.RENAME,
    Power.DELETE_ANY,
    Power.INVITE,
    Power.REMOVE,
}
OWNER = MODERATOR | {Power.SET_ROLES, Power.SHARE, Power.BUDGET, Power.DELETE_ROOM}

POWERS: dict[str, frozenset[Power]] = {
    Role.READER: frozenset(READER),
    Role.SPEAKER: frozenset(SPEAKER),
    Role.MODERATOR: frozenset(MODERATOR),
    Role.OWNER: frozenset(OWNER),
}


def powers_of(participant: Participant) -> frozenset[Power]:
    """What this participant may do now: its role's powers, less what was taken from the one person."""
    if not participant.is_present:
        return frozenset()
    powers = POWERS[participant.role]
    return powers if participant.may_start else powers - {Power.START}


def require(participant: Participant, power: Power, room_id: int | None = None) -> None:
    """Raise NotAllowed unless the participant has the power, and that in the room with this id, where one is given."""
    elsewhere = room_id is not None and room_id != participant.conversation_id
    if elsewhere or power not in powers_of(participant):
        raise NotAllowed("Your role in this room does not allow this. Its owner can change your role.")


def require_model(participant: Participant, model: AIModel) -> None:
    """Raise NotAllowed for a model that is not offered to this person."""
    if not AIModel.objects.usable_by(participant.user).filter(pk=model.pk).exists():
        raise NotAllowed("This model is not offered to you. Choose another.")
