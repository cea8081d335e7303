"""Domain errors: what a person did that cannot be done, with the sentence for it.

DomainError
├── NotAllowed          403: a member without the power
├── NotFound            404: no such thing, or none for this person
├── Conflict            409: it was so a moment ago
└── Invalid             422: what was sent cannot be taken
"""

from typing import ClassVar


class DomainError(Exception):
    status: ClassVar[int] = 400

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class NotAllowed(DomainError):
    status = 403


class NotFound(DomainError):
    status = 404


class Conflict(DomainError):
    status = 409


class Invalid(DomainError):
    status = 422
