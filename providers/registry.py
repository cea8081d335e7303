"""Which adapters there are: ours by name, others by the entry point group `chimera.providers`.

An outside package names its class there: `my_service = "my_package:MyProvider"`; the name is the slug.
"""

import inspect
from collections.abc import Iterator
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from providers.adapters.builtin import Builtin
from providers.adapters.openai_compatible import OpenAICompatible
from providers.adapters.rehearsal import Rehearsal
from providers.base import AIProvider
from providers.errors import MissingKey, ServiceUnavailable

GROUP = "chimera.providers"

ADAPTERS: dict[str, type[AIProvider]] = {adapter.slug: adapter for adapter in (Builtin, OpenAICompatible, Rehearsal)}


class UnknownAdapter(LookupError):
    """No adapter has this slug, or the package that brings it cannot be loaded."""


def slugs() -> list[str]:
    """Every known slug, ours first. Loads nothing."""
    return [*ADAPTERS, *sorted(_outside().keys() - ADAPTERS.keys())]


def adapter(slug: str) -> type[AIProvider]:
    """The class behind a slug. Raises UnknownAdapter."""
    if slug in ADAPTERS:
        return ADAPTERS[slug]
    if (entry := _outside().get(slug)) is None:
        raise UnknownAdapter(f"There is no adapter '{slug}'.")
    try:
        loaded = entry.load()
    except Exception as error:
        raise UnknownAdapter(f"The package behind adapter '{slug}' cannot be loaded: {error}") from error
    if not (inspect.isclass(loaded) and issubclass(loaded, AIProvider)):
        raise UnknownAdapter(f"What is registered as adapter '{slug}' is no AIProvider.")
    return loaded


def build(slug: str, **config: Any) -> AIProvider:
    """An adapter, given those settings that its constructor names, or all of them if it takes any.

    Empty settings are left out, so that the constructor's own defaults hold. Raises UnknownAdapter; MissingKey if it
    insists on a key and there is none; ServiceUnavailable if it cannot be built.
    """
    kind = adapter(slug)
    given = {name: value for name, value in config.items() if value not in (None, "", {})}
    wanted = inspect.signature(kind).parameters.values()
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in wanted):
        given = {parameter.name: given[parameter.name] for parameter in wanted if parameter.name in given}
    if "api_key" in _missing(kind, given):
        raise MissingKey
    try:
        return kind(**given)
    except Exception as error:
        raise ServiceUnavailable(f"The adapter '{slug}' cannot be built: {type(error).__name__}") from error


def _missing(kind: type[AIProvider], given: dict[str, Any]) -> Iterator[str]:
    for parameter in inspect.signature(kind).parameters.values():
        variable = parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        if parameter.default is parameter.empty and not variable and parameter.name not in given:
            yield parameter.name


@cache
def _outside() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}
