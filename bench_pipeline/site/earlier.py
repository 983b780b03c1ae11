"""Single files of a group as an earlier build made them.

A run more changes its family's rows, and so the key of the family's entry, but hardly one in
twenty of its pages. Each is known by all that it is made of, and taken from the entry of before
where that is the same.
"""

from collections.abc import Callable, Iterable

from bench_pipeline.site.kept import Kept
from bench_pipeline.site.keys import key_of

NEWEST = "newest"
"""Of what the entry of this name is the key: the group's key of each model, in the last build."""


class Earlier:
    """Files by path below the site's root. What is asked for is noted, for the next build."""

    def __init__(self, kept: Kept | None = None, keys: Iterable[str] = ()) -> None:
        """`keys` of entries that were put with a `made_of`; there may be none any more."""
        self.made_of: dict[str, str] = {}
        """What each file that was asked for is made of, hashed."""
        self._kept = kept
        self._found: dict[tuple[str, str], str] = {}
        for key in keys:
            for path, digest in ((kept and kept.value(key, "made_of")) or {}).items():
                self._found[path, digest] = key

    def or_made(self, path: str, made_of: object, make: Callable[[], bytes]) -> bytes:
        """The file, if it was made of the same before; else what `make` gives. `made_of`: all that
        `make` works on but this code, of values that have the same `repr` where they are equal."""
        self.made_of[path] = digest = key_of(path, made_of)
        key = self._found.get((path, digest))
        found = self._kept.page(key, path) if self._kept and key else None
        return make() if found is None else found


def keep_newest(kept: Kept, key_of_model: dict[str, str], *, divided: bool) -> None:
    """For the next build: the key of the group that each model is in, and whether families had
    pages of their own."""
    key = key_of(NEWEST)
    kept.put(key, {}, keys=key_of_model, divided=divided)
    kept.has(key)


def was_divided(kept: Kept) -> bool:
    """Whether the last build by this code drew families' pages."""
    return bool(kept.value(key_of(NEWEST), "divided"))


def earlier_of(kept: Kept, models: Iterable[str]) -> Earlier:
    """Of the groups that these models were in when the last build ended."""
    keys = kept.value(key_of(NEWEST), "keys") or {}
    return Earlier(kept, sorted({keys[model] for model in models if model in keys}))
