"""What an event of a stream may hold, checked: a server may send anything, also by mistake."""

import math
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from bench_pipeline.engines.dialects.protocol import Seen, Unlike, Usage

_MOST = 10**9
"""Tokens or milliseconds: a week and a half."""

_HIDDEN = ("reasoning_content", "reasoning")
"""What engines call the text that is not part of the answer."""


_SAMPLE = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{.*\})? +(?P<value>\S+)")
"""A line of a Prometheus text: labels may hold anything."""


class Choice(NamedTuple):
    visible: bool
    """It holds text of the answer."""
    hidden: bool
    """It holds text of reasoning."""
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
    hidden = False
    for name in _HIDDEN:
        if text := delta.get(name):
            hidden = _is_text(text, name)
    text = delta.get("content")
    visible = bool(text) and _is_text(text, "content")
    if reason is None:
        return Choice(visible, hidden, None)
    if not isinstance(reason, str):
        raise Unlike(f"`finish_reason` is {_shown(reason)}")
    return Choice(visible, hidden, reason[:40])


def _is_text(value: Any, name: str) -> bool:
    if not isinstance(value, str):
        raise Unlike(f"`{name}` of an event is {_shown(value)}")
    return True


def account(document: dict[str, Any], name: str) -> dict[str, Any] | None:
    """An object of that name, which holds counts and times; None if the event has none."""
    found = document.get(name)
    if not found:
        return None
    if not isinstance(found, dict):
        raise Unlike(f"`{name}` of an event is {_shown(found)}")
    return found


def check(found: dict[str, Any], counts: Sequence[str], times: Sequence[str] = ()) -> None:
    """Unlike if one of these is there and no such number as it can be."""
    for name in counts:
        if name in found and not (type(value := found[name]) is int and 0 <= value <= _MOST):
            raise Unlike(f"`{name}` of an event is {_shown(value)}, no count")
    for name in times:
        value = found.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Unlike(f"`{name}` of an event is {_shown(value)}, no time")
        if not (math.isfinite(value) and 0 <= value <= _MOST):
            raise Unlike(f"`{name}` of an event is {_shown(value)}, no time")


def usage(document: dict[str, Any]) -> Usage | None:
    """By OpenAI's names."""
    found = account(document, "usage")
    if found is None:
        return None
    details = account(found, "prompt_tokens_details") or {}
    check(found, ("prompt_tokens", "completion_tokens"))
    if details.get("cached_tokens") is not None:
        check(details, ("cached_tokens",))
    told = (found.get("prompt_tokens"), found.get("completion_tokens"))
    return Usage(*told, details.get("cached_tokens"))


def sums(text: str, names: Sequence[str]) -> dict[str, float]:
    """Of each of these metrics of a Prometheus text all series together. Unlike if one is not
    there."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        if match := _SAMPLE.match(line):
            with suppress(ValueError):
                value = float(match["value"])
                if match["name"] in names and math.isfinite(value) and value >= 0:
                    found[match["name"]] = found.get(match["name"], 0.0) + value
    if lacking := [name for name in names if name not in found]:
        raise Unlike(f"its counters lack {', '.join(lacking)}")
    return found


def seen(document: dict[str, Any]) -> Seen:
    """Of an engine that counts nothing on its events: a token is where there is text."""
    said, used = choice(document), usage(document)
    if said is None:
        return Seen(usage=used)
    text = said.visible or said.hidden
    return Seen(said.visible, said.hidden, text, finish=said.finish_reason, usage=used)


def _shown(value: Any) -> str:
    return ascii(value)[:60]
