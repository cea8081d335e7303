"""The practice model: a small real language model, served on this computer by a child process.

One child serves each data folder, whatever the number of processes that use it. Two locks in
`<data folder>/practice/` say who lives, a third keeps starts apart; the kernel drops those of a process that
dies, however it dies:

    child   held by the child all its life, with its address written inside: once it is free, the address is stale
    users   shared by all who use the child; as soon as the child can have it alone, it ends
    start   held while somebody starts or ends the child
"""

from pathlib import Path

from providers.errors import ServiceUnavailable
from providers.practice.model import Address, PracticeModel, PracticeModelMissing
from providers.practice.weights import MODEL_ID

__all__ = ["MODEL_ID", "Address", "PracticeModel", "PracticeModelMissing", "configure", "shared"]

_shared: PracticeModel | None = None


def configure(data_folder: Path) -> None:
    """Say where this site keeps its data; nothing is started before the first use."""
    global _shared
    _shared = PracticeModel(data_folder)


def shared() -> PracticeModel:
    """This process's practice model. Raises ServiceUnavailable where no data folder is configured."""
    if _shared is None:
        raise ServiceUnavailable("The practice model has no data folder.")
    return _shared
