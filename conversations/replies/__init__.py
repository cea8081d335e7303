"""One turn, from perspective through providers.calls to database and room; and the checkpointer."""

from conversations.replies.checkpointer import Checkpointer
from conversations.replies.scene import Scene, chair_of, load_scene
from conversations.replies.speech import Cause, Script, Speech, failure

__all__ = ["Cause", "Checkpointer", "Scene", "Script", "Speech", "chair_of", "failure", "load_scene"]
