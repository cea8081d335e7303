"""The vocabulary of a conversation: every role, power and state, without Django, so that policies may use it."""

from enum import StrEnum


class ParticipantKind(StrEnum):
    PERSON = "person"
    AI = "ai"
    GHOST = "ghost"


class Role(StrEnum):
    READER = "reader"
    SPEAKER = "speaker"
    MODERATOR = "moderator"
    OWNER = "owner"


class Power(StrEnum):
    """What a role may do; permissions.py says who has which."""

    READ = "read"
    LEAVE = "leave"
    POST = "post"
    EDIT_OWN = "edit_own"
    DELETE_OWN = "delete_own"
    START = "start"
    STOP = "stop"
    ANSWER_AGAIN = "answer_again"
    MANAGE_AIS = "manage_ais"
    SET_POLICY = "set_policy"
    RENAME = "rename"
    DELETE_ANY = "delete_any"
    INVITE = "invite"
    REMOVE = "remove"
    SET_ROLES = "set_roles"
    SHARE = "share"
    BUDGET = "budget"
    DELETE_ROOM = "delete_room"


class Visibility(StrEnum):
    PRIVATE = "private"
    SITE = "site"


class MessageKind(StrEnum):
    SPEECH = "speech"
    PASS = "pass"  # noqa: S105 (a way to say nothing, not a word to get in by)
    NOTICE = "notice"


class VersionState(StrEnum):
    STREAMING = "streaming"
    COMPLETE = "complete"
    FAILED = "failed"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"


class RoundKind(StrEnum):
    SPEECH = "speech"
    ANSWER_AGAIN = "answer_again"
    SUMMARY = "summary"
    TITLE = "title"


class RoundState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    ENDED = "ended"


class Wish(StrEnum):
    """What people want of a live round. A wish only grows, in this order."""

    NONE = "none"
    PAUSE = "pause"
    END = "end"
    STOP = "stop"

    @property
    def strength(self) -> int:
        return list(Wish).index(self)


class EndReason(StrEnum):
    """Why a round ended."""

    DONE = "done"
    TURN_LIMIT = "turn_limit"
    ALL_PASSED = "all_passed"
    NOBODY = "nobody"
    NOBODY_ADDRESSED = "nobody_addressed"
    FAILURES = "failures"
    OVERTAKEN = "overtaken"
    STOPPED = "stopped"
    PAUSED = "paused"
    INTERRUPTED = "interrupted"
    STOP_LINE = "stop_line"
    DELETED = "deleted"


class TurnPhase(StrEnum):
    SPEAK = "speak"
    SELECT = "select"
    JUDGE = "judge"
    SYNTHESIS = "synthesis"


class TurnState(StrEnum):
    BEGUN = "begun"
    SPOKEN = "spoken"
    PASSED = "passed"
    FAILED = "failed"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    OVERTAKEN = "overtaken"


class PolicyName(StrEnum):
    EVERYONE = "everyone"
    MENTIONS = "mentions"
    PARALLEL = "parallel"
    ROUND_ROBIN = "round_robin"
    NATURAL = "natural"
    MODERATOR = "moderator"
    MANUAL = "manual"
    COUNCIL = "council"


class InterruptedBy(StrEnum):
    """Who broke off an interrupted text; stands in Version.error."""

    SERVICE = "service"
    SITE = "site"
