"""Figures of other programs, numbered and with the digits that stand in their files."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bench_pipeline.records.cell import PrintedFigure, Quantity, Statistic


class Figures:
    """Collects them in the order of the file; what is no number, or below zero, is none."""

    def __init__(self) -> None:
        self.all: list[PrintedFigure] = []

    def add(
        self,
        what: Quantity,
        value: Any,
        *,
        statistic: Statistic | None = None,
        deviation: Any = None,
        factor: float = 1,
        words: str | None = None,
        **about: Any,
    ) -> None:
        number = _number(value)
        if number is None:
            return
        spread = _number(deviation)
        self.all.append(
            PrintedFigure(
                number=len(self.all),
                what=what,
                value=number * factor,
                printed=words or (value if isinstance(value, str) else json.dumps(value)),
                statistic=statistic,
                deviation=None if spread is None else spread * factor,
                **{key: known for key, known in about.items() if known is not None},
            )
        )


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number < 1e15 else None


def whole(value: Any) -> int | None:
    """A count, else None."""
    number = _number(value)
    return None if number is None else round(number)


def streams(value: Any) -> int | None:
    number = whole(value)
    return number if number and number < 10**6 else None


def part(value: Any, *keys: str) -> Mapping[str, Any]:
    """What lies under these keys, one below the other; empty where it is no mapping."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def moment(value: Any) -> datetime | None:
    """A time in ISO 8601, of UTC where it says no zone; None where it is none."""
    try:
        when = datetime.fromisoformat(
            str(value).strip().replace(" Z", "+00:00").replace("Z", "+00:00")
        )
    except ValueError:
        return None
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
