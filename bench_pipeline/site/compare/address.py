"""The address of a comparison: readable ids of configurations, and links made of two.

An id is a function of its row alone, so that any page can make one, and a link keeps meaning
the same configurations when others are added:
`smollm2-135m-instruct-q4_1--h100-vm--cuda--b11434--cap.250w--at.4`.
"""

import hashlib
import re
from urllib.parse import urlencode

from bench_pipeline.site import wording
from bench_pipeline.site.source import Row

PAGE = "compare.html"

_PLAIN = re.compile(r"[a-z0-9._]+(-[a-z0-9._]+)*")
_USUAL = {"engine": "llama.cpp", "mode": "baseline", "provenance": "measured"}
_LONGEST = 80


def configuration_id(row: Row, streams: int | None = None) -> str:
    """The id of the configuration that `row` belongs to, at `streams` at once or at all of them.

    `row`: of any table that has the columns model, rig, backend, engine, build, mode,
    power_cap_w and provenance; of an imported run with its settings_json. Different configurations
    have different ids: what does not fit into an address as it is carries a digest of what it was.
    """
    parts = [model_part(row["model"])]
    parts += [_part(row[column]) for column in ("rig", "backend", "build")]
    for name, column in (("engine", "engine"), ("mode", "mode"), ("from", "provenance")):
        if row[column] != _USUAL[column]:
            parts.append(f"{name}.{_part(row[column])}")
    if row["power_cap_w"]:
        parts.append(f"cap.{wording.trimmed(row['power_cap_w'])}w")
    settings = row.get("settings_json", "{}")
    if row["provenance"] == "imported" and settings != "{}":
        parts.append(f"set.{hashlib.sha256(settings.encode()).hexdigest()[:8]}")
    return "--".join(parts) if streams is None else at_streams("--".join(parts), streams)


def model_part(model: str) -> str:
    """What the ids of all configurations of that model begin with, before the first `--`.

    Alone, in place of an id, it chooses the model and leaves the configuration open.
    """
    return _part(model)


def at_streams(configuration: str, streams: int) -> str:
    """The same configuration, its cells at that concurrency only."""
    return f"{configuration}--at.{streams}"


def compare_href(before: str, after: str = "", root: str = "") -> str:
    """The page that sets two configurations side by side, by their ids.

    Without the second one the page asks for it. `root` leads to the site's root, as in
    `Press.page`.
    """
    chosen = {"a": before, "b": after} if after else {"a": before}
    return f"{root}{PAGE}?{urlencode(chosen)}"


def _part(value: object) -> str:
    text = str(value)
    if len(text) <= _LONGEST and _PLAIN.fullmatch(text):
        return text
    readable = re.sub(r"[^a-z0-9._]+", "-", text.lower())[:40].strip("-")
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{readable}-{digest}" if readable else digest
