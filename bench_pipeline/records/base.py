"""What all records share: strictness, slugs, UTC times."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

LARGEST_COUNT = 2**31 - 1
"""As the tables' INTEGER; tokens, cores and lanes are far from it."""
LARGEST = 1e15
"""Of any quantity: 30,000 years in milliseconds, a hundred times the fastest memory in bytes per
second. Sums and ratios of such stay finite."""
SMALLEST = 1e-9
"""Of a quantity that is not 0: a millionth of what any clock here resolves."""
LONGEST_TEXT = 10_000
"""Characters; the longest line of an engine's log in a run file has 289."""
MOST_SAMPLES = 10_000
"""Of one list of measurements; the longest in a run file has 480."""
MOST_ITEMS = 1000
"""Of any other list."""
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


class Record(BaseModel):
    """Immutable; an unknown key, NaN or infinity is an error, not a surprise later.

    The docstring under a field is its description in the schema and in docs/records.md; it is
    read where those are made (`reference/docstrings.py`), as reading it takes longer than the
    class itself.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        str_max_length=LONGEST_TEXT,
        defer_build=True,
    )


def _in_utc(moment: datetime) -> datetime:
    try:
        found = moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("no time of this calendar in UTC") from None
    if not EARLIEST <= found < LATEST:
        raise ValueError(f"no time between {EARLIEST.year} and {LATEST.year}")
    return found


UtcTime = Annotated[
    AwareDatetime,
    AfterValidator(_in_utc),
    PlainSerializer(lambda moment: moment.isoformat().replace("+00:00", "Z"), when_used="json"),
]
"""A moment in UTC, written as ISO 8601 with `Z`."""

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,79}$")]
"""Stable name of a thing: used in paths, partition keys and URLs, so it never changes."""

Month = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _measurable(number: float) -> float:
    if 0 < number < SMALLEST:
        raise ValueError(f"should be 0 or at least {SMALLEST:g}")
    return number


def _told(name: str) -> str:
    if not any(character.isalnum() for character in name):
        raise ValueError("a name needs a letter or a digit")
    return name


Name = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_told)]
"""What stands as a word or two beside a figure."""

Sender = Annotated[
    str, Field(min_length=1, max_length=60, pattern=r"^[^\s<>&\"](?:[^<>&\"]*[^\s<>&\"])?$")
]
"""A person or a group who sends runs, in words of their own choice: `anna`, `Lab 3, Ghent`."""

PublicKey = Annotated[str, Field(pattern=r"^ssh-ed25519 [A-Za-z0-9+/]{68}$")]
"""As OpenSSH writes it into the `.pub` file, without the comment at its end."""

NonNegative = Annotated[float, Field(ge=0, le=LARGEST), AfterValidator(_measurable)]
Positive = Annotated[float, Field(ge=SMALLEST, le=LARGEST)]
Finite = Annotated[float, Field(ge=-1e6, le=1e9)]
"""A reading of a sensor or a setting."""
Count = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
Whole = Annotated[int, Field(ge=-LARGEST_COUNT, le=LARGEST_COUNT)]
Streams = Annotated[int, Field(ge=1, le=100_000)]
"""At once."""
Size = Annotated[int, Field(gt=0, le=10**17)]
"""Bytes of a file, or weights of a model."""
