from conversations.models.attachment import Attachment, Invitation
from conversations.models.conversation import Clock, Conversation
from conversations.models.message import Mention, Message, Reaction, Version
from conversations.models.participant import Participant, Persona, name_key
from conversations.models.round import Round, Turn

__all__ = [
    "Attachment",
    "Clock",
    "Conversation",
    "Invitation",
    "Mention",
    "Message",
    "Participant",
    "Persona",
    "Reaction",
    "Round",
    "Turn",
    "Version",
    "name_key",
]
