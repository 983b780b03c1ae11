"""What an event of a stream may hold, checked: a server may send anything, also by mistake."""

import math
from typing import Any, NamedTuple

MOST_TOKENS_OF_AN_EVENT = 10_000
"""More is no count of tokens; believed, each would get a stamp of its own and fill the memory."""
_MOST = 10**9
"""Tokens or milliseconds: a week and a half."""

_COUNTS = ("predicted_n", "prompt_n", "cache_n", "draft_n", "draft_n_accepted")
_TIMES = ("predicted_ms", "prompt_ms")


class Unlike(Exception):
    """An event is not as the protocol has it; says how."""


class Choice(NamedTuple):
    delta: dict[str, Any]
    """`content` and `reasoning_content`, text where they are there."""
    finish_reason: str | None


def choice(document: dict[str, Any]) -> Choice | None:
    """The first of `choices`, None if the event has none."""
    choices = document.get("choices")
    if not choices:
        return None
    if not (isinstance(choices, list) and isinstance(choices[0], dict)):
        raise Unlike(f"`choices` of an event are {_shown(choices)}")
    delta, reason = choices[0].get("delta", {}), choices[0].get("finish_reason")
    if not isinstance(delta, dict):
        raise Unlike(f"`delta` of an event is {_shown(delta)}")
    for name in ("content", "reasoning_content"):
        if not isinstance(delta.get(name), str | None):
            raise Unlike(f"`{name}` of an event is {_shown(delta[name])}")
    if not isinstance(reason, str | None):
        raise Unlike(f"`finish_reason` is {_shown(reason)}")
    return Choice(delta, reason and reason[:40])


def timings(document: dict[str, Any]) -> dict[str, Any] | None:
    """The server's counts and times, each a number that such a thing can be."""
    found = document.get("timings")
    if not found:
        return None
    if not isinstance(found, dict):
        raise Unlike(f"`timings` of an event are {_shown(found)}")
    for name in _COUNTS:
        if name in found and not _is_count(found[name]):
            raise Unlike(f"`{name}` of an event is {_shown(found[name])}, no count")
    for name in _TIMES:
        value = found.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Unlike(f"`{name}` of an event is {_shown(value)}, no time")
        if not (math.isfinite(value) and 0 <= value <= _MOST):
            raise Unlike(f"`{name}` of an event is {_shown(value)}, no time")
    return found


def usage(document: dict[str, Any]) -> dict[str, Any] | None:
    """The server's second count."""
    found = document.get("usage")
    if not found:
        return None
    if not isinstance(found, dict):
        raise Unlike(f"`usage` of an event is {_shown(found)}")
    for name in ("prompt_tokens", "completion_tokens"):
        if name in found and not _is_count(found[name]):
            raise Unlike(f"`{name}` of an event is {_shown(found[name])}, no count")
    return found


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MOST


def _shown(value: Any) -> str:
    return ascii(value)[:60]
